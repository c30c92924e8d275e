//! What each role may do.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

use super::world::{World, call, carried_out, cases};

const SELLER: &[&str] = &[
    "workspace:read",
    "users:read",
    "clients:read",
    "clients:write",
    "catalogues:read",
    "deal_types:read",
    "deals:read",
    "deals:write",
    "tasks:read",
    "tasks:write",
    "activities:read",
    "activities:write",
    "documents:read",
    "documents:write",
    "reports:read",
    "hand_overs:read",
    "inbox:read",
    "inbox:write",
];
const ANALYST: &[&str] = &[
    "workspace:read",
    "users:read",
    "clients:read",
    "catalogues:read",
    "deal_types:read",
    "deals:read",
    "tasks:read",
    "activities:read",
    "documents:read",
    "reports:read",
    "imports:read",
    "events:read",
    "hand_overs:read",
    "inbox:read",
];

#[tokio::test]
async fn a_role_does_what_is_its_own_and_nothing_else() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let world = World::furnish(&server, admin).await;
    admin.patch("/v1/workspace", json!({ "deal_visibility": "everyone" })).await.expect(200);
    let head = [SELLER, &["hand_overs:write"]].concat();
    for (role, granted) in [("analyst", ANALYST), ("seller", SELLER), ("head", &*head)] {
        let api = admin.colleague(role, None).await;
        for case in &cases() {
            let (id, may) = (&case.0.id, granted.contains(&case.0.scope()));
            let reply = call(&api, case, &world, &world).await;
            if may {
                let fine = carried_out(case, &reply);
                // The head comes to a deal that the seller has put on hold.
                let held = reply.code() == "deal_on_hold" && id == "transitionDeal";
                // And to clients that the seller has merged.
                let merged = reply.code() == "client_merged" && id == "mergeClients";
                // And to tasks that the seller has put off.
                let deferred = reply.code() == "task_status_refused" && id == "transitionTask";
                // Nobody here looks after the people whose task and hand-over it is.
                let elsewhere = reply.code() == "not_a_participant" && id.ends_with("Task")
                    || reply.code() == "not_a_participant"
                        && ["updateActivity", "fetchActivityRecording"].contains(&id.as_str())
                    || reply.code() == "not_found" && id.ends_with("HandOver")
                    // The entry was given to somebody.
                    || reply.code() == "not_found" && id.ends_with("InboxEntry")
                    || id == "createHandOver" && reply.json["errors"][0]["pointer"] == "/from_id";
                assert!(
                    fine || held || merged || deferred || elsewhere,
                    "{role}, {id}: {}",
                    reply.text
                );
            } else {
                assert_eq!(reply.status, 403, "{role}, {id}: {}", reply.text);
                reply.problem(403, "forbidden");
            }
            if role == "analyst" {
                assert_eq!(
                    may,
                    (case.0.method == "GET" || id.starts_with("search") || id == "changePassword")
                        && !["api_keys:manage", "jobs:read", "integrations:manage"]
                            .contains(&case.0.scope()),
                    "{id}"
                );
            }
        }
    }
    let api = admin.colleague("admin", None).await;
    for case in &cases() {
        let reply = call(&api, case, &world, &world).await;
        assert!(reply.status != 403, "{}: {}", case.0.id, reply.text);
    }
}

/// A type whose first stage is left only with a client.
async fn gated(admin: &Api) -> String {
    let gate = json!([{ "kind": "field", "field": "client_id" }]);
    let body = json!({ "name": "Gated", "mode": "manual",
        "stages": [{ "name": "first", "gate": gate }, { "name": "second" }] });
    admin.post("/v1/deal-types", body).await.expect(201).id()
}

fn over(reason: &str) -> Value {
    json!({ "to": "next", "override_reason": reason })
}

#[tokio::test]
async fn heads_and_administrators_pass_a_gate_with_a_reason_and_sellers_do_not() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal_type = gated(admin).await;
    let department =
        admin.post("/v1/departments", json!({ "name": "Sales" })).await.expect(201).id();
    let head = admin.colleague("head", Some(&department)).await;
    let seller = admin.colleague("seller", Some(&department)).await;
    for boss in [&head, admin] {
        let deal = seller.deal(&deal_type, "1").await;
        let unmet = seller.transition(&deal, json!({ "to": "next" })).await;
        let unmet = unmet.problem(422, "stage_gate_unmet");
        assert_eq!(unmet.faults(), [("/client_id".to_owned(), "field_required".to_owned())]);
        seller.transition(&deal, over("I want to")).await.problem(403, "override_not_allowed");
        // A reason is needed from them, too, and an empty one is none.
        boss.transition(&deal, json!({ "to": "next" })).await.problem(422, "stage_gate_unmet");
        let empty = boss.transition(&deal, over(" ")).await.problem(422, "validation_failed");
        assert_eq!(empty.faults(), [("/override_reason".to_owned(), "required".to_owned())]);
        let moved = boss.transition(&deal, over("Known by name")).await.expect(200);
        assert_eq!(moved.json["stage_key"], "second");

        let history = seller.get(&format!("/v1/deals/{deal}/history")).await.expect(200);
        let events = history.json["items"].as_array().unwrap();
        assert_eq!(events.len(), 2, "what was refused is no history");
        let event = &events[1];
        assert_eq!(event["type"], "deal.stage_changed");
        assert_eq!(event["actor"], json!({ "kind": "user", "id": boss.user_id }));
        assert_eq!(event["change"]["override"]["reason"], "Known by name", "{event}");
        let unmet = event["change"]["override"]["unmet"].as_array().unwrap();
        assert_eq!(unmet.len(), 1, "{event}");
    }
}

#[tokio::test]
async fn a_key_passes_no_gate_and_a_met_gate_needs_no_override() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal_type = gated(admin).await;
    let deal = admin.deal(&deal_type, "1").await;
    let body = json!({ "name": "Key", "scopes": ["deals:read", "deals:write"] });
    let key = admin.post("/v1/api-keys", body).await.expect(201);
    let key = admin.with_token(key.json["key"].as_str().unwrap());
    key.transition(&deal, over("A program says so")).await.problem(403, "override_not_allowed");

    let client = admin.post("/v1/clients", json!({ "name": "Client" })).await.expect(201).id();
    let path = format!("/v1/deals/{deal}");
    admin.patch(&path, json!({ "client_id": client })).await.expect(200);
    let moved = key.transition(&deal, over("Not needed")).await.expect(200);
    assert_eq!(moved.json["stage_key"], "second");
    let history = admin.get(&format!("{path}/history")).await.expect(200);
    let last = history.json["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["type"], "deal.stage_changed");
    assert!(last["change"]["override"].is_null(), "nothing was overridden: {last}");
}

#[tokio::test]
async fn a_role_holds_from_the_moment_it_is_given() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    let path = format!("/v1/users/{}", user.user_id);
    let source = async |name: &str| user.post("/v1/sources", json!({ "name": name })).await;
    source("One").await.problem(403, "forbidden");
    admin.patch(&path, json!({ "role": "admin" })).await.expect(200);
    source("Two").await.expect(201);
    user.patch(&path, json!({ "role": "analyst" })).await.expect(200);
    source("Three").await.problem(403, "forbidden");
    admin.patch(&path, json!({ "active": false })).await.expect(200);
    user.get("/v1/me").await.problem(401, "unauthenticated");
    admin.patch(&path, json!({ "active": true })).await.expect(200);
    // Who comes back logs in anew.
    user.get("/v1/me").await.problem(401, "unauthenticated");
    let mut back = user.clone();
    back.log_in(&user.email, voronka_integration_tests::server::PASSWORD).await;
    back.get("/v1/me").await.expect(200);
}
