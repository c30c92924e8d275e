//! Kinds of imports: what a row is, and what it may say.

use serde::{Deserialize, Serialize};

use crate::{people::access::Permission, workspace::custom_field::Entity};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
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
}

impl Kind {
    pub const ALL: &[Self] = &[
        Self::Deals,
        Self::StageEvents,
        Self::ExchangeRates,
        Self::Clients,
        Self::Contacts,
        Self::Users,
        Self::Products,
    ];

    /// As it stands in specs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deals => "deals",
            Self::StageEvents => "stage_events",
            Self::ExchangeRates => "exchange_rates",
            Self::Clients => "clients",
            Self::Contacts => "contacts",
            Self::Users => "users",
            Self::Products => "products",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

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

    /// What whoever starts the import needs beside the permission to import.
    pub fn permission(self) -> Permission {
        match self {
            Self::Deals | Self::StageEvents => Permission::DealsWrite,
            Self::ExchangeRates | Self::Products => Permission::CataloguesWrite,
            Self::Clients | Self::Contacts => Permission::ClientsWrite,
            Self::Users => Permission::UsersWrite,
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
        }
    }
}
