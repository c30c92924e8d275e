//! Files of other things than deals.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

use crate::import::imports::{counts, expect, faults, import};

/// A spec in which each field is the column of its name.
pub fn spec(kind: &str, fields: &[&str]) -> Value {
    let mapping: serde_json::Map<_, _> =
        fields.iter().map(|field| ((*field).to_owned(), json!({ "column": field }))).collect();
    json!({ "kind": kind, "mapping": mapping })
}

async fn refused(api: &Api, spec: Value, pointer: &str, code: &str) {
    let reply = api.import("a\n1\n", spec).await.problem(422, "validation_failed");
    assert!(reply.faults().contains(&(pointer.to_owned(), code.to_owned())), "{}", reply.text);
}

#[tokio::test]
async fn only_rows_of_deals_have_a_deal_type() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    for kind in ["deals", "stage_events"] {
        refused(api, json!({ "kind": kind, "mapping": {} }), "/deal_type_id", "required").await;
    }
    let rates = json!({ "kind": "exchange_rates", "mapping": {}, "deal_type_id": deal_type,
        "stage_map": { "x": { "won": true } } });
    for pointer in ["/deal_type_id", "/stage_map"] {
        refused(api, rates.clone(), pointer, "not_allowed").await;
    }
    refused(api, rates, "/mapping/rate", "required").await;
}

async fn rates(api: &Api) -> Vec<(String, String, String)> {
    let list = api.get("/v1/exchange-rates?sort=currency&limit=200").await.expect(200);
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    let items = list.json["items"].as_array().unwrap().iter();
    let mut rates: Vec<_> =
        items.map(|item| (text(item, "currency"), text(item, "day"), text(item, "rate"))).collect();
    rates.sort();
    rates
}

#[tokio::test]
async fn exchange_rates_come_from_a_file() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let mut spec = spec("exchange_rates", &["currency", "day", "rate"]);
    spec["date_format"] = json!("DD.MM.YYYY");
    let file =
        "currency;day;rate\nUSD;01.11.2026;0,9213\nGBP;01.11.2026;1.1402\nUSD;02.11.2026;0.93\n";
    let expected = [
        ("GBP", "2026-11-01", "1.1402"),
        ("USD", "2026-11-01", "0.9213"),
        ("USD", "2026-11-02", "0.93"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    let mut dry = spec.clone();
    dry["dry_run"] = json!(true);
    assert_eq!(counts(&import(&server, api, file, dry).await), [3, 0, 0, 0]);
    assert_eq!(rates(api).await, []);
    assert_eq!(counts(&import(&server, api, file, spec.clone()).await), [3, 0, 0, 0]);
    assert_eq!(rates(api).await, expected);
    assert_eq!(counts(&import(&server, api, file, spec.clone()).await), [0, 0, 3, 0]);
    assert_eq!(rates(api).await, expected);

    // Of rows of one currency and day, each counts for itself, and the last one stands.
    let file = "currency;day;rate\nJPY;01.11.2026;0.006\nUSD;01.11.2026;0.9213\nJPY;01.11.2026;0.006\n\
        JPY;01.11.2026;0.007\n";
    assert_eq!(counts(&import(&server, api, file, spec.clone()).await), [1, 1, 2, 0]);
    assert!(rates(api).await.contains(&(
        "JPY".to_owned(),
        "2026-11-01".to_owned(),
        "0.007".to_owned()
    )));

    let file = "currency;day;rate\nEUR;01.11.2026;1\nXXZ;01.11.2026;1\nCHF;31.02.2026;1\nCHF;01.11.2026;0\n\
        CHF;01.11.2026;much\n;;\nCHF;01.11.2026;1.05\n";
    let done = import(&server, api, file, spec).await;
    assert_eq!(counts(&done), [1, 0, 0, 6]);
    let told = [
        (2, "currency", "not_allowed"),
        (3, "currency", "unknown_currency"),
        (4, "day", "invalid_date"),
        (5, "rate", "out_of_range"),
        (6, "rate", "invalid_value"),
        (7, "currency", "required"),
        (7, "day", "required"),
        (7, "rate", "required"),
    ];
    assert_eq!(faults(api, &done).await, expect(&told));
}

#[tokio::test]
async fn products_come_from_a_file_and_are_kept_as_a_catalogue() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let price = json!({ "amount": "5.00", "currency": "USD" });
    let body = json!({ "name": "Pump", "sku": "P-1", "unit": "piece", "price": price });
    let pump = api.post("/v1/products", body.clone()).await.expect(201);
    assert_eq!((&pump.json["price"], &pump.json["archived"]), (&price, &json!(false)));
    let mut taken = body;
    taken["sku"] = json!("p-1");
    api.post("/v1/products", taken).await.problem(409, "sku_taken");

    let spec = spec("products", &["sku", "name", "unit", "price", "currency"]);
    let file = "sku;name;unit;price;currency\np-1;;;1 999,95;EUR\nH-1;Help;hour;12;\nh-1;;day;;\n\
        X-1;;;;\nX-2;Box;;much;\nX-3;Box;;1;XXZ\n;Box;;;\nX-4;Box;;;\n";
    let done = import(&server, api, file, spec.clone()).await;
    assert_eq!(counts(&done), [2, 2, 0, 4], "{done}");
    let told = [
        (5, "name", "required"),
        (6, "price", "invalid_amount"),
        (7, "currency", "unknown_currency"),
        (8, "sku", "required"),
    ];
    assert_eq!(faults(api, &done).await, expect(&told));
    let list = api.get("/v1/products?sort=sku").await.expect(200).json["items"].clone();
    let of = |field: &str| -> Vec<Value> {
        list.as_array().unwrap().iter().map(|item| item[field].clone()).collect()
    };
    assert_eq!(of("sku"), ["H-1", "P-1", "X-4"]);
    assert_eq!(of("unit"), [json!("day"), json!("piece"), Value::Null]);
    let euro = |amount: &str| json!({ "amount": amount, "currency": "EUR" });
    assert_eq!(of("price"), [euro("12.00"), euro("1999.95"), Value::Null]);
    assert_eq!(of("version"), [1, 2, 1]);
    let again = import(&server, api, file, spec).await;
    assert_eq!(counts(&again), [0, 2, 2, 4], "the unit of H-1 goes there and back");

    let path = format!("/v1/products/{}", pump.id());
    let patch = json!({ "price": null, "archived": true });
    let archived = api.patch(&path, patch).await.expect(200).json;
    assert_eq!((&archived["price"], &archived["version"]), (&Value::Null, &json!(3)));
    let count = async |query: &str| {
        let list = api.get(&format!("/v1/products?{query}")).await.expect(200);
        list.json["items"].as_array().unwrap().len()
    };
    assert_eq!(count("archived=false").await, 2);
    assert_eq!(count("q=h-1").await, 1);
    assert_eq!(count("q=PUM").await, 1);
    assert_eq!(count("price[gte]=12&currency=EUR").await, 1);
}

/// What is nothing but invisible is no name, whatever the rows are.
#[tokio::test]
async fn invisible_names_are_refused() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let column = |name: &str| json!({ "column": name });
    for (kind, key) in [("clients", "external_id"), ("products", "sku"), ("users", "email")] {
        let mapping = json!({ key: column("key"), "name": column("name") });
        let spec = json!({ "kind": kind, "mapping": mapping, "external_source": "erp" });
        let keys = ["a@example.com", "b@example.com", "c@example.com"];
        let names = ["\u{200b}", "\u{3164}\u{feff}", "\u{2800} \u{200d}"];
        let rows: String =
            keys.iter().zip(names).map(|(key, name)| format!("{key},{name}\n")).collect();
        let done = import(&server, api, format!("key,name\n{rows}"), spec).await;
        assert_eq!(counts(&done), [0, 0, 0, 3], "{kind}");
    }
}
