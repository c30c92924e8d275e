//! From where users have logged in: there the right password is heard whatever others have tried.

use chrono::{DateTime, Utc};
use diesel::RunQueryDsl;
use uuid::Uuid;

use crate::{Result, Statement, Tenant};

/// So many are kept of a user, the newest ones.
const KEPT: i64 = 20;

/// Notes that a user has logged in from an address.
pub(crate) fn note(
    tenant: &mut Tenant<'_>,
    user_id: Uuid,
    address_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    Statement::command(
        "INSERT INTO login_addresses (workspace_id, user_id, address_hash, last_login_at) VALUES (",
    )
    .bind(tenant.workspace_id)
    .sql(", ")
    .bind(user_id)
    .sql(", ")
    .bind(address_hash.to_vec())
    .sql(", ")
    .bind(now)
    .sql(") ON CONFLICT (workspace_id, user_id, address_hash) DO UPDATE SET last_login_at = ")
    .bind(now)
    .execute(tenant.conn)?;
    Statement::command("DELETE FROM login_addresses WHERE workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" AND user_id = ")
        .bind(user_id)
        .sql(" AND address_hash IN (SELECT address_hash FROM login_addresses WHERE workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" AND user_id = ")
        .bind(user_id)
        .sql(" ORDER BY last_login_at DESC OFFSET ")
        .bind(KEPT)
        .sql(")")
        .execute(tenant.conn)?;
    Ok(())
}
