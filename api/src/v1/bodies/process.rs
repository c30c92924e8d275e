//! Gates, tasks and rules as they are sent.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value as Json;
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{
    kernel::trigger::Trigger,
    people::{
        access::Role,
        assignment::{self, Assignment},
    },
    process::{
        gate::{DealField, Draft},
        rule::{Action, RuleDraft, SetField},
        task_template,
    },
    work::{
        activity::{ActivityKind, CallStatus, Outcome},
        document::{DocumentKind, DocumentState},
        task::Priority,
    },
};

use crate::http::words;

/// A requirement of a gate.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"kind": "field", "field": "client_id"}))]
pub enum GateRequirement {
    /// A field of the deal is filled.
    Field {
        /// `client_id`, `amount` (above zero), `source`, `lead_temperature`, `expected_close_on`,
        /// `external_id` or `custom.<key>` (a custom field of deals).
        #[schema(
            value_type = String,
            pattern = r"^(client_id|amount|source|lead_temperature|expected_close_on|external_id|custom\.[a-z][a-z0-9_]{0,63})$"
        )]
        field: DealField,
    },
    /// A condition holds.
    Condition {
        /// Over the deal and its client.
        #[schema(value_type = words::Condition, example = json!({"field": "deal.amount", "op": "gte", "value": "1000"}))]
        condition: Json,
        /// What to tell people while it does not hold.
        #[schema(max_length = 500)]
        says: Option<String>,
    },
    /// A document of a kind is in a state, or has gone on from it.
    Document {
        #[schema(value_type = words::DocumentKind)]
        document: DocumentKind,
        #[schema(value_type = words::DocumentState)]
        state: DocumentState,
    },
    /// A task is done, in the deal's present visit to the stage.
    Task {
        /// Key of the task.
        #[schema(pattern = "^[a-z0-9_]{1,64}$", example = "evaluate_client")]
        task: String,
    },
    /// An activity has happened, in the deal's present visit to the stage.
    Activity {
        #[schema(value_type = words::ActivityKind)]
        activity: ActivityKind,
        /// Whatever the outcome, if it is not given.
        #[schema(value_type = Option<words::ActivityOutcome>)]
        outcome: Option<Outcome>,
        /// Of a call that an exchange told of: how it went. Without it, a call counts that was answered, or that
        /// somebody wrote down.
        #[schema(value_type = Option<words::CallStatus>)]
        call_status: Option<CallStatus>,
        /// Of such a call: at least so many seconds of talk.
        #[schema(maximum = 86_400, example = 30)]
        talk_seconds: Option<u32>,
    },
    /// A share of the deal's amount is paid.
    Payment {
        #[schema(value_type = f64, exclusive_minimum = 0, maximum = 1, example = 0.5)]
        #[serde(with = "voronka_domain::kernel::number")]
        share: Decimal,
    },
    /// What the client first wanted is written down.
    PrimaryDemand {},
    /// Not supported yet: a process with it is refused.
    Checklist {
        checklist: String,
        #[schema(value_type = f64)]
        #[serde(with = "voronka_domain::kernel::number")]
        score: Decimal,
    },
}

impl From<GateRequirement> for Draft {
    fn from(requirement: GateRequirement) -> Self {
        match requirement {
            GateRequirement::Field { field } => Self::Field { field },
            GateRequirement::Condition { condition, says } => Self::Condition { condition, says },
            GateRequirement::Document { document, state } => Self::Document { document, state },
            GateRequirement::Task { task } => Self::Task { task },
            GateRequirement::Activity { activity, outcome, call_status, talk_seconds } => {
                Self::Activity { activity, outcome, call_status, talk_seconds }
            }
            GateRequirement::Payment { share } => Self::Payment { share },
            GateRequirement::PrimaryDemand {} => Self::PrimaryDemand {},
            GateRequirement::Checklist { checklist, score } => Self::Checklist { checklist, score },
        }
    }
}

/// Who is to have a deal or a task: people of a role, of a position, or of both; without either the deal's
/// owner. Where nobody fits, the owner.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"position": "Lawyer", "assign": "least_loaded"}))]
pub struct Performer {
    #[schema(value_type = Option<words::Role>)]
    role: Option<Role>,
    /// As it stands with the users, whatever the case.
    #[schema(min_length = 1, example = "Lawyer")]
    position: Option<String>,
    /// `keep`: the owner if they fit, else who has least to do; `round_robin`: who was given a task the
    /// longest ago; `least_loaded`: who has the fewest open tasks. `keep` by default.
    #[serde(default)]
    #[schema(value_type = words::Assignment)]
    assign: Assignment,
}

impl From<Performer> for assignment::Performer {
    fn from(Performer { role, position, assign }: Performer) -> Self {
        Self { role, position, assign }
    }
}

/// A task that a stage or a rule creates.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"key": "evaluate_client", "title": "Evaluate {client.name}", "due_days": 2, "result": ["custom.budget"]}))]
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
    #[serde(default)]
    performer: Performer,
    /// Working days from its creation.
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 3_650, example = 2)]
    #[serde(default, with = "voronka_domain::kernel::number::option")]
    due_days: Option<Decimal>,
    /// `normal` by default.
    #[serde(default)]
    #[schema(value_type = words::TaskPriority)]
    priority: Priority,
    /// Fields of the deal that must be filled when it is done: the result of the step.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 50, example = json!(["custom.budget"]))]
    result: Vec<DealField>,
}

impl From<TaskTemplate> for task_template::TaskTemplate {
    fn from(template: TaskTemplate) -> Self {
        let TaskTemplate { key, title, description, performer, due_days, priority, result } =
            template;
        let performer = performer.into();
        Self { key, title, description, performer, due_days, priority, result }
    }
}

/// Something that a rule does.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[schema(example = json!({"do": "move", "stage_key": "offer"}))]
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
            value_type = String,
            pattern = r"^(lead_temperature|custom\.[a-z][a-z0-9_]{0,63})$",
            example = "lead_temperature"
        )]
        field: SetField,
        #[schema(schema_with = words::any_value)]
        value: Json,
    },
}

impl From<RuleAction> for Action {
    fn from(action: RuleAction) -> Self {
        match action {
            RuleAction::Advance {} => Self::Advance {},
            RuleAction::Move { stage_key } => Self::Move { stage_key },
            RuleAction::Win {} => Self::Win {},
            RuleAction::Lose { loss_reason_id, note } => Self::Lose { loss_reason_id, note },
            RuleAction::CreateTask { task } => Self::CreateTask { task: task.into() },
            RuleAction::Assign { performer } => Self::Assign { performer: performer.into() },
            RuleAction::Set { field, value } => Self::Set { field, value },
        }
    }
}

/// What a process does by itself. Rules are carried out in their order, each once in a chain of
/// consequences, through the same gates as people.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"key": "hot_leads", "on": "deal.opened",
    "if": {"field": "deal.lead_temperature", "op": "eq", "value": "hot"},
    "then": [{"do": "create_task", "task": {"key": "call_at_once", "title": "Call {client.name} at once", "due_days": 0}}]}))]
pub struct ProcessRule {
    /// Made at publishing.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>, nullable = false)]
    id: Uuid,
    /// Unique in the version.
    #[schema(pattern = "^[a-z0-9_]{1,64}$", example = "hot_leads")]
    key: String,
    /// What it waits for. `stage.overdue` and `deal.stuck` come by the clock, once a visit.
    #[schema(
        value_type = String,
        pattern = r"^(deal\.(opened|updated|won|lost|stuck)|stage\.(entered|overdue)|task\.done|activity\.recorded|call\.finished|document\.changed|payment\.received|demand\.changed)$",
        example = "deal.opened"
    )]
    on: Trigger,
    /// Only in this stage.
    #[schema(example = "offer")]
    stage: Option<String>,
    /// Of `task.done`: only the task of this key.
    task: Option<String>,
    /// Of `document.changed`: only documents of this kind.
    #[schema(value_type = Option<words::DocumentKind>)]
    document: Option<DocumentKind>,
    /// Of `document.changed`: only into this state.
    #[schema(value_type = Option<words::DocumentState>)]
    state: Option<DocumentState>,
    /// Of `activity.recorded`: only activities of this kind.
    #[schema(value_type = Option<words::ActivityKind>)]
    activity: Option<ActivityKind>,
    /// Of `activity.recorded`: only with this outcome.
    #[schema(value_type = Option<words::ActivityOutcome>)]
    outcome: Option<Outcome>,
    /// Of `call.finished`: only calls that went so.
    #[schema(value_type = Option<words::CallStatus>)]
    call_status: Option<CallStatus>,
    /// Of `call.finished`: only with at least so many seconds of talk.
    #[schema(maximum = 86_400, example = 30)]
    talk_seconds: Option<u32>,
    /// Of `deal.stuck`: working days without anything happening.
    #[schema(value_type = Option<f64>, exclusive_minimum = 0, maximum = 3_650, example = 10)]
    #[serde(default, with = "voronka_domain::kernel::number::option")]
    after_days: Option<Decimal>,
    /// A condition over the deal and its client.
    #[schema(value_type = Option<words::Condition>)]
    r#if: Option<Json>,
    #[schema(min_items = 1, max_items = 20)]
    then: Vec<RuleAction>,
}

impl From<ProcessRule> for RuleDraft {
    fn from(rule: ProcessRule) -> Self {
        let ProcessRule {
            id,
            key,
            on,
            stage,
            task,
            document,
            state,
            activity,
            outcome,
            call_status,
            talk_seconds,
            after_days,
            r#if,
            then,
        } = rule;
        let then = then.into_iter().map(Into::into).collect();
        Self {
            id,
            key,
            on,
            stage,
            task,
            document,
            state,
            activity,
            outcome,
            call_status,
            talk_seconds,
            after_days,
            r#if,
            then,
        }
    }
}
