//! Passwords that people set, and what ends with the ones before.

use diesel::{RunQueryDsl, sql_types::BigInt};
use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer, process::Process, server::PASSWORD};

const BINARY: &str = env!("CARGO_BIN_EXE_voronka-under-test");
const NEW: &str = "eleven grey geese";

async fn log_in(api: &Api, password: &str) -> Reply {
    let body = json!({ "email": api.email, "password": password });
    api.without_token().post("/v1/auth/token", body).await
}

async fn change(api: &Api, current: &str, new: &str) -> Reply {
    let body = json!({ "current_password": current, "new_password": new });
    api.put("/v1/me/password", body).await
}

async fn refresh(api: &Api, pair: &Value) -> Reply {
    let body = json!({ "refresh_token": pair["refresh_token"] });
    api.without_token().post("/v1/auth/refresh", body).await
}

fn access(api: &Api, pair: &Value) -> Api {
    api.with_token(pair["access_token"].as_str().expect("a token"))
}

async fn reset(admin: &Api, user: &Api) -> Reply {
    let path = format!("/v1/users/{}/password-reset", user.user_id);
    admin.send(Method::POST, &path, &[], None).await
}

fn token(reply: &Reply) -> String {
    reply.json["token"].as_str().expect("a token").to_owned()
}

async fn set(api: &Api, token: &str, password: &str) -> Reply {
    let body = json!({ "token": token, "new_password": password });
    api.without_token().post("/v1/auth/password", body).await
}

/// That what a user had of tokens has ended.
async fn ended(user: &Api, pairs: &[Value]) {
    user.get("/v1/me").await.problem(401, "unauthenticated");
    for pair in pairs {
        access(user, pair).get("/v1/me").await.problem(401, "unauthenticated");
        refresh(user, pair).await.problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn a_user_changes_the_password_and_stays_logged_in_here_alone() {
    let server = TestServer::start().await;
    let elsewhere = TestServer::beside(&server).await;
    let admin = &server.admin;
    for role in ["admin", "head", "seller", "analyst"] {
        let user = admin.colleague(role, None).await;
        let old = log_in(&user, PASSWORD).await.expect(200).json;
        let there = Api { base: elsewhere.admin.base.clone(), ..access(&user, &old) };
        there.get("/v1/me").await.expect(200);
        let changed = change(&user, PASSWORD, NEW).await.expect(200);
        assert_eq!(changed.header("cache-control"), "no-store");
        assert_eq!(changed.json["user_id"], json!(user.user_id));
        ended(&user, &[old]).await;
        // The new one holds at once on a server that knows of the old one, which ends there, too.
        let new = access(&user, &changed.json);
        new.get("/v1/me").await.expect(200);
        let new = Api { base: there.base.clone(), ..new };
        new.get("/v1/me").await.expect(200);
        there.get("/v1/me").await.problem(401, "unauthenticated");
        refresh(&user, &changed.json).await.expect(200);
        log_in(&user, PASSWORD).await.problem(401, "invalid_credentials");
        log_in(&user, NEW).await.expect(200);
    }
    admin.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn an_old_token_ends_on_other_servers_when_they_ask_again() {
    let server = TestServer::start().await;
    let elsewhere = TestServer::beside(&server).await;
    let user = server.admin.colleague("seller", None).await;
    let there = Api { base: elsewhere.admin.base.clone(), ..user.clone() };
    there.get("/v1/me").await.expect(200);
    change(&user, PASSWORD, NEW).await.expect(200);
    // As five seconds do.
    elsewhere.store.forget_callers();
    there.get("/v1/me").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    for _ in 0..10 {
        let reply = change(&user, "a wrong long password", NEW).await;
        let reply = reply.problem(422, "validation_failed");
        let fault = ("/current_password".to_owned(), "wrong_password".to_owned());
        assert_eq!(reply.faults(), [fault]);
    }
    // Who has stolen a token does not find it out; and the owner logs in all the same.
    change(&user, PASSWORD, NEW).await.problem(429, "too_many_login_attempts");
    log_in(&user, PASSWORD).await.expect(200);
    log_in(&user, NEW).await.problem(401, "invalid_credentials");
    user.get("/v1/me").await.expect(200);
    // A key is nobody.
    let body = json!({ "name": "Key", "scopes": ["users:read", "users:write"] });
    let key = admin.post("/v1/api-keys", body).await.expect(201);
    let key = admin.with_token(key.json["key"].as_str().unwrap());
    change(&key, PASSWORD, NEW).await.problem(404, "not_found");
}

#[tokio::test]
async fn of_two_changes_at_once_one_holds() {
    let server = TestServer::start().await;
    let user = server.admin.colleague("seller", None).await;
    let new = ["twelve blue herons", NEW];
    let (one, two) = tokio::join!(change(&user, PASSWORD, new[0]), change(&user, PASSWORD, new[1]));
    let good: Vec<_> = [&one, &two].iter().map(|reply| reply.status == 200).collect();
    assert!(good[0] != good[1], "{} {}", one.text, two.text);
    for (password, good) in new.iter().zip(good) {
        assert_eq!(log_in(&user, password).await.status == 200, good);
    }
}

#[tokio::test]
async fn what_is_tried_first_is_no_password_wherever_it_is_set() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    let path = format!("/v1/users/{}", user.user_id);
    let token = token(&reset(admin, &user).await.expect(200));
    let local = user.email.split('@').next().unwrap();
    for password in [
        "          ",
        "1234567890",
        "Password123",
        "aaaaaaaaaaaa",
        &user.email.to_uppercase(),
        local,
    ] {
        let new = json!({ "name": "New", "role": "seller", "email": user.email,
            "password": password });
        for (reply, pointer) in [
            (admin.post("/v1/users", new).await, "/password"),
            (admin.patch(&path, json!({ "password": password })).await, "/password"),
            (change(&user, PASSWORD, password).await, "/new_password"),
            (set(&user, &token, password).await, "/new_password"),
        ] {
            let reply = reply.problem(422, "validation_failed");
            assert_eq!(reply.faults(), [(pointer.to_owned(), "weak_password".to_owned())]);
        }
    }
    // Nothing has happened: the token is there, and so is the user.
    user.get("/v1/me").await.expect(200);
    set(&user, &token, NEW).await.expect(200);
}

#[tokio::test]
async fn an_administrators_change_ends_the_tokens_too() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    for body in [json!({ "password": NEW }), json!({ "active": false })] {
        let user = admin.colleague("seller", None).await;
        let pair = log_in(&user, PASSWORD).await.expect(200).json;
        let path = format!("/v1/users/{}", user.user_id);
        admin.patch(&path, json!({ "name": "Renamed" })).await.expect(200);
        user.get("/v1/me").await.expect(200);
        admin.patch(&path, body).await.expect(200);
        admin.patch(&path, json!({ "active": true })).await.expect(200);
        ended(&user, &[pair]).await;
    }
}

#[tokio::test]
async fn a_one_time_token_sets_a_password_once() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    let pair = log_in(&user, PASSWORD).await.expect(200).json;
    let earlier = token(&reset(admin, &user).await.expect(200));
    let made = reset(admin, &user).await.expect(200);
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(made.json["user_id"], json!(user.user_id));
    let expires_at: chrono::DateTime<chrono::Utc> =
        made.json["expires_at"].as_str().unwrap().parse().unwrap();
    let hours = (expires_at - voronka_persistence::now()).num_minutes() as f64 / 60.0;
    assert!((71.0..=72.0).contains(&hours), "{hours}");
    // Nothing has ended yet.
    user.get("/v1/me").await.expect(200);
    let token = token(&made);
    // There is one at a time, it is for this user alone, and it is no other kind of token.
    let refused = set(&user, &earlier, NEW).await.problem(401, "invalid_credentials");
    assert_eq!(refused.faults(), [("/token".to_owned(), "invalid_credentials".to_owned())]);
    let place = token.len() - 40;
    let mut forged = token.clone();
    let other = if forged.as_bytes()[place] == b'A' { "B" } else { "A" };
    forged.replace_range(place..=place, other);
    for token in [&forged, &token.replacen("vp_", "vr_", 1), &token[3..].to_owned()] {
        set(&user, token, NEW).await.problem(401, "invalid_credentials");
    }
    user.with_token(&token).get("/v1/me").await.problem(401, "unauthenticated");
    let set_by_it = set(&user, &token, NEW).await.expect(200);
    assert_eq!(set_by_it.header("cache-control"), "no-store");
    access(&user, &set_by_it.json).get("/v1/me").await.expect(200);
    refresh(&user, &set_by_it.json).await.expect(200);
    ended(&user, &[pair]).await;
    set(&user, &token, "twelve blue herons").await.problem(401, "invalid_credentials");
    log_in(&user, NEW).await.expect(200);
    log_in(&user, PASSWORD).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn somebody_without_a_password_is_invited() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let body = json!({ "name": "New", "role": "seller", "email": "new@example.com" });
    let mut user = admin.without_token();
    user.user_id = admin.post("/v1/users", body).await.expect(201).id().parse().unwrap();
    user.email = "new@example.com".to_owned();
    let token = token(&reset(admin, &user).await.expect(200));
    let (one, two) = tokio::join!(set(&user, &token, NEW), set(&user, &token, NEW));
    let good = [one.status, two.status];
    assert!(good == [200, 401] || good == [401, 200], "{good:?}");
    log_in(&user, NEW).await.expect(200);
}

#[tokio::test]
async fn a_one_time_token_ends_with_its_time_and_with_what_overtakes_it() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    let path = format!("/v1/users/{}", user.user_id);
    let expired = token(&reset(admin, &user).await.expect(200));
    let sql = "UPDATE password_resets SET expires_at = now()";
    diesel::sql_query(sql).execute(&mut server.connection()).unwrap();
    set(&user, &expired, NEW).await.problem(401, "invalid_credentials");
    let overtaken = token(&reset(admin, &user).await.expect(200));
    admin.patch(&path, json!({ "password": "twelve blue herons" })).await.expect(200);
    set(&user, &overtaken, NEW).await.problem(401, "invalid_credentials");
    let left = token(&reset(admin, &user).await.expect(200));
    admin.patch(&path, json!({ "active": false })).await.expect(200);
    set(&user, &left, NEW).await.problem(401, "invalid_credentials");
    reset(admin, &user).await.problem(409, "user_inactive");
    admin.patch(&path, json!({ "active": true })).await.expect(200);
    set(&user, &left, NEW).await.problem(401, "invalid_credentials");
    log_in(&user, "twelve blue herons").await.expect(200);
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[tokio::test]
async fn a_one_time_token_is_shown_once_and_kept_nowhere() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    let path = format!("/v1/users/{}/password-reset", user.user_id);
    let again = async || {
        let headers = [("idempotency-key", "once")];
        admin.send(Method::POST, &path, &headers, None).await.expect(200)
    };
    let (first, second) = (again().await, again().await);
    let token = token(&first);
    assert_eq!(
        (second.header("idempotent-replayed"), &second.json["token"]),
        ("true", &Value::Null)
    );
    let sql = format!(
        "SELECT (SELECT count(*) FROM idempotency_keys WHERE body LIKE '%{token}%') \
         + (SELECT count(*) FROM password_resets WHERE token_hash = '{token}'::bytea) AS count"
    );
    let kept: Count = diesel::sql_query(sql).get_result(&mut server.connection()).unwrap();
    assert_eq!(kept.count, 0);
    set(&user, &token, NEW).await.expect(200);
}

#[tokio::test]
async fn the_operator_makes_a_one_time_token_and_weak_passwords_for_nobody() {
    let server = TestServer::start().await;
    let user = server.admin.colleague("seller", None).await;
    let operator = Process::on(BINARY, &server.url);
    let (status, token, error) =
        operator.run(&["user", "reset-password", "--email", &user.email], "");
    assert!(status.success(), "{error}");
    set(&user, token.trim(), NEW).await.expect(200);
    log_in(&user, NEW).await.expect(200);
    // An access token of the operator's is of those that hold.
    let (_, access, _) = operator.run(&["token", "--email", &user.email], "");
    user.with_token(access.trim()).get("/v1/me").await.expect(200);
    let nobody = ["user", "reset-password", "--email", "nobody@example.com"];
    assert!(!operator.run(&nobody, "").0.success());
    let create =
        ["user", "create", "--name", "New", "--email", "new@example.com", "--password-stdin"];
    for password in ["1234567890", "short", "new@example.com"] {
        let (status, _, error) = operator.run(&create, password);
        assert!(!status.success() && error.contains("the password will not do"), "{error}");
    }
    assert!(operator.run(&create, NEW).0.success());
}

#[tokio::test]
async fn a_one_time_token_ends_with_the_right_of_who_made_it() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    let maker = admin.colleague("admin", None).await;
    let key = json!({ "name": "People", "scopes": ["users:write"] });
    let key = admin.post("/v1/api-keys", key).await.expect(201);
    let with_key = admin.with_token(key.json["key"].as_str().unwrap());
    let theirs = token(&reset(&maker, &user).await.expect(200));
    let role = |role: &str| json!({ "role": role });
    let maker_path = format!("/v1/users/{}", maker.user_id);
    admin.patch(&maker_path, role("head")).await.expect(200);
    set(&user, &theirs, NEW).await.problem(401, "invalid_credentials");
    admin.patch(&maker_path, role("admin")).await.expect(200);
    set(&user, &theirs, NEW).await.expect(200);
    let of_key = token(&reset(&with_key, &user).await.expect(200));
    let path = format!("/v1/api-keys/{}", key.id());
    admin.send(Method::DELETE, &path, &[], None).await;
    set(&user, &of_key, "twelve blue herons").await.problem(401, "invalid_credentials");
}
