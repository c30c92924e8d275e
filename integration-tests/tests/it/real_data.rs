//! Real companies' data, against figures that come from the data themselves.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer, test_data};

/// A hardware seller's pipeline: deals with a stage, an engage date and a close date.
async fn import_pipeline(server: &TestServer, api: &Api, file: &str) -> (String, Value) {
    let stages = json!([{ "name": "Prospecting", "probability": 0.2 }, { "name": "Engaging", "probability": 0.5 }]);
    let body = json!({ "name": "Hardware", "mode": "manual", "stages": stages });
    let deal_type = api.post("/v1/deal-types", body).await.expect(201).id();
    let import = api.import(file, pipeline_spec(&deal_type, false)).await.expect(202);
    let done = server.finished(api, &import.id()).await;
    (deal_type, done)
}

fn pipeline_spec(deal_type: &str, dry_run: bool) -> Value {
    json!({
        "kind": "deals", "deal_type_id": deal_type, "external_source": "crm", "currency": "USD",
        "date_format": "M/D/YYYY", "create_missing": true, "dry_run": dry_run,
        "mapping": {
            "external_id": {"column": "opportunity_id"}, "title": {"column": "opportunity_id"},
            "owner": {"column": "sales_agent"}, "client": {"column": "account"},
            "stage": {"column": "deal_stage"}, "opened_at": {"column": "engage_date"},
            "closed_at": {"column": "close_date"}, "amount": {"column": "close_value"},
        },
        "stage_map": {
            "Prospecting": {"stage": "prospecting"}, "Engaging": {"stage": "engaging"},
            "Won": {"won": true, "stage": "engaging"},
            "Lost": {"lost": "Not stated", "stage": "engaging"},
        },
    })
}

#[tokio::test]
async fn a_real_pipeline_gives_its_own_totals() {
    let Some(file) = test_data("crm-sales-opportunities/sales_pipeline.csv") else { return };
    let server = TestServer::start().await;
    let api = server.workspace("Hardware", "USD", "America/Chicago").await;
    let (deal_type, done) = import_pipeline(&server, &api, &file).await;
    assert_eq!(
        (&done["state"], &done["created"], &done["rejected"]),
        (&json!("done"), &json!(8800), &json!(0)),
        "{done}"
    );
    let notes = done["notes"].as_array().unwrap();
    let without_client = notes.iter().find(|note| note["code"] == "without_client").unwrap();
    assert_eq!(without_client["count"], 1425);

    let closed = |from: &str, to: &str| {
        format!("/v1/reports/funnel/closed?deal_type_id={deal_type}&from={from}&to={to}")
    };
    let year = api.get(&closed("2017-01-01", "2017-12-31")).await.expect(200).json;
    let totals = &year["totals"];
    assert_eq!((&totals["won"], &totals["lost"]), (&json!(4238), &json!(2473)));
    assert_eq!(totals["won_amount"], "10005534.00");
    assert_eq!(totals["win_rate"], 0.631501);
    let quarters = [("01-01", "03-31"), ("04-01", "06-30"), ("07-01", "09-30"), ("10-01", "12-31")];
    for ((from, to), won) in quarters.into_iter().zip([531, 1254, 1257, 1196]) {
        let path = closed(&format!("2017-{from}"), &format!("2017-{to}"));
        assert_eq!(api.get(&path).await.expect(200).json["totals"]["won"], won, "{from}");
    }
    let open = format!("/v1/reports/funnel/open?deal_type_id={deal_type}");
    let open = api.get(&open).await.expect(200).json;
    let deals: Vec<_> = open["stages"].as_array().unwrap().iter().map(|s| &s["deals"]).collect();
    assert_eq!(deals, [500, 1589]);

    // The same file again changes nothing.
    let again = api.import(file, pipeline_spec(&deal_type, false)).await.expect(202);
    let again = server.finished(&api, &again.id()).await;
    assert_eq!(
        (&again["unchanged"], &again["created"], &again["updated"]),
        (&json!(8800), &json!(0), &json!(0)),
        "{again}"
    );
    assert_eq!(api.get(&closed("2017-01-01", "2017-12-31")).await.json, year);
}
