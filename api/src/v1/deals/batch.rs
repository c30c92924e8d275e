//! Deals by their ids in another system, and many at once.

use actix_web::{post, put};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{Refusal, kernel::fault::Faults};
use voronka_persistence::{
    Error, Seen, Unit, deals,
    deals::{Stored, demands},
};

use super::body::TransitionBody;
use crate::{
    http::{
        Body, Call, ExternalPath, Problem, Reply, Responded,
        batch::{self, BatchResult, Failure},
        body::parse_item,
        call::DealsWrite,
    },
    v1::bodies::{
        deal::{DealBody, DealPatchBody},
        demand::{NewDemandLine, read_lines},
        external_id::ExternalIdBody,
        new_deal::NewDealBody,
    },
};

/// A deal as another system has it: the fields of a change, and those that only a new deal has.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code)]
#[schema(example = json!({"title": "Servers for the new plant", "deal_type_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11",
    "amount": {"amount": "1999.95", "currency": "EUR"}}))]
pub struct DealUpsert {
    /// Of a new deal. A deal that is there keeps its type.
    pub deal_type_id: Option<Uuid>,
    /// Of a new deal; of one that is there it does not count.
    pub opened_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Of a new deal; one that is there is moved by a transition.
    pub stage_key: Option<String>,
    /// What the client first wanted, in place of what was written down before.
    pub demand: Option<Vec<NewDemandLine>>,
    #[serde(flatten)]
    pub deal: DealPatchBody,
}

/// The fields of a body, to be read once it is known whether the deal is there.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Fields(Map<String, Value>);

impl Validate for Fields {
    fn validate(&self) -> Result<(), validator::ValidationErrors> {
        Ok(())
    }
}

/// Open or change a deal by its external id
///
/// Opens the deal that the other system has under this id, or changes the one that has the id already:
/// absent fields stay as they are, null clears a field. Repeated, it changes nothing. Of two at the same
/// moment one opens the deal and the other changes it. A slash in the path's source or id is written `%2F`.
#[utoipa::path(tag = "Deals", operation_id = "upsertDeal", security(("bearer" = ["deals:write"])),
    request_body = DealUpsert,
    params(("source" = String, Path, pattern = "[!-~\u{a1}-\u{d7ff}]", description = "Names the other system.", example = "shop"),
        ("external_id" = String, Path, pattern = "[!-~\u{a1}-\u{d7ff}]", description = "The deal's id in that system.", example = "4711")),
    responses((status = 200, description = "The deal after the change.", body = DealBody),
        (status = 201, description = "The new deal.", body = DealBody)))]
#[put("/v1/deals/by-external-id/{source}/{external_id}")]
pub async fn upsert(call: Call<DealsWrite>, path: ExternalPath, body: Body<Fields>) -> Responded {
    call.no_parameters()?;
    let (fields, external) = (body.value.0, ExternalIdBody { source: path.source, id: path.id });
    let fields = Value::Object(fields);
    call.write(body.digest, move |unit, if_match| put_one(unit, external, if_match, fields)).await
}

fn put_one(
    unit: &mut Unit<'_>,
    external: ExternalIdBody,
    if_match: Option<Seen>,
    fields: Value,
) -> Result<Reply<DealBody>, Error> {
    let Value::Object(mut fields) = fields else {
        return Err(Error::invalid("", "invalid_value", "An item is an object."));
    };
    let mut faults = Faults::default();
    if fields.contains_key("external_id") {
        faults.add("/external_id", "ambiguous", "The path says it.");
    }
    let (source, id) = external.checked(&mut faults);
    faults.into_result()?;
    match deals::find_external(unit, &source, &id)? {
        None if if_match.is_some() => Err(Error::VersionMismatch),
        None => {
            fields.retain(|_, value| !value.is_null());
            fields.insert("external_id".into(), json!({ "source": source, "id": id }));
            created(unit, read(Value::Object(fields))?)
        }
        Some((deal_id, deal_type_id)) => {
            let given = fields.remove("deal_type_id").filter(|given| !given.is_null());
            let same =
                |given: &Value| given.as_str().and_then(|id| id.parse().ok()) == Some(deal_type_id);
            if given.is_some_and(|given| !same(&given)) {
                let detail = "A deal keeps its type.";
                return Err(Error::invalid("/deal_type_id", "not_allowed", detail));
            }
            fields.retain(|name, _| name != "opened_at" && name != "stage_key");
            let demand = fields.remove("demand").unwrap_or_default();
            let reply = changed(unit, deal_id, if_match, read(Value::Object(fields))?)?;
            let Demanded { demand } = read(json!({ "demand": demand }))?;
            let Some(lines) = demand else { return Ok(reply) };
            let mut faults = Faults::default();
            let lines = read_lines("/demand", lines, &mut faults);
            faults.into_result()?;
            demands::put(unit, deal_id, None, "/demand", lines)?;
            let visibility = unit.caller.visibility.clone();
            let stored = unit.store.deal(&mut unit.tenant, &visibility, deal_id)?;
            after(unit, stored)
        }
    }
}

#[derive(Deserialize, Validate)]
struct Demanded {
    demand: Option<Vec<NewDemandLine>>,
}

/// Reads fields, with a pointer to whatever is wrong.
fn read<T: DeserializeOwned + Validate>(fields: Value) -> Result<T, Error> {
    parse_item(&fields).map_err(|problem| Refusal::Invalid(problem.faults().to_vec()).into())
}

pub(super) fn created(unit: &mut Unit<'_>, new: NewDealBody) -> Result<Reply<DealBody>, Error> {
    let stored = deals::open(unit, new.into_opening()?)?;
    let (id, version) = (stored.deal.id, stored.deal.sequence);
    let body = DealBody::one(&mut unit.tenant, unit.caller, unit.now, stored)?;
    Ok(Reply::created(format!("/v1/deals/{id}"), body, version))
}

pub(super) fn changed(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<Seen>,
    patch: DealPatchBody,
) -> Result<Reply<DealBody>, Error> {
    let (patch, references, custom) = patch.into_patch()?;
    let stored = deals::update(unit, id, if_match, patch, references, custom)?;
    after(unit, stored)
}

pub(super) fn after(unit: &mut Unit<'_>, stored: Stored) -> Result<Reply<DealBody>, Error> {
    let version = stored.deal.sequence;
    let body = DealBody::one(&mut unit.tenant, unit.caller, unit.now, stored)?;
    Ok(Reply::versioned(body, version))
}

/// A command of a batch: the fields of a new deal, of a change, or of a move.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code)]
pub struct DealItem {
    /// `create`, `update` (the deal with this `id`), `transition` (of the deal with this `id`) or `upsert`
    /// (the deal with this `external_id`).
    #[schema(example = "upsert")]
    pub op: String,
    /// Of an update or a transition.
    pub id: Option<Uuid>,
    /// The version that the caller saw; the command is refused if it is not the present one.
    pub version: Option<i32>,
    #[serde(flatten)]
    pub deal: DealUpsert,
    #[serde(flatten)]
    pub transition: TransitionBody,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [
    {"op": "upsert", "external_id": {"source": "shop", "id": "4711"}, "title": "Servers", "deal_type_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11"},
    {"op": "transition", "id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b12", "to": "next"}]}))]
pub struct DealBatch {
    /// 1 to 1,000.
    #[schema(value_type = Vec<DealItem>, min_items = 1, max_items = 1_000)]
    pub items: Vec<Value>,
    /// Whether a refusal of one refuses all; by default each stands by itself.
    #[serde(default)]
    pub atomic: bool,
}

/// Open, change and move many deals
///
/// Up to 1,000 commands, carried out in their order through the same gates as single ones. The answer has
/// for each the status and the body of the operation itself, or the problem; what is refused changes
/// nothing. With `atomic`, a refusal of one refuses all with 422, and `errors` lists the faults of each.
/// Items with status 503 are carried out when the request is sent again with its Idempotency-Key.
#[utoipa::path(tag = "Deals", operation_id = "batchDeals", security(("bearer" = ["deals:write"])),
    request_body = DealBatch,
    responses((status = 207, description = "What became of each command.", body = BatchResult)))]
#[post("/v1/deals/batch")]
pub async fn many(call: Call<DealsWrite>, body: Body<DealBatch>) -> Responded {
    call.no_parameters()?;
    let DealBatch { items, atomic } = body.value;
    call.write(body.digest, move |unit, _| {
        batch::check_length(&items)?;
        batch::hold(unit, |unit| deals::hold_named(unit, named(&items)))?;
        batch::run(unit, atomic, items, one)
    })
    .await
}

/// What the items name that there may be.
fn named(items: &[Value]) -> deals::Named {
    let text =
        |item: &Value, pointer| item.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let external = |item| text(item, "/external_id/source").zip(text(item, "/external_id/id"));
    let ids = |pointer| {
        let id = move |item| Uuid::parse_str(&text(item, pointer)?).ok();
        items.iter().filter_map(id).collect()
    };
    deals::Named {
        external: items.iter().filter_map(external).collect(),
        clients: ids("/client_id"),
        deals: ids("/id"),
    }
}

fn one(unit: &mut Unit<'_>, mut item: Value) -> Result<Reply<DealBody>, Failure> {
    let op: String = batch::required(batch::take(&mut item, "op")?, "op")?;
    let named = |item: &mut Value| {
        let id: Uuid = batch::required(batch::take(item, "id")?, "id")?;
        Ok::<_, Problem>((id, batch::version(item)?))
    };
    match op.as_str() {
        "create" => Ok(created(unit, parse_item(&item)?)?),
        "update" => {
            let (id, version) = named(&mut item)?;
            Ok(changed(unit, id, version, parse_item(&item)?)?)
        }
        "transition" => {
            let (id, version) = named(&mut item)?;
            let (to, validate_only) = parse_item::<TransitionBody>(&item)?.into_transition()?;
            let stored = deals::transition(unit, id, version, to, validate_only)?;
            Ok(after(unit, stored)?)
        }
        "upsert" => {
            let external = batch::take(&mut item, "external_id")?;
            let external = batch::required(external, "external_id")?;
            let version = batch::version(&mut item)?;
            Ok(put_one(unit, external, version, item)?)
        }
        _ => {
            let detail = "One of create, update, transition, upsert.";
            Err(Problem::validation("/op", "invalid_value", detail).into())
        }
    }
}
