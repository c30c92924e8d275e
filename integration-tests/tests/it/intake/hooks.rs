//! What is posted is verified, kept and acknowledged; what cannot be interpreted waits for a fix.

use serde_json::json;
use uuid::Uuid;
use voronka_integration_tests::{
    TestServer,
    histories::count,
    process::{Process, until, until_ready},
    sql,
};

use super::exchange::{CLIENT, Exchange, LINE, answered, ended, started};

async fn exchange(server: &TestServer) -> Exchange {
    Exchange::open(&server.admin, [&server.admin, &server.admin]).await
}

#[tokio::test]
async fn what_is_not_signed_with_a_secret_is_not_taken() {
    let server = TestServer::start().await;
    let exchange = exchange(&server).await;
    let now = chrono::Utc::now().timestamp();
    let event = started("1", 0, CLIENT, LINE).to_string();
    let body = event.as_bytes();
    let other = self::exchange(&server).await;
    for (secret, sent) in
        [(&other.secret, now), (&exchange.secret, now - 360), (&exchange.secret, now + 360)]
    {
        let refused = exchange.post_signed(secret, "msg_1", sent, body).await;
        refused.problem(401, "invalid_signature");
    }
    let stranger = server.admin.without_token();
    stranger.post(&exchange.path(), json!({})).await.problem(401, "invalid_signature");
    let nowhere = format!("/webhooks/v1/telephony/{}", Uuid::now_v7());
    stranger.post(&nowhere, json!({})).await.problem(404, "not_found");
    assert_eq!(exchange.raw("waiting").await.len() + exchange.raw("done").await.len(), 0);

    // Sent again, it is acknowledged and kept once.
    for _ in 0..3 {
        exchange.post_signed(&exchange.secret, "msg_1", now, body).await.expect(204);
    }
    exchange.interpreted().await;
    assert_eq!(exchange.raw("done").await.len(), 1);
    let path = format!("/v1/integrations/{}", exchange.id);
    server.admin.patch(&path, json!({ "enabled": false })).await.expect(200);
    let refused = exchange.post_signed(&exchange.secret, "msg_2", now, body).await;
    refused.problem(409, "integration_disabled");
}

#[tokio::test]
async fn a_secret_is_shown_once_and_overlaps_with_the_next_one() {
    let server = TestServer::start().await;
    let exchange = exchange(&server).await;
    let path = format!("/v1/integrations/{}", exchange.id);
    let read = server.admin.get(&path).await.expect(200);
    assert!(read.json["secret"].is_null() && !read.text.contains(&exchange.secret));
    let rotated =
        server.admin.post(&format!("{path}/rotate-secret"), json!(null)).await.expect(200);
    let secret = rotated.json["secret"].as_str().unwrap().to_owned();
    assert_ne!(secret, exchange.secret);
    let now = chrono::Utc::now().timestamp();
    for (number, one) in [&secret, &exchange.secret].into_iter().enumerate() {
        let id = format!("msg_{number}");
        exchange.post_signed(one, &id, now, b"{}").await.expect(204);
    }
    let feed = server
        .admin
        .get("/v1/events?type=integration.created,integration.updated")
        .await
        .expect(200);
    assert!(!feed.text.contains("whsec_"), "{}", feed.text);
}

#[tokio::test]
async fn what_cannot_be_interpreted_is_listed_and_tried_again() {
    let server = TestServer::start().await;
    let exchange = exchange(&server).await;
    for (body, reason) in [
        (&b"no json"[..], "Not JSON"),
        (br#"{"type":"started","at":"2026-03-02T10:00:00Z"}"#, "call_id"),
        (br#"{"call_id":"1","type":"ringing","at":"2026-03-02T10:00:00Z"}"#, "leg_id or party"),
        (b"\xff\xfe\x00", "Not JSON"),
    ] {
        let id = format!("msg_{}", Uuid::now_v7());
        let now = chrono::Utc::now().timestamp();
        exchange.post_signed(&exchange.secret, &id, now, body).await.expect(204);
        exchange.interpreted().await;
        let failed = &exchange.raw("failed").await[0];
        assert!(failed["reason"].as_str().unwrap().contains(reason), "{failed}");
        assert_eq!(failed["body"], String::from_utf8_lossy(body).as_ref());
    }
    let path = format!("/v1/integrations/{}/raw-events/reprocess", exchange.id);
    let one = exchange.raw("failed").await[0]["id"].clone();
    let again = server.admin.post(&path, json!({ "event_id": one })).await.expect(200);
    assert_eq!(again.json["events"], 1);
    exchange.interpreted().await;
    let again = server.admin.post(&path, json!({})).await.expect(200);
    assert_eq!(again.json["events"], 4);
    exchange.interpreted().await;
    assert_eq!(exchange.raw("failed").await.len(), 4);
    let unknown = json!({ "event_id": Uuid::now_v7() });
    let refused = server.admin.post(&path, unknown).await.expect(422);
    assert_eq!(refused.faults(), [("/event_id".to_owned(), "unknown_reference".to_owned())]);
}

#[tokio::test]
async fn a_phone_is_of_somebody_of_the_workspace() {
    let server = TestServer::start().await;
    let exchange = exchange(&server).await;
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let path = format!("/v1/integrations/{}", exchange.id);
    for id in [json!(other.user_id), json!(Uuid::now_v7())] {
        let change = json!({ "extensions": { "1/2": id, "101": server.admin.user_id } });
        let refused = server.admin.patch(&path, change).await.expect(422);
        assert_eq!(
            refused.faults(),
            [("/extensions/1~12".to_owned(), "unknown_reference".to_owned())]
        );
    }
    other.get(&path).await.problem(404, "not_found");
    // Whoever has left is told of all the same.
    let left = server.admin.colleague("seller", None).await;
    let change = json!({ "extensions": { "101": server.admin.user_id, "102": left.user_id } });
    server.admin.patch(&path, change).await.expect(200);
    let user = format!("/v1/users/{}", left.user_id);
    server.admin.patch(&user, json!({ "active": false })).await.expect(200);
    exchange.tell(&answered("1", 0)).await;
    assert_eq!(exchange.activities().await[0]["user_id"], json!(left.user_id));
}

#[tokio::test]
async fn posts_are_kept_for_ninety_days_or_as_long_as_the_workspace_says() {
    let server = TestServer::start().await;
    let exchange = exchange(&server).await;
    exchange.tell(&answered("1", 0)[..2]).await;
    exchange.interpreted().await;
    let older = |event: &str, by: &str| {
        let age = format!(
            "UPDATE raw_events SET received_at = received_at - interval '{by}' \
             WHERE body::text LIKE '%' || encode('{event}', 'hex') || '%'"
        );
        sql::run(&mut server.connection(), &age);
    };
    older("started", "90 days 1 minute");
    older("ringing", "89 days 23 hours");
    server.admin.post("/v1/jobs/sweep/runs", json!({})).await.expect(202);
    until("the older one is gone", async || exchange.raw("done").await.len() == 1).await;
    assert!(exchange.raw("done").await[0]["body"].as_str().unwrap().contains("ringing"));
    let workspace = server.admin.get("/v1/workspace").await.expect(200).json;
    assert_eq!(
        (&workspace["raw_event_days"], &workspace["recording_days"]),
        (&json!(90), &json!(180))
    );
    for wrong in [json!({ "raw_event_days": 0 }), json!({ "recording_days": 3651 })] {
        server.admin.patch("/v1/workspace", wrong).await.problem(422, "validation_failed");
    }
    server.admin.patch("/v1/workspace", json!({ "raw_event_days": 89 })).await.expect(200);
    server.admin.post("/v1/jobs/sweep/runs", json!({})).await.expect(202);
    until("the other one is gone", async || exchange.raw("done").await.is_empty()).await;
}

/// What was acknowledged is there after a kill, and is taken in once.
#[tokio::test]
async fn whoever_is_killed_what_was_acknowledged_is_taken_in_once() {
    const BINARY: &str = env!("CARGO_BIN_EXE_voronka-under-test");
    let server = TestServer::start().await;
    let exchange = exchange(&server).await;
    let admin = &server.admin;
    let job = "/v1/jobs/interpret-events";
    admin.patch(job, json!({ "enabled": false })).await.expect(200);
    let mut process = Process::on(BINARY, &server.url);
    let beside = Exchange { admin: process.serve(), ..exchange.clone() };
    until_ready(&beside.admin).await;
    let calls = 20;
    for call in 0..calls {
        beside.tell(&answered(&format!("call {call}"), call)).await;
    }
    process.kill_server();
    let waiting = "SELECT count(*) AS number FROM raw_events WHERE state = 'waiting'";
    assert_eq!(count(&mut server.connection(), waiting), i64::from(calls) * 7);
    // Killed again while they are interpreted.
    admin.patch(job, json!({ "enabled": true })).await.expect(200);
    process.serve();
    until("some are interpreted", async || !exchange.raw("done").await.is_empty()).await;
    process.kill_server();
    exchange.tell(&[ended("call 0", (1, 20))]).await;
    until("all are interpreted", async || exchange.raw("waiting").await.is_empty()).await;
    let activities = "SELECT count(*) AS number FROM activities WHERE call_status = 'answered'";
    assert_eq!(count(&mut server.connection(), activities), i64::from(calls));
    assert_eq!(exchange.raw("failed").await.len(), 0);
}

/// An exchange that posts without end is told to wait, and nobody else is.
#[tokio::test]
async fn an_exchange_posts_as_often_as_a_caller_may_ask() {
    let server = TestServer::with(&["--rate-limit", "20"]).await;
    let exchange = exchange(&server).await;
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let other = Exchange::open(&other, [&other, &other]).await;
    let event = &answered("1", 0)[0];
    for _ in 0..20 {
        exchange.post(event).await.expect(204);
    }
    let refused = exchange.post(event).await.problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    other.post(event).await.expect(204);
    // What is not signed does not use it up.
    let strange = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let now = chrono::Utc::now().timestamp();
    for _ in 0..25 {
        other.post_signed(strange, "msg_1", now, b"{}").await.problem(401, "invalid_signature");
    }
    other.post(event).await.expect(204);
}

/// After an outage there is much to catch up with, and the next call rings before all of it.
#[tokio::test]
async fn whoever_rings_now_is_told_of_before_what_waits() {
    let server = TestServer::start().await;
    let exchange = exchange(&server).await;
    let job = "/v1/jobs/interpret-events";
    server.admin.patch(job, json!({ "enabled": false })).await.expect(200);
    for call in 0..220 {
        exchange.post(&started(&format!("late {call}"), call % 60, CLIENT, LINE)).await.expect(204);
    }
    let age = "UPDATE raw_events SET received_at = received_at - interval '10 minutes'";
    sql::run(&mut server.connection(), age);
    exchange.post(&started("now", 59, CLIENT, LINE)).await.expect(204);
    server.admin.patch(job, json!({ "enabled": true })).await.expect(200);
    exchange.interpreted().await;
    let feed = server.admin.get("/v1/events?type=call.ringing&limit=200").await.expect(200).json;
    let told = feed["items"].as_array().unwrap();
    assert_eq!((&told[0]["object"]["root"], told.len()), (&json!("now"), 200), "{}", told[0]);
    assert_eq!(told[1]["object"]["root"], "late 0");
}
