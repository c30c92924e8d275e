//! Amounts in other currencies: converted at the rate of the day, and fixed.

use serde_json::{Value, json};
use voronka_integration_tests::TestServer;

#[tokio::test]
async fn base_amounts_are_fixed_at_opening_at_changes_and_at_closing() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let usd = |amount: &str| json!({ "amount": amount, "currency": "USD" });
    let new = |opened: &str| json!({ "title": "Deal", "deal_type_id": deal_type, "amount": usd("1000"), "opened_at": opened });
    let missing = api.post("/v1/deals", new("2026-01-15T12:00:00Z")).await;
    let missing = missing.problem(422, "validation_failed");
    assert_eq!(
        missing.faults(),
        [("/amount/currency".to_owned(), "exchange_rate_missing".to_owned())]
    );
    let rates = json!([
        { "currency": "USD", "day": "2026-01-01", "rate": "0.9" },
        { "currency": "USD", "day": "2026-02-01", "rate": "0.8" },
        { "currency": "USD", "day": "2026-03-01", "rate": "0.7" },
    ]);
    let put = async |rates: &Value| {
        let body = json!({ "rates": rates }).to_string().into_bytes();
        api.send(reqwest::Method::PUT, "/v1/exchange-rates", &[], Some(body)).await.expect(200).json
    };
    assert_eq!(put(&rates).await, json!({ "created": 3, "updated": 0, "unchanged": 0 }));
    assert_eq!(put(&rates).await, json!({ "created": 0, "updated": 0, "unchanged": 3 }));
    // Before the first rate there is none.
    api.post("/v1/deals", new("2025-12-31T12:00:00Z")).await.problem(422, "validation_failed");
    // 23:30 in Amsterdam is the last hour of January; half an hour later it is February.
    let base = |deal: &Value| deal["base_amount"]["amount"].as_str().unwrap().to_owned();
    let late = api.post("/v1/deals", new("2026-01-31T22:30:00Z")).await.expect(201);
    assert_eq!(
        (base(&late.json), &late.json["amount"]["amount"]),
        ("900.00".into(), &json!("1000.00"))
    );
    let next = api.post("/v1/deals", new("2026-01-31T23:00:00Z")).await.expect(201);
    assert_eq!(base(&next.json), "800.00");
    // A correction of a rate does not touch what was fixed.
    put(&json!([{ "currency": "USD", "day": "2026-01-01", "rate": "0.5" }])).await;
    let path = format!("/v1/deals/{}", late.id());
    assert_eq!(base(&api.get(&path).await.expect(200).json), "900.00");
    let moved = json!({ "to": "next", "occurred_at": "2026-02-10T12:00:00Z" });
    assert_eq!(base(&api.transition(&late.id(), moved).await.expect(200).json), "900.00");
    let won = json!({ "to": "won", "occurred_at": "2026-03-10T12:00:00Z" });
    assert_eq!(base(&api.transition(&late.id(), won).await.expect(200).json), "700.00");
    let report =
        format!("/v1/reports/funnel/closed?deal_type_id={deal_type}&from=2026-03-01&to=2026-03-31");
    let totals = api.get(&report).await.expect(200).json["totals"].take();
    assert_eq!(totals["won_amount"], "700.00");
    // What was open on a past day is worth what it was then.
    let open =
        format!("/v1/reports/funnel/open?deal_type_id={deal_type}&as_of=2026-02-01T12:00:00Z");
    let totals = api.get(&open).await.expect(200).json["totals"].take();
    assert_eq!((&totals["deals"], &totals["amount"]), (&json!(2), &json!("1700.00")), "{totals}");
    // The last rate holds until today.
    let path = format!("/v1/deals/{}", next.id());
    let changed = api.patch(&path, json!({ "amount": usd("0.07") })).await.expect(200).json;
    assert_eq!(base(&changed), "0.049");
    let back = json!({ "amount": { "amount": "5", "currency": "EUR" } });
    assert_eq!(base(&api.patch(&path, back).await.expect(200).json), "5.00");
}
