//! Every operation turns away whoever has no business with it.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use uuid::Uuid;
use voronka_domain::people::access::Permission;
use voronka_integration_tests::{Api, Reply, TestServer};

use super::world::{World, call, carried_out, cases, operations};

const SECRET: &str = "thirty-two bytes that sign tokens";

fn signed(secret: &str, claims: Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

fn claims(api: &Api, seconds: i64) -> Value {
    let now = voronka_persistence::now().timestamp();
    json!({ "iss": "voronka", "sub": api.user_id, "workspace_id": api.workspace_id,
        "iat": now - 1_000, "exp": now + seconds })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[track_caller]
fn unauthenticated(reply: Reply, of: &str) {
    assert_eq!((reply.status, reply.code()), (401, "unauthenticated"), "{of}: {}", reply.text);
    assert_eq!(reply.header("www-authenticate"), "Bearer", "{of}");
    reply.problem(401, "unauthenticated");
}

#[tokio::test]
async fn nobody_is_let_in_without_a_good_token() {
    let server = TestServer::with(&["--jwt-secret", SECRET]).await;
    let admin = &server.admin;
    let world = World::furnish(&server, admin).await;
    let gone = admin.colleague("admin", None).await;
    let path = format!("/v1/users/{}", gone.user_id);
    admin.patch(&path, json!({ "active": false })).await.expect(200);
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let good = claims(admin, 60);
    // What the others are made of is good in itself.
    admin.with_token(signed(SECRET, good.clone())).get("/v1/me").await.expect(200);
    let token = signed(SECRET, good.clone());
    let (head, rest) = token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let key = admin.post("/v1/api-keys", json!({ "name": "Key", "scopes": ["deals:read"] })).await;
    let key = key.expect(201).json["key"].as_str().unwrap().to_owned();
    let tokens = [
        ("garbage", "garbage".to_owned()),
        ("empty", String::new()),
        ("API key cut short", key[..key.len() - 1].to_owned()),
        ("API key of nobody", format!("vk_{}", "A".repeat(86))),
        ("expired", signed(SECRET, claims(admin, -60))),
        ("never expires", signed(SECRET, without(good.clone(), "exp"))),
        ("other secret", signed("another secret of thirty-two bytes", good.clone())),
        ("other issuer", signed(SECRET, with(good.clone(), "iss", json!("somebody")))),
        ("no issuer", signed(SECRET, without(good.clone(), "iss"))),
        ("alg none", format!("{none}.{payload}.")),
        ("alg none, signed", format!("{none}.{payload}.{signature}")),
        ("unsigned", format!("{head}.{payload}.")),
        ("other payload", {
            let theirs = signed(SECRET, claims(&other, 60));
            format!("{head}.{}.{signature}", theirs.split('.').nth(1).unwrap())
        }),
        ("inactive user", gone.token.clone().unwrap()),
        ("inactive user, signed", signed(SECRET, claims(&gone, 60))),
        ("deleted user", signed(SECRET, with(good.clone(), "sub", json!(Uuid::now_v7())))),
        ("user of another workspace", {
            signed(SECRET, with(good.clone(), "workspace_id", json!(other.workspace_id)))
        }),
        ("no such workspace", {
            signed(SECRET, with(good.clone(), "workspace_id", json!(Uuid::now_v7())))
        }),
    ];
    for case in &cases() {
        let id = &case.0.id;
        let reply = call(&admin.without_token(), case, &world, &world).await;
        unauthenticated(reply, id);
        for (what, token) in &tokens {
            let reply = call(&admin.with_token(token), case, &world, &world).await;
            unauthenticated(reply, &format!("{id}, {what}"));
        }
    }
    for (scheme, what) in [("Basic YTpi", "basic"), ("Bearer", "no token"), (&*token, "no scheme")]
    {
        let headers = [("authorization", scheme)];
        let api = admin.without_token();
        let reply = api.send(reqwest::Method::GET, "/v1/me", &headers, None).await;
        unauthenticated(reply, what);
    }
}

async fn key(admin: &Api, scopes: &[&str]) -> Api {
    let body = json!({ "name": "Key", "scopes": scopes });
    let made = admin.post("/v1/api-keys", body).await.expect(201);
    admin.with_token(made.json["key"].as_str().unwrap())
}

#[tokio::test]
async fn a_key_needs_the_scope_of_the_operation_and_no_other() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let world = World::furnish(&server, admin).await;
    let all: Vec<_> = Permission::ALL.iter().map(|permission| permission.scope()).collect();
    let mut keys = Vec::new();
    for scope in &all {
        let others: Vec<_> = all.iter().copied().filter(|other| other != scope).collect();
        keys.push((*scope, key(admin, &[*scope]).await, key(admin, &others).await));
    }
    for case in &cases() {
        let (id, scope) = (&case.0.id, case.0.scope());
        let found = keys.iter().find(|(name, _, _)| *name == scope);
        let (_, just, others) = found.unwrap_or_else(|| panic!("{id}: no such scope as {scope}"));
        // An import needs the permission to write what it makes, too.
        let both = key(admin, &["imports:write", "deals:write"]).await;
        let both_of_clients = key(admin, &["clients:write", "deals:write"]).await;
        let both_of_segments = key(admin, &["catalogues:write", "clients:read"]).await;
        let both_of_types = key(admin, &["deal_types:write", "deals:write"]).await;
        let just = match id.as_str() {
            "createImport" => &both,
            // It moves deals.
            "migrateDeals" => &both_of_types,
            // The client has a deal, which changes.
            "mergeClients" => &both_of_clients,
            // Its condition looks at clients.
            "createSegment" => &both_of_segments,
            _ => just,
        };
        // Any scope of several will do.
        let none = match case.0.scopes.as_slice() {
            [_] => others.clone(),
            several => {
                let rest: Vec<_> =
                    all.iter().copied().filter(|one| several.iter().all(|it| it != one)).collect();
                key(admin, &rest).await
            }
        };
        let reply = call(&none, case, &world, &world).await;
        assert_eq!((reply.status, reply.code()), (403, "forbidden"), "{id}: {}", reply.text);
        reply.problem(403, "forbidden");
        let reply = call(just, case, &world, &world).await;
        let fine = match id.as_str() {
            // A key is no user, has no "me", and answers for no other key.
            "getMe" | "changePassword" => reply.status == 404,
            "takeOverApiKey" => reply.text.contains("A person takes a key over."),
            _ => carried_out(case, &reply),
        };
        assert!(fine, "{id}: {} {}", reply.status, reply.text);
    }
    // Every scope that can be given is good for something.
    let named: Vec<_> = operations().iter().map(|one| one.scope().to_owned()).collect();
    let idle: Vec<_> = all.iter().filter(|scope| !named.iter().any(|n| n == *scope)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}
