//! The inbox: whoever called and is no client yet.

use actix_web::{get, post};
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    clients::LeadTemperature, intake::inbox::InboxStatus, kernel::fault::Faults,
    people::access::Permission,
};
use voronka_persistence::{
    Error, Unit,
    core::enum_names::from_name,
    deals,
    intake::inbox::{self, Entry, Held, Settled},
};

use crate::{
    http::{
        Body, Call, Id, Reply, Responded,
        call::{InboxRead, InboxWrite},
        words,
    },
    page_of,
    v1::bodies::{
        client::NewClient, demand::NewDemandLine, money::MoneyBody, new_deal::NewDealBody,
    },
};

/// Who called and is no client yet: an entry for each number, however often it calls while it waits.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = InboxEntry)]
pub struct EntryBody {
    pub id: Uuid,
    pub integration_id: Uuid,
    /// Which way the first call went: `in` or `out`.
    #[schema(example = "in")]
    pub direction: String,
    /// E.164, or as the exchange has it if it is none; null of a caller who hides.
    #[schema(example = "+31201234567")]
    pub number: Option<String>,
    #[schema(value_type = words::InboxStatus, example = "open")]
    pub status: String,
    /// Who is to see to it.
    pub user_id: Option<Uuid>,
    /// Whom it was linked to, or has become.
    pub client_id: Option<Uuid>,
    pub deal_id: Option<Uuid>,
    /// Why it is junk; of an entry that waits, why no deal was opened by itself.
    #[schema(example = "Wrong number")]
    pub reason: Option<String>,
    /// How many calls it has.
    #[schema(example = 2)]
    pub calls: i32,
    /// How the last of them went.
    #[schema(value_type = Option<words::CallStatus>, example = "missed")]
    pub last_status: Option<String>,
    /// The activity of the last of them, with its recording.
    pub last_activity_id: Option<Uuid>,
    /// When the first of them began.
    pub first_at: DateTime<Utc>,
    /// When the last of them began.
    pub last_at: DateTime<Utc>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<Entry> for EntryBody {
    fn from(row: Entry) -> Self {
        Self {
            id: row.id,
            integration_id: row.integration_id,
            direction: row.direction,
            number: row.number,
            status: row.status,
            user_id: row.user_id,
            client_id: row.client_id,
            deal_id: row.deal_id,
            reason: row.reason,
            calls: row.calls,
            last_status: row.last_status,
            last_activity_id: row.last_activity_id,
            first_at: row.first_at,
            last_at: row.last_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

page_of!(InboxPage, EntryBody);

/// The deal of a client to be. Only the title and the deal type are required.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "Servers for the new plant", "deal_type_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11"}))]
pub struct InboxDeal {
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    pub deal_type_id: Uuid,
    /// The caller by default; an API key has to name one.
    pub owner_id: Option<Uuid>,
    /// 0 in the base currency by default.
    pub amount: Option<MoneyBody>,
    pub source_id: Option<Uuid>,
    /// `cold`, `warm` or `hot`.
    #[schema(value_type = Option<words::LeadTemperature>)]
    pub lead_temperature: Option<LeadTemperature>,
    pub expected_close_on: Option<NaiveDate>,
    /// Values of custom fields, by key.
    #[serde(default)]
    #[schema(value_type = words::CustomValues)]
    pub custom: BTreeMap<String, serde_json::Value>,
    /// What the client first wants. Some types and some workspaces require it.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub demand: Vec<NewDemandLine>,
}

impl InboxDeal {
    fn of(self, client_id: Uuid) -> NewDealBody {
        NewDealBody {
            title: self.title,
            deal_type_id: self.deal_type_id,
            client_id: Some(client_id),
            owner_id: self.owner_id,
            amount: self.amount,
            source: None,
            source_id: self.source_id,
            lead_temperature: self.lead_temperature,
            expected_close_on: self.expected_close_on,
            external_id: None,
            initiated_by: None,
            custom: self.custom,
            opened_at: None,
            stage_key: None,
            demand: self.demand,
        }
    }
}

/// Where an entry is to go. `to` is `assigned` (with `user_id`), `linked` (with `client_id`, and `deal_id` if you
/// like), `converted` (with `client`, and `deal` if you like), `junk` (with `reason`), or `open`.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to": "converted", "client": {"name": "Alder Mill"},
    "deal": {"title": "Servers for the new plant", "deal_type_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11"}}))]
pub struct InboxTransition {
    #[schema(value_type = words::InboxStatus)]
    pub to: String,
    pub user_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub deal_id: Option<Uuid>,
    /// The client that it becomes; it has the number, whether it is among `phones` or not.
    #[validate(nested)]
    pub client: Option<NewClient>,
    /// A deal to open with it.
    #[validate(nested)]
    pub deal: Option<InboxDeal>,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub reason: Option<String>,
}

impl InboxTransition {
    /// Where it goes, if its fields are those that go with it.
    fn target(&self) -> Result<InboxStatus, Error> {
        let mut faults = Faults::default();
        let target: Option<InboxStatus> = from_name(&self.to);
        if target.is_none() {
            let detail = "One of open, assigned, linked, converted and junk.";
            faults.add("/to", "invalid_value", detail);
        }
        let given = [
            ("user_id", self.user_id.is_some(), "assigned", true),
            ("client_id", self.client_id.is_some(), "linked", true),
            ("deal_id", self.deal_id.is_some(), "linked", false),
            ("client", self.client.is_some(), "converted", true),
            ("deal", self.deal.is_some(), "converted", false),
            ("reason", self.reason.is_some(), "junk", true),
        ];
        for (field, given, with, required) in given {
            if given && with != self.to {
                faults.add(
                    format!("/{field}"),
                    "not_allowed",
                    format!("Goes with \"to\": {with}."),
                );
            }
            if !given && required && with == self.to {
                faults.add(format!("/{field}"), "required", "The field is required.");
            }
        }
        faults.into_result()?;
        target.ok_or_else(|| Error::invalid("/to", "invalid_value", "No such status."))
    }

    fn carry_out(self, unit: &mut Unit<'_>, held: &Held) -> Result<Settled, Error> {
        let needs = |permission, needed: bool| match needed {
            true => inbox::require(unit.caller, permission),
            false => Ok(()),
        };
        needs(Permission::ClientsWrite, self.client.is_some() || self.client_id.is_some())?;
        needs(Permission::DealsWrite, self.deal.is_some() || self.deal_id.is_some())?;
        if let Some(mut client) = self.client {
            let number = held.entry().number.clone().filter(|number| number.starts_with('+'));
            client.phones.extend(number.filter(|number| !client.phones.contains(number)));
            let made = client.record(unit).map_err(|error| error.under("/client"))?;
            let client_id = made.id;
            let deal_id = match self.deal {
                Some(deal) => {
                    let opening = deal.of(client_id).into_opening();
                    let opened = opening.and_then(|opening| {
                        let opening = held.begins(unit, opening)?;
                        deals::open(unit, opening)
                    });
                    Some(opened.map_err(|error| error.under("/deal"))?.deal.id)
                }
                None => None,
            };
            return Ok(Settled::Converted { client_id, deal_id });
        }
        Ok(match (self.client_id, self.user_id, self.reason) {
            (Some(client_id), ..) => Settled::Linked { client_id, deal_id: self.deal_id },
            (_, Some(user_id), _) => Settled::Assigned { user_id },
            (_, _, Some(reason)) => Settled::Junk { reason },
            _ => Settled::Open,
        })
    }
}

/// List the inbox
///
/// Who called and is no client yet, the last caller first; `status=open,assigned` are those that somebody is to see to,
/// `status=junk` what a head looks over, with the recording of `last_activity_id`. Sellers see what is assigned to them
/// or to nobody, heads also what is assigned to their departments' people.
#[utoipa::path(tag = "Inbox", operation_id = "listInbox", security(("bearer" = ["inbox:read"])),
    responses((status = 200, description = "A page of the inbox.", body = InboxPage)))]
#[get("/v1/inbox")]
pub async fn list(call: Call<InboxRead>) -> Responded {
    call.page(&inbox::LIST, |tenant, _, caller, query| {
        Ok(inbox::list(tenant, caller, query)?.map(EntryBody::from))
    })
    .await
}

/// Read an entry of the inbox
#[utoipa::path(tag = "Inbox", operation_id = "getInboxEntry", security(("bearer" = ["inbox:read"])),
    params(("id" = Uuid, Path, description = "Id of the entry.")),
    responses((status = 200, description = "The entry.", body = EntryBody)))]
#[get("/v1/inbox/{id}")]
pub async fn read(call: Call<InboxRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, caller| {
        let row = inbox::read(tenant, caller, id.0)?;
        let version = row.version;
        Ok(Reply::versioned(EntryBody::from(row), version))
    })
    .await
}

/// See to an entry of the inbox
///
/// Gives it to somebody, links it to a client, makes a client of it with or without a deal, throws it away with a reason,
/// or takes it back. The client has the number from now on, and the calls of the entry become the client's and the deal's:
/// an automatic process answers to them. What changes a client takes `clients:write`, what opens or takes a deal
/// `deals:write`.
#[utoipa::path(tag = "Inbox", operation_id = "transitionInboxEntry", security(("bearer" = ["inbox:write"])),
    request_body = InboxTransition,
    params(("id" = Uuid, Path, description = "Id of the entry.")),
    responses((status = 200, description = "The entry after the move.", body = EntryBody)))]
#[post("/v1/inbox/{id}/transition")]
pub async fn transition(call: Call<InboxWrite>, id: Id, body: Body<InboxTransition>) -> Responded {
    call.no_parameters()?;
    let to = body.value;
    let target = to.target()?;
    call.write(body.digest, move |unit, if_match| {
        let held = inbox::hold(unit, id.0, if_match, target)?;
        let settled = to.carry_out(unit, &held)?;
        let row = inbox::settle(unit, held, settled)?;
        let version = row.version;
        Ok(Reply::versioned(EntryBody::from(row), version))
    })
    .await
}
