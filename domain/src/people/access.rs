//! Who may do what: roles of people, scopes of API keys, one list of permissions for both.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Refusal, kernel::trigger::Trigger, workspace::settings::DealVisibility};

/// The role of an employee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Everything, the workspace's set-up included.
    Admin,
    /// Works on the deals of the departments they lead, hands them over, and may override gates with a reason.
    Head,
    /// Works on their own deals.
    Seller,
    /// Reads everything and changes nothing.
    Analyst,
}

/// A workspace keeps at least one administrator who can log in.
pub fn another_admin(admins: impl IntoIterator<Item = Uuid>, user_id: Uuid) -> Result<(), Refusal> {
    if is_last_admin(admins, user_id) {
        return Err(Refusal::conflict("last_admin", "/role", LAST_ADMIN));
    }
    Ok(())
}

/// A key is taken over by a person who may do all that it may.
pub fn taker_over(
    person: Option<Uuid>,
    scopes: impl IntoIterator<Item = Permission>,
    may: impl Fn(Permission) -> bool,
) -> Result<Uuid, Refusal> {
    let refused = |detail: String| Refusal::conflict("forbidden", "", detail);
    let person = person.ok_or_else(|| refused("A person takes a key over.".to_owned()))?;
    match scopes.into_iter().find(|scope| !may(*scope)) {
        Some(missing) => {
            let detail = format!("Whoever takes the key over needs {} too.", missing.scope());
            Err(refused(detail))
        }
        None => Ok(person),
    }
}

/// What is said to whoever would leave a workspace without an administrator who can log in.
pub const LAST_ADMIN: &str = "The workspace needs another active administrator first.";

/// Whether the user is the last of the active administrators: one of them stays.
pub fn is_last_admin(admins: impl IntoIterator<Item = Uuid>, user_id: Uuid) -> bool {
    let mut admins = admins.into_iter();
    admins.next() == Some(user_id) && admins.next().is_none()
}

macro_rules! permissions {
    ($($variant:ident = $scope:literal),+ $(,)?) => {
        /// What an operation needs. A role grants a set of them; an API key has them as scopes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Permission {
            $(#[serde(rename = $scope)] $variant),+
        }
        impl Permission {
            pub const ALL: &[Permission] = &[$(Permission::$variant),+];
            pub fn scope(self) -> &'static str {
                match self { $(Self::$variant => $scope),+ }
            }
            pub fn parse(scope: &str) -> Option<Self> {
                match scope { $($scope => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

permissions! {
    WorkspaceRead = "workspace:read",
    WorkspaceWrite = "workspace:write",
    UsersRead = "users:read",
    UsersWrite = "users:write",
    ApiKeysManage = "api_keys:manage",
    ClientsRead = "clients:read",
    ClientsWrite = "clients:write",
    CataloguesRead = "catalogues:read",
    CataloguesWrite = "catalogues:write",
    DealTypesRead = "deal_types:read",
    DealTypesWrite = "deal_types:write",
    DealsRead = "deals:read",
    DealsWrite = "deals:write",
    TasksRead = "tasks:read",
    TasksWrite = "tasks:write",
    ActivitiesRead = "activities:read",
    ActivitiesWrite = "activities:write",
    DocumentsRead = "documents:read",
    DocumentsWrite = "documents:write",
    ImportsRead = "imports:read",
    ImportsWrite = "imports:write",
    ReportsRead = "reports:read",
    EventsRead = "events:read",
    HandOversRead = "hand_overs:read",
    HandOversWrite = "hand_overs:write",
    JobsRead = "jobs:read",
    JobsWrite = "jobs:write",
    IntegrationsManage = "integrations:manage",
    InboxRead = "inbox:read",
    InboxWrite = "inbox:write",
}

impl Permission {
    /// Whether it is about people, keys and the workspace itself: a key has it only as long as somebody answers for
    /// the key who has it too.
    pub fn administers(self) -> bool {
        match self {
            Self::UsersWrite
            | Self::ApiKeysManage
            | Self::WorkspaceWrite
            | Self::JobsWrite
            | Self::IntegrationsManage => true,
            Self::WorkspaceRead
            | Self::UsersRead
            | Self::ClientsRead
            | Self::ClientsWrite
            | Self::CataloguesRead
            | Self::CataloguesWrite
            | Self::DealTypesRead
            | Self::DealTypesWrite
            | Self::DealsRead
            | Self::DealsWrite
            | Self::TasksRead
            | Self::TasksWrite
            | Self::ActivitiesRead
            | Self::ActivitiesWrite
            | Self::DocumentsRead
            | Self::DocumentsWrite
            | Self::ImportsRead
            | Self::ImportsWrite
            | Self::ReportsRead
            | Self::EventsRead
            | Self::HandOversRead
            | Self::HandOversWrite
            | Self::InboxRead
            | Self::InboxWrite
            | Self::JobsRead => false,
        }
    }
}

impl Role {
    pub fn grants(self, permission: Permission) -> bool {
        use Permission as P;
        let reads =
            !matches!(permission, P::ApiKeysManage | P::ImportsRead | P::EventsRead | P::JobsRead)
                && permission.scope().ends_with(":read");
        match self {
            Self::Admin => true,
            Self::Head | Self::Seller => {
                let works = matches!(
                    permission,
                    P::ClientsWrite
                        | P::DealsWrite
                        | P::TasksWrite
                        | P::ActivitiesWrite
                        | P::DocumentsWrite
                        | P::InboxWrite
                );
                let gives = self == Self::Head && permission == P::HandOversWrite;
                reads || works || gives
            }
            Self::Analyst => reads || matches!(permission, P::ImportsRead | P::EventsRead),
        }
    }

    pub fn may_override(self) -> bool {
        matches!(self, Self::Admin | Self::Head)
    }
}

/// Work is changed by those who have a part in it, and by those who look after its deal or its people.
pub fn may_change(has_part: bool, looks_after: bool) -> Result<(), Refusal> {
    if has_part || looks_after {
        return Ok(());
    }
    let detail = "Whoever only sees this does not change it.";
    Err(Refusal::conflict("not_a_participant", "", detail))
}

/// Whose deals a caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Visibility {
    All,
    /// Own deals and those of the people in these departments (with everything below them).
    Departments {
        user_id: Uuid,
        departments: Vec<Uuid>,
    },
    Own {
        user_id: Uuid,
    },
}

impl Visibility {
    /// `departments` are those that a head leads or belongs to, with everything below them.
    pub fn of(role: Role, user_id: Uuid, departments: Vec<Uuid>, setting: DealVisibility) -> Self {
        match (role, setting) {
            (Role::Admin | Role::Analyst, _) | (_, DealVisibility::Everyone) => Self::All,
            (Role::Head, DealVisibility::ByRole) => Self::Departments { user_id, departments },
            (Role::Seller, DealVisibility::ByRole) => Self::Own { user_id },
        }
    }
}

/// Who did something, as it stands in history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    User {
        id: Uuid,
    },
    ApiKey {
        id: Uuid,
    },
    /// A row of an import, on behalf of the person who started it.
    Import {
        id: Uuid,
        user_id: Option<Uuid>,
        line: u64,
    },
    /// The operator of the machine, through the command line.
    Operator,
    /// A hand-over that came back by itself.
    HandOver {
        id: Uuid,
    },
    /// An exchange that told of a call.
    Integration {
        id: Uuid,
    },
    /// The process: the gate of the deal's stage was met.
    Process {
        #[serde(flatten)]
        cause: Cause,
    },
    /// A rule of the process.
    Rule {
        id: Uuid,
        #[serde(flatten)]
        cause: Cause,
    },
}

/// What a process or a rule answered to: an event in the feed, by its object and the number that it has
/// there. By the clock, the deal's last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub on: Trigger,
    pub object_id: Uuid,
    pub sequence: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_only_sees_looks_on() {
        assert!(may_change(false, true).is_ok() && may_change(true, false).is_ok());
        assert_eq!(may_change(false, false).unwrap_err().code(), "not_a_participant");
    }

    #[test]
    fn one_administrator_stays() {
        let [one, other] = [1, 2].map(Uuid::from_u128);
        assert!(is_last_admin([one], one));
        assert!(!is_last_admin([one], other) && !is_last_admin([], one));
        assert!(!is_last_admin([one, other], one) && !is_last_admin([one, other], other));
    }

    /// As docs/access.md lists them: what a key has no longer once nobody answers for it who may do it.
    #[test]
    fn people_keys_the_workspace_and_its_work_are_administered() {
        let administered =
            Permission::ALL.iter().filter(|permission| permission.administers()).copied();
        let scopes: Vec<_> = administered.clone().map(Permission::scope).collect();
        assert_eq!(
            scopes,
            [
                "workspace:write",
                "users:write",
                "api_keys:manage",
                "jobs:write",
                "integrations:manage"
            ]
        );
        for permission in administered {
            for role in [Role::Head, Role::Seller, Role::Analyst] {
                assert!(!role.grants(permission), "{role:?} {permission:?}");
            }
        }
    }

    #[test]
    fn roles_grant_what_they_say() {
        for permission in Permission::ALL {
            assert!(Role::Admin.grants(*permission));
            assert_eq!(Permission::parse(permission.scope()), Some(*permission));
            if permission.scope().ends_with(":write") {
                assert!(!Role::Analyst.grants(*permission));
            }
        }
        assert!(Role::Seller.grants(Permission::DealsWrite));
        assert!(Role::Head.grants(Permission::HandOversWrite));
        assert!(!Role::Seller.grants(Permission::HandOversWrite));
        assert!(!Role::Seller.grants(Permission::DealTypesWrite));
        assert!(!Role::Head.grants(Permission::EventsRead));
        assert!(!Role::Seller.may_override() && Role::Head.may_override());
    }
}
