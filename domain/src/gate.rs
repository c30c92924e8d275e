//! Gates: what must be true of a deal before it leaves a stage forwards.

use serde::{Deserialize, Serialize};

use crate::{deal::Deal, fault::Fault};

/// One requirement of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Requirement {
    /// A field of the deal is filled.
    Field { field: DealField },
}

/// A field of a deal that a gate can require.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DealField {
    ClientId,
    /// Filled when it is above zero.
    Amount,
    Source,
    LeadTemperature,
    ExpectedCloseOn,
    ExternalId,
}

impl DealField {
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientId => "client_id",
            Self::Amount => "amount",
            Self::Source => "source",
            Self::LeadTemperature => "lead_temperature",
            Self::ExpectedCloseOn => "expected_close_on",
            Self::ExternalId => "external_id",
        }
    }

    fn is_filled(self, deal: &Deal) -> bool {
        match self {
            Self::ClientId => deal.client_id.is_some(),
            Self::Amount => !deal.amount.amount.is_zero(),
            Self::Source => deal.source_id.is_some(),
            Self::LeadTemperature => deal.lead_temperature.is_some(),
            Self::ExpectedCloseOn => deal.expected_close_on.is_some(),
            Self::ExternalId => deal.external_id.is_some(),
        }
    }
}

impl Requirement {
    pub fn is_met(&self, deal: &Deal) -> bool {
        match self {
            Self::Field { field } => field.is_filled(deal),
        }
    }

    /// How the requirement reads when it is not met in the stage of that name.
    pub fn unmet(&self, stage: &str) -> Fault {
        match self {
            Self::Field { field } => Fault::new(
                format!("/{}", field.name()),
                "field_required",
                format!("The stage \"{stage}\" is left only when {} is filled.", field.name()),
            ),
        }
    }
}
