//! What gates, tasks and rules look like, for the specification: the domain reads them itself.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::words;

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
        #[schema(value_type = words::Condition, example = json!({"field": "deal.amount", "op": "gte", "value": "1000"}))]
        condition: serde_json::Value,
        /// What to tell people while it does not hold.
        #[schema(max_length = 500)]
        says: Option<String>,
    },
    /// A document of a kind is in a state, or has gone on from it.
    Document {
        #[schema(value_type = words::DocumentKind)]
        document: String,
        #[schema(value_type = words::DocumentState)]
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
        #[schema(value_type = words::ActivityKind)]
        activity: String,
        /// Whatever the outcome, if it is not given.
        #[schema(value_type = Option<words::ActivityOutcome>)]
        outcome: Option<String>,
    },
    /// A share of the deal's amount is paid.
    Payment {
        #[schema(exclusive_minimum = 0, maximum = 1, example = 0.5)]
        share: f64,
    },
    /// What the client first wanted is written down.
    PrimaryDemand {},
    /// Not supported yet: a process with it is refused.
    Checklist { checklist: String, score: f64 },
}

/// Who is to have a deal or a task: people of a role, of a position, or of both; without either the deal's
/// owner. Where nobody fits, the owner.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"position": "Lawyer", "assign": "least_loaded"}))]
#[allow(dead_code)]
pub struct Performer {
    #[schema(value_type = Option<words::Role>)]
    role: Option<String>,
    /// As it stands with the users, whatever the case.
    #[schema(min_length = 1, example = "Lawyer")]
    position: Option<String>,
    /// `keep`: the owner if they fit, else who has least to do; `round_robin`: who was given a task the
    /// longest ago; `least_loaded`: who has the fewest open tasks. `keep` by default.
    #[serde(default)]
    #[schema(value_type = words::Assignment)]
    assign: String,
}

/// A task that a stage or a rule creates.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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
    #[serde(default)]
    performer: Performer,
    /// Working days from its creation.
    #[schema(minimum = 0, maximum = 3_650, example = 2)]
    due_days: Option<f64>,
    /// `normal` by default.
    #[serde(default)]
    #[schema(value_type = words::TaskPriority)]
    priority: String,
    /// Fields of the deal that must be filled when it is done: the result of the step.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["custom.budget"]))]
    result: Vec<String>,
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
        #[schema(schema_with = words::any_value)]
        value: serde_json::Value,
    },
}

/// What a process does by itself. Rules are carried out in their order, each once in a chain of
/// consequences, through the same gates as people.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"key": "hot_leads", "on": "deal.opened",
    "if": {"field": "deal.lead_temperature", "op": "eq", "value": "hot"},
    "then": [{"do": "create_task", "task": {"key": "call_at_once", "title": "Call {client.name} at once", "due_days": 0}}]}))]
#[allow(dead_code)]
pub struct ProcessRule {
    /// Made at publishing.
    #[schema(nullable = false)]
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
    #[schema(value_type = Option<words::DocumentKind>)]
    document: Option<String>,
    /// Of `document.changed`: only into this state.
    #[schema(value_type = Option<words::DocumentState>)]
    state: Option<String>,
    /// Of `activity.recorded`: only activities of this kind.
    #[schema(value_type = Option<words::ActivityKind>)]
    activity: Option<String>,
    /// Of `activity.recorded`: only with this outcome.
    #[schema(value_type = Option<words::ActivityOutcome>)]
    outcome: Option<String>,
    /// Of `deal.stuck`: working days without anything happening.
    #[schema(exclusive_minimum = 0, maximum = 3_650, example = 10)]
    after_days: Option<f64>,
    /// A condition over the deal and its client.
    #[schema(value_type = Option<words::Condition>)]
    r#if: Option<serde_json::Value>,
    #[schema(min_items = 1, max_items = 20)]
    then: Vec<RuleAction>,
}
