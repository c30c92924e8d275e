//! Clients by their ids in another system, and many at once.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer, histories::count};

async fn put(api: &Api, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
    let path = format!("/v1/clients/by-external-id/{path}");
    api.send(Method::PUT, &path, headers, Some(body.to_string().into_bytes())).await
}

#[tokio::test]
async fn an_upsert_creates_then_changes_then_changes_nothing() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let body = json!({ "name": "Isdom", "class": "A" });
    let made = put(api, "erp/4711", &[], body.clone()).await.expect(201);
    assert_eq!(made.header("location"), format!("/v1/clients/{}", made.id()));
    assert_eq!(made.json["external_id"], json!({ "source": "erp", "id": "4711" }));
    let same = put(api, "erp/4711", &[], body).await.expect(200);
    assert_eq!(same.json, made.json);
    let changed = put(api, "erp/4711", &[], json!({ "class": null, "region": "North" })).await;
    let changed = changed.expect(200).json;
    assert_eq!((&changed["name"], &changed["class"]), (&json!("Isdom"), &Value::Null));
    assert_eq!((&changed["region"], &changed["version"]), (&json!("North"), &json!(2)));
    // Other ids, and other workspaces.
    put(api, "shop/4711", &[], json!({ "name": "B" })).await.expect(201);
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    put(&other, "erp/4711", &[], json!({ "name": "C" })).await.expect(201);

    let unnamed = put(api, "erp/1", &[], json!({ "class": "A" })).await;
    let unnamed = unnamed.problem(422, "validation_failed");
    assert_eq!(unnamed.faults(), [("/name".to_owned(), "required".to_owned())]);
    let twice = json!({ "name": "A", "external_id": { "source": "erp", "id": "2" } });
    put(api, "erp/1", &[], twice).await.problem(422, "validation_failed");
    let name = || json!({ "name": "A" });
    put(api, "erp/4711", &[("if-match", "\"1\"")], name()).await.problem(412, "version_mismatch");
    put(api, "erp/9", &[("if-match", "\"1\"")], name()).await.problem(412, "version_mismatch");
    put(api, "erp/4711", &[("if-match", "\"2\"")], name()).await.expect(200);
    put(api, "%20/1", &[], name()).await.problem(400, "invalid_parameters");
    put(api, "erp/%00", &[], name()).await.problem(400, "invalid_parameters");
    put(api, "erp/%FF", &[], name()).await.problem(400, "invalid_parameters");
}

#[tokio::test]
async fn an_upsert_that_creates_takes_custom_fields_too() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let field = json!({ "entity": "client", "key": "seats", "name": "Seats", "type": "number" });
    api.post("/v1/custom-fields", field).await.expect(201);
    let body = json!({ "name": "Isdom", "custom": { "seats": "12" } });
    let made = put(api, "erp/1", &[], body).await.expect(201).json;
    assert_eq!(made["custom"], json!({ "seats": "12" }));
    let found = api.get("/v1/clients?custom.seats=12").await.expect(200).json;
    assert_eq!(found["items"][0]["id"], made["id"]);
    let bad = json!({ "name": "B", "custom": { "seats": "many" } });
    let bad = put(api, "erp/2", &[], bad).await.problem(422, "validation_failed");
    assert_eq!(bad.faults()[0].0, "/custom/seats");
}

#[tokio::test]
async fn any_text_is_an_id_in_a_path() {
    let server = TestServer::start().await;
    let api = &server.admin;
    for (path, source, id) in [
        ("a%2Fb/c%2Fd", "a/b", "c/d"),
        ("a/b%252Fc", "a", "b%2Fc"),
        ("1C/%D0%9E%D0%9E%D0%9E%20%2B7", "1C", "ООО +7"),
        ("crm/a+b%3F%23", "crm", "a+b?#"),
        ("crm/..%2F..", "crm", "../.."),
    ] {
        let made = put(api, path, &[], json!({ "name": "A" })).await.expect(201);
        assert_eq!(made.json["external_id"], json!({ "source": source, "id": id }), "{path}");
        let again = put(api, path, &[], json!({ "name": "A" })).await.expect(200);
        assert_eq!(again.id(), made.id());
    }
}

#[tokio::test]
async fn of_upserts_at_the_same_moment_one_creates() {
    let server = TestServer::start().await;
    let second = TestServer::beside(&server).await;
    let one = &server.admin;
    let apis = [one.clone(), Api { base: second.admin.base.clone(), ..one.clone() }];
    let puts = (0..24).zip(apis.iter().cycle()).map(|(number, api)| async move {
        let body = json!({ "name": "A", "tags": [number.to_string()] });
        if number % 3 == 0 {
            let item = json!({ "op": "upsert", "name": "A", "external_id": { "source": "erp", "id": "1" } });
            let batch = json!({ "items": [item] });
            let reply = api.post("/v1/clients/batch", batch).await.expect(207);
            reply.json["items"][0]["status"].as_u64().unwrap()
        } else {
            u64::from(put(api, "erp/1", &[], body).await.status)
        }
    });
    let statuses = join_all(puts).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 201].contains(status)), "{statuses:?}");
    let mut connection = server.connection();
    assert_eq!(count(&mut connection, "SELECT count(*) AS number FROM clients"), 1);
}

#[tokio::test]
async fn each_of_a_batch_stands_or_falls_by_itself() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let there = api.post("/v1/clients", json!({ "name": "There" })).await.expect(201).id();
    let external = |id: &str| json!({ "source": "erp", "id": id });
    let items = json!([
        { "op": "create", "name": "One", "external_id": external("1") },
        { "op": "create", "name": "Again", "external_id": external("1") },
        { "op": "create", "name": "" },
        { "op": "create", "name": "Two", "colour": "red" },
        { "op": "update", "id": there, "class": "A", "phones": ["+31201234567"] },
        { "op": "update", "id": there, "version": 1, "class": "B" },
        { "op": "update", "id": there, "version": 2, "region": "North" },
        { "op": "update", "id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "class": "A" },
        { "op": "update", "class": "A" },
        { "op": "upsert", "external_id": external("1"), "class": "C" },
        { "op": "upsert", "external_id": external("2"), "name": "Two" },
        { "op": "upsert", "external_id": external("3") },
        { "op": "delete", "id": there },
        { "name": "No command" },
        "nothing",
    ]);
    let body = json!({ "items": items });
    let key = [("idempotency-key", "batch")];
    let reply = api.post_with("/v1/clients/batch", &key, &body).await.expect(207);
    let results = reply.json["items"].as_array().unwrap();
    let found: Vec<_> = results
        .iter()
        .map(|one| {
            let code = one["problem"]["code"].as_str().unwrap_or_default();
            let pointer = one["problem"]["errors"][0]["pointer"].as_str().unwrap_or_default();
            (one["status"].as_u64().unwrap(), code, pointer)
        })
        .collect();
    let expected = [
        (201, "", ""),
        (409, "external_id_taken", "/external_id"),
        (422, "validation_failed", "/name"),
        (422, "validation_failed", "/colour"),
        (200, "", ""),
        (412, "version_mismatch", "/if-match"),
        (200, "", ""),
        (404, "not_found", ""),
        (422, "validation_failed", "/id"),
        (200, "", ""),
        (201, "", ""),
        (422, "validation_failed", "/name"),
        (422, "validation_failed", "/op"),
        (422, "validation_failed", "/op"),
        (422, "validation_failed", ""),
    ];
    assert_eq!(found, expected);
    assert!(results.iter().enumerate().all(|(at, one)| one["index"] == at));
    assert_eq!(results[9]["body"]["class"], "C");
    assert_eq!(results[9]["body"]["id"], results[0]["body"]["id"]);
    assert_eq!(results[1]["body"], Value::Null);
    let there = api.get(&format!("/v1/clients/{there}")).await.expect(200).json;
    assert_eq!((&there["class"], &there["version"]), (&json!("A"), &json!(3)));
    let mut connection = server.connection();
    let clients = "SELECT count(*) AS number FROM clients";
    assert_eq!(count(&mut connection, clients), 3);
    // An event for each change, and none for what was refused.
    let events = "SELECT count(*) AS number FROM events WHERE event_type LIKE 'client.%'";
    assert_eq!(count(&mut connection, events), 1 + 5);
    let again = api.post_with("/v1/clients/batch", &key, &body).await.expect(207);
    assert_eq!((again.header("idempotent-replayed"), &again.json), ("true", &reply.json));
    assert_eq!(count(&mut connection, clients), 3);
}

#[tokio::test]
async fn an_atomic_batch_is_whole_or_nothing() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let new = |name: &str| json!({ "op": "create", "name": name });
    let many: Vec<_> = (0..1_000).map(|n| new(&format!("Client {n}"))).collect();
    let batch = |items: Vec<Value>| json!({ "items": items, "atomic": true });
    let mut connection = server.connection();
    let mut clients = || count(&mut connection, "SELECT count(*) AS number FROM clients");
    let mut bad = many.clone();
    (bad[3], bad[998]) = (new(" "), json!({ "op": "update", "id": "x" }));
    let refused = api.post("/v1/clients/batch", batch(bad)).await.problem(422, "validation_failed");
    let faults = [("/items/3/name", "required"), ("/items/998/id", "invalid_value")];
    assert_eq!(refused.faults(), faults.map(|(at, code)| (at.to_owned(), code.to_owned())));
    assert_eq!(clients(), 0);
    let reply = api.post("/v1/clients/batch", batch(many.clone())).await.expect(207);
    assert!(reply.json["items"].as_array().unwrap().iter().all(|one| one["status"] == 201));
    assert_eq!(clients(), 1_000);
    let longer = many.into_iter().chain([new("One more")]).collect();
    for (items, code) in [(longer, "too_many"), (Vec::new(), "required")] {
        let refused = api.post("/v1/clients/batch", batch(items)).await;
        let refused = refused.problem(422, "validation_failed");
        assert_eq!(refused.faults(), [("/items".to_owned(), code.to_owned())]);
    }
    assert_eq!(clients(), 1_000);
}
