//! A decision sees all its facts, whatever the way in: those of the deal's own type and version, those of the
//! client that it gets, those that change beside it; and what is overdue is so for lists and rules alike.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use voronka_integration_tests::{
    Api, TestServer,
    histories::count,
    process::{until, until_so},
    sql,
};

use crate::import::imports::{counts, import};

async fn deal_type(api: &Api, mode: &str, stages: Value, rules: Value) -> String {
    let name = format!("Sale {}", uuid::Uuid::now_v7());
    let body = json!({ "name": name, "mode": mode, "stages": stages, "rules": rules });
    api.post("/v1/deal-types", body).await.expect(201).id()
}

async fn open(api: &Api, deal_type: &str, more: Value) -> String {
    let mut body = json!({ "title": "Servers", "deal_type_id": deal_type });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    api.post("/v1/deals", body).await.expect(201).id()
}

async fn get(api: &Api, deal: &str) -> Value {
    api.get(&format!("/v1/deals/{deal}")).await.expect(200).json
}

/// Kinds and keys of the deal's tasks, in their order.
async fn tasks(api: &Api, deal: &str) -> Vec<String> {
    let path = format!("/v1/tasks?deal_id={deal}&sort=created_at");
    let page = api.get(&path).await.expect(200).json;
    let told = |task: &Value| format!("{} {}", task["kind"].as_str().unwrap(), task["key"]);
    page["items"].as_array().unwrap().iter().map(told).collect()
}

async fn client(api: &Api, name: &str, client_type: &str) -> String {
    let body = json!({ "name": name, "type": client_type });
    api.post("/v1/clients", body).await.expect(201).id()
}

fn field(field: &str) -> Value {
    json!([{ "kind": "field", "field": field }])
}

fn condition(field: &str, op: &str, value: Value) -> Value {
    json!([{ "kind": "condition", "condition": { "field": field, "op": op, "value": value } }])
}

/// A stage that nothing leaves by itself.
fn last() -> Value {
    json!({ "key": "last", "name": "Last", "gate": field("lead_temperature") })
}

fn tick(server: &TestServer, at: &str) {
    server.store.tick(at.parse().unwrap()).unwrap();
}

fn tick_now(server: &TestServer) {
    server.store.tick(voronka_persistence::now()).unwrap();
}

#[tokio::test]
async fn an_import_takes_a_deal_by_its_own_type() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let task = json!([{ "key": "call", "title": "Call" }]);
    let led = json!([
        { "key": "one", "name": "One", "gate": field("amount") },
        { "key": "two", "name": "Two", "tasks": task },
    ]);
    let led = deal_type(api, "automatic", led, json!([])).await;
    let by_hand = json!([{ "key": "one", "name": "One" }, { "key": "two", "name": "Two" }]);
    let by_hand = deal_type(api, "manual", by_hand, json!([])).await;
    let external = |id: &str| json!({ "external_id": { "source": "crm", "id": id } });
    let ids = [open(api, &led, external("1")).await, open(api, &led, external("2")).await];
    let file = "id,stage,amount\n1,Two,\n2,,100\n3,Two,\n";
    let spec = json!({ "kind": "deals", "deal_type_id": by_hand, "external_source": "crm",
        "stage_map": { "Two": { "stage": "two" } },
        "mapping": { "external_id": { "column": "id" }, "stage": { "column": "stage" },
            "amount": { "column": "amount" } } });
    let done = import(&server, api, file, spec).await;
    // The first is led by its process and not by a file; the second has what its gate wants.
    assert_eq!(counts(&done), [1, 1, 0, 1], "{done}");
    assert_eq!(get(api, &ids[0]).await["stage_key"], "one");
    assert_eq!(get(api, &ids[1]).await["stage_key"], "two");
    assert_eq!(tasks(api, &ids[1]).await, ["work \"call\""]);
}

#[tokio::test]
async fn what_a_rule_loses_is_reviewed_whatever_the_way() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let seller = api.colleague("seller", None).await;
    let reason = api.loss_reason("Price").await;
    let rule = |on: &str| json!([{ "key": "lose", "on": on, "then": [{ "do": "lose", "loss_reason_id": reason }] }]);
    let stages = json!([{ "key": "one", "name": "One", "gate": field("amount") }, last()]);
    let review = ["loss_review null".to_owned()];
    // At its opening, by a person and by a file.
    let at_once = deal_type(api, "automatic", stages.clone(), rule("deal.opened")).await;
    let opened = open(&seller, &at_once, json!({})).await;
    assert_eq!(get(api, &opened).await["status"], "lost");
    assert_eq!(tasks(api, &opened).await, review);
    let spec = json!({ "kind": "deals", "deal_type_id": at_once, "external_source": "crm",
        "mapping": { "external_id": { "column": "id" }, "owner": { "column": "owner" } } });
    let file = format!("id,owner\n7,{}\n", seller.email);
    assert_eq!(counts(&import(&server, api, file, spec).await), [1, 0, 0, 0]);
    let path = "/v1/deals?external_source=crm&external_id=7";
    let imported = api.get(path).await.expect(200).json["items"][0].clone();
    assert_eq!(imported["status"], "lost");
    assert_eq!(tasks(api, imported["id"].as_str().unwrap()).await, review);
    // In a migration.
    let later = deal_type(api, "automatic", stages.clone(), json!([])).await;
    let migrated = open(&seller, &later, json!({})).await;
    let renamed = json!([{ "key": "start", "name": "Start", "gate": field("amount") }, last()]);
    let version = json!({ "stages": renamed, "rules": rule("stage.entered") });
    api.post(&format!("/v1/deal-types/{later}/versions"), version).await.expect(201);
    let mapping = json!({ "mapping": { "one": "start" } });
    let told = api.post(&format!("/v1/deal-types/{later}/migrate"), mapping).await.expect(200);
    assert_eq!(told.json["migrated"], 1, "{}", told.text);
    assert_eq!(tasks(api, &migrated).await, review);
    // What a row of a file has lost long ago is history, though a rule of its process may lose, too.
    let warm = json!([{ "key": "lose", "on": "deal.updated", "then": rule("")[0]["then"] }]);
    let by_hand = deal_type(api, "manual", stages, warm).await;
    let spec = json!({ "kind": "deals", "deal_type_id": by_hand, "external_source": "old",
        "stage_map": { "Lost": { "lost": "Price" } },
        "mapping": { "external_id": { "column": "id" }, "owner": { "column": "owner" },
            "stage": { "column": "stage" } } });
    let file = format!("id,owner,stage\n8,{},Lost\n", seller.email);
    assert_eq!(counts(&import(&server, api, file, spec).await), [1, 0, 0, 0]);
    let old = api.get("/v1/deals?external_source=old").await.expect(200).json["items"][0].clone();
    assert_eq!(old["status"], "lost");
    assert_eq!(tasks(api, old["id"].as_str().unwrap()).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_migration_makes_no_task_twice() {
    let server = TestServer::start().await;
    let api = &server.admin;
    // No gate looks at tasks: the stage has a gate of its own.
    let task = |key: &str| json!({ "key": key, "title": "Call" });
    let stages = |tasks: Value| json!([{ "key": "one", "name": "One", "gate": field("amount"), "tasks": tasks }, last()]);
    let led = deal_type(api, "automatic", stages(json!([task("call")])), json!([])).await;
    let deal = open(api, &led, json!({})).await;
    let version = json!({ "stages": stages(json!([task("call"), task("write")])) });
    api.post(&format!("/v1/deal-types/{led}/versions"), version).await.expect(201);
    api.post(&format!("/v1/deal-types/{led}/migrate"), json!({})).await.expect(200);
    assert_eq!(tasks(api, &deal).await, ["work \"call\"", "work \"write\""]);
}

#[tokio::test]
async fn deals_that_follow_their_client_are_answered_by_their_processes() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let rules = json!([{ "key": "warm", "on": "deal.updated",
        "then": [{ "do": "set", "field": "lead_temperature", "value": "hot" }] }]);
    let stages = json!([
        { "key": "one", "name": "One", "gate": condition("client.type", "eq", json!("current")) },
        { "key": "last", "name": "Last", "gate": field("source") }]);
    let led = deal_type(api, "automatic", stages, rules).await;
    let (survivor, duplicate) =
        (client(api, "Alder Mill", "current").await, client(api, "Birch Ltd", "new").await);
    let deal = open(api, &led, json!({ "client_id": duplicate })).await;
    assert_eq!(get(api, &deal).await["stage_key"], "one");
    let merge = json!({ "duplicate_id": duplicate });
    api.post(&format!("/v1/clients/{survivor}/merge"), merge).await.expect(200);
    let now = get(api, &deal).await;
    assert_eq!((&now["client_id"], &now["stage_key"]), (&json!(survivor), &json!("last")));
    assert_eq!(now["lead_temperature"], "hot");
}

#[tokio::test]
async fn a_gate_looks_at_the_client_that_the_deal_gets() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([
        { "key": "one", "name": "One", "gate": condition("client.type", "eq", json!("current")) }, last()]);
    let led = deal_type(api, "automatic", stages, json!([])).await;
    let (new, current) = (client(api, "New", "new").await, client(api, "Old", "current").await);
    let deal = open(api, &led, json!({ "client_id": new })).await;
    let changed =
        api.patch(&format!("/v1/deals/{deal}"), json!({ "client_id": current })).await.expect(200);
    assert_eq!(changed.json["stage_key"], "last");
}

#[tokio::test]
async fn a_deal_that_waits_for_a_rate_goes_on_when_there_is_one() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let put = async |day: &str| {
        let body = json!({ "rates": [{ "currency": "USD", "day": day, "rate": "0.9" }] });
        let body = Some(body.to_string().into_bytes());
        api.send(reqwest::Method::PUT, "/v1/exchange-rates", &[], body).await.expect(200)
    };
    put("2026-01-01").await;
    let stages = json!([{ "key": "one", "name": "One", "gate": field("lead_temperature") }]);
    let led = deal_type(api, "automatic", stages, json!([])).await;
    let dollars = json!({ "amount": { "amount": "10", "currency": "USD" } });
    let deal = open(api, &led, dollars).await;
    let mut connection = server.connection();
    // As of a deal whose closing day has no rate.
    use diesel::RunQueryDsl;
    diesel::sql_query("DELETE FROM exchange_rates").execute(&mut connection).unwrap();
    let path = format!("/v1/deals/{deal}");
    let warm = api.patch(&path, json!({ "lead_temperature": "hot" })).await.expect(200).json;
    assert_eq!(warm["status"], "open");
    let other = api.patch(&path, json!({ "title": "Switches" })).await.expect(200).json;
    assert_eq!(other["status"], "open");
    // One by one as well as many at a time.
    let rate = json!({ "currency": "USD", "day": "2026-01-01", "rate": "0.9" });
    api.post("/v1/exchange-rates", rate).await.expect(201);
    tick_now(&server);
    assert_eq!(get(api, &deal).await["status"], "won");
}

#[tokio::test]
async fn a_gate_that_looks_at_what_is_planned_sees_that_it_is_cancelled() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let planned =
        json!({ "not": { "field": "deal.next_activity_at", "op": "gte", "value": "2000-01-01" } });
    let gate = json!([{ "kind": "condition", "condition": planned }]);
    let stages = json!([{ "key": "one", "name": "One", "gate": field("source") },
        { "key": "two", "name": "Two", "gate": gate }, last()]);
    let led = deal_type(api, "automatic", stages, json!([])).await;
    let deal = open(api, &led, json!({})).await;
    let meeting = json!({ "kind": "meeting", "title": "Meet", "deal_id": deal,
        "planned_at": "2999-01-01T10:00:00Z" });
    let meeting = api.post("/v1/activities", meeting).await.expect(201).id();
    let source = api.post("/v1/sources", json!({ "name": "Fair" })).await.expect(201).id();
    let path = format!("/v1/deals/{deal}");
    let moved = api.patch(&path, json!({ "source_id": source })).await.expect(200).json;
    assert_eq!(moved["stage_key"], "two");
    let cancelled = json!({ "cancelled": true });
    api.patch(&format!("/v1/activities/{meeting}"), cancelled).await.expect(200);
    tick_now(&server);
    assert_eq!(get(api, &deal).await["stage_key"], "last");
}

#[tokio::test]
async fn a_gate_that_a_new_day_meets_is_met_then() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let soon = condition("deal.expected_close_on", "lte", json!({ "days": 3 }));
    let led = json!([{ "key": "one", "name": "One", "gate": soon }, last()]);
    let led = deal_type(api, "automatic", led, json!([])).await;
    let zone = chrono_tz::Europe::Amsterdam;
    let now = voronka_persistence::now();
    let today = now.with_timezone(&zone).date_naive();
    let day = |days| today + chrono::Days::new(days);
    let deal = open(api, &led, json!({ "expected_close_on": day(5) })).await;
    for (days, stage) in [(1, "one"), (2, "last")] {
        // Some minutes past midnight.
        let midnight = day(days).and_hms_opt(0, 5, 0).unwrap().and_local_timezone(zone).unwrap();
        server.store.tick(midnight.to_utc()).unwrap();
        assert_eq!(get(api, &deal).await["stage_key"], stage);
    }
}

/// The deal is being opened by what its client was; meanwhile the client changes, and the clock has heard of it
/// before the deal is there.
#[tokio::test]
async fn a_change_is_heard_again_by_who_could_not_see_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([
        { "key": "one", "name": "One", "gate": condition("client.type", "eq", json!("current")) }, last()]);
    let led = deal_type(api, "automatic", stages, json!([])).await;
    let firm = client(api, "Alder Mill", "new").await;
    let mut holder = server.connection();
    holder.batch_execute("BEGIN; LOCK TABLE stage_visits IN SHARE MODE").unwrap();
    let opening = tokio::spawn({
        let (api, body) = (api.clone(), json!({ "client_id": firm }));
        async move { open(&api, &led, body).await }
    });
    let mut watcher = server.connection();
    until_so("the opening waits", || sql::waiting_for(&mut watcher, "stage_visits") == 1).await;
    let current = json!({ "type": "current" });
    api.patch(&format!("/v1/clients/{firm}"), current).await.expect(200);
    tick_now(&server);
    holder.batch_execute("COMMIT").unwrap();
    let deal = opening.await.unwrap();
    assert_eq!(get(api, &deal).await["stage_key"], "one");
    until("the deal goes on", async || {
        tick_now(&server);
        get(api, &deal).await["stage_key"] == "last"
    })
    .await;
    // Then it is over.
    until("nothing rings", async || {
        tick_now(&server);
        count(&mut server.connection(), "SELECT count(*) AS number FROM rings") == 0
    })
    .await;
}

/// Thursday, nine in Amsterdam; three hours, then on hold until Tuesday at nine. Friday is a holiday in one case.
#[tokio::test]
async fn a_rule_hears_of_an_overdue_deal_when_lists_show_it() {
    for (holiday, due) in [
        // Two days of nine hours: three on Thursday, nine on Tuesday, six on Wednesday.
        (None, "2025-04-23T13:00:00Z"),
        // No work on Tuesday: six more hours on Thursday.
        (Some("2025-04-22"), "2025-04-24T13:00:00Z"),
    ] {
        let server = TestServer::start().await;
        let api = &server.admin;
        if let Some(day) = holiday {
            let body = json!({ "from": day, "to": day, "holidays": [{ "day": day }] });
            let body = Some(body.to_string().into_bytes());
            let path = "/v1/workspace/holidays";
            api.send(reqwest::Method::PUT, path, &[], body).await.expect(200);
        }
        let rules = json!([{ "key": "late", "on": "stage.overdue",
            "then": [{ "do": "create_task", "task": { "key": "late", "title": "Ask" } }] }]);
        let stages = json!([{ "key": "one", "name": "One", "norm_days": 2, "gate": field("amount") }, last()]);
        let led = deal_type(api, "automatic", stages, rules).await;
        let opened = json!({ "opened_at": "2025-04-17T07:00:00Z" });
        let deal = open(api, &led, opened).await;
        for (to, at) in [("hold", "2025-04-17T10:00:00Z"), ("resume", "2025-04-22T07:00:00Z")] {
            let to = json!({ "to": to, "reason": "Easter", "occurred_at": at });
            let to =
                if to["to"] == "hold" { to } else { json!({ "to": "resume", "occurred_at": at }) };
            api.transition(&deal, to).await.expect(200);
        }
        assert_eq!(get(api, &deal).await["stage_due_at"], due);
        tick(&server, due);
        assert_eq!(tasks(api, &deal).await, Vec::<String>::new());
        tick(&server, &due.replace(":00Z", ":01Z"));
        assert_eq!(tasks(api, &deal).await, ["work \"late\""], "{holiday:?}");
    }
}

#[tokio::test]
async fn a_rule_of_the_clock_comes_once_a_visit_whatever_the_version() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let rules = json!([{ "key": "late", "on": "stage.overdue",
        "then": [{ "do": "create_task", "task": { "key": "late", "title": "Ask" } }] }]);
    let stages =
        json!([{ "key": "one", "name": "One", "norm_days": 1, "gate": field("amount") }, last()]);
    let led = deal_type(api, "automatic", stages.clone(), rules.clone()).await;
    let deal = open(api, &led, json!({ "opened_at": "2025-04-17T07:00:00Z" })).await;
    tick_now(&server);
    for _ in 0..2 {
        let version = json!({ "stages": stages, "rules": rules });
        api.post(&format!("/v1/deal-types/{led}/versions"), version).await.expect(201);
        let told = api.post(&format!("/v1/deal-types/{led}/migrate"), json!({})).await.expect(200);
        assert_eq!(told.json["migrated"], 1);
        tick_now(&server);
        assert_eq!(tasks(api, &deal).await, ["work \"late\""]);
    }
}

#[tokio::test]
async fn what_an_earlier_release_left_resting_is_listed_and_woken() {
    use diesel::RunQueryDsl;
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([{ "key": "one", "name": "One", "norm_days": 1,
        "gate": condition("client.type", "eq", json!("current")) }, last()]);
    let rules = json!([{ "key": "late", "on": "stage.overdue",
        "then": [{ "do": "create_task", "task": { "key": "late", "title": "Ask" } }] }]);
    let led = deal_type(api, "automatic", stages, rules).await;
    let firm = client(api, "Alder Mill", "new").await;
    let of_client = json!({ "client_id": firm, "opened_at": "2025-04-17T07:00:00Z" });
    let rests = open(api, &led, of_client).await;
    let unheard = open(api, &led, json!({ "opened_at": "2025-04-17T07:00:00Z" })).await;
    let fine = open(api, &led, json!({})).await;
    let mut connection = server.connection();
    for sql in [
        "UPDATE clients SET client_type = 'current'".to_owned(),
        format!("UPDATE deals SET alarm_at = NULL WHERE id <> '{fine}'"),
    ] {
        diesel::sql_query(sql).execute(&mut connection).unwrap();
    }
    let operator = {
        let all = voronka_persistence::workspace::workspaces::all(&server.store).unwrap();
        server.store.operator(&all[0]).unwrap()
    };
    let resting = |wake| {
        let mut found = Vec::new();
        let now = voronka_persistence::now();
        server
            .store
            .resting(&operator, now, wake, |one| found.push((one.id.to_string(), one.why)))
            .unwrap();
        found
    };
    use voronka_persistence::deals::Why;
    // A rule that is late comes first; either way it rests.
    let expected = [(rests.clone(), Why::Clock), (unheard.clone(), Why::Clock)];
    assert_eq!(resting(false), expected);
    tick_now(&server);
    assert_eq!(get(api, &rests).await["stage_key"], "one");
    assert_eq!(resting(true), expected);
    tick_now(&server);
    assert_eq!(get(api, &rests).await["stage_key"], "last");
    assert_eq!(tasks(api, &unheard).await, ["work \"late\""]);
    assert_eq!(resting(false), []);
}

/// What the process makes of an opening is no event of the log, and is not taken back by the event that opened it.
#[tokio::test]
async fn an_event_log_opens_a_deal_on_which_the_process_acts() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([{ "key": "first", "name": "First", "gate": field("amount") }, last()]);
    let led = deal_type(api, "automatic", stages, json!([])).await;
    let text = "case,what,when,amount\ne1,A,2026-11-20T10:00:00Z,100\n\
                e2,A,2026-11-20T10:00:00Z,100\ne2,Lost,2026-11-22T10:00:00Z,\n";
    let spec = json!({ "kind": "stage_events", "deal_type_id": led, "create_missing": true,
        "mapping": { "case_id": {"column": "case"}, "activity": {"column": "what"},
            "occurred_at": {"column": "when"}, "amount": {"column": "amount"} },
        "stage_map": { "A": {"stage": "first"}, "Lost": {"lost": "Declined"} } });
    let done = import(&server, api, text.to_owned(), spec).await;
    // The process acts now, and history is not rewritten.
    assert_eq!(counts(&done), [2, 0, 0, 1]);
    let path = format!("/v1/imports/{}/rejected.csv", done["id"].as_str().unwrap());
    let rejected = api.get(&path).await.expect(200).text;
    assert!(rejected.contains("4,occurred_at,before_last_event"), "{rejected}");
    let page = api.get("/v1/deals?sort=created_at").await.expect(200).json;
    let told = |deal: &Value| {
        let [id, stage, status, opened] = ["external_id", "stage_key", "status", "opened_at"]
            .map(|name| deal[name].to_string().replace('"', ""));
        format!("{id} {stage} {status} {opened}")
    };
    let told: Vec<_> = page["items"].as_array().unwrap().iter().map(told).collect();
    assert!(told[0].ends_with("last open 2026-11-20T10:00:00Z"), "{told:?}");
    assert!(told[1].ends_with("last open 2026-11-20T10:00:00Z"), "{told:?}");
}
