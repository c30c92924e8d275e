//! One-time tokens by which users set a password: an administrator makes one, for an invitation or a reset.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::{Result, Statement, Tenant, Unit, schema::password_resets, unit::raw};

#[derive(Debug, Clone, Insertable, AsChangeset)]
#[diesel(table_name = password_resets)]
pub struct PasswordReset {
    pub user_id: Uuid,
    pub token_hash: Vec<u8>,
    pub expires_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
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

/// The token is good.
pub fn holds(
    tenant: &mut Tenant<'_>,
    user_id: Uuid,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool> {
    let found: Option<Uuid> = tenant
        .rows(raw::<diesel::sql_types::Uuid>("user_id"), "password_resets")
        .sql(" AND user_id = ")
        .bind(user_id)
        .sql(" AND token_hash = ")
        .bind(token_hash.to_vec())
        .sql(" AND expires_at > ")
        .bind(now)
        .get_result(tenant.conn)
        .optional()?;
    Ok(found.is_some())
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
