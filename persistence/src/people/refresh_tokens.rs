//! Refresh tokens: each is used once. A second use means that somebody stole one, and ends the login.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::{
    Error, Result, Statement, Store, Tenant, core::schema::refresh_tokens, people::login_addresses,
};

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_tokens)]
pub struct RefreshToken {
    pub workspace_id: Uuid,
    pub id: Uuid,
    pub family_id: Uuid,
    pub user_id: Uuid,
    pub token_hash: Vec<u8>,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// That of the user when the login began: the user's own goes on when all tokens end.
    pub token_version: i32,
}

/// What became of a token that was presented.
#[derive(Debug)]
pub enum Redeemed {
    /// It was good, and is used up now.
    Good(RefreshToken),
    /// It was used before: the whole family is revoked.
    Reused,
    Unknown,
}

impl Store {
    /// Keeps the first token of a login, and from where it came.
    pub fn keep_login(&self, token: &RefreshToken, address_hash: &[u8]) -> Result<()> {
        self.tenant(token.workspace_id, |tenant| {
            let workspace_id = tenant.workspace_id;
            tenant.conn.transaction(|conn| {
                let tenant = &mut Tenant { conn, workspace_id };
                insert(tenant, token)?;
                login_addresses::note(tenant, token.user_id, address_hash, token.created_at)
            })
        })
    }

    /// Uses a token up and puts its successor in place, in one transaction.
    pub fn redeem(
        &self,
        workspace_id: Uuid,
        id: Uuid,
        hash: &[u8],
        now: DateTime<Utc>,
        successor: impl FnOnce(&RefreshToken) -> RefreshToken,
    ) -> Result<Redeemed> {
        self.tenant(workspace_id, |tenant| {
            tenant.conn.transaction(|conn| {
                let mut tenant = Tenant { conn, workspace_id };
                let found: Option<RefreshToken> = tenant
                    .rows(RefreshToken::as_select(), "refresh_tokens")
                    .sql(" AND id = ")
                    .bind(id)
                    .sql(" AND token_version = (SELECT users.token_version FROM users ")
                    .sql("WHERE users.workspace_id = refresh_tokens.workspace_id ")
                    .sql("AND users.id = refresh_tokens.user_id) FOR UPDATE")
                    .get_result(tenant.conn)
                    .optional()?;
                let Some(token) = found.filter(|t| t.token_hash == hash && t.expires_at > now)
                else {
                    return Ok(Redeemed::Unknown);
                };
                if token.used_at.is_some() || token.revoked_at.is_some() {
                    revoke(&mut tenant, token.family_id, now)?;
                    return Ok(Redeemed::Reused);
                }
                Statement::command("UPDATE refresh_tokens SET used_at = ")
                    .bind(now)
                    .sql(" WHERE workspace_id = ")
                    .bind(workspace_id)
                    .sql(" AND id = ")
                    .bind(id)
                    .execute(tenant.conn)?;
                insert(&mut tenant, &successor(&token))?;
                Ok(Redeemed::Good(token))
            })
        })
    }

    /// Ends the login that a token belongs to. An unknown token ends nothing.
    pub fn revoke_refresh_token(
        &self,
        workspace_id: Uuid,
        id: Uuid,
        hash: &[u8],
        now: DateTime<Utc>,
    ) -> Result<()> {
        self.tenant(workspace_id, |tenant| {
            let found: Option<RefreshToken> = tenant
                .rows(RefreshToken::as_select(), "refresh_tokens")
                .sql(" AND id = ")
                .bind(id)
                .get_result(tenant.conn)
                .optional()?;
            match found.filter(|token| token.token_hash == hash) {
                Some(token) => revoke(tenant, token.family_id, now),
                None => Ok(()),
            }
        })
    }
}

pub fn insert(tenant: &mut Tenant<'_>, token: &RefreshToken) -> Result<()> {
    diesel::insert_into(refresh_tokens::table).values(token).execute(tenant.conn)?;
    Ok(())
}

fn revoke(tenant: &mut Tenant<'_>, family_id: Uuid, now: DateTime<Utc>) -> Result<()> {
    Statement::command("UPDATE refresh_tokens SET revoked_at = ")
        .bind(now)
        .sql(" WHERE revoked_at IS NULL AND workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" AND family_id = ")
        .bind(family_id)
        .execute(tenant.conn)
        .map_err(Error::from)?;
    Ok(())
}
