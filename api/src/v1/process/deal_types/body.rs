//! Deal types and processes as requests and answers have them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    Fault,
    process::{Mode, Process, Stage, StageDraft, rule::RuleDraft},
};
use voronka_persistence::{
    Error, Store, Tenant,
    deals::Migrated,
    process::deal_types::{DealType, Version},
};

use crate::http::words;
use crate::{
    page_of,
    v1::bodies::{
        obstacle::Obstacle,
        process::{GateRequirement, Performer, ProcessRule, TaskTemplate},
    },
};

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
    #[serde(with = "voronka_domain::kernel::number")]
    pub probability: Decimal,
    /// Working days that a deal may stay before it is overdue.
    #[schema(value_type = Option<f64>, example = 7)]
    #[serde(with = "voronka_domain::kernel::number::option")]
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
    #[serde(with = "voronka_domain::kernel::number::option")]
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
    #[schema(value_type = words::DealTypeMode)]
    #[schema(example = "manual")]
    pub mode: String,
    /// Whether new deals may be opened.
    pub enabled: bool,
    /// Whether deals may skip stages. The gates of skipped stages hold all the same.
    pub allow_skip: bool,
    /// Whether deals may go back.
    pub allow_back: bool,
    /// Whether new deals are opened with a primary demand.
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
    pub published_at: DateTime<Utc>,
    /// When it was withdrawn, as published by mistake.
    pub withdrawn_at: Option<DateTime<Utc>>,
    pub stages: Vec<StageBody>,
    #[schema(value_type = Vec<ProcessRule>)]
    pub rules: serde_json::Value,
}

impl ProcessVersion {
    pub(super) fn new(version: &Version, process: &Process) -> Self {
        Self {
            published_at: version.created_at,
            withdrawn_at: version.withdrawn_at,
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
#[derive(Clone, Deserialize, Validate, ToSchema)]
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
    #[serde(default, with = "voronka_domain::kernel::number::option")]
    pub probability: Option<Decimal>,
    #[schema(value_type = Option<f64>, exclusive_minimum = 0, maximum = 3_650, example = 7)]
    #[serde(default, with = "voronka_domain::kernel::number::option")]
    pub norm_days: Option<Decimal>,
    #[serde(default)]
    #[schema(max_items = 50)]
    pub gate: Vec<GateRequirement>,
    /// Of an automatic type only. Without a gate, the stage is left when they are done.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub tasks: Vec<TaskTemplate>,
    /// Whom a deal goes to when it enters the stage; it stays with its owner by default.
    pub performer: Option<Performer>,
    /// What a visit to the stage costs, in the workspace's base currency: at most 999,999,999,999,999.
    #[schema(value_type = Option<f64>, minimum = 0, example = 12.5)]
    #[serde(default, with = "voronka_domain::kernel::number::option")]
    pub cost: Option<Decimal>,
}

impl From<NewStage> for StageDraft {
    fn from(stage: NewStage) -> Self {
        let NewStage { name, key, goal, probability, norm_days, gate, tasks, performer, cost } =
            stage;
        let gate = gate.into_iter().map(Into::into).collect();
        let tasks = tasks.into_iter().map(Into::into).collect();
        let performer = performer.map(Into::into);
        Self { key, name, goal, probability, norm_days, gate, tasks, performer, cost }
    }
}

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Typical sale", "mode": "manual", "stages": [
    {"key": "prospecting", "name": "Prospecting", "probability": 0.1, "norm_days": 7},
    {"key": "engaging", "name": "Engaging", "probability": 0.4, "gate": [{"kind": "field", "field": "client_id"}]}]}))]
pub struct NewDealType {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    #[schema(value_type = words::DealTypeMode)]
    pub mode: Mode,
    #[serde(default)]
    pub stages: Vec<NewStage>,
    #[serde(default)]
    #[schema(max_items = 100)]
    pub rules: Vec<ProcessRule>,
    /// True by default.
    pub enabled: Option<bool>,
    /// True by default.
    pub allow_skip: Option<bool>,
    /// True by default.
    pub allow_back: Option<bool>,
    /// Whether new deals are opened with a primary demand; false by default.
    pub require_primary_demand: Option<bool>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"allow_skip": false}))]
pub struct DealTypePatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
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
    #[schema(max_items = 100)]
    pub rules: Vec<ProcessRule>,
}

impl NewProcessVersion {
    pub(super) fn into_drafts(self) -> (Vec<StageDraft>, Vec<RuleDraft>) {
        let Self { stages, rules } = self;
        (stages.into_iter().map(Into::into).collect(), rules.into_iter().map(Into::into).collect())
    }
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
    #[validate(length(min = 1, max = crate::http::limits::NOTE))]
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
