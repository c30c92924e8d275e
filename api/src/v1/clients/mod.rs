//! Clients: organisations and persons.

mod batch;
mod body;
pub mod contacts;
mod duplicates;
mod facet;
mod line;
mod merge;

pub use batch::*;
pub use body::{ClientBody, ClientPage, ClientsFound};
pub use duplicates::*;
pub use facet::*;
pub use merge::*;

use actix_web::{get, patch, post};
use voronka_persistence::{
    Caller, Error, Noun, Tenant, Unit,
    clients::{self, Client},
    core::list::{Page, Query},
};

use crate::{
    http::{
        Body, Call, Id, Reply, Responded, Search,
        call::{ClientsRead, ClientsWrite},
        format::Workbook,
    },
    state::App,
    v1::bodies::client::{ClientPatch, NewClient},
};

/// List clients
///
/// `q` looks in the name. Custom fields filter and sort as `custom.<key>`. Clients that have become part of others are listed with `merged=true`.
/// As JSON, CSV or XLSX, by `format` or the Accept header: JSON has a page, a sheet the whole list, with a column
/// `custom.<key>` for each custom field in use.
#[utoipa::path(tag = "Clients", operation_id = "listClients", security(("bearer" = ["clients:read"])),
    params(("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    responses((status = 200, description = "A page of the list, or all of it as a sheet.", content(
        (ClientPage = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/clients")]
pub async fn list(call: Call<ClientsRead>) -> Responded {
    call.page_or_sheet(page, line::SHEET).await
}

fn page(
    tenant: &mut Tenant<'_>,
    _: &App,
    _: &Caller,
    query: Query,
) -> Result<Page<ClientBody>, Error> {
    Ok(clients::list(tenant, query)?.map(ClientBody::from))
}

/// Search clients
///
/// By a condition over clients, a saved segment, or both; sorted and paged like the list, and like it whole
/// as CSV or XLSX.
#[utoipa::path(tag = "Clients", operation_id = "searchClients", security(("bearer" = ["clients:read"])),
    params(("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    request_body = Search,
    responses((status = 200, description = "A page of what was found, or all of it as a sheet.", content(
        (ClientsFound = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[post("/v1/clients/search")]
pub async fn search(call: Call<ClientsRead>, body: Body<Search>) -> Responded {
    call.search_or_sheet(body.value, page, line::SHEET).await
}

/// Create a client
///
/// Only the name is required.
#[utoipa::path(tag = "Clients", operation_id = "createClient", security(("bearer" = ["clients:write"])),
    request_body = NewClient,
    responses((status = 201, description = "The new client.", body = ClientBody)))]
#[post("/v1/clients")]
pub async fn create(call: Call<ClientsWrite>, body: Body<NewClient>) -> Responded {
    call.no_parameters()?;
    let new = body.value;
    call.write(body.digest, move |unit, _| created(unit, new)).await
}

fn created(unit: &mut Unit<'_>, new: NewClient) -> Result<Reply<ClientBody>, Error> {
    let row = new.record(unit)?;
    let (location, version) = (format!("/v1/clients/{}", row.id), row.version);
    Ok(Reply::created(location, ClientBody::from(row), version))
}

/// Read a client
///
/// A client that has become part of another one is answered as that one, whose address is in
/// `Content-Location`.
#[utoipa::path(tag = "Clients", operation_id = "getClient", security(("bearer" = ["clients:read"])),
    params(("id" = Uuid, Path, description = "Id of the client.")),
    responses((status = 200, description = "The client.", body = ClientBody)))]
#[get("/v1/clients/{id}")]
pub async fn read(call: Call<ClientsRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, _| {
        let asked = Client::get(tenant, id.0)?;
        let row = match asked.merged_into {
            Some(survivor) => Client::get(tenant, survivor)?,
            None => asked,
        };
        let (place, version) = (format!("/v1/clients/{}", row.id), row.version);
        Ok(Reply::versioned(ClientBody::from(row), version).at(place))
    })
    .await
}

/// Change a client
///
/// Absent fields stay as they are; null clears a field. Lists are replaced as a whole.
#[utoipa::path(tag = "Clients", operation_id = "updateClient", security(("bearer" = ["clients:write"])),
    request_body = ClientPatch,
    params(("id" = Uuid, Path, description = "Id of the client.")),
    responses((status = 200, description = "The client after the change.", body = ClientBody)))]
#[patch("/v1/clients/{id}")]
pub async fn update(call: Call<ClientsWrite>, id: Id, body: Body<ClientPatch>) -> Responded {
    call.no_parameters()?;
    let patch = body.value;
    call.write(body.digest, move |unit, if_match| {
        let before = clients::lock_unmerged(unit, id.0, if_match)?;
        changed(unit, before, patch)
    })
    .await
}

fn changed(
    unit: &mut Unit<'_>,
    before: Client,
    patch: ClientPatch,
) -> Result<Reply<ClientBody>, Error> {
    let row = applied(unit, before.clone(), patch)?;
    let row = Client::save(unit, &before, row)?;
    let version = row.version;
    Ok(Reply::versioned(ClientBody::from(row), version))
}

/// The row after a change, with what the database knows of its fields.
fn applied(unit: &mut Unit<'_>, before: Client, mut patch: ClientPatch) -> Result<Client, Error> {
    clients::check_owner(&mut unit.tenant, patch.owner_id.as_set().copied())?;
    let custom = std::mem::take(&mut patch.custom);
    let mut row = patch.apply(before, unit.caller.settings.country)?;
    row.custom = clients::change_custom(unit, &row.custom, custom)?;
    Ok(row)
}
