//! Reports as sheets: what a spreadsheet reads is what the JSON says.

use calamine::{Data, DataType, Reader, Xlsx, open_workbook_from_rs};
use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;
use std::io::Cursor;
use voronka_integration_tests::{Api, TestServer};

use crate::analytics::{
    funnel_deck::{DAY, Deck, NEW_YEAR, instant},
    funnels::rows,
};

/// Header and rows of the only sheet.
pub async fn sheet(api: &Api, path: &str) -> (Vec<String>, Vec<Vec<Data>>) {
    let response = api
        .http
        .get(format!("{}{path}", api.base))
        .bearer_auth(api.token.as_deref().expect("a token"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    );
    let bytes = response.bytes().await.expect("a workbook").to_vec();
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).expect("a workbook");
    let names = book.sheet_names();
    assert_eq!(names.len(), 1);
    let range = book.worksheet_range(&names[0]).expect("a sheet");
    let mut lines = range.rows().map(<[Data]>::to_vec);
    let header = lines.next().expect("a header").iter().map(ToString::to_string).collect();
    (header, lines.collect())
}

/// A cell says what the JSON says, each in its own way.
fn assert_says(cell: &Data, expected: &Value, column: &str) {
    let amount = column.ends_with("amount");
    match expected {
        Value::Null => assert!(cell.is_empty(), "{column}: {cell:?}"),
        Value::String(text) if amount => {
            let number =
                cell.get_float().unwrap_or_else(|| panic!("{column} is no number: {cell:?}"));
            assert_eq!(format!("{number:.2}"), *text, "{column}");
        }
        Value::String(text) if column.ends_with("_at") => {
            let at: NaiveDateTime =
                cell.as_datetime().unwrap_or_else(|| panic!("{column}: {cell:?}"));
            // The workspace is in Amsterdam.
            let zone = chrono_tz::Europe::Amsterdam;
            let expected =
                DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&zone).naive_local();
            assert!(
                (at - expected).abs() < chrono::TimeDelta::milliseconds(2),
                "{column}: {at} {expected}"
            );
        }
        Value::String(text) => assert_eq!(cell.get_string(), Some(text.as_str()), "{column}"),
        Value::Number(number) => {
            let found =
                cell.get_float().unwrap_or_else(|| panic!("{column} is no number: {cell:?}"));
            assert!((found - number.as_f64().unwrap()).abs() < 1e-6, "{column}");
        }
        other => panic!("{column}: {other}"),
    }
}

#[tokio::test]
async fn sheets_say_what_the_json_says() {
    let server = TestServer::start().await;
    let api = &server.workspace("Sheets", "EUR", "Europe/Amsterdam").await;
    let deck = Deck::deal(api, 25).await;
    let year = format!("deal_type_id={}&from=2025-01-01&to=2025-12-31", deck.deal_type);
    let noon = instant(NEW_YEAR + 150 * DAY + 43_200);
    for (path, list) in [
        (format!("/v1/reports/funnel/closed?{year}"), "stages"),
        (format!("/v1/reports/funnel/closed?{year}&group_by=source&basis=created"), "stages"),
        (
            format!(
                "/v1/reports/funnel/open?deal_type_id={}&as_of={noon}&group_by=owner",
                deck.deal_type
            ),
            "stages",
        ),
        (format!("/v1/reports/losses?{year}"), "reasons"),
        (format!("/v1/reports/losses?{year}&group_by=competitor"), "reasons"),
    ] {
        let report = api.get(&path).await.expect(200).json;
        let whole = [report.clone()];
        let groups = report["groups"].as_array().map_or(&whole[..], Vec::as_slice);
        let expected: Vec<_> = groups
            .iter()
            .flat_map(|group| rows(&group[list]).iter().map(move |row| (group, row)))
            .collect();
        let (header, lines) = sheet(api, &format!("{path}&format=xlsx")).await;
        assert_eq!(lines.len(), expected.len(), "{path}");
        assert!(lines.len() > 2);
        for (line, (group, row)) in lines.iter().zip(expected) {
            for (column, cell) in header.iter().zip(line) {
                match column.as_str() {
                    "group_key" => assert_says(cell, &group["key"], column),
                    "group_name" if group.get("name").is_none() => {
                        assert!(cell.get_string().is_none_or(str::is_empty))
                    }
                    "group_name" => assert_says(cell, &group["name"], column),
                    "currency" => assert_says(cell, &report["currency"], column),
                    name => assert_says(cell, &row[name], column),
                }
            }
            let mut fields = row.as_object().unwrap().keys();
            assert!(
                fields.all(|field| field == "drill_down" || header.contains(field)),
                "{header:?}"
            );
        }
    }

    let path =
        format!("/v1/reports/funnel/closed/deals?{year}&basis=created&figure=deals&sort=opened_at");
    let deals = api.get(&format!("{path}&limit=200")).await.expect(200).json["items"].clone();
    let (header, lines) = sheet(api, &format!("{path}&format=xlsx")).await;
    assert_eq!((lines.len(), rows(&deals).len()), (25, 25));
    let text = api.get(&format!("{path}&format=csv")).await.expect(200).text;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), header);
    for ((line, deal), record) in lines.iter().zip(rows(&deals)).zip(reader.records()) {
        let record = record.unwrap();
        for ((column, cell), text) in header.iter().zip(line).zip(record.iter()) {
            let expected = match column.as_str() {
                "amount" | "base_amount" | "counted_amount" => &deal[column]["amount"],
                "currency" => &deal["amount"]["currency"],
                "base_currency" => &deal["base_amount"]["currency"],
                "external_id" => &deal["external_id"]["id"],
                // Names of what the deal has ids of.
                "stage" => {
                    let key = deal["stage_key"].as_str().unwrap();
                    assert_eq!(cell.get_string(), Some(format!("Stage {key}").as_str()));
                    continue;
                }
                "owner" | "client" | "source" | "loss_reason" | "competitor" => {
                    let id = match column.as_str() {
                        "loss_reason" | "competitor" => &deal["loss"][format!("{column}_id")],
                        name => &deal[format!("{name}_id")],
                    };
                    assert_eq!(
                        cell.get_string().is_none_or(str::is_empty),
                        id.is_null(),
                        "{column}"
                    );
                    continue;
                }
                name => &deal[name],
            };
            assert_says(cell, expected, column);
            match expected {
                Value::String(expected) => assert_eq!(text, expected, "{column}"),
                Value::Null => assert_eq!(text, "", "{column}"),
                expected => assert_eq!(text, expected.to_string(), "{column}"),
            }
        }
    }
}
