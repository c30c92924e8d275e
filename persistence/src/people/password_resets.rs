//! One-time tokens by which users set a password: an administrator makes one, for an invitation or a reset.

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Jsonb, Nullable},
};
use uuid::Uuid;
use voronka_domain::people::access::{Actor, Permission};

use crate::{
    Result, Statement, Tenant, Unit,
    core::{schema::password_resets, unit::raw},
    people::access::lacking,
};

#[derive(Debug, Clone, Insertable, AsChangeset)]
#[diesel(table_name = password_resets)]
pub struct PasswordReset {
    pub user_id: Uuid,
    pub token_hash: Vec<u8>,
    pub expires_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub made_by: Option<serde_json::Value>,
}

/// Keeps a token, in the place of an earlier one of the user.
pub fn put(unit: &mut Unit<'_>, reset: &PasswordReset) -> Result<()> {
    diesel::insert_into(password_resets::table)
        .values((password_resets::workspace_id.eq(unit.tenant.workspace_id), reset))
        .on_conflict((password_resets::workspace_id, password_resets::user_id))
        .do_update()
        .set(reset)
        .execute(unit.tenant.conn)?;
    Ok(())
}

/// The token is good: not too old, and made by somebody who may still make one.
pub fn holds(
    tenant: &mut Tenant<'_>,
    user_id: Uuid,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool> {
    let found: Option<Option<serde_json::Value>> = tenant
        .rows(raw::<Nullable<Jsonb>>("made_by"), "password_resets")
        .sql(" AND user_id = ")
        .bind(user_id)
        .sql(" AND token_hash = ")
        .bind(token_hash.to_vec())
        .sql(" AND expires_at > ")
        .bind(now)
        .get_result(tenant.conn)
        .optional()?;
    let Some(made_by) = found else { return Ok(false) };
    match made_by.and_then(|actor| serde_json::from_value::<Actor>(actor).ok()) {
        Some(actor) => Ok(lacking(tenant, &actor, [Permission::UsersWrite], now)?.is_none()),
        // From before makers were kept.
        None => Ok(true),
    }
}

/// Uses up whatever token a user has.
pub(crate) fn end(tenant: &mut Tenant<'_>, user_id: Uuid) -> Result<()> {
    Statement::command("DELETE FROM password_resets WHERE workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" AND user_id = ")
        .bind(user_id)
        .execute(tenant.conn)?;
    Ok(())
}
