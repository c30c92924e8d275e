//! Drafts of processes: kept as they are, told what is wrong with them, and published.

use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer};

async fn put(api: &Api, deal_type: &str, headers: &[(&str, &str)], draft: Value) -> Reply {
    let path = format!("/v1/deal-types/{deal_type}/draft");
    api.send(Method::PUT, &path, headers, Some(draft.to_string().into_bytes())).await
}

fn obstacles(draft: &Value) -> Vec<(&str, &str)> {
    let list = draft["obstacles"].as_array().unwrap().iter();
    list.map(|one| (one["pointer"].as_str().unwrap(), one["code"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_draft_is_worked_on_until_it_is_sound_and_then_published() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let path = format!("/v1/deal-types/{deal_type}/draft");
    let deal = api.deal(&deal_type, "1").await;
    let none = api.get(&path).await;
    none.problem(404, "not_found");
    let publish = async || api.post(&format!("{path}/publish"), json!({})).await;

    // What is not sound is kept all the same, and nobody is on it.
    let unsound = json!({ "stages": [
        { "name": "First", "key": "first", "gate": [{ "kind": "field", "field": "custom.budget" }] },
        { "name": "First", "key": "first", "colour": "red" },
    ] });
    let kept = put(api, &deal_type, &[], unsound.clone()).await.expect(200).json;
    assert_eq!((&kept["stages"], &kept["version"]), (&unsound["stages"], &json!(1)));
    assert_eq!(obstacles(&kept), [("/stages/1/colour", "unknown_field")]);
    // To the letter: also what no process has, and what only just is a number.
    let largest =
        json!({ "stages": [{ "name": "First", "weight": [f64::MAX, f64::MIN_POSITIVE, -0.0] }] });
    let kept = put(api, &deal_type, &[], largest.clone()).await.expect(200).json;
    assert_eq!(kept["stages"], largest["stages"]);
    assert_eq!(api.get(&path).await.expect(200).json, kept);
    publish().await.problem(422, "validation_failed");
    let unsound = json!({ "stages": [
        { "name": "First", "key": "first", "gate": [{ "kind": "field", "field": "custom.budget" }] },
        { "name": "Second", "key": "first" },
    ] });
    let kept = put(api, &deal_type, &[("If-Match", "\"2\"")], unsound).await.expect(200).json;
    let told = [("/stages/0/gate/0/field", "unknown_field"), ("/stages/1/key", "duplicate")];
    assert_eq!(obstacles(&kept), told);
    let refused = publish().await.problem(422, "validation_failed").faults();
    assert_eq!(refused, told.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    assert_eq!(api.get(&path).await.expect(200).json, kept);
    let stages = async || {
        let body = api.get(&format!("/v1/deal-types/{deal_type}")).await.expect(200).json;
        (body["stages"].as_array().unwrap().len(), body["process_version"].clone())
    };
    assert_eq!(stages().await, (2, json!(1)));

    // The field is made, and the draft is sound without being touched.
    let field = json!({ "entity": "deal", "key": "budget", "name": "Budget", "type": "number" });
    api.post("/v1/custom-fields", field).await.expect(201);
    assert_eq!(obstacles(&api.get(&path).await.expect(200).json), [("/stages/1/key", "duplicate")]);
    let sound = json!({ "stages": [{ "name": "First", "key": "first" }, { "name": "Offer" }, { "name": "End" }] });
    let stale = put(api, &deal_type, &[("If-Match", "\"1\"")], sound.clone()).await;
    stale.problem(412, "version_mismatch");
    let kept = put(api, &deal_type, &[], sound).await.expect(200).json;
    assert_eq!(obstacles(&kept), []);
    let done = publish().await.expect(201).json;
    assert_eq!((&done["process_version"], &done["stages"][1]["key"]), (&json!(2), &json!("offer")));
    assert_eq!(stages().await, (3, json!(2)));
    api.get(&path).await.problem(404, "not_found");
    publish().await.problem(404, "not_found");
    // Deals stay on their version until they are migrated.
    let deal = async || api.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
    assert_ne!(deal().await["process_version_id"], done["process_version_id"]);
    api.post(&format!("/v1/deal-types/{deal_type}/migrate"), json!({})).await.expect(200);
    assert_eq!(deal().await["process_version_id"], done["process_version_id"]);

    // A draft can be dropped.
    put(api, &deal_type, &[], json!({ "stages": [] })).await.expect(200);
    api.delete(&path).await.expect(200);
    api.delete(&path).await.problem(404, "not_found");
    let feed = api.get("/v1/events?type=process_draft.deleted").await.expect(200).json;
    assert_eq!(feed["items"].as_array().unwrap().len(), 2);
}
