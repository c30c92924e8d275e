//! Reviews of losses: what they are to look at, and deals that they bring back.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

/// A seller's deal in the second of two stages.
async fn opened(server: &TestServer) -> (Api, String, String) {
    let api = &server.admin;
    let seller = api.colleague("seller", None).await;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let reason = api.loss_reason("Price").await;
    (seller.clone(), open(&seller, &deal_type).await, reason)
}

async fn open(seller: &Api, deal_type: &str) -> String {
    let deal = seller.deal(deal_type, "100").await;
    seller.transition(&deal, json!({ "to": "next" })).await.expect(200);
    deal
}

/// Loses a deal; the review that it gets.
async fn lose(seller: &Api, admin: &Api, deal: &str, reason: &str) -> Value {
    let body = json!({ "to": "lost", "loss_reason_id": reason, "note": "Too dear" });
    seller.transition(deal, body).await.expect(200);
    let path = format!("/v1/tasks?deal_id={deal}&kind=loss_review&sort=-created_at");
    admin.get(&path).await.expect(200).json["items"][0].clone()
}

async fn end(api: &Api, review: &Value, more: Value) -> voronka_integration_tests::Reply {
    let mut body = json!({ "to": "done", "result": "Looked at" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = format!("/v1/tasks/{}/transition", review["id"].as_str().unwrap());
    api.post(&path, body).await
}

#[tokio::test]
async fn a_review_links_the_activities_that_happened_last() {
    let server = TestServer::start().await;
    let (seller, deal, reason) = opened(&server).await;
    let mut happened = Vec::new();
    for day in [3, 1, 7, 5, 2, 6, 4] {
        let body = json!({ "kind": "call", "title": "Call", "deal_id": deal,
            "happened_at": format!("2026-03-0{day}T10:00:00Z") });
        happened.push((day, seller.post("/v1/activities", body).await.expect(201).id()));
    }
    let planned = json!({ "kind": "meeting", "title": "To come", "deal_id": deal,
        "planned_at": "2999-01-01T10:00:00Z" });
    seller.post("/v1/activities", planned).await.expect(201);
    let elsewhere = json!({ "kind": "call", "title": "Of no deal" });
    seller.post("/v1/activities", elsewhere).await.expect(201);

    let review = lose(&seller, &server.admin, &deal, &reason).await;
    happened.sort_unstable_by(|a, b| b.cmp(a));
    let newest = happened.iter().take(5);
    let newest: Vec<_> = newest.map(|(_, id)| json!({ "kind": "activity", "id": id })).collect();
    assert_eq!(review["links"], json!(newest));
    assert_eq!(review["responsible_id"], json!(server.admin.user_id));
    assert_eq!((&review["description"], &review["status"]), (&json!("Too dear"), &json!("new")));
    // Of a deal for which nothing was done there is nothing to look at.
    let deal_type = server.admin.deal_type(&["first", "second"]).await;
    let quiet = open(&seller, &deal_type).await;
    assert_eq!(lose(&seller, &server.admin, &quiet, &reason).await["links"], json!([]));
}

#[tokio::test]
async fn a_review_brings_a_deal_back_once() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (seller, deal, reason) = opened(&server).await;
    let review = lose(&seller, api, &deal, &reason).await;
    let other = api.colleague("seller", None).await;
    let back = json!({ "reopen": true, "deal": { "owner_id": other.user_id } });
    let done = end(api, &review, back.clone()).await.expect(200).json;
    assert_eq!((&done["status"], &done["result"]), (&json!("done"), &json!("Looked at")));
    assert_eq!(done["reopened_at"], done["done_at"]);
    let now = api.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
    assert_eq!((&now["status"], &now["stage_key"]), (&json!("open"), &json!("second")));
    assert_eq!((&now["reopened"], &now["loss"]), (&json!(1), &Value::Null));
    assert_eq!(now["owner_id"], json!(other.user_id));
    let history = api.get(&format!("/v1/deals/{deal}/history")).await.expect(200).json;
    let reopened = &history["items"][3];
    assert_eq!(reopened["type"], "deal.reopened");
    assert_eq!(reopened["change"]["review_task_id"], review["id"]);
    assert_eq!(reopened["actor"], json!({ "kind": "user", "id": api.user_id }));

    // Lost again and reopened by hand: the second review comes too late, and nothing of it counts.
    let second = lose(&other, api, &deal, &reason).await;
    assert_ne!(second["id"], review["id"]);
    let open = other.transition(&deal, json!({ "to": "open" })).await.expect(200).json;
    end(api, &second, json!({ "reopen": true })).await.problem(409, "review_outdated");
    let third = lose(&other, api, &deal, &reason).await;
    end(api, &second, json!({ "reopen": true })).await.problem(409, "review_outdated");
    let path = format!("/v1/tasks/{}", second["id"].as_str().unwrap());
    let untouched = api.get(&path).await.expect(200).json;
    assert_eq!((&untouched["status"], &untouched["version"]), (&json!("new"), &json!(1)));
    assert_eq!(open["reopened"], 2);
    let history = api.get(&format!("/v1/deals/{deal}/history")).await.expect(200).json;
    let mut events = history["items"].as_array().unwrap().iter();
    let by_hand = events.rfind(|event| event["type"] == "deal.reopened").unwrap();
    assert!(by_hand["change"].get("review_task_id").is_none());
    // Without it the review ends, and the one of the present loss may still bring the deal back.
    end(api, &second, json!({})).await.expect(200);
    end(api, &third, json!({ "reopen": true })).await.expect(200);
    let won = other.transition(&deal, json!({ "to": "won" })).await.expect(200).json;
    assert_eq!(won["reopened"], 3);
}

#[tokio::test]
async fn only_the_review_of_a_loss_brings_a_deal_back() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (seller, deal, reason) = opened(&server).await;
    let review = lose(&seller, api, &deal, &reason).await;
    let work = json!({ "title": "Ask", "deal_id": deal });
    let work = api.post("/v1/tasks", work).await.expect(201).json;
    let fault = [("/reopen".to_owned(), "not_allowed".to_owned())];
    let refused = end(api, &work, json!({ "reopen": true })).await;
    assert_eq!(refused.problem(422, "validation_failed").faults(), fault);
    let put_off = end(api, &review, json!({ "to": "deferred", "reopen": true })).await;
    let faults = put_off.problem(422, "validation_failed").faults();
    assert!(faults.contains(&fault[0]), "{faults:?}");
    let now = api.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
    assert_eq!(now["status"], "lost");
}

#[tokio::test]
async fn a_deal_that_is_brought_back_is_led_on() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages =
        json!([{ "key": "one", "name": "One", "tasks": [{ "key": "call", "title": "Call" }] }]);
    let body = json!({ "name": "Led", "mode": "automatic", "stages": stages });
    let deal_type = api.post("/v1/deal-types", body).await.expect(201).id();
    let seller = api.colleague("seller", None).await;
    let deal = seller.deal(&deal_type, "1").await;
    let reason = api.loss_reason("Price").await;
    let review = lose(&seller, api, &deal, &reason).await;
    end(api, &review, json!({ "reopen": true })).await.expect(200);
    let path = format!("/v1/tasks?deal_id={deal}&key=call&sort=created_at");
    let tasks = api.get(&path).await.expect(200).json;
    let status = |task: &Value| task["status"].as_str().unwrap().to_owned();
    let found: Vec<_> = tasks["items"].as_array().unwrap().iter().map(status).collect();
    assert_eq!(found, ["cancelled", "new"]);
}

#[tokio::test]
async fn the_report_of_losses_counts_reviews_and_what_they_brought_back() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (seller, first, reason) = opened(&server).await;
    let deal_type = api.get(&format!("/v1/deals/{first}")).await.expect(200).json["deal_type_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut deals = vec![first];
    for _ in 0..4 {
        deals.push(open(&seller, &deal_type).await);
    }
    let mut reviews = Vec::new();
    for deal in &deals {
        reviews.push(lose(&seller, api, deal, &reason).await);
    }
    // Two are reviewed and stay lost; one is brought back; one is brought back, lost again, and not
    // reviewed anew; of one the review is still to be done.
    for review in &reviews[..2] {
        end(api, review, json!({})).await.expect(200);
    }
    for review in &reviews[2..4] {
        end(api, review, json!({ "reopen": true })).await.expect(200);
    }
    lose(&seller, api, &deals[3], &reason).await;
    let path = format!("/v1/reports/losses?deal_type_id={deal_type}&group_by=owner");
    let report = api.get(&path).await.expect(200).json;
    let totals = &report["totals"];
    let numbers = |of: &Value| (of["deals"].clone(), of["reviewed"].clone());
    assert_eq!(numbers(totals), (json!(4), json!(2)));
    assert_eq!(numbers(&report["reasons"][0]), (json!(4), json!(2)));
    assert_eq!(numbers(&report["groups"][0]), (json!(4), json!(2)));
    assert_eq!(numbers(&report["groups"][0]["reasons"][0]), (json!(4), json!(2)));
    assert_eq!(totals["reopened_from_review"], 2);
    for (figure, expected) in
        [("reviewed", [&deals[0], &deals[1]]), ("reopened_from_review", [&deals[2], &deals[3]])]
    {
        let path = totals["drill_down"][figure].as_str().unwrap();
        let page = api.get(path).await.expect(200).json;
        let items = page["items"].as_array().unwrap();
        let mut found: Vec<_> = items.iter().map(|deal| deal["id"].clone()).collect();
        found.sort_unstable_by_key(Value::to_string);
        let mut expected: Vec<_> = expected.into_iter().map(|id| json!(id)).collect();
        expected.sort_unstable_by_key(Value::to_string);
        assert_eq!(found, expected, "{figure}");
        assert!(items.iter().all(|deal| deal["counted"] == 1));
    }
    // Others do not see them, and days before know nothing of them.
    let nobody = api.colleague("seller", None).await;
    let none = nobody.get(&path).await.expect(200).json;
    assert_eq!(none["totals"]["reopened_from_review"], 0);
    let before = api.get(&format!("{path}&from=2020-01-01&to=2020-12-31")).await.expect(200).json;
    assert_eq!(before["totals"]["reopened_from_review"], 0);
    let csv = api.get(&format!("{path}&format=csv")).await.expect(200).text;
    assert!(csv.lines().next().unwrap().contains(",deals,reviewed,"), "{csv}");
}
