//! What the losses and the stage durations say, against a deck's own account.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

use crate::{
    analytics::{
        funnel_deck::{Card, DAY, Deck, Fate, NEW_YEAR, STAGES, money, ratio},
        funnels::rows,
    },
    import::real_data::alike,
};

async fn report(api: &Api, path: &str, parameters: &str) -> Value {
    api.get(&format!("/v1/reports/{path}?{parameters}")).await.expect(200).json
}

/// Number, amount and shares by reason of some of the lost cards, the most frequent first.
pub fn by_reason(deck: &Deck, keep: impl Fn(&Card) -> bool) -> Value {
    let lost: Vec<_> =
        deck.cards.iter().filter(|card| card.fate == Fate::Lost && keep(card)).collect();
    let all: i64 = lost.iter().map(|card| card.cents).sum();
    let mut reasons: BTreeMap<usize, (i64, i64)> = BTreeMap::new();
    for card in &lost {
        let count = reasons.entry(card.loss.unwrap().0).or_default();
        *count = (count.0 + 1, count.1 + card.cents);
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(reason, (deals, _))| (-deals, deck.reasons[*reason].clone()));
    let row = |(reason, (deals, cents)): (usize, (i64, i64))| {
        let name = ["Price", "Time", "Chance"][reason];
        json!({ "loss_reason_id": deck.reasons[reason], "name": name,
            "deals": deals, "amount": money(cents), "share": ratio(deals, lost.len() as i64),
            "share_by_amount": ratio(cents, all) })
    };
    Value::from(reasons.into_iter().map(row).collect::<Vec<_>>())
}

#[tokio::test]
async fn losses_are_counted_by_their_last_outcome() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deck = Deck::deal(api, 60).await;
    let year = format!("deal_type_id={}&from=2025-01-01&to=2025-12-31", deck.deal_type);
    for (from, to, first, after) in
        [("2025-01-01", "2025-12-31", 0, 365), ("2025-04-01", "2025-06-30", 90, 181)]
    {
        let within = |card: &Card| {
            card.closed
                .is_some_and(|at| (NEW_YEAR + first * DAY..NEW_YEAR + after * DAY).contains(&at))
        };
        let expected = by_reason(&deck, within);
        for of in [format!("deal_type_id={}&", deck.deal_type), String::new()] {
            let found = report(api, "losses", &format!("{of}from={from}&to={to}")).await;
            assert_eq!(alike(&found["reasons"], &expected), expected);
            let deals: i64 = rows(&expected).iter().map(|row| row["deals"].as_i64().unwrap()).sum();
            assert_eq!(found["totals"]["deals"], deals);
            assert!(deals > 5 && found.get("groups").is_none());
        }
    }
    let groups = [
        "stage",
        "deepest_stage",
        "owner",
        "competitor",
        "source",
        "client_type",
        "region",
        "month",
    ];
    for group in groups {
        let found = report(api, "losses", &format!("{year}&group_by={group}")).await;
        let mut sum = 0;
        for one in rows(&found["groups"]) {
            let key = one["key"].as_str();
            let expected = by_reason(&deck, |card| {
                let client = card.client.map(|index| &deck.clients[index]);
                key == match group {
                    "stage" => Some(STAGES[card.here().stage]),
                    "deepest_stage" => Some(STAGES[card.depth()]),
                    "owner" => Some(deck.owners[card.owner].as_str()),
                    "competitor" => {
                        card.loss.unwrap().1.map(|index| deck.competitors[index].as_str())
                    }
                    "source" => card.source.map(|index| deck.sources[index].as_str()),
                    "client_type" => client.map(|client| client.1),
                    "region" => client.and_then(|client| client.2),
                    _ => {
                        let at = crate::analytics::funnel_deck::instant(card.closed.unwrap());
                        return key == Some(&at[..7]);
                    }
                }
            });
            assert_eq!(alike(&one["reasons"], &expected), expected, "{group} {key:?}");
            sum += one["deals"].as_i64().unwrap();
        }
        assert_eq!(sum, found["totals"]["deals"].as_i64().unwrap(), "{group}");
    }
    // In the order of the process, by name.
    let found = report(api, "losses", &format!("{year}&group_by=stage")).await;
    let names: Vec<_> =
        rows(&found["groups"]).iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.len() > 2 && names[0].starts_with("Stage "), "{names:?}");
}

/// Visits of given lengths to the only stage of a deal type, in days; those without an end go on.
async fn stays(api: &Api, deal_type: &str, from: &str, stays: &[(i64, bool)]) {
    let start = chrono::DateTime::parse_from_rfc3339(from).unwrap().timestamp();
    for (days, over) in stays {
        let body = json!({ "title": "A stay", "deal_type_id": deal_type, "opened_at": from });
        let deal = api.post("/v1/deals", body).await.expect(201).id();
        if *over {
            let at = crate::analytics::funnel_deck::instant(start + days * DAY);
            api.transition(&deal, json!({ "to": "won", "occurred_at": at })).await.expect(200);
        }
    }
}

#[tokio::test]
async fn open_visits_count_as_far_as_they_have_come() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["only"]).await;
    // Monday noon. Three of five are over.
    stays(
        api,
        &deal_type,
        "2025-02-03T12:00:00Z",
        &[(1, true), (4, true), (7, true), (0, false), (0, false)],
    )
    .await;
    let of = format!("deal_type_id={deal_type}&from=2025-02-01&to=2025-02-28");
    let found = report(api, "stage-durations", &of).await;
    let stage = &found["stages"][0];
    // S falls to 4/5, 3/5 and 2/5; nobody knows when nine of ten will be over.
    let expected = json!({ "stage_key": "only", "visits": 5, "ended_visits": 3, "open_visits": 2,
        "median_seconds": 7.0 * 86_400.0, "p90_seconds": null,
        // Monday noon to the next Monday noon has five working days, of 9 hours.
        "median_working_seconds": 5.0 * 32_400.0, "p90_working_seconds": null });
    assert_eq!(alike(stage, &expected), expected);
    // 1 + 0.8 * 3 + 0.6 * 3 + 0.4 of the rest: more than if there were no rest.
    assert!(stage["mean_seconds"].as_f64().unwrap() > 5.2 * 86_400.0, "{stage}");
    // Without the open ones the median would be the fourth day.
    let before = format!("deal_type_id={deal_type}&from=2025-02-04&to=2025-02-28");
    let none = report(api, "stage-durations", &before).await["stages"][0].clone();
    let expected = json!({ "visits": 0, "median_seconds": null, "mean_seconds": null, "p90_seconds": null,
        "median_working_seconds": null, "mean_working_seconds": null, "p90_working_seconds": null });
    assert_eq!(alike(&none, &expected), expected);
}

#[tokio::test]
async fn durations_leave_holds_out() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deck = Deck::deal(api, 50).await;
    let year = format!("deal_type_id={}&from=2025-01-01&to=2025-12-31", deck.deal_type);
    let found = report(api, "stage-durations", &year).await;
    for (k, stage) in rows(&found["stages"]).iter().enumerate() {
        let stays: Vec<_> = deck
            .cards
            .iter()
            .flat_map(|card| {
                card.stays.iter().filter(|stay| stay.stage == k).map(move |stay| (card, stay))
            })
            .collect();
        let open = stays.iter().filter(|(_, stay)| stay.to.is_none()).count();
        let expected = json!({ "stage_key": STAGES[k], "visits": stays.len(), "open_visits": open,
            "ended_visits": stays.len() - open });
        assert_eq!(alike(stage, &expected), expected);
        // Open ones have lasted for longer than any that is over: the median is that of the order.
        let mut lengths: Vec<i64> =
            stays.iter().filter_map(|(card, stay)| Some(card.worked(stay, stay.to?))).collect();
        lengths.sort_unstable();
        let middle = stays.len().div_ceil(2) - 1;
        let held_long = stays.iter().any(|(card, stay)| stay.to.is_none() && card.is_held());
        if let (Some(median), false) = (lengths.get(middle), held_long) {
            assert_eq!(stage["median_seconds"].as_f64(), Some(*median as f64), "{}", STAGES[k]);
        }
    }
    let grouped = report(api, "stage-durations", &format!("{year}&group_by=owner")).await;
    for (k, stage) in rows(&grouped["stages"]).iter().enumerate() {
        let sum: i64 = rows(&grouped["groups"])
            .iter()
            .map(|group| group["stages"][k]["visits"].as_i64().unwrap())
            .sum();
        assert_eq!(sum, stage["visits"].as_i64().unwrap());
        for one in rows(&grouped["groups"]) {
            let owner = deck.owners.iter().position(|owner| one["key"] == owner.as_str()).unwrap();
            let visits = deck
                .cards
                .iter()
                .filter(|card| card.owner == owner)
                .flat_map(|card| &card.stays)
                .filter(|stay| stay.stage == k)
                .count();
            assert_eq!(one["stages"][k]["visits"], visits);
        }
    }
}
