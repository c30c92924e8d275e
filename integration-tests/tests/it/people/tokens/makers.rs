//! Who answers for a key, and what a key can do without anybody.

use chrono::{Days, SubsecRound};
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer};

/// Scopes of administration, and one of data.
const SCOPES: [&str; 5] =
    ["users:write", "api_keys:manage", "workspace:write", "users:read", "deals:read"];

async fn key(by: &Api, scopes: &[&str], more: Value) -> (String, Api) {
    let mut body = json!({ "name": "Key", "scopes": scopes });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = by.post("/v1/api-keys", body).await.expect(201);
    (made.id(), by.with_token(made.json["key"].as_str().unwrap()))
}

async fn read(admin: &Api, id: &str) -> Value {
    admin.get(&format!("/v1/api-keys/{id}")).await.expect(200).json
}

async fn put(admin: &Api, who: &Api, change: Value) -> Reply {
    admin.patch(&format!("/v1/users/{}", who.user_id), change).await.expect(200)
}

/// Whether a key does all that its scopes of administration are for.
async fn administers(key: &Api, who: &Api) -> [u16; 3] {
    let path = format!("/v1/users/{}", who.user_id);
    let people = key.patch(&path, json!({ "active": true })).await.status;
    let keys = key.get("/v1/api-keys").await.status;
    let workspace = key.patch("/v1/workspace", json!({})).await.status;
    [people, keys, workspace]
}

#[tokio::test]
async fn a_key_administers_as_long_as_its_maker_does() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    for gone in [json!({ "active": false }), json!({ "role": "head" })] {
        let maker = admin.colleague("admin", None).await;
        let (id, key) = key(&maker, &SCOPES, json!({})).await;
        assert_eq!(administers(&key, &maker).await, [200; 3]);
        put(admin, &maker, gone.clone()).await;
        // What concerns data stays, and nothing of administration.
        assert_eq!(administers(&key, &maker).await, [403; 3], "{gone}");
        key.get("/v1/deals").await.expect(200);
        let active =
            admin.get(&format!("/v1/users/{}", maker.user_id)).await.json["active"].clone();
        let shown = read(admin, &id).await;
        assert_eq!(shown["suspended_scopes"], json!(SCOPES[..3]));
        let answers = if active == true { json!(maker.user_id) } else { Value::Null };
        assert_eq!((&shown["maker_id"], &shown["created_by"]), (&answers, &json!(maker.user_id)));
        let listed = admin.get("/v1/api-keys").await.expect(200).json["items"][0].clone();
        assert_eq!(listed, shown);
        // Somebody takes it over.
        let path = format!("/v1/api-keys/{id}/take-over");
        key.post(&path, json!({})).await.problem(403, "forbidden");
        let taken = admin.post(&path, json!({})).await.expect(200).json;
        assert_eq!(
            (&taken["maker_id"], &taken["suspended_scopes"]),
            (&json!(admin.user_id), &json!([]))
        );
        assert_eq!(administers(&key, &maker).await, [200; 3]);
    }
}

/// Background work is switched on and off by who administers; looking at it concerns data.
#[tokio::test]
async fn a_key_of_nobody_looks_at_background_work_and_sets_none() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let job = async || {
        let job = admin.get("/v1/jobs/sweep").await.expect(200).json;
        [job["enabled"].clone(), job["schedule"].clone()]
    };
    let schedules = ["0 3 * * *", "0 4 * * *"];
    for (gone, schedule) in
        [json!({ "active": false }), json!({ "role": "head" })].into_iter().zip(schedules)
    {
        let maker = admin.colleague("admin", None).await;
        let (id, key) = key(&maker, &["jobs:write", "jobs:read"], json!({})).await;
        let set = json!({ "schedule": schedule });
        key.patch("/v1/jobs/sweep", set).await.expect(200);
        let before = job().await;
        assert_eq!(before, [json!(true), json!(schedule)]);
        put(admin, &maker, gone.clone()).await;
        let off = json!({ "enabled": false, "schedule": "0 5 * * *" });
        key.patch("/v1/jobs/sweep", off.clone()).await.problem(403, "forbidden");
        key.post("/v1/jobs/sweep/runs", json!({})).await.problem(403, "forbidden");
        let run = format!("/v1/jobs/sweep/runs/{id}");
        key.delete(&run).await.problem(403, "forbidden");
        assert_eq!(job().await, before, "{gone}");
        for path in ["/v1/jobs", "/v1/jobs/sweep", "/v1/jobs/sweep/runs"] {
            key.get(path).await.expect(200);
        }
        assert_eq!(read(admin, &id).await["suspended_scopes"], json!(["jobs:write"]));
        admin.post(&format!("/v1/api-keys/{id}/take-over"), json!({})).await.expect(200);
        key.patch("/v1/jobs/sweep", off).await.expect(200);
        key.patch("/v1/jobs/sweep", json!({ "enabled": true })).await.expect(200);
    }
}

#[tokio::test]
async fn a_key_that_a_key_made_ends_with_it() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let maker = admin.colleague("admin", None).await;
    let end = voronka_persistence::now().trunc_subsecs(0).checked_add_days(Days::new(2)).unwrap();
    let until = json!({ "expires_at": end });
    let (first, mother) = key(&maker, &SCOPES, until).await;
    let (second, child) = key(&mother, &SCOPES, json!({})).await;
    let (third, grandchild) = key(&child, &["users:write", "deals:read"], json!({})).await;
    let parents: Vec<Value> =
        [(&second, &first), (&third, &second)].map(|(_, id)| json!(id)).into();
    for (id, parent) in [&second, &third].into_iter().zip(&parents) {
        let shown = read(admin, id).await;
        assert_eq!((&shown["parent_id"], &shown["created_by"]), (parent, &Value::Null));
        assert_eq!(shown["maker_id"], json!(maker.user_id));
        // Not later than the one that made it.
        let ends = shown["expires_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>();
        assert_eq!(ends.unwrap(), end);
    }
    let later = json!({ "name": "Later", "scopes": ["deals:read"],
        "expires_at": end.checked_add_days(Days::new(1)) });
    let told = mother.post("/v1/api-keys", later).await.problem(422, "validation_failed");
    assert_eq!(told.faults(), [("/expires_at".to_owned(), "out_of_range".to_owned())]);
    // Its maker goes: none of them administers. It is taken over: all of them do.
    put(admin, &maker, json!({ "active": false })).await;
    grandchild.get("/v1/deals").await.expect(200);
    let again = format!("/v1/users/{}", maker.user_id);
    grandchild.patch(&again, json!({ "active": true })).await.problem(403, "forbidden");
    admin.post(&format!("/v1/api-keys/{first}/take-over"), json!({})).await.expect(200);
    grandchild.patch(&again, json!({ "active": true })).await.expect(200);
    admin.delete(&format!("/v1/api-keys/{first}")).await.expect(200);
    for (id, key) in [(first, mother), (second, child), (third, grandchild)] {
        key.get("/v1/deals").await.problem(401, "unauthenticated");
        assert_ne!(read(admin, &id).await["revoked_at"], Value::Null);
    }
}
