//! Reports of a segment, and split by segments, against a deck's own account.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

use crate::{
    analytics::{
        funnel_deck::{Card, DAY, Deck, Fate, NEW_YEAR, STAGES, instant},
        funnels::rows,
        report_figures::by_reason,
    },
    import::real_data::alike,
};

/// Segments that overlap, of deals and of clients. The last of them holds for nothing.
pub const NAMES: [&str; 5] = ["Large", "New clients", "North", "Not lost", "Nowhere"];

/// Whether a segment holds for a card.
fn holds(deck: &Deck, segment: usize, card: &Card) -> bool {
    let client = card.client.map(|index| &deck.clients[index]);
    match segment {
        0 => card.cents >= 90_000,
        1 => client.is_some_and(|client| client.1 == "new"),
        2 => client.is_some_and(|client| client.2 == Some("North")),
        3 => card.fate != Fate::Lost && card.source.is_some(),
        _ => false,
    }
}

/// Their ids.
pub async fn save(api: &Api) -> Vec<String> {
    let test =
        |field: &str, op: &str, value: &str| json!({ "field": field, "op": op, "value": value });
    let conditions = [
        ("deal", test("deal.amount", "gte", "900")),
        ("client", test("client.type", "eq", "new")),
        ("client", test("client.region", "eq", "North")),
        (
            "deal",
            json!({ "all": [{ "not": test("deal.status", "eq", "lost") },
            { "field": "deal.source_id", "op": "filled" }] }),
        ),
        ("client", test("client.region", "eq", "Nowhere")),
    ];
    let mut ids = Vec::new();
    for (name, (entity, condition)) in NAMES.into_iter().zip(conditions) {
        let body = json!({ "name": name, "entity": entity, "condition": condition });
        ids.push(api.post("/v1/segments", body).await.expect(201).id());
    }
    ids
}

async fn report(api: &Api, path: &str) -> Value {
    api.get(&format!("/v1/reports/{path}")).await.expect(200).json
}

/// The groups of a report: key, name and which cards they are of.
fn groups<'a>(
    deck: &'a Deck,
    ids: &'a [String],
    report: &'a Value,
) -> impl Iterator<Item = (&'a Value, impl Fn(&Card) -> bool + 'a)> {
    rows(&report["groups"]).iter().map(move |group| {
        let segment = group["key"]
            .as_str()
            .map(|key| ids.iter().position(|id| id == key).expect("one of the segments"));
        assert_eq!(group["name"], segment.map_or("(none)", |segment| NAMES[segment]));
        let of = move |card: &Card| match segment {
            Some(segment) => holds(deck, segment, card),
            None => !(0..NAMES.len()).any(|segment| holds(deck, segment, card)),
        };
        (group, of)
    })
}

#[tokio::test]
async fn a_report_is_split_by_segments_that_overlap() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deck = Deck::deal(api, 40).await;
    let ids = save(api).await;
    let archived = json!({ "name": "Old", "entity": "deal",
        "condition": { "field": "deal.title", "op": "filled" } });
    let archived = api.post("/v1/segments", archived).await.expect(201).id();
    api.patch(&format!("/v1/segments/{archived}"), json!({ "archived": true })).await.expect(200);
    let of =
        format!("deal_type_id={}&from=2025-01-01&to=2025-12-31&group_by=segment", deck.deal_type);
    let noon = NEW_YEAR + 150 * DAY + 43_200;
    let deal_type = &deck.deal_type;

    let found = report(api, &format!("funnel/closed?{of}&basis=created")).await;
    let mut of_groups = 0;
    for (group, keep) in groups(&deck, &ids, &found) {
        let expected = deck.closed(keep);
        assert_eq!(alike(group, &expected), expected, "{}", group["name"]);
        of_groups += group["totals"]["deals"].as_i64().unwrap();
    }
    // Nothing is nowhere, and what is archived splits nothing.
    assert_eq!(rows(&found["groups"]).len(), 5);
    assert_eq!(found["totals"]["deals"], 40);
    assert!(of_groups > 45, "{of_groups}");

    let path =
        format!("funnel/open?deal_type_id={deal_type}&as_of={}&group_by=segment", instant(noon));
    let found = report(api, &path).await;
    for (group, keep) in groups(&deck, &ids, &found) {
        let expected = deck.open_at(noon, keep);
        assert_eq!(alike(&group["stages"], &expected), expected, "{}", group["name"]);
    }
    let whole = deck.open_at(noon, |_| true);
    assert_eq!(alike(&found["stages"], &whole), whole);

    let found = report(api, &format!("losses?{of}")).await;
    for (group, keep) in groups(&deck, &ids, &found) {
        let expected = by_reason(&deck, |card| card.closed.is_some() && keep(card));
        assert_eq!(alike(&group["reasons"], &expected), expected, "{}", group["name"]);
    }

    let found = report(api, &format!("stage-durations?{of}")).await;
    for (k, stage) in rows(&found["stages"]).iter().enumerate() {
        assert_eq!(stage["visits"], visits(&deck, k, |_| true));
    }
    for (group, keep) in groups(&deck, &ids, &found) {
        for (k, stage) in rows(&group["stages"]).iter().enumerate() {
            assert_eq!(stage["visits"], visits(&deck, k, &keep), "{} {}", group["name"], STAGES[k]);
        }
        // The same visits as without the groups, and so the same lengths.
        if let Some(id) = group["key"].as_str() {
            let of = of.replace("&group_by=segment", "");
            let alone = report(api, &format!("stage-durations?{of}&segment_id={id}")).await;
            for (stage, of_group) in rows(&alone["stages"]).iter().zip(rows(&group["stages"])) {
                if stage["open_visits"] == 0 {
                    assert_eq!(stage["mean_seconds"], of_group["mean_seconds"]);
                }
                assert_eq!(stage["visits"], of_group["visits"]);
            }
        }
    }
}

/// What is not so of a client is so of deals without one where deals are asked, and not where clients are.
#[tokio::test]
async fn deals_without_a_client_are_where_their_segments_say() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deck = Deck::deal(api, 40).await;
    let north = json!({ "not": { "field": "client.region", "op": "eq", "value": "North" } });
    let nowhere = json!({ "field": "client.region", "op": "empty" });
    let region = |card: &Card| card.client.map(|index| deck.clients[index].2);
    let in_north = |card: &Card| region(card).flatten() == Some("North");
    type Holds<'h> = &'h dyn Fn(&Card) -> bool;
    let segments: [(&str, Value, Holds<'_>); 4] = [
        ("deal", north.clone(), &|card| !in_north(card)),
        ("client", north, &|card| card.client.is_some() && !in_north(card)),
        ("deal", nowhere.clone(), &|card| region(card).flatten().is_none()),
        ("client", nowhere, &|card| region(card) == Some(None)),
    ];
    assert!(deck.cards.iter().any(|card| card.client.is_none()));
    assert!(deck.cards.iter().any(|card| region(card) == Some(None)));
    let of =
        format!("deal_type_id={}&from=2025-01-01&to=2025-12-31&group_by=segment", deck.deal_type);
    for (number, (entity, condition, holds)) in segments.into_iter().enumerate() {
        let name = number.to_string();
        let body = json!({ "name": name, "entity": entity, "condition": condition });
        let id = api.post("/v1/segments", body).await.expect(201).id();
        for path in [format!("funnel/closed?{of}&basis=created"), format!("stage-durations?{of}")] {
            let found = report(api, &path).await;
            let group = rows(&found["groups"]).iter().find(|group| group["key"] == id.as_str());
            let group = group.unwrap_or_else(|| panic!("{path}: {number}"));
            if path.starts_with("funnel") {
                let expected = deck.closed(holds);
                assert_eq!(alike(group, &expected), expected, "{number}");
            } else {
                let counted: Vec<_> =
                    rows(&group["stages"]).iter().map(|stage| stage["visits"].clone()).collect();
                let expected: Vec<_> =
                    (0..counted.len()).map(|k| visits(&deck, k, holds)).collect();
                assert_eq!(json!(counted), json!(expected), "{number}");
            }
        }
    }
}

fn visits(deck: &Deck, stage: usize, keep: impl Fn(&Card) -> bool) -> usize {
    let cards = deck.cards.iter().filter(|card| keep(card));
    cards.flat_map(|card| &card.stays).filter(|stay| stay.stage == stage).count()
}

#[tokio::test]
async fn a_report_is_narrowed_to_a_segment() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deck = Deck::deal(api, 40).await;
    let ids = save(api).await;
    let of = format!("deal_type_id={}&from=2025-01-01&to=2025-12-31", deck.deal_type);
    let noon = NEW_YEAR + 150 * DAY + 43_200;
    for (segment, id) in ids.iter().enumerate() {
        let keep = |card: &Card| holds(&deck, segment, card);
        let found = report(api, &format!("funnel/closed?{of}&basis=created&segment_id={id}")).await;
        let expected = deck.closed(keep);
        assert_eq!(alike(&found, &expected), expected, "{}", NAMES[segment]);
        let path = format!(
            "funnel/open?deal_type_id={}&as_of={}&segment_id={id}",
            deck.deal_type,
            instant(noon)
        );
        let expected = deck.open_at(noon, keep);
        assert_eq!(alike(&report(api, &path).await["stages"], &expected), expected);
        let found = report(api, &format!("losses?{of}&segment_id={id}")).await;
        let expected = by_reason(&deck, |card| card.closed.is_some() && keep(card));
        assert_eq!(alike(&found["reasons"], &expected), expected);
        let found = report(api, &format!("stage-durations?{of}&segment_id={id}")).await;
        for (k, stage) in rows(&found["stages"]).iter().enumerate() {
            assert_eq!(stage["visits"], visits(&deck, k, keep));
        }
        // Split by owner as well.
        let path = format!("funnel/closed?{of}&basis=created&segment_id={id}&group_by=owner");
        for group in rows(&report(api, &path).await["groups"]) {
            let owner = group["key"].as_str().unwrap();
            let expected = deck.closed(|card| keep(card) && deck.owners[card.owner] == owner);
            assert_eq!(alike(group, &expected), expected);
        }
    }

    // It is of the deals as they are now: whoever is moved to the south is in no past of the north.
    let north = &ids[2];
    let path = format!(
        "funnel/open?deal_type_id={}&as_of={}&segment_id={north}",
        deck.deal_type,
        instant(noon)
    );
    assert!(report(api, &path).await["totals"]["deals"].as_i64() > Some(0));
    let client = &deck.clients[0].0;
    api.patch(&format!("/v1/clients/{client}"), json!({ "region": "South" })).await.expect(200);
    assert_eq!(report(api, &path).await["totals"]["deals"], 0);

    // Of another workspace it is not there.
    let other = server.workspace("Other", "EUR", "UTC").await;
    let deal_type = other.deal_type(&["only"]).await;
    for path in ["funnel/closed", "funnel/open", "losses", "stage-durations"] {
        let path = format!("/v1/reports/{path}?deal_type_id={deal_type}&segment_id={north}");
        other.get(&path).await.expect(404);
    }
}
