//! Processes that lead their deals: by what is done for them, through gates that hold for everybody.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

async fn automatic(api: &Api, name: &str, stages: Value, rules: Value) -> String {
    let body = json!({ "name": name, "mode": "automatic", "stages": stages, "rules": rules });
    api.post("/v1/deal-types", body).await.expect(201).id()
}

async fn open(api: &Api, deal_type: &str) -> String {
    let body = json!({ "title": "Servers", "deal_type_id": deal_type });
    api.post("/v1/deals", body).await.expect(201).id()
}

async fn deal(api: &Api, id: &str) -> Value {
    api.get(&format!("/v1/deals/{id}")).await.expect(200).json
}

/// The open tasks of a deal: key and id.
async fn tasks(api: &Api, deal: &str) -> Vec<(String, String)> {
    let path = format!("/v1/tasks?deal_id={deal}&status=new,in_progress&sort=created_at");
    let page = api.get(&path).await.expect(200).json;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    page["items"].as_array().unwrap().iter().map(|t| (text(&t["key"]), text(&t["id"]))).collect()
}

async fn finish(api: &Api, task: &str, body: Value) -> Value {
    let mut whole = json!({ "to": "done" });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    api.post(&format!("/v1/tasks/{task}/transition"), whole).await.expect(200).json
}

#[tokio::test]
async fn tasks_lead_a_deal_to_its_end() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([
        { "key": "evaluate", "name": "Evaluate", "tasks": [
            { "key": "call", "title": "Call about {deal.title}", "due_days": 1 },
            { "key": "write", "title": "Write", "priority": "high" } ] },
        { "key": "offer", "name": "Offer", "tasks": [
            { "key": "price", "title": "Price in {stage.name}", "result": ["amount", "expected_close_on"] } ] },
        { "key": "close", "name": "Close", "gate": [{ "kind": "field", "field": "lead_temperature" }] },
    ]);
    let deal_type = automatic(api, "Led", stages, json!([])).await;
    let id = open(api, &deal_type).await;
    let first = tasks(api, &id).await;
    assert_eq!(first.iter().map(|task| task.0.as_str()).collect::<Vec<_>>(), ["call", "write"]);
    let call = api.get(&format!("/v1/tasks/{}", first[0].1)).await.expect(200).json;
    assert_eq!(call["title"], "Call about Servers");
    assert_eq!((&call["by_process"], &call["creator_id"]), (&json!(true), &Value::Null));
    assert!(call["due_at"].is_string() && call["status"] == "new");

    // Moving by hand is refused, whatever the way.
    let to = json!({ "to": "next" });
    api.transition(&id, to.clone()).await.problem(409, "transition_is_automatic");
    let item = json!({ "items": [{ "op": "transition", "id": id, "to": "next" }] });
    let batch = api.post("/v1/deals/batch", item).await.expect(207).json;
    assert_eq!(batch["items"][0]["status"], 409, "{batch}");

    finish(api, &first[0].1, json!({})).await;
    assert_eq!(deal(api, &id).await["stage_key"], "evaluate");
    let done = finish(api, &first[1].1, json!({ "result": "They want two." })).await;
    assert_eq!((&done["result"], &done["status"]), (&json!("They want two."), &json!("done")));
    assert_eq!(deal(api, &id).await["stage_key"], "offer");

    // A task is done only with what it has to bring; all of it counts, or none.
    let next = tasks(api, &id).await;
    assert_eq!(next.len(), 1);
    let path = format!("/v1/tasks/{}/transition", next[0].1);
    let amount = json!({ "amount": { "amount": "100.00", "currency": "EUR" } });
    let short = api.post(&path, json!({ "to": "done", "deal": amount })).await;
    let faults = short.problem(422, "validation_failed").faults();
    assert_eq!(faults, [("/deal/expected_close_on".to_owned(), "task_result_required".to_owned())]);
    let untouched = deal(api, &id).await;
    assert_eq!(
        (&untouched["amount"]["amount"], &untouched["version"]),
        (&json!("0.00"), &json!(2))
    );
    let mut whole = amount;
    whole["expected_close_on"] = json!("2027-01-15");
    finish(api, &next[0].1, json!({ "deal": whole })).await;
    let here = deal(api, &id).await;
    assert_eq!(
        (&here["stage_key"], &here["amount"]["amount"]),
        (&json!("close"), &json!("100.00"))
    );

    // The gate of the last stage is its end.
    api.patch(&format!("/v1/deals/{id}"), json!({ "lead_temperature": "hot" })).await.expect(200);
    let won = deal(api, &id).await;
    assert_eq!((&won["status"], &won["overrides"]), (&json!("won"), &json!(0)));
    let history = api.get(&format!("/v1/deals/{id}/history")).await.expect(200).json;
    let moves: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            (
                event["type"].as_str().unwrap(),
                event["actor"]["kind"].as_str().unwrap(),
                event["actor"]["on"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        moves,
        [
            ("deal.opened", "user", None),
            ("deal.stage_changed", "process", Some("task.done")),
            ("deal.updated", "user", None),
            ("deal.amount_changed", "user", None),
            ("deal.stage_changed", "process", Some("task.done")),
            ("deal.updated", "user", None),
            ("deal.won", "process", Some("deal.updated")),
        ]
    );
    let cause = &history["items"][1]["actor"];
    assert_eq!((&cause["object_id"], &cause["sequence"]), (&json!(first[1].1), &json!(2)));
    assert_eq!(tasks(api, &id).await, []);
}

#[tokio::test]
async fn a_head_overrides_and_it_shows() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([
        { "key": "one", "name": "One", "tasks": [{ "key": "a", "title": "A" }] },
        { "key": "two", "name": "Two", "tasks": [{ "key": "b", "title": "B" }] },
    ]);
    let deal_type = automatic(api, "Led", stages, json!([])).await;
    let seller = api.colleague("seller", None).await;
    let id = open(&seller, &deal_type).await;
    let why = json!({ "to": "next", "override_reason": "The client insists" });
    seller.transition(&id, why.clone()).await.problem(403, "override_not_allowed");
    let moved = api.transition(&id, why).await.expect(200).json;
    assert_eq!((&moved["stage_key"], &moved["overrides"]), (&json!("two"), &json!(1)));
    let keys: Vec<_> = tasks(api, &id).await.into_iter().map(|task| task.0).collect();
    assert_eq!(keys, ["b"], "The first stage's task is not needed any more.");
    let history = api.get(&format!("/v1/deals/{id}/history")).await.expect(200).json;
    let change = &history["items"][1]["change"]["override"];
    assert_eq!(change["reason"], "The client insists");
    assert_eq!(change["unmet"], json!(["/tasks"]));
}

#[tokio::test]
async fn rules_act_in_their_order_and_say_so() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let reason = api.loss_reason("Not interested").await;
    let hot = json!({ "field": "deal.lead_temperature", "op": "eq", "value": "hot" });
    let stages = json!([
        { "key": "one", "name": "One", "gate": [{ "kind": "field", "field": "client_id" }] },
        { "key": "two", "name": "Two", "gate": [{ "kind": "field", "field": "amount" }] },
    ]);
    let rules = json!([
        { "key": "jump", "on": "deal.updated", "if": hot, "then": [{ "do": "move", "stage_key": "two" }] },
        { "key": "cold", "on": "deal.updated", "stage": "one",
          "if": { "field": "deal.lead_temperature", "op": "eq", "value": "cold" },
          "then": [{ "do": "create_task", "task": { "key": "ask", "title": "Ask why" } },
                   { "do": "lose", "loss_reason_id": reason }] },
    ]);
    let deal_type = automatic(api, "Led", stages, rules).await;
    let id = open(api, &deal_type).await;
    // The gate refuses a rule as it refuses everybody, and the refusal is kept.
    let path = format!("/v1/deals/{id}");
    let hot = api.patch(&path, json!({ "lead_temperature": "hot" })).await.expect(200).json;
    assert_eq!((&hot["stage_key"], &hot["lead_temperature"]), (&json!("one"), &json!("hot")));
    let history = api.get(&format!("{path}/history")).await.expect(200).json;
    let refused = &history["items"][2];
    assert_eq!(
        (&refused["type"], &refused["actor"]["kind"]),
        (&json!("deal.rule_refused"), &json!("rule"))
    );
    assert_eq!(refused["change"]["code"], "stage_gate_unmet");
    let cold = api.patch(&path, json!({ "lead_temperature": "cold" })).await.expect(200).json;
    assert_eq!(cold["status"], "lost");
}

#[tokio::test]
async fn a_process_that_cannot_work_is_refused_with_every_fault() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([
        { "key": "one", "name": "One" },
        { "key": "two", "name": "Two", "gate": [{ "kind": "task", "task": "nobody_makes_it" },
            { "kind": "document", "document": "quote", "state": "paid" },
            { "kind": "condition", "condition": { "field": "deal.status", "op": "eq", "value": "won" } }] },
        { "key": "three", "name": "Three", "gate": [{ "kind": "field", "field": "client_id" }],
          "tasks": [{ "key": "t", "title": "{deal.owner}" }] },
    ]);
    let rules = json!([
        { "key": "back", "on": "stage.entered", "stage": "three", "then": [{ "do": "move", "stage_key": "two" }] },
        { "key": "on", "on": "stage.entered", "stage": "two", "then": [{ "do": "move", "stage_key": "three" }] },
        { "key": "lose", "on": "deal.stuck", "then": [{ "do": "set", "field": "custom.nothing", "value": 1 }] },
    ]);
    let body = json!({ "name": "Broken", "mode": "automatic", "stages": stages, "rules": rules });
    let reply = api.post("/v1/deal-types", body).await.problem(422, "validation_failed");
    let faults = reply.faults();
    let faults: Vec<_> = faults.iter().map(|(at, code)| (at.as_str(), code.as_str())).collect();
    for fault in [
        ("/stages/0/gate", "gate_required"),
        ("/stages/1/gate/0", "never_met"),
        ("/stages/1/gate/1/state", "never_met"),
        ("/stages/1/gate/2", "never_met"),
        ("/stages/2/tasks/0/title", "unknown_placeholder"),
        ("/rules/0/then/0", "process_loops"),
        ("/rules/1/then/0", "process_loops"),
        ("/rules/2/after_days", "required"),
        ("/rules/2/then/0/field", "unknown_field"),
    ] {
        assert!(faults.contains(&fault), "{fault:?} in {faults:?}");
    }
    assert_eq!(api.get("/v1/deal-types").await.expect(200).json["items"], json!([]));
}
