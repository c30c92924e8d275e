//! Gates: what must be true of a deal before it leaves a stage forwards.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::condition::{Condition, Schema};
use crate::{
    kernel::fault::{Fault, Faults},
    people::access::Permission,
    work::{
        activity::{ActivityKind, CallStatus, Outcome},
        document::{DocumentKind, DocumentState},
    },
    workspace::custom_field::Entity,
};

const LONGEST_SAYING: usize = 500;
/// A day, in seconds.
pub(super) const LONGEST_TALK: u32 = 86_400;

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
    /// A document of a kind is in a state, or has gone on from it.
    Document { document: DocumentKind, state: DocumentState },
    /// The task of that key is done, in the deal's present visit.
    Task { task: String },
    /// An activity of a kind was recorded in the deal's present visit, with an outcome.
    Activity {
        activity: ActivityKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome>,
        /// Of a call that an exchange told of: how it went; answered, if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call_status: Option<CallStatus>,
        /// Of such a call: at least so many seconds of talk.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        talk_seconds: Option<u32>,
    },
    /// A share of the deal's amount is paid, 0..1.
    Payment {
        #[serde(with = "crate::kernel::number")]
        share: Decimal,
    },
    /// What the client first wanted is written down.
    PrimaryDemand {},
    /// A checklist has reached a score. There are no checklists yet, so no process is published with it.
    Checklist {
        checklist: String,
        #[serde(with = "crate::kernel::number")]
        score: Decimal,
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

    /// Whether there is such a field.
    pub(crate) fn check(&self, pointer: &str, schema: &Schema<'_>, faults: &mut Faults) -> bool {
        let custom = matches!(self, Self::Custom(_));
        let known = !custom || schema.field(&format!("deal.{}", self.name())).is_some();
        if !known {
            faults.add(pointer, "unknown_field", "There is no such custom field of deals.");
        }
        known
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
                let known = field.check(&format!("{pointer}/field"), schema, faults);
                known.then_some(Requirement::Field { field })
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
            Self::Document { document, state } => {
                if !document.has(state) {
                    let detail = "A document of this kind is never in that state.";
                    faults.add(format!("{pointer}/state"), "never_met", detail);
                    return None;
                }
                Some(Requirement::Document { document, state })
            }
            Self::Task { task } => Some(Requirement::Task { task }),
            Self::Activity { activity, outcome, call_status, talk_seconds } => {
                let asked = [
                    ("call_status", call_status.is_some()),
                    ("talk_seconds", talk_seconds.is_some()),
                ];
                let wrong =
                    asked.iter().find(|(_, asked)| *asked && activity != ActivityKind::Call);
                if let Some((field, _)) = wrong {
                    let detail = "Only calls have that.";
                    faults.add(format!("{pointer}/{field}"), "never_met", detail);
                    return None;
                }
                if talk_seconds.is_some_and(|least| least > LONGEST_TALK) {
                    let detail = format!("At most {LONGEST_TALK}.");
                    faults.add(format!("{pointer}/talk_seconds"), "out_of_range", detail);
                    return None;
                }
                Some(Requirement::Activity { activity, outcome, call_status, talk_seconds })
            }
            Self::Payment { share } => {
                if share <= Decimal::ZERO || share > Decimal::ONE {
                    let detail = "More than 0 and at most 1.";
                    faults.add(format!("{pointer}/share"), "out_of_range", detail);
                    return None;
                }
                Some(Requirement::Payment { share: share.normalize() })
            }
            Self::PrimaryDemand {} => Some(Requirement::PrimaryDemand {}),
            Self::Checklist { .. } => {
                let detail = "There is no such thing yet: the gate could never be met.";
                faults.add(format!("{pointer}/kind"), "not_supported_yet", detail);
                None
            }
        }
    }
}

impl Requirement {
    /// What somebody must be allowed to read to be told whether it is met, each with its place.
    pub(crate) fn needs(&self, pointer: &str, needs: &mut Vec<(String, Permission)>) {
        let (field, permission) = match self {
            Self::Condition { condition, .. } => {
                let of = condition.tree().needs(Entity::Deal);
                needs.extend(of.map(|permission| (format!("{pointer}/condition"), permission)));
                return;
            }
            Self::Document { .. } => ("document", Permission::DocumentsRead),
            Self::Payment { .. } => ("share", Permission::DocumentsRead),
            Self::Activity { .. } => ("activity", Permission::ActivitiesRead),
            Self::Task { .. } => ("task", Permission::TasksRead),
            Self::Field { .. } | Self::PrimaryDemand {} | Self::Checklist { .. } => return,
        };
        needs.push((format!("{pointer}/{field}"), permission));
    }

    /// Whether a new day may meet it.
    pub fn turns_with_the_day(&self) -> bool {
        matches!(self, Self::Condition { condition, .. } if condition.tree().turns_with_the_day())
    }

    /// Whether the deal's client has to be known.
    pub fn looks_at_client(&self) -> bool {
        match self {
            Self::Condition { condition, .. } => condition.tree().looks_at(Entity::Client),
            _ => false,
        }
    }

    /// Whether more than the deal and its client has to be known.
    pub fn looks_at_work(&self) -> bool {
        match self {
            Self::Field { .. } => false,
            Self::Condition { .. } => self.looks_at_activities(Entity::Deal),
            _ => true,
        }
    }

    /// Whether a condition looks at the activities of the deal, or at those with its client.
    pub fn looks_at_activities(&self, entity: Entity) -> bool {
        match self {
            Self::Condition { condition, .. } => condition.tree().looks_at_activities(entity),
            _ => false,
        }
    }

    /// Whether it can only be met by what is done during the visit.
    pub fn is_of_the_visit(&self) -> bool {
        matches!(self, Self::Task { .. } | Self::Activity { .. })
    }

    /// How the requirement reads when it is not met in the stage of that name.
    pub fn unmet(&self, stage: &str) -> Fault {
        let only = |what: String| format!("The stage \"{stage}\" is left only when {what}.");
        let fault = |pointer: &str, code, what: String| Fault::new(pointer, code, only(what));
        match self {
            Self::Field { field } => {
                let pointer = format!("/{}", field.name().replace('.', "/"));
                fault(&pointer, "field_required", format!("{} is filled", field.name()))
            }
            Self::Condition { condition, says } => {
                let fields = condition.tree().fields();
                let first = fields.first().map(String::as_str).unwrap_or_default();
                let pointer = first.strip_prefix("deal.").unwrap_or(first).replace('.', "/");
                let detail = says
                    .clone()
                    .unwrap_or_else(|| only(format!("this holds: {}", condition.json())));
                Fault::new(format!("/{pointer}"), "condition_unmet", detail)
            }
            Self::Document { document, state } => {
                let (document, state) = (word(document), word(state));
                fault(
                    "/documents",
                    "document_required",
                    format!("a document is there: {document}, {state}"),
                )
            }
            Self::Task { task } => {
                fault("/tasks", "task_required", format!("the task \"{task}\" is done"))
            }
            Self::Activity { activity, outcome, call_status, talk_seconds } => {
                let outcome = outcome.map(|outcome| format!(", {}", word(&outcome)));
                let status = call_status.map(|status| format!(", {}", word(&status)));
                let talk = talk_seconds.map(|least| format!(", at least {least} seconds of talk"));
                let asked: String = [outcome, status, talk].into_iter().flatten().collect();
                let what = format!("{}{asked}", word(activity));
                fault("/activities", "activity_required", format!("there was an activity: {what}"))
            }
            Self::Payment { share } => {
                let percent = share.checked_mul(Decimal::ONE_HUNDRED).unwrap_or(*share).normalize();
                fault("/payments", "payment_required", format!("{percent}% of its amount is paid"))
            }
            Self::PrimaryDemand {} => {
                fault("/demand", "primary_demand_required", "the primary demand is recorded".into())
            }
            Self::Checklist { checklist, score } => {
                let what = format!("the checklist \"{checklist}\" scores {score}");
                fault("/checklists", "checklist_required", what)
            }
        }
    }
}

/// The word of a kind or a state, as it stands in JSON.
fn word(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().replace('_', " ")
}
