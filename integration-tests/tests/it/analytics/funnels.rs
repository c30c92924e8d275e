//! Funnels: what they count, and that the past stays as it was.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer, histories::count};

use crate::{
    analytics::funnel_deck::{DAY, Deck, Fate, NEW_YEAR, instant},
    import::real_data::alike,
};

async fn closed(api: &Api, deal_type: &str, parameters: &str) -> Value {
    let path = format!("/v1/reports/funnel/closed?deal_type_id={deal_type}&{parameters}");
    api.get(&path).await.expect(200).json
}

async fn open(api: &Api, deal_type: &str, parameters: &str) -> Value {
    let path = format!("/v1/reports/funnel/open?deal_type_id={deal_type}&{parameters}");
    api.get(&path).await.expect(200).json
}

pub fn rows(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn cents(value: &Value) -> i64 {
    let text = value.as_str().expect("an amount");
    assert_eq!(text.split_once('.').map(|(_, decimals)| decimals.len()), Some(2), "{text}");
    text.replace('.', "").parse().unwrap()
}

/// What one stage has more than the next is lost or open there.
fn assert_balanced(funnel: &Value) {
    let (stages, totals) = (rows(&funnel["stages"]), &funnel["totals"]);
    for (index, stage) in stages.iter().enumerate() {
        let next = stages.get(index + 1);
        let count = |row: &Value, field: &str| row[field].as_i64().unwrap();
        let passed = next.map_or(count(totals, "won"), |next| count(next, "reached"));
        assert_eq!(
            count(stage, "reached") - passed,
            count(stage, "lost") + count(stage, "open"),
            "{funnel}"
        );
        assert_eq!(count(stage, "passed"), passed);
        let passed = cents(next.map_or(&totals["won_amount"], |next| &next["reached_amount"]));
        let drop = cents(&stage["lost_amount"]) + cents(&stage["open_amount"]);
        assert_eq!(cents(&stage["reached_amount"]) - passed, drop, "{funnel}");
    }
}

/// Groups that add up to the whole.
fn assert_whole(report: &Value, totals: &[&str], stage: &[&str]) {
    let groups = rows(&report["groups"]);
    let number =
        |value: &Value| if value.is_string() { cents(value) } else { value.as_i64().unwrap() };
    for field in totals {
        let sum: i64 = groups.iter().map(|group| number(&group["totals"][field])).sum();
        assert_eq!(sum, number(&report["totals"][field]), "{field}");
    }
    for index in 0..rows(&report["stages"]).len() {
        for field in stage {
            let sum: i64 = groups.iter().map(|group| number(&group["stages"][index][field])).sum();
            assert_eq!(sum, number(&report["stages"][index][field]), "{field}");
        }
    }
}

const YEAR: &str = "from=2025-01-01&to=2025-12-31";

#[tokio::test]
async fn a_funnel_is_the_sum_of_its_deals_histories() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deck = Deck::deal(api, 70).await;
    let months = [
        ("2025-02-01", "2025-02-28", 31, 59),
        ("2025-03-01", "2025-05-31", 59, 151),
        ("2025-01-01", "2025-12-31", 0, 365),
    ];
    for (from, to, first, after) in months {
        let within = |at: i64| (NEW_YEAR + first * DAY..NEW_YEAR + after * DAY).contains(&at);
        let expected = deck.closed(|card| card.closed.is_some_and(within));
        let period = format!("from={from}&to={to}");
        let report = closed(api, &deck.deal_type, &period).await;
        assert_eq!(alike(&report, &expected), expected);
        assert_eq!(
            (&report["from"], &report["to"], &report["basis"]),
            (&json!(from), &json!(to), &json!("closed"))
        );
        assert_balanced(&report);
        let expected = deck.closed(|card| within(card.opened));
        let report = closed(api, &deck.deal_type, &format!("{period}&basis=created")).await;
        assert_eq!(alike(&report, &expected), expected);
        assert_balanced(&report);
    }
    // The deck has all that can happen.
    let all = deck.closed(|_| true);
    let sum = |field: &str| {
        rows(&all["stages"]).iter().map(|stage| stage[field].as_i64().unwrap()).sum::<i64>()
    };
    assert!(
        ["lost", "open", "back_moves", "open_visits", "lost_from"]
            .iter()
            .all(|field| sum(field) > 3),
        "{all}"
    );
    let held = deck.cards.iter().filter(|card| !card.holds.is_empty()).count();
    let reopened = deck
        .cards
        .iter()
        .filter(|card| card.stays.windows(2).any(|two| two[0].to != Some(two[1].from)))
        .count();
    assert!(held > 5 && reopened > 5, "{held} held, {reopened} reopened");

    let of_totals = ["deals", "won", "lost", "open", "won_amount", "lost_amount", "open_amount"];
    let of_stages = [
        "reached",
        "touched",
        "passed",
        "lost",
        "lost_from",
        "open",
        "visits",
        "open_visits",
        "back_moves",
        "reached_amount",
        "passed_amount",
        "lost_amount",
        "open_amount",
    ];
    for basis in ["closed", "created"] {
        for group in ["owner", "source", "client_type", "region", "month"] {
            let report =
                closed(api, &deck.deal_type, &format!("{YEAR}&basis={basis}&group_by={group}"))
                    .await;
            assert_whole(&report, &of_totals, &of_stages);
            for found in rows(&report["groups"]) {
                assert_balanced(found);
                let key = found["key"].as_str();
                let expected = deck.closed(|card| {
                    let time = if basis == "closed" { card.closed } else { Some(card.opened) };
                    let Some(time) = time else { return false };
                    let client = card.client.map(|index| &deck.clients[index]);
                    key == match group {
                        "owner" => Some(deck.owners[card.owner].as_str()),
                        "source" => card.source.map(|index| deck.sources[index].as_str()),
                        "client_type" => client.map(|client| client.1),
                        "region" => client.and_then(|client| client.2),
                        _ => return key == Some(&instant(time)[..7]),
                    }
                });
                assert_eq!(alike(found, &expected), expected, "{basis} {group} {key:?}");
                assert!(expected["totals"]["deals"].as_i64() > Some(0));
            }
        }
    }
    let report = closed(api, &deck.deal_type, &format!("{YEAR}&group_by=owner")).await;
    let names: Vec<_> =
        rows(&report["groups"]).iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert!(["Admin", "Ann", "Bo", "Cy"].iter().all(|name| names.contains(name)), "{names:?}");

    for (compare, from, to, first, after) in [
        ("previous_period", "2025-04-01", "2025-05-31", 29, 90),
        ("previous_year", "2026-04-01", "2026-05-31", 90, 151),
    ] {
        let within = |at: i64| (NEW_YEAR + first * DAY..NEW_YEAR + after * DAY).contains(&at);
        let report = closed(
            api,
            &deck.deal_type,
            &format!("from={from}&to={to}&compare={compare}&basis=created"),
        )
        .await;
        let expected = deck.closed(|card| within(card.opened));
        assert_eq!(alike(&report["comparison"], &expected), expected, "{compare}");
    }
}

#[tokio::test]
async fn the_past_stays_as_it_was() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let mut deck = Deck::deal(api, 50).await;
    let mut seen: Vec<(String, Value)> = Vec::new();
    for days in [-10, 20, 45, 90, 135, 180, 250, 364] {
        let at = NEW_YEAR + days * DAY + 43_200;
        let expected = deck.open_at(at, |_| true);
        let report = open(api, &deck.deal_type, &format!("as_of={}", instant(at))).await;
        assert_eq!(alike(&report["stages"], &expected), expected, "{days}");
        let deals: i64 = rows(&expected).iter().map(|stage| stage["deals"].as_i64().unwrap()).sum();
        assert_eq!(report["totals"]["deals"], deals);
        for group in ["owner", "source", "client_type", "region"] {
            let parameters = format!("as_of={}&group_by={group}", instant(at));
            let report = open(api, &deck.deal_type, &parameters).await;
            assert_whole(
                &report,
                &["deals", "amount", "overdue", "held"],
                &["deals", "amount", "overdue", "held"],
            );
            for found in rows(&report["groups"]).iter().filter(|_| group == "owner") {
                let expected =
                    deck.open_at(at, |card| found["key"] == deck.owners[card.owner].as_str());
                assert_eq!(alike(&found["stages"], &expected), expected);
            }
            seen.push((parameters, report));
        }
    }
    // The instant of a move itself: the deal is where it came to.
    let moved = deck.cards.iter().find_map(|card| card.stays.get(1)).unwrap().from;
    for at in [moved - 1, moved] {
        let expected = deck.open_at(at, |_| true);
        let report = open(api, &deck.deal_type, &format!("as_of={}", instant(at))).await;
        assert_eq!(alike(&report["stages"], &expected), expected);
    }

    // Everything changes; and after each round, that moment too is past.
    for round in 0..3 {
        for index in 0..deck.cards.len() {
            let card = &deck.cards[index];
            if card.fate == Fate::Open {
                let owner = deck.owners[(card.owner + round) % deck.owners.len()].clone();
                let amount =
                    json!({ "amount": format!("{}.50", index * 10 + round), "currency": "EUR" });
                let path = format!("/v1/deals/{}", card.id);
                api.patch(&path, json!({ "owner_id": owner, "amount": amount })).await.expect(200);
            }
            deck.step(api, index, None).await;
        }
        let now = open(api, &deck.deal_type, "group_by=owner").await;
        seen.push((format!("as_of={}&group_by=owner", now["as_of"].as_str().unwrap()), now));
    }
    for (parameters, report) in &seen {
        assert_eq!(open(api, &deck.deal_type, parameters).await, *report, "{parameters}");
    }
    assert_balanced(
        &closed(api, &deck.deal_type, "basis=created&from=2025-01-01&to=2099-12-31").await,
    );
    let future = format!(
        "/v1/reports/funnel/open?deal_type_id={}&as_of=2099-01-01T00:00:00Z",
        deck.deal_type
    );
    let refused = api.get(&future).await.problem(400, "invalid_parameters");
    assert_eq!(refused.faults(), [("/as_of".to_owned(), "in_the_future".to_owned())]);
}

#[tokio::test]
async fn nothing_of_nothing_is_unknown() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let deal = api.deal(&deal_type, "10").await;
    for parameters in [YEAR, "from=1999-01-01&to=1999-01-01&basis=created&group_by=owner"] {
        let report = closed(api, &deal_type, parameters).await;
        for stage in rows(&report["stages"]) {
            assert_eq!((&stage["reached"], &stage["reached_amount"]), (&json!(0), &json!("0.00")));
            for field in ["conversion_to_next", "conversion_from_first", "median_seconds"] {
                assert_eq!(stage[field], Value::Null, "{field}");
            }
        }
        for field in
            ["win_rate", "win_rate_by_amount", "average_won_amount", "mean_won_cycle_seconds"]
        {
            assert_eq!(report["totals"][field], Value::Null, "{field}");
        }
        assert_eq!(report["totals"]["deals"], 0);
        assert!(report["groups"].is_null() || rows(&report["groups"]).is_empty());
    }
    // Won for nothing: a rate by number, none by amount.
    api.patch(
        &format!("/v1/deals/{deal}"),
        json!({ "amount": { "amount": "0", "currency": "EUR" } }),
    )
    .await
    .expect(200);
    api.transition(&deal, json!({ "to": "won" })).await.expect(200);
    let totals = closed(api, &deal_type, "").await["totals"].clone();
    assert_eq!((&totals["win_rate"], &totals["win_rate_by_amount"]), (&json!(1.0), &Value::Null));
    assert_eq!(totals["average_won_amount"], "0.00");

    let body = json!({ "name": "Service", "mode": "untracked" });
    let untracked = api.post("/v1/deal-types", body).await.expect(201).id();
    let [won, lost, _] = [
        api.deal(&untracked, "5").await,
        api.deal(&untracked, "7").await,
        api.deal(&untracked, "9").await,
    ];
    let reason = api.loss_reason("Price").await;
    api.transition(&won, json!({ "to": "won" })).await.expect(200);
    api.transition(&lost, json!({ "to": "lost", "loss_reason_id": reason })).await.expect(200);
    let report = closed(api, &untracked, "basis=created").await;
    let totals = json!({ "deals": 3, "won": 1, "lost": 1, "open": 1, "won_amount": "5.00", "lost_amount": "7.00", "open_amount": "9.00", "win_rate": 0.5 });
    assert_eq!((&report["stages"], alike(&report["totals"], &totals)), (&json!([]), totals));
    let report = open(api, &untracked, "group_by=owner").await;
    assert_eq!(
        (&report["stages"], &report["totals"]["deals"], &report["totals"]["amount"]),
        (&json!([]), &json!(1), &json!("9.00"))
    );
}

#[tokio::test]
async fn days_are_those_of_the_workspace() {
    let server = TestServer::start().await;
    for (zone, closings) in [
        // Instant of closing, and its day there. In Amsterdam clocks went on in the night to 30 March and back in that to
        // 26 October; in New York on 9 March and on 2 November.
        (
            "Europe/Amsterdam",
            [
                ("2025-03-29T22:30:00Z", "2025-03-29"),
                ("2025-03-29T23:00:00Z", "2025-03-30"),
                ("2025-03-30T21:30:00Z", "2025-03-30"),
                ("2025-03-30T22:00:00Z", "2025-03-31"),
                ("2025-10-25T21:59:59Z", "2025-10-25"),
                ("2025-10-25T22:00:00Z", "2025-10-26"),
                ("2025-10-26T22:30:00Z", "2025-10-26"),
                ("2025-10-26T23:00:00Z", "2025-10-27"),
            ],
        ),
        (
            "America/New_York",
            [
                ("2025-03-09T04:30:00Z", "2025-03-08"),
                ("2025-03-09T05:00:00Z", "2025-03-09"),
                ("2025-03-10T03:30:00Z", "2025-03-09"),
                ("2025-03-10T04:00:00Z", "2025-03-10"),
                ("2025-11-02T03:59:59Z", "2025-11-01"),
                ("2025-11-02T04:00:00Z", "2025-11-02"),
                ("2025-11-03T04:30:00Z", "2025-11-02"),
                ("2025-11-03T05:00:00Z", "2025-11-03"),
            ],
        ),
    ] {
        let api = server.workspace("Zoned", "EUR", zone).await;
        let deal_type = api.deal_type(&["only"]).await;
        for (at, _) in closings {
            let body = json!({ "title": at, "deal_type_id": deal_type, "opened_at": at });
            let deal = api.post("/v1/deals", body).await.expect(201).id();
            api.transition(&deal, json!({ "to": "won", "occurred_at": at })).await.expect(200);
        }
        for basis in ["closed", "created"] {
            for (_, day) in closings {
                let expected = closings.iter().filter(|(_, other)| *other == day).count();
                let report =
                    closed(&api, &deal_type, &format!("from={day}&to={day}&basis={basis}")).await;
                assert_eq!(report["totals"]["won"], expected, "{zone} {day} {basis}");
            }
        }
        let report = closed(&api, &deal_type, "from=2025-01-01&to=2025-12-31&group_by=month").await;
        let months = rows(&report["groups"]).iter().map(|group| group["key"].as_str().unwrap());
        let last = if zone == "Europe/Amsterdam" { "2025-10" } else { "2025-11" };
        assert_eq!(months.collect::<Vec<_>>(), ["2025-03", last]);
    }
}

#[tokio::test]
async fn a_new_version_keeps_the_old_deals() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["lead", "offer", "talks", "contract"]).await;
    let reason = api.loss_reason("Price").await;
    let mut old = Vec::new();
    for stage in ["lead", "offer", "talks", "contract"] {
        for _ in 0..2 {
            let body = json!({ "title": stage, "deal_type_id": deal_type, "stage_key": stage });
            old.push(api.post("/v1/deals", body).await.expect(201).id());
        }
    }
    let lose = json!({ "to": "lost", "loss_reason_id": reason });
    for deal in old.iter().step_by(2) {
        api.transition(deal, lose.clone()).await.expect(200);
    }
    // Offer is renamed, talks are gone, a check comes first and a proof before the contract.
    let stage = |key: &str, name: &str| json!({ "key": key, "name": name });
    let stages = json!([
        stage("check", "Check"),
        stage("lead", "Lead"),
        stage("offer", "Quote"),
        stage("proof", "Proof"),
        stage("contract", "Contract")
    ]);
    api.post(&format!("/v1/deal-types/{deal_type}/versions"), json!({ "stages": stages }))
        .await
        .expect(201);
    let fresh = api.deal(&deal_type, "1").await;
    let report = closed(api, &deal_type, "basis=created").await;
    let of = |field: &str| {
        rows(&report["stages"]).iter().map(|stage| stage[field].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("stage_key"), ["check", "lead", "offer", "proof", "contract"]);
    assert_eq!(of("name")[2], "Quote");
    // Deals in talks had come as far as the offer, in the words of today.
    assert_eq!(of("reached"), [9, 8, 6, 2, 2]);
    assert_eq!(of("lost"), [0, 1, 2, 0, 1]);
    assert_eq!(of("lost_from"), [0, 1, 2, 0, 1]);
    assert_eq!(of("open"), [1, 1, 2, 0, 1]);
    assert_eq!(of("touched"), [1, 2, 4, 0, 2]);
    assert_balanced(&report);
    let report = open(api, &deal_type, "").await;
    let deals: Vec<_> =
        rows(&report["stages"]).iter().map(|stage| stage["deals"].clone()).collect();
    assert_eq!(deals, [1, 1, 2, 0, 1]);
    // Each goes on in its own version.
    let moved = api.transition(&old[3], json!({ "to": "next" })).await.expect(200);
    assert_eq!(moved.json["stage_key"], "talks");
    let moved = api.transition(&fresh, json!({ "to": "next" })).await.expect(200);
    assert_eq!(moved.json["stage_key"], "lead");
    api.transition(&old[7], json!({ "to": "won" })).await.expect(200);
    assert_balanced(&closed(api, &deal_type, "basis=created").await);
}

/// Holds that begin and end between two seconds.
#[tokio::test]
async fn a_hold_takes_its_time_and_no_more() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let second = |millis: i64| {
        let at = chrono::DateTime::from_timestamp_millis(1_736_000_000_900 + millis).unwrap();
        at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    };
    for (hold, held) in [(900, 0), (2_800, 2), (3_600_900, 3_600)] {
        let body = json!({ "title": "A deal", "deal_type_id": deal_type, "opened_at": second(0) });
        let deal = api.post("/v1/deals", body).await.expect(201).id();
        for (to, at) in [("hold", 0), ("resume", hold), ("won", hold)] {
            let mut body = json!({ "to": to, "occurred_at": second(at) });
            if to == "hold" {
                body["reason"] = json!("Later");
            }
            api.transition(&deal, body).await.expect(200);
        }
        let map = api.get(&format!("/v1/deals/{deal}/route-map")).await.expect(200).json;
        let visit = &map["stages"][0]["visits"][0];
        assert_eq!((&visit["seconds"], &visit["held_seconds"]), (&json!(0), &json!(held)));
        let row = format!("SELECT visit_held_seconds AS number FROM deals WHERE id = '{deal}'");
        assert_eq!(count(&mut server.connection(), &row), held);
    }
}

#[tokio::test]
async fn time_on_hold_does_not_age() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([{ "name": "First", "norm_days": 6 }, { "name": "Second" }]);
    let body = json!({ "name": "Held", "mode": "manual", "stages": stages });
    let deal_type = api.post("/v1/deal-types", body).await.expect(201).id();
    let body = json!({ "title": "A deal", "deal_type_id": deal_type, "opened_at": "2025-01-01T00:00:00Z" });
    let deal = api.post("/v1/deals", body).await.expect(201).id();
    for (day, body) in [
        (3, json!({ "to": "hold", "reason": "Later" })),
        (13, json!({ "to": "resume" })),
        (14, json!({ "to": "hold", "reason": "Again" })),
        (20, json!({ "to": "resume" })),
        (26, json!({ "to": "next" })),
        (30, json!({ "to": "hold", "reason": "Once more" })),
        (31, json!({ "to": "won" })),
    ] {
        let mut body = body;
        body["occurred_at"] = json!(format!("2025-01-{day:02}T00:00:00Z"));
        api.transition(&deal, body).await.expect(200);
    }
    // Worked 2 + 1 + 6 days in the first stage, and 4 in the second.
    let report = closed(api, &deal_type, YEAR).await;
    let medians: Vec<_> = rows(&report["stages"])
        .iter()
        .map(|stage| stage["median_seconds"].as_f64().unwrap())
        .collect();
    assert_eq!(medians, [9.0 * 86_400.0, 4.0 * 86_400.0]);
    // The norm of 6 days of 9 hours is used up by the 23rd, and exceeded when work begins in Amsterdam.
    for (at, overdue) in [("2025-01-23T08:00:00Z", 0), ("2025-01-23T08:00:01Z", 1)] {
        let report = open(api, &deal_type, &format!("as_of={at}")).await;
        assert_eq!(report["stages"][0]["overdue"], overdue, "{at}");
    }
    for (day, stage, age, held, overdue) in [
        (2, 0, 1.0, 0, 0),
        (10, 0, 2.0, 1, 0),
        (13, 0, 2.0, 0, 0),
        (19, 0, 3.0, 1, 0),
        (23, 0, 6.0, 0, 0),
        (25, 0, 8.0, 0, 1),
        (30, 1, 4.0, 1, 0),
    ] {
        let report = open(api, &deal_type, &format!("as_of=2025-01-{day:02}T00:00:00Z")).await;
        let stage = &report["stages"][stage];
        assert_eq!(
            (&stage["deals"], stage["median_age_seconds"].as_f64()),
            (&json!(1), Some(age * 86_400.0)),
            "{day}"
        );
        assert_eq!((&stage["held"], &stage["overdue"]), (&json!(held), &json!(overdue)), "{day}");
    }
    assert_eq!(open(api, &deal_type, "as_of=2025-01-31T00:00:00Z").await["totals"]["deals"], 0);
}
