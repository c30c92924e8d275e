//! Every number of every report leads to its deals.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use voronka_integration_tests::{Api, TestServer};

use crate::analytics::{
    funnel_deck::{Card, DAY, Deck, Fate, NEW_YEAR, STAGES, instant},
    funnels::rows,
    report_segments,
};

/// A figure, and which cards it counts.
type Expectation<'a> = (&'a str, &'a dyn Fn(&Card) -> bool);

/// A number with the link beside it.
#[derive(Debug, Clone)]
struct Link {
    number: i64,
    /// Of the same deals, where the report has it.
    amount: Option<String>,
    path: String,
}

/// All of a report, wherever they stand.
fn links(report: &Value, found: &mut Vec<Link>) {
    match report {
        Value::Object(fields) => {
            for (figure, path) in
                fields.get("drill_down").and_then(Value::as_object).into_iter().flatten()
            {
                let number = report[figure].as_i64();
                let number = number.unwrap_or_else(|| panic!("no {figure} in {report}"));
                let amount = if figure == "deals" {
                    "amount".to_owned()
                } else {
                    format!("{figure}_amount")
                };
                let amount = report[&amount].as_str().map(str::to_owned);
                found.push(Link { number, amount, path: path.as_str().unwrap().to_owned() });
            }
            fields.values().for_each(|field| links(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| links(item, found)),
        _ => {}
    }
}

fn cents(amount: &str) -> i64 {
    amount.replace('.', "").parse().unwrap()
}

/// The whole list, page by page.
async fn list(api: &Api, path: &str, limit: i64) -> Vec<Value> {
    let (mut deals, mut next) = (Vec::new(), format!("{path}&limit={limit}"));
    loop {
        let page = api.get(&next).await.expect(200);
        deals.extend(rows(&page.json["items"]).iter().cloned());
        let Some(cursor) = page.json["page"]["next_cursor"].as_str() else { return deals };
        assert!(page.header("link").contains(cursor), "{}", page.header("link"));
        next = format!("{path}&limit={limit}&cursor={cursor}");
    }
}

async fn check(api: &Api, link: Link, limit: i64) -> bool {
    let deals = list(api, &link.path, limit).await;
    let ids: BTreeSet<_> = deals.iter().map(|deal| deal["id"].to_string()).collect();
    assert_eq!(ids.len(), deals.len(), "a deal is listed twice: {link:?}");
    let counted: i64 = deals.iter().map(|deal| deal["counted"].as_i64().unwrap()).sum();
    assert_eq!(counted, link.number, "{link:?}");
    if let Some(amount) = &link.amount {
        let sum: i64 = deals
            .iter()
            .map(|deal| cents(deal["counted_amount"]["amount"].as_str().unwrap()))
            .sum();
        assert_eq!(sum, cents(amount), "{link:?}");
    }
    link.number > 0
}

pub async fn check_all(api: &Api, path: &str) -> usize {
    let report = api.get(path).await.expect(200).json;
    let mut found = Vec::new();
    links(&report, &mut found);
    assert!(!found.is_empty(), "{path} has no links");
    let checked = stream::iter(found.into_iter().enumerate())
        .map(|(index, link)| check(api, link, if index % 5 == 0 { 3 } else { 200 }))
        .buffer_unordered(4);
    checked.filter(|counts| std::future::ready(*counts)).count().await
}

#[tokio::test]
async fn every_number_is_that_of_its_list() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let mut deck = Deck::deal(api, 40).await;
    let of = format!("deal_type_id={}&from=2025-01-01&to=2025-12-31", deck.deal_type);
    let months = format!("deal_type_id={}&from=2025-06-01&to=2025-08-31", deck.deal_type);
    let noon = instant(NEW_YEAR + 150 * DAY + 43_200);
    let mut paths = vec![
        format!("/v1/reports/funnel/closed?{of}&group_by=owner"),
        format!("/v1/reports/funnel/closed?{of}&group_by=month"),
        format!("/v1/reports/funnel/closed?{of}&group_by=client_type"),
        format!("/v1/reports/funnel/closed?{of}&basis=created&group_by=region"),
        format!("/v1/reports/funnel/closed?{of}&basis=created&group_by=month"),
        format!("/v1/reports/funnel/closed?{months}&group_by=source&compare=previous_period"),
        format!("/v1/reports/funnel/closed?{months}&basis=created&compare=previous_period"),
        format!("/v1/reports/stage-durations?{of}&group_by=owner"),
        format!("/v1/reports/stage-durations?{months}&group_by=month"),
        format!("/v1/reports/losses?from=2025-01-01&to=2025-12-31&group_by=owner"),
    ];
    for group in ["owner", "source", "client_type", "region"] {
        let deal_type = &deck.deal_type;
        paths.push(format!(
            "/v1/reports/funnel/open?deal_type_id={deal_type}&as_of={noon}&group_by={group}"
        ));
    }
    for group in
        ["stage", "deepest_stage", "competitor", "source", "client_type", "region", "month"]
    {
        paths.push(format!("/v1/reports/losses?{of}&group_by={group}"));
    }
    // Of segments, and split by them: of deals and of clients.
    let segments = report_segments::save(api).await;
    for group in ["owner", "segment"] {
        let open = format!("funnel/open?deal_type_id={}&as_of={noon}", deck.deal_type);
        let closed = format!("funnel/closed?{of}&basis=created");
        for report in [closed, open, format!("losses?{of}"), format!("stage-durations?{of}")] {
            paths.push(format!("/v1/reports/{report}&group_by={group}&segment_id={}", segments[1]));
        }
    }
    paths.push(format!("/v1/reports/funnel/closed?{of}&group_by=segment"));
    paths.push(format!("/v1/reports/stage-durations?{of}&group_by=segment"));
    paths.push(format!("/v1/reports/losses?{of}&group_by=stage&segment_id={}", segments[0]));
    for path in &paths {
        let counting = check_all(api, path).await;
        assert!(counting > 8, "{counting} numbers of {path} are not 0");
    }
    // Amounts and owners change, and are in the past what they were.
    for index in 0..deck.cards.len() {
        deck.step(api, index, None).await;
    }
    for path in paths.iter().filter(|path| path.contains("/open?")) {
        check_all(api, path).await;
    }
    check_all(api, &format!("/v1/reports/funnel/open?deal_type_id={}", deck.deal_type)).await;

    // Which deals they are, and not only how many.
    let basis =
        format!("deal_type_id={}&basis=created&from=2025-01-01&to=2025-12-31", deck.deal_type);
    for (k, key) in STAGES.iter().enumerate() {
        let visited = |card: &Card| card.stays.iter().any(|stay| stay.stage == k);
        let back = |card: &Card| card.stays.iter().any(|stay| stay.stage == k && stay.back);
        let expectations: [Expectation<'_>; 5] = [
            ("reached", &|card| card.depth() >= k || card.fate == Fate::Won),
            ("lost", &|card| card.depth() == k && card.fate == Fate::Lost),
            ("lost_from", &|card| card.here().stage == k && card.fate == Fate::Lost),
            ("touched", &visited),
            ("back_moves", &back),
        ];
        for (figure, counts) in expectations {
            let path =
                format!("/v1/reports/funnel/closed/deals?{basis}&stage_key={key}&figure={figure}");
            let listed = list(api, &path, 50).await;
            let listed: BTreeSet<_> =
                listed.iter().map(|deal| deal["id"].as_str().unwrap()).collect();
            let expected: BTreeSet<_> = deck
                .cards
                .iter()
                .filter(|card| counts(card))
                .map(|card| card.id.as_str())
                .collect();
            assert_eq!(listed, expected, "{figure} of {key}");
        }
    }
}

#[tokio::test]
async fn a_list_is_sorted_and_shows_nobody_elses_deals() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deck = Deck::deal(api, 25).await;
    let of = format!("deal_type_id={}&basis=created&from=2025-01-01&to=2025-12-31", deck.deal_type);
    let path = format!("/v1/reports/funnel/closed/deals?{of}&figure=deals");
    let deals = list(api, &format!("{path}&sort=-amount"), 4).await;
    let amounts: Vec<_> =
        deals.iter().map(|deal| cents(deal["base_amount"]["amount"].as_str().unwrap())).collect();
    assert!(amounts.is_sorted_by(|a, b| a >= b), "{amounts:?}");
    assert_eq!(deals.len(), 25);
    for line in ["csv", "xlsx"] {
        api.get(&format!("{path}&format={line}")).await.expect(200);
    }

    let seller = api.colleague("seller", None).await;
    let own = deck.cards.iter().filter(|card| card.fate == Fate::Open).take(2);
    let own: Vec<_> = own.map(|card| card.id.as_str()).collect();
    for id in &own {
        let body = serde_json::json!({ "owner_id": seller.user_id });
        api.patch(&format!("/v1/deals/{id}"), body).await.expect(200);
    }
    let listed = list(&seller, &path, 50).await;
    let mut listed: Vec<_> = listed.iter().map(|deal| deal["id"].as_str().unwrap()).collect();
    listed.sort_unstable();
    let mut expected = own.clone();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    let text = seller.get(&format!("{path}&format=csv")).await.expect(200).text;
    assert_eq!(text.lines().count(), 3);
    // They saw it then, and do not see it now.
    let body = serde_json::json!({ "owner_id": api.user_id });
    api.patch(&format!("/v1/deals/{}", own[0]), body).await.expect(200);
    let open =
        format!("/v1/reports/funnel/open/deals?deal_type_id={}&figure=deals", deck.deal_type);
    let listed = list(&seller, &open, 50).await;
    assert_eq!(
        listed.iter().map(|deal| deal["id"].as_str().unwrap()).collect::<Vec<_>>(),
        own[1..]
    );
}
