//! Who calls, with what it may do and see.

use std::sync::Arc;

use super::{
    error::{Error, Result},
    visibility::Sight,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;
use voronka_domain::{
    people::access::{Actor, Permission, Role, Visibility},
    workspace::{calendar::Calendar, settings::Settings},
};

/// An authenticated caller, with the settings of the workspace.
#[derive(Debug, Clone)]
pub struct Caller {
    pub workspace_id: Uuid,
    /// The user's or the API key's id.
    pub id: Uuid,
    pub actor: Actor,
    pub grant: Grant,
    /// Whose deals the caller sees.
    pub visibility: Visibility,
    /// Whose people the caller looks after: by role, whoever may see their deals.
    pub looks_after: Visibility,
    pub settings: Settings,
    pub calendar: Arc<Calendar>,
    /// Of a user: access tokens of an earlier one have ended.
    pub token_version: i32,
    /// Of an API key that is to end.
    pub ends_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone)]
pub enum Grant {
    Role(Role),
    Scopes(Vec<Permission>),
}

impl Caller {
    pub fn may(&self, permission: Permission) -> bool {
        match &self.grant {
            Grant::Role(role) => role.grants(permission),
            Grant::Scopes(scopes) => scopes.contains(&permission),
        }
    }

    /// Refuses what is told of things that the caller may not read.
    pub fn require_to_read(
        &self,
        pointer: &str,
        needs: impl IntoIterator<Item = Permission>,
    ) -> Result<()> {
        match needs.into_iter().find(|permission| !self.may(*permission)) {
            Some(missing) => {
                let detail = format!("This needs {}, too.", missing.scope());
                Err(Error::invalid(pointer, "not_allowed", detail))
            }
            None => Ok(()),
        }
    }

    pub fn may_override(&self) -> bool {
        matches!(&self.grant, Grant::Role(role) if role.may_override())
    }

    pub(crate) fn sight(&self) -> Sight<'_> {
        Sight { deals: &self.visibility, people: &self.looks_after }
    }

    pub fn user_id(&self) -> Option<Uuid> {
        person(self.actor)
    }
}

/// The user behind an actor.
pub fn person(actor: Actor) -> Option<Uuid> {
    match actor {
        Actor::User { id } => Some(id),
        Actor::Import { user_id, .. } => user_id,
        Actor::ApiKey { .. }
        | Actor::Operator
        | Actor::HandOver { .. }
        | Actor::Integration { .. }
        | Actor::Process { .. }
        | Actor::Rule { .. } => None,
    }
}
