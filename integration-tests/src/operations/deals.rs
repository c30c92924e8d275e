//! Of the deal itself.

use serde_json::{Value, json};

use super::{Deal, Kind, Need, Operation, Request};

const fn op(
    id: &'static str,
    what: &'static str,
    gate: &'static [Kind],
    needs: &'static [Need],
    request: fn(&Deal) -> Request,
) -> Operation {
    Operation::new(id, what, gate, needs, request)
}

const fn by_hand(what: &'static str, request: fn(&Deal) -> Request) -> Operation {
    Operation { by_hand: true, ..op("transitionDeal", what, &[], &[], request) }
}

fn change(deal: &Deal, body: Value) -> Request {
    Request::patch(format!("/v1/deals/{}", deal.id), body)
}

fn go(deal: &Deal, body: Value) -> Request {
    Request::post(format!("/v1/deals/{}/transition", deal.id), body)
}

fn lost(deal: &Deal) -> Value {
    json!({ "to": "lost", "loss_reason_id": deal.loss_reason, "note": "Too dear" })
}

pub const ALL: &[Operation] = &[
    op("updateDeal", "fill", &[Kind::Field], &[], |deal| {
        change(deal, json!({ "expected_close_on": "2031-02-03" }))
    }),
    op("updateDeal", "clear", &[Kind::Field], &[Need::Filled], |deal| {
        change(deal, json!({ "expected_close_on": null }))
    }),
    op("updateDeal", "title", &[], &[], |deal| change(deal, json!({ "title": deal.unique() }))),
    op("updateDeal", "owner", &[], &[], |deal| change(deal, json!({ "owner_id": deal.seller }))),
    op("updateDeal", "client", &[Kind::Client], &[], |deal| {
        change(deal, json!({ "client_id": deal.good_client }))
    }),
    op("updateDeal", "amount", &[Kind::Payment], &[Need::Paid], |deal| {
        change(deal, json!({ "amount": { "amount": "90000", "currency": "EUR" } }))
    }),
    op("updateDeal", "dollars", &[], &[], |deal| {
        change(deal, json!({ "amount": { "amount": "1000", "currency": "USD" } }))
    }),
    op("updateDeal", "custom", &[], &[], |deal| {
        change(deal, json!({ "custom": { "budget": deal.number } }))
    }),
    op("updateDeal", "hot", &[], &[], |deal| change(deal, json!({ "lead_temperature": "hot" }))),
    // Which a rule answers by losing it.
    op("updateDeal", "cold", &[], &[], |deal| change(deal, json!({ "lead_temperature": "cold" }))),
    op("transitionDeal", "hold", &[], &[], |deal| {
        go(deal, json!({ "to": "hold", "reason": "Summer" }))
    }),
    op("transitionDeal", "resume", &[], &[Need::Held], |deal| go(deal, json!({ "to": "resume" }))),
    op("transitionDeal", "lose", &[], &[], |deal| go(deal, lost(deal))),
    op("transitionDeal", "reopen", &[], &[Need::Lost], |deal| go(deal, json!({ "to": "open" }))),
    op("transitionDeal", "override", &[], &[], |deal| {
        go(deal, json!({ "to": "next", "override_reason": "The fair is tomorrow" }))
    }),
    by_hand("next", |deal| go(deal, json!({ "to": "next" }))),
    by_hand("win", |deal| go(deal, json!({ "to": "won" }))),
    // The new deal is one of those that a change of the client has to wake.
    op("createDeal", "of its client", &[Kind::Client], &[], |deal| {
        let body =
            json!({ "title": "Another", "deal_type_id": deal.deal_type, "client_id": deal.client });
        Request::post("/v1/deals", body)
    }),
    op("upsertDeal", "fill", &[Kind::Field], &[], |deal| {
        let path = format!("/v1/deals/by-external-id/pairs/{}", deal.external_id());
        Request::put(path, json!({ "expected_close_on": "2031-02-04" }))
    }),
    op("batchDeals", "fill", &[Kind::Field], &[], |deal| {
        let item = json!({ "op": "update", "id": deal.id, "expected_close_on": "2031-02-05" });
        Request::post("/v1/deals/batch", json!({ "items": [item] }))
    }),
    op("batchDeals", "lose and reopen", &[], &[], |deal| {
        let with = |mut body: Value| {
            (body["op"], body["id"]) = (json!("transition"), json!(deal.id));
            body
        };
        let items = json!([with(lost(deal)), with(json!({ "to": "open" }))]);
        Request::post("/v1/deals/batch", json!({ "items": items }))
    }),
    op("putDemand", "fill", &[Kind::Demand], &[], |deal| {
        let amount = json!({ "amount": "900", "currency": "EUR" });
        let lines = json!({ "lines": [{ "item": deal.unique(), "amount": amount }] });
        Request::put(format!("/v1/deals/{}/demand", deal.id), lines)
    }),
    op("createImport", "fill", &[Kind::Field], &[], |deal| deal.import()),
];
