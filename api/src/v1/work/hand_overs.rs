//! Hand-overs: what one person has goes to another one, for good or for a time.

use actix_web::{get, post};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use strum::VariantArray;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    Currency,
    work::hand_over::{self, HandedOver, Outcomes, Reason, Tally},
};
use voronka_persistence::{
    Error,
    core::list::Page,
    work::hand_overs::{self, HandOver, Named, Preview},
};

use crate::http::words;
use crate::{
    http::{
        Body, Call, Id, Reply, Responded,
        call::{HandOversRead, HandOversWrite},
    },
    page_of,
    v1::bodies::money::MoneyBody,
};

/// How much it is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HandOverCounts {
    #[schema(example = 12)]
    pub deals: i64,
    /// Of the deals, in the base currency.
    pub amount: MoneyBody,
    #[schema(example = 31)]
    pub tasks: i64,
    #[schema(example = 8)]
    pub clients: i64,
}

impl HandOverCounts {
    fn new(tally: Tally, base: Currency) -> Self {
        let Tally { deals, amount, tasks, clients } = tally;
        Self { deals, amount: MoneyBody::new(amount, base), tasks, clients }
    }
}

/// What became of a hand-over that came back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HandOverOutcome {
    /// Went back.
    pub returned: HandOverCounts,
    /// Somebody had given it back before.
    pub already_back: HandOverCounts,
    /// Stayed: deals won or lost, tasks done or cancelled, clients out of use.
    pub closed: HandOverCounts,
    /// Stayed: given on to somebody else meanwhile.
    pub passed_on: HandOverCounts,
}

impl HandOverOutcome {
    fn new(outcomes: Outcomes, base: Currency) -> Self {
        let counts = |tally| HandOverCounts::new(tally, base);
        Self {
            returned: counts(outcomes.returned),
            already_back: counts(outcomes.already_back),
            closed: counts(outcomes.closed),
            passed_on: counts(outcomes.passed_on),
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = HandOver)]
pub struct HandOverBody {
    pub id: Uuid,
    pub from_id: Uuid,
    pub to_id: Uuid,
    /// What went over.
    #[schema(value_type = Vec<words::HandedOver>)]
    pub what: Vec<String>,
    #[schema(value_type = words::HandOverReason)]
    #[schema(example = "holiday")]
    pub reason: String,
    pub note: Option<String>,
    /// The day on which it comes back by itself, in the workspace's time zone.
    pub until: Option<NaiveDate>,
    pub handed_over: HandOverCounts,
    /// Who handed over: `kind` is `user` or `api_key`, with its id.
    #[schema(value_type = words::Actor, example = json!({"kind": "user", "id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11"}))]
    pub created_by: Json,
    pub returned_at: Option<DateTime<Utc>>,
    /// Who gave it back; `kind` is `hand_over` where it came back by itself.
    #[schema(value_type = Option<words::Actor>)]
    pub returned_by: Option<Json>,
    /// Null while it has not come back.
    pub outcome: Option<HandOverOutcome>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl HandOverBody {
    fn new(row: HandOver, base: Currency) -> Result<Self, Error> {
        let bad = |error: serde_json::Error| Error::Internal(error.to_string());
        let outcomes: Option<Outcomes> =
            row.outcome.map(serde_json::from_value).transpose().map_err(bad)?;
        Ok(Self {
            id: row.id,
            from_id: row.from_id,
            to_id: row.to_id,
            what: row.what,
            reason: row.reason,
            note: row.note,
            until: row.until,
            handed_over: HandOverCounts::new(
                serde_json::from_value(row.handed_over).map_err(bad)?,
                base,
            ),
            created_by: row.created_by,
            returned_at: row.returned_at,
            returned_by: row.returned_by,
            outcome: outcomes.map(|outcomes| HandOverOutcome::new(outcomes, base)),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

page_of!(HandOverPage, HandOverBody);

/// A deal, a task or a client.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HandOverThing {
    pub id: Uuid,
    /// The title of a deal or a task, the name of a client.
    #[schema(example = "Servers for the new plant")]
    pub name: String,
}

/// What a hand-over would be; nothing has changed. Things that the caller may not read are counted and not named.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HandOverPreview {
    pub handed_over: HandOverCounts,
    /// The ten largest deals.
    pub deals: Vec<HandOverThing>,
    /// The ten tasks that are due first.
    pub tasks: Vec<HandOverThing>,
    /// The first ten clients by name.
    pub clients: Vec<HandOverThing>,
}

impl HandOverPreview {
    fn new(preview: Preview, base: Currency) -> Self {
        let things = |named: Vec<Named>| {
            named.into_iter().map(|Named { id, name }| HandOverThing { id, name }).collect()
        };
        Self {
            handed_over: HandOverCounts::new(preview.handed_over, base),
            deals: things(preview.deals),
            tasks: things(preview.tasks),
            clients: things(preview.clients),
        }
    }
}

/// Who is to have what somebody has.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "to_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b12",
    "reason": "holiday", "until": "2026-12-21"}))]
pub struct NewHandOver {
    /// Whose things go over; may be out of use.
    pub from_id: Uuid,
    /// Who gets them: another user, in use.
    pub to_id: Uuid,
    /// What goes over: all of it by default.
    #[serde(default = "everything")]
    #[schema(value_type = Vec<words::HandedOver>, min_items = 1, example = json!(["deals", "tasks", "clients"]))]
    pub what: Vec<HandedOver>,
    /// `holiday`, `illness`, `dismissal` or `other`.
    #[schema(value_type = words::HandOverReason, example = "holiday")]
    pub reason: Reason,
    #[validate(length(max = crate::http::limits::NOTE))]
    #[schema(max_length = 4_000)]
    pub note: Option<String>,
    /// The day on which it comes back by itself, in the workspace's time zone: after today, and at most three
    /// years ahead.
    pub until: Option<NaiveDate>,
    /// Tells what would go over, and changes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

fn everything() -> Vec<HandedOver> {
    HandedOver::VARIANTS.to_vec()
}

impl NewHandOver {
    fn into_order(self) -> hand_over::NewHandOver {
        let Self { from_id, to_id, what, reason, note, until, .. } = self;
        hand_over::NewHandOver { from_id, to_id, what, reason, note, until }
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"dry_run": true}))]
pub struct HandOverReturn {
    /// Tells in `outcome` what would come back, and changes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Preview(HandOverPreview),
    Done(Box<HandOverBody>),
}

/// List hand-overs
///
/// Those from and to people that the caller looks after, and the caller's own.
#[utoipa::path(tag = "Hand-overs", operation_id = "listHandOvers", security(("bearer" = ["hand_overs:read"])),
    responses((status = 200, description = "A page of the list.", body = HandOverPage)))]
#[get("/v1/hand-overs")]
pub async fn list(call: Call<HandOversRead>) -> Responded {
    call.page(&hand_overs::LIST, |tenant, _, caller, query| {
        let base = caller.settings.currency;
        let Page { items, next } = hand_overs::list(tenant, caller, query)?;
        let items = items.into_iter().map(|row| HandOverBody::new(row, base));
        Ok(Page { items: items.collect::<Result<_, _>>()?, next })
    })
    .await
}

/// Hand over what somebody has
///
/// Every open deal, open task and client in use of one person goes to another one, in one transaction. Each
/// change is in the deal's history and in the feed, and processes answer as to any change of the owner.
/// Heads hand over what people of their departments have, administrators what anybody has. With `until` it
/// comes back by itself. With `dry_run` nothing changes.
#[utoipa::path(tag = "Hand-overs", operation_id = "createHandOver", security(("bearer" = ["hand_overs:write"])),
    request_body = NewHandOver,
    responses((status = 200, description = "With `dry_run`: what would go over.", body = HandOverPreview),
        (status = 201, description = "The hand-over.", body = HandOverBody)))]
#[post("/v1/hand-overs")]
pub async fn create(call: Call<HandOversWrite>, body: Body<NewHandOver>) -> Responded {
    call.no_parameters()?;
    let (dry_run, order) = (body.value.dry_run, body.value.into_order());
    call.write(body.digest, move |unit, _| {
        let base = unit.caller.settings.currency;
        if dry_run {
            let preview = hand_overs::preview(unit, &order)?;
            return Ok(Reply::ok(Answer::Preview(HandOverPreview::new(preview, base))));
        }
        let row = hand_overs::create(unit, order)?;
        let (location, version) = (format!("/v1/hand-overs/{}", row.id), row.version);
        let body = Box::new(HandOverBody::new(row, base)?);
        Ok(Reply::created(location, Answer::Done(body), version))
    })
    .await
}

/// Read a hand-over
#[utoipa::path(tag = "Hand-overs", operation_id = "getHandOver", security(("bearer" = ["hand_overs:read"])),
    params(("id" = Uuid, Path, description = "Id of the hand-over.")),
    responses((status = 200, description = "The hand-over.", body = HandOverBody)))]
#[get("/v1/hand-overs/{id}")]
pub async fn read(call: Call<HandOversRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, caller| {
        let row = hand_overs::read(tenant, caller, id.0)?;
        let version = row.version;
        Ok(Reply::versioned(HandOverBody::new(row, caller.settings.currency)?, version))
    })
    .await
}

/// Give back what was handed over
///
/// What is open and still with the one who got it goes back to the one who had it. What was closed, or given
/// on to somebody else, stays; `outcome` says how much. With `dry_run` nothing changes.
#[utoipa::path(tag = "Hand-overs", operation_id = "returnHandOver", security(("bearer" = ["hand_overs:write"])),
    request_body = HandOverReturn,
    params(("id" = Uuid, Path, description = "Id of the hand-over.")),
    responses((status = 200, description = "The hand-over with its outcome.", body = HandOverBody)))]
#[post("/v1/hand-overs/{id}/return")]
pub async fn give_back(
    call: Call<HandOversWrite>,
    id: Id,
    body: Body<HandOverReturn>,
) -> Responded {
    call.no_parameters()?;
    let dry_run = body.value.dry_run;
    call.write(body.digest, move |unit, if_match| {
        let row = hand_overs::give_back(unit, id.0, if_match, dry_run)?;
        let version = row.version;
        Ok(Reply::versioned(HandOverBody::new(row, unit.caller.settings.currency)?, version))
    })
    .await
}
