//! Of what is done for the deal.

use serde_json::{Value, json};

use super::{Deal, Kind, Need, Operation, Request};

fn task(deal: &Deal, need: Need, body: Value) -> Request {
    Request::post(format!("/v1/tasks/{}/transition", deal.thing(need)), body)
}

fn document(deal: &Deal, need: Need, to: &str) -> Request {
    let path = format!("/v1/documents/{}/transition", deal.thing(need));
    Request::post(path, json!({ "to": to }))
}

fn payment(field: &str, id: &str, refund: bool) -> Request {
    let amount = json!({ "amount": "1000", "currency": "EUR" });
    Request::post("/v1/payments", json!({ field: id, "amount": amount, "refund": refund }))
}

fn call(field: &str, id: &str) -> Request {
    let body = json!({ "kind": "call", "title": "Call", field: id, "outcome": "reached" });
    Request::post("/v1/activities", body)
}

fn outcome(deal: &Deal, need: Need, outcome: &str) -> Request {
    let path = format!("/v1/activities/{}", deal.thing(need));
    Request::patch(path, json!({ "outcome": outcome }))
}

pub const ALL: &[Operation] = &[
    Operation::new("createTask", "another", &[], &[], |deal| {
        Request::post("/v1/tasks", json!({ "title": deal.unique(), "deal_id": deal.id }))
    }),
    Operation::new("updateTask", "responsible", &[], &[Need::Work], |deal| {
        let path = format!("/v1/tasks/{}", deal.thing(Need::Work));
        Request::patch(path, json!({ "responsible_id": deal.seller }))
    }),
    Operation::new("transitionTask", "done", &[Kind::Task], &[Need::Work], |deal| {
        task(deal, Need::Work, json!({ "to": "done" }))
    }),
    Operation::new(
        "transitionTask",
        "done and fill",
        &[Kind::Task, Kind::Field],
        &[Need::Work],
        |deal| {
            let field = json!({ "expected_close_on": "2031-02-06" });
            task(deal, Need::Work, json!({ "to": "done", "deal": field }))
        },
    ),
    Operation::new("transitionTask", "cancel", &[Kind::Task], &[Need::Work], |deal| {
        task(deal, Need::Work, json!({ "to": "cancelled" }))
    }),
    Operation::new("transitionTask", "reopen", &[], &[Need::Review], |deal| {
        task(deal, Need::Review, json!({ "to": "done", "reopen": true }))
    }),
    Operation::new("createDocument", "draft", &[], &[], |deal| {
        let body = json!({ "deal_id": deal.id, "kind": "quote", "number": deal.unique() });
        Request::post("/v1/documents", body)
    }),
    Operation::new("updateDocument", "number", &[], &[Need::Quote], |deal| {
        let path = format!("/v1/documents/{}", deal.thing(Need::Quote));
        Request::patch(path, json!({ "number": deal.unique() }))
    }),
    Operation::new("transitionDocument", "send", &[Kind::Document], &[Need::Quote], |deal| {
        document(deal, Need::Quote, "sent")
    }),
    Operation::new("transitionDocument", "reject", &[Kind::Document], &[Need::SentQuote], |deal| {
        document(deal, Need::SentQuote, "rejected")
    }),
    Operation::new("createPayment", "pay", &[Kind::Payment], &[], |deal| {
        payment("deal_id", &deal.id, false)
    }),
    Operation::new("createPayment", "refund", &[Kind::Payment], &[Need::Paid], |deal| {
        payment("deal_id", &deal.id, true)
    }),
    Operation::new("createPayment", "invoice", &[Kind::Payment], &[Need::Invoice], |deal| {
        payment("invoice_id", deal.thing(Need::Invoice), false)
    }),
    Operation::new("createActivity", "call", &[Kind::Activity], &[], |deal| {
        call("deal_id", &deal.id)
    }),
    Operation::new("createActivity", "call the client", &[Kind::ClientCalls], &[], |deal| {
        call("client_id", &deal.client)
    }),
    Operation::new(
        "transitionInboxEntry",
        "link",
        &[Kind::ClientCalls],
        &[Need::Waiting],
        |deal| {
            let path = format!("/v1/inbox/{}/transition", deal.thing(Need::Waiting));
            let to = json!({ "to": "linked", "client_id": deal.client, "deal_id": deal.id });
            Request::post(path, to)
        },
    ),
    Operation::new("updateActivity", "reached", &[Kind::Activity], &[Need::PlannedCall], |deal| {
        outcome(deal, Need::PlannedCall, "reached")
    }),
    Operation::new(
        "updateActivity",
        "not reached",
        &[Kind::Activity],
        &[Need::ReachedCall],
        |deal| outcome(deal, Need::ReachedCall, "not_reached"),
    ),
];
