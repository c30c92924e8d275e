//! The same onlookers with bodies that reach for the deal, and that would succeed but for who sends them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use voronka_api::openapi;
use voronka_integration_tests::{Api, Reply, TestServer};

use super::{ALWAYS, Onlooker, SECRETS, changes, digests, of_deal, onlookers};
use crate::people::access::world::{Operation, World, operations};

mod table;

use table::{Outcome, SHARP, Sharp};

/// The id of the deal, its document, its payment and its activity in another system.
const SOURCE: &str = "erp";
const TAKEN: &str = "S-1";

/// What there is to reach for, and what an onlooker has. Empty, where it only matters what is sent at all.
#[derive(Debug, Clone, Default)]
pub struct Near {
    deal: String,
    owner: String,
    client: String,
    twin: String,
    deal_type: String,
    document: String,
    activity: String,
    segment: String,
    /// A task of the deal.
    task: String,
    me: String,
    own_client: String,
    own_deal: String,
    own_task: String,
    own_activity: String,
    /// An entry of the inbox that is nobody's.
    entry: String,
}

impl Near {
    /// Of somebody; a key has what the administrator has.
    async fn of(world: &World, by: &Api) -> Self {
        let new = async |path: &str, body: Value| by.post(path, body).await.expect(201).id();
        let own_client = new("/v1/clients", json!({ "name": "Own" })).await;
        let own_deal = json!({ "title": "Own", "deal_type_id": world.deal_type,
            "client_id": own_client });
        let own_deal = new("/v1/deals", own_deal).await;
        let own_task = json!({ "title": "Own", "deal_id": own_deal });
        let own_activity = json!({ "kind": "call", "title": "Own", "deal_id": own_deal });
        Self {
            deal: world.deal.clone(),
            owner: world.user.clone(),
            client: world.client.clone(),
            twin: world.twin.clone(),
            deal_type: world.deal_type.clone(),
            document: world.document.clone(),
            activity: world.activity.clone(),
            entry: world.inbox_entry.clone(),
            segment: world.segment.clone(),
            task: String::new(),
            me: by.user_id.to_string(),
            own_task: new("/v1/tasks", own_task).await,
            own_activity: new("/v1/activities", own_activity).await,
            own_client,
            own_deal,
        }
    }
}

/// Tasks of the deal, in which every onlooker has the part that makes them one.
struct Tasks<'w> {
    world: &'w World,
    people: Value,
}

impl<'w> Tasks<'w> {
    fn new(world: &'w World, onlookers: &[Onlooker]) -> Self {
        let [helper, watcher, former, head] = onlookers else { panic!("four onlookers") };
        let [helper, watcher, former, head] =
            [helper, watcher, former, head].map(|one| one.api.user_id);
        let people = json!({ "title": "Ask", "deal_id": world.deal, "responsible_id": former,
            "helper_ids": [helper], "watcher_ids": [watcher, head] });
        Self { world, people }
    }

    /// One that nobody has touched.
    async fn one(&self) -> String {
        self.world.admin.post("/v1/tasks", self.people.clone()).await.expect(201).id()
    }
}

/// The deal is open, and has its people, its secret and its id in the other system.
async fn name(world: &World) {
    let (admin, path) = (&world.admin, format!("/v1/deals/{}", world.deal));
    let deal = admin.get(&path).await.expect(200).json;
    if deal["status"] != "open" {
        admin
            .transition(&world.deal, json!({ "to": "open", "stage_key": "first" }))
            .await
            .expect(200);
    } else if !deal["hold"].is_null() {
        admin.transition(&world.deal, json!({ "to": "resume" })).await.expect(200);
    }
    let named = json!({ "title": SECRETS[0], "external_id": { "source": SOURCE, "id": TAKEN },
        "owner_id": world.user, "client_id": world.client });
    admin.patch(&path, named).await.expect(200);
}

/// The deal has what can be asked for by the fields of the bodies.
async fn furnish(world: &World) {
    let admin = &world.admin;
    name(world).await;
    let external = json!({ "source": SOURCE, "id": TAKEN });
    let demand = json!({ "lines": [{ "item": SECRETS[0],
        "amount": { "amount": "1", "currency": "EUR" } }] });
    admin.put(&format!("/v1/deals/{}/demand", world.deal), demand).await.expect(200);
    let amount = json!({ "amount": "1", "currency": "EUR" });
    for (path, body) in [
        ("/v1/documents", json!({ "kind": "quote", "number": SECRETS[1] })),
        ("/v1/payments", json!({ "amount": amount, "note": SECRETS[2] })),
        ("/v1/activities", json!({ "kind": "call", "title": SECRETS[3] })),
    ] {
        let mut body = body;
        body["deal_id"] = json!(world.deal);
        body["external_id"] = external.clone();
        admin.post(path, body).await.expect(201);
    }
}

async fn send(api: &Api, operation: &Operation, Sharp { at, body, .. }: &Sharp) -> Reply {
    let path = operation.path.replace("{source}/{external_id}", at).replace("{id}", at);
    assert!(!path.contains('{'), "{path}");
    let body = Some(body.to_string().into_bytes());
    api.send(operation.method.clone(), &path, &[], body).await
}

/// Nothing of it was carried out.
fn refused(reply: &Reply) -> bool {
    let of_batch = || reply.json["items"].as_array().cloned().unwrap_or_default();
    let each = |item: &Value| item["status"].as_u64().is_some_and(|status| status >= 400);
    reply.status >= 400 || reply.status == 207 && of_batch().iter().all(each)
}

/// Who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Person,
    /// With the scope of the operation and no other.
    Key,
    /// With the scope for deals besides.
    FullKey,
}

/// What came of it is what has to: so nothing but the sender was in its way.
fn check(outcome: Outcome, sender: Sender, reply: &Reply, of: &str) {
    assert!(reply.status < 500, "{of}: {}", reply.text);
    let person = sender == Sender::Person;
    let good = match outcome {
        Outcome::Refused => refused(reply) == person,
        Outcome::NeedsDeals => refused(reply) == (sender != Sender::FullKey),
        Outcome::RefusedToAll => refused(reply),
        Outcome::Either => true,
        Outcome::Nothing if person => {
            reply.status == 200 && reply.json["total"] == 0 && reply.json["items"] == json!([])
        }
        Outcome::Nothing => refused(reply) || reply.json["total"] == 1,
        Outcome::NoCount => reply.json["count"].is_null(),
    };
    assert!(good, "{of}, {outcome:?}, by a {sender:?}: {}", reply.text);
}

fn by_id() -> BTreeMap<String, Operation> {
    operations().into_iter().map(|operation| (operation.id.clone(), operation)).collect()
}

#[tokio::test]
async fn who_does_not_see_a_deal_does_not_reach_it_by_what_they_send() {
    let server = TestServer::start().await;
    let world = World::furnish(&server, &server.admin).await;
    let onlookers = onlookers(&world).await;
    furnish(&world).await;
    let tasks = Tasks::new(&world, &onlookers);
    let operations = by_id();
    let before = of_deal(&server, &world.deal);
    for Onlooker { how, api } in &onlookers {
        let mut near = Near::of(&world, api).await;
        for (id, sharps) in SHARP {
            for index in 0..sharps(&near).len() {
                near.task = tasks.one().await;
                let sharp = sharps(&near).swap_remove(index);
                let reply = send(api, &operations[*id], &sharp).await;
                let of = format!("{id} {}, by a {how}", sharp.body);
                check(sharp.outcome, Sender::Person, &reply, &of);
                for secret in SECRETS {
                    // It may come back to who has sent it.
                    let sent = sharp.body.to_string().contains(secret);
                    assert!(sent || !reply.text.contains(secret), "{of}: {}", reply.text);
                }
                assert_eq!(of_deal(&server, &world.deal), before, "{of}: {}", reply.text);
            }
        }
    }
}

async fn key(server: &TestServer, scopes: &[&str]) -> Api {
    let key = json!({ "name": scopes.join(" "), "scopes": scopes });
    let key = server.admin.post("/v1/api-keys", key).await.expect(201).json;
    server.admin.with_token(key["key"].as_str().unwrap())
}

/// The secrets that a scope is for.
fn tells(scope: &str) -> &'static [&'static str] {
    match scope.split_once(':').unwrap().0 {
        "deals" => &SECRETS[..1],
        "documents" => &SECRETS[1..3],
        "activities" => &SECRETS[3..],
        _ => &[],
    }
}

#[tokio::test]
async fn a_key_reaches_by_what_it_sends_what_its_scope_is_for() {
    let server = TestServer::start().await;
    let world = World::furnish(&server, &server.admin).await;
    let onlookers = onlookers(&world).await;
    furnish(&world).await;
    let tasks = Tasks::new(&world, &onlookers);
    let operations = by_id();
    let mut near = Near::of(&world, &server.admin).await;
    // The deal is as it was until keys for deals come.
    let (last, first): (Vec<_>, Vec<_>) =
        SHARP.iter().copied().partition(|(id, _)| operations[*id].scope() == "deals:write");
    for (id, sharps) in first.into_iter().chain(last) {
        let operation = &operations[id];
        let scope = operation.scope();
        let key = key(&server, &[scope]).await;
        let full = self::key(&server, &[scope, "deals:write"]).await;
        for index in 0..sharps(&near).len() {
            // One of them may have renamed it.
            name(&world).await;
            near.task = tasks.one().await;
            let sharp = sharps(&near).swap_remove(index);
            let (deal, all) = (of_deal(&server, &world.deal), digests(&server));
            let reply = send(&key, operation, &sharp).await;
            let of = format!("{id} {}, by a key for {scope}", sharp.body);
            check(sharp.outcome, Sender::Key, &reply, &of);
            for secret in SECRETS {
                let may = tells(scope).contains(&secret) || sharp.body.to_string().contains(secret);
                assert!(may || !reply.text.contains(secret), "{of}: {}", reply.text);
            }
            for (table, digest) in digests(&server) {
                let may =
                    changes(scope).contains(&table.as_str()) || ALWAYS.contains(&table.as_str());
                assert!(may || all.get(&table) == Some(&digest), "{of}, {table}: {}", reply.text);
            }
            if scope != "deals:write" {
                let now = of_deal(&server, &world.deal);
                for (part, rows) in now.as_object().unwrap() {
                    let may = changes(scope).contains(&part.as_str());
                    assert!(may || deal[part] == *rows, "{of}, {part}: {}", reply.text);
                }
            }
            if sharp.outcome == Outcome::NeedsDeals {
                check(sharp.outcome, Sender::FullKey, &send(&full, operation, &sharp).await, &of);
            }
        }
    }
}

/// Fields by which a body reaches a deal, or asks for one.
const REACHING: [&str; 4] = ["deal", "deal_id", "external_id", "condition"];

/// Pointers to such fields of a body, at any depth; `within` are the schemas that lead to this one.
fn reaching(schema: &Value, at: &str, within: &[&str], found: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        if !within.contains(&name) {
            let named = openapi::document().pointer(name.trim_start_matches('#')).unwrap();
            reaching(named, at, &[within, &[name]].concat(), found);
        }
        return;
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        if REACHING.contains(&name.as_str()) {
            found.insert(at.clone());
        }
        reaching(property, &at, within, found);
    }
    for list in ["allOf", "oneOf", "anyOf"] {
        let parts = schema[list].as_array().into_iter().flatten();
        parts.for_each(|part| reaching(part, at, within, found));
    }
    if schema["items"].is_object() {
        reaching(&schema["items"], &format!("{at}/0"), within, found);
    }
}

/// An operation that comes, or a field, has to be in the table.
#[test]
fn every_field_that_reaches_for_a_deal_is_tried() {
    let tried: BTreeMap<_, _> =
        SHARP.iter().map(|(id, sharps)| (*id, sharps(&Near::default()))).collect();
    assert_eq!(tried.len(), SHARP.len(), "an operation is there twice");
    let operations = by_id();
    for id in tried.keys() {
        assert!(operations.contains_key(*id), "{id} is gone");
    }
    let mut fields = 0;
    for (id, operation) in &operations {
        let content = operation.definition["requestBody"]["content"].as_object().cloned();
        for (_, media) in content.unwrap_or_default() {
            let mut found = BTreeSet::new();
            reaching(&media["schema"], "", &[], &mut found);
            for pointer in found {
                let sharps = tried.get(id.as_str()).unwrap_or_else(|| panic!("{id} is not tried"));
                let sent = sharps.iter().any(|sharp| sharp.body.pointer(&pointer).is_some());
                assert!(sent, "{id} is tried without {pointer}");
                fields += 1;
            }
        }
    }
    // They were looked for where they are.
    assert!(fields >= 20, "{fields}");
}
