//! Processes and what happens to their deals, at random, over HTTP: what the engine decided in memory is what
//! the database tells afterwards.

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer, histories};

fn requirement() -> impl Strategy<Value = Value> {
    let condition = json!({ "kind": "condition", "condition": { "any": [
        { "field": "deal.call_count", "op": "gte", "value": "1" },
        { "field": "deal.lead_temperature", "op": "eq", "value": "hot" } ] } });
    proptest::sample::select(vec![
        json!({ "kind": "field", "field": "amount" }),
        json!({ "kind": "field", "field": "custom.budget" }),
        json!({ "kind": "task", "task": "work" }),
        json!({ "kind": "activity", "activity": "call", "outcome": "reached" }),
        json!({ "kind": "document", "document": "quote", "state": "sent" }),
        json!({ "kind": "document", "document": "contract", "state": "signed" }),
        json!({ "kind": "payment", "share": 0.5 }),
        json!({ "kind": "primary_demand" }),
        condition,
    ])
}

fn process() -> impl Strategy<Value = Value> {
    let stage = proptest::collection::vec(requirement(), 1..3);
    let rules = proptest::sample::subsequence(
        vec![
            json!({ "key": "warm", "on": "activity.recorded", "then": [{ "do": "set", "field": "lead_temperature", "value": "warm" }] }),
            json!({ "key": "ask", "on": "stage.entered", "then": [{ "do": "create_task", "task": { "key": "ask", "title": "Ask" } }] }),
            json!({ "key": "on", "on": "document.changed", "then": [{ "do": "advance" }] }),
        ],
        0..=3,
    );
    (proptest::collection::vec(stage, 2..6), rules).prop_map(|(gates, rules)| {
        let stages: Vec<_> = gates
            .into_iter()
            .enumerate()
            .map(|(n, gate)| {
                json!({ "key": format!("s{n}"), "name": format!("Stage {n}"), "gate": gate,
                    "tasks": [{ "key": "work", "title": "Work" }] })
            })
            .collect();
        json!({ "mode": "automatic", "stages": stages, "rules": rules })
    })
}

/// What is done to a deal.
const ACTS: [&str; 15] = [
    "task", "task", "task", "call", "missed", "quote", "contract", "pay", "refund", "amount",
    "budget", "hot", "demand", "hold", "resume",
];

async fn act(api: &Api, deal: &str, act: &str, number: usize) {
    let path = format!("/v1/deals/{deal}");
    let euros = json!({ "amount": "600", "currency": "EUR" });
    let document = async |kind: &str, states: &[&str]| {
        let body = json!({ "deal_id": deal, "kind": kind, "number": format!("{number}") });
        let id = api.post("/v1/documents", body).await.expect(201).id();
        for to in states {
            let path = format!("/v1/documents/{id}/transition");
            api.post(&path, json!({ "to": to })).await.expect(200);
        }
    };
    match act {
        "task" => {
            let path = format!("/v1/tasks?deal_id={deal}&status=new&sort=created_at");
            let open = api.get(&path).await.expect(200).json["items"].take();
            if let Some(task) = open.as_array().unwrap().first() {
                let path = format!("/v1/tasks/{}/transition", task["id"].as_str().unwrap());
                api.post(&path, json!({ "to": "done" })).await.expect(200);
            }
        }
        "call" | "missed" => {
            let outcome = if act == "call" { "reached" } else { "not_reached" };
            let body =
                json!({ "kind": "call", "title": "Call", "deal_id": deal, "outcome": outcome });
            api.post("/v1/activities", body).await.expect(201);
        }
        "quote" => document("quote", &["sent"]).await,
        "contract" => document("contract", &["sent", "signed"]).await,
        "pay" | "refund" => {
            let body = json!({ "deal_id": deal, "amount": euros, "refund": act == "refund" });
            api.post("/v1/payments", body).await.expect(201);
        }
        // A closed deal's amount is history, and what is not on hold is not resumed: refused, and nothing more.
        "amount" => drop(api.patch(&path, json!({ "amount": euros })).await),
        "budget" => drop(api.patch(&path, json!({ "custom": { "budget": number } })).await),
        "hot" => drop(api.patch(&path, json!({ "lead_temperature": "hot" })).await),
        "demand" => {
            let lines = json!({ "lines": [{ "item": "Server", "amount": euros }] });
            let lines = lines.to_string().into_bytes();
            api.send(Method::PUT, &format!("{path}/demand"), &[], Some(lines)).await.expect(200);
        }
        "hold" => drop(api.transition(deal, json!({ "to": "hold", "reason": "Summer" })).await),
        _ => drop(api.transition(deal, json!({ "to": "resume" })).await),
    }
}

/// An open deal that does not pause waits for something, as it is read from the database.
async fn rests_for_a_reason(api: &Api, deal: &str, told: &str) -> bool {
    let body = api.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
    if body["status"] != "open" || !body["hold"].is_null() {
        return body["status"] == "won";
    }
    let map = api.get(&format!("/v1/deals/{deal}/route-map")).await.expect(200).json;
    let stages = map["stages"].as_array().unwrap();
    let here = stages.iter().find(|stage| stage["state"] == "current").unwrap();
    let gate = here["gate"].as_array().unwrap();
    assert!(gate.iter().any(|one| one["met"] == false), "{told}: {here}");
    false
}

#[tokio::test]
async fn what_was_decided_in_memory_is_what_is_stored() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let field = json!({ "entity": "deal", "key": "budget", "name": "Budget", "type": "number" });
    api.post("/v1/custom-fields", field).await.expect(201);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (mut won, mut deals) = (0, 0);
    for round in 0..12 {
        let mut process = process().new_tree(&mut runner).unwrap().current();
        process["name"] = json!(format!("Process {round}"));
        let deal_type = api.post("/v1/deal-types", process.clone()).await.expect(201).id();
        let id = api.deal(&deal_type, "1000").await;
        deals += 1;
        let mut is_won = rests_for_a_reason(api, &id, "opened").await;
        for number in 0..24 {
            let what = proptest::sample::select(&ACTS[..]).new_tree(&mut runner).unwrap().current();
            act(api, &id, what, number).await;
            is_won = rests_for_a_reason(api, &id, &format!("{process} {what}")).await;
        }
        won += usize::from(is_won);
    }
    assert!(won > 2, "{won} of {deals} deals came to their end");
    assert_eq!(histories::check(&mut server.connection()), deals);
}
