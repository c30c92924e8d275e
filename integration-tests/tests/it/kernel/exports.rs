//! Lists as sheets: all of a list, in its order, with its custom fields.

use calamine::{Data, DataType};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use voronka_integration_tests::{Api, TestServer};

use crate::analytics::report_sheets::sheet;

/// Header and lines of a CSV.
async fn csv(api: &Api, path: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let answer = api.get(path).await.expect(200);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let mut reader = csv::Reader::from_reader(answer.text.as_bytes());
    let texts = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
    let header = texts(reader.headers().unwrap());
    (header, reader.records().map(|record| texts(&record.unwrap())).collect())
}

fn column<'l>(header: &[String], line: &'l [String], name: &str) -> &'l str {
    let index = header.iter().position(|column| column == name);
    &line[index.unwrap_or_else(|| panic!("no {name} in {header:?}"))]
}

async fn fields(api: &Api, entity: &str) {
    let choices = json!([{ "key": "s", "name": "Small" }, { "key": "l", "name": "Large" }]);
    for (key, kind) in [
        ("note", "text"),
        ("seats", "number"),
        ("budget", "money"),
        ("due", "date"),
        ("vip", "boolean"),
        ("size", "choice"),
        ("uses", "multi_choice"),
        ("old", "text"),
    ] {
        let mut body = json!({ "entity": entity, "key": key, "name": key, "type": kind });
        if kind.ends_with("choice") {
            body["choices"] = choices.clone();
        }
        let id = api.post("/v1/custom-fields", body).await.expect(201).id();
        if key == "old" {
            let archived = json!({ "archived": true });
            api.patch(&format!("/v1/custom-fields/{id}"), archived).await.expect(200);
        }
    }
}

fn custom() -> Value {
    json!({ "note": "=1+1", "seats": "12.5", "budget": { "amount": "99.90", "currency": "EUR" },
        "due": "2026-02-28", "vip": true, "size": "l", "uses": ["s", "l"] })
}

const AS_TEXT: [(&str, &str); 7] = [
    ("note", "=1+1"),
    ("seats", "12.5"),
    ("budget", "99.90 EUR"),
    ("due", "2026-02-28"),
    ("vip", "true"),
    ("size", "l"),
    ("uses", "s, l"),
];

/// What a spreadsheet would calculate stands behind an apostrophe.
fn harmless(text: &str) -> String {
    if text.starts_with('=') { format!("'{text}") } else { text.to_owned() }
}

#[tokio::test]
async fn a_list_of_deals_is_a_sheet() {
    let server = TestServer::start().await;
    let api = &server.admin;
    fields(api, "deal").await;
    let deal_type = api.deal_type(&["first"]).await;
    let client =
        api.post("/v1/clients", json!({ "name": "Alder, \"Mill\"" })).await.expect(201).id();
    let full = json!({ "title": "=HYPERLINK(\"x\")", "deal_type_id": deal_type, "client_id": client,
        "amount": { "amount": "10.50", "currency": "EUR" }, "custom": custom() });
    let full = api.post("/v1/deals", full).await.expect(201).id();
    // More than are read at once, with the same time again and again.
    for batch in 0..3 {
        let items: Vec<_> = (0..500)
            .map(|index| json!({ "op": "create", "title": format!("Deal {batch} {index}"), "deal_type_id": deal_type,
                "opened_at": "2026-01-05T10:00:00Z", "custom": { "seats": (index % 7).to_string() } }))
            .collect();
        api.post("/v1/deals/batch", json!({ "items": items })).await.expect(207);
    }

    let (header, lines) = csv(api, "/v1/deals?format=csv&limit=3").await;
    assert_eq!(lines.len(), 1_501);
    assert!(!header.contains(&"custom.old".to_owned()));
    let line = lines.iter().find(|line| line[0] == full).expect("the deal");
    for (name, expected) in [
        ("title", "'=HYPERLINK(\"x\")"),
        ("client", "Alder, \"Mill\""),
        ("stage", "first"),
        ("amount", "10.50"),
        ("currency", "EUR"),
    ] {
        assert_eq!(column(&header, line, name), expected, "{name}");
    }
    for (key, expected) in AS_TEXT {
        let expected = harmless(expected);
        assert_eq!(column(&header, line, &format!("custom.{key}")), expected, "{key}");
    }

    // In the order of the list, which JSON has as well: by a custom field, those without one last.
    for query in [
        "sort=custom.seats",
        "sort=-custom.seats",
        "sort=opened_at",
        "sort=-title",
        "custom.seats[gte]=5&status=open&sort=custom.seats",
        "q=deal 1&sort=-opened_at",
    ] {
        let (_, lines) = csv(api, &format!("/v1/deals?{query}&format=csv")).await;
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page =
                api.get(&format!("/v1/deals?{query}&limit=200{cursor}")).await.expect(200).json;
            let items = page["items"].as_array().unwrap();
            ids.extend(items.iter().map(|deal| deal["id"].as_str().unwrap().to_owned()));
            match page["page"]["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let found: Vec<_> = lines.into_iter().map(|mut line| line.swap_remove(0)).collect();
        assert!(found.len() > 400 && found == ids, "{query}: {} {}", found.len(), ids.len());
    }

    // A search, too.
    let condition = json!({ "field": "deal.custom.seats", "op": "gte", "value": "5" });
    let search = json!({ "condition": condition, "sort": "-opened_at", "limit": 1, "count": true });
    let found = api.post("/v1/deals/search?format=csv", search).await.expect(200).text;
    let (_, lines) = csv(api, "/v1/deals?custom.seats[gte]=5&sort=-opened_at&format=csv").await;
    assert!(
        lines.len() > 400
            && found
                .lines()
                .skip(1)
                .map(|line| &line[..36])
                .eq(lines.iter().map(|line| line[0].as_str()))
    );

    // Numbers are numbers, days are days, and nothing is a formula.
    let (xlsx, rows) = sheet(api, "/v1/deals?format=xlsx").await;
    assert_eq!((&xlsx, rows.len()), (&header, 1_501));
    let row = rows.iter().find(|row| row[0] == Data::String(full.clone())).expect("the deal");
    let cell = |name: &str| &row[xlsx.iter().position(|column| column == name).unwrap()];
    assert_eq!(cell("title").get_string(), Some("=HYPERLINK(\"x\")"));
    assert_eq!(cell("custom.note").get_string(), Some("=1+1"));
    assert_eq!(cell("custom.seats").get_float(), Some(12.5));
    assert_eq!(cell("custom.due").as_date().unwrap().to_string(), "2026-02-28");

    // Behind a number of a report, too.
    let path =
        format!("/v1/reports/funnel/open/deals?deal_type_id={deal_type}&figure=deals&format=csv");
    let (header, lines) = csv(api, &path).await;
    let line = lines.iter().find(|line| line[0] == full).expect("the deal");
    assert_eq!(column(&header, line, "custom.budget"), "99.90 EUR");
    assert_eq!((column(&header, line, "counted"), lines.len()), ("1", 1_501));

    // Whoever sees no deals gets none, and JSON is what is not asked otherwise.
    let seller = api.colleague("seller", None).await;
    assert!(csv(&seller, "/v1/deals?format=csv").await.1.is_empty());
    let page = api.get("/v1/deals?format=json&limit=1").await.expect(200);
    assert_eq!(page.json["items"].as_array().unwrap().len(), 1);
    assert!(page.header("link").contains("limit=1&cursor="), "{}", page.header("link"));
}

#[tokio::test]
async fn a_list_of_clients_is_a_sheet() {
    let server = TestServer::start().await;
    let api = &server.admin;
    fields(api, "client").await;
    let body = json!({ "name": "Alder Mill", "tags": ["key", "old"], "phones": ["+31201234567"],
        "class": "A", "custom": custom() });
    let id = api.post("/v1/clients", body).await.expect(201).id();
    api.post("/v1/clients", json!({ "name": "Birch" })).await.expect(201);
    let (header, lines) = csv(api, "/v1/clients?format=csv&class=A").await;
    assert_eq!(lines.len(), 1);
    for (name, expected) in [
        ("id", id.as_str()),
        ("tags", "key, old"),
        ("phones", "+31201234567"),
        ("consent", ""),
        ("archived", "false"),
    ] {
        assert_eq!(column(&header, &lines[0], name), expected, "{name}");
    }
    for (key, expected) in AS_TEXT {
        let expected = harmless(expected);
        assert_eq!(column(&header, &lines[0], &format!("custom.{key}")), expected, "{key}");
    }
    assert_eq!(sheet(api, "/v1/clients?format=xlsx").await.1.len(), 2);
}

#[tokio::test]
async fn what_is_exported_does_no_harm_and_is_imported_as_it_was() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let names = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-a", "'=quoted", "'s-Hertogenbosch"];
    for (number, name) in names.iter().enumerate() {
        let id = json!({ "source": "old", "id": number.to_string() });
        let client = json!({ "name": name, "external_id": id, "phones": ["+31201234567"] });
        api.post("/v1/clients", client).await.expect(201);
    }
    let all = async || {
        let clients = api.get("/v1/clients?sort=created_at").await.expect(200).json;
        let of = |client: &serde_json::Value| (client["name"].clone(), client["version"].clone());
        clients["items"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let before = all().await;
    let sheet = api.get("/v1/clients?format=csv").await.expect(200);
    assert_eq!(sheet.header("content-disposition"), "attachment; filename=\"clients.csv\"");
    let mut reader = csv::Reader::from_reader(sheet.text.as_bytes());
    for line in reader.records() {
        for cell in line.unwrap().iter().filter(|cell| !cell.starts_with("+31")) {
            assert!(!cell.starts_with(['=', '@', '+', '-']), "{cell}");
        }
    }
    let spec = json!({ "kind": "clients", "external_source": "old",
        "mapping": { "external_id": { "column": "external_id" }, "name": { "column": "name" } } });
    let import = api.import(sheet.text, spec).await.expect(202).id();
    let done = server.finished(api, &import).await;
    assert_eq!((&done["rejected"], &done["unchanged"]), (&json!(0), &json!(names.len())), "{done}");
    assert_eq!(all().await, before);
    // What was refused is written in the same way.
    let spec = json!({ "kind": "clients", "mapping": { "name": { "column": "name" },
        "consent": { "column": "=consent" } } });
    let import = api.import("name,=consent\n=1+1,-x\n", spec).await.expect(202).id();
    let done = server.finished(api, &import).await;
    assert_eq!(done["rejected"], 1, "{done}");
    let rejected = api.get(&format!("/v1/imports/{import}/rejected.csv")).await.expect(200);
    let name = "attachment; filename=\"imports-rejected.csv\"";
    assert_eq!(rejected.header("content-disposition"), name);
    assert!(
        rejected.text.contains("'=1+1") && rejected.text.contains(",'=consent"),
        "{}",
        rejected.text
    );
}

/// The file itself, as it is saved.
async fn workbook(api: &Api, path: &str) -> Vec<u8> {
    let token = api.token.as_deref().unwrap();
    let request = api.http.get(format!("{}{path}", api.base)).bearer_auth(token);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap().to_vec()
}

/// In a workbook texts are texts, whatever they look like: nothing is put before them, and nothing taken off.
#[tokio::test]
async fn a_workbook_is_imported_as_it_was() {
    let server = TestServer::start().await;
    let api = &server.admin;
    fields(api, "client").await;
    let names = ["=1+1", "@SUM(A1)", "'=quoted", "''=twice", "'s-Hertogenbosch", "0012", "1e5"];
    for (number, name) in names.iter().enumerate() {
        let id = json!({ "source": "old", "id": format!("00{number}") });
        let client = json!({ "name": name, "external_id": id, "region": name, "class": "A",
            "kind": "person", "type": "current", "tags": ["key", "old"], "tax_id": "0012345678",
            "consent": number % 2 == 0, "phones": ["+31201234567", "+31201234568"],
            "emails": ["a@example.com"], "custom": custom() });
        api.post("/v1/clients", client).await.expect(201);
    }
    let all =
        async || api.get("/v1/clients?sort=created_at").await.expect(200).json["items"].clone();
    let before = all().await;
    let mut mapping = json!({});
    for field in [
        "external_id",
        "name",
        "region",
        "class",
        "kind",
        "type",
        "tags",
        "tax_id",
        "consent",
        "phones",
        "emails",
    ] {
        mapping[field] = json!({ "column": field });
    }
    for (key, _) in AS_TEXT {
        let field = format!("custom.{key}");
        mapping[&field] = json!({ "column": field });
    }
    let book = workbook(api, "/v1/clients?format=xlsx").await;
    let spec = json!({ "kind": "clients", "external_source": "old", "mapping": mapping });
    let import = api.import(book, spec).await.expect(202).id();
    let done = server.finished(api, &import).await;
    let rejected = api.get(&format!("/v1/imports/{import}/rejected.csv")).await.text;
    let unchanged = (&done["rejected"], &done["unchanged"]);
    assert_eq!(unchanged, (&json!(0), &json!(names.len())), "{done} {rejected}");
    assert_eq!(all().await, before);
}

/// Names of whatever a report is about, as of sources, stages and reasons.
#[tokio::test]
async fn reports_do_no_harm_either() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([{ "name": "=x", "key": "first" }, { "name": "+y", "key": "second" }]);
    let body = json!({ "name": "=Sale", "mode": "manual", "stages": stages });
    let deal_type = api.post("/v1/deal-types", body).await.expect(201).id();
    let source = api.post("/v1/sources", json!({ "name": "=1+1" })).await.expect(201).id();
    let reason = api.loss_reason("@SUM(A1)").await;
    for lost in [false, true] {
        let body = json!({ "title": "A deal", "deal_type_id": deal_type, "source_id": source });
        let deal = api.post("/v1/deals", body).await.expect(201).id();
        if lost {
            let body = json!({ "to": "lost", "loss_reason_id": reason });
            api.transition(&deal, body).await.expect(200);
        }
    }
    let of = format!("deal_type_id={deal_type}");
    for (report, names) in [
        ("funnel/open", [("group_name", "=1+1"), ("name", "=x")]),
        ("funnel/closed", [("group_name", "=1+1"), ("name", "=x")]),
        ("stage-durations", [("group_name", "=1+1"), ("name", "=x")]),
        ("losses", [("group_name", "=1+1"), ("name", "@SUM(A1)")]),
    ] {
        let path = format!("/v1/reports/{report}?{of}&group_by=source");
        let (header, lines) = csv(api, &format!("{path}&format=csv")).await;
        let (columns, rows) = sheet(api, &format!("{path}&format=xlsx")).await;
        assert_eq!((&columns, rows.len()), (&header, lines.len()), "{report}");
        for (column_name, name) in names {
            let quoted = format!("'{name}");
            let cell = column(&header, &lines[0], column_name);
            assert_eq!(cell, quoted, "{report} {column_name}");
            let at = columns.iter().position(|column| column == column_name).unwrap();
            assert_eq!(rows[0][at].get_string(), Some(name), "{report} {column_name}");
        }
        let cells = lines.iter().flatten().chain(&header);
        for cell in cells {
            assert!(!cell.starts_with(['=', '@', '+', '-']), "{report}: {cell}");
        }
    }
}

#[tokio::test]
async fn sheets_have_the_names_of_what_they_are() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let of = format!("deal_type_id={deal_type}");
    for (path, format, name) in [
        ("/v1/deals?".to_owned(), "xlsx", "deals.xlsx"),
        (format!("/v1/reports/funnel/closed?{of}&"), "csv", "funnel-closed.csv"),
        (
            format!("/v1/reports/funnel/closed/deals?{of}&figure=deals&"),
            "csv",
            "funnel-closed-deals.csv",
        ),
    ] {
        let sheet = api.get(&format!("{path}format={format}")).await.expect(200);
        let named = format!("attachment; filename=\"{name}\"");
        assert_eq!(sheet.header("content-disposition"), named, "{path}");
        let page = api.get(&format!("{path}format=json")).await.expect(200);
        assert_eq!(page.header("content-type"), "application/json", "{path}");
        assert!(!page.headers.contains_key("content-disposition"), "{path}");
    }
}

#[tokio::test]
async fn a_sheet_that_is_too_long_is_refused_whole() {
    let server = TestServer::with(&["--sheet-limit", "20000"]).await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let items: Vec<_> = (0..500)
        .map(|index| json!({ "op": "create", "title": format!("Deal {index}"), "deal_type_id": deal_type }))
        .collect();
    api.post("/v1/deals/batch", json!({ "items": items })).await.expect(207);
    let funnel = format!("/v1/reports/funnel/open/deals?deal_type_id={deal_type}&figure=deals");
    for path in ["/v1/deals?", &format!("{funnel}&")] {
        for format in ["csv", "xlsx"] {
            let told = api.get(&format!("{path}format={format}")).await;
            let told = told.problem(422, "sheet_too_long");
            assert!(told.json["detail"].as_str().unwrap().contains("narrow it by filters"));
        }
    }
    let short = api.get("/v1/deals?format=csv&title=Deal%207").await.expect(200);
    assert_eq!(short.text.lines().count(), 2, "{}", short.text);
}

#[tokio::test]
async fn every_answer_says_how_browsers_take_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    for (path, status, store) in [
        ("/v1/deals", 200, "no-store"),
        ("/v1/deals/none", 400, "no-store"),
        ("/v1/nothing", 404, "no-store"),
        ("/docs/", 200, ""),
        ("/openapi.json", 200, ""),
    ] {
        let reply = api.get(path).await;
        assert_eq!((reply.status, reply.header("cache-control")), (status, store), "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(policy.contains("script-src 'self'"), path == "/docs/", "{policy}");
    }
}

/// As many as there are connections, and more, ask for a sheet and do not read it.
#[tokio::test]
async fn slow_readers_stop_nobody() {
    let server = TestServer::with(&["--heavy-places", "4"]).await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let title = "Ж".repeat(200);
    for _ in 0..14 {
        let items: Vec<_> = (0..1_000)
            .map(|_| json!({ "op": "create", "title": title, "deal_type_id": deal_type }))
            .collect();
        let body = json!({ "items": items });
        api.post("/v1/deals/batch", body).await.expect(207);
    }
    let token = api.token.clone().unwrap();
    let mut readers = Vec::new();
    for _ in 0..17 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        let request = format!(
            "GET /v1/deals?format=csv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        readers.push(stream);
    }
    for stream in &mut readers {
        let mut start = [0; 15];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200 OK");
    }
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    for _ in 0..8 {
        other.get("/v1/deals").await.expect(200);
    }
    assert_eq!(api.get("/readyz").await.status, 200);
    // And one more reads it to its end.
    let whole = other.with_token(token).get("/v1/deals?format=csv").await.expect(200);
    assert_eq!(whole.text.lines().count(), 14_001);
    drop(readers);
}
