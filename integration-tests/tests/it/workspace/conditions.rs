//! Conditions mean the same in memory and as SQL.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use uuid::Uuid;
use voronka_domain::{
    deals::holds::Subject,
    people::access::Visibility,
    process::condition::{Condition, Moment, Schema},
    workspace::custom_field::Entity,
};
use voronka_integration_tests::{Api, TestServer};
use voronka_persistence::{Look, clients, core::activity_summary, deals};

const TEXTS: &[&str] = &[
    "Servers",
    "servers",
    "SERVERS",
    "Сервер",
    "СЕРВЕР",
    "İstanbul",
    "ΟΔΟΣ",
    "οδος",
    "Straße",
    "STRASSE",
    "100%",
    "a_b",
    "a\\b",
    "'; DROP TABLE deals; --",
    " x ",
    "x",
];

fn text() -> impl Strategy<Value = String> {
    proptest::sample::select(TEXTS).prop_map(str::to_owned)
}

/// Few values, so that conditions often hold.
fn number() -> impl Strategy<Value = String> {
    proptest::sample::select(&["0", "0.5", "1", "1.0001", "10", "100000", "999999999999999"][..])
        .prop_map(str::to_owned)
}

fn day() -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::sample::select(&["2026-03-28", "2026-03-29", "2026-03-30", "2026-10-25"][..])
            .prop_map(Value::from),
        (-2..3_i32).prop_map(|days| json!({ "days": days })),
    ]
}

fn instant() -> impl Strategy<Value = Value> {
    let instants = &[
        "2026-03-28T22:59:59.999999Z",
        "2026-03-28T23:00:00Z",
        "2026-03-29T21:59:59Z",
        "2026-03-29T22:00:00Z",
        "2026-10-24T22:00:00Z",
        "2026-10-25T23:00:00Z",
    ];
    prop_oneof![proptest::sample::select(&instants[..]).prop_map(Value::from), day()]
}

fn money() -> impl Strategy<Value = Value> {
    (number(), proptest::sample::select(&["EUR", "USD"][..]))
        .prop_map(|(amount, currency)| json!({ "amount": amount, "currency": currency }))
}

fn ordered(field: &'static str, value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let op = proptest::sample::select(&["eq", "ne", "gt", "gte", "lt", "lte"][..]);
    let one = (op, value.clone())
        .prop_map(move |(op, value)| json!({ "field": field, "op": op, "value": value }));
    let between = (value.clone(), value)
        .prop_map(move |(a, b)| json!({ "field": field, "op": "between", "value": [a, b] }));
    prop_oneof![6 => one, 1 => between, 2 => presence(field)].boxed()
}

fn presence(field: &'static str) -> BoxedStrategy<Value> {
    let op = proptest::sample::select(&["empty", "filled"][..]);
    op.prop_map(move |op| json!({ "field": field, "op": op })).boxed()
}

fn texts(field: &'static str, values: BoxedStrategy<String>) -> BoxedStrategy<Value> {
    let op = proptest::sample::select(&["eq", "ne", "contains", "starts_with"][..]);
    let one = (op, values.clone())
        .prop_map(move |(op, value)| json!({ "field": field, "op": op, "value": value }));
    prop_oneof![4 => one, 2 => words(field, values)].boxed()
}

fn words(field: &'static str, values: BoxedStrategy<String>) -> BoxedStrategy<Value> {
    let op = proptest::sample::select(&["eq", "ne"][..]);
    let one = (op, values.clone())
        .prop_map(move |(op, value)| json!({ "field": field, "op": op, "value": value }));
    let op = proptest::sample::select(&["in", "not_in"][..]);
    let many = (op, proptest::collection::vec(values, 1..4))
        .prop_map(move |(op, values)| json!({ "field": field, "op": op, "value": values }));
    prop_oneof![2 => one, 2 => many, 1 => presence(field)].boxed()
}

fn sets(field: &'static str, values: &'static [&'static str]) -> BoxedStrategy<Value> {
    let values = proptest::sample::select(values).prop_map(str::to_owned);
    let op = proptest::sample::select(&["has_any", "has_all"][..]);
    let many = (op, proptest::collection::vec(values.clone(), 1..4))
        .prop_map(move |(op, values)| json!({ "field": field, "op": op, "value": values }));
    let one = values.prop_map(move |value| json!({ "field": field, "op": "has", "value": value }));
    prop_oneof![3 => many, 1 => one, 1 => presence(field)].boxed()
}

fn flag(field: &'static str) -> BoxedStrategy<Value> {
    let op = proptest::sample::select(&["eq", "ne"][..]);
    let one = (op, any::<bool>())
        .prop_map(move |(op, value)| json!({ "field": field, "op": op, "value": value }));
    prop_oneof![3 => one, 1 => presence(field)].boxed()
}

fn choice(values: &'static [&'static str]) -> BoxedStrategy<String> {
    proptest::sample::select(values).prop_map(str::to_owned).boxed()
}

fn test(ids: Vec<String>) -> BoxedStrategy<Value> {
    let numbers = || number().prop_map(Value::from).boxed();
    let ids = proptest::sample::select(ids).boxed();
    prop_oneof![
        texts("deal.title", text().boxed()),
        words("deal.status", choice(&["open", "won", "lost"])),
        words("deal.lead_temperature", choice(&["cold", "warm", "hot"])),
        words("deal.initiated_by", choice(&["us", "client"])),
        words("deal.client_id", ids),
        texts("deal.stage_key", choice(&["first", "second", "FIRST"])),
        texts("deal.external_id", text().boxed()),
        ordered("deal.amount", numbers()),
        ordered("deal.depth", numbers()),
        ordered("deal.expected_close_on", day().boxed()),
        ordered("deal.opened_at", instant().boxed()),
        ordered("deal.closed_at", instant().boxed()),
        ordered("deal.last_event_at", instant().boxed()),
        flag("deal.on_hold"),
        texts("client.name", text().boxed()),
        texts("client.class", choice(&["A", "a", "B"])),
        words("client.type", choice(&["new", "current"])),
        sets("client.tags", TAGS),
        flag("client.consent"),
        texts("client.custom.note", text().boxed()),
        texts("deal.custom.note", text().boxed()),
        ordered("deal.custom.budget", numbers()),
        ordered("deal.custom.price", money().boxed()),
        ordered("deal.custom.delivery", day().boxed()),
        flag("deal.custom.urgent"),
        words("deal.custom.channel", choice(&["shop", "fair"])),
        sets("deal.custom.needs", &["rack", "cable", "fan"]),
        activities(),
    ]
    .boxed()
}

/// Of the activities of the deal, and of those with the client.
fn activities() -> BoxedStrategy<Value> {
    let few = || proptest::sample::select(&["0", "1", "2"][..]).prop_map(Value::from).boxed();
    prop_oneof![
        ordered("deal.activity_count", few()),
        ordered("deal.call_count", few()),
        ordered("deal.reached_count", few()),
        ordered("deal.last_activity_at", instant().boxed()),
        ordered("deal.last_meeting_at", instant().boxed()),
        ordered("deal.next_activity_at", instant().boxed()),
        ordered("client.activity_count", few()),
        ordered("client.email_count", few()),
        ordered("client.last_call_at", instant().boxed()),
        ordered("client.next_activity_at", instant().boxed()),
    ]
    .boxed()
}

fn activity() -> impl Strategy<Value = Value> {
    use proptest::option::of;
    let at = proptest::sample::select(
        &["2026-03-28T22:59:59.999999Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"][..],
    );
    let later = proptest::sample::select(&["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"][..]);
    let kind = choice(&["call", "email", "meeting", "message", "note"]);
    (
        kind,
        prop_oneof![
            3 => (at, of(choice(&["reached", "not_reached"])))
                .prop_map(|(at, outcome)| json!({ "happened_at": at, "outcome": outcome })),
            1 => later.prop_map(|at| json!({ "planned_at": at })),
        ],
    )
        .prop_map(|(kind, mut body)| {
            body["kind"] = json!(kind);
            body["title"] = json!("Talk");
            body
        })
}

const TAGS: &[&str] = &["vip", "VIP", "north"];

fn tree(ids: Vec<String>) -> impl Strategy<Value = Value> {
    test(ids).prop_recursive(4, 12, 3, |inner| {
        let many = proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            many.clone().prop_map(|parts| json!({ "all": parts })),
            many.prop_map(|parts| json!({ "any": parts })),
            inner.prop_map(|part| json!({ "not": part })),
        ]
    })
}

/// A client, with much of it missing.
fn client() -> impl Strategy<Value = Value> {
    use proptest::option::of;
    let class = of(choice(&["A", "a", "B"]));
    let tags = proptest::sample::subsequence(TAGS, 0..3);
    (text(), class, tags, of(any::<bool>()), any::<bool>(), of(text())).prop_map(
        |(name, class, tags, consent, new, note)| {
            let kind = if new { "new" } else { "current" };
            json!({ "name": name.trim(), "class": class, "tags": tags, "consent": consent, "type": kind,
                "custom": { "note": note } })
        },
    )
}

fn deal() -> impl Strategy<Value = Value> {
    use proptest::option::of;
    let days = proptest::sample::select(&["2026-03-28", "2026-03-29", "2026-10-25"][..]);
    let opened = proptest::sample::select(
        &["2026-03-28T22:59:59.999999Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"][..],
    );
    let needs = proptest::sample::subsequence(&["rack", "cable", "fan"][..], 0..4);
    let plain = (
        text(),
        of(number()),
        of(days.clone()),
        opened,
        of(choice(&["cold", "warm", "hot"])),
        of(choice(&["us", "client"])),
    );
    let custom = (of(text()), of(number()), of(money()), of(days), of(any::<bool>()), needs);
    (plain, custom, of(choice(&["shop", "fair"]))).prop_map(
        |((title, amount, day, opened, warm, by), (note, budget, price, delivery, urgent, needs), channel)| {
            let amount = amount.map(|amount| json!({ "amount": amount, "currency": "EUR" }));
            json!({ "title": title, "amount": amount, "expected_close_on": day, "opened_at": opened,
                "lead_temperature": warm, "initiated_by": by, "custom": { "note": note, "budget": budget, "price": price,
                "delivery": delivery, "urgent": urgent, "needs": needs, "channel": channel } })
        },
    )
}

fn runner() -> TestRunner {
    let seed =
        std::env::var("VORONKA_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7_u8);
    TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]),
    )
}

fn some<T>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

async fn fields(api: &Api) {
    let choices = |keys: &[&str]| -> Vec<Value> {
        keys.iter().map(|key| json!({ "key": key, "name": key })).collect()
    };
    for (entity, key, kind, choices) in [
        ("deal", "note", "text", vec![]),
        ("deal", "budget", "number", vec![]),
        ("deal", "price", "money", vec![]),
        ("deal", "delivery", "date", vec![]),
        ("deal", "urgent", "boolean", vec![]),
        ("deal", "channel", "choice", choices(&["shop", "fair"])),
        ("deal", "needs", "multi_choice", choices(&["rack", "cable", "fan"])),
        ("client", "note", "text", vec![]),
    ] {
        let body =
            json!({ "entity": entity, "key": key, "name": key, "type": kind, "choices": choices });
        api.post("/v1/custom-fields", body).await.expect(201);
    }
}

/// Deals and clients at random, some deals moved and closed.
async fn population(api: &Api, runner: &mut TestRunner) -> Vec<String> {
    let deal_type = api.deal_type(&["first", "second"]).await;
    let reason = api.loss_reason("Price").await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(api.post("/v1/clients", some(runner, &client())).await.expect(201).id());
    }
    for id in ids.iter().take(5) {
        let mut body = some(runner, &activity());
        body["client_id"] = json!(id);
        let planned = body["planned_at"].is_string();
        let id = api.post("/v1/activities", body).await.expect(201).id();
        if planned {
            let path = format!("/v1/activities/{id}");
            api.patch(&path, json!({ "cancelled": true })).await.expect(200);
        }
    }
    for number in 0..70_usize {
        let mut body = some(runner, &deal());
        body["deal_type_id"] = json!(deal_type);
        if let Some(client) = ids.get(number % 10) {
            body["client_id"] = json!(client);
        }
        if number % 3 == 0 {
            body["external_id"] = json!({ "source": "shop", "id": format!("x{number}") });
        }
        let id = api.post("/v1/deals", body).await.expect(201).id();
        for _ in 0..number % 4 {
            let mut body = some(runner, &activity());
            body["deal_id"] = json!(id);
            api.post("/v1/activities", body).await.expect(201);
        }
        let to = match number % 5 {
            0 => json!({ "to": "next" }),
            1 => json!({ "to": "won", "occurred_at": "2026-10-24T22:00:00Z" }),
            2 => {
                json!({ "to": "lost", "loss_reason_id": reason, "occurred_at": "2026-10-25T23:00:00Z" })
            }
            3 => json!({ "to": "hold", "reason": "Summer" }),
            _ => continue,
        };
        api.transition(&id, to).await.expect(200);
    }
    ids
}

#[tokio::test]
async fn in_memory_and_as_sql_a_condition_holds_for_the_same_deals() {
    let server = TestServer::start().await;
    let api = &server.admin;
    fields(api).await;
    let mut runner = runner();
    let client_ids = population(api, &mut runner).await;
    let (settings, moment, loaded, fields) = server
        .store
        .tenant(api.workspace_id, |tenant| {
            let settings = voronka_persistence::workspace::workspaces::get(tenant)?.settings()?;
            let fields = server.store.load_custom_fields(tenant)?;
            let now: DateTime<Utc> = "2026-03-30T10:00:00Z".parse().unwrap();
            let ids = api_ids(&server);
            let mut activity_summary = activity_summary::load(tenant, Entity::Deal, ids.clone())?;
            let mut loaded = Vec::new();
            for row in ids {
                let stored = server.store.deal(tenant, &Visibility::All, row)?;
                let client = match stored.deal.client_id {
                    Some(id) => clients::facts(tenant, vec![id], true)?.remove(&id),
                    None => None,
                };
                loaded.push((
                    stored.deal,
                    client,
                    activity_summary.remove(&row).unwrap_or_default(),
                ));
            }
            Ok((settings, Moment { now, settings }, loaded, fields))
        })
        .unwrap();
    assert_eq!(settings.time_zone.name(), "Europe/Amsterdam");
    let caller = server.store.user_caller(api.workspace_id, api.user_id).unwrap().unwrap();
    let schema = Schema { over: Entity::Deal, custom: &fields };
    let conditions = tree(client_ids);
    let (mut held, mut failed) = (0, 0);
    for _ in 0..600 {
        let json = some(&mut runner, &conditions);
        let condition =
            Condition::read("", &json, &schema).unwrap_or_else(|f| panic!("{json}: {f:?}"));
        let in_memory: BTreeSet<Uuid> = loaded
            .iter()
            .filter(|(deal, client, activity_summary)| {
                let (client, activity_summary) = (client.as_ref(), Some(activity_summary));
                let subject = Subject { deal: Some(deal), client, activity_summary };
                condition.tree().holds(subject, &moment)
            })
            .map(|(deal, ..)| deal.id)
            .collect();
        let query = deals::LIST.parse(&[("limit".into(), "200".into())]).unwrap();
        let (workspace_id, visibility) = (api.workspace_id, Visibility::All);
        let looks_after = visibility.clone();
        let look = Look { workspace_id, moment, visibility, looks_after };
        let query = query.with(condition.tree().clone(), look);
        let page = server
            .store
            .tenant(api.workspace_id, |tenant| server.store.deals(tenant, &caller, query))
            .unwrap();
        let in_sql: BTreeSet<Uuid> = page.items.iter().map(|stored| stored.deal.id).collect();
        assert_eq!(in_memory, in_sql, "{json}");
        held += in_memory.len();
        failed += loaded.len() - in_memory.len();
    }
    assert!(held > 3_000 && failed > 3_000, "{held} {failed}");
}

fn api_ids(server: &TestServer) -> Vec<Uuid> {
    use diesel::{QueryableByName, RunQueryDsl, sql_types::Uuid as SqlUuid};
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    let rows: Vec<Id> = diesel::sql_query("SELECT id FROM deals ORDER BY id")
        .load(&mut server.connection())
        .unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn searches_and_segments_find_count_and_page() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    for number in 0..7 {
        api.deal(&deal_type, &format!("{number}00")).await;
    }
    let condition = json!({ "field": "deal.amount", "op": "gte", "value": "200" });
    let mut body = json!({ "condition": condition, "sort": "-amount", "limit": 2, "count": true });
    let mut amounts = Vec::new();
    loop {
        let found = api.post("/v1/deals/search", body.clone()).await.expect(200).json;
        assert_eq!(found["total"], 5);
        let items = found["items"].as_array().unwrap();
        amounts.extend(items.iter().map(|deal| deal["amount"]["amount"].clone()));
        if found["page"]["next_cursor"].is_null() {
            break;
        }
        body["cursor"] = found["page"]["next_cursor"].clone();
    }
    assert_eq!(json!(amounts), json!(["600.00", "500.00", "400.00", "300.00", "200.00"]));
    let segment = json!({ "name": "Large", "entity": "deal", "condition": condition });
    let segment = api.post("/v1/segments", segment).await.expect(201).json;
    assert_eq!(segment["count"], 5);
    let both = json!({ "segment_id": segment["id"], "count": true,
        "condition": { "field": "deal.amount", "op": "lt", "value": "400" } });
    assert_eq!(api.post("/v1/deals/search", both).await.expect(200).json["total"], 2);
    // A seller counts what a seller sees.
    let seller = api.colleague("seller", None).await;
    let path = format!("/v1/segments/{}", segment["id"].as_str().unwrap());
    assert_eq!(seller.get(&path).await.expect(200).json["count"], 0);
}

#[tokio::test]
async fn a_gate_asks_for_a_condition_on_every_way() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let gate = json!([{ "kind": "condition", "says": "Only for class A.",
        "condition": { "field": "client.class", "op": "eq", "value": "A" } }]);
    let stages = json!([{ "name": "First", "gate": gate }, { "name": "Second" }]);
    let body = json!({ "name": "Gated", "mode": "manual", "stages": stages });
    let deal_type = api.post("/v1/deal-types", body).await.expect(201);
    assert_eq!(deal_type.json["stages"][0]["gate"], gate);
    let deal_type = deal_type.id();
    let class_a =
        api.post("/v1/clients", json!({ "name": "A", "class": "A" })).await.expect(201).id();
    let class_b =
        api.post("/v1/clients", json!({ "name": "B", "class": "B" })).await.expect(201).id();
    let new =
        |client: &str| json!({ "title": "Deal", "deal_type_id": deal_type, "client_id": client });
    let refused = api.post("/v1/deals", new(&class_b)).await.expect(201).id();
    let unmet = [("/client/class".to_owned(), "condition_unmet".to_owned())];
    let reply = api.transition(&refused, json!({ "to": "next" })).await;
    assert_eq!(reply.problem(422, "stage_gate_unmet").faults(), unmet);
    let items = json!([{ "op": "transition", "id": refused, "to": "next" }]);
    let batch = api.post("/v1/deals/batch", json!({ "items": items })).await.expect(207);
    assert_eq!(batch.json["items"][0]["problem"]["code"], "stage_gate_unmet");
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "mapping": {
        "external_id": { "column": "id" }, "client": { "column": "client" }, "stage": { "column": "stage" } } });
    let import =
        api.import("id,client,stage\n1,B,second\n2,A,second\n", spec).await.expect(202).id();
    let done = server.finished(api, &import).await;
    assert_eq!((&done["created"], &done["rejected"]), (&json!(1), &json!(1)), "{done}");
    let taken = api.post("/v1/deals", new(&class_a)).await.expect(201).id();
    api.transition(&taken, json!({ "to": "next" })).await.expect(200);
}
