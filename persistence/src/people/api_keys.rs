//! API keys of programs.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Text, Uuid as SqlUuid},
};
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::people::access::taker_over;
use voronka_domain::people::access::{Actor, Permission, Role};

use crate::{
    Error, Result, Tenant, Unit,
    core::{
        enum_names::from_name,
        list::{Field, FieldKind, Spec},
        noun::{Noun, listed, noun},
        schema::api_keys,
        unit::raw,
    },
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
    /// Who answers for it: who made it, or has taken it over since.
    pub maker_id: Option<Uuid>,
    /// The key that made it, and that it ends with.
    pub parent_id: Option<Uuid>,
}

noun!(api_keys, ApiKey, "api_key");

pub const LIST: Spec = Spec {
    table: "api_keys",
    fields: &[
        Field::new("name", "api_keys.name", FieldKind::Text).sorted(),
        Field::new("created_at", "api_keys.created_at", FieldKind::Instant).sorted(),
        Field::new("updated_at", "api_keys.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-created_at",
    search: Some("api_keys.name"),
};

listed!(ApiKey);

/// The role of whoever answers for some keys, by the user; without those who may not log in any more.
#[derive(Debug, Clone, Default)]
pub struct Makers(HashMap<Uuid, Role>);

impl Makers {
    pub fn of<'k>(
        tenant: &mut Tenant<'_>,
        keys: impl IntoIterator<Item = &'k ApiKey>,
    ) -> Result<Self> {
        let ids: Vec<Uuid> = keys.into_iter().filter_map(|key| key.maker_id).collect();
        let rows: Vec<(Uuid, String)> = tenant
            .rows(raw::<(SqlUuid, Text)>("users.id, users.role"), "users")
            .sql(" AND users.active AND users.id = ANY(")
            .bind(ids)
            .sql(")")
            .load(tenant.conn)?;
        let known = |(id, role): (Uuid, String)| Some((id, from_name(&role)?));
        Ok(Self(rows.into_iter().filter_map(known).collect()))
    }

    /// Who answers for a key, if somebody does.
    pub fn maker(&self, key: &ApiKey) -> Option<Uuid> {
        key.maker_id.filter(|id| self.0.contains_key(id))
    }

    /// What a key may do: it keeps what concerns data, and administers what its maker does.
    pub fn scopes(&self, key: &ApiKey) -> Vec<Permission> {
        let role = key.maker_id.and_then(|id| self.0.get(&id));
        let held = |scope: &Permission| {
            !scope.administers() || role.is_some_and(|role| role.grants(*scope))
        };
        let scopes = key.scopes.iter().filter_map(|scope| Permission::parse(scope));
        scopes.filter(held).collect()
    }
}

/// The key that makes another one, held until that is there; none where a person makes it.
pub fn parent(unit: &mut Unit<'_>) -> Result<Option<ApiKey>> {
    let Actor::ApiKey { id } = unit.actor else { return Ok(None) };
    let parent = ApiKey::find(&mut unit.tenant, id, " FOR SHARE")?;
    if parent.revoked_at.is_some() {
        return Err(Error::NotFound("API key"));
    }
    Ok(Some(parent))
}

/// Changes a key and all that it has made, and what these have made, in the same way; answers the key.
fn with_all_below(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    change: impl Fn(ApiKey) -> ApiKey,
) -> Result<ApiKey> {
    let before = ApiKey::lock(unit, id, if_match)?;
    let answer = ApiKey::save(unit, &before, change(before.clone()))?;
    let mut above = vec![id];
    while !above.is_empty() {
        let below: Vec<ApiKey> = unit
            .tenant
            .rows(ApiKey::as_select(), "api_keys")
            .sql(" AND parent_id = ANY(")
            .bind(above)
            .sql(") ORDER BY id FOR NO KEY UPDATE")
            .load(unit.tenant.conn)?;
        above = below.iter().map(|key| key.id).collect();
        for key in below {
            ApiKey::save(unit, &key, change(key.clone()))?;
        }
    }
    Ok(answer)
}

/// Ends a key, and with it those that it has made.
pub fn revoke(unit: &mut Unit<'_>, id: Uuid, if_match: Option<crate::Seen>) -> Result<ApiKey> {
    let now = unit.now;
    with_all_below(unit, id, if_match, |key| {
        let revoked_at = key.revoked_at.or(Some(now));
        ApiKey { revoked_at, ..key }
    })
}

/// The caller answers for a key from now on, and for those that it has made.
pub fn take_over(unit: &mut Unit<'_>, id: Uuid, if_match: Option<crate::Seen>) -> Result<ApiKey> {
    let key = ApiKey::get(&mut unit.tenant, id)?;
    let scopes = key.scopes.iter().filter_map(|scope| Permission::parse(scope));
    let caller = unit.caller;
    let maker_id = taker_over(caller.user_id(), scopes, |scope| caller.may(scope))?;
    with_all_below(unit, id, if_match, |key| ApiKey { maker_id: Some(maker_id), ..key })
}
