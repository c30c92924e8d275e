//! Segments: saved conditions over deals or clients, with how many there are.

use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    people::access::Permission,
    workspace::{catalogue, custom_field::Entity},
};
use voronka_persistence::{
    Caller, Error, Listed, Look, Noun, Tenant, Unit,
    core::enum_names::to_name,
    now,
    workspace::segments::{self, Segment},
};

use crate::http::words;
use crate::{
    http::{
        Body, Call, Id, Reply, Responded,
        call::{CataloguesRead, CataloguesWrite},
    },
    page_of,
    state::App,
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Segment)]
pub struct SegmentBody {
    pub id: Uuid,
    #[schema(example = "Large and waiting")]
    pub name: String,
    /// What it selects: `deal` or `client`.
    #[schema(value_type = words::EntityKind)]
    #[schema(example = "deal")]
    pub entity: String,
    #[schema(value_type = words::Condition, example = json!({"field": "deal.amount", "op": "gte", "value": "100000"}))]
    pub condition: Json,
    /// How many deals that the caller sees, or clients, it holds for now. Null for a caller who may not read such, and
    /// in lists: it is counted where it is read by itself.
    #[schema(example = 17)]
    pub count: Option<i64>,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl SegmentBody {
    fn new(row: Segment, count: Option<i64>) -> Self {
        Self {
            id: row.id,
            name: row.name,
            entity: row.entity,
            condition: row.condition,
            count,
            archived: row.archived,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

page_of!(SegmentPage, SegmentBody);

/// A segment with its count.
fn counted(
    tenant: &mut Tenant<'_>,
    app: &App,
    caller: &Caller,
    row: Segment,
) -> Result<SegmentBody, Error> {
    let over = row.over()?;
    let condition = app.store.segment_condition(tenant, &row)?;
    if !condition.tree().needs(over).all(|permission| caller.may(permission)) {
        return Ok(SegmentBody::new(row, None));
    }
    let look = Look::of(caller, now());
    let count = segments::count(tenant, &look, over, &[condition.tree().clone()])?;
    Ok(SegmentBody::new(row, Some(count)))
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Large and waiting", "entity": "deal", "condition": {"all": [
    {"field": "deal.status", "op": "eq", "value": "open"},
    {"field": "deal.amount", "op": "gte", "value": "100000"},
    {"field": "deal.last_event_at", "op": "lt", "value": {"days": -30}}]}}))]
pub struct NewSegment {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// `deal` or `client`.
    #[schema(value_type = words::EntityKind)]
    pub entity: Entity,
    #[schema(value_type = words::Condition)]
    pub condition: Json,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Large and silent"}))]
pub struct SegmentPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(value_type = Option<words::Condition>, nullable = false)]
    pub condition: Option<Json>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub archived: Option<bool>,
}

/// List segments
///
/// Without their counts, which are theirs alone to read. `q` looks in the name.
#[utoipa::path(tag = "Segments", operation_id = "listSegments", security(("bearer" = ["catalogues:read"])),
    responses((status = 200, description = "A page of the list.", body = SegmentPage)))]
#[get("/v1/segments")]
pub async fn list(call: Call<CataloguesRead>) -> Responded {
    call.page(Segment::LIST, |tenant, _, _, query| {
        Ok(Segment::list(tenant, query)?.map(|row| SegmentBody::new(row, None)))
    })
    .await
}

/// Save a segment
///
/// A condition over deals (fields `deal.*`, and `client.*` of their clients) or over clients
/// (`client.*`), to be searched by and counted.
#[utoipa::path(tag = "Segments", operation_id = "createSegment", security(("bearer" = ["catalogues:write"])),
    request_body = NewSegment,
    responses((status = 201, description = "The new segment.", body = SegmentBody)))]
#[post("/v1/segments")]
pub async fn create(call: Call<CataloguesWrite>, body: Body<NewSegment>) -> Responded {
    call.no_parameters()?;
    let (new, app) = (body.value, call.app.clone());
    call.write(body.digest, move |unit, _| {
        let name = catalogue::name("/name", &new.name)?;
        checked(unit, &app, new.entity, &new.condition)?;
        let row = Segment {
            id: Uuid::now_v7(),
            name,
            entity: to_name(&new.entity),
            condition: new.condition,
            archived: false,
            version: 1,
            created_at: unit.now,
            updated_at: unit.now,
        };
        Segment::insert(unit, &row)?;
        let (location, version) = (format!("/v1/segments/{}", row.id), row.version);
        Ok(Reply::created(location, one(unit, &app, row)?, version))
    })
    .await
}

/// A condition that fits the fields, and looks at nothing that whoever writes it may not read.
fn checked(unit: &mut Unit<'_>, app: &App, over: Entity, condition: &Json) -> Result<(), Error> {
    let condition = app.store.condition(&mut unit.tenant, over, "/condition", condition)?;
    let needs = condition.tree().needs(over);
    // Segments over deals are written by who may not read deals: those that are counted count for who may.
    let needs = needs.filter(|permission| *permission != Permission::DealsRead);
    unit.caller.require_to_read("/condition", needs)
}

fn one(unit: &mut Unit<'_>, app: &App, row: Segment) -> Result<SegmentBody, Error> {
    let caller = unit.caller;
    counted(&mut unit.tenant, app, caller, row)
}

/// Read a segment
#[utoipa::path(tag = "Segments", operation_id = "getSegment", security(("bearer" = ["catalogues:read"])),
    params(("id" = Uuid, Path, description = "Id of the segment.")),
    responses((status = 200, description = "The segment with its count.", body = SegmentBody)))]
#[get("/v1/segments/{id}")]
pub async fn read(call: Call<CataloguesRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, app, caller| {
        let row = Segment::get(tenant, id.0)?;
        // No ETag: the count changes without the segment.
        Ok(Reply::ok(counted(tenant, app, caller, row)?))
    })
    .await
}

/// Change or archive a segment
#[utoipa::path(tag = "Segments", operation_id = "updateSegment", security(("bearer" = ["catalogues:write"])),
    request_body = SegmentPatch,
    params(("id" = Uuid, Path, description = "Id of the segment.")),
    responses((status = 200, description = "The segment after the change.", body = SegmentBody)))]
#[patch("/v1/segments/{id}")]
pub async fn update(call: Call<CataloguesWrite>, id: Id, body: Body<SegmentPatch>) -> Responded {
    call.no_parameters()?;
    let (change, app) = (body.value, call.app.clone());
    call.write(body.digest, move |unit, if_match| {
        let before = Segment::lock(unit, id.0, if_match)?;
        let mut row = before.clone();
        if let Some(name) = change.name {
            row.name = catalogue::name("/name", &name)?;
        }
        if let Some(condition) = change.condition {
            checked(unit, &app, before.over()?, &condition)?;
            row.condition = condition;
        }
        row.archived = change.archived.unwrap_or(row.archived);
        let row = Segment::save(unit, &before, row)?;
        let version = row.version;
        Ok(Reply::versioned(one(unit, &app, row)?, version))
    })
    .await
}
