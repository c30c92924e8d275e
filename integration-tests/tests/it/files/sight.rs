//! Whoever sees a thing sees its files, and nobody else; whoever may change it adds and deletes them.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

use super::shelf::Half;

struct World {
    server: TestServer,
    anna: Api,
    ben: Api,
    head: Api,
    analyst: Api,
    stranger: Api,
    /// Kind and id of things of Anna's.
    things: Vec<(&'static str, String)>,
}

async fn world() -> World {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let stranger = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let north = admin.post("/v1/departments", json!({ "name": "North" })).await.expect(201).id();
    let anna = admin.colleague("seller", Some(&north)).await;
    let head = admin.colleague("head", Some(&north)).await;
    let ben = admin.colleague("seller", None).await;
    let analyst = admin.colleague("analyst", None).await;
    let deal_type = admin.deal_type(&["first"]).await;
    let deal = anna.deal(&deal_type, "1").await;
    let client = anna.post("/v1/clients", json!({ "name": "Alder" })).await.expect(201).id();
    let activity = json!({ "kind": "call", "title": "A call", "deal_id": deal });
    let activity = anna.post("/v1/activities", activity).await.expect(201).id();
    let document = json!({ "deal_id": deal, "kind": "quote", "number": "1" });
    let document = anna.post("/v1/documents", document).await.expect(201).id();
    let things =
        vec![("deal", deal), ("client", client), ("activity", activity), ("document", document)];
    World { server, anna, ben, head, analyst, stranger, things }
}

async fn listed(api: &Api, thing: &str) -> usize {
    let page = api.get(&format!("/v1/files?object_id={thing}")).await.expect(200);
    page.json["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn whoever_sees_a_thing_sees_its_files() {
    let world = world().await;
    for (kind, id) in &world.things {
        let file = world.anna.add_file(kind, id, "offer.pdf", b"our offer").await.expect(201);
        assert_eq!(
            (file.json["object_kind"].as_str(), file.json["size"].as_i64()),
            (Some(*kind), Some(9))
        );
        let path = format!("/v1/files/{}", file.id());
        // Everybody sees clients.
        let is_client = *kind == "client";
        for (api, sees, changes) in [
            (&world.server.admin, true, true),
            (&world.head, true, true),
            (&world.analyst, true, false),
            (&world.ben, is_client, is_client),
            (&world.stranger, false, false),
        ] {
            let status = if sees { 200 } else { 404 };
            assert_eq!(api.get(&path).await.status, status, "{kind}");
            let content = api.get(&format!("{path}/content")).await.expect(status);
            assert_eq!(content.text == "our offer", sees, "{kind}");
            assert_eq!(listed(api, id).await, usize::from(sees), "{kind}");
            let added = api.add_file(kind, id, "other.pdf", b"other").await;
            match (sees, changes) {
                (_, true) => {
                    let other = format!("/v1/files/{}", added.expect(201).id());
                    api.delete(&other).await.expect(200);
                    api.get(&other).await.problem(404, "not_found");
                }
                (true, false) => {
                    added.problem(403, "forbidden");
                    api.delete(&path).await.problem(403, "forbidden");
                }
                (false, false) => {
                    let refused = added.problem(422, "validation_failed");
                    let fault = ("/object/id".to_owned(), "unknown_reference".to_owned());
                    assert_eq!(refused.faults(), [fault]);
                    api.delete(&path).await.problem(404, "not_found");
                }
            }
        }
        world.anna.delete(&path).await.expect(200);
        world.anna.delete(&path).await.problem(404, "not_found");
        assert_eq!(listed(&world.anna, id).await, 0);
    }
}

/// Everybody sees the deals of all, and still looks after their own.
#[tokio::test]
async fn whoever_only_sees_an_activity_looks_on() {
    let world = world().await;
    let (_, activity) = &world.things[2];
    let file = world.anna.add_file("activity", activity, "a.txt", b"a").await.expect(201).id();
    let everyone = json!({ "deal_visibility": "everyone" });
    world.server.admin.patch("/v1/workspace", everyone).await.expect(200);
    let path = format!("/v1/files/{file}");
    world.ben.get(&path).await.expect(200);
    let added = world.ben.add_file("activity", activity, "b.txt", b"b").await;
    added.problem(403, "not_a_participant");
    world.ben.delete(&path).await.problem(403, "not_a_participant");
    assert_eq!(listed(&world.anna, activity).await, 1);
}

#[tokio::test]
async fn scopes_of_keys_are_those_of_the_kind() {
    let world = world().await;
    let admin = &world.server.admin;
    for (kind, id) in &world.things {
        let scope = |kind: &str| match kind {
            "activity" => "activities".to_owned(),
            kind => format!("{kind}s"),
        };
        let file = admin.add_file(kind, id, "a.txt", b"a").await.expect(201).id();
        let path = format!("/v1/files/{file}");
        let own = scope(kind);
        let other = if *kind == "deal" { "clients" } else { "deals" };
        for (scopes, reads, adds) in [
            (json!([format!("{own}:read")]), 200, 403),
            (json!([format!("{own}:read"), format!("{own}:write")]), 200, 201),
            (json!([format!("{other}:read"), format!("{other}:write")]), 404, 403),
            (json!(["tasks:read", "tasks:write", "events:read"]), 403, 403),
        ] {
            let key = json!({ "name": "Program", "scopes": scopes });
            let key = admin.post("/v1/api-keys", key).await.expect(201);
            let program = admin.with_token(key.json["key"].as_str().unwrap());
            assert_eq!(program.get(&path).await.status, reads, "{kind} {scopes}");
            let content = program.get(&format!("{path}/content")).await;
            assert_eq!(content.status, reads, "{kind} {scopes}");
            let added = program.add_file(kind, id, "b.txt", b"b").await;
            assert_eq!(added.status, adds, "{kind} {scopes}: {}", added.text);
            let deleted = match adds {
                201 => program.delete(&format!("/v1/files/{}", added.id())).await.status,
                _ => program.delete(&path).await.status,
            };
            assert_eq!(
                deleted,
                if adds == 201 { 200 } else { if reads == 404 { 404 } else { 403 } }
            );
        }
    }
}

/// What was right before the upload is asked again after it.
#[tokio::test]
async fn a_deal_that_goes_to_somebody_else_meanwhile_takes_no_file() {
    let world = world().await;
    let (admin, deal) = (&world.server.admin, &world.things[0].1);
    let half = Half::of(&world.anna, ("deal", deal), &[b'a'; 1_000]).await;
    let mut connection = world.server.connection();
    voronka_integration_tests::process::until_so("it is being written", || {
        super::shelf::objects(&mut connection, "writing") == 1
    })
    .await;
    let moved = json!({ "owner_id": world.ben.user_id });
    admin.patch(&format!("/v1/deals/{deal}"), moved).await.expect(200);
    let answer = half.finish().await;
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    assert_eq!(listed(admin, deal).await, 0);
}

#[tokio::test]
async fn files_come_along_when_clients_are_merged() {
    let world = world().await;
    let admin = &world.server.admin;
    let duplicate = &world.things[1].1;
    let client = admin.post("/v1/clients", json!({ "name": "Alder Mill" })).await.expect(201).id();
    let file = admin.add_file("client", duplicate, "a.txt", b"a").await.expect(201).id();
    let merge = json!({ "duplicate_id": duplicate });
    admin.post(&format!("/v1/clients/{client}/merge"), merge).await.expect(200);
    let file = admin.get(&format!("/v1/files/{file}")).await.expect(200);
    assert_eq!(file.json["object_id"], json!(client));
    // The duplicate means the client from now on.
    let late = admin.add_file("client", duplicate, "b.txt", b"b").await.expect(201);
    assert_eq!(late.json["object_id"], json!(client));
    assert_eq!(listed(admin, &client).await, 2);
}

#[tokio::test]
async fn the_feed_tells_of_files() {
    let world = world().await;
    let (admin, deal) = (&world.server.admin, &world.things[0].1);
    let file = world.anna.add_file("deal", deal, "a.txt", b"abc").await.expect(201).id();
    world.anna.delete(&format!("/v1/files/{file}")).await.expect(200);
    let feed = admin.get(&format!("/v1/events?object_id={file}")).await.expect(200);
    let told: Vec<(&Value, &Value, &Value)> = feed.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (&event["type"], &event["sequence"], &event["object"]["name"]))
        .collect();
    let name = json!("a.txt");
    assert_eq!(
        told,
        [(&json!("file.added"), &json!(1), &name), (&json!("file.deleted"), &json!(2), &name)]
    );
    let object = &feed.json["items"][0]["object"];
    assert_eq!(
        object["sha256"],
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert!(object.get("stored_id").is_none());
}
