//! Overdue deals: in bodies and lists, in the route map and in the open funnel they are the same ones.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

use crate::analytics::funnels::rows;

/// A type whose stages have norms of two days, of none, and of half a day.
async fn deal_type(api: &Api, name: &str) -> String {
    let stages = json!([{ "name": "First", "key": "first", "norm_days": 2 },
        { "name": "Second", "key": "second" },
        { "name": "Third", "key": "third", "norm_days": 0.5 }]);
    let body = json!({ "name": name, "mode": "manual", "stages": stages });
    api.post("/v1/deal-types", body).await.expect(201).id()
}

/// A deal of Maundy Thursday 2025, 09:00 in Amsterdam, with what has happened to it since.
async fn deal(api: &Api, deal_type: &str, moves: &[Value]) -> Value {
    let body = json!({ "title": "A deal", "deal_type_id": deal_type, "opened_at": "2025-04-17T07:00:00Z" });
    let mut deal = api.post("/v1/deals", body).await.expect(201).json;
    for to in moves {
        let id = deal["id"].as_str().unwrap().to_owned();
        deal = api.transition(&id, to.clone()).await.expect(200).json;
    }
    deal
}

fn hold(at: &str) -> Value {
    json!({ "to": "hold", "reason": "Easter", "occurred_at": at })
}

fn resume(at: &str) -> Value {
    json!({ "to": "resume", "occurred_at": at })
}

async fn ids(api: &Api, filter: &str) -> BTreeSet<String> {
    let page = api.get(&format!("/v1/deals?limit=200&{filter}")).await.expect(200).json;
    rows(&page["items"]).iter().map(|deal| deal["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_deal_is_due_when_the_norm_of_its_stage_is_used_up() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let sale = deal_type(api, "Sale").await;
    let to = |key: &str| json!({ "to": "stage", "stage_key": key, "occurred_at": "2025-04-17T07:00:00Z" });
    let (noon, tuesday) = ("2025-04-17T10:00:00Z", "2025-04-22T07:00:00Z");
    // Two days of nine hours: Thursday and Friday. Three hours before the hold, nine on Tuesday, six on
    // Wednesday. Half a day: from nine to half past one.
    for (moves, due, overdue) in [
        (vec![], json!("2025-04-18T16:00:00Z"), true),
        (vec![to("second")], Value::Null, false),
        (vec![to("third")], json!("2025-04-17T11:30:00Z"), true),
        (vec![hold(noon)], Value::Null, false),
        (vec![hold("2025-04-25T10:00:00Z")], json!("2025-04-18T16:00:00Z"), true),
        (vec![hold(noon), resume(tuesday)], json!("2025-04-23T13:00:00Z"), true),
        (vec![json!({ "to": "won" })], Value::Null, false),
    ] {
        let moved = deal(api, &sale, &moves).await;
        let read = api.get(&format!("/v1/deals/{}", moved["id"].as_str().unwrap())).await;
        for body in [&moved, &read.expect(200).json] {
            assert_eq!(
                (&body["stage_due_at"], &body["overdue"]),
                (&due, &json!(overdue)),
                "{moves:?}"
            );
        }
    }
    // What is only tried is answered like what is done.
    let held = deal(api, &sale, &[hold(noon)]).await;
    let mut tried = resume(tuesday);
    tried["validate_only"] = json!(true);
    let tried = api.transition(held["id"].as_str().unwrap(), tried).await.expect(200).json;
    assert_eq!(tried["stage_due_at"], "2025-04-23T13:00:00Z");
    // One that has just begun is due in two working days, and one without a type of stages never.
    let body = json!({ "title": "New", "deal_type_id": sale });
    let new = api.post("/v1/deals", body).await.expect(201).json;
    let instant = |value: &Value| value.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>();
    let waits = instant(&new["stage_due_at"]).unwrap() - instant(&new["opened_at"]).unwrap();
    assert!(waits >= chrono::TimeDelta::hours(18) && new["overdue"] == false, "{new}");
    let body = json!({ "name": "Plain", "mode": "untracked" });
    let plain = api.post("/v1/deal-types", body).await.expect(201).id();
    let plain = api.deal(&plain, "1").await;
    let plain = api.get(&format!("/v1/deals/{plain}")).await.expect(200).json;
    assert_eq!((&plain["stage_due_at"], &plain["overdue"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn lists_funnel_and_route_maps_agree_on_what_is_overdue() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let seller = api.colleague("seller", None).await;
    let types = [deal_type(api, "Sale").await, deal_type(api, "Other").await];
    let stay = |key: &str| json!({ "to": "stage", "stage_key": key, "occurred_at": "2025-04-17T08:00:00Z" });
    let mut all = BTreeSet::new();
    let mut expected = BTreeSet::new();
    for (index, deal_type) in types.iter().enumerate() {
        for (moves, overdue) in [
            (vec![], true),
            (vec![stay("second")], false),
            (vec![stay("third")], true),
            (vec![json!({ "to": "next" }), json!({ "to": "next" })], false),
            (vec![hold("2025-04-17T08:00:00Z")], false),
            (vec![hold("2025-05-17T08:00:00Z")], true),
            (vec![hold("2025-04-17T08:00:00Z"), json!({ "to": "resume" })], false),
            (vec![hold("2025-04-17T08:00:00Z"), resume("2025-05-17T08:00:00Z")], true),
            // Two pauses, and the norm used up between them.
            (
                vec![
                    hold("2025-04-17T08:00:00Z"),
                    resume("2025-05-05T08:00:00Z"),
                    hold("2025-06-05T08:00:00Z"),
                ],
                true,
            ),
            (vec![stay("third"), json!({ "to": "won" })], false),
        ] {
            let owner = if index == 0 { api } else { &seller };
            let moved = deal(owner, deal_type, &moves).await;
            assert_eq!(moved["overdue"], overdue, "{moves:?}");
            let id = moved["id"].as_str().unwrap().to_owned();
            let map = api.get(&format!("/v1/deals/{id}/route-map")).await.expect(200).json;
            let is_overdue = rows(&map["stages"]).iter().any(|stage| stage["overdue"] == true);
            assert_eq!(is_overdue, overdue, "{moves:?}");
            if overdue {
                expected.insert(id.clone());
            }
            all.insert(id);
        }
        // A new version has norms of its own; deals stay on theirs.
        let body = json!({ "stages": [{ "name": "First", "key": "first", "norm_days": 3_000 }] });
        let path = format!("/v1/deal-types/{deal_type}/versions");
        api.post(&path, body).await.expect(201);
        deal(api, deal_type, &[]).await;
    }
    assert_eq!(ids(api, "overdue=true").await, expected);
    let others = ids(api, "overdue=false").await;
    assert!(others.is_disjoint(&expected) && others.is_superset(&(&all - &expected)));
    assert_eq!(others.len(), all.len() - expected.len() + 2);
    assert_eq!(ids(api, "overdue=true&status=won").await.len(), 0);
    for deal_type in &types {
        let of = format!("deal_type_id={deal_type}");
        let funnel = api.get(&format!("/v1/reports/funnel/open?{of}")).await.expect(200).json;
        let listed = ids(api, &format!("{of}&overdue=true")).await;
        assert_eq!(funnel["totals"]["overdue"], listed.len());
        let path = format!("/v1/reports/funnel/open/deals?{of}&figure=overdue&limit=200");
        let behind = api.get(&path).await.expect(200).json;
        assert!(rows(&behind["items"]).iter().all(|deal| deal["overdue"] == true));
        let behind: BTreeSet<_> = rows(&behind["items"])
            .iter()
            .map(|deal| deal["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(behind, listed);
    }
    // The longest in their stage come first, unless something else is asked for.
    let listed = api.get("/v1/deals?overdue=true&limit=200").await.expect(200).json;
    let since = |deals: &Value| {
        let since =
            rows(deals).iter().map(|deal| deal["stage_entered_at"].as_str().unwrap().to_owned());
        since.collect::<Vec<_>>()
    };
    assert!(since(&listed["items"]).is_sorted() && !since(&listed["items"]).is_empty());
    let listed = api.get("/v1/deals?overdue=true&limit=200&sort=title").await.expect(200).json;
    assert!(rows(&listed["items"]).is_sorted_by_key(|deal| deal["title"].as_str()));
    // Page by page, sorted, as a sheet, and for whom they are.
    let path = "/v1/deals?overdue=true&status=open&sort=-stage_entered_at&limit=3";
    let first = api.get(path).await.expect(200).json;
    let next = first["page"]["next_cursor"].as_str().unwrap();
    let second = api.get(&format!("{path}&cursor={next}")).await.expect(200).json;
    let both = rows(&first["items"]).iter().chain(rows(&second["items"]));
    let both: BTreeSet<_> = both.map(|deal| deal["id"].as_str().unwrap().to_owned()).collect();
    assert!(both.len() == 6 && both.is_subset(&expected));
    let sheet = api.get("/v1/deals?overdue=true&format=csv").await.expect(200).text;
    assert_eq!(sheet.lines().count(), expected.len() + 1);
    let hers = ids(&seller, "overdue=true").await;
    assert!(hers.len() == expected.len() / 2 && hers.is_subset(&expected));
}
