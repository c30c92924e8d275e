//! Gates: what must be true of a deal before it leaves a stage forwards.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    condition::{Condition, Moment, Schema, Subject},
    custom_field::Entity,
    deal::Deal,
    fault::{Fault, Faults},
};

const LONGEST_SAYING: usize = 500;

/// One requirement of a gate. As somebody writes it, its condition is JSON; in a published process it is
/// a condition that fits the fields of the workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Requirement<C = Condition> {
    /// A field of the deal is filled.
    Field { field: DealField },
    /// A condition holds.
    Condition {
        condition: C,
        /// What to tell people while it does not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        says: Option<String>,
    },
}

/// A requirement as somebody writes it.
pub type Draft = Requirement<Json>;

/// A field of a deal that a gate can require.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DealField {
    ClientId,
    /// Filled when it is above zero.
    Amount,
    Source,
    LeadTemperature,
    ExpectedCloseOn,
    ExternalId,
    /// A custom field, by its key.
    Custom(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "One of client_id, amount, source, lead_temperature, expected_close_on, external_id and custom.<key>."
)]
pub struct UnknownField;

impl TryFrom<String> for DealField {
    type Error = UnknownField;
    fn try_from(name: String) -> Result<Self, UnknownField> {
        Ok(match name.as_str() {
            "client_id" => Self::ClientId,
            "amount" => Self::Amount,
            "source" => Self::Source,
            "lead_temperature" => Self::LeadTemperature,
            "expected_close_on" => Self::ExpectedCloseOn,
            "external_id" => Self::ExternalId,
            name => Self::Custom(name.strip_prefix("custom.").ok_or(UnknownField)?.to_owned()),
        })
    }
}

impl From<DealField> for String {
    fn from(field: DealField) -> Self {
        field.name()
    }
}

impl DealField {
    pub fn name(&self) -> String {
        let name = match self {
            Self::ClientId => "client_id",
            Self::Amount => "amount",
            Self::Source => "source",
            Self::LeadTemperature => "lead_temperature",
            Self::ExpectedCloseOn => "expected_close_on",
            Self::ExternalId => "external_id",
            Self::Custom(key) => return format!("custom.{key}"),
        };
        name.to_owned()
    }

    fn is_filled(&self, deal: &Deal) -> bool {
        match self {
            Self::ClientId => deal.client_id.is_some(),
            Self::Amount => !deal.amount.amount.is_zero(),
            Self::Source => deal.source_id.is_some(),
            Self::LeadTemperature => deal.lead_temperature.is_some(),
            Self::ExpectedCloseOn => deal.expected_close_on.is_some(),
            Self::ExternalId => deal.external_id.is_some(),
            Self::Custom(key) => deal.custom.get(key).is_some(),
        }
    }
}

impl Draft {
    /// The requirement, if it fits the fields that there are.
    pub fn fit(
        self,
        pointer: &str,
        schema: &Schema<'_>,
        faults: &mut Faults,
    ) -> Option<Requirement> {
        match self {
            Self::Field { field } => {
                let custom = matches!(field, DealField::Custom(_));
                if custom && schema.field(&format!("deal.{}", field.name())).is_none() {
                    let detail = "There is no such custom field of deals.";
                    faults.add(format!("{pointer}/field"), "unknown_field", detail);
                    return None;
                }
                Some(Requirement::Field { field })
            }
            Self::Condition { condition, says } => {
                if let Some(says) = &says {
                    faults.text(&format!("{pointer}/says"), says, LONGEST_SAYING);
                }
                let at = format!("{pointer}/condition");
                match Condition::read(&at, &condition, schema) {
                    Ok(condition) => Some(Requirement::Condition { condition, says }),
                    Err(found) => {
                        found.into_iter().for_each(|f| faults.add(f.pointer, f.code, f.detail));
                        None
                    }
                }
            }
        }
    }
}

impl Requirement {
    pub fn is_met(&self, deal: &Deal, subject: Subject<'_>, moment: &Moment) -> bool {
        match self {
            Self::Field { field } => field.is_filled(deal),
            Self::Condition { condition, .. } => condition.tree().holds(subject, moment),
        }
    }

    /// Whether the deal's client has to be known.
    pub fn looks_at_client(&self) -> bool {
        match self {
            Self::Field { .. } => false,
            Self::Condition { condition, .. } => condition.tree().looks_at(Entity::Client),
        }
    }

    /// How the requirement reads when it is not met in the stage of that name.
    pub fn unmet(&self, stage: &str) -> Fault {
        match self {
            Self::Field { field } => Fault::new(
                format!("/{}", field.name().replace('.', "/")),
                "field_required",
                format!("The stage \"{stage}\" is left only when {} is filled.", field.name()),
            ),
            Self::Condition { condition, says } => {
                let fields = condition.tree().fields();
                let first = fields.first().map(String::as_str).unwrap_or_default();
                let pointer = first.strip_prefix("deal.").unwrap_or(first).replace('.', "/");
                let detail = says.clone().unwrap_or_else(|| {
                    let json = condition.json();
                    format!("The stage \"{stage}\" is left only when this holds: {json}.")
                });
                Fault::new(format!("/{pointer}"), "condition_unmet", detail)
            }
        }
    }
}
