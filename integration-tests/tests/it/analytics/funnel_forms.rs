//! The same funnel as JSON, as CSV and as a picture.

use diesel::{RunQueryDsl, sql_types::Text};
use serde_json::{Value, json};
use voronka_integration_tests::TestServer;

use crate::analytics::funnels::rows;

#[tokio::test]
async fn every_form_has_the_same_figures() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let body = json!({ "name": "Sale <&> \"more\"", "mode": "manual", "stages": [{ "name": "First <b>" }, { "name": "Second, & last" }] });
    let deal_type = api.post("/v1/deal-types", body).await.expect(201).id();
    let reason = api.loss_reason("Price").await;
    for (amount, to) in
        [("1234.50", "won"), ("17.25", "won"), ("803.10", "lost"), ("77.00", "open")]
    {
        let deal = api.deal(&deal_type, amount).await;
        match to {
            "won" => api.transition(&deal, json!({ "to": "won" })).await.expect(200),
            "lost" => api
                .transition(&deal, json!({ "to": "lost", "loss_reason_id": reason }))
                .await
                .expect(200),
            _ => api.transition(&deal, json!({ "to": "next" })).await.expect(200),
        };
    }
    let (json, csv, svg) = ("application/json", "text/csv; charset=utf-8", "image/svg+xml");
    let xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    for (path, figures) in [
        (
            format!(
                "/v1/reports/funnel/closed?deal_type_id={deal_type}&basis=created&group_by=owner"
            ),
            [
                "2 won (1,251.75 EUR), 1 lost, 1 open, win rate 67 %",
                "First <b>: 4 reached, 3 passed, 1 lost, 0 open.",
                "803.10 EUR lost of 2,131.85 EUR reached",
            ],
        ),
        (
            format!("/v1/reports/funnel/open?deal_type_id={deal_type}&group_by=owner"),
            ["1 deal", "77 EUR", "weighted 51.34 EUR"],
        ),
    ] {
        let as_of = api.get(&path).await.expect(200).json["as_of"].clone();
        let path = as_of.as_str().map_or(path.clone(), |as_of| format!("{path}&as_of={as_of}"));
        for (format, accept, expected) in [
            ("", "", json),
            ("", "*/*", json),
            ("", "text/csv", csv),
            ("", "image/svg+xml, text/csv;q=0.5", svg),
            ("", "text/html, */*;q=0.1", json),
            ("&format=json", "text/csv", json),
            ("&format=csv", "", csv),
            ("&format=svg", "application/json", svg),
            ("&format=xlsx", "application/json", xlsx),
        ] {
            let headers: &[_] = if accept.is_empty() { &[] } else { &[("accept", accept)] };
            let reply = api
                .send(reqwest::Method::GET, &format!("{path}{format}"), headers, None)
                .await
                .expect(200);
            assert_eq!(reply.header("content-type"), expected, "{format} {accept}");
        }
        api.send(reqwest::Method::GET, &path, &[("accept", "text/html")], None)
            .await
            .problem(406, "not_acceptable");
        api.get(&format!("{path}&format=pdf")).await.problem(400, "invalid_parameters");

        let report = api.get(&path).await.expect(200).json;
        let text = api.get(&format!("{path}&format=csv")).await.expect(200).text;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let mut lines = 0;
        for (line, stage) in reader
            .records()
            .zip(rows(&report["groups"]).iter().flat_map(|group| rows(&group["stages"])))
        {
            lines += 1;
            for (column, cell) in header.iter().zip(line.unwrap().iter()) {
                let expected = match column {
                    "group_key" => &report["groups"][0]["key"],
                    "group_name" => &report["groups"][0]["name"],
                    "currency" => &report["currency"],
                    column => &stage[column],
                };
                match expected {
                    Value::Null => assert_eq!(cell, ""),
                    Value::String(text) => assert_eq!(cell, text),
                    number => assert_eq!(cell.parse::<f64>().ok(), number.as_f64(), "{column}"),
                }
            }
            assert!(
                stage
                    .as_object()
                    .unwrap()
                    .keys()
                    .all(|field| field == "drill_down"
                        || header.iter().any(|column| column == field))
            );
        }
        assert_eq!((lines, text.lines().count()), (2, 3));

        let picture = api.get(&format!("{path}&format=svg")).await.expect(200).text;
        let words = words_of(&server, &picture);
        for figure in ["Sale <&> \"more\"", "First <b>", "Second, & last"].iter().chain(&figures) {
            assert!(words.contains(figure), "{figure} is not in {words}");
        }
    }
}

/// All text of an XML document, tool tips included, as another program's parser reads it.
fn words_of(server: &TestServer, xml: &str) -> String {
    let query =
        "SELECT array_to_string(xpath('//text()', xmlparse(DOCUMENT $1))::text[], ' ') AS words";
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        words: String,
    }
    let row: Row =
        diesel::sql_query(query).bind::<Text, _>(xml).get_result(&mut server.connection()).unwrap();
    // Figures hold their units by blanks of other widths.
    let words = row.words.replace(char::is_whitespace, " ");
    words.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
