//! Deals: opened, moved, explained.

mod automation;
mod concurrency;
mod deal_batches;
mod demand;
mod facts;
mod loss_reviews;
mod one_gate;
mod overdue_deals;
mod pairs;
mod planned_tasks;
mod task_gantt;
mod titles;
mod together;

use serde_json::json;
use voronka_integration_tests::TestServer;

#[tokio::test]
async fn a_deal_goes_through_its_stages_and_is_won() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second", "third"]).await;
    let deal = api.deal(&deal_type, "1999.95").await;
    let moved = api.transition(&deal, json!({ "to": "next" })).await.expect(200);
    assert_eq!(moved.json["stage_key"], "second");
    let won = api.transition(&deal, json!({ "to": "won" })).await.expect(200);
    assert_eq!((&won.json["status"], &won.json["depth"]), (&json!("won"), &json!(2)));
    let history = api.get(&format!("/v1/deals/{deal}/history")).await.expect(200);
    let types: Vec<_> =
        history.json["items"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["deal.opened", "deal.stage_changed", "deal.won"]);
}
