//! Workspaces do not see, touch or count each other's things.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer};

use super::world::{Case, Operation, Whose, World, call, carried_out, cases};

/// Two furnished workspaces on one server.
async fn two(server: &TestServer) -> (World, World) {
    let a = World::furnish(server, &server.admin).await;
    let admin = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let b = World::furnish(server, &admin).await;
    (a, b)
}

/// Everything that a workspace can say of itself.
async fn all_of(world: &World, cases: &[(Operation, Case)]) -> Vec<(String, String)> {
    let mut said = Vec::new();
    for case in cases.iter().filter(|(operation, _)| operation.method == "GET") {
        let reply = call(&world.admin, case, world, world).await;
        if case.0.id == "getActivityRecording" {
            // The activity here has none.
            reply.problem(404, "recording_not_kept");
            continue;
        }
        let mut reply = reply.expect(200);
        stop_clocks(&mut reply.json);
        if case.0.id == "listEvents" {
            // How far the reader is: positions are drawn for all workspaces.
            reply.json["position"].take();
        }
        let text = if reply.json.is_null() { reply.text } else { reply.json.to_string() };
        said.push((case.0.id.clone(), text));
    }
    said
}

/// Ages grow while the test runs.
fn stop_clocks(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            // Links of an open funnel name its instant.
            let moves =
                |name: &str| name.ends_with("seconds") || name == "as_of" || name == "drill_down";
            fields.retain(|name, _| !moves(name));
            fields.values_mut().for_each(stop_clocks);
        }
        Value::Array(items) => items.iter_mut().for_each(stop_clocks),
        _ => {}
    }
}

#[track_caller]
fn names_none_of(reply: &Reply, world: &World, id: &str) {
    for thing in world.ids() {
        assert!(!reply.text.contains(&thing), "{id} shows {thing}: {}", reply.text);
    }
}

#[tokio::test]
async fn another_workspaces_things_are_not_found() {
    let server = TestServer::start().await;
    let (a, b) = two(&server).await;
    let cases = cases();
    let before = all_of(&a, &cases).await;
    for case in &cases {
        let id = &case.0.id;
        let reply = call(&b.admin, case, &a, &b).await;
        match case.1.whose {
            Whose::Thing(_) | Whose::Report(_) => {
                assert_eq!(reply.status, 404, "{id}: {}", reply.text);
                names_none_of(&reply, &a, id);
                reply.problem(404, "not_found");
            }
            Whose::List | Whose::Own | Whose::New => {
                assert!(carried_out(case, &reply), "{id}: {}", reply.text);
                names_none_of(&reply, &a, id);
            }
        }
    }
    // Nothing that B tried has left a trace in A.
    for (now, before) in all_of(&a, &cases).await.iter().zip(&before) {
        assert_eq!(now, before);
    }
    // And what was refused to B is there for A.
    for case in cases.iter().filter(|case| !matches!(case.1.whose, Whose::New)) {
        let reply = call(&a.admin, case, &a, &a).await;
        assert!(carried_out(case, &reply), "{}: {}", case.0.id, reply.text);
    }
}

#[tokio::test]
async fn lists_show_the_own_things_and_filters_find_nobody_elses() {
    let server = TestServer::start().await;
    let (a, b) = two(&server).await;
    let mut filters = 0;
    for case in cases().iter().filter(|case| matches!(case.1.whose, Whose::List)) {
        let id = &case.0.id;
        let items = |reply: Reply| reply.expect(200).json["items"].as_array().unwrap().clone();
        let own = call(&b.admin, case, &a, &b).await;
        names_none_of(&own, &a, id);
        assert!(!items(own).is_empty(), "{id}");
        for name in case.0.query.iter().filter(|name| name.ends_with("_id")) {
            // One at a time, as not all take several.
            for thing in a.ids() {
                let path = format!("{}?{name}={thing}", case.0.path);
                let found = items(b.admin.get(&path).await);
                assert!(found.is_empty(), "{path}: {found:?}");
                filters += 1;
            }
        }
    }
    assert!(filters > 100, "{filters}");
}

#[tokio::test]
async fn a_token_opens_its_own_workspace_only_whoever_was_served_before() {
    let server = TestServer::start().await;
    let (a, b) = two(&server).await;
    // Processes and callers are kept in memory: the one's must not serve the other.
    for _ in 0..2 {
        for (mine, theirs) in [(&a, &b), (&b, &a)] {
            let api = &mine.admin;
            let workspace = api.get("/v1/workspace").await.expect(200);
            assert_eq!(workspace.json["id"], json!(api.workspace_id));
            api.get(&format!("/v1/deal-types/{}", mine.deal_type)).await.expect(200);
            let path = format!("/v1/deal-types/{}", theirs.deal_type);
            api.get(&path).await.problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn an_idempotency_key_is_the_callers_own() {
    let server = TestServer::start().await;
    let (a, b) = two(&server).await;
    let seller = a.admin.colleague("seller", None).await;
    let once = async |api: &Api| {
        let headers = [("idempotency-key", "one and the same")];
        let body = json!({ "name": "Client" }).to_string().into_bytes();
        api.send(reqwest::Method::POST, "/v1/clients", &headers, Some(body)).await.expect(201)
    };
    let mut ids = Vec::new();
    for api in [&a.admin, &b.admin, &seller] {
        let reply = once(api).await;
        assert_eq!(reply.header("idempotent-replayed"), "");
        assert!(!ids.contains(&reply.id()));
        ids.push(reply.id());
    }
    let again = once(&a.admin).await;
    assert_eq!((again.header("idempotent-replayed"), again.id()), ("true", ids[0].clone()));
}

#[tokio::test]
async fn reports_of_another_workspaces_deal_type_are_not_found_in_any_format() {
    let server = TestServer::start().await;
    let (a, b) = two(&server).await;
    let period = "from=2020-01-01&to=2030-12-31";
    for format in ["json", "csv", "svg"] {
        for (api, status) in [(&a.admin, 200), (&b.admin, 404)] {
            let id = &a.deal_type;
            let closed = format!("closed?deal_type_id={id}&{period}&format={format}");
            let open = format!("open?deal_type_id={id}&format={format}");
            for report in [closed, open] {
                api.get(&format!("/v1/reports/funnel/{report}")).await.expect(status);
            }
        }
    }
}
