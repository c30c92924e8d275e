//! Deals by their ids in another system, and many at once.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer, histories::count};

async fn put(api: &Api, path: &str, body: Value) -> Reply {
    let path = format!("/v1/deals/by-external-id/{path}");
    api.send(Method::PUT, &path, &[], Some(body.to_string().into_bytes())).await
}

#[tokio::test]
async fn an_upsert_opens_then_changes_then_changes_nothing() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let other_type = api.deal_type(&["other"]).await;
    let body = json!({ "title": "A", "deal_type_id": deal_type, "stage_key": "second" });
    let made = put(api, "shop/4711", body.clone()).await.expect(201);
    assert_eq!(made.json["external_id"], json!({ "source": "shop", "id": "4711" }));
    assert_eq!(made.json["stage_key"], "second");
    assert_eq!(put(api, "shop/4711", body).await.expect(200).json, made.json);
    let change = json!({ "amount": { "amount": "5", "currency": "EUR" } });
    let changed = put(api, "shop/4711", change).await.expect(200).json;
    assert_eq!((&changed["id"], &changed["version"]), (&made.json["id"], &json!(2)));
    let moved = json!({ "deal_type_id": other_type });
    let reply = put(api, "shop/4711", moved).await.problem(422, "validation_failed");
    assert_eq!(reply.faults(), [("/deal_type_id".to_owned(), "not_allowed".to_owned())]);
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let theirs = other.deal_type(&["first"]).await;
    put(&other, "shop/4711", json!({ "title": "B", "deal_type_id": theirs })).await.expect(201);
}

#[tokio::test]
async fn of_upserts_at_the_same_moment_one_opens() {
    let server = TestServer::start().await;
    let second = TestServer::beside(&server).await;
    let one = &server.admin;
    let deal_type = one.deal_type(&["first"]).await;
    let apis = [one.clone(), Api { base: second.admin.base.clone(), ..one.clone() }];
    let puts = (0..24).zip(apis.iter().cycle()).map(|(number, api)| {
        let body = json!({ "title": format!("A {number}"), "deal_type_id": deal_type });
        async move {
            if number % 3 == 0 {
                let mut item = body;
                item["op"] = json!("upsert");
                item["external_id"] = json!({ "source": "shop", "id": "1" });
                let reply =
                    api.post("/v1/deals/batch", json!({ "items": [item] })).await.expect(207);
                reply.json["items"][0]["status"].as_u64().unwrap()
            } else {
                u64::from(put(api, "shop/1", body).await.status)
            }
        }
    });
    let statuses = join_all(puts).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 201].contains(status)), "{statuses:?}");
    let mut connection = server.connection();
    assert_eq!(count(&mut connection, "SELECT count(*) AS number FROM deals"), 1);
    // Every change is there, in one history without gaps.
    let gaps =
        "SELECT count(*) - max(sequence) AS number FROM events WHERE event_type LIKE 'deal.%'";
    assert_eq!(count(&mut connection, gaps), 0);
}

#[tokio::test]
async fn each_of_a_batch_stands_or_falls_by_itself_or_all_do() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let there = api.deal(&deal_type, "1").await;
    let new = |title: &str| json!({ "op": "create", "title": title, "deal_type_id": deal_type });
    let items = json!([
        new("One"),
        new(""),
        { "op": "update", "id": there, "title": "There" },
        { "op": "update", "id": there, "version": 1, "title": "Late" },
        { "op": "transition", "id": there, "version": 2, "to": "next" },
        { "op": "transition", "id": there, "to": "next" },
        { "op": "transition", "id": there, "to": "lost" },
        { "op": "upsert", "external_id": { "source": "shop", "id": "1" }, "title": "S", "deal_type_id": deal_type },
        { "op": "upsert", "external_id": { "source": "shop", "id": "1" }, "title": "T" },
        "nothing",
    ]);
    let key = [("idempotency-key", "batch")];
    let body = json!({ "items": items });
    let reply = api.post_with("/v1/deals/batch", &key, &body).await.expect(207);
    let results = reply.json["items"].as_array().unwrap();
    let statuses: Vec<_> = results.iter().map(|one| one["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 422, 200, 412, 200, 409, 422, 201, 200, 422], "{}", reply.text);
    let codes: Vec<_> = results.iter().filter_map(|one| one["problem"]["code"].as_str()).collect();
    let expected = [
        "validation_failed",
        "version_mismatch",
        "no_next_stage",
        "loss_reason_required",
        "validation_failed",
    ];
    assert_eq!(codes, expected);
    let again = api.post_with("/v1/deals/batch", &key, &body).await.expect(207);
    assert_eq!((again.header("idempotent-replayed"), &again.json), ("true", &reply.json));
    let deals = "SELECT count(*) AS number FROM deals";
    let events = "SELECT count(*) AS number FROM events";
    let mut connection = server.connection();
    assert_eq!(count(&mut connection, deals), 3);
    let before = count(&mut connection, events);
    let atomic = json!({ "items": [new("Two"), new("")], "atomic": true });
    let refused = api.post("/v1/deals/batch", atomic).await.problem(422, "validation_failed");
    assert_eq!(refused.faults(), [("/items/1/title".to_owned(), "required".to_owned())]);
    assert_eq!((count(&mut connection, deals), count(&mut connection, events)), (3, before));
    let full: Vec<_> = (0..1_000).map(|number| new(&format!("Deal {number}"))).collect();
    api.post("/v1/deals/batch", json!({ "items": full, "atomic": true })).await.expect(207);
    assert_eq!(count(&mut connection, deals), 1_003);
}
