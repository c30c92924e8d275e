//! Files of other systems, as they are, taken in row by row.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

/// A spec of deals with `id,title,client,owner,amount,source,temperature,expected,opened,stage,entered,closed,
/// reason,note,competitor` for columns, with other fields changed or added.
pub fn spec(deal_type: &str, others: Value) -> Value {
    let columns = [
        ("external_id", "id"),
        ("title", "title"),
        ("client", "client"),
        ("owner", "owner"),
        ("amount", "amount"),
        ("source", "source"),
        ("lead_temperature", "temperature"),
        ("expected_close_on", "expected"),
        ("opened_at", "opened"),
        ("stage", "stage"),
        ("stage_entered_at", "entered"),
        ("closed_at", "closed"),
        ("loss_reason", "reason"),
        ("note", "note"),
        ("competitor", "competitor"),
    ];
    let mapping: Value = columns
        .iter()
        .map(|(field, column)| ((*field).to_owned(), json!({ "column": column })))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let mut spec = json!({ "kind": "deals", "deal_type_id": deal_type, "mapping": mapping });
    for (name, value) in others.as_object().unwrap() {
        spec[name] = value.clone();
    }
    spec
}

/// Rows that name their cells, as a CSV file with all the columns of `spec`.
pub fn file(rows: &[&[(&str, &str)]]) -> String {
    let columns = "id,title,client,owner,amount,source,temperature,expected,opened,stage,entered,closed,reason,note,competitor";
    let mut text = format!("{columns}\n");
    for row in rows {
        assert!(row.iter().all(|(name, _)| columns.split(',').any(|column| column == *name)));
        let cell =
            |column| row.iter().find(|(name, _)| *name == column).map_or("", |(_, cell)| cell);
        let cells: Vec<_> =
            columns.split(',').map(|column| format!("\"{}\"", cell(column))).collect();
        text.push_str(&format!("{}\n", cells.join(",")));
    }
    text
}

pub async fn import(
    server: &TestServer,
    api: &Api,
    file: impl Into<Vec<u8>>,
    spec: Value,
) -> Value {
    let id = api.import(file, spec).await.expect(202).id();
    done(server, api, &id).await
}

/// The import once it is done, every row counted once.
pub async fn done(server: &TestServer, api: &Api, id: &str) -> Value {
    let done = server.finished(api, id).await;
    assert_eq!(done["state"], "done", "{done}");
    let count = |field: &str| done[field].as_i64().unwrap();
    let sum = count("created") + count("updated") + count("unchanged") + count("rejected");
    assert_eq!((count("rows_done"), count("rows_total")), (sum, sum), "{done}");
    done
}

/// created, updated, unchanged, rejected
pub fn counts(done: &Value) -> [i64; 4] {
    ["created", "updated", "unchanged", "rejected"].map(|field| done[field].as_i64().unwrap())
}

pub fn notes(done: &Value) -> Vec<(String, i64)> {
    let notes = done["notes"].as_array().unwrap().iter();
    notes
        .map(|note| (note["code"].as_str().unwrap().to_owned(), note["count"].as_i64().unwrap()))
        .collect()
}

/// The lines of rejected.csv: line, field, code, reason, and the cells.
async fn rejected(api: &Api, done: &Value) -> Vec<Vec<String>> {
    let path = format!("/v1/imports/{}/rejected.csv", done["id"].as_str().unwrap());
    let reply = api.get(&path).await.expect(200);
    assert_eq!(reply.header("content-type"), "text/csv; charset=utf-8");
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .from_reader(reply.text.as_bytes());
    let mut rows: Vec<Vec<String>> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.remove(0)[..4], ["line", "field", "code", "reason"]);
    rows
}

/// Line, field and code of every fault.
pub async fn faults(api: &Api, done: &Value) -> Vec<(u64, String, String)> {
    let rows = rejected(api, done).await;
    rows.iter().map(|row| (row[0].parse().unwrap(), row[1].clone(), row[2].clone())).collect()
}

pub fn expect(faults: &[(u64, &str, &str)]) -> Vec<(u64, String, String)> {
    faults
        .iter()
        .map(|(line, field, code)| (*line, (*field).to_owned(), (*code).to_owned()))
        .collect()
}

pub async fn deal(api: &Api, external_id: &str) -> Value {
    let list = api.get(&format!("/v1/deals?external_id={external_id}")).await.expect(200);
    let items = list.json["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 1, "{external_id}");
    items[0].clone()
}

pub async fn deals(api: &Api) -> usize {
    api.get("/v1/deals?limit=200").await.expect(200).json["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn columns_are_found_and_gaps_are_filled() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    // Excel's mark, semicolons, CRLF, another case, blanks around, a quoted line break.
    let text = "\u{feff}  NO ;Deal Title;unused;Value\r\n 1 ;\"Servers\r\nfor the plant\";x; 1999.95 \r\n2;;y;\r\n";
    let spec = json!({
        "kind": "deals", "deal_type_id": deal_type, "delimiter": ";", "external_source": "erp",
        "mapping": { "external_id": {"column": "no"}, "title": {"column": "deal title"},
            "amount": {"column": "VALUE"}, "lead_temperature": {"value": "hot"},
            "stage": {"value": "Second"}, "opened_at": {"value": "2026-03-01"} },
    });
    let done = import(&server, api, text, spec).await;
    assert_eq!(counts(&done), [2, 0, 0, 0]);
    assert_eq!(notes(&done), [("without_client".to_owned(), 2), ("without_amount".to_owned(), 1)]);
    let one = deal(api, "1").await;
    assert_eq!(one["title"], "Servers\r\nfor the plant");
    assert_eq!(one["amount"], json!({ "amount": "1999.95", "currency": "EUR" }));
    assert_eq!(one["external_id"], json!({ "source": "erp", "id": "1" }));
    let two = deal(api, "2").await;
    assert_eq!(two["title"], "2", "without a title, the external id is it");
    assert_eq!(two["amount"]["amount"], "0.00");
    for deal in [&one, &two] {
        assert_eq!(
            (&deal["lead_temperature"], &deal["stage_key"]),
            (&json!("hot"), &json!("second"))
        );
        assert_eq!(deal["opened_at"], "2026-02-28T23:00:00Z");
        assert_eq!(deal["owner_id"].as_str(), Some(api.user_id.to_string().as_str()));
    }
}

#[tokio::test]
async fn a_spec_that_does_not_fit_is_refused_at_once() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let good = || json!({ "external_id": { "column": "id" } });
    for (others, pointer, code) in [
        (json!({ "mapping": {} }), "/mapping/external_id", "required"),
        (
            json!({ "mapping": { "external_id": {"column": "nr"} } }),
            "/mapping/external_id/column",
            "unknown_column",
        ),
        (
            json!({ "mapping": { "external_id": {"column": "id"}, "colour": {"value": "red"} } }),
            "/mapping/colour",
            "unknown_field",
        ),
        (json!({ "mapping": good(), "date_format": "someday" }), "/date_format", "invalid_format"),
        (json!({ "mapping": good(), "delimiter": "a" }), "/delimiter", "invalid_format"),
        (json!({ "mapping": good(), "external_source": "" }), "/external_source", "required"),
        (
            json!({ "mapping": good(), "stage_map": { "X": {"stage": "zero"} } }),
            "/stage_map/X/stage",
            "stage_not_in_process",
        ),
        (
            json!({ "mapping": good(), "stage_map": { "a/b": {"won": true, "ignore": true} } }),
            "/stage_map/a~1b",
            "invalid_target",
        ),
        (
            json!({ "mapping": good(), "deal_type_id": uuid::Uuid::nil() }),
            "/deal_type_id",
            "unknown_reference",
        ),
    ] {
        let reply =
            api.import("id\n1\n", spec(&deal_type, others)).await.problem(422, "validation_failed");
        assert!(reply.faults().contains(&(pointer.to_owned(), code.to_owned())), "{}", reply.text);
    }
    let columns = || spec(&deal_type, json!({ "mapping": good() }));
    api.import("", columns()).await.problem(422, "validation_failed");
    api.import("id\n", columns()).await.expect(202);
    assert_eq!(deals(api).await, 0);
}

#[tokio::test]
async fn a_rows_faults_are_all_told_and_stop_no_other() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let long = "x".repeat(201);
    let mut bytes = b"id,title,owner,amount,temperature,expected,opened,stage\n".to_vec();
    let lines = [
        "1,Good,,10,warm,2027-01-31,2026-01-02,first",
        ",No id,,,,,,",
        "3,\"Two\nlines\",,-1,tepid,31.01.2027,yesterday,third",
        "5,Short",
        "6,Long,,,,,,,more",
        "7,Amounts,,1e5,,,,",
        "8,Amounts,,1.23456,,,,",
        "9,Amounts,,1000000000000000,,,,",
        &format!("10,{long},,,,,,"),
        "11,Nobody,Nobody at all,,,,,",
    ];
    for line in lines {
        bytes.extend(format!("{line}\n").bytes());
    }
    bytes.extend(b"12,Caf\xe9,,,,,,\n13,N\0L,,,,,,\n14,Good too,,,,,,\n");
    let mapping = ["title", "owner", "amount", "stage"].map(|field| (field, field));
    let renamed = [
        ("external_id", "id"),
        ("lead_temperature", "temperature"),
        ("expected_close_on", "expected"),
        ("opened_at", "opened"),
    ];
    let mapping: serde_json::Map<_, _> = mapping
        .into_iter()
        .chain(renamed)
        .map(|(field, column)| (field.to_owned(), json!({ "column": column })))
        .collect();
    let others = json!({ "mapping": mapping, "encoding": "utf-8" });
    let done = import(&server, api, bytes, spec(&deal_type, others)).await;
    assert_eq!(counts(&done), [2, 0, 0, 11]);
    let rows = rejected(api, &done).await;
    let told: Vec<_> =
        rows.iter().map(|row| (row[0].parse().unwrap(), row[1].clone(), row[2].clone())).collect();
    let expected = [
        (3, "external_id", "required"),
        (4, "amount", "negative_amount"),
        (4, "expected_close_on", "invalid_date"),
        (4, "lead_temperature", "invalid_value"),
        (4, "opened_at", "invalid_date"),
        (4, "stage", "not_in_stage_map"),
        (6, "", "wrong_cell_count"),
        (7, "", "wrong_cell_count"),
        (8, "amount", "invalid_amount"),
        (9, "amount", "too_many_decimals"),
        (10, "amount", "amount_out_of_range"),
        (11, "title", "too_long"),
        (12, "owner", "unknown_reference"),
        (13, "", "invalid_utf8"),
        (14, "title", "invalid_text"),
    ];
    let mut sorted = told.clone();
    sorted.sort();
    assert_eq!(sorted, expect(&expected));
    assert!(rows.iter().all(|row| !row[3].is_empty()), "every fault has a sentence");
    let cells =
        |line: &str| rows.iter().find(|row| row[0] == line).map(|row| row[4..].to_vec()).unwrap();
    assert_eq!(
        cells("4"),
        ["3", "Two\nlines", "", "-1", "tepid", "31.01.2027", "yesterday", "third"]
    );
    assert_eq!(cells("6"), ["5", "Short"]);
    assert_eq!(cells("7"), ["6", "Long", "", "", "", "", "", "", "more"]);
    assert_eq!(cells("13")[1], "Caf\u{fffd}");
    assert_eq!(cells("14")[1], "N\u{fffd}L");
    assert_eq!(deal(api, "1").await["expected_close_on"], "2027-01-31");
    assert_eq!(deal(api, "14").await["title"], "Good too");
    assert_eq!(deals(api).await, 2);
}

#[tokio::test]
async fn dates_are_read_as_the_file_writes_them() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    for (number, (format, zone, text, instant)) in [
        (Some("M/D/YYYY"), None, "3/1/2017", "2017-02-28T23:00:00Z"),
        (Some("M/D/YYYY"), Some("America/Chicago"), "12/31/2017", "2017-12-31T06:00:00Z"),
        (Some("DD.MM.YYYY HH:mm"), None, "01.07.2017 23:30", "2017-07-01T21:30:00Z"),
        (Some("DD.MM.YYYY HH:mm"), Some("Asia/Tokyo"), "01.07.2017 23:30", "2017-07-01T14:30:00Z"),
        (None, None, "2017-10-29", "2017-10-28T22:00:00Z"),
        (None, None, "2017-10-30", "2017-10-29T23:00:00Z"),
        (None, None, "2017-03-26 12:00", "2017-03-26T10:00:00Z"),
        (None, None, "2017-03-26T12:00:00.5", "2017-03-26T10:00:00.500Z"),
        (None, Some("Asia/Tokyo"), "2011-10-01T10:44:40.725+02:00", "2011-10-01T08:44:40.725Z"),
        (None, None, "2017-01-01T00:00:00Z", "2017-01-01T00:00:00Z"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("d{number}");
        let others = json!({ "date_format": format, "time_zone": zone });
        let done = import(
            &server,
            api,
            file(&[&[("id", &id), ("opened", text)]]),
            spec(&deal_type, others),
        )
        .await;
        assert_eq!(counts(&done), [1, 0, 0, 0], "{text}");
        assert_eq!(deal(api, &id).await["opened_at"], instant, "{text}");
    }
}

#[tokio::test]
async fn names_are_found_or_made() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let users = "/v1/users";
    let anna = api
        .post(users, json!({ "name": "Anna", "email": "anna@example.com", "role": "seller" }))
        .await
        .expect(201)
        .id();
    for email in ["t1@example.com", "t2@example.com"] {
        api.post(users, json!({ "name": "Twin", "email": email, "role": "seller" }))
            .await
            .expect(201);
    }
    let gone = api
        .post(users, json!({ "name": "Gone", "email": "gone@example.com", "role": "seller" }))
        .await
        .expect(201)
        .id();
    api.patch(&format!("{users}/{gone}"), json!({ "active": false })).await.expect(200);
    let old = api.post("/v1/sources", json!({ "name": "Old fair" })).await.expect(201).id();
    api.patch(&format!("/v1/sources/{old}"), json!({ "archived": true })).await.expect(200);
    api.post("/v1/clients", json!({ "name": "Acme" })).await.expect(201);
    let stated = api.loss_reason("Price").await;
    let lost = |id, reason| [("id", id), ("stage", "lost"), ("reason", reason)];
    let rows = file(&[
        &[("id", "1"), ("owner", "ANNA"), ("client", "acme")],
        &[("id", "2"), ("owner", "Anna@Example.com")],
        &[("id", "3"), ("owner", "Twin")],
        &[("id", "4"), ("owner", "Gone")],
        &[("id", "5"), ("source", "old FAIR")],
        &[
            ("id", "6"),
            ("owner", "Ben"),
            ("client", "Bravo"),
            ("source", "Web"),
            ("competitor", "Rival"),
        ],
        &[("id", "7"), ("owner", "ben"), ("client", "BRAVO")],
        &lost("8", "price"),
        &lost("9", "Weather"),
        &lost("10", ""),
    ]);
    let done = import(&server, api, rows.clone(), spec(&deal_type, json!({}))).await;
    assert_eq!(counts(&done), [3, 0, 0, 7]);
    let unknown = |line, field| (line, field, "unknown_reference");
    let always = [unknown(4, "owner"), unknown(5, "owner"), unknown(6, "source")];
    let made = [
        unknown(7, "client"),
        unknown(7, "competitor"),
        unknown(7, "owner"),
        unknown(7, "source"),
        unknown(8, "client"),
        unknown(8, "owner"),
        unknown(10, "loss_reason"),
    ];
    let no_reason = (11, "loss_reason", "loss_reason_required");
    let mut told = faults(api, &done).await;
    told.sort();
    assert_eq!(told, expect(&[&always[..], &made, &[no_reason]].concat()));
    assert_eq!(deal(api, "1").await["owner_id"], json!(anna));
    assert_eq!(deal(api, "2").await["owner_id"], json!(anna));
    assert_eq!(deal(api, "8").await["loss"]["loss_reason_id"], json!(stated));

    let done =
        import(&server, api, rows, spec(&deal_type, json!({ "create_missing": true }))).await;
    assert_eq!(counts(&done), [3, 0, 3, 4]);
    assert_eq!(faults(api, &done).await, expect(&[&always[..], &[no_reason]].concat()));
    let created = notes(&done).into_iter().filter(|(code, _)| code.starts_with("created_"));
    let each = ["user", "client", "source", "loss_reason", "competitor"]
        .map(|noun| (format!("created_{noun}"), 1));
    assert_eq!(created.collect::<Vec<_>>(), each);
    let (six, seven) = (deal(api, "6").await, deal(api, "7").await);
    assert_eq!((&six["owner_id"], &six["client_id"]), (&seven["owner_id"], &seven["client_id"]));
    let ben =
        api.get(&format!("{users}/{}", six["owner_id"].as_str().unwrap())).await.expect(200).json;
    assert_eq!((&ben["name"], &ben["role"]), (&json!("Ben"), &json!("seller")));
}

#[tokio::test]
async fn rows_are_refused_as_requests_are() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let gate = |field: &str| json!({ "kind": "field", "field": field });
    let stages = json!([
        { "name": "First", "gate": [gate("client_id"), gate("amount")] },
        { "name": "Second", "gate": [gate("expected_close_on")] }, { "name": "Third" },
    ]);
    let body = json!({ "name": "Strict", "mode": "manual", "allow_skip": false, "allow_back": false, "stages": stages });
    let strict = api.post("/v1/deal-types", body.clone()).await.expect(201).id();
    let mut body = body;
    (body["name"], body["allow_skip"], body["allow_back"]) =
        (json!("Free"), json!(true), json!(true));
    let free = api.post("/v1/deal-types", body).await.expect(201).id();

    // The same from a request.
    let open = json!({ "title": "A deal", "deal_type_id": free });
    let request = api.post("/v1/deals", open).await.expect(201).id();
    let refused = api
        .transition(&request, json!({ "to": "stage", "stage_key": "third" }))
        .await
        .problem(422, "stage_gate_unmet");
    let codes: Vec<_> = refused.faults().into_iter().map(|(_, code)| code).collect();

    let rows = file(&[
        &[("id", "1"), ("stage", "third")],
        &[("id", "2"), ("stage", "won")],
        &[("id", "3"), ("stage", "first")],
    ]);
    let done = import(&server, api, rows, spec(&free, json!({}))).await;
    assert_eq!(counts(&done), [1, 0, 0, 2]);
    let unmet = |line| {
        ["client", "amount", "expected_close_on"].map(|field| (line, field, "field_required"))
    };
    assert_eq!(faults(api, &done).await, expect(&[unmet(2), unmet(3)].concat()));
    assert_eq!(codes, ["field_required"; 3]);

    let full = [("client", "Acme"), ("amount", "5"), ("expected", "2027-01-01")];
    let with = |cells: &[(&'static str, &'static str)]| [&full[..], cells].concat();
    let spec = || spec(&strict, json!({ "create_missing": true, "external_source": "strict" }));
    let rows = [with(&[("id", "1"), ("stage", "third")]), with(&[("id", "2"), ("stage", "first")])];
    let rows: Vec<_> = rows.iter().map(Vec::as_slice).collect();
    let done = import(&server, api, file(&rows), spec()).await;
    assert_eq!(faults(api, &done).await, expect(&[(2, "stage", "skip_not_allowed")]));
    for (stage, fault) in [
        ("third", Some("skip_not_allowed")),
        ("second", None),
        ("first", Some("back_not_allowed")),
        ("won", Some("skip_not_allowed")),
        ("third", None),
        ("won", None),
    ] {
        let done =
            import(&server, api, file(&[&with(&[("id", "2"), ("stage", stage)])]), spec()).await;
        let expected: Vec<_> = fault.into_iter().map(|code| (2, "stage", code)).collect();
        assert_eq!(faults(api, &done).await, expect(&expected), "{stage}");
    }
    let list = api.get("/v1/deals?external_source=strict").await.expect(200).json;
    assert_eq!(
        (&list["items"][0]["status"], list["items"].as_array().unwrap().len()),
        (&json!("won"), 1)
    );
}
