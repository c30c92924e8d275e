//! Of the deal's client, and of whoever has the deal.

use serde_json::json;

use super::{Deal, Kind, Need, Operation, Request};

fn hand_over(deal: &Deal) -> Request {
    let body =
        json!({ "from_id": deal.thing(Need::Owner), "to_id": deal.seller, "reason": "holiday" });
    Request::post("/v1/hand-overs", body)
}

pub const ALL: &[Operation] = &[
    Operation::new("updateClient", "class", &[Kind::Client], &[], |deal| {
        Request::patch(format!("/v1/clients/{}", deal.client), json!({ "class": "A" }))
    }),
    Operation::new("batchClients", "tag", &[Kind::Client], &[], |deal| {
        let item = json!({ "op": "update", "id": deal.client, "tags": ["vip"] });
        Request::post("/v1/clients/batch", json!({ "items": [item] }))
    }),
    Operation::new("upsertClient", "class", &[Kind::Client], &[], |deal| {
        let path = format!("/v1/clients/by-external-id/pairs/{}", deal.external_id());
        Request::put(path, json!({ "class": "A" }))
    }),
    Operation::new("mergeClients", "into another", &[Kind::Client], &[], |deal| {
        let path = format!("/v1/clients/{}/merge", deal.good_client);
        Request::post(path, json!({ "duplicate_id": deal.client }))
    }),
    Operation::new("createHandOver", "all of its owner", &[], &[Need::Owner], hand_over),
    Operation::new("returnHandOver", "back", &[], &[Need::HandOver], |deal| {
        let path = format!("/v1/hand-overs/{}/return", deal.thing(Need::HandOver));
        Request::post(path, json!({}))
    }),
];
