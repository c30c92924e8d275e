//! Logging in by email and password.

use diesel::{RunQueryDsl, sql_types::BigInt};
use serde_json::{Value, json};
use uuid::Uuid;
use voronka_integration_tests::{Api, Reply, TestServer, server::PASSWORD};

async fn log_in(api: &Api, body: Value) -> Reply {
    api.without_token().post("/v1/auth/token", body).await
}

fn with(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

#[tokio::test]
async fn a_login_gives_tokens_of_the_user() {
    let server = TestServer::with(&["--access-token-seconds", "77"]).await;
    let user = server.admin.colleague("seller", None).await;
    for email in [user.email.clone(), user.email.to_uppercase()] {
        let reply = log_in(&user, with(&email, PASSWORD)).await.expect(200);
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.json["token_type"], "Bearer");
        assert_eq!(reply.json["expires_in"], 77);
        assert_eq!(reply.json["user_id"], json!(user.user_id));
        assert_eq!(reply.json["workspace_id"], json!(server.admin.workspace_id));
        let token = reply.json["access_token"].as_str().unwrap();
        let me = user.with_token(token).get("/v1/me").await.expect(200);
        assert_eq!(me.json["id"], json!(user.user_id));
    }
}

#[tokio::test]
async fn an_access_token_ends_with_its_time() {
    let server = TestServer::with(&["--access-token-seconds=-60"]).await;
    let token = server.admin.token.clone().unwrap();
    server.admin.with_token(token).get("/v1/me").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_wrong_login_does_not_say_what_was_wrong() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    let inactive = admin.colleague("seller", None).await;
    let path = format!("/v1/users/{}", inactive.user_id);
    admin.patch(&path, json!({ "active": false })).await.expect(200);
    let keyless = json!({ "name": "New", "role": "seller", "email": "keyless@example.com" });
    admin.post("/v1/users", keyless).await.expect(201);
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let mut said = Vec::new();
    for body in [
        with(&user.email, "a wrong long password"),
        with(&user.email, &PASSWORD.to_uppercase()),
        with(&user.email, &format!("{PASSWORD} ")),
        with("nobody@example.com", PASSWORD),
        with(&inactive.email, PASSWORD),
        with("keyless@example.com", PASSWORD),
        json!({ "email": user.email, "password": PASSWORD, "workspace_id": other.workspace_id }),
        json!({ "email": user.email, "password": PASSWORD, "workspace_id": Uuid::now_v7() }),
    ] {
        let mut reply = log_in(admin, body).await.problem(401, "invalid_credentials");
        reply.json["request_id"].take();
        said.push(reply.json);
    }
    assert!(said.windows(2).all(|two| two[0] == two[1]), "{said:?}");
    log_in(admin, with(&user.email, PASSWORD)).await.expect(200);
    admin.patch(&path, json!({ "active": true })).await.expect(200);
    log_in(admin, with(&inactive.email, PASSWORD)).await.expect(200);
}

#[tokio::test]
async fn a_login_that_fits_two_workspaces_asks_which() {
    let server = TestServer::start().await;
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let third = server.workspace("Third", "EUR", "Europe/Amsterdam").await;
    let email = "both@example.com";
    let passwords = [PASSWORD, PASSWORD, "quite another password"];
    for (api, password) in [&server.admin, &other, &third].into_iter().zip(passwords) {
        let body =
            json!({ "name": "Both", "role": "seller", "email": email, "password": password });
        api.post("/v1/users", body).await.expect(201);
    }
    let reply = log_in(&other, with(email, PASSWORD)).await.problem(422, "validation_failed");
    assert_eq!(reply.faults(), [("/workspace_id".to_owned(), "required".to_owned())]);
    for workspace_id in [other.workspace_id, server.admin.workspace_id] {
        let mut body = with(email, PASSWORD);
        body["workspace_id"] = json!(workspace_id);
        let reply = log_in(&other, body).await.expect(200);
        assert_eq!(reply.json["workspace_id"], json!(workspace_id));
        let api = other.with_token(reply.json["access_token"].as_str().unwrap());
        let workspace = api.get("/v1/workspace").await.expect(200);
        assert_eq!(workspace.json["id"], json!(workspace_id));
    }
    // Another password fits one of them, and needs no more.
    let reply = log_in(&other, with(email, passwords[2])).await.expect(200);
    assert_eq!(reply.json["workspace_id"], json!(third.workspace_id));
    let mut body = with(email, PASSWORD);
    body["workspace_id"] = json!(third.workspace_id);
    log_in(&other, body).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn the_eleventh_try_waits() {
    let server = TestServer::start().await;
    let user = server.admin.colleague("seller", None).await;
    let email = "somebody@example.com";
    for _ in 0..10 {
        let reply = log_in(&user, with(email, "a wrong long password")).await;
        reply.problem(401, "invalid_credentials");
    }
    // Whatever the letters of the email, and even with the right password.
    for email in [email, "SOMEBODY@example.com"] {
        let reply = log_in(&user, with(email, PASSWORD)).await;
        let wait: u64 = reply.header("retry-after").parse().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
        reply.problem(429, "too_many_login_attempts");
    }
    // Others are not kept waiting.
    log_in(&user, with(&user.email, PASSWORD)).await.expect(200);
}

#[tokio::test]
async fn a_new_password_replaces_the_old_and_ends_the_logins() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    let bystander = admin.colleague("seller", None).await;
    let login = async |who: &Api| log_in(who, with(&who.email, PASSWORD)).await.expect(200).json;
    let logins = [login(&user).await, login(&user).await];
    let theirs = login(&bystander).await;
    let path = format!("/v1/users/{}", user.user_id);
    let short = admin.patch(&path, json!({ "password": "short" })).await;
    assert_eq!(short.faults(), [("/password".to_owned(), "invalid_length".to_owned())]);
    let changed = admin.patch(&path, json!({ "password": "a brand new password" })).await;
    assert!(!changed.expect(200).text.contains("password"));
    let refresh = async |pair: &Value| {
        let body = json!({ "refresh_token": pair["refresh_token"] });
        user.without_token().post("/v1/auth/refresh", body).await
    };
    for pair in &logins {
        assert_eq!(refresh(pair).await.status, 401);
    }
    refresh(&theirs).await.expect(200);
    log_in(&user, with(&user.email, PASSWORD)).await.problem(401, "invalid_credentials");
    log_in(&user, with(&user.email, "a brand new password")).await.expect(200);
}

/// As a proxy passes it on.
async fn from(address: &str, api: &Api, body: Value) -> Reply {
    let headers = [("x-forwarded-for", address)];
    api.without_token().post_with("/v1/auth/token", &headers, &body).await
}

const BEHIND_PROXY: &[&str] = &["--trusted-proxies", "10.0.0.0/8,127.0.0.1"];

#[tokio::test]
async fn logins_that_go_well_are_no_tries() {
    let server = TestServer::start().await;
    let user = server.admin.colleague("seller", None).await;
    let headers = [("x-forwarded-for", "198.51.100.9")];
    for _ in 0..25 {
        let body = with(&user.email, PASSWORD);
        user.without_token().post_with("/v1/auth/token", &headers, &body).await.expect(200);
    }
}

#[tokio::test]
async fn who_is_no_trusted_proxy_does_not_choose_its_address() {
    let server = TestServer::with(&["--trusted-proxies", "10.0.0.0/8"]).await;
    let email = "nobody@example.com";
    for number in 0..10 {
        let address = format!("198.51.100.{number}");
        let reply = from(&address, &server.admin, with(email, "a wrong long password")).await;
        reply.problem(401, "invalid_credentials");
    }
    let reply = from("198.51.100.77", &server.admin, with(email, "a wrong long password")).await;
    reply.problem(429, "too_many_login_attempts");
}

#[tokio::test]
async fn strangers_do_not_lock_anybody_out() {
    let server = TestServer::with(BEHIND_PROXY).await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    let (home, office) = ("198.51.100.1", "2001:db8:1:2::7");
    for address in [home, office] {
        from(address, admin, with(&user.email, PASSWORD)).await.expect(200);
    }
    // From one address they use up its own tries.
    for _ in 0..10 {
        let reply = from("203.0.113.0", admin, with(&user.email, "a wrong long password")).await;
        reply.problem(401, "invalid_credentials");
    }
    let reply = from("203.0.113.0", admin, with(&user.email, PASSWORD)).await;
    reply.problem(429, "too_many_login_attempts");
    from("192.0.2.1", admin, with(&user.email, PASSWORD)).await.expect(200);
    // From many they use up those of the email, and even of the addresses that are known.
    for number in 1..=4 {
        let address = if number == 4 { home.to_owned() } else { format!("203.0.113.{number}") };
        for _ in 0..10 {
            let reply = from(&address, admin, with(&user.email, "a wrong long password")).await;
            reply.problem(401, "invalid_credentials");
        }
    }
    let refused = from("192.0.2.2", admin, with(&user.email, PASSWORD)).await;
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=120).contains(&wait), "{wait}");
    refused.problem(429, "too_many_login_attempts");
    for address in [home, "2001:db8:1:2:3:4:5:6", "192.0.2.1"] {
        from(address, admin, with(&user.email, PASSWORD)).await.expect(200);
        let wrong = from(address, admin, with(&user.email, "a wrong long password")).await;
        wrong.problem(429, "too_many_login_attempts");
    }
    // Where somebody else has logged in is no place of this user's.
    let other = admin.colleague("seller", None).await;
    from("192.0.2.9", admin, with(&other.email, PASSWORD)).await.expect(200);
    let refused = from("192.0.2.9", admin, with(&user.email, PASSWORD)).await;
    refused.problem(429, "too_many_login_attempts");
}

#[tokio::test]
async fn a_user_is_known_at_the_newest_addresses() {
    let server = TestServer::with(BEHIND_PROXY).await;
    let user = server.admin.colleague("seller", None).await;
    for number in 0..25 {
        let reply = from(&format!("198.51.100.{number}"), &user, with(&user.email, PASSWORD)).await;
        reply.expect(200);
    }
    let sql =
        format!("SELECT count(*) AS count FROM login_addresses WHERE user_id = '{}'", user.user_id);
    let count: Count = diesel::sql_query(sql).get_result(&mut server.connection()).unwrap();
    assert_eq!(count.count, 20);
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}
