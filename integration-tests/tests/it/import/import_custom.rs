//! Custom fields and currencies in files.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

use crate::import::imports::{counts, deal, expect, faults, import, notes};

async fn field(api: &Api, entity: &str, key: &str, kind: &str) {
    let mut body =
        json!({ "entity": entity, "key": key, "name": format!("The {key}"), "type": kind });
    if kind.ends_with("choice") {
        body["choices"] = json!([{ "key": "red", "name": "Красный" }, { "key": "blue", "name": "Blue" },
            { "key": "grey", "name": "Grey", "archived": true }]);
    }
    api.post("/v1/custom-fields", body).await.expect(201);
}

pub const TYPES: [(&str, &str); 9] = [
    ("words", "text"),
    ("weight", "number"),
    ("fee", "money"),
    ("due", "date"),
    ("agreed", "boolean"),
    ("colour", "choice"),
    ("colours", "multi_choice"),
    ("engineer", "user"),
    ("partner", "client"),
];

/// One of each type.
pub async fn fields(api: &Api, entity: &str) {
    for (key, kind) in TYPES {
        field(api, entity, key, kind).await;
    }
}

fn spec(deal_type: &str) -> Value {
    let mut mapping = json!({ "external_id": { "column": "id" }, "amount": { "column": "amount" },
        "currency": { "column": "currency" }, "opened_at": { "column": "opened" } });
    for (key, _) in TYPES {
        mapping[format!("custom.{key}")] = json!({ "column": key });
    }
    json!({ "kind": "deals", "deal_type_id": deal_type, "mapping": mapping,
        "date_format": "DD.MM.YYYY", "create_missing": true })
}

const HEADER: &str =
    "id|amount|currency|opened|words|weight|fee|due|agreed|colour|colours|engineer|partner\n";

/// A file of rows that name their cells.
fn file(rows: &[&[(&str, &str)]]) -> String {
    let columns: Vec<&str> = HEADER.trim().split('|').collect();
    let row = |row: &&[(&str, &str)]| {
        assert!(row.iter().all(|(name, _)| columns.contains(name)));
        let cell = |column: &&str| row.iter().find(|(name, _)| name == column);
        let cells: Vec<_> = columns.iter().map(|c| cell(c).map_or("", |(_, cell)| *cell)).collect();
        format!("{}\n", cells.join("|"))
    };
    HEADER.to_owned() + &rows.iter().map(row).collect::<String>()
}

#[tokio::test]
async fn custom_fields_are_read_by_their_types() {
    let server = TestServer::start().await;
    let api = &server.admin;
    fields(api, "deal").await;
    let deal_type = api.deal_type(&["first"]).await;
    let partner = api.post("/v1/clients", json!({ "name": "Isdom" })).await.expect(201).id();
    let day = ("opened", "01.03.2026");
    let file = file(&[
        &[
            ("id", "1"),
            day,
            ("words", "two words"),
            ("weight", "1 234,5"),
            ("fee", "99,95"),
            ("due", "15.12.2026"),
            ("agreed", "да"),
            ("colour", "Blue"),
            ("colours", "red; Blue"),
            ("engineer", "ida@example.com"),
            ("partner", "isdom"),
        ],
        &[
            ("id", "2"),
            day,
            ("weight", "-0.5"),
            ("fee", "7.5 USD"),
            ("agreed", "no"),
            ("colour", "красный"),
            ("colours", "blue"),
            ("engineer", "ida@example.com"),
        ],
        &[("id", "3"), day],
    ]);
    let done = import(&server, api, &*file, spec(&deal_type)).await;
    assert_eq!(counts(&done), [3, 0, 0, 0], "{done}");
    assert!(notes(&done).contains(&("created_user".to_owned(), 1)));
    let users = api.get("/v1/users?q=ida@example.com").await.expect(200);
    let ida = users.json["items"][0]["id"].clone();
    let one = json!({ "words": "two words", "weight": "1234.5",
        "fee": { "amount": "99.95", "currency": "EUR" }, "due": "2026-12-15", "agreed": true,
        "colour": "blue", "colours": ["red", "blue"], "engineer": ida, "partner": partner });
    assert_eq!(deal(api, "1").await["custom"], one);
    let two = json!({ "weight": "-0.5", "fee": { "amount": "7.50", "currency": "USD" }, "agreed": false,
        "colour": "red", "colours": ["blue"], "engineer": ida });
    assert_eq!(deal(api, "2").await["custom"], two);
    assert_eq!(deal(api, "3").await["custom"], json!({}));
    // The index of values has them too.
    let found = api.get("/v1/deals?custom.colour=blue&sort=custom.weight").await.expect(200);
    assert_eq!(found.json["items"].as_array().unwrap().len(), 1);

    let again = import(&server, api, &*file, spec(&deal_type)).await;
    assert_eq!(counts(&again), [0, 0, 3, 0]);
    // An empty cell clears nothing, and what differs is changed.
    let file = self::file(&[&[("id", "1"), ("agreed", "нет")]]);
    assert_eq!(counts(&import(&server, api, file, spec(&deal_type)).await), [0, 1, 0, 0]);
    let mut changed = one;
    changed["agreed"] = json!(false);
    assert_eq!(deal(api, "1").await["custom"], changed);
    let events = api.get("/v1/events?type=deal.updated").await.expect(200);
    assert_eq!(events.json["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_faulty_value_names_its_field() {
    let server = TestServer::start().await;
    let api = &server.admin;
    fields(api, "deal").await;
    let deal_type = api.deal_type(&["first"]).await;
    let mut spec = spec(&deal_type);
    spec["create_missing"] = json!(false);
    let long = "x".repeat(501);
    let file = file(&[
        &[
            ("id", "1"),
            ("weight", "much"),
            ("fee", "dear"),
            ("due", "soon"),
            ("agreed", "perhaps"),
            ("colour", "green"),
            ("colours", "red;green"),
            ("engineer", "nobody"),
        ],
        &[("id", "2"), ("weight", "1234567890123456"), ("fee", "1.23456")],
        &[("id", "3"), ("words", &long)],
        &[("id", "4"), ("colour", "grey"), ("colours", "red;grey")],
        &[("id", "5"), ("fee", "1"), ("due", "01.01.2026")],
    ]);
    let done = import(&server, api, file, spec).await;
    assert_eq!(counts(&done), [1, 0, 0, 4], "{done}");
    let mut told = faults(api, &done).await;
    told.sort();
    let mut expected = expect(&[
        (2, "custom.weight", "invalid_value"),
        (2, "custom.fee", "invalid_amount"),
        (2, "custom.due", "invalid_date"),
        (2, "custom.agreed", "invalid_value"),
        (2, "custom.colour", "unknown_choice"),
        (2, "custom.colours", "unknown_choice"),
        (3, "custom.weight", "out_of_range"),
        (3, "custom.fee", "too_many_decimals"),
        (4, "custom.words", "too_long"),
        (5, "custom.colour", "unknown_choice"),
        (5, "custom.colours", "unknown_choice"),
    ]);
    expected.sort();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn names_in_custom_fields_have_to_be_known() {
    let server = TestServer::start().await;
    let api = &server.admin;
    fields(api, "deal").await;
    let deal_type = api.deal_type(&["first"]).await;
    let mut spec = spec(&deal_type);
    spec["create_missing"] = json!(false);
    let file = file(&[&[("id", "1"), ("engineer", "nobody"), ("partner", "nothing")]]);
    let done = import(&server, api, file, spec.clone()).await;
    let mut told = faults(api, &done).await;
    told.sort();
    let expected =
        [(2, "custom.engineer", "unknown_reference"), (2, "custom.partner", "unknown_reference")];
    assert_eq!(told, expect(&expected));
    for (key, column, pointer, code) in [
        ("custom.nothing", "id", "/mapping/custom.nothing", "unknown_field"),
        ("custom.due", "gone", "/mapping/custom.due/column", "unknown_column"),
    ] {
        let mut faulty = spec.clone();
        faulty["mapping"][key] = json!({ "column": column });
        let reply = api.import(HEADER, faulty).await.problem(422, "validation_failed");
        assert_eq!(reply.faults(), [(pointer.to_owned(), code.to_owned())]);
    }
    let list = api.get("/v1/custom-fields?key=due").await.expect(200);
    let id = list.json["items"][0]["id"].as_str().unwrap().to_owned();
    let archived = json!({ "archived": true });
    api.patch(&format!("/v1/custom-fields/{id}"), archived).await.expect(200);
    let reply = api.import(HEADER, spec).await.problem(422, "validation_failed");
    let told = ("/mapping/custom.due".to_owned(), "field_archived".to_owned());
    assert_eq!(reply.faults(), [told]);
}

#[tokio::test]
async fn each_row_may_have_a_currency_of_its_own() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    for (day, rate) in [("2026-01-01", "0.90"), ("2026-02-01", "0.80")] {
        let rate = json!({ "currency": "USD", "day": day, "rate": rate });
        api.post("/v1/exchange-rates", rate).await.expect(201);
    }
    let mut spec = spec(&deal_type);
    spec["mapping"].as_object_mut().unwrap().retain(|field, _| !field.starts_with("custom."));
    spec["currency"] = json!("USD");
    let header = "id|amount|currency|opened\n";
    let file = format!(
        "{header}1|100|EUR|15.01.2026\n2|100||15.01.2026\n3|100|USD|15.02.2026\n4|100|USD|15.12.2025\n\
         5|100|GBP|15.01.2026\n6|100|XXZ|15.01.2026\n7|100|eur|15.01.2026\n"
    );
    let done = import(&server, api, &*file, spec.clone()).await;
    assert_eq!(counts(&done), [3, 0, 0, 4], "{done}");
    let expected = [
        (5, "amount", "exchange_rate_missing"),
        (6, "amount", "exchange_rate_missing"),
        (7, "currency", "unknown_currency"),
        (8, "currency", "unknown_currency"),
    ];
    assert_eq!(faults(api, &done).await, expect(&expected));
    // By hand: 100, 100 x 0.90, 100 x 0.80.
    for (id, currency, base) in
        [("1", "EUR", "100.00"), ("2", "USD", "90.00"), ("3", "USD", "80.00")]
    {
        let deal = deal(api, id).await;
        assert_eq!(deal["amount"], json!({ "amount": "100.00", "currency": currency }), "{id}");
        assert_eq!(deal["base_amount"], json!({ "amount": base, "currency": "EUR" }), "{id}");
    }
    let again = import(&server, api, &*file, spec.clone()).await;
    assert_eq!(counts(&again), [0, 0, 3, 4]);
}

#[tokio::test]
async fn columns_of_custom_fields_are_suggested() {
    let server = TestServer::start().await;
    let api = &server.admin;
    field(api, "deal", "delivery_terms", "text").await;
    field(api, "client", "delivery_days", "number").await;
    let reply = api.preview("Id,The delivery_terms,Валюта,delivery days\n1,x,EUR,2\n", &[]).await;
    let mapping = json!({ "external_id": { "column": "Id" }, "currency": { "column": "Валюта" },
        "custom.delivery_terms": { "column": "The delivery_terms" } });
    assert_eq!(reply.expect(200).json["mapping"], mapping);
}
