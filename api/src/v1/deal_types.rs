//! Deal types: sales processes, in versions that never change.

use std::sync::Arc;

use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    catalogue,
    gate::Draft,
    process::{Mode, Process, Stage, StageDraft},
};
use voronka_persistence::{
    Error, Store, Tenant, Unit,
    deal_types::{self, DealType},
    words::{from_word, to_word},
};

use crate::{
    http::{
        Body, Call, Id, Reply, Responded,
        call::{DealTypesRead, DealTypesWrite},
    },
    page_of,
};

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
    #[serde(with = "super::number")]
    pub probability: Decimal,
    /// Working days that a deal may stay before it is overdue.
    #[schema(value_type = Option<f64>, example = 7)]
    #[serde(with = "super::number::option")]
    pub norm_days: Option<Decimal>,
    /// What must be true to leave the stage forwards.
    #[schema(value_type = Vec<GateRequirement>)]
    pub gate: Vec<serde_json::Value>,
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
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl DealTypeBody {
    fn new(row: DealType, process: &Process) -> Self {
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
            archived: row.archived,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }

    fn load(store: &Store, tenant: &mut Tenant<'_>, row: DealType) -> Result<Self, Error> {
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
}

impl From<&Arc<Process>> for ProcessVersion {
    fn from(process: &Arc<Process>) -> Self {
        Self {
            id: process.version_id,
            deal_type_id: process.deal_type_id,
            number: process.number,
            stages: process.stages.iter().map(StageBody::from).collect(),
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
    #[serde(default, with = "super::number::option")]
    pub probability: Option<Decimal>,
    #[schema(value_type = Option<f64>, exclusive_minimum = 0, maximum = 3_650, example = 7)]
    #[serde(default, with = "super::number::option")]
    pub norm_days: Option<Decimal>,
    #[serde(default)]
    #[schema(value_type = Vec<GateRequirement>, max_items = 50)]
    pub gate: Vec<Draft>,
}

impl From<NewStage> for StageDraft {
    fn from(stage: NewStage) -> Self {
        let NewStage { name, key, goal, probability, norm_days, gate } = stage;
        Self { key, name, goal, probability, norm_days, gate }
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
}

/// List deal types
#[utoipa::path(tag = "Deal types", operation_id = "listDealTypes", security(("bearer" = ["deal_types:read"])),
    responses((status = 200, description = "A page of the list.", body = DealTypePage)))]
#[get("/v1/deal-types")]
pub async fn list(call: Call<DealTypesRead>) -> Responded {
    call.page(&deal_types::LIST, |tenant, app, _, query| {
        let page = deal_types::list(tenant, query)?;
        let load = |row| DealTypeBody::load(&app.store, tenant, row);
        let items = page.items.into_iter().map(load).collect::<Result<_, _>>()?;
        Ok(voronka_persistence::list::Page { items, next: page.next })
    })
    .await
}

/// Create a deal type
///
/// Publishes version 1 of its process. Only the name, the mode and, for a manual type, stages with a
/// name each are required.
#[utoipa::path(tag = "Deal types", operation_id = "createDealType", security(("bearer" = ["deal_types:write"])),
    request_body = NewDealType,
    responses((status = 201, description = "The new deal type.", body = DealTypeBody)))]
#[post("/v1/deal-types")]
pub async fn create(call: Call<DealTypesWrite>, body: Body<NewDealType>) -> Responded {
    call.no_parameters()?;
    let new = body.value;
    call.write(body.digest, move |unit, _| {
        let body = create_type(unit, new)?;
        let (location, version) = (format!("/v1/deal-types/{}", body.id), body.version);
        Ok(Reply::created(location, body, version))
    })
    .await
}

pub(crate) fn create_type(unit: &mut Unit<'_>, new: NewDealType) -> Result<DealTypeBody, Error> {
    let drafts = new.stages.into_iter().map(StageDraft::from).collect();
    let stages = deal_types::draft(unit, new.mode, drafts)?;
    let row = DealType {
        id: Uuid::now_v7(),
        name: catalogue::name("/name", &new.name)?,
        mode: to_word(&new.mode),
        enabled: new.enabled.unwrap_or(true),
        allow_skip: new.allow_skip.unwrap_or(true),
        allow_back: new.allow_back.unwrap_or(true),
        require_primary_demand: new.require_primary_demand.unwrap_or(false),
        current_version_id: Uuid::now_v7(),
        archived: false,
        version: 1,
        created_at: unit.now,
        updated_at: unit.now,
    };
    check_demand(row.require_primary_demand)?;
    deal_types::insert(unit, &row)?;
    deal_types::publish(unit, row.id, row.current_version_id, 1, &stages)?;
    let process =
        Process { version_id: row.current_version_id, deal_type_id: row.id, number: 1, stages };
    Ok(DealTypeBody::new(row, &process))
}

/// A switch that nothing obeys would be a lie.
fn check_demand(required: bool) -> Result<(), Error> {
    if required {
        let detail = "Primary demand is not supported yet.";
        return Err(Error::invalid("/require_primary_demand", "not_supported_yet", detail));
    }
    Ok(())
}

/// Read a deal type
#[utoipa::path(tag = "Deal types", operation_id = "getDealType", security(("bearer" = ["deal_types:read"])),
    params(("id" = Uuid, Path, description = "Id of the deal type.")),
    responses((status = 200, description = "The deal type with the stages of its current version.", body = DealTypeBody)))]
#[get("/v1/deal-types/{id}")]
pub async fn read(call: Call<DealTypesRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, app, _| {
        let row = deal_types::get(tenant, id.0)?;
        let version = row.version;
        Ok(Reply::versioned(DealTypeBody::load(&app.store, tenant, row)?, version))
    })
    .await
}

/// Change a deal type
///
/// The switches hold for all deals of the type at once. Stages change by a new version.
#[utoipa::path(tag = "Deal types", operation_id = "updateDealType", security(("bearer" = ["deal_types:write"])),
    request_body = DealTypePatch,
    params(("id" = Uuid, Path, description = "Id of the deal type.")),
    responses((status = 200, description = "The deal type after the change.", body = DealTypeBody)))]
#[patch("/v1/deal-types/{id}")]
pub async fn update(call: Call<DealTypesWrite>, id: Id, body: Body<DealTypePatch>) -> Responded {
    call.no_parameters()?;
    let patch = body.value;
    call.write(body.digest, move |unit, if_match| {
        let before = deal_types::lock(unit, id.0, if_match)?;
        let mut row = before.clone();
        if let Some(name) = patch.name {
            row.name = catalogue::name("/name", &name)?;
        }
        row.enabled = patch.enabled.unwrap_or(row.enabled);
        row.allow_skip = patch.allow_skip.unwrap_or(row.allow_skip);
        row.allow_back = patch.allow_back.unwrap_or(row.allow_back);
        row.require_primary_demand =
            patch.require_primary_demand.unwrap_or(row.require_primary_demand);
        check_demand(row.require_primary_demand)?;
        row.archived = patch.archived.unwrap_or(row.archived);
        saved(unit, &before, row)
    })
    .await
}

fn saved(
    unit: &mut Unit<'_>,
    before: &DealType,
    row: DealType,
) -> Result<Reply<DealTypeBody>, Error> {
    let row = deal_types::save(unit, before, row)?;
    let process = unit.process(row.current_version_id)?;
    let version = row.version;
    Ok(Reply::versioned(DealTypeBody::new(row, &process), version))
}

/// List the versions of a process
///
/// The newest first. Published versions never change: a deal keeps the version it started on.
#[utoipa::path(tag = "Deal types", operation_id = "listProcessVersions", security(("bearer" = ["deal_types:read"])),
    params(("id" = Uuid, Path, description = "Id of the deal type.")),
    responses((status = 200, description = "Every version.", body = ProcessVersions)))]
#[get("/v1/deal-types/{id}/versions")]
pub async fn versions(call: Call<DealTypesRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, app, _| {
        deal_types::get(tenant, id.0)?;
        let processes = app.store.processes_of(tenant, id.0)?;
        Ok(Reply::ok(ProcessVersions { items: processes.iter().map(Into::into).collect() }))
    })
    .await
}

/// Publish a version of a process
///
/// New deals start on it; deals that are under way stay on theirs. A stage that keeps its key is the
/// same stage in funnels.
#[utoipa::path(tag = "Deal types", operation_id = "publishProcessVersion", security(("bearer" = ["deal_types:write"])),
    request_body = NewProcessVersion,
    params(("id" = Uuid, Path, description = "Id of the deal type.")),
    responses((status = 201, description = "The deal type with its new version.", body = DealTypeBody)))]
#[post("/v1/deal-types/{id}/versions")]
pub async fn publish_version(
    call: Call<DealTypesWrite>,
    id: Id,
    body: Body<NewProcessVersion>,
) -> Responded {
    call.no_parameters()?;
    let drafts = body.value.stages.into_iter().map(StageDraft::from).collect();
    call.write(body.digest, move |unit, if_match| {
        let before = deal_types::lock(unit, id.0, if_match)?;
        let mode = from_word(&before.mode).unwrap_or(Mode::Manual);
        let stages = deal_types::draft(unit, mode, drafts)?;
        let number = unit.process(before.current_version_id)?.number.saturating_add(1);
        let version = deal_types::publish(unit, before.id, Uuid::now_v7(), number, &stages)?;
        let row = DealType { current_version_id: version.id, ..before.clone() };
        let row = deal_types::save(unit, &before, row)?;
        let process = Process { version_id: version.id, deal_type_id: row.id, number, stages };
        let (location, etag) = (format!("/v1/deal-types/{}/versions", row.id), row.version);
        Ok(Reply::created(location, DealTypeBody::new(row, &process), etag))
    })
    .await
}
