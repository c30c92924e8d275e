//! Files that hang on other things: on what, and by whom.

pub mod name;

use serde::{Deserialize, Serialize};

use crate::people::access::Permission;

/// How many files one thing may have.
pub const MOST: i64 = 1_000;

/// What files hang on. Whoever sees it sees its files, and whoever may change it adds and deletes them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ObjectKind {
    Deal,
    Client,
    Activity,
    Document,
}

impl ObjectKind {
    pub const ALL: [Self; 4] = [Self::Deal, Self::Client, Self::Activity, Self::Document];

    /// What it takes to read its files.
    pub fn read(self) -> Permission {
        match self {
            Self::Deal => Permission::DealsRead,
            Self::Client => Permission::ClientsRead,
            Self::Activity => Permission::ActivitiesRead,
            Self::Document => Permission::DocumentsRead,
        }
    }

    /// What it takes to add and delete them.
    pub fn write(self) -> Permission {
        match self {
            Self::Deal => Permission::DealsWrite,
            Self::Client => Permission::ClientsWrite,
            Self::Activity => Permission::ActivitiesWrite,
            Self::Document => Permission::DocumentsWrite,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_those_of_the_thing() {
        let scopes = ObjectKind::ALL.map(|kind| (kind.read().scope(), kind.write().scope()));
        let expected = [
            ("deals:read", "deals:write"),
            ("clients:read", "clients:write"),
            ("activities:read", "activities:write"),
            ("documents:read", "documents:write"),
        ];
        assert_eq!(scopes, expected);
    }
}
