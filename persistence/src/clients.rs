//! Clients: organisations and persons.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Result, Tenant,
    list::{Field, Kind, Page, Query, Spec},
    noun::noun,
    schema::clients,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = clients, treat_none_as_null = true)]
pub struct Client {
    pub id: Uuid,
    pub name: String,
    pub kind: String,
    pub client_type: String,
    pub class: Option<String>,
    pub region: Option<String>,
    pub tags: Vec<String>,
    pub consent: Option<bool>,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(clients, Client, "client");

pub const LIST: Spec = Spec {
    table: "clients",
    fields: &[
        Field::new("name", "clients.name", Kind::Text).sorted(),
        Field::new("kind", "clients.kind", Kind::Choice(&["organisation", "person"])),
        Field::new("type", "clients.client_type", Kind::Choice(&["new", "current"])),
        Field::new("class", "clients.class", Kind::Text).nullable(),
        Field::new("region", "clients.region", Kind::Text).nullable(),
        Field::new("tag", "clients.tags", Kind::Tag),
        Field::new("archived", "clients.archived", Kind::Bool),
        Field::new("created_at", "clients.created_at", Kind::Instant).sorted(),
        Field::new("updated_at", "clients.updated_at", Kind::Instant).sorted(),
    ],
    default_sort: "-updated_at",
    search: Some("clients.name"),
};

pub fn list(tenant: &mut Tenant<'_>, query: Query) -> Result<Page<Client>> {
    tenant.page(&LIST, query, Client::as_select(), |list| list, |row: &Client| row.id)
}
