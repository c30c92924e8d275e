//! What a body refers to has to be of the caller's workspace.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use voronka_api::openapi;
use voronka_integration_tests::{Api, Reply, TestServer, operations::stranger};

use super::world::{World, a_hand_over, a_payment, an_activity, operations};

/// Sends the body to the operation that has the field.
type Send = fn(World, Value) -> std::pin::Pin<Box<dyn Future<Output = Reply>>>;

/// The field of an operation's body that names a thing, and a request that is good but for it.
struct Reference {
    operation: &'static str,
    pointer: &'static str,
    thing: fn(&World) -> String,
    send: Send,
}

macro_rules! reference {
    ($operation:literal, $pointer:literal, $thing:ident, |$own:ident, $id:ident| $send:expr) => {
        Reference {
            operation: $operation,
            pointer: $pointer,
            thing: |world| world.$thing.clone(),
            send: |$own, $id| Box::pin(async move { $send }),
        }
    };
}

async fn department(own: &World) -> String {
    own.admin.post("/v1/departments", json!({ "name": "Another" })).await.expect(201).id()
}

async fn new_deal(own: &World, field: &str, id: Value) -> Reply {
    let mut body = json!({ "title": "New", "deal_type_id": own.deal_type });
    body[field] = id;
    own.admin.post("/v1/deals", body).await
}

async fn put_deal(own: &World, field: &str, id: Value) -> Reply {
    let mut body = json!({ "title": "New", "deal_type_id": own.deal_type });
    body[field] = id;
    let path = format!("/v1/deals/by-external-id/shop/{}", uuid::Uuid::now_v7());
    own.admin.send(reqwest::Method::PUT, &path, &[], Some(body.to_string().into_bytes())).await
}

fn wanted(product: Value) -> Value {
    let amount = json!({ "amount": "1", "currency": "EUR" });
    json!([{ "item": "Server", "product_id": product, "amount": amount }])
}

async fn put(own: &World, path: &str, body: Value) -> Reply {
    let body = Some(body.to_string().into_bytes());
    own.admin.send(reqwest::Method::PUT, path, &[], body).await
}

async fn change_deal(own: &World, field: &str, id: Value) -> Reply {
    let deal = own.admin.deal(&own.deal_type, "1").await;
    own.admin.patch(&format!("/v1/deals/{deal}"), json!({ field: id })).await
}

async fn lose(own: &World, reason: Value, competitor: Value) -> Reply {
    let deal = own.admin.deal(&own.deal_type, "1").await;
    let body = json!({ "to": "lost", "loss_reason_id": reason, "competitor_id": competitor });
    own.admin.transition(&deal, body).await
}

async fn new_task(own: &World, field: &str, id: Value) -> Reply {
    own.admin.post("/v1/tasks", json!({ "title": "New", field: id })).await
}

async fn convert(own: &World, deal: Value) -> Reply {
    settle(own, json!({ "to": "converted", "client": { "name": "Birch" }, "deal": deal })).await
}

async fn settle(own: &World, to: Value) -> Reply {
    let number = format!("+3120{:07}", uuid::Uuid::now_v7().as_u128() % 8_999_999 + 1_000_000);
    let entry = stranger(&own.admin, &number, &own.user).await.expect("an entry");
    own.admin.post(&format!("/v1/inbox/{entry}/transition"), to).await
}

async fn end_task(own: &World, field: &str, id: Value) -> Reply {
    let deal = own.admin.deal(&own.deal_type, "1").await;
    let task = new_task(own, "deal_id", json!(deal)).await.expect(201).id();
    let body = json!({ "to": "done", "deal": { field: id } });
    own.admin.post(&format!("/v1/tasks/{task}/transition"), body).await
}

fn losing(reason: &Value) -> Value {
    json!([{ "key": "lose", "on": "deal.updated", "then": [{ "do": "lose", "loss_reason_id": reason }] }])
}

async fn hand_over(from: &str, to: &str, own: &World) -> Reply {
    own.admin.post("/v1/hand-overs", a_hand_over(from, to, true)).await
}

async fn put_client(own: &World, owner: Value) -> Reply {
    let path = format!("/v1/clients/by-external-id/shop/{}", uuid::Uuid::now_v7());
    let body = json!({ "name": "New", "owner_id": owner });
    own.admin.send(reqwest::Method::PUT, &path, &[], Some(body.to_string().into_bytes())).await
}

async fn new_user(api: &Api, department: Value) -> Reply {
    let body = json!({ "name": "New", "role": "seller", "department_id": department });
    api.post("/v1/users", body).await
}

const REFERENCES: &[Reference] = &[
    reference!("createUser", "/department_id", department, |own, id| new_user(&own.admin, id)
        .await),
    reference!("updateUser", "/department_id", department, |own, id| {
        let path = format!("/v1/users/{}", own.user);
        own.admin.patch(&path, json!({ "department_id": id })).await
    }),
    reference!("createDepartment", "/parent_id", department, |own, id| {
        own.admin.post("/v1/departments", json!({ "name": "New", "parent_id": id })).await
    }),
    reference!("createDepartment", "/head_id", user, |own, id| {
        own.admin.post("/v1/departments", json!({ "name": "New", "head_id": id })).await
    }),
    reference!("updateDepartment", "/parent_id", department, |own, id| {
        let path = format!("/v1/departments/{}", department(&own).await);
        own.admin.patch(&path, json!({ "parent_id": id })).await
    }),
    reference!("updateDepartment", "/head_id", user, |own, id| {
        let path = format!("/v1/departments/{}", department(&own).await);
        own.admin.patch(&path, json!({ "head_id": id })).await
    }),
    reference!("createHandOver", "/from_id", user, |own, id| {
        hand_over(id.as_str().unwrap(), &own.admin.user_id.to_string(), &own).await
    }),
    reference!("createHandOver", "/to_id", user, |own, id| {
        hand_over(&own.admin.user_id.to_string(), id.as_str().unwrap(), &own).await
    }),
    reference!("createClient", "/owner_id", user, |own, id| {
        own.admin.post("/v1/clients", json!({ "name": "New", "owner_id": id })).await
    }),
    reference!("updateClient", "/owner_id", user, |own, id| {
        let path = format!("/v1/clients/{}", own.client);
        own.admin.patch(&path, json!({ "owner_id": id })).await
    }),
    reference!("upsertClient", "/owner_id", user, |own, id| put_client(&own, id).await),
    reference!("batchClients", "/items/0/owner_id", user, |own, id| {
        let item = json!({ "op": "create", "name": "New", "owner_id": id });
        own.admin.post("/v1/clients/batch", json!({ "items": [item], "atomic": true })).await
    }),
    reference!("checkClientDuplicates", "/owner_id", user, |own, id| {
        let body = json!({ "name": "New", "owner_id": id });
        own.admin.post("/v1/clients/duplicates/check", body).await
    }),
    reference!("createContact", "/client_id", client, |own, id| {
        own.admin.post("/v1/contacts", json!({ "name": "New", "client_id": id })).await
    }),
    reference!("createDeal", "/deal_type_id", deal_type, |own, id| {
        new_deal(&own, "deal_type_id", id).await
    }),
    reference!("createDeal", "/client_id", client, |own, id| new_deal(&own, "client_id", id).await),
    reference!("createDeal", "/owner_id", user, |own, id| new_deal(&own, "owner_id", id).await),
    reference!("createDeal", "/source_id", source, |own, id| new_deal(&own, "source_id", id).await),
    reference!("createDeal", "/demand/0/product_id", product, |own, id| {
        new_deal(&own, "demand", wanted(id)).await
    }),
    reference!("upsertDeal", "/demand/0/product_id", product, |own, id| {
        put_deal(&own, "demand", wanted(id)).await
    }),
    reference!("putDemand", "/lines/0/product_id", product, |own, id| {
        let body = json!({ "lines": wanted(id) });
        put(&own, &format!("/v1/deals/{}/demand", own.deal), body).await
    }),
    // A draft may be unsound until it is published.
    reference!("putProcessDraft", "/rules/0/then/0/loss_reason_id", loss_reason, |own, id| {
        let path = format!("/v1/deal-types/{}/draft", own.deal_type);
        let stages = json!([{ "name": "first", "key": "first" }]);
        put(&own, &path, json!({ "stages": stages, "rules": losing(&id) })).await.expect(200);
        own.admin.post(&format!("{path}/publish"), json!({})).await
    }),
    reference!("updateDeal", "/client_id", client, |own, id| {
        change_deal(&own, "client_id", id).await
    }),
    reference!("createActivity", "/deal_id", deal, |own, id| {
        own.admin.post("/v1/activities", an_activity("deal_id", id.as_str().unwrap())).await
    }),
    reference!("createActivity", "/client_id", client, |own, id| {
        own.admin.post("/v1/activities", an_activity("client_id", id.as_str().unwrap())).await
    }),
    reference!("createActivity", "/contact_id", contact, |own, id| {
        own.admin.post("/v1/activities", an_activity("contact_id", id.as_str().unwrap())).await
    }),
    reference!("createActivity", "/user_id", user, |own, id| {
        own.admin.post("/v1/activities", an_activity("user_id", id.as_str().unwrap())).await
    }),
    reference!("createDocument", "/deal_id", deal, |own, id| {
        let body = json!({ "deal_id": id, "kind": "quote", "number": "3" });
        own.admin.post("/v1/documents", body).await
    }),
    reference!("createPayment", "/deal_id", deal, |own, id| {
        own.admin.post("/v1/payments", a_payment("deal_id", id.as_str().unwrap())).await
    }),
    reference!("createPayment", "/invoice_id", document, |own, id| {
        own.admin.post("/v1/payments", a_payment("invoice_id", id.as_str().unwrap())).await
    }),
    reference!("mergeClients", "/duplicate_id", twin, |own, id| {
        let path = format!("/v1/clients/{}/merge", own.client);
        own.admin.post(&path, json!({ "duplicate_id": id })).await
    }),
    reference!("updateDeal", "/owner_id", user, |own, id| change_deal(&own, "owner_id", id).await),
    reference!("updateDeal", "/source_id", source, |own, id| {
        change_deal(&own, "source_id", id).await
    }),
    reference!("transitionDeal", "/loss_reason_id", loss_reason, |own, id| {
        lose(&own, id, Value::Null).await
    }),
    reference!("transitionDeal", "/competitor_id", competitor, |own, id| {
        lose(&own, json!(own.loss_reason), id).await
    }),
    reference!("upsertDeal", "/deal_type_id", deal_type, |own, id| {
        put_deal(&own, "deal_type_id", id).await
    }),
    reference!("upsertDeal", "/client_id", client, |own, id| {
        put_deal(&own, "client_id", id).await
    }),
    reference!("upsertDeal", "/owner_id", user, |own, id| put_deal(&own, "owner_id", id).await),
    reference!("upsertDeal", "/source_id", source, |own, id| {
        put_deal(&own, "source_id", id).await
    }),
    reference!("searchDeals", "/segment_id", segment, |own, id| {
        own.admin.post("/v1/deals/search", json!({ "segment_id": id })).await
    }),
    reference!("searchClients", "/segment_id", client_segment, |own, id| {
        own.admin.post("/v1/clients/search", json!({ "segment_id": id })).await
    }),
    reference!("createTask", "/deal_id", deal, |own, id| new_task(&own, "deal_id", id).await),
    reference!("createTask", "/client_id", client, |own, id| new_task(&own, "client_id", id).await),
    reference!("createTask", "/responsible_id", user, |own, id| {
        new_task(&own, "responsible_id", id).await
    }),
    reference!("updateTask", "/responsible_id", user, |own, id| {
        let path = format!("/v1/tasks/{}", own.task);
        own.admin.patch(&path, json!({ "responsible_id": id })).await
    }),
    reference!("transitionTask", "/deal/client_id", client, |own, id| {
        end_task(&own, "client_id", id).await
    }),
    reference!("transitionTask", "/deal/owner_id", user, |own, id| {
        end_task(&own, "owner_id", id).await
    }),
    reference!("transitionTask", "/deal/source_id", source, |own, id| {
        end_task(&own, "source_id", id).await
    }),
    reference!("createDealType", "/rules/0/then/0/loss_reason_id", loss_reason, |own, id| {
        let name = format!("Sale {}", uuid::Uuid::now_v7());
        let stages = json!([{ "name": "first" }]);
        let body =
            json!({ "name": name, "mode": "manual", "stages": stages, "rules": losing(&id) });
        own.admin.post("/v1/deal-types", body).await
    }),
    reference!(
        "publishProcessVersion",
        "/rules/0/then/0/loss_reason_id",
        loss_reason,
        |own, id| {
            let path = format!("/v1/deal-types/{}/versions", own.deal_type);
            let body = json!({ "stages": [{ "name": "first" }], "rules": losing(&id) });
            own.admin.post(&path, body).await
        }
    ),
    reference!("createJobRun", "/run_id", job_run, |own, id| {
        own.admin.post("/v1/jobs/sweep/runs", json!({ "run_id": id })).await
    }),
    reference!("createIntegration", "/deal_type_id", deal_type, |own, id| {
        let body = json!({ "adapter": "canonical", "name": "Office", "deal_type_id": id });
        own.admin.post("/v1/integrations", body).await
    }),
    reference!("updateIntegration", "/deal_type_id", deal_type, |own, id| {
        let path = format!("/v1/integrations/{}", own.integration);
        own.admin.patch(&path, json!({ "deal_type_id": id })).await
    }),
    reference!("transitionInboxEntry", "/user_id", user, |own, id| {
        settle(&own, json!({ "to": "assigned", "user_id": id })).await
    }),
    reference!("transitionInboxEntry", "/client_id", client, |own, id| {
        settle(&own, json!({ "to": "linked", "client_id": id })).await
    }),
    reference!("transitionInboxEntry", "/deal_id", deal, |own, id| {
        settle(&own, json!({ "to": "linked", "client_id": own.client, "deal_id": id })).await
    }),
    reference!("transitionInboxEntry", "/client/owner_id", user, |own, id| {
        let client = json!({ "name": "Birch", "owner_id": id });
        settle(&own, json!({ "to": "converted", "client": client })).await
    }),
    reference!("transitionInboxEntry", "/deal/deal_type_id", deal_type, |own, id| {
        convert(&own, json!({ "title": "Racks", "deal_type_id": id })).await
    }),
    reference!("transitionInboxEntry", "/deal/owner_id", user, |own, id| {
        convert(&own, json!({ "title": "Racks", "deal_type_id": own.deal_type, "owner_id": id }))
            .await
    }),
    reference!("transitionInboxEntry", "/deal/demand/0/product_id", product, |own, id| {
        convert(
            &own,
            json!({ "title": "Racks", "deal_type_id": own.deal_type, "demand": wanted(id) }),
        )
        .await
    }),
    reference!("transitionInboxEntry", "/deal/source_id", source, |own, id| {
        convert(&own, json!({ "title": "Racks", "deal_type_id": own.deal_type, "source_id": id }))
            .await
    }),
    reference!("reprocessRawEvents", "/event_id", raw_event, |own, id| {
        let path = format!("/v1/integrations/{}/raw-events/reprocess", own.integration);
        own.admin.post(&path, json!({ "event_id": id })).await
    }),
    reference!("createImport", "/deal_type_id", deal_type, |own, id| {
        let spec = json!({ "kind": "deals", "deal_type_id": id,
            "mapping": { "external_id": { "column": "id" } } });
        own.admin.import("id\nx\n", spec).await
    }),
    reference!("createImport", "/integration_id", integration, |own, id| {
        let spec = json!({ "kind": "calls", "integration_id": id,
            "mapping": { "call_id": { "column": "id" }, "started_at": { "column": "at" },
                "from": { "value": "101" }, "status": { "value": "missed" } } });
        own.admin.import("id,at\nx,2026-03-02\n", spec).await
    }),
    reference!("previewImport", "/deal_type_id", deal_type, |own, id| {
        own.admin.preview("id\nx\n", &[("deal_type_id", id.as_str().unwrap())]).await
    }),
];

/// Pointers to the fields of a body, at any depth, that are ids; `at` leads to the schema.
fn id_fields(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.trim_start_matches('#');
        return id_fields(openapi::document().pointer(pointer).unwrap(), at, found);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        // The part of a form that has the fields.
        let at = if name == "spec" { at.to_owned() } else { format!("{at}/{name}") };
        // A taxpayer number is another register's.
        if name.ends_with("_id")
            && name != "tax_id"
            && property["$ref"].is_null()
            && !refers(property)
        {
            found.insert(at.clone());
        }
        id_fields(property, &at, found);
    }
    for list in ["allOf", "oneOf", "anyOf"] {
        schema[list].as_array().into_iter().flatten().for_each(|part| id_fields(part, at, found));
    }
    if schema["items"].is_object() {
        id_fields(&schema["items"], &format!("{at}/0"), found);
    }
}

/// An object that is called an id, as the external id of a deal, is none.
fn refers(property: &Value) -> bool {
    let parts = property["oneOf"].as_array();
    parts.is_some_and(|parts| parts.iter().any(|part| part["$ref"].is_string()))
}

#[test]
fn every_id_in_a_body_is_tried() {
    let mut in_spec = BTreeSet::new();
    // The commands of a batch are those of the operations for one deal.
    for operation in operations().into_iter().filter(|one| one.id != "batchDeals") {
        let content = operation.definition["requestBody"]["content"].as_object().cloned();
        for (_, media) in content.unwrap_or_default() {
            let mut fields = BTreeSet::new();
            id_fields(&media["schema"], "", &mut fields);
            // A draft is kept as it was written: its rules are those of a version once it is sound.
            if operation.id == "putProcessDraft" {
                fields.insert("/rules/0/then/0/loss_reason_id".to_owned());
            }
            in_spec.extend(fields.into_iter().map(|field| (operation.id.clone(), field)));
        }
    }
    let tried = REFERENCES.iter().map(|one| (one.operation.to_owned(), one.pointer.to_owned()));
    assert_eq!(in_spec, tried.collect());
}

#[tokio::test]
async fn a_body_refers_to_things_of_its_own_workspace_only() {
    let server = TestServer::start().await;
    let a = World::furnish(&server, &server.admin).await;
    let admin = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let b = World::furnish(&server, &admin).await;
    for Reference { operation, pointer, thing, send } in REFERENCES {
        let reply = send(b.clone(), json!(thing(&a))).await;
        assert_eq!(reply.status, 422, "{operation} {pointer}: {}", reply.text);
        let expected = [(pointer.to_string(), "unknown_reference".to_owned())];
        assert_eq!(reply.faults(), expected, "{operation}: {}", reply.text);
        reply.problem(422, "validation_failed");
        // It was the id, and nothing else.
        let reply = send(b.clone(), json!(thing(&b))).await;
        assert!((200..300).contains(&reply.status), "{operation} {pointer}: {}", reply.text);
    }
}

#[tokio::test]
async fn names_and_emails_are_those_of_the_own_workspace() {
    let server = TestServer::start().await;
    let a = World::furnish(&server, &server.admin).await;
    let admin = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let b = World::furnish(&server, &admin).await;
    let text =
        |reply: Reply, field: &str| reply.expect(200).json[field].as_str().unwrap().to_owned();
    let source = text(a.admin.get(&format!("/v1/sources/{}", a.source)).await, "name");
    let client = text(a.admin.get(&format!("/v1/clients/{}", a.client)).await, "name");
    let email = text(a.admin.get(&format!("/v1/users/{}", a.user)).await, "email");
    let reply = new_deal(&b, "source", json!(source)).await.problem(422, "validation_failed");
    assert_eq!(reply.faults(), [("/source".to_owned(), "unknown_reference".to_owned())]);
    new_deal(&a, "source", json!(source)).await.expect(201);

    let rows = [("owner", &email), ("client", &client), ("source", &source)];
    for (field, value) in rows {
        let file = format!("id,{field}\n{field},{value}\n");
        let import = async |world: &World| {
            let spec = json!({ "kind": "deals", "deal_type_id": world.deal_type,
                "mapping": { "external_id": { "column": "id" }, field: { "column": field } } });
            let import = world.admin.import(file.clone(), spec).await.expect(202).id();
            server.finished(&world.admin, &import).await
        };
        let (theirs, own) = (import(&b).await, import(&a).await);
        assert_eq!((&theirs["created"], &theirs["rejected"]), (&json!(0), &json!(1)), "{theirs}");
        assert_eq!((&own["created"], &own["rejected"]), (&json!(1), &json!(0)), "{own}");
    }
}
