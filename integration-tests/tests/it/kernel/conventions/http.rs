//! Headers, limits, and what operators and tools ask for.

use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer};

async fn get(api: &Api, path: &str, headers: &[(&str, &str)]) -> Reply {
    api.send(Method::GET, path, headers, None).await
}

#[tokio::test]
async fn a_caller_over_its_limit_is_told_when_to_come_back() {
    let server = TestServer::with(&["--rate-limit", "5"]).await;
    let api = &server.admin;
    for left in (0..5).rev() {
        let reply = api.get("/v1/me").await.expect(200);
        assert_eq!(reply.header("ratelimit-policy"), "\"default\";q=5;w=60");
        let state = format!("\"default\";r={left};t=");
        assert!(reply.header("ratelimit").starts_with(&state), "{}", reply.header("ratelimit"));
    }
    let refused = api.get("/v1/me").await.problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit-policy"), "\"default\";q=5;w=60");
    let state = format!("\"default\";r=0;t={wait}");
    assert_eq!(refused.header("ratelimit"), state);
    api.post("/v1/sources", json!({ "name": "A" })).await.problem(429, "rate_limited");
    // The limit is the caller's own, and health has none.
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    other.get("/v1/me").await.expect(200);
    api.without_token().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn tries_of_a_login_are_limited() {
    let server = TestServer::start().await;
    let api = server.admin.without_token();
    let mut last = None;
    for _ in 0..11 {
        let body = json!({ "email": "nobody@example.com", "password": "a wrong password" });
        last = Some(api.post("/v1/auth/token", body).await);
    }
    let refused = last.expect("a reply").problem(429, "too_many_login_attempts");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|wait| wait > 0));
}

#[tokio::test]
async fn browsers_of_known_origins_may_call() {
    let origin = "https://app.example.com";
    let server = TestServer::with(&["--cors-origins", origin]).await;
    let api = &server.admin;
    let ask = async |from: &str| {
        let headers = [
            ("origin", from),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", "authorization,if-match,content-type"),
        ];
        api.without_token().send(Method::OPTIONS, "/v1/deals", &headers, None).await
    };
    let allowed = ask(origin).await.expect(200);
    assert_eq!(allowed.header("access-control-allow-origin"), origin);
    assert!(allowed.header("access-control-allow-methods").contains("PATCH"));
    let headers = allowed.header("access-control-allow-headers").to_lowercase();
    assert!(headers.contains("if-match"), "{headers}");
    let refused = ask("https://evil.example.com").await;
    assert_eq!(refused.header("access-control-allow-origin"), "");
    let reply = get(api, "/v1/me", &[("origin", origin)]).await.expect(200);
    assert_eq!(reply.header("access-control-allow-origin"), origin);
    let exposed = reply.header("access-control-expose-headers").to_lowercase();
    for header in ["etag", "link", "x-request-id", "retry-after", "idempotent-replayed"] {
        assert!(exposed.contains(header), "{header}: {exposed}");
    }
    // A refusal can be read by the browser too.
    let refused = get(&api.without_token(), "/v1/me", &[("origin", origin)]).await;
    assert_eq!(refused.header("access-control-allow-origin"), origin);
    refused.problem(401, "unauthenticated");
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_ask() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let gzip = [("accept-encoding", "gzip")];
    let packed = get(api, "/openapi.json", &gzip).await.expect(200);
    assert_eq!(packed.header("content-encoding"), "gzip");
    let plain = api.get("/openapi.json").await.expect(200);
    assert_eq!(plain.header("content-encoding"), "");
    assert!(packed.text.len() < plain.text.len());
    let tagged = get(api, "/v1/workspace", &gzip).await.expect(200);
    assert_eq!(tagged.header("etag"), "\"1\"");
}

#[tokio::test]
async fn a_request_keeps_its_id_if_it_is_presentable() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let long = "i".repeat(128);
    for id in ["trace-1", "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "a/b:c", &long] {
        let reply = get(api, "/v1/nothing", &[("x-request-id", id)]).await;
        assert_eq!(reply.header("x-request-id"), id);
        reply.problem(404, "not_found");
    }
    let longer = "i".repeat(129);
    for id in ["", "two words", "quote\"", "tab\there", &longer] {
        let reply = get(api, "/v1/me", &[("x-request-id", id)]).await.expect(200);
        let given = reply.header("x-request-id");
        assert_ne!(given, id);
        assert!(given.parse::<uuid::Uuid>().is_ok(), "{given}");
    }
    assert_ne!(
        api.get("/v1/me").await.header("x-request-id"),
        api.get("/v1/me").await.header("x-request-id")
    );
}

#[tokio::test]
async fn the_largest_body_can_be_set() {
    let server = TestServer::with(&["--body-limit", "200"]).await;
    let api = &server.admin;
    let named = |length: usize| json!({ "name": "n".repeat(length) });
    api.post("/v1/sources", named(150)).await.expect(201);
    let refused = api.post("/v1/sources", named(190)).await.problem(413, "body_too_large");
    assert_eq!(refused.faults(), [(String::new(), "body_too_large".to_owned())]);
}

#[tokio::test]
async fn operators_and_tools_find_what_they_look_for() {
    let server = TestServer::start().await;
    let api = server.admin.without_token();
    assert_eq!(api.get("/healthz").await.expect(200).json, json!({ "status": "ok" }));
    assert_eq!(api.get("/readyz").await.expect(200).json, json!({ "status": "ready" }));
    server.admin.get("/v1/deals").await.expect(200);
    let metrics = api.get("/metrics").await.expect(200);
    assert!(metrics.header("content-type").starts_with("text/plain"));
    for line in [
        "# TYPE voronka_http_requests_total counter",
        "voronka_http_requests_total{method=\"GET\",path=\"/v1/deals\",status=\"200\"}",
        "voronka_http_request_seconds",
        "# TYPE voronka_database_connections gauge",
        "voronka_database_connections_idle",
    ] {
        assert!(metrics.text.contains(line), "{line} is not in\n{}", metrics.text);
    }
    let docs = api.get("/docs/").await.expect(200);
    assert!(docs.header("content-type").starts_with("text/html"));
    assert!(docs.text.contains("swagger"), "{}", docs.text);
    api.get("/docs").await.expect(200);
    let json = api.get("/openapi.json").await.expect(200);
    assert_eq!(&json.json, voronka_api::openapi::published());
    let yaml = api.get("/openapi.yaml").await.expect(200);
    assert_eq!(yaml.text, voronka_api::openapi::yaml());
    let read: Value = yaml_serde::from_str(&yaml.text).expect("YAML");
    assert_eq!(read, json.json);
}
