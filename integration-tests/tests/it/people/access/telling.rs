//! What processes, charts and imports tell or do on behalf of somebody is what they may read or do.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

async fn key(admin: &Api, scopes: &[&str]) -> Api {
    let key = json!({ "name": "Key", "scopes": scopes });
    let key = admin.post("/v1/api-keys", key).await.expect(201).json;
    admin.with_token(key["key"].as_str().unwrap())
}

const OF_TYPES: [&str; 4] = ["deal_types:write", "deal_types:read", "deals:read", "deals:write"];

#[tokio::test]
async fn requirements_rules_and_titles_of_tasks_need_what_they_look_at() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let ours = key(admin, &OF_TYPES).await;
    let field = json!({ "kind": "field", "field": "amount" });
    let gate = |requirement: Value| {
        json!({ "stages": [{ "key": "one", "name": "One", "gate": [field, requirement],
            "tasks": [{ "key": "work", "title": "Work" }] }, { "name": "Two", "gate": [field] }] })
    };
    let rule = |rule: Value| {
        json!({ "stages": [{ "name": "One", "gate": [field] }, { "name": "Two", "gate": [field] }],
            "rules": [rule] })
    };
    let called = json!({ "key": "call", "title": "Call {client.name}" });
    let titled = json!({ "stages": [{ "name": "One", "gate": [field], "tasks": [called] },
        { "name": "Two", "gate": [field] }] });
    let create = json!([{ "do": "create_task", "task": called }]);
    let at_gate = |what: &str| format!("/stages/0/gate/1/{what}");
    let on = |on: &str| rule(json!({ "key": "r", "on": on, "then": [{ "do": "win" }] }));
    let quote = json!({ "kind": "document", "document": "quote", "state": "sent" });
    let call = json!({ "kind": "activity", "activity": "call", "outcome": "reached" });
    for (number, (process, place, scope)) in [
        (gate(call), at_gate("activity"), "activities:read"),
        (gate(quote), at_gate("document"), "documents:read"),
        (gate(json!({ "kind": "payment", "share": 0.5 })), at_gate("share"), "documents:read"),
        (gate(json!({ "kind": "task", "task": "work" })), at_gate("task"), "tasks:read"),
        (titled, "/stages/0/tasks/0/title".to_owned(), "clients:read"),
        (on("activity.recorded"), "/rules/0/on".to_owned(), "activities:read"),
        (on("document.changed"), "/rules/0/on".to_owned(), "documents:read"),
        (on("payment.received"), "/rules/0/on".to_owned(), "documents:read"),
        (on("task.done"), "/rules/0/on".to_owned(), "tasks:read"),
        (
            rule(json!({ "key": "r", "on": "deal.opened", "then": create })),
            "/rules/0/then/0/task/title".to_owned(),
            "clients:read",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = process;
        (body["name"], body["mode"]) = (json!(format!("Sale {number}")), json!("automatic"));
        let refused = ours.post("/v1/deal-types", body.clone()).await.expect(422);
        assert_eq!(refused.faults(), [(place, "not_allowed".to_owned())], "{}", refused.text);
        let enough = key(admin, &[&OF_TYPES[..], &[scope]].concat()).await;
        enough.post("/v1/deal-types", body).await.expect(201);
    }
}

#[tokio::test]
async fn a_migration_needs_the_right_to_write_deals() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal_type = admin.deal_type(&["first", "second"]).await;
    let path = format!("/v1/deal-types/{deal_type}/migrate");
    let types = key(admin, &["deal_types:write", "deal_types:read"]).await;
    for dry_run in [true, false] {
        types.post(&path, json!({ "dry_run": dry_run })).await.problem(403, "forbidden");
    }
    key(admin, &OF_TYPES).await.post(&path, json!({})).await.expect(200);
}

#[tokio::test]
async fn a_chart_of_tasks_names_deals_to_who_may_read_them() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal_type = admin.deal_type(&["first"]).await;
    let deal = json!({ "title": "Secret servers", "deal_type_id": deal_type });
    let deal = admin.post("/v1/deals", deal).await.expect(201).id();
    let task = json!({ "title": "Call", "deal_id": deal, "due_at": "2026-03-10T12:00:00Z",
        "starts_at": "2026-03-09T12:00:00Z" });
    admin.post("/v1/tasks", task).await.expect(201);
    let tasks = key(admin, &["tasks:read"]).await;
    for group_by in ["deal", "responsible"] {
        for format in ["json", "svg"] {
            let path = format!(
                "/v1/tasks/gantt?from=2026-03-01&to=2026-03-31&group_by={group_by}&format={format}"
            );
            assert!(!tasks.get(&path).await.expect(200).text.contains("Secret"), "{path}");
            let all = admin.get(&path).await.expect(200).text;
            assert!(
                all.contains("Secret") || (group_by, format) == ("responsible", "svg"),
                "{path}"
            );
        }
    }
}

/// What waits for its turn is carried out for somebody who may do it still, whatever its rows are.
#[tokio::test]
async fn an_import_that_waits_ends_with_the_right_of_who_started_it() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal_type = admin.deal_type(&["first"]).await;
    admin.patch("/v1/jobs/imports", json!({ "enabled": false })).await.expect(200);
    let starter = admin.colleague("admin", None).await;
    let column = |name: &str| json!({ "column": name });
    let mut imports = Vec::new();
    for (file, spec) in [
        (
            "sku,name\nP-1,Pump\n",
            json!({ "kind": "products", "mapping": { "sku": column("sku"), "name": column("name") } }),
        ),
        (
            "id\n1\n",
            json!({ "kind": "deals", "deal_type_id": deal_type, "mapping": { "external_id": column("id") } }),
        ),
        ("name\nAcme\n", json!({ "kind": "clients", "mapping": { "name": column("name") } })),
    ] {
        imports.push(starter.import(file, spec).await.expect(202).id());
    }
    let user = format!("/v1/users/{}", starter.user_id);
    // A seller writes deals and clients, and imports none.
    admin.patch(&user, json!({ "role": "seller" })).await.expect(200);
    admin.patch("/v1/jobs/imports", json!({ "enabled": true })).await.expect(200);
    for import in imports {
        let ended = server.finished(admin, &import).await;
        assert_eq!(
            (&ended["state"], &ended["rows_done"]),
            (&json!("failed"), &json!(0)),
            "{ended}"
        );
    }
}

/// What is told by tasks is read by who may read tasks: a process tells of deals only by who may read these.
#[tokio::test]
async fn conditions_on_deals_and_their_titles_need_the_right_to_read_deals() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let types = key(admin, &["deal_types:write", "deal_types:read", "tasks:read"]).await;
    let gate = json!([{ "kind": "field", "field": "amount" }]);
    let stages = json!([{ "name": "One", "gate": gate }, { "name": "Two", "gate": gate }]);
    let task = json!({ "key": "t", "title": "Over 5000: {deal.title}" });
    let large = json!({ "field": "deal.amount", "op": "gt", "value": "5000" });
    let rule = json!({ "key": "r", "on": "deal.opened", "if": large,
        "then": [{ "do": "create_task", "task": task }] });
    let body = json!({ "name": "Sale", "mode": "automatic", "stages": stages, "rules": [rule] });
    let refused = types.post("/v1/deal-types", body.clone()).await.expect(422);
    let places = ["/rules/0/if", "/rules/0/then/0/task/title"];
    let all = places.map(|place| (place.to_owned(), "not_allowed".to_owned()));
    assert_eq!(refused.faults(), all);
    key(admin, &OF_TYPES).await.post("/v1/deal-types", body).await.expect(201);
}
