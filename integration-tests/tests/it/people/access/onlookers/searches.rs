//! Conditions on activities: what onlookers find, count and have reported is what it would be without the activities
//! that they do not see.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

use super::{Onlooker, onlookers};
use crate::people::access::world::World;

fn test(field: &str, op: &str, value: impl Into<Value>) -> Value {
    let value = value.into();
    let mut test = json!({ "field": format!("client.{field}"), "op": op });
    if !value.is_null() {
        test["value"] = value;
    }
    test
}

/// Conditions that hold as soon as the unseen activities count.
fn not_yet() -> Vec<Value> {
    let kinds = ["call", "email", "meeting", "message"];
    let counts = kinds.map(|kind| test(&format!("{kind}_count"), "gte", "1"));
    let lasts = kinds.map(|kind| test(&format!("last_{kind}_at"), "filled", Value::Null));
    let more = [test("reached_count", "gte", "1"), test("next_activity_at", "lt", "2998-01-01")];
    counts.into_iter().chain(lasts).chain(more).collect()
}

/// Conditions that hold by what onlookers did, and no more once the unseen activities count.
fn no_more() -> Vec<Value> {
    vec![
        test("activity_count", "between", json!(["1", "4"])),
        test("note_count", "between", json!(["1", "4"])),
        test("last_activity_at", "eq", "2020-01-05"),
        test("last_note_at", "eq", "2020-01-05"),
        test("next_activity_at", "eq", "2998-01-01"),
    ]
}

/// An open deal with the client and a lost one, a note and a plan.
async fn work(world: &World, client: &str, api: &Api) {
    let demand = json!([{ "item": "Server", "quantity": "2", "met_quantity": "1",
        "unmet_reason": "Out of stock", "amount": { "amount": "9", "currency": "EUR" } }]);
    let deal = json!({ "title": "Own", "deal_type_id": world.deal_type, "client_id": client,
        "demand": demand });
    let mut deals = Vec::new();
    for _ in 0..2 {
        deals.push(api.post("/v1/deals", deal.clone()).await.expect(201).id());
    }
    let lost = json!({ "to": "lost", "loss_reason_id": world.loss_reason });
    api.transition(&deals[1], lost).await.expect(200);
    for when in [
        json!({ "happened_at": "2020-01-05T12:00:00Z" }),
        json!({ "planned_at": "2998-01-01T12:00:00Z" }),
    ] {
        let mut note = json!({ "kind": "note", "title": "Own", "client_id": client });
        note.as_object_mut().unwrap().extend(when.as_object().unwrap().clone());
        api.post("/v1/activities", note).await.expect(201);
    }
}

/// Activities of the deal that onlookers do not see, and others of its owner's with the client.
async fn meet(world: &World, client: &str) {
    let mut kinds = vec!["call", "email", "meeting", "message"];
    kinds.extend(["note"; 5]);
    for kind in kinds {
        let met = json!({ "kind": kind, "title": "A secret talk", "user_id": world.user,
            "goal": "Talk", "outcome": "reached", "happened_at": "2026-01-01T12:00:00Z" });
        let plan = json!({ "kind": kind, "title": "A secret talk", "user_id": world.user,
            "planned_at": "2997-01-01T12:00:00Z" });
        for (mut activity, of) in [(met.clone(), "deal_id"), (met, "client_id"), (plan, "deal_id")]
        {
            activity[of] = if of == "deal_id" { json!(world.deal) } else { json!(client) };
            world.admin.post("/v1/activities", activity).await.expect(201);
        }
    }
}

/// A search with its body, or something to get.
struct Question {
    path: String,
    body: Option<Value>,
}

impl Question {
    fn name(&self) -> String {
        format!("{} {:?}", self.path, self.body)
    }

    async fn ask(&self, api: &Api) -> Value {
        let reply = match &self.body {
            Some(body) => api.post(&self.path, body.clone()).await,
            None => api.get(&self.path).await,
        };
        timeless(reply.expect(200).json)
    }
}

/// Without what changes as time goes by.
fn timeless(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            // Links to the deals behind a figure name the instant, too.
            let lasting =
                |name: &str| !["as_of", "drill_down"].contains(&name) && !name.ends_with("seconds");
            let fields = fields.into_iter().filter(|(name, _)| lasting(name));
            fields
                .map(|(name, value)| (name, timeless(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        Value::Array(list) => list.into_iter().map(timeless).collect(),
        value => value,
    }
}

/// All that a condition can be asked by; reports only where they are wanted.
async fn questions(world: &World, condition: &Value, with_reports: bool) -> Vec<Question> {
    let mut questions = Vec::new();
    let mut of_deals = String::new();
    for entity in ["client", "deal"] {
        let new = json!({ "name": format!("{entity} {condition}"), "entity": entity,
            "condition": condition });
        let segment = world.admin.post("/v1/segments", new).await.expect(201).id();
        let path = format!("/v1/{entity}s/search");
        for body in [json!({ "condition": condition }), json!({ "segment_id": segment })] {
            let mut body = body;
            body["count"] = json!(true);
            questions.push(Question { path: path.clone(), body: Some(body) });
        }
        questions.push(Question { path: format!("/v1/segments/{segment}"), body: None });
        of_deals = segment;
    }
    if with_reports {
        let days = "from=2020-01-01&to=2030-12-31";
        for (report, figure, days) in [
            ("funnel/open", "deals", ""),
            ("funnel/closed", "deals", days),
            ("losses", "deals", days),
            ("primary-demand", "deals", days),
            ("stage-durations", "visits&stage_key=first", days),
        ] {
            let of = format!("deal_type_id={}&{days}", world.deal_type);
            for path in [
                format!("{report}?{of}&segment_id={of_deals}"),
                format!("{report}/deals?{of}&segment_id={of_deals}&figure={figure}"),
                format!("{report}?{of}&group_by=segment"),
                format!("{report}/deals?{of}&group_by=segment&group={of_deals}&figure={figure}"),
            ] {
                let path = format!("/v1/reports/{}", path.replace("&&", "&"));
                questions.push(Question { path, body: None });
            }
        }
    }
    questions
}

#[tokio::test]
async fn what_is_found_by_activities_is_what_it_would_be_without_the_unseen_ones() {
    let server = TestServer::start().await;
    let world = World::furnish(&server, &server.admin).await;
    let onlookers = onlookers(&world).await;
    let admin = &server.admin;
    let client = admin.post("/v1/clients", json!({ "name": "Quiet" })).await.expect(201).id();
    let deal = json!({ "client_id": client });
    admin.patch(&format!("/v1/deals/{}", world.deal), deal).await.expect(200);
    for Onlooker { api, .. } in &onlookers {
        work(&world, &client, api).await;
    }
    let of_client = json!({ "field": "client.id", "op": "eq", "value": client });
    let mut all = Vec::new();
    for (conditions, found) in [(not_yet(), false), (no_more(), true)] {
        let last = conditions.len() - 1;
        for (number, condition) in conditions.into_iter().enumerate() {
            let condition = json!({ "all": [of_client, condition] });
            let questions = questions(&world, &condition, number == 0 || number == last).await;
            all.extend(questions.into_iter().map(|question| (question, found)));
        }
    }
    let mut before = Vec::new();
    for (question, found) in &all {
        let mut answers = vec![question.ask(admin).await];
        for Onlooker { how, api } in &onlookers {
            let answer = question.ask(api).await;
            let total = answer["total"].as_u64().or(answer["count"].as_u64());
            let right = total.is_none_or(|total| (total > 0) == *found);
            assert!(right, "{}, by a {how}: {answer}", question.name());
            answers.push(answer);
        }
        before.push(answers);
    }
    meet(&world, &client).await;
    for ((question, _), before) in all.iter().zip(before) {
        // Who sees them is answered otherwise, so they matter.
        assert_ne!(question.ask(admin).await, before[0], "{}", question.name());
        for (Onlooker { how, api }, before) in onlookers.iter().zip(&before[1..]) {
            assert_eq!(question.ask(api).await, *before, "{}, by a {how}", question.name());
        }
    }
}

/// Whoever may not read activities asks for nothing of theirs, whether deals or clients are searched.
#[tokio::test]
async fn a_key_without_activities_asks_for_none() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    for entity in ["client", "deal"] {
        let scopes = json!([format!("{entity}s:read"), "clients:read"]);
        let key = json!({ "name": entity, "scopes": scopes });
        let key = admin.post("/v1/api-keys", key).await.expect(201).json;
        let key = admin.with_token(key["key"].as_str().unwrap());
        let path = format!("/v1/{entity}s/search");
        for condition in not_yet().into_iter().chain(no_more()) {
            for condition in [condition.clone(), json!({ "not": condition })] {
                let search = json!({ "condition": condition, "count": true });
                let refused = key.post(&path, search.clone()).await;
                let faults = refused.problem(422, "validation_failed").faults();
                assert_eq!(faults, [("/condition".to_owned(), "not_allowed".to_owned())]);
                admin.post(&path, search).await.expect(200);
            }
        }
    }
}
