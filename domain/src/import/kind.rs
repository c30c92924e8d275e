//! Kinds of imports: what a row is, and what it may say.

use serde::{Deserialize, Serialize};

use crate::{Refusal, people::access::Permission, workspace::custom_field::Entity};

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ImportKind {
    /// One row a deal: what it is and where it stands.
    Deals,
    /// One row an event of a deal: the history from another system.
    StageEvents,
    /// One row a rate: what a currency is worth from a day on.
    ExchangeRates,
    /// One row a client.
    Clients,
    /// One row a person at a client.
    Contacts,
    /// One row a user.
    Users,
    /// One row a product.
    Products,
    /// One row a call, as an exchange lists them.
    Calls,
}

impl ImportKind {
    /// Rows are of deals, which are of a deal type and have stages.
    pub fn is_of_deals(self) -> bool {
        matches!(self, Self::Deals | Self::StageEvents)
    }

    /// Whose custom fields a row may fill, as `custom.<key>`.
    pub fn entity(self) -> Option<Entity> {
        match self {
            Self::Deals => Some(Entity::Deal),
            Self::Clients => Some(Entity::Client),
            _ => None,
        }
    }

    /// An import makes nothing that whoever starts it may not make.
    pub fn may_start(
        self,
        create_missing: bool,
        needed: impl IntoIterator<Item = Permission>,
        may: impl Fn(Permission) -> bool,
    ) -> Result<(), Refusal> {
        let Some(missing) = needed.into_iter().find(|one| !may(*one)) else { return Ok(()) };
        let missing = missing.scope();
        let made = if create_missing { " that makes what is missing" } else { "" };
        let detail = format!("An import of {self}{made} needs {missing} too.");
        Err(Refusal::conflict("forbidden", "", detail))
    }

    /// What whoever starts the import needs beside the permission to import.
    pub fn permission(self) -> Permission {
        match self {
            Self::Deals | Self::StageEvents => Permission::DealsWrite,
            Self::ExchangeRates | Self::Products => Permission::CataloguesWrite,
            Self::Clients | Self::Contacts => Permission::ClientsWrite,
            Self::Users => Permission::UsersWrite,
            Self::Calls => Permission::ActivitiesWrite,
        }
    }

    pub(super) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Deals => &[
                "external_id",
                "title",
                "client",
                "owner",
                "amount",
                "currency",
                "source",
                "lead_temperature",
                "expected_close_on",
                "opened_at",
                "stage",
                "stage_entered_at",
                "closed_at",
                "loss_reason",
                "note",
                "competitor",
            ],
            Self::StageEvents => &[
                "case_id",
                "activity",
                "occurred_at",
                "user",
                "owner",
                "amount",
                "currency",
                "title",
                "client",
                "source",
                "loss_reason",
                "note",
                "competitor",
            ],
            Self::ExchangeRates => &["currency", "day", "rate"],
            Self::Clients => &[
                "external_id",
                "external_source",
                "name",
                "kind",
                "type",
                "class",
                "region",
                "tags",
                "consent",
                "phones",
                "emails",
                "tax_id",
            ],
            Self::Contacts => {
                &["client_external_id", "client", "name", "position", "phones", "emails"]
            }
            Self::Users => &["email", "name", "role", "position", "department"],
            Self::Products => &["sku", "name", "unit", "price", "currency"],
            Self::Calls => &[
                "call_id",
                "started_at",
                "ended_at",
                "direction",
                "from",
                "to",
                "line",
                "extension",
                "status",
                "talk_seconds",
                "recording_url",
            ],
        }
    }

    pub(super) fn required(self) -> &'static [&'static str] {
        match self {
            Self::Deals => &["external_id"],
            Self::StageEvents => &["case_id", "activity", "occurred_at"],
            Self::ExchangeRates => &["currency", "day", "rate"],
            Self::Clients => &[],
            Self::Contacts => &["name"],
            Self::Users => &["email"],
            Self::Products => &["sku"],
            Self::Calls => &["call_id", "started_at"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_makes_what_its_starter_may_make() {
        let needed = [Permission::ImportsWrite, Permission::ClientsWrite];
        let start = |may: &[Permission]| {
            ImportKind::Deals
                .may_start(true, needed, |one| may.contains(&one))
                .map_err(|refused| refused.to_string())
        };
        assert_eq!(start(&needed), Ok(()));
        let detail = "An import of deals that makes what is missing needs clients:write too.";
        assert_eq!(start(&needed[..1]), Err(detail.to_owned()));
    }
}
