//! Tasks that rules make, whatever else they do.

use serde_json::{Value, json};
use voronka_integration_tests::TestServer;

use super::automation::{automatic, open};

/// A rule may do nothing to the deal itself: its task is there all the same, once for each time that it was called for.
#[tokio::test]
async fn a_rule_that_only_makes_a_task_makes_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let task = |key: &str| json!([{ "do": "create_task", "task": { "key": key, "title": key } }]);
    let stages = json!([{ "key": "one", "name": "One", "gate": [{ "kind": "field", "field": "client_id" }] }]);
    let rules = json!([
        { "key": "a", "on": "activity.recorded", "then": task("a") },
        { "key": "d", "on": "document.changed", "then": task("d") },
        { "key": "p", "on": "payment.received", "then": task("p") },
        { "key": "t", "on": "task.done", "task": "a", "then": task("t") },
        { "key": "w", "on": "demand.changed", "then": task("w") },
    ]);
    let deal_type = automatic(api, "Asks", stages, rules).await;
    let id = open(api, &deal_type).await;
    let before = api.get(&format!("/v1/deals/{id}")).await.expect(200).json;
    let of_deal = |more: Value| {
        let mut body = more;
        body["deal_id"] = json!(id);
        body
    };
    api.post("/v1/activities", of_deal(json!({ "kind": "call", "title": "Call" })))
        .await
        .expect(201);
    let quote = of_deal(json!({ "kind": "quote", "number": "1" }));
    let quote = api.post("/v1/documents", quote).await.expect(201).id();
    let sent = json!({ "to": "sent" });
    api.post(&format!("/v1/documents/{quote}/transition"), sent).await.expect(200);
    let paid = of_deal(json!({ "amount": { "amount": "1", "currency": "EUR" } }));
    api.post("/v1/payments", paid).await.expect(201);
    let wanted =
        json!({ "lines": [{ "item": "Pump", "amount": { "amount": "5", "currency": "EUR" } }] });
    api.put(&format!("/v1/deals/{id}/demand"), wanted).await.expect(200);
    let tasks = async || {
        let page = api.get(&format!("/v1/tasks?deal_id={id}&sort=created_at")).await.expect(200);
        let tasks = page.json["items"].as_array().unwrap().clone();
        tasks.iter().map(|task| (task["key"].clone(), task["id"].clone())).collect::<Vec<_>>()
    };
    let made = tasks().await;
    let keys: Vec<_> = made.iter().map(|(key, _)| key.clone()).collect();
    let count = |key: &str| keys.iter().filter(|one| *one == key).count();
    assert_eq!((count("a"), count("p"), count("w"), count("t")), (1, 1, 1, 0), "{keys:?}");
    assert!(count("d") >= 1, "{keys:?}");
    let (_, call) = made.iter().find(|(key, _)| key == "a").unwrap();
    let path = format!("/v1/tasks/{}/transition", call.as_str().unwrap());
    api.post(&path, json!({ "to": "done" })).await.expect(200);
    assert_eq!(tasks().await.iter().filter(|(key, _)| key == "t").count(), 1);
    // The deal itself has not changed.
    let after = api.get(&format!("/v1/deals/{id}")).await.expect(200).json;
    assert_eq!(
        (&after["version"], &after["stage_key"]),
        (&before["version"], &before["stage_key"])
    );
}
