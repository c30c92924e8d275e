//! Keys of programs.

use diesel::{RunQueryDsl, sql_types::BigInt};
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer, sql};
use voronka_persistence::Store;

async fn create(api: &Api, body: Value) -> Reply {
    api.post("/v1/api-keys", body).await
}

fn reader() -> Value {
    json!({ "name": "Power BI", "scopes": ["deals:read", "reports:read"] })
}

fn shown(reply: &Reply) -> String {
    reply.json["key"].as_str().expect("a key").to_owned()
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[tokio::test]
async fn a_key_is_shown_once() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let made = create(api, reader()).await.expect(201);
    let key = shown(&made);
    assert!(key.starts_with("vk_") && key.len() > 60, "{key}");
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(made.json["scopes"], json!(["deals:read", "reports:read"]));
    assert_eq!(made.json["created_by"], json!(api.user_id));
    assert!(key.starts_with(made.json["prefix"].as_str().unwrap()));
    let path = format!("/v1/api-keys/{}", made.id());
    assert_eq!(made.header("location"), path);
    for path in [&*path, "/v1/api-keys", "/v1/events?limit=200"] {
        let reply = api.get(path).await.expect(200);
        assert!(reply.text.contains(&made.id()), "{path}");
        assert!(!reply.text.contains(&key), "{path}");
    }
    assert_eq!(api.get(&path).await.json["key"], Value::Null);
    api.with_token(key).get("/v1/deals").await.expect(200);
}

#[tokio::test]
async fn a_repetition_makes_no_second_key_and_does_not_show_the_first() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let again = async || {
        let headers = [("idempotency-key", "once")];
        let body = reader().to_string().into_bytes();
        api.send(reqwest::Method::POST, "/v1/api-keys", &headers, Some(body)).await.expect(201)
    };
    let (first, second) = (again().await, again().await);
    let key = shown(&first);
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!((second.id(), &second.json["key"]), (first.id(), &Value::Null));
    assert!(!second.text.contains(&key));
    let list = api.get("/v1/api-keys").await.expect(200);
    assert_eq!(list.json["items"].as_array().unwrap().len(), 1);
    // Nor does the database keep it with the answer.
    let sql = format!("SELECT count(*) AS count FROM idempotency_keys WHERE body LIKE '%{key}%'");
    let mut connection = server.connection();
    assert_eq!(diesel::sql_query(sql).get_result::<Count>(&mut connection).unwrap().count, 0);
    let sql = "SELECT count(*) AS count FROM idempotency_keys WHERE body LIKE '%Power BI%'";
    assert_eq!(diesel::sql_query(sql).get_result::<Count>(&mut connection).unwrap().count, 1);
    api.with_token(key).get("/v1/deals").await.expect(200);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let made = create(api, reader()).await.expect(201);
    let bystander = api.with_token(shown(&create(api, reader()).await.expect(201)));
    let program = api.with_token(shown(&made));
    program.get("/v1/deals").await.expect(200);
    let path = format!("/v1/api-keys/{}", made.id());
    let revoked = api.delete(&path).await.expect(200);
    assert!(revoked.json["revoked_at"].is_string());
    assert_eq!(revoked.json["key"], Value::Null);
    program.get("/v1/deals").await.problem(401, "unauthenticated");
    bystander.get("/v1/deals").await.expect(200);
    // Revoked is revoked: the first time stands.
    let again = api.delete(&path).await.expect(200);
    assert_eq!(again.json["revoked_at"], revoked.json["revoked_at"]);
    assert_eq!(again.json["version"], revoked.json["version"]);
    assert_eq!(api.get(&path).await.expect(200).json["revoked_at"], revoked.json["revoked_at"]);
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let mut body = reader();
    body["expires_at"] = json!("2099-01-01T00:00:00Z");
    let (lasting, ending) = (create(api, body.clone()).await, create(api, body.clone()).await);
    let ending = ending.expect(201);
    let sql = format!("UPDATE api_keys SET expires_at = now() WHERE id = '{}'", ending.id());
    diesel::sql_query(sql).execute(&mut server.connection()).unwrap();
    api.with_token(shown(&ending)).get("/v1/deals").await.problem(401, "unauthenticated");
    api.with_token(shown(&lasting.expect(201))).get("/v1/deals").await.expect(200);
    body["expires_at"] = json!("2001-01-01T00:00:00Z");
    let reply = create(api, body).await.problem(422, "validation_failed");
    assert_eq!(reply.faults(), [("/expires_at".to_owned(), "in_the_past".to_owned())]);
}

/// A caller is remembered for some seconds after a look at the database, and no key for longer than it is good.
#[tokio::test]
async fn a_key_that_is_remembered_ends_at_its_time() {
    let server = TestServer::start().await;
    let mut body = reader();
    body["expires_at"] = json!("2099-01-01T00:00:00Z");
    let id = create(&server.admin, body).await.expect(201).id();
    let kept =
        format!("SELECT to_json(encode(key_hash, 'hex'))::text FROM api_keys WHERE id = '{id}'");
    let kept = sql::json(&mut server.connection(), &kept);
    let digits = kept.as_str().unwrap().as_bytes().chunks(2);
    let digits = digits.map(|pair| std::str::from_utf8(pair).unwrap());
    let hash: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    let (workspace_id, id) = (server.admin.workspace_id, id.parse().unwrap());
    let end: chrono::DateTime<chrono::Utc> = "2099-01-01T00:00:00Z".parse().unwrap();
    let before = end - chrono::TimeDelta::microseconds(1);
    let store = Store::new(&server.url, 2);
    assert!(store.key_caller(workspace_id, id, &hash, before).unwrap().is_some());
    assert!(store.kept_key(&hash, before).is_some());
    assert!(store.kept_key(&hash, end).is_none());
    assert!(store.key_caller(workspace_id, id, &hash, end).unwrap().is_none());
}

#[tokio::test]
async fn a_key_is_taken_to_the_letter() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let key = shown(&create(api, reader()).await.expect(201));
    // Served once, it is in memory.
    api.with_token(&key).get("/v1/deals").await.expect(200);
    for place in 3..key.len() - 1 {
        let mut other = key.clone();
        let letter = if other.as_bytes()[place] == b'A' { "B" } else { "A" };
        other.replace_range(place..=place, letter);
        let reply = api.with_token(other).get("/v1/deals").await;
        assert_eq!((reply.status, reply.code()), (401, "unauthenticated"), "letter {place}");
    }
    api.with_token(&key).get("/v1/deals").await.expect(200);
}

#[tokio::test]
async fn a_key_has_known_scopes() {
    let server = TestServer::start().await;
    let api = &server.admin;
    for (scopes, pointer, code) in [
        (json!([]), "/scopes", "required"),
        (json!(["deals:read", "deals:fly"]), "/scopes/1", "unknown_scope"),
        (json!(["*"]), "/scopes/0", "unknown_scope"),
    ] {
        let reply = create(api, json!({ "name": "Key", "scopes": scopes })).await;
        let reply = reply.problem(422, "validation_failed");
        assert_eq!(reply.faults(), [(pointer.to_owned(), code.to_owned())]);
    }
}

#[tokio::test]
async fn a_key_acts_in_its_own_name() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let body = json!({ "name": "PBX", "scopes": ["deals:read", "deals:write"] });
    let made = create(api, body).await.expect(201);
    let program = api.with_token(shown(&made));
    let deal_type = api.deal_type(&["first", "second"]).await;
    let mut body = json!({ "title": "Call", "deal_type_id": deal_type });
    let reply = program.post("/v1/deals", body.clone()).await.problem(422, "validation_failed");
    assert_eq!(reply.faults(), [("/owner_id".to_owned(), "required".to_owned())]);
    body["owner_id"] = json!(api.user_id);
    let deal = program.post("/v1/deals", body).await.expect(201).id();
    let history = program.get(&format!("/v1/deals/{deal}/history")).await.expect(200);
    let actor = &history.json["items"][0]["actor"];
    assert_eq!(actor, &json!({ "kind": "api_key", "id": made.id() }));
}
