//! Every operation, asked by those who come near a deal and do not see it, and by keys with its scope only: what they
//! may not see is the same before and after, and they are told nothing of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer, sql};

use super::world::{World, call, cases};

mod searches;
mod sharp;

/// Words that stand in what only those may see who see the deal.
const SECRETS: [&str; 5] =
    ["Secret servers", "SQ-4711", "secretly received", "A secret talk", "secret.txt"];

/// All that is of the deal.
fn of_deal(server: &TestServer, deal: &str) -> Value {
    let parts = [
        ("deals", "id"),
        ("stage_visits", "deal_id"),
        ("documents", "deal_id"),
        ("payments", "deal_id"),
        ("activities", "deal_id"),
        ("demands", "deal_id"),
        ("custom_values", "object_id"),
        ("deal_titles", "deal_id"),
        ("events", "object_id"),
        ("files", "object_id"),
    ];
    let parts = parts.map(|(table, column)| {
        format!(
            "'{table}', (SELECT jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)::text) FROM {table} t \
             WHERE {column} = '{deal}')"
        )
    });
    let all = format!("SELECT jsonb_build_object({})::text", parts.join(", "));
    sql::json(&mut server.connection(), &all)
}

/// Somebody, and how they came near the deal.
struct Onlooker {
    how: &'static str,
    api: Api,
}

async fn onlookers(world: &World) -> Vec<Onlooker> {
    let admin = &world.admin;
    let elsewhere = json!({ "name": "Elsewhere" });
    let elsewhere = admin.post("/v1/departments", elsewhere).await.expect(201).id();
    let helper = admin.colleague("seller", Some(&elsewhere)).await;
    let watcher = admin.colleague("seller", Some(&elsewhere)).await;
    let former = admin.colleague("seller", Some(&elsewhere)).await;
    let head = admin.colleague("head", Some(&elsewhere)).await;
    let people =
        json!({ "helper_ids": [helper.user_id], "watcher_ids": [watcher.user_id, head.user_id] });
    admin.patch(&format!("/v1/tasks/{}", world.task), people).await.expect(200);
    let path = format!("/v1/deals/{}", world.deal);
    for owner in [former.user_id.to_string(), world.user.clone()] {
        admin.patch(&path, json!({ "owner_id": owner })).await.expect(200);
    }
    let secret = async |path: String, body: Value| admin.patch(&path, body).await.expect(200);
    secret(path, json!({ "title": SECRETS[0] })).await;
    secret(format!("/v1/documents/{}", world.document), json!({ "number": SECRETS[1] })).await;
    let payment = json!({ "deal_id": world.deal, "note": SECRETS[2],
        "amount": { "amount": "1", "currency": "EUR" } });
    admin.post("/v1/payments", payment).await.expect(201);
    secret(format!("/v1/activities/{}", world.activity), json!({ "title": SECRETS[3] })).await;
    let all = [
        ("helper of a task", helper),
        ("watcher of a task", watcher),
        ("former owner", former),
        ("head of elsewhere, who watches a task", head),
    ];
    all.map(|(how, api)| Onlooker { how, api }).into()
}

#[tokio::test]
async fn who_does_not_see_a_deal_neither_changes_it_nor_hears_of_it() {
    let server = TestServer::start().await;
    let world = World::furnish(&server, &server.admin).await;
    let onlookers = onlookers(&world).await;
    let before = of_deal(&server, &world.deal);
    assert!(before.to_string().contains(SECRETS[0]));
    for case in &cases() {
        for Onlooker { how, api } in &onlookers {
            let reply = call(api, case, &world, &world).await;
            let id = &case.0.id;
            assert!(reply.status < 500, "{id}, by a {how}: {}", reply.text);
            for secret in SECRETS {
                assert!(!reply.text.contains(secret), "{id}, by a {how}: {}", reply.text);
            }
            assert_eq!(of_deal(&server, &world.deal), before, "{id}, by a {how}: {}", reply.text);
        }
    }
}

/// A digest of every table.
fn digests(server: &TestServer) -> BTreeMap<String, String> {
    let names = "SELECT jsonb_agg(table_name)::text FROM information_schema.tables \
                 WHERE table_schema = 'public' AND table_type = 'BASE TABLE'";
    let mut connection = server.connection();
    let names = sql::json(&mut connection, names);
    let digest = |name: &Value| {
        let name = name.as_str().unwrap();
        format!(
            "'{name}', (SELECT md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), '')) FROM {name} t)"
        )
    };
    let all: Vec<_> = names.as_array().unwrap().iter().map(digest).collect();
    let all = all
        .chunks(40)
        .map(|some| format!("jsonb_build_object({})", some.join(", ")))
        .collect::<Vec<_>>()
        .join(" || ");
    let all = sql::json(&mut connection, &format!("SELECT ({all})::text"));
    let one =
        |(name, digest): (&String, &Value)| (name.clone(), digest.as_str().unwrap().to_owned());
    all.as_object().unwrap().iter().map(one).collect()
}

/// What follows from any request: its record, its key, its place in queues, and what is kept of the caller.
const ALWAYS: &[&str] = &[
    "events",
    "idempotency_keys",
    "rings",
    "client_changes",
    "client_pairs",
    "jobs",
    "job_settings",
    "api_keys_used",
    "server_secrets",
];

/// What a scope may change.
fn changes(scope: &str) -> &'static [&'static str] {
    match scope {
        "workspace:write" => &["workspaces", "holidays", "deals", "rings"],
        "users:write" => {
            &["users", "departments", "password_resets", "refresh_tokens", "login_addresses"]
        }
        "api_keys:manage" => &["api_keys"],
        "clients:write" => &["clients", "contacts", "custom_values"],
        "catalogues:write" => &[
            "sources",
            "competitors",
            "loss_reasons",
            "custom_fields",
            "exchange_rates",
            "products",
            "segments",
        ],
        "deal_types:write" => {
            &["deal_types", "process_versions", "stages", "process_drafts", "rules"]
        }
        "deals:write" => &[
            "deals",
            "stage_visits",
            "deal_titles",
            "custom_values",
            "demands",
            "demand_lines",
            "tasks",
            "task_people",
            "files",
            "stored_objects",
            "stored_bytes",
        ],
        "tasks:write" => &["tasks", "task_people"],
        "activities:write" => &["activities", "recordings"],
        "documents:write" => &["documents", "payments", "document_lines"],
        "imports:write" => &["imports", "import_chunks", "import_rejections"],
        "hand_overs:write" => &["hand_overs", "hand_over_things"],
        "inbox:write" => &["inbox_entries"],
        "integrations:manage" => &["integrations", "raw_events"],
        // What is done in the background is left out.
        "jobs:write" => &[],
        scope if scope.ends_with(":read") => &[],
        scope => panic!("what does {scope} change?"),
    }
}

#[tokio::test]
async fn a_key_changes_what_its_scope_is_for_and_nothing_else() {
    let server = TestServer::start().await;
    let world = World::furnish(&server, &server.admin).await;
    let mut keys: BTreeMap<String, Api> = BTreeMap::new();
    for (operation, _) in cases() {
        let scope = operation.scope().to_owned();
        let body = json!({ "name": scope, "scopes": [scope] });
        let key = server.admin.post("/v1/api-keys", body).await.expect(201).json;
        keys.insert(scope, server.admin.with_token(key["key"].as_str().unwrap()));
    }
    let mut changed_by: BTreeMap<String, bool> = BTreeMap::new();
    for case in &cases() {
        let (id, scope) = (&case.0.id, case.0.scope());
        // Its draft is made by an administrator.
        let draft = id.ends_with("ProcessDraft");
        let before = digests(&server);
        let reply = call(&keys[scope], case, &world, &world).await;
        assert!(reply.status < 500, "{id}: {}", reply.text);
        for (table, digest) in digests(&server) {
            let may = changes(scope).contains(&table.as_str())
                || ALWAYS.contains(&table.as_str())
                || draft && table == "process_drafts";
            let same = before.get(&table) == Some(&digest);
            assert!(same || may, "{id}, by a key for {scope}, changes {table}: {}", reply.text);
            *changed_by.entry(scope.to_owned()).or_default() |= !same;
        }
    }
    // The digests would show it.
    for (scope, changed) in changed_by {
        // An import needs the scope of what it makes, too.
        // Hand-overs are only tried.
        let idle = scope.ends_with(":read")
            || ["imports:write", "hand_overs:write", "jobs:write"].contains(&scope.as_str());
        assert!(changed || idle, "{scope} changes nothing");
    }
}
