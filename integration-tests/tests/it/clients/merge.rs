//! Merging: everything of the duplicate goes to the client that stays, whatever happens at the same moment.

use diesel::{PgConnection, RunQueryDsl, sql_query};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{
    Api, Reply, TestServer,
    histories::{self, count},
    process::until_so,
    sql,
};

async fn client(api: &Api, body: Value) -> String {
    api.post("/v1/clients", body).await.expect(201).id()
}

async fn named(api: &Api, name: &str) -> String {
    client(api, json!({ "name": name })).await
}

async fn merge(api: &Api, id: &str, duplicate: &str) -> Reply {
    let body = json!({ "duplicate_id": duplicate });
    api.post(&format!("/v1/clients/{id}/merge"), body).await
}

async fn deal(api: &Api, deal_type: &str, client: &str) -> Reply {
    let body = json!({ "title": "A deal", "deal_type_id": deal_type, "client_id": client });
    api.post("/v1/deals", body).await
}

async fn total(api: &Api, path: &str) -> usize {
    api.get(path).await.expect(200).json["items"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn the_survivor_has_everything_and_the_old_id_means_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let this = json!({ "name": "Isdom BV", "class": "A", "tags": ["north", "vip"], "consent": true,
        "phones": ["+31201234567"], "emails": ["office@isdom.example"] });
    let this = client(api, this).await;
    let duplicate = json!({ "name": "ISDOM", "type": "current", "class": "B", "region": "North",
        "tags": ["vip", "2026"], "consent": false, "phones": ["+31201234568", "+31201234567"],
        "tax_id": "NL123456789B01", "external_id": { "source": "erp", "id": "7" } });
    let duplicate = client(api, duplicate).await;
    let contact = json!({ "client_id": duplicate, "name": "Joris" });
    let contact = api.post("/v1/contacts", contact).await.expect(201).id();
    let open = deal(api, &deal_type, &duplicate).await.expect(201).id();
    let won = deal(api, &deal_type, &duplicate).await.expect(201).id();
    let closed = api.transition(&won, json!({ "to": "won" })).await.expect(200);
    let own = deal(api, &deal_type, &this).await.expect(201);

    let merged = merge(api, &this, &duplicate).await.expect(200);
    for (field, expected) in [
        ("id", json!(this)),
        ("name", json!("Isdom BV")),
        ("class", json!("A")),
        ("region", json!("North")),
        ("type", json!("current")),
        ("consent", json!(false)),
        ("tags", json!(["north", "vip", "2026"])),
        ("phones", json!(["+31201234567", "+31201234568"])),
        ("emails", json!(["office@isdom.example"])),
        ("tax_id", json!("NL123456789B01")),
        ("merged_into", Value::Null),
        ("version", json!(2)),
    ] {
        assert_eq!(merged.json[field], expected, "{field}");
    }
    // Deals, open and closed, by an event each; contacts.
    for (id, before) in [(&open, 1), (&won, 2)] {
        let deal = api.get(&format!("/v1/deals/{id}")).await.expect(200).json;
        assert_eq!((&deal["client_id"], &deal["version"]), (&json!(this), &json!(before + 1)));
        let history = api.get(&format!("/v1/deals/{id}/history")).await.expect(200).json;
        let event = history["items"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(event["type"], "deal.updated");
        assert_eq!(event["actor"], json!({ "kind": "user", "id": api.user_id }));
        assert_eq!(event["change"]["previous"]["client_id"], json!(duplicate));
        assert_eq!(event["change"]["current"]["client_id"], json!(this));
        assert_eq!(event["object"]["client_id"], json!(this));
    }
    let now = api.get(&format!("/v1/deals/{won}")).await.expect(200).json;
    assert_eq!((&now["status"], &now["closed_at"]), (&json!("won"), &closed.json["closed_at"]));
    let untouched = api.get(&format!("/v1/deals/{}", own.id())).await.expect(200).json;
    assert_eq!(untouched["version"], 1);
    assert_eq!(total(api, &format!("/v1/deals?client_id={this}")).await, 3);
    assert_eq!(total(api, &format!("/v1/deals?client_id={duplicate}")).await, 0);
    let moved = api.get(&format!("/v1/contacts/{contact}")).await.expect(200).json;
    assert_eq!((&moved["client_id"], &moved["version"]), (&json!(this), &json!(2)));
    histories::check(&mut server.connection());

    // The old id.
    let old = api.get(&format!("/v1/clients/{duplicate}")).await.expect(200);
    assert_eq!(old.json, merged.json);
    assert_eq!(old.header("content-location"), format!("/v1/clients/{this}"));
    assert_eq!(old.header("etag"), "\"2\"");
    let refused = api.patch(&format!("/v1/clients/{duplicate}"), json!({ "name": "X" })).await;
    let refused = refused.problem(409, "client_merged");
    assert!(refused.text.contains(&this), "{}", refused.text);
    assert_eq!(deal(api, &deal_type, &duplicate).await.expect(201).json["client_id"], json!(this));
    let path = format!("/v1/deals/{}", own.id());
    api.patch(&path, json!({ "client_id": null })).await.expect(200);
    let back = api.patch(&path, json!({ "client_id": duplicate })).await.expect(200);
    assert_eq!(back.json["client_id"], json!(this));
    let contact = json!({ "client_id": duplicate, "name": "Anna" });
    let contact = api.post("/v1/contacts", contact).await.expect(201);
    assert_eq!(contact.json["client_id"], json!(this));
    let path = "/v1/clients/by-external-id/erp/7";
    let body = json!({ "region": "South" }).to_string().into_bytes();
    let by_external_id = api.send(Method::PUT, path, &[], Some(body)).await.expect(200);
    assert_eq!(
        (by_external_id.id(), &by_external_id.json["region"]),
        (this.clone(), &json!("South"))
    );
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": { "column": "id" }, "client": { "column": "client" } } });
    let import = api.import("id,client\nx,isdom\n", spec).await.expect(202).id();
    assert_eq!(server.finished(api, &import).await["created"], 1);
    assert_eq!(total(api, &format!("/v1/deals?client_id={this}&external_id=x")).await, 1);

    // Lists.
    for (path, expected) in [
        ("/v1/clients", &this),
        ("/v1/clients?merged=false", &this),
        ("/v1/clients?merged=true", &duplicate),
    ] {
        let page = api.get(path).await.expect(200).json;
        let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, [expected], "{path}");
    }
    let merged = api.get("/v1/clients?merged=true").await.expect(200).json;
    assert_eq!(merged["items"][0]["merged_into"], json!(this));
}

#[tokio::test]
async fn both_histories_are_read_from_the_survivor() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (a, b, c) = (named(api, "A").await, named(api, "B").await, named(api, "C").await);
    api.patch(&format!("/v1/clients/{c}"), json!({ "class": "A" })).await.expect(200);
    merge(api, &b, &c).await.expect(200);
    merge(api, &a, &b).await.expect(200);
    let expected = [
        (&a, "client.created"),
        (&b, "client.created"),
        (&c, "client.created"),
        (&c, "client.updated"),
        (&b, "client.merged"),
        (&c, "client.updated"),
        (&c, "client.updated"),
        (&a, "client.merged"),
        (&b, "client.updated"),
    ];
    for id in [&a, &b, &c] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/clients/{id}/history?limit=4{cursor}");
            let page = api.get(&path).await.expect(200).json;
            found.extend(page["items"].as_array().unwrap().iter().map(|event| {
                let text = |name: &str| event[name].as_str().unwrap().to_owned();
                (text("object_id"), text("type"))
            }));
            let Some(next) = page["page"]["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let expected = expected.map(|(id, kind)| (id.clone(), kind.to_owned()));
        assert_eq!(found, expected);
    }
    let feed = api.get("/v1/events?type=client.merged").await.expect(200).json;
    let change = &feed["items"][1]["change"];
    assert_eq!((&change["duplicate_id"], &change["duplicate"]["name"]), (&json!(b), &json!("B")));
    assert_eq!(change["previous"]["name"], "A");
    // Every old id means the last survivor, in one step.
    for id in [&b, &c] {
        let old = api.get(&format!("/v1/clients/{id}")).await.expect(200);
        assert_eq!(old.id(), a);
        let row = api.get("/v1/clients?merged=true").await.expect(200).json["items"].clone();
        let row =
            row.as_array().unwrap().iter().find(|row| row["id"] == json!(id)).unwrap().clone();
        assert_eq!(row["merged_into"], json!(a));
    }
    api.get("/v1/clients/0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11/history")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn what_cannot_be_merged_is_refused_and_somebody_may_choose() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (a, b, c) = (named(api, "A").await, named(api, "B").await, named(api, "C").await);
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let theirs = named(&other, "Theirs").await;
    let itself = merge(api, &a, &a).await.problem(422, "validation_failed");
    assert_eq!(itself.faults(), [("/duplicate_id".to_owned(), "same_client".to_owned())]);
    let unknown = merge(api, &a, &theirs).await.problem(422, "validation_failed");
    assert_eq!(unknown.faults(), [("/duplicate_id".to_owned(), "unknown_reference".to_owned())]);
    merge(api, &theirs, &a).await.problem(404, "not_found");
    let path = format!("/v1/clients/{a}/merge");
    let body = json!({ "duplicate_id": b, "keep": { "name": "duplicate" } });
    api.post_with(&path, &[("if-match", "\"7\"")], &body).await.problem(412, "version_mismatch");
    api.post(&path, json!({ "duplicate_id": b, "keep": { "name": "both" } }))
        .await
        .problem(422, "validation_failed");
    api.post(&path, json!({ "duplicate_id": b, "keep": { "colour": "this" } }))
        .await
        .problem(422, "validation_failed");
    let merged = api.post_with(&path, &[("if-match", "\"1\"")], &body).await.expect(200);
    assert_eq!(merged.json["name"], "B");
    // Again, the other way round, and in a circle.
    merge(api, &a, &b).await.problem(409, "client_merged");
    merge(api, &b, &a).await.problem(409, "client_merged");
    merge(api, &c, &b).await.problem(409, "client_merged");
    merge(api, &c, &a).await.expect(200);
    merge(api, &b, &c).await.problem(409, "client_merged");
    assert_eq!(api.get(&format!("/v1/clients/{b}")).await.expect(200).id(), c);
}

// At the same moment.

async fn wait_for(connection: &mut PgConnection, number: i64) {
    until_so("they wait", || sql::waiting(connection) == number).await;
}

/// A deal and a contact that are being made for the duplicate, and not committed, when the merge begins.
#[tokio::test]
async fn what_is_being_made_for_the_duplicate_ends_at_the_survivor() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let elsewhere = api.deal(&deal_type, "1").await;
    let (this, duplicate) = (named(api, "This").await, named(api, "Duplicate").await);
    let requests = [
        (
            Method::POST,
            "/v1/deals".to_owned(),
            json!({ "title": "A deal", "deal_type_id": deal_type, "client_id": duplicate }),
        ),
        (Method::PATCH, format!("/v1/deals/{elsewhere}"), json!({ "client_id": duplicate })),
        (
            Method::POST,
            "/v1/contacts".to_owned(),
            json!({ "name": "Joris", "client_id": duplicate }),
        ),
    ];
    // Their answers wait for our row with their key.
    let (mut holder, mut watcher) = (server.connection(), server.connection());
    sql_query("BEGIN").execute(&mut holder).unwrap();
    for number in 0..requests.len() {
        let sql = format!(
            "INSERT INTO idempotency_keys (workspace_id, caller_id, key, request_hash, status, created_at) \
             VALUES ('{}', '{}', 'slow {number}', '', 200, now())",
            api.workspace_id, api.user_id
        );
        sql_query(sql).execute(&mut holder).unwrap();
    }
    let slow: Vec<_> = requests
        .into_iter()
        .enumerate()
        .map(|(number, (method, path, body))| {
            let api = api.clone();
            tokio::spawn(async move {
                let key = format!("slow {number}");
                let body = body.to_string().into_bytes();
                api.send(method, &path, &[("idempotency-key", &key)], Some(body)).await
            })
        })
        .collect();
    wait_for(&mut watcher, 3).await;
    let merging = tokio::spawn({
        let (api, this, duplicate) = (api.clone(), this.clone(), duplicate.clone());
        async move { merge(&api, &this, &duplicate).await }
    });
    wait_for(&mut watcher, 4).await;
    sql_query("ROLLBACK").execute(&mut holder).unwrap();
    for slow in slow {
        let status = slow.await.unwrap().status;
        assert!((200..300).contains(&status), "{status}");
    }
    merging.await.unwrap().expect(200);
    assert_eq!(total(api, &format!("/v1/deals?client_id={this}")).await, 2);
    assert_eq!(total(api, &format!("/v1/contacts?client_id={this}")).await, 1);
    assert_eq!(histories::check(&mut server.connection()), 2);
}

/// A deal and a contact that are made for the duplicate while its merge is not committed.
#[tokio::test]
async fn what_is_made_for_the_duplicate_during_its_merge_is_the_survivors() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let elsewhere = api.deal(&deal_type, "1").await;
    let (this, duplicate) = (named(api, "This").await, named(api, "Duplicate").await);
    let theirs = deal(api, &deal_type, &duplicate).await.expect(201).id();
    let (mut holder, mut watcher) = (server.connection(), server.connection());
    sql_query("BEGIN").execute(&mut holder).unwrap();
    let hold = format!("SELECT FROM deals WHERE id = '{theirs}' FOR UPDATE");
    sql_query(hold).execute(&mut holder).unwrap();
    // The merge has both clients, and waits for the deal.
    let merging = tokio::spawn({
        let (api, this, duplicate) = (api.clone(), this.clone(), duplicate.clone());
        async move { merge(&api, &this, &duplicate).await }
    });
    wait_for(&mut watcher, 1).await;
    let requests = [
        (
            Method::POST,
            "/v1/deals".to_owned(),
            json!({ "title": "A deal", "deal_type_id": deal_type, "client_id": duplicate }),
        ),
        (Method::PATCH, format!("/v1/deals/{elsewhere}"), json!({ "client_id": duplicate })),
        // One that the merge is about to take: it must not be held while the client is waited for.
        (Method::PATCH, format!("/v1/deals/{theirs}"), json!({ "client_id": duplicate })),
        (
            Method::POST,
            "/v1/contacts".to_owned(),
            json!({ "name": "Joris", "client_id": duplicate }),
        ),
    ];
    let late: Vec<_> = requests
        .into_iter()
        .map(|(method, path, body)| {
            let api = api.clone();
            let body = body.to_string().into_bytes();
            tokio::spawn(async move { api.send(method, &path, &[], Some(body)).await })
        })
        .collect();
    wait_for(&mut watcher, 5).await;
    sql_query("COMMIT").execute(&mut holder).unwrap();
    merging.await.unwrap().expect(200);
    for late in late {
        let reply = late.await.unwrap();
        assert!((200..300).contains(&reply.status), "{}", reply.text);
        assert_eq!(reply.json["client_id"], json!(this), "{}", reply.text);
    }
    assert_eq!(total(api, &format!("/v1/deals?client_id={this}")).await, 3);
    assert_eq!(total(api, &format!("/v1/deals?client_id={duplicate}")).await, 0);
    assert_eq!(histories::check(&mut server.connection()), 3);
}

/// Nobody is held up: two servers, writers of all kinds, and a chain of merges.
#[tokio::test]
async fn a_crowd_of_writers_loses_nothing_to_merges() {
    let server = TestServer::start().await;
    let second = TestServer::beside(&server).await;
    let one = &server.admin;
    let apis = [one.clone(), Api { base: second.admin.base.clone(), ..one.clone() }];
    let deal_type = one.deal_type(&["first", "second"]).await;
    let mut clients = Vec::new();
    for number in 0..6 {
        clients.push(named(one, &format!("Client {number}")).await);
    }
    let mut movable = Vec::new();
    for _ in 0..12 {
        movable.push(one.deal(&deal_type, "1").await);
    }
    let writers = (0..120).map(|number| {
        let (api, client) = (&apis[number % 2], clients[number % 6].as_str());
        let (deal_type, movable) = (deal_type.as_str(), movable[number % 12].as_str());
        async move {
            match number % 4 {
                0 | 1 => deal(api, deal_type, client).await,
                2 => {
                    let body = json!({ "name": format!("Contact {number}"), "client_id": client });
                    api.post("/v1/contacts", body).await
                }
                _ => {
                    api.patch(&format!("/v1/deals/{movable}"), json!({ "client_id": client })).await
                }
            }
        }
    });
    // All become part of the first: some by way of others, at the same moment.
    let merges = [(4, 5), (2, 3), (0, 1), (2, 4)]
        .map(|(this, duplicate)| merge(&apis[this % 2], &clients[this], &clients[duplicate]));
    let (replies, merges) = futures_util::future::join(join_all(writers), join_all(merges)).await;
    for reply in &replies {
        assert!((200..300).contains(&reply.status), "{}", reply.text);
    }
    // 4 may have become part of 2 before 5 has become part of 4.
    for reply in &merges {
        assert!(reply.status == 200 || reply.code() == "client_merged", "{}", reply.text);
    }
    for id in &clients[1..] {
        let reply = merge(one, &clients[0], id).await;
        assert!(reply.status == 200 || reply.code() == "client_merged", "{}", reply.text);
    }
    let mut connection = server.connection();
    let at = |id: &str, table: &str| {
        format!("SELECT count(*) AS number FROM {table} WHERE client_id = '{id}'")
    };
    let moved = count(
        &mut connection,
        "SELECT count(*) AS number FROM deals WHERE amount = 1 AND client_id IS NOT NULL",
    );
    assert_eq!(moved, 12 / 4);
    assert_eq!(count(&mut connection, &at(&clients[0], "deals")), 60 + moved);
    assert_eq!(count(&mut connection, &at(&clients[0], "contacts")), 30);
    for id in &clients[1..] {
        assert_eq!(count(&mut connection, &at(id, "deals")), 0);
        assert_eq!(count(&mut connection, &at(id, "contacts")), 0);
        assert_eq!(one.get(&format!("/v1/clients/{id}")).await.expect(200).id(), clients[0]);
    }
    assert_eq!(histories::check(&mut connection), 60 + 12);
}
