//! Processes that lead their deals: by what is done for them, through gates that hold for everybody.

use diesel::PgConnection;
use serde_json::{Value, json};
use voronka_integration_tests::{
    Api, TestServer,
    process::{Process, until},
};
use voronka_persistence::Store;

pub async fn automatic(api: &Api, name: &str, stages: Value, rules: Value) -> String {
    let body = json!({ "name": name, "mode": "automatic", "stages": stages, "rules": rules });
    api.post("/v1/deal-types", body).await.expect(201).id()
}

pub async fn open(api: &Api, deal_type: &str) -> String {
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
    // The route map says what was met by what, and who is to do the rest.
    let map = api.get(&format!("/v1/deals/{id}/route-map")).await.expect(200).json;
    let gate = &map["stages"][0]["gate"];
    assert_eq!(gate[0]["by"], json!({ "kind": "task", "id": first[0].1 }));
    assert_eq!((&gate[0]["met"], &gate[1]["met"]), (&json!(true), &json!(false)));
    assert!(gate[0]["since"].is_string() && gate[1]["since"].is_null());
    assert_eq!(gate[1]["awaited_from"], json!(api.user_id));
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

/// What three servers do when their clocks strike at the same moment.
fn strike(server: &TestServer, at: &str) {
    let now = at.parse().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let url = server.url.clone();
            scope.spawn(move || Store::new(&url, 2).tick(now).unwrap());
        }
    });
}

fn fired(history: &Value) -> Vec<&str> {
    let events = history["items"].as_array().unwrap().iter();
    let fired = events.filter(|event| event["type"] == "deal.rule_fired");
    fired.map(|event| event["change"]["rule_key"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn rules_of_the_clock_act_once_over_several_servers() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([
        { "key": "one", "name": "One", "norm_days": 2, "gate": [{ "kind": "field", "field": "client_id" }] },
        { "key": "two", "name": "Two", "gate": [{ "kind": "field", "field": "amount" }] },
    ]);
    let task = |key: &str| json!([{ "do": "create_task", "task": { "key": key, "title": "Ask" } }]);
    let rules = json!([
        { "key": "late", "on": "stage.overdue", "then": task("late") },
        { "key": "still", "on": "deal.stuck", "after_days": 5, "then": task("still") },
    ]);
    let deal_type = automatic(api, "Led", stages, rules).await;
    // A Friday evening in Amsterdam: the next working day begins on Monday at nine.
    let body = json!({ "title": "Servers", "deal_type_id": deal_type, "opened_at": "2026-03-27T17:30:00Z" });
    let ids = [
        api.post("/v1/deals", body.clone()).await.expect(201).id(),
        api.post("/v1/deals", body).await.expect(201).id(),
    ];
    let hold = json!({ "to": "hold", "reason": "Holidays", "occurred_at": "2026-03-27T17:31:00Z" });
    api.transition(&ids[1], hold).await.expect(200);
    let mut seen = Vec::new();
    for at in [
        // Two working days of nine hours end on Tuesday at 18:00, in summer time by then; nobody works longer
        // before Wednesday.
        "2026-03-31T16:00:00Z",
        "2026-04-01T07:00:00Z",
        "2026-04-01T07:00:01Z",
        // Nothing has happened for five working days since the rule did something.
        "2026-04-08T07:00:00Z",
        "2026-04-08T07:00:01Z",
        "2026-05-07T16:00:00Z",
    ] {
        strike(&server, at);
        let path = format!("/v1/deals/{}/history", ids[0]);
        seen.push(fired(&api.get(&path).await.expect(200).json).join(" "));
    }
    assert_eq!(seen, ["", "", "late", "late", "late still", "late still"]);
    let keys: Vec<_> = tasks(api, &ids[0]).await.into_iter().map(|task| task.0).collect();
    assert_eq!(keys, ["late", "still"]);
    let held = api.get(&format!("/v1/deals/{}/history", ids[1])).await.expect(200).json;
    assert_eq!(fired(&held), Vec::<&str>::new());
}

#[tokio::test]
async fn a_clock_goes_on_when_one_of_three_servers_is_killed() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([{ "key": "one", "name": "One", "norm_days": 1, "gate": [{ "kind": "field", "field": "client_id" }] }]);
    let rules = json!([{ "key": "late", "on": "stage.overdue",
        "then": [{ "do": "create_task", "task": { "key": "late", "title": "Ask" } }] }]);
    let deal_type = automatic(api, "Led", stages, rules).await;
    let item = json!({ "op": "create", "title": "Servers", "deal_type_id": deal_type, "opened_at": "2026-03-02T10:00:00Z" });
    let batch = json!({ "items": vec![item; 1_000] });
    api.post("/v1/deals/batch", batch).await.expect(207);
    let count = || {
        let mut connection: PgConnection = diesel::Connection::establish(&server.url).unwrap();
        let sql = "SELECT json_build_object('fired', count(*), 'deals', count(DISTINCT object_id), \
                   'tasks', (SELECT count(*) FROM tasks), 'of', (SELECT count(DISTINCT deal_id) FROM tasks))::text \
                   FROM events WHERE event_type = 'deal.rule_fired'";
        voronka_integration_tests::sql::json(&mut connection, sql)
    };
    // Every deal is late. Three servers look at their clocks, and one dies over it.
    const BINARY: &str = env!("CARGO_BIN_EXE_voronka-under-test");
    let mut servers = [0, 1, 2].map(|_| Process::on(BINARY, &server.url));
    for process in &mut servers {
        process.serve();
    }
    until("some fired", async || count()["fired"].as_i64() > Some(20)).await;
    servers[0].kill_server();
    until("all fired", async || count()["fired"].as_i64() >= Some(1_000)).await;
    servers[0].serve();
    // One more that is late shows that the clocks went round again.
    let late =
        json!({ "title": "Late", "deal_type_id": deal_type, "opened_at": "2026-03-02T10:00:00Z" });
    api.post("/v1/deals", late).await.expect(201);
    until("the last fired", async || count()["fired"].as_i64() > Some(1_000)).await;
    assert_eq!(count(), json!({ "fired": 1_001, "deals": 1_001, "tasks": 1_001, "of": 1_001 }));
}

#[tokio::test]
async fn what_a_gate_sees_of_the_client_counts_when_the_client_changes() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let current = json!({ "field": "client.type", "op": "eq", "value": "current" });
    let stages = json!([
        { "key": "one", "name": "One", "gate": [{ "kind": "condition", "condition": current }] },
        { "key": "two", "name": "Two", "gate": [{ "kind": "field", "field": "amount" }] },
    ]);
    let deal_type = automatic(api, "Led", stages, json!([])).await;
    let client = api.post("/v1/clients", json!({ "name": "Isdom" })).await.expect(201).id();
    let body = json!({ "title": "Servers", "deal_type_id": deal_type, "client_id": client });
    let id = api.post("/v1/deals", body).await.expect(201).id();
    let path = format!("/v1/clients/{client}");
    api.patch(&path, json!({ "type": "current" })).await.expect(200);
    Store::new(&server.url, 2).tick(voronka_persistence::now()).unwrap();
    assert_eq!(deal(api, &id).await["stage_key"], "two");
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

#[tokio::test]
async fn open_deals_go_over_to_a_new_version_through_its_gates() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let field = |name: &str| json!([{ "kind": "field", "field": name }]);
    let stages = json!([
        { "key": "one", "name": "One", "gate": field("client_id") },
        { "key": "two", "name": "Two", "gate": field("amount") },
    ]);
    let deal_type = automatic(api, "Led", stages, json!([])).await;
    let (first, second) = (open(api, &deal_type).await, open(api, &deal_type).await);
    let client = api.post("/v1/clients", json!({ "name": "Isdom" })).await.expect(201).id();
    api.patch(&format!("/v1/deals/{second}"), json!({ "client_id": client })).await.expect(200);
    let stages = json!([
        { "key": "start", "name": "Start", "gate": field("lead_temperature") },
        { "key": "two", "name": "Two", "tasks": [{ "key": "sign", "title": "Sign" }] },
        { "key": "three", "name": "Three", "gate": field("amount") },
    ]);
    let versions = format!("/v1/deal-types/{deal_type}/versions");
    api.post(&versions, json!({ "stages": stages })).await.expect(201);
    let migrate = format!("/v1/deal-types/{deal_type}/migrate");
    let before = deal(api, &second).await;

    // What has no stage in the new version is refused, and the others go on where they are.
    let mut connection = server.connection();
    let fingerprint = voronka_integration_tests::sql::fingerprint(&mut connection);
    let dry = api.post(&migrate, json!({ "dry_run": true })).await.expect(200).json;
    assert_eq!((&dry["migrated"], &dry["refused"]), (&json!(1), &json!(1)), "{dry}");
    assert_eq!(dry["refusals"][0]["deal_id"], json!(first));
    assert_eq!(dry["refusals"][0]["obstacles"][0]["code"], "stage_not_in_process");
    assert_eq!(voronka_integration_tests::sql::fingerprint(&mut connection), fingerprint);
    // A stage further on is reached through the gates of the new version.
    let ahead = json!({ "mapping": { "one": "three" } });
    let done = api.post(&migrate, ahead.clone()).await.expect(200).json;
    assert_eq!(
        (&done["migrated"], &done["moved"], &done["refused"]),
        (&json!(1), &json!(0), &json!(1))
    );
    let codes: Vec<_> = done["refusals"][0]["obstacles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["field_required", "task_required"]);
    assert_eq!(deal(api, &first).await["process_version_id"], before["process_version_id"]);
    let after = deal(api, &second).await;
    assert_ne!(after["process_version_id"], before["process_version_id"]);
    assert_eq!(
        (&after["stage_key"], &after["stage_entered_at"]),
        (&json!("two"), &before["stage_entered_at"])
    );
    let keys: Vec<_> = tasks(api, &second).await.into_iter().map(|task| task.0).collect();
    assert_eq!(keys, ["sign"], "The new version's task.");

    let mut forced = ahead;
    forced["override_reason"] = json!("The old stages are gone");
    let done = api.post(&migrate, forced).await.expect(200).json;
    assert_eq!(
        (&done["migrated"], &done["moved"], &done["refused"]),
        (&json!(1), &json!(1), &json!(0))
    );
    let forced = deal(api, &first).await;
    assert_eq!((&forced["stage_key"], &forced["overrides"]), (&json!("three"), &json!(1)));
    let report = format!("/v1/reports/funnel/open?deal_type_id={deal_type}");
    let report = api.get(&report).await.expect(200).json;
    let deals: Vec<_> =
        report["stages"].as_array().unwrap().iter().map(|stage| &stage["deals"]).collect();
    assert_eq!(deals, [&json!(0), &json!(1), &json!(1)]);
}

#[tokio::test]
async fn the_nine_stages_are_walked_by_tasks_documents_and_payments_alone() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let mut types = Vec::new();
    for language in ["en", "ru"] {
        let path = format!("/v1/deal-types/presets?language={language}");
        let presets = api.get(&path).await.expect(200).json;
        for preset in presets["items"].as_array().unwrap() {
            let made = api.post("/v1/deal-types", preset["deal_type"].clone()).await.expect(201);
            types.push((preset["key"].as_str().unwrap().to_owned(), made.id()));
        }
    }
    let keys: Vec<_> = types.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["typical_sale", "short_b2c", "telemarketing"].repeat(2));
    let client = api.post("/v1/clients", json!({ "name": "Isdom" })).await.expect(201).id();
    let id = open(api, &types[0].1).await;
    let at = async || deal(api, &id).await["stage_key"].as_str().unwrap().to_owned();
    let awaited = async || {
        let map = api.get(&format!("/v1/deals/{id}/route-map")).await.expect(200).json;
        let stages = map["stages"].as_array().unwrap().clone();
        let here = stages.into_iter().find(|stage| stage["state"] == "current").unwrap();
        assert_eq!(here["gate"][0]["awaited_from"], json!(api.user_id), "{here}");
        here["gate"][0]["requirement"]["kind"].as_str().unwrap().to_owned()
    };
    let task = async |body: Value| {
        let (_, id) = tasks(api, &id).await.remove(0);
        finish(api, &id, body).await;
    };
    let document = async |kind: &str, states: &[&str]| {
        let body = json!({ "deal_id": id, "kind": kind, "number": kind });
        let document = api.post("/v1/documents", body).await.expect(201).id();
        for state in states {
            let path = format!("/v1/documents/{document}/transition");
            api.post(&path, json!({ "to": state })).await.expect(200);
        }
        document
    };
    let amount = |amount: &str| json!({ "amount": amount, "currency": "EUR" });
    let mut way = vec![(at().await, awaited().await)];
    task(json!({ "deal": { "client_id": client, "amount": amount("900.00") } })).await;
    way.push((at().await, awaited().await));
    task(json!({})).await;
    way.push((at().await, awaited().await));
    task(json!({})).await;
    way.push((at().await, awaited().await));
    let quote = document("quote", &["sent"]).await;
    way.push((at().await, awaited().await));
    let accept = format!("/v1/documents/{quote}/transition");
    api.post(&accept, json!({ "to": "accepted" })).await.expect(200);
    way.push((at().await, awaited().await));
    document("contract", &["sent", "signed"]).await;
    way.push((at().await, awaited().await));
    let pay = |money: Value| json!({ "deal_id": id, "amount": money });
    api.post("/v1/payments", pay(amount("450.00"))).await.expect(201);
    assert_eq!(at().await, "payment");
    api.post("/v1/payments", pay(amount("450.00"))).await.expect(201);
    way.push((at().await, awaited().await));
    document("shipment", &["shipped", "delivered"]).await;
    way.push((at().await, awaited().await));
    task(json!({})).await;
    let way: Vec<_> = way.iter().map(|(stage, kind)| (stage.as_str(), kind.as_str())).collect();
    assert_eq!(
        way,
        [
            ("client_evaluation", "task"),
            ("meeting_preparation", "task"),
            ("presentation", "task"),
            ("commercial_offer", "document"),
            ("awaiting_decision", "document"),
            ("contract", "document"),
            ("payment", "payment"),
            ("delivery", "document"),
            ("completion", "task"),
        ]
    );
    let won = deal(api, &id).await;
    assert_eq!((&won["status"], &won["overrides"]), (&json!("won"), &json!(0)));
    // The route map says of each visit what it came by.
    let map = api.get(&format!("/v1/deals/{id}/route-map")).await.expect(200).json;
    let stages = map["stages"].as_array().unwrap().iter();
    let causes: Value = stages.map(|stage| stage["visits"][0]["cause"]["on"].clone()).collect();
    assert_eq!(
        causes,
        json!([
            null,
            "task.done",
            "task.done",
            "task.done",
            "document.changed",
            "document.changed",
            "document.changed",
            "payment.received",
            "document.changed"
        ])
    );
}
