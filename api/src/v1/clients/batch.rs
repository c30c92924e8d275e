//! Clients by their ids in another system, and many at once.

use actix_web::{post, put};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::kernel::fault::Faults;
use voronka_persistence::{
    Error, Noun, Seen, Unit,
    clients::{self, Client},
};

use super::{applied, body::ClientBody, changed, created};
use crate::{
    http::{
        Body, Call, ExternalPath, Problem, Reply, Responded,
        batch::{self, BatchResult, Failure},
        body::parse_item,
        call::ClientsWrite,
    },
    v1::bodies::{
        client::{ClientPatch, NewClient},
        external_id::ExternalIdBody,
    },
};

/// Create or change a client by its external id
///
/// Creates the client that the other system has under this id, or changes the one that has the id already:
/// absent fields stay as they are, null clears a field. Repeated, it changes nothing. Of two at the same
/// moment one creates and the other changes. The id of a client that has become part of another one means
/// that one. A slash in the path's source or id is written `%2F`.
#[utoipa::path(tag = "Clients", operation_id = "upsertClient", security(("bearer" = ["clients:write"])),
    request_body = ClientPatch,
    params(("source" = String, Path, pattern = "[!-~\u{a1}-\u{d7ff}]", description = "Names the other system.", example = "erp"),
        ("external_id" = String, Path, pattern = "[!-~\u{a1}-\u{d7ff}]", description = "The client's id in that system.", example = "4711")),
    responses((status = 200, description = "The client after the change.", body = ClientBody),
        (status = 201, description = "The new client.", body = ClientBody)))]
#[put("/v1/clients/by-external-id/{source}/{external_id}")]
pub async fn upsert(
    call: Call<ClientsWrite>,
    path: ExternalPath,
    body: Body<ClientPatch>,
) -> Responded {
    call.no_parameters()?;
    let (patch, external) = (body.value, ExternalIdBody { source: path.source, id: path.id });
    call.write(body.digest, move |unit, if_match| put_one(unit, external, if_match, patch)).await
}

fn put_one(
    unit: &mut Unit<'_>,
    external: ExternalIdBody,
    if_match: Option<Seen>,
    patch: ClientPatch,
) -> Result<Reply<ClientBody>, Error> {
    let mut faults = Faults::default();
    if !patch.external_id.is_absent() {
        faults.add("/external_id", "ambiguous", "The path says it.");
    }
    let (source, id) = external.checked(&mut faults);
    faults.into_result()?;
    if let Some(before) = clients::lock_external(unit, &source, &id, if_match)? {
        return changed(unit, before, patch);
    }
    if patch.name.is_none() {
        // What is wrong with the rest is said whether there is such a client or not.
        patch.apply(Client::new(String::new(), unit.now), unit.caller.settings.country)?;
        return Err(Error::invalid("/name", "required", "A new client needs a name."));
    }
    let new = Client {
        external_source: Some(source),
        external_id: Some(id),
        ..Client::new(String::new(), unit.now)
    };
    let row = applied(unit, new, patch)?;
    Client::insert(unit, &row)?;
    let (location, version) = (format!("/v1/clients/{}", row.id), row.version);
    Ok(Reply::created(location, ClientBody::from(row), version))
}

/// A command of a batch: the fields of a new client, or of a change.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code)]
pub struct ClientItem {
    /// `create`, `update` (the client with this `id`) or `upsert` (the client with this `external_id`).
    #[schema(example = "upsert")]
    pub op: String,
    /// Of an update.
    pub id: Option<Uuid>,
    /// Of an update or an upsert: the version that the caller saw; it is refused if it is not the present one.
    pub version: Option<i32>,
    #[serde(flatten)]
    pub client: ClientPatch,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [{"op": "create", "name": "Isdom Engineering"},
    {"op": "upsert", "external_id": {"source": "erp", "id": "4711"}, "name": "Isdom Engineering", "class": "A"}]}))]
pub struct ClientBatch {
    /// 1 to 1,000.
    #[schema(value_type = Vec<ClientItem>, min_items = 1, max_items = 1_000)]
    pub items: Vec<Value>,
    /// Whether a refusal of one refuses all; by default each stands by itself.
    #[serde(default)]
    pub atomic: bool,
}

/// Create and change many clients
///
/// Up to 1,000 commands, carried out in their order. The answer has for each the status and the body of
/// the operation itself, or the problem; what is refused changes nothing. With `atomic`, a refusal of one
/// refuses all with 422, and `errors` lists the faults of each. Items with status 503 are carried out when the
/// request is sent again with its Idempotency-Key.
#[utoipa::path(tag = "Clients", operation_id = "batchClients", security(("bearer" = ["clients:write"])),
    request_body = ClientBatch,
    responses((status = 207, description = "What became of each command.", body = BatchResult)))]
#[post("/v1/clients/batch")]
pub async fn many(call: Call<ClientsWrite>, body: Body<ClientBatch>) -> Responded {
    call.no_parameters()?;
    let ClientBatch { items, atomic } = body.value;
    call.write(body.digest, move |unit, _| {
        batch::check_length(&items)?;
        batch::hold(unit, |unit| lock_all(unit, &items))?;
        batch::run(unit, atomic, items, one)
    })
    .await
}

/// In one order, so that two batches do not wait for each other.
fn lock_all(unit: &mut Unit<'_>, items: &[Value]) -> Result<(), Error> {
    let text =
        |item: &Value, pointer| item.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let external = |item| text(item, "/external_id/source").zip(text(item, "/external_id/id"));
    let ids = items.iter().filter_map(|item| text(item, "/id")?.parse().ok()).collect();
    clients::lock_all(unit, ids, items.iter().filter_map(external).collect())
}

fn one(unit: &mut Unit<'_>, mut item: Value) -> Result<Reply<ClientBody>, Failure> {
    let op: String = batch::required(batch::take(&mut item, "op")?, "op")?;
    match op.as_str() {
        "create" => Ok(created(unit, parse_item::<NewClient>(&item)?)?),
        "update" => {
            let id = batch::required(batch::take(&mut item, "id")?, "id")?;
            let version = batch::version(&mut item)?;
            let patch = parse_item::<ClientPatch>(&item)?;
            let before = clients::lock_unmerged(unit, id, version)?;
            Ok(changed(unit, before, patch)?)
        }
        "upsert" => {
            let external = batch::take(&mut item, "external_id")?;
            let external = batch::required(external, "external_id")?;
            let version = batch::version(&mut item)?;
            Ok(put_one(unit, external, version, parse_item(&item)?)?)
        }
        _ => {
            let detail = "One of create, update, upsert.";
            Err(Problem::validation("/op", "invalid_value", detail).into())
        }
    }
}
