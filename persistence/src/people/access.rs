//! Who calls: a user or an API key with what it may do and see.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::{RunQueryDsl, sql_types::Bytea};
use uuid::Uuid;
use voronka_domain::{
    people::access::{Actor, Permission, Role, Visibility},
    workspace::settings::DealVisibility,
};

use crate::{
    Error, Result, Statement, Store, Tenant,
    core::{
        caller::{Caller, Grant},
        noun::Noun,
        unit::raw,
    },
    people::{
        api_keys::{self, ApiKey},
        departments, users,
    },
    workspace::workspaces::{self, Workspace},
};

/// Where a key's caller is kept: only the right key finds it.
fn key_entry(hash: &[u8]) -> Option<Uuid> {
    hash.first_chunk::<16>().map(|half| Uuid::from_bytes(*half))
}

/// What a key may do now; none if it has ended.
fn scopes(
    tenant: &mut Tenant<'_>,
    key: &ApiKey,
    now: DateTime<Utc>,
) -> Result<Option<Vec<Permission>>> {
    if key.revoked_at.is_some() || key.expires_at.is_some_and(|at| at <= now) {
        return Ok(None);
    }
    Ok(Some(api_keys::Makers::of(tenant, [key])?.scopes(key)))
}

/// The first of the permissions that whoever has begun something does not have any more. All are looked up at
/// the same moment.
pub fn lacking(
    tenant: &mut Tenant<'_>,
    who: &Actor,
    needed: impl IntoIterator<Item = Permission>,
    now: DateTime<Utc>,
) -> Result<Option<Permission>> {
    let mut needed = needed.into_iter();
    Ok(match who {
        Actor::User { id } => {
            let role = users::with_token_version(tenant, *id)?
                .and_then(|(user, _)| user.role().filter(|_| user.active));
            needed.find(|permission| role.is_none_or(|role| !role.grants(*permission)))
        }
        Actor::ApiKey { id } => {
            let key = ApiKey::get(tenant, *id)?;
            let scopes = scopes(tenant, &key, now)?.unwrap_or_default();
            needed.find(|permission| !scopes.contains(permission))
        }
        Actor::Operator => None,
        _ => needed.next(),
    })
}

impl Store {
    /// The caller behind a user's id, if it was looked up a moment ago: without the database.
    pub fn kept_user(&self, workspace_id: Uuid, user_id: Uuid) -> Option<Arc<Caller>> {
        self.callers.get(&user_id).filter(|caller| caller.workspace_id == workspace_id)
    }

    /// The same of an API key.
    pub fn kept_key(&self, hash: &[u8], now: DateTime<Utc>) -> Option<Arc<Caller>> {
        let kept = key_entry(hash).and_then(|entry| self.callers.get(&entry));
        kept.filter(|caller| caller.ends_at.is_none_or(|at| at > now))
    }

    /// The caller behind a user's id; none if there is no such user, or one who may not log in.
    pub fn user_caller(&self, workspace_id: Uuid, user_id: Uuid) -> Result<Option<Arc<Caller>>> {
        if let Some(caller) = self.kept_user(workspace_id, user_id) {
            return Ok(Some(caller));
        }
        let found = self.tenant(workspace_id, |tenant| {
            let Some((user, token_version)) = users::with_token_version(tenant, user_id)? else {
                return Ok(None);
            };
            let Some(role) = user.role().filter(|_| user.active) else { return Ok(None) };
            let workspace = workspaces::get(tenant)?;
            let settings = workspace.settings()?;
            let departments = match role {
                Role::Head => departments::led_by(tenant, user_id)?,
                _ => Vec::new(),
            };
            let of = |setting| Visibility::of(role, user_id, departments.clone(), setting);
            let looks_after = of(DealVisibility::ByRole);
            let visibility = of(settings.deal_visibility);
            Ok(Some(Arc::new(Caller {
                workspace_id,
                id: user_id,
                actor: Actor::User { id: user_id },
                grant: Grant::Role(role),
                visibility,
                looks_after,
                settings,
                calendar: self.calendar(tenant, &workspace)?,
                token_version,
                ends_at: None,
            })))
        })?;
        if let Some(caller) = &found {
            self.callers.insert(user_id, caller.clone());
        }
        Ok(found)
    }

    /// The caller behind an API key. `hash` is the SHA-256 of the whole key.
    pub fn key_caller(
        &self,
        workspace_id: Uuid,
        key_id: Uuid,
        hash: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Option<Arc<Caller>>> {
        if let Some(caller) = self.kept_key(hash, now) {
            return Ok(Some(caller));
        }
        let found = self.tenant(workspace_id, |tenant| {
            let key = match ApiKey::get(tenant, key_id) {
                Err(Error::NotFound(_)) => return Ok(None),
                key => key?,
            };
            if key.key_hash != hash {
                return Ok(None);
            }
            let Some(scopes) = scopes(tenant, &key, now)? else { return Ok(None) };
            let workspace = workspaces::get(tenant)?;
            Ok(Some(Arc::new(Caller {
                workspace_id,
                id: key_id,
                actor: Actor::ApiKey { id: key_id },
                grant: Grant::Scopes(scopes),
                visibility: Visibility::All,
                looks_after: Visibility::All,
                settings: workspace.settings()?,
                calendar: self.calendar(tenant, &workspace)?,
                token_version: 0,
                ends_at: key.expires_at,
            })))
        })?;
        if let (Some(entry), Some(caller)) = (key_entry(hash), &found) {
            self.callers.insert(entry, caller.clone());
        }
        Ok(found)
    }

    /// The operator of the machine, acting in a workspace from the command line.
    pub fn operator(&self, workspace: &Workspace) -> Result<Caller> {
        let workspace_id = workspace.workspace_id;
        Ok(Caller {
            workspace_id,
            id: Uuid::nil(),
            actor: Actor::Operator,
            grant: Grant::Role(Role::Admin),
            visibility: Visibility::All,
            looks_after: Visibility::All,
            settings: workspace.settings()?,
            calendar: self.tenant(workspace_id, |tenant| self.calendar(tenant, workspace))?,
            token_version: 0,
            ends_at: None,
        })
    }

    /// A user whose caller is older than a token of theirs is looked up anew.
    pub fn forget_user(&self, user_id: Uuid) {
        self.callers.invalidate(&user_id);
    }

    /// After a change of roles, departments, keys or settings.
    pub fn forget_callers(&self) {
        self.callers.invalidate_all();
    }

    /// A secret that all servers of the installation share, made at first use.
    pub fn instance_key(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>> {
        let mut connection = self.connection()?;
        let insert = Statement::command("INSERT INTO instance_keys (name, secret) VALUES (")
            .bind(name)
            .sql(", ")
            .bind(fresh)
            .sql(") ON CONFLICT DO NOTHING")
            .execute(&mut *connection);
        let key = insert.and_then(|_| {
            Statement::select(raw::<Bytea>("secret FROM instance_keys WHERE name = "))
                .bind(name)
                .get_result(&mut *connection)
        });
        connection.watch(key.map_err(Error::from))
    }
}
