//! Merging clients, and their history.

use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    Fault,
    clients::merge::{Keep, Whose},
    people::access::{Permission, Visibility},
};
use voronka_persistence::{Noun, clients::Client, deals::merge_clients};

use super::body::ClientBody;
use crate::http::words;
use crate::{
    http::{
        Body, Call, Id, Problem, Reply, Responded,
        call::{ClientsRead, ClientsWrite, unknown},
        defaulted::Limit,
        page::PageInfo,
    },
    v1::bodies::event::EventBody,
};

/// Whose value the survivor has, `this` or `duplicate`, where it is not to go by the rule.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MergeChoice, example = json!({"name": "duplicate", "class": "this"}))]
pub struct KeepBody {
    #[schema(value_type = Option<words::MergeSide>)]
    pub name: Option<Whose>,
    #[schema(value_type = Option<words::MergeSide>)]
    pub kind: Option<Whose>,
    #[serde(rename = "type")]
    #[schema(value_type = Option<words::MergeSide>)]
    pub client_type: Option<Whose>,
    #[schema(value_type = Option<words::MergeSide>)]
    pub class: Option<Whose>,
    #[schema(value_type = Option<words::MergeSide>)]
    pub region: Option<Whose>,
    #[schema(value_type = Option<words::MergeSide>)]
    pub consent: Option<Whose>,
    #[schema(value_type = Option<words::MergeSide>)]
    pub tax_id: Option<Whose>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClientMerge, example = json!({"duplicate_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "keep": {"name": "duplicate"}}))]
pub struct MergeBody {
    /// The client that becomes part of the one in the path.
    pub duplicate_id: Uuid,
    pub keep: Option<KeepBody>,
}

/// Merge a duplicate into a client
///
/// The deals and contacts of the duplicate become the client's, and it gets what the duplicate says that it
/// does not say itself. Both keep their histories. The id of the duplicate goes on meaning the client.
#[utoipa::path(tag = "Clients", operation_id = "mergeClients", security(("bearer" = ["clients:write"])),
    request_body = MergeBody,
    params(("id" = Uuid, Path, description = "Id of the client that stays.")),
    responses((status = 200, description = "The client that stays.", body = ClientBody)))]
#[post("/v1/clients/{id}/merge")]
pub async fn merge_duplicate(call: Call<ClientsWrite>, id: Id, body: Body<MergeBody>) -> Responded {
    call.no_parameters()?;
    let MergeBody { duplicate_id, keep } = body.value;
    let chosen = keep.unwrap_or_default();
    let keep = Keep {
        name: chosen.name,
        kind: chosen.kind,
        client_type: chosen.client_type,
        class: chosen.class,
        region: chosen.region,
        consent: chosen.consent,
        tax_id: chosen.tax_id,
    };
    call.write(body.digest, move |unit, if_match| {
        let row = merge_clients::merge(unit, id.0, duplicate_id, if_match, keep)?;
        let version = row.version;
        Ok(Reply::versioned(ClientBody::from(row), version))
    })
    .await
}

/// A page of a client's history.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ClientHistory {
    pub items: Vec<EventBody>,
    pub page: PageInfo,
}

/// Read the history of a client
///
/// Every change of the client and of all that have become part of it, the oldest first. `object_id` says
/// whose event it is. `limit` and `cursor` page.
#[utoipa::path(tag = "Clients", operation_id = "getClientHistory", security(("bearer" = ["clients:read"])),
    params(("id" = Uuid, Path, description = "Id of the client."),
        ("limit" = inline(Option<Limit>), Query, description = "Events on a page: 1 to 200, 50 by default.", example = 50),
        ("cursor" = Option<String>, Query, description = "The page to read, from the page before.")),
    responses((status = 200, description = "A page of the history.", body = ClientHistory)))]
#[get("/v1/clients/{id}/history")]
pub async fn client_history(call: Call<ClientsRead>, id: Id) -> Responded {
    let (mut limit, mut after) = (50, 0);
    for (name, value) in call.distinct_pairs()? {
        let read = match name.as_str() {
            "limit" => Limit::read(&value).map(|n| limit = n),
            "cursor" => value.parse().ok().filter(|n| *n >= 0).map(|n: i64| after = n),
            _ => return Err(Problem::invalid_parameters(vec![unknown(&name)])),
        };
        if read.is_none() {
            let fault = Fault::new(format!("/{name}"), "invalid_parameter", "Not a valid value.");
            return Err(Problem::invalid_parameters(vec![fault]));
        }
    }
    call.read(move |tenant, _, caller| {
        let client = Client::get(tenant, id.0)?;
        let mut events = merge_clients::history(tenant, &client, after, limit + 1)?;
        // How many deals moved is for those who see all deals.
        if caller.visibility != Visibility::All || !caller.may(Permission::DealsRead) {
            for event in &mut events {
                event.change = event.change.without("deals")?;
            }
        }
        let keep = usize::try_from(limit).unwrap_or(0);
        let more = events.len() > keep;
        events.truncate(keep);
        let last = events.last().filter(|_| more).map(|event| event.position.to_string());
        Ok(Reply::ok(ClientHistory {
            items: events.into_iter().map(EventBody::from).collect(),
            page: PageInfo { next_cursor: last },
        }))
    })
    .await
}
