//! Deals: opened, changed, moved, and explained.

mod batch;
mod body;
mod demand;
mod route;

pub use batch::*;
pub use demand::*;
pub use route::*;

use actix_web::{get, patch, post};
use body::TransitionBody;
use voronka_persistence::{
    Caller, Error, Tenant,
    core::list::{Page, Query},
    deals, now,
};

use crate::{
    http::{
        Body, Call, Id, Reply, Responded, Search,
        call::{DealsRead, DealsWrite},
        format::Workbook,
    },
    state::App,
    v1::bodies::{
        deal::{DealBody, DealPage, DealPatchBody, DealsFound},
        deal_line,
        new_deal::NewDealBody,
    },
};

/// List deals
///
/// Sellers see their own deals, heads their departments', unless the workspace lets everybody see all.
/// Custom fields filter and sort as `custom.<key>`, e.g. `?custom.delivery[gte]=2026-12-01`.
/// As JSON, CSV or XLSX, by `format` or the Accept header: JSON has a page, a sheet the whole list, with a column
/// `custom.<key>` for each custom field in use.
#[utoipa::path(tag = "Deals", operation_id = "listDeals", security(("bearer" = ["deals:read"])),
    params(("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    responses((status = 200, description = "A page of the list, or all of it as a sheet.", content(
        (DealPage = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/deals")]
pub async fn list(call: Call<DealsRead>) -> Responded {
    call.page_or_sheet(page, deal_line::SHEET).await
}

/// Search deals
///
/// By a condition over deals and their clients, a saved segment, or both; sorted and paged like the list, and
/// like it whole as CSV or XLSX.
#[utoipa::path(tag = "Deals", operation_id = "searchDeals", security(("bearer" = ["deals:read"])),
    params(("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    request_body = Search,
    responses((status = 200, description = "A page of what was found, or all of it as a sheet.", content(
        (DealsFound = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[post("/v1/deals/search")]
pub async fn search(call: Call<DealsRead>, body: Body<Search>) -> Responded {
    call.search_or_sheet(body.value, page, deal_line::SHEET).await
}

fn page(
    tenant: &mut Tenant<'_>,
    app: &App,
    caller: &Caller,
    query: Query,
) -> Result<Page<DealBody>, Error> {
    let Page { items, next } = app.store.deals(tenant, caller, query)?;
    Ok(Page { items: DealBody::all(tenant, caller, now(), items)?, next })
}

/// Open a deal
///
/// It starts in the first stage of its type's current process, unless `stage_key` says otherwise. Where its type or
/// the workspace requires the primary demand, it is opened with `demand`.
#[utoipa::path(tag = "Deals", operation_id = "createDeal", security(("bearer" = ["deals:write"])),
    request_body = NewDealBody,
    responses((status = 201, description = "The new deal.", body = DealBody)))]
#[post("/v1/deals")]
pub async fn create(call: Call<DealsWrite>, body: Body<NewDealBody>) -> Responded {
    call.no_parameters()?;
    let new = body.value;
    call.write_deal(body.digest, move |unit, _| batch::created(unit, new)).await
}

/// Read a deal
#[utoipa::path(tag = "Deals", operation_id = "getDeal", security(("bearer" = ["deals:read"])),
    params(("id" = Uuid, Path, description = "Id of the deal.")),
    responses((status = 200, description = "The deal.", body = DealBody)))]
#[get("/v1/deals/{id}")]
pub async fn read(call: Call<DealsRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, app, caller| {
        let stored = app.store.deal(tenant, &caller.visibility, id.0)?;
        let version = stored.deal.sequence;
        Ok(Reply::versioned(DealBody::one(tenant, caller, now(), stored)?, version))
    })
    .await
}

/// Change a deal
///
/// Changes fields; the stage and the status change by a transition. The amount, the owner and the
/// expected close of a closed deal are history and do not change.
#[utoipa::path(tag = "Deals", operation_id = "updateDeal", security(("bearer" = ["deals:write"])),
    request_body = DealPatchBody,
    params(("id" = Uuid, Path, description = "Id of the deal.")),
    responses((status = 200, description = "The deal after the change.", body = DealBody)))]
#[patch("/v1/deals/{id}")]
pub async fn update(call: Call<DealsWrite>, id: Id, body: Body<DealPatchBody>) -> Responded {
    call.no_parameters()?;
    let patch = body.value;
    call.write_deal(body.digest, move |unit, if_match| batch::changed(unit, id.0, if_match, patch))
        .await
}

/// Move a deal
///
/// To a stage, to the next one, to won or lost, back to open, on hold, or on again. A gate that is not
/// met refuses the move and lists every requirement. Of two moves at the same moment, one wins.
#[utoipa::path(tag = "Deals", operation_id = "transitionDeal", security(("bearer" = ["deals:write"])),
    request_body = TransitionBody,
    params(("id" = Uuid, Path, description = "Id of the deal.")),
    responses((status = 200, description = "The deal after the move, or as it would be.", body = DealBody)))]
#[post("/v1/deals/{id}/transition")]
pub async fn transition(call: Call<DealsWrite>, id: Id, body: Body<TransitionBody>) -> Responded {
    call.no_parameters()?;
    let (to, validate_only) = body.value.into_transition()?;
    call.write_deal(body.digest, move |unit, if_match| {
        let stored = deals::transition(unit, id.0, if_match, to, validate_only)?;
        batch::after(unit, stored)
    })
    .await
}
