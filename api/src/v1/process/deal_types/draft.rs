//! Drafts: the next version of a process while somebody works on it.

use actix_web::{delete, get, post, put};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    Refusal,
    process::{Mode, Published},
};
use voronka_persistence::{
    Error, Noun, Store, Tenant,
    core::enum_names::from_name,
    process::{
        deal_types::{self, DealType},
        drafts as process_drafts,
        drafts::ProcessDraft,
    },
};

use super::{DealTypeBody, NewProcessVersion, published};
use crate::{
    http::{
        Body, Call, Id, Reply, Responded,
        body::parse_item,
        call::{DealTypesRead, DealTypesWrite},
    },
    v1::bodies::obstacle::Obstacle,
};

/// The next version of a process as it was written so far.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ProcessDraft)]
pub struct ProcessDraftBody {
    pub deal_type_id: Uuid,
    /// As they were written: those of a sound draft are what a new version has.
    #[schema(value_type = Vec<Value>)]
    pub stages: Json,
    #[schema(value_type = Vec<Value>)]
    pub rules: Json,
    /// For what it would not be published as it is: all of it, with pointers into the draft.
    pub obstacles: Vec<Obstacle>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What somebody wrote. It is kept to the letter, and read when it is published.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"stages": [{"name": "Prospecting"}, {"name": "Offer"}, {"name": "Contract"}]}))]
pub struct ProcessDraftPut {
    /// Stages as of a new version, once they are sound.
    #[schema(value_type = Vec<Value>)]
    pub stages: Vec<Json>,
    /// Rules as of a new version, once they are sound.
    #[serde(default)]
    #[validate(length(max = 100))]
    #[schema(value_type = Vec<Value>, max_items = 100)]
    pub rules: Vec<Json>,
}

impl ProcessDraftBody {
    fn new(store: &Store, tenant: &mut Tenant<'_>, draft: ProcessDraft) -> Result<Self, Error> {
        let deal_type = DealType::get(tenant, draft.deal_type_id)?;
        let obstacles = match checked(store, tenant, &deal_type, &draft) {
            Ok(_) => Vec::new(),
            Err(Error::Refused(refusal)) => refusal.faults(),
            Err(error) => return Err(error),
        };
        let mut process = draft.process;
        Ok(Self {
            deal_type_id: draft.deal_type_id,
            stages: process["stages"].take(),
            rules: process["rules"].take(),
            obstacles: obstacles.into_iter().map(Obstacle::from).collect(),
            version: draft.version,
            created_at: draft.created_at,
            updated_at: draft.updated_at,
        })
    }
}

/// The version that it would become, or what is wrong with it.
fn checked(
    store: &Store,
    tenant: &mut Tenant<'_>,
    deal_type: &DealType,
    draft: &ProcessDraft,
) -> Result<Published, Error> {
    let read = parse_item::<NewProcessVersion>(&draft.process);
    let version = read.map_err(|problem| Refusal::Invalid(problem.faults().to_vec()))?;
    let mode = from_name(&deal_type.mode).unwrap_or(Mode::Manual);
    let (stages, rules) = version.into_drafts();
    deal_types::draft(store, tenant, mode, stages, rules)
}

/// Read the draft of a process
///
/// The next version of the process as it was written so far, and all for what it would not be published.
#[utoipa::path(tag = "Deal types", operation_id = "getProcessDraft", security(("bearer" = ["deal_types:read"])),
    params(("id" = Uuid, Path, description = "Id of the deal type.")),
    responses((status = 200, description = "The draft.", body = ProcessDraftBody)))]
#[get("/v1/deal-types/{id}/draft")]
pub async fn read_draft(call: Call<DealTypesRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, app, _| {
        let draft = process_drafts::of(tenant, id.0)?;
        let version = draft.version;
        Ok(Reply::versioned(ProcessDraftBody::new(&app.store, tenant, draft)?, version))
    })
    .await
}

/// Keep a draft of a process
///
/// In place of the draft that there is; a deal type has one at most. It need not be sound yet: `obstacles`
/// lists all for what it would not be published. No deal is on a draft.
#[utoipa::path(tag = "Deal types", operation_id = "putProcessDraft", security(("bearer" = ["deal_types:write"])),
    request_body = ProcessDraftPut,
    params(("id" = Uuid, Path, description = "Id of the deal type.")),
    responses((status = 200, description = "The draft.", body = ProcessDraftBody)))]
#[put("/v1/deal-types/{id}/draft")]
pub async fn put_draft(
    call: Call<DealTypesWrite>,
    id: Id,
    body: Body<ProcessDraftPut>,
) -> Responded {
    call.no_parameters()?;
    let ProcessDraftPut { stages, rules } = body.value;
    let process = json!({ "stages": stages, "rules": rules });
    call.write(body.digest, move |unit, if_match| {
        let draft = process_drafts::put(unit, id.0, if_match, process)?;
        let version = draft.version;
        let body = ProcessDraftBody::new(unit.store, &mut unit.tenant, draft)?;
        Ok(Reply::versioned(body, version))
    })
    .await
}

/// Drop the draft of a process
///
/// The published versions stay as they are.
#[utoipa::path(tag = "Deal types", operation_id = "deleteProcessDraft", security(("bearer" = ["deal_types:write"])),
    params(("id" = Uuid, Path, description = "Id of the deal type.")),
    responses((status = 200, description = "The draft as it was.", body = ProcessDraftBody)))]
#[delete("/v1/deal-types/{id}/draft")]
pub async fn delete_draft(call: Call<DealTypesWrite>, id: Id) -> Responded {
    call.no_parameters()?;
    call.write(Vec::new(), move |unit, if_match| {
        let draft = process_drafts::lock_of(unit, id.0, if_match)?;
        process_drafts::delete(unit, &draft)?;
        Ok(Reply::ok(ProcessDraftBody::new(unit.store, &mut unit.tenant, draft)?))
    })
    .await
}

/// Publish the draft of a process
///
/// It becomes the version that new deals start on; deals that are under way stay on theirs until they are
/// migrated. What is wrong with it refuses it, and every fault is listed.
#[utoipa::path(tag = "Deal types", operation_id = "publishProcessDraft", security(("bearer" = ["deal_types:write"])),
    params(("id" = Uuid, Path, description = "Id of the deal type.")),
    responses((status = 201, description = "The deal type with its new version.", body = DealTypeBody)))]
#[post("/v1/deal-types/{id}/draft/publish")]
pub async fn publish_draft(call: Call<DealTypesWrite>, id: Id) -> Responded {
    call.no_parameters()?;
    call.write(Vec::new(), move |unit, if_match| {
        let draft = process_drafts::lock_of(unit, id.0, if_match)?;
        let deal_type = DealType::get(&mut unit.tenant, id.0)?;
        let version = checked(unit.store, &mut unit.tenant, &deal_type, &draft)?;
        process_drafts::delete(unit, &draft)?;
        published(unit, deal_type, version)
    })
    .await
}
