//! Deal types and processes as requests and answers have them.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    Fault,
    gate::Draft,
    process::{Mode, Process, Stage, StageDraft},
    rule::RuleDraft,
    staff, task,
};
use voronka_persistence::{Error, Store, Tenant, deal_types::DealType, deals::Migrated};

use crate::{page_of, v1::deals::Obstacle};

/// A requirement of a gate.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"kind": "field", "field": "client_id"}))]
#[allow(dead_code)]
pub enum GateRequirement {
    /// A field of the deal is filled.
    Field {
        /// `client_id`, `amount` (above zero), `source`, `lead_temperature`, `expected_close_on`,
        /// `external_id` or `custom.<key>` (a custom field of deals).
        #[schema(
            pattern = r"^(client_id|amount|source|lead_temperature|expected_close_on|external_id|custom\.[a-z][a-z0-9_]{0,63})$"
        )]
        field: String,
    },
    /// A condition holds.
    Condition {
        /// Over the deal and its client.
        #[schema(value_type = Object, example = json!({"field": "deal.amount", "op": "gte", "value": "1000"}))]
        condition: serde_json::Value,
        /// What to tell people while it does not hold.
        #[schema(max_length = 500)]
        says: Option<String>,
    },
    /// A document of a kind is in a state, or has gone on from it.
    Document {
        #[schema(value_type = DocumentKind)]
        document: String,
        #[schema(value_type = DocumentState)]
        state: String,
    },
    /// A task is done, in the deal's present visit to the stage.
    Task {
        /// Key of the task.
        #[schema(pattern = "^[a-z0-9_]{1,64}$", example = "evaluate_client")]
        task: String,
    },
    /// An activity has happened, in the deal's present visit to the stage.
    Activity {
        #[schema(value_type = ActivityKind)]
        activity: String,
        /// Whatever the outcome, if it is not given.
        #[schema(value_type = Option<ActivityOutcome>)]
        outcome: Option<String>,
    },
    /// A share of the deal's amount is paid.
    Payment {
        #[schema(exclusive_minimum = 0, maximum = 1, example = 0.5)]
        share: f64,
    },
    /// What the client first wanted is written down. Not supported yet: a process with it is refused.
    PrimaryDemand {},
    /// Not supported yet: a process with it is refused.
    Checklist { checklist: String, score: f64 },
}

/// What documents there are.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum DocumentKind {
    Quote,
    Contract,
    Invoice,
    Order,
    Shipment,
}

/// How far a document has come. A quote is drafted, sent and accepted; a contract drafted, sent and signed;
/// an invoice drafted, issued, partly paid and paid; an order drafted, confirmed and fulfilled; a shipment
/// drafted, shipped and delivered. `rejected`, `cancelled` and `returned` are its other ends.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum DocumentState {
    Draft,
    Sent,
    Accepted,
    Signed,
    Issued,
    PartlyPaid,
    Paid,
    Confirmed,
    Fulfilled,
    Shipped,
    Delivered,
    Rejected,
    Cancelled,
    Returned,
}

/// What activities there are.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum ActivityKind {
    Call,
    Email,
    Meeting,
    Message,
    Note,
}

/// Whether an activity reached its goal.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum ActivityOutcome {
    Reached,
    NotReached,
}

/// Who is to have a deal or a task: people of a role, of a position, or of both; without either the deal's
/// owner. Where nobody fits, the owner.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"position": "Lawyer", "assign": "least_loaded"}))]
#[allow(dead_code)]
pub struct Performer {
    #[schema(pattern = "^(admin|head|seller|analyst)$", example = "seller")]
    role: Option<String>,
    /// As it stands with the users, whatever the case.
    #[schema(min_length = 1, example = "Lawyer")]
    position: Option<String>,
    /// `keep`: the owner if they fit, else who has least to do; `round_robin`: who was given a task the
    /// longest ago; `least_loaded`: who has the fewest open tasks. `keep` by default.
    #[schema(pattern = "^(keep|round_robin|least_loaded)$", example = "keep")]
    assign: Option<String>,
}

/// A task that a stage or a rule creates.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"key": "evaluate_client", "title": "Evaluate {client.name}", "due_days": 2, "result": ["custom.budget"]}))]
#[allow(dead_code)]
pub struct TaskTemplate {
    /// Name for gates; unique in its stage.
    #[schema(pattern = "^[a-z0-9_]{1,64}$", example = "evaluate_client")]
    key: String,
    /// `{deal.title}`, `{client.name}` and `{stage.name}` are filled in.
    #[schema(min_length = 1, max_length = 200, example = "Evaluate {client.name}")]
    title: String,
    #[schema(max_length = 4_000)]
    description: Option<String>,
    /// The deal's owner by default.
    performer: Option<Performer>,
    /// Working days from its creation.
    #[schema(minimum = 0, maximum = 3_650, example = 2)]
    due_days: Option<f64>,
    /// `normal` by default.
    #[schema(pattern = "^(low|normal|high)$", example = "normal")]
    priority: Option<String>,
    /// Fields of the deal that must be filled when it is done: the result of the step.
    #[schema(max_items = 50, example = json!(["custom.budget"]))]
    result: Option<Vec<String>>,
}

/// Something that a rule does.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"do": "move", "stage_key": "offer"}))]
#[allow(dead_code)]
pub enum RuleAction {
    /// To the next stage, or from the last one to won.
    Advance {},
    Move {
        #[schema(example = "offer")]
        stage_key: String,
    },
    Win {},
    Lose {
        loss_reason_id: Uuid,
        #[schema(max_length = 4_000)]
        note: Option<String>,
    },
    CreateTask {
        task: TaskTemplate,
    },
    /// Gives the deal to somebody else.
    Assign {
        performer: Performer,
    },
    /// Sets a field of the deal; null clears it.
    Set {
        #[schema(
            pattern = r"^(lead_temperature|custom\.[a-z][a-z0-9_]{0,63})$",
            example = "lead_temperature"
        )]
        field: String,
        #[schema(value_type = Object, nullable, example = "hot")]
        value: serde_json::Value,
    },
}

/// What a process does by itself. Rules are carried out in their order, each once in a chain of
/// consequences, through the same gates as people.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"key": "hot_leads", "on": "deal.opened",
    "if": {"field": "deal.lead_temperature", "op": "eq", "value": "hot"},
    "then": [{"do": "create_task", "task": {"key": "call_at_once", "title": "Call {client.name} at once", "due_days": 0}}]}))]
#[allow(dead_code)]
pub struct ProcessRule {
    /// Made at publishing.
    id: Option<Uuid>,
    /// Unique in the version.
    #[schema(pattern = "^[a-z0-9_]{1,64}$", example = "hot_leads")]
    key: String,
    /// What it waits for. `stage.overdue` and `deal.stuck` come by the clock, once a visit.
    #[schema(
        pattern = r"^(deal\.(opened|updated|won|lost|stuck)|stage\.(entered|overdue)|task\.done|activity\.recorded|document\.changed|payment\.received|demand\.changed)$",
        example = "deal.opened"
    )]
    on: String,
    /// Only in this stage.
    #[schema(example = "offer")]
    stage: Option<String>,
    /// Of `task.done`: only the task of this key.
    task: Option<String>,
    /// Of `document.changed`: only documents of this kind.
    #[schema(value_type = Option<DocumentKind>)]
    document: Option<String>,
    /// Of `document.changed`: only into this state.
    #[schema(value_type = Option<DocumentState>)]
    state: Option<String>,
    /// Of `activity.recorded`: only activities of this kind.
    #[schema(value_type = Option<ActivityKind>)]
    activity: Option<String>,
    /// Of `activity.recorded`: only with this outcome.
    #[schema(value_type = Option<ActivityOutcome>)]
    outcome: Option<String>,
    /// Of `deal.stuck`: working days without anything happening.
    #[schema(exclusive_minimum = 0, maximum = 3_650, example = 10)]
    after_days: Option<f64>,
    /// A condition over the deal and its client.
    #[schema(value_type = Option<Object>)]
    r#if: Option<serde_json::Value>,
    #[schema(min_items = 1, max_items = 20)]
    then: Vec<RuleAction>,
}

/// A stage of a process.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Stage)]
pub struct StageBody {
    pub id: Uuid,
    /// Stable name for programs; the same key in two versions is the same stage.
    #[schema(example = "prospecting")]
    pub key: String,
    #[schema(example = "Prospecting")]
    pub name: String,
    /// 1 for the first stage.
    #[schema(example = 1)]
    pub position: i16,
    /// The result that the stage is there for.
    #[schema(example = "The client's need is known")]
    pub goal: Option<String>,
    /// Chance, 0..1, that a deal in this stage will be won. Where nobody gave one, chances rise evenly.
    #[schema(value_type = f64, example = 0.1)]
    #[serde(with = "voronka_domain::number")]
    pub probability: Decimal,
    /// Working days that a deal may stay before it is overdue.
    #[schema(value_type = Option<f64>, example = 7)]
    #[serde(with = "voronka_domain::number::option")]
    pub norm_days: Option<Decimal>,
    /// What must be true to leave the stage forwards.
    #[schema(value_type = Vec<GateRequirement>)]
    pub gate: Vec<serde_json::Value>,
    /// The tasks that are created when a deal enters the stage.
    #[schema(value_type = Vec<TaskTemplate>)]
    pub tasks: serde_json::Value,
    /// Whom a deal goes to when it enters the stage.
    #[schema(value_type = Option<Performer>)]
    pub performer: Option<serde_json::Value>,
    /// What a visit to the stage costs, in the workspace's base currency.
    #[schema(value_type = Option<f64>, example = 12.5)]
    #[serde(with = "voronka_domain::number::option")]
    pub cost: Option<Decimal>,
}

impl From<&Stage> for StageBody {
    fn from(stage: &Stage) -> Self {
        Self {
            id: stage.id,
            key: stage.key.clone(),
            name: stage.name.clone(),
            position: stage.position,
            goal: stage.goal.clone(),
            probability: stage.probability,
            norm_days: stage.norm_days,
            gate: stage.gate.iter().filter_map(|one| serde_json::to_value(one).ok()).collect(),
            tasks: serde_json::to_value(&stage.tasks).unwrap_or_default(),
            performer: stage.performer.as_ref().and_then(|one| serde_json::to_value(one).ok()),
            cost: stage.cost,
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DealType)]
pub struct DealTypeBody {
    pub id: Uuid,
    #[schema(example = "Typical sale")]
    pub name: String,
    /// `manual`: people move deals; `untracked`: no stages, status only; `automatic`: the process does.
    #[schema(example = "manual")]
    pub mode: String,
    /// Whether new deals may be opened.
    pub enabled: bool,
    /// Whether deals may skip stages. The gates of skipped stages hold all the same.
    pub allow_skip: bool,
    /// Whether deals may go back.
    pub allow_back: bool,
    pub require_primary_demand: bool,
    /// The version that new deals start on.
    pub process_version_id: Uuid,
    /// Its number; 1 for the first.
    pub process_version: i32,
    /// The stages of that version, in order.
    pub stages: Vec<StageBody>,
    /// What that version does by itself, in order.
    #[schema(value_type = Vec<ProcessRule>)]
    pub rules: serde_json::Value,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl DealTypeBody {
    pub(super) fn new(row: DealType, process: &Process) -> Self {
        Self {
            id: row.id,
            name: row.name,
            mode: row.mode,
            enabled: row.enabled,
            allow_skip: row.allow_skip,
            allow_back: row.allow_back,
            require_primary_demand: row.require_primary_demand,
            process_version_id: row.current_version_id,
            process_version: process.number,
            stages: process.stages.iter().map(StageBody::from).collect(),
            rules: serde_json::to_value(&process.rules).unwrap_or_default(),
            archived: row.archived,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }

    pub(super) fn load(
        store: &Store,
        tenant: &mut Tenant<'_>,
        row: DealType,
    ) -> Result<Self, Error> {
        let process = store.process(tenant, row.current_version_id)?;
        Ok(Self::new(row, &process))
    }
}

page_of!(DealTypePage, DealTypeBody);

/// A published version of a process. It never changes.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ProcessVersion {
    pub id: Uuid,
    pub deal_type_id: Uuid,
    #[schema(example = 1)]
    pub number: i32,
    pub stages: Vec<StageBody>,
    #[schema(value_type = Vec<ProcessRule>)]
    pub rules: serde_json::Value,
}

impl From<&Arc<Process>> for ProcessVersion {
    fn from(process: &Arc<Process>) -> Self {
        Self {
            id: process.version_id,
            deal_type_id: process.deal_type_id,
            number: process.number,
            stages: process.stages.iter().map(StageBody::from).collect(),
            rules: serde_json::to_value(&process.rules).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ProcessVersions {
    /// The newest first.
    pub items: Vec<ProcessVersion>,
}

/// A stage to be. Only the name is required.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStage {
    #[schema(min_length = 1, max_length = 200, example = "Prospecting")]
    pub name: String,
    /// a-z, 0-9 and _; made from the name by default.
    #[schema(pattern = "^[a-z0-9_]{1,64}$", example = "prospecting")]
    pub key: Option<String>,
    #[schema(max_length = 2_000)]
    pub goal: Option<String>,
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1, example = 0.1)]
    #[serde(default, with = "voronka_domain::number::option")]
    pub probability: Option<Decimal>,
    #[schema(value_type = Option<f64>, exclusive_minimum = 0, maximum = 3_650, example = 7)]
    #[serde(default, with = "voronka_domain::number::option")]
    pub norm_days: Option<Decimal>,
    #[serde(default)]
    #[schema(value_type = Vec<GateRequirement>, max_items = 50)]
    pub gate: Vec<Draft>,
    /// Of an automatic type only. Without a gate, the stage is left when they are done.
    #[serde(default)]
    #[schema(value_type = Vec<TaskTemplate>, max_items = 20)]
    pub tasks: Vec<task::TaskTemplate>,
    /// Whom a deal goes to when it enters the stage; it stays with its owner by default.
    #[schema(value_type = Option<Performer>)]
    pub performer: Option<staff::Performer>,
    /// What a visit to the stage costs, in the workspace's base currency.
    #[schema(value_type = Option<f64>, minimum = 0, example = 12.5)]
    #[serde(default, with = "voronka_domain::number::option")]
    pub cost: Option<Decimal>,
}

impl From<NewStage> for StageDraft {
    fn from(stage: NewStage) -> Self {
        let NewStage { name, key, goal, probability, norm_days, gate, tasks, performer, cost } =
            stage;
        Self { key, name, goal, probability, norm_days, gate, tasks, performer, cost }
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Typical sale", "mode": "manual", "stages": [
    {"key": "prospecting", "name": "Prospecting", "probability": 0.1, "norm_days": 7},
    {"key": "engaging", "name": "Engaging", "probability": 0.4, "gate": [{"kind": "field", "field": "client_id"}]}]}))]
pub struct NewDealType {
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    #[schema(value_type = String)]
    pub mode: Mode,
    #[serde(default)]
    pub stages: Vec<NewStage>,
    #[serde(default)]
    #[schema(value_type = Vec<ProcessRule>, max_items = 100)]
    pub rules: Vec<RuleDraft>,
    /// True by default.
    pub enabled: Option<bool>,
    /// True by default.
    pub allow_skip: Option<bool>,
    /// True by default.
    pub allow_back: Option<bool>,
    /// False by default; true is not supported yet.
    pub require_primary_demand: Option<bool>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"allow_skip": false}))]
pub struct DealTypePatch {
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub allow_skip: Option<bool>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub allow_back: Option<bool>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub require_primary_demand: Option<bool>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub archived: Option<bool>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"stages": [{"name": "Prospecting"}, {"name": "Offer"}, {"name": "Contract"}]}))]
pub struct NewProcessVersion {
    pub stages: Vec<NewStage>,
    #[serde(default)]
    #[schema(value_type = Vec<ProcessRule>, max_items = 100)]
    pub rules: Vec<RuleDraft>,
}

/// How open deals go on in the current version of their process.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"mapping": {"proposal": "offer"}, "dry_run": true}))]
pub struct Migration {
    /// The new stage's key by the old one's; a stage that is not named stays itself.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"proposal": "offer"}))]
    pub mapping: BTreeMap<String, String>,
    /// Why unmet gates may be passed; kept in the history of the deals that it takes.
    #[validate(length(min = 1, max = 4_000))]
    #[schema(min_length = 1, max_length = 4_000)]
    pub override_reason: Option<String>,
    /// Only says what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MigrationRefusal {
    pub deal_id: Uuid,
    pub obstacles: Vec<Obstacle>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MigrationResult {
    /// Deals that are on the current version now.
    #[schema(example = 42)]
    pub migrated: usize,
    /// Of these, deals that are in another stage than before, or closed.
    #[schema(example = 7)]
    pub moved: usize,
    /// Deals that stay where they are.
    #[schema(example = 1)]
    pub refused: usize,
    /// The first 100 of them, with every reason.
    pub refusals: Vec<MigrationRefusal>,
}

impl From<Migrated> for MigrationResult {
    fn from(done: Migrated) -> Self {
        let refusal = |(deal_id, faults): (Uuid, Vec<Fault>)| MigrationRefusal {
            deal_id,
            obstacles: faults.into_iter().map(Obstacle::from).collect(),
        };
        Self {
            migrated: done.migrated,
            moved: done.moved,
            refused: done.refused,
            refusals: done.refusals.into_iter().map(refusal).collect(),
        }
    }
}
