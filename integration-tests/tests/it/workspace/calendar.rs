//! The working calendar: how it is set, and what is measured by it.

use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer};

async fn put(api: &Api, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
    api.send(Method::PUT, path, headers, Some(body.to_string().into_bytes())).await
}

const CALENDAR: &str = "/v1/workspace/calendar";
const HOLIDAYS: &str = "/v1/workspace/holidays";

async fn events(api: &Api, types: &str) -> Vec<Value> {
    let page = api.get(&format!("/v1/events?type={types}")).await.expect(200).json;
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn working_hours_are_set_and_read() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let first = api.get(CALENDAR).await.expect(200);
    let nine_to_six = json!([{ "from": "09:00", "to": "18:00" }]);
    let hours = json!({ "monday": nine_to_six, "tuesday": nine_to_six, "wednesday": nine_to_six,
        "thursday": nine_to_six, "friday": nine_to_six, "saturday": [], "sunday": [] });
    let expected = json!({ "hours": hours, "time_zone": "Europe/Amsterdam", "day_seconds": 32_400,
        "version": 1 });
    assert_eq!((&first.json, first.header("etag")), (&expected, "\"1\""));

    // Out of order, and one day longer than the other: 8 and 9.5 hours.
    let pieces = json!([{ "from": "14:00", "to": "18:00" }, { "from": "09:00", "to": "13:00" }]);
    let body =
        json!({ "hours": { "monday": pieces, "sunday": [{ "from": "14:30", "to": "24:00" }] } });
    let second = put(api, CALENDAR, &[("if-match", "\"1\"")], body.clone()).await.expect(200);
    assert_eq!(second.json["hours"]["monday"][0], json!({ "from": "09:00", "to": "13:00" }));
    assert_eq!(second.json["hours"]["friday"], json!([]));
    assert_eq!((&second.json["day_seconds"], second.header("etag")), (&json!(31_500), "\"2\""));
    assert_eq!(api.get(CALENDAR).await.expect(200).json, second.json);
    put(api, CALENDAR, &[("if-match", "\"1\"")], body.clone())
        .await
        .problem(412, "version_mismatch");
    // The same again is no change.
    assert_eq!(put(api, CALENDAR, &[], body).await.expect(200).json["version"], 2);
    let changes = events(api, "workspace.updated").await;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["object"]["working_hours"]["monday"][1]["to"], "18:00");
    // Another clock is another calendar.
    api.patch("/v1/workspace", json!({ "time_zone": "America/New_York" })).await.expect(200);
    let third = api.get(CALENDAR).await.expect(200).json;
    assert_eq!((&third["version"], &third["time_zone"]), (&json!(3), &json!("America/New_York")));
}

#[tokio::test]
async fn holidays_are_given_by_the_year() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let year = |days: Value| json!({ "from": "2026-01-01", "to": "2026-12-31", "holidays": days });
    let eve = json!({ "day": "2026-12-24", "hours": [{ "from": "09:00", "to": "13:00" }] });
    let day = |day: &str, name: &str| json!({ "day": day, "name": name });
    let counts = async |body: Value| {
        let found = put(api, HOLIDAYS, &[], body).await.expect(200).json;
        ["created", "updated", "unchanged", "deleted"].map(|name| found[name].as_i64().unwrap())
    };
    let next = json!({ "from": "2027-01-01", "to": "2027-01-01", "holidays": [day("2027-01-01", "New Year")] });
    assert_eq!(counts(next).await, [1, 0, 0, 0]);
    let days = json!([day("2026-12-26", "Boxing Day"), day("2026-12-25", "Christmas"), eve]);
    assert_eq!(counts(year(days.clone())).await, [3, 0, 0, 0]);
    assert_eq!(counts(year(days)).await, [0, 0, 3, 0]);
    assert_eq!(api.get(CALENDAR).await.expect(200).json["version"], 3);
    let days = json!([day("2026-12-25", "Christmas Day"), eve, day("2026-04-27", "King's Day")]);
    assert_eq!(counts(year(days)).await, [1, 1, 1, 1]);

    let path = format!("{HOLIDAYS}?day[gte]=2026-01-01&day[lte]=2026-12-31");
    let found = api.get(&path).await.expect(200).json;
    let shown = |row: &Value| (row["day"].clone(), row["name"].clone(), row["hours"].clone());
    let found: Vec<_> = found["items"].as_array().unwrap().iter().map(shown).collect();
    let expected = [
        (json!("2026-04-27"), json!("King's Day"), json!([])),
        (json!("2026-12-24"), Value::Null, eve["hours"].clone()),
        (json!("2026-12-25"), json!("Christmas Day"), json!([])),
    ];
    assert_eq!(found, expected);
    for deleted in [1, 0] {
        let path = format!("{HOLIDAYS}/2026-04-27");
        let gone = api.send(Method::DELETE, &path, &[], None).await.expect(200).json;
        assert_eq!(gone["deleted"], deleted);
    }
    let of = |what: &'static str| async move { events(api, what).await };
    assert_eq!(of("holiday.created").await.len(), 5);
    assert_eq!(of("holiday.updated").await[0]["object"]["name"], "Christmas Day");
    let gone = of("holiday.deleted").await;
    let days: Vec<_> = gone.iter().map(|event| event["object"]["day"].clone()).collect();
    assert_eq!(days, ["2026-12-26", "2026-04-27"]);
    assert_eq!(api.get(CALENDAR).await.expect(200).json["version"], 5);
}

/// How many deals were overdue at instants, by the open funnel and by the list behind its number.
async fn assert_overdue(api: &Api, deal_type: &str, expected: &[(&str, usize)]) {
    for (at, overdue) in expected {
        let of = format!("deal_type_id={deal_type}&as_of={at}");
        let funnel = api.get(&format!("/v1/reports/funnel/open?{of}")).await.expect(200).json;
        assert_eq!(funnel["totals"]["overdue"], *overdue, "{at}");
        let path = format!("/v1/reports/funnel/open/deals?{of}&figure=overdue");
        let deals = api.get(&path).await.expect(200).json;
        assert_eq!(deals["items"].as_array().unwrap().len(), *overdue, "{at}");
    }
}

#[tokio::test]
async fn norms_run_in_working_time() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([{ "name": "First", "norm_days": 2 }, { "name": "Second" }]);
    let body = json!({ "name": "Sale", "mode": "manual", "stages": stages });
    let deal_type = api.post("/v1/deal-types", body).await.expect(201).id();
    // Maundy Thursday 2025, 09:00 in Amsterdam.
    let body = json!({ "title": "A deal", "deal_type_id": deal_type, "opened_at": "2025-04-17T07:00:00Z" });
    let deal = api.post("/v1/deals", body).await.expect(201).id();
    // Two days of nine hours are used up on Friday evening, and exceeded on Monday at nine.
    let sure = [("2025-04-18T16:00:00Z", 0), ("2025-04-21T07:00:00Z", 0)];
    assert_overdue(api, &deal_type, &sure).await;
    assert_overdue(api, &deal_type, &[("2025-04-21T07:00:01Z", 1)]).await;

    let easter = json!([{ "day": "2025-04-18" }, { "day": "2025-04-21" }]);
    let april = |days: Value| json!({ "from": "2025-04-01", "to": "2025-04-30", "holidays": days });
    put(api, HOLIDAYS, &[], april(easter)).await.expect(200);
    let later =
        [("2025-04-21T07:00:01Z", 0), ("2025-04-23T07:00:00Z", 0), ("2025-04-23T07:00:01Z", 1)];
    assert_overdue(api, &deal_type, &later).await;

    // Four hours on Holy Saturday, and five more on Tuesday.
    let worked = json!({ "day": "2025-04-19", "hours": [{ "from": "10:00", "to": "14:00" }] });
    let days = json!([{ "day": "2025-04-18" }, worked, { "day": "2025-04-21" }]);
    put(api, HOLIDAYS, &[], april(days)).await.expect(200);
    assert_overdue(api, &deal_type, &[("2025-04-22T12:00:00Z", 0), ("2025-04-22T12:00:01Z", 1)])
        .await;

    // On hold from Thursday noon to Tuesday at nine: three hours, Tuesday's nine, and six on Wednesday.
    let body =
        json!({ "title": "Held", "deal_type_id": deal_type, "opened_at": "2025-04-17T07:00:00Z" });
    let held = api.post("/v1/deals", body).await.expect(201).id();
    let hold = json!({ "to": "hold", "reason": "Easter", "occurred_at": "2025-04-17T10:00:00Z" });
    api.transition(&held, hold).await.expect(200);
    assert_overdue(api, &deal_type, &[("2025-06-01T00:00:00Z", 1)]).await;
    let resume = json!({ "to": "resume", "occurred_at": "2025-04-22T07:00:00Z" });
    api.transition(&held, resume).await.expect(200);
    assert_overdue(api, &deal_type, &[("2025-04-23T13:00:00Z", 1), ("2025-04-23T13:00:01Z", 2)])
        .await;

    // Thursday 9, Saturday 4, Tuesday 9, Wednesday 1; the other 3, 9 and 1.
    for (deal, hours) in [(&deal, 23), (&held, 13)] {
        let before = api.get(&format!("/v1/deals/{deal}/route-map")).await.expect(200).json;
        assert_eq!(before["stages"][0]["overdue"], true);
        let won = json!({ "to": "won", "occurred_at": "2025-04-23T08:00:00Z" });
        api.transition(deal, won).await.expect(200);
        let after = api.get(&format!("/v1/deals/{deal}/route-map")).await.expect(200).json;
        assert_eq!(after["stages"][0]["visits"][0]["working_seconds"], hours * 3_600);
        assert_eq!(after["stages"][0]["overdue"], false);
    }
    let of = format!("deal_type_id={deal_type}&from=2025-04-01&to=2025-04-30");
    let report = api.get(&format!("/v1/reports/stage-durations?{of}")).await.expect(200).json;
    assert_eq!(report["stages"][0]["mean_working_seconds"], 18.0 * 3_600.0);

    // Mornings only: two days are eight hours, Thursday's four and Saturday's.
    let morning = json!([{ "from": "09:00", "to": "13:00" }]);
    let hours = json!({ "monday": morning, "tuesday": morning, "wednesday": morning,
        "thursday": morning, "friday": morning });
    put(api, CALENDAR, &[], json!({ "hours": hours })).await.expect(200);
    let at = [("2025-04-22T07:00:00Z", 0), ("2025-04-22T07:00:01Z", 1)];
    assert_overdue(api, &deal_type, &at).await;
}
