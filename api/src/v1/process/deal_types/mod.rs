//! Deal types: sales processes, in versions that never change.

mod body;
mod draft;
pub mod preset;

use actix_web::{get, patch, post};
use uuid::Uuid;
use voronka_domain::{
    deals::migration::may_migrate,
    people::access::Permission,
    process::{Mode, Process, Published},
    workspace::catalogue,
};
use voronka_persistence::{
    Error, Listed, Noun, Unit,
    core::enum_names::{from_name, to_name},
    deals,
    process::deal_types::{self, DealType},
};

pub use body::*;
pub use draft::*;
pub use preset::*;

use crate::http::{
    Body, Call, Id, Reply, Responded,
    call::{DealTypesRead, DealTypesWrite, VersionIds},
};

/// List deal types
#[utoipa::path(tag = "Deal types", operation_id = "listDealTypes", security(("bearer" = ["deal_types:read"])),
    responses((status = 200, description = "A page of the list.", body = DealTypePage)))]
#[get("/v1/deal-types")]
pub async fn list(call: Call<DealTypesRead>) -> Responded {
    call.page(DealType::LIST, |tenant, app, _, query| {
        let page = DealType::list(tenant, query)?;
        let load = |row| DealTypeBody::load(&app.store, tenant, row);
        let items = page.items.into_iter().map(load).collect::<Result<_, _>>()?;
        Ok(voronka_persistence::core::list::Page { items, next: page.next })
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
    let process = NewProcessVersion { stages: new.stages, rules: new.rules };
    let (drafts, rules) = process.into_drafts();
    let published = deal_types::draft(unit.store, &mut unit.tenant, new.mode, drafts, rules)?;
    let row = DealType {
        id: Uuid::now_v7(),
        name: catalogue::name("/name", &new.name)?,
        mode: to_name(&new.mode),
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
    DealType::insert(unit, &row)?;
    let version = deal_types::publish(unit, row.id, row.current_version_id, &published)?;
    let process = Process::of(row.current_version_id, row.id, version.number, published);
    Ok(DealTypeBody::new(row, &process))
}

/// Read a deal type
#[utoipa::path(tag = "Deal types", operation_id = "getDealType", security(("bearer" = ["deal_types:read"])),
    params(("id" = Uuid, Path, description = "Id of the deal type.")),
    responses((status = 200, description = "The deal type with the stages of its current version.", body = DealTypeBody)))]
#[get("/v1/deal-types/{id}")]
pub async fn read(call: Call<DealTypesRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, app, _| {
        let row = DealType::get(tenant, id.0)?;
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
        let before = DealType::lock(unit, id.0, if_match)?;
        let mut row = before.clone();
        if let Some(name) = patch.name {
            row.name = catalogue::name("/name", &name)?;
        }
        row.enabled = patch.enabled.unwrap_or(row.enabled);
        row.allow_skip = patch.allow_skip.unwrap_or(row.allow_skip);
        row.allow_back = patch.allow_back.unwrap_or(row.allow_back);
        row.require_primary_demand =
            patch.require_primary_demand.unwrap_or(row.require_primary_demand);
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
    let row = DealType::save(unit, before, row)?;
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
        DealType::get(tenant, id.0)?;
        let mut items = Vec::new();
        for version in deal_types::versions(tenant, id.0)? {
            let process = app.store.process(tenant, version.id)?;
            items.push(ProcessVersion::new(&version, &process));
        }
        Ok(Reply::ok(ProcessVersions { items }))
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
    let (drafts, rules) = body.value.into_drafts();
    call.write(body.digest, move |unit, if_match| {
        let before = DealType::lock(unit, id.0, if_match)?;
        let mode = from_name(&before.mode).unwrap_or(Mode::Manual);
        let version = deal_types::draft(unit.store, &mut unit.tenant, mode, drafts, rules)?;
        published(unit, before, version)
    })
    .await
}

/// Makes a version the current one of its type, which is held.
fn published(
    unit: &mut Unit<'_>,
    before: DealType,
    published: Published,
) -> Result<Reply<DealTypeBody>, Error> {
    let earlier = unit.store.processes_of(&mut unit.tenant, before.id)?;
    let published = published.after(&earlier);
    let version = deal_types::publish(unit, before.id, Uuid::now_v7(), &published)?;
    let row = DealType { current_version_id: version.id, ..before.clone() };
    let row = DealType::save(unit, &before, row)?;
    let process = Process::of(version.id, row.id, version.number, published);
    let (location, etag) = (format!("/v1/deal-types/{}/versions", row.id), row.version);
    Ok(Reply::created(location, DealTypeBody::new(row, &process), etag))
}

/// Withdraw a version of a process
///
/// For one that was published by mistake: new deals start on the last version that is left, and reports show
/// that one. Deals that are on it stay until they are migrated. The only version that is left cannot be withdrawn;
/// one that is withdrawn already stays so.
#[utoipa::path(tag = "Deal types", operation_id = "withdrawProcessVersion", security(("bearer" = ["deal_types:write"])),
    params(("id" = Uuid, Path, description = "Id of the deal type."),
        ("version_id" = Uuid, Path, description = "Id of the version.")),
    responses((status = 200, description = "The deal type with the version that new deals start on.", body = DealTypeBody)))]
#[post("/v1/deal-types/{id}/versions/{version_id}/withdraw")]
pub async fn withdraw_version(call: Call<DealTypesWrite>, ids: VersionIds) -> Responded {
    call.no_parameters()?;
    call.write(Vec::new(), move |unit, if_match| {
        let before = DealType::lock(unit, ids.id, if_match)?;
        let row = deal_types::withdraw(unit, before, ids.version_id)?;
        let process = unit.process(row.current_version_id)?;
        let version = row.version;
        Ok(Reply::versioned(DealTypeBody::new(row, &process), version))
    })
    .await
}

/// Take open deals to the current version
///
/// Every open deal of the type that is on an earlier version goes on in the current one: in the stage of
/// the same key, or in the one that `mapping` names. A stage further on than the deal's own is reached
/// through the gates of the new version, unless an `override_reason` is given; a deal that a gate refuses
/// stays where it is and is listed. With `dry_run` nothing changes. History is not rewritten. As it moves deals, and
/// tells of them, it needs `deals:write` too.
#[utoipa::path(tag = "Deal types", operation_id = "migrateDeals", security(("bearer" = ["deal_types:write"])),
    request_body = Migration,
    params(("id" = Uuid, Path, description = "Id of the deal type.")),
    responses((status = 200, description = "What became of the deals, or would.", body = MigrationResult)))]
#[post("/v1/deal-types/{id}/migrate")]
pub async fn migrate(call: Call<DealTypesWrite>, id: Id, body: Body<Migration>) -> Responded {
    call.no_parameters()?;
    let Migration { mapping, override_reason, dry_run } = body.value;
    call.write(body.digest, move |unit, if_match| {
        may_migrate(unit.caller.may(Permission::DealsWrite))?;
        let deal_type = DealType::lock(unit, id.0, if_match)?;
        let reason = override_reason.as_deref();
        let done = deals::migrate(unit, &deal_type, &mapping, reason, dry_run)?;
        Ok(Reply::ok(MigrationResult::from(done)))
    })
    .await
}
