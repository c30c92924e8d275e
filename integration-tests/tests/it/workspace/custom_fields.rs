//! Custom fields: kept, filtered, sorted, required and archived.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

async fn field(api: &Api, key: &str, kind: &str) -> String {
    let body = json!({ "entity": "deal", "key": key, "name": key, "type": kind });
    api.post("/v1/custom-fields", body).await.expect(201).id()
}

async fn titles(api: &Api, query: &str) -> Vec<String> {
    let items = api.get(&format!("/v1/deals?{query}")).await.expect(200).json["items"].take();
    let title = |deal: &Value| deal["title"].as_str().unwrap().to_owned();
    items.as_array().unwrap().iter().map(title).collect()
}

#[tokio::test]
async fn values_filter_and_sort_and_page() {
    let server = TestServer::start().await;
    let api = &server.admin;
    field(api, "budget", "number").await;
    let deal_type = api.deal_type(&["first"]).await;
    for (title, budget) in [
        ("a", json!("10")),
        ("b", json!(9.5)),
        ("c", Value::Null),
        ("d", json!("-1")),
        ("e", Value::Null),
    ] {
        let body =
            json!({ "title": title, "deal_type_id": deal_type, "custom": { "budget": budget } });
        api.post("/v1/deals", body).await.expect(201);
    }
    assert_eq!(titles(api, "custom.budget[gte]=9.5&sort=title").await, ["a", "b"]);
    assert_eq!(titles(api, "custom.budget=10").await, ["a"]);
    for (query, found) in [
        ("custom.budget=null", "ce"),
        ("custom.budget[empty]=true", "ce"),
        ("custom.budget[filled]=false", "ce"),
        ("custom.budget[filled]=true", "abd"),
        ("custom.budget[between]=-1,9.5", "bd"),
        ("custom.budget[ne]=10", "bcde"),
    ] {
        assert_eq!(titles(api, &format!("{query}&sort=title")).await.concat(), found, "{query}");
    }
    assert_eq!(titles(api, "sort=custom.budget").await, ["d", "b", "a", "c", "e"]);
    // Without a value is last in both directions, as in other sorts.
    let descending = titles(api, "sort=-custom.budget").await;
    assert_eq!(descending, ["a", "b", "d", "e", "c"]);
    for limit in 1..4 {
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/deals?sort=-custom.budget&limit={limit}{cursor}");
            let page = api.get(&path).await.expect(200).json;
            let items = page["items"].as_array().unwrap();
            paged.extend(items.iter().map(|deal| deal["title"].as_str().unwrap().to_owned()));
            match page["page"]["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(paged, descending, "{limit}");
    }
}

#[tokio::test]
async fn a_change_is_an_event_and_the_index_follows() {
    let server = TestServer::start().await;
    let api = &server.admin;
    field(api, "note", "text").await;
    let deal_type = api.deal_type(&["first"]).await;
    let deal = api.deal(&deal_type, "1").await;
    let path = format!("/v1/deals/{deal}");
    let set = async |value: Value| {
        api.patch(&path, json!({ "custom": { "note": value } })).await.expect(200).json
    };
    assert_eq!(set(json!("one")).await["custom"], json!({ "note": "one" }));
    assert_eq!(set(json!("one")).await["version"], 2, "no change is no event");
    assert_eq!(set(json!("two")).await["version"], 3);
    assert_eq!(titles(api, "custom.note=one").await.len(), 0);
    assert_eq!(titles(api, "custom.note=two").await.len(), 1);
    assert_eq!(set(Value::Null).await["custom"], json!({}));
    assert_eq!(titles(api, "custom.note=two").await.len(), 0);
    let history = api.get(&format!("{path}/history")).await.expect(200).json;
    let last = &history["items"][3]["change"];
    assert_eq!(last["previous"]["custom"], json!({ "note": "two" }), "{history}");
}

#[tokio::test]
async fn a_stage_requires_a_field_and_an_archived_one_keeps_its_values() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let id = field(api, "delivery", "date").await;
    let gate = json!([{ "kind": "field", "field": "custom.delivery" }]);
    let stages = json!([{ "name": "First", "gate": gate }, { "name": "Second" }]);
    let body = json!({ "name": "Gated", "mode": "manual", "stages": stages });
    let deal_type = api.post("/v1/deal-types", body).await.expect(201).id();
    let deal = api.deal(&deal_type, "1").await;
    let reply = api.transition(&deal, json!({ "to": "next" })).await;
    let unmet = [("/custom/delivery".to_owned(), "field_required".to_owned())];
    assert_eq!(reply.problem(422, "stage_gate_unmet").faults(), unmet);
    let path = format!("/v1/deals/{deal}");
    let filled = json!({ "custom": { "delivery": "2026-12-01" } });
    api.patch(&path, filled.clone()).await.expect(200);
    api.transition(&deal, json!({ "to": "next" })).await.expect(200);
    api.patch(&format!("/v1/custom-fields/{id}"), json!({ "archived": true })).await.expect(200);
    assert_eq!(api.get(&path).await.expect(200).json["custom"], filled["custom"]);
    let other = json!({ "custom": { "delivery": "2026-12-02" } });
    let reply = api.patch(&path, other).await.problem(422, "validation_failed");
    assert_eq!(reply.faults(), [("/custom/delivery".to_owned(), "field_archived".to_owned())]);
}

#[tokio::test]
async fn users_and_clients_of_values_are_the_workspaces_own() {
    let server = TestServer::start().await;
    let api = &server.admin;
    field(api, "engineer", "user").await;
    field(api, "reseller", "client").await;
    let deal_type = api.deal_type(&["first"]).await;
    let deal = api.deal(&deal_type, "1").await;
    let client = api.post("/v1/clients", json!({ "name": "A" })).await.expect(201).id();
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let foreign = other.post("/v1/clients", json!({ "name": "B" })).await.expect(201).id();
    let path = format!("/v1/deals/{deal}");
    let own = json!({ "custom": { "engineer": api.user_id, "reseller": client } });
    api.patch(&path, own).await.expect(200);
    for (key, id) in [("reseller", foreign), ("engineer", client)] {
        let reply = api.patch(&path, json!({ "custom": { key: id } })).await;
        let reply = reply.problem(422, "validation_failed");
        assert_eq!(reply.faults(), [(format!("/custom/{key}"), "unknown_reference".to_owned())]);
    }
}
