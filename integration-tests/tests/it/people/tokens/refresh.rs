//! Refresh tokens: used once, and ended together.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer, server::PASSWORD};

async fn log_in(api: &Api) -> Value {
    let body = json!({ "email": api.email, "password": PASSWORD });
    api.without_token().post("/v1/auth/token", body).await.expect(200).json
}

async fn exchange(api: &Api, token: &Value) -> Reply {
    let body = json!({ "refresh_token": token });
    api.without_token().post("/v1/auth/refresh", body).await
}

async fn revoke(api: &Api, token: &Value) {
    let body = json!({ "refresh_token": token });
    let reply = api.without_token().post("/v1/auth/revoke", body).await.expect(204);
    assert_eq!(reply.text, "");
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_the_next() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let mut pair = log_in(api).await;
    for _ in 0..3 {
        let next = exchange(api, &pair["refresh_token"]).await.expect(200);
        assert_eq!(next.header("cache-control"), "no-store");
        let next = next.json;
        assert_ne!(next["refresh_token"], pair["refresh_token"]);
        assert_eq!(next["user_id"], json!(api.user_id));
        assert_eq!(next["workspace_id"], json!(api.workspace_id));
        let token = next["access_token"].as_str().unwrap();
        api.with_token(token).get("/v1/me").await.expect(200);
        pair = next;
    }
    // It is for nothing else.
    let token = pair["refresh_token"].as_str().unwrap();
    api.with_token(token).get("/v1/me").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_second_use_ends_the_login_for_thief_and_owner() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (first, elsewhere) = (log_in(api).await, log_in(api).await);
    let second = exchange(api, &first["refresh_token"]).await.expect(200).json;
    let third = exchange(api, &second["refresh_token"]).await.expect(200).json;
    let reused = exchange(api, &first["refresh_token"]).await;
    reused.problem(401, "refresh_token_reused");
    for pair in [&third, &second, &first] {
        assert_eq!(exchange(api, &pair["refresh_token"]).await.status, 401);
    }
    // Another login of the same user goes on.
    exchange(api, &elsewhere["refresh_token"]).await.expect(200);
}

#[tokio::test]
async fn of_two_uses_at_once_one_is_the_second() {
    let server = TestServer::start().await;
    let api = &server.admin;
    for _ in 0..5 {
        let pair = log_in(api).await;
        let token = &pair["refresh_token"];
        let (one, two) = tokio::join!(exchange(api, token), exchange(api, token));
        let (good, bad) = if one.status == 200 { (one, two) } else { (two, one) };
        bad.problem(401, "refresh_token_reused");
        let good = good.expect(200);
        assert_eq!(exchange(api, &good.json["refresh_token"]).await.status, 401);
    }
}

#[tokio::test]
async fn a_login_that_is_ended_stays_ended() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (first, elsewhere) = (log_in(api).await, log_in(api).await);
    let second = exchange(api, &first["refresh_token"]).await.expect(200).json;
    // Any token of the login will do, and twice is no error; nor is a token that there never was.
    for token in [&first["refresh_token"], &first["refresh_token"], &json!("vr_nonsense")] {
        revoke(api, token).await;
    }
    assert_eq!(exchange(api, &second["refresh_token"]).await.status, 401);
    exchange(api, &elsewhere["refresh_token"]).await.expect(200);
}

#[tokio::test]
async fn a_made_up_token_lets_nobody_in_and_ends_nothing() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let pair = log_in(api).await;
    let good = pair["refresh_token"].as_str().unwrap().to_owned();
    let middle = good.len() - 20;
    let other = if good.as_bytes()[middle] == b'A' { "B" } else { "A" };
    // The right ids with another secret.
    let mut forged = good.clone();
    forged.replace_range(middle..=middle, other);
    let access = pair["access_token"].as_str().unwrap().to_owned();
    let key = good.replacen("vr_", "vk_", 1);
    let nobody = format!("vr_{}", "A".repeat(86));
    for token in [forged.clone(), access, key, nobody, good[3..].to_owned(), "vr_".to_owned()] {
        let reply = exchange(api, &json!(token)).await;
        reply.problem(401, "invalid_credentials");
        revoke(api, &json!(token)).await;
    }
    exchange(api, &json!(good)).await.expect(200);
    let empty = exchange(api, &json!("")).await.problem(422, "validation_failed");
    assert_eq!(empty.faults(), [("/refresh_token".to_owned(), "invalid_length".to_owned())]);
}

#[tokio::test]
async fn a_refresh_token_ends_with_its_time() {
    let server = TestServer::with(&["--refresh-token-seconds=-1"]).await;
    let pair = log_in(&server.admin).await;
    let reply = exchange(&server.admin, &pair["refresh_token"]).await;
    reply.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn who_is_barred_does_not_come_back_by_an_old_login() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    let (first, second) = (log_in(&user).await, log_in(&user).await);
    let path = format!("/v1/users/{}", user.user_id);
    admin.patch(&path, json!({ "active": false })).await.expect(200);
    assert_eq!(exchange(&user, &first["refresh_token"]).await.status, 401);
    admin.patch(&path, json!({ "active": true })).await.expect(200);
    assert_eq!(exchange(&user, &second["refresh_token"]).await.status, 401);
    log_in(&user).await;
}
