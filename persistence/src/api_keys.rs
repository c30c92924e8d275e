//! API keys of programs.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Result, Tenant,
    list::{Field, Kind, Page, Query, Spec},
    noun::noun,
    schema::api_keys,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = api_keys, treat_none_as_null = true)]
pub struct ApiKey {
    pub id: Uuid,
    pub name: String,
    #[serde(skip)]
    pub key_hash: Vec<u8>,
    pub prefix: String,
    pub scopes: Vec<String>,
    pub created_by: Option<Uuid>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(api_keys, ApiKey, "api_key");

pub const LIST: Spec = Spec {
    table: "api_keys",
    fields: &[
        Field::new("name", "api_keys.name", Kind::Text).sorted(),
        Field::new("created_at", "api_keys.created_at", Kind::Instant).sorted(),
        Field::new("updated_at", "api_keys.updated_at", Kind::Instant).sorted(),
    ],
    default_sort: "-created_at",
    search: Some("api_keys.name"),
};

pub fn list(tenant: &mut Tenant<'_>, query: Query) -> Result<Page<ApiKey>> {
    tenant.page(&LIST, query, ApiKey::as_select(), |list| list, |row: &ApiKey| row.id)
}
