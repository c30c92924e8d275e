//! Lists: pages, sorting, filters.

use diesel::{QueryableByName, RunQueryDsl, sql_types::Text};
use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};
use voronka_persistence::{
    clients,
    clients::contacts,
    core::list::{Field, FieldKind, Spec},
    deals, files,
    import::imports,
    people::{api_keys, departments, users},
    process::deal_types,
    work::{activities, documents, hand_overs, payments, tasks},
    workspace::{catalogues::Catalogue, products, segments},
};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    id: String,
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

/// 230 more rows like one that is there, with ties in every sort key and nulls where they may be.
fn multiply(server: &TestServer, spec: &Spec, id: &str) {
    let table = spec.table;
    let mut fields = vec!["'id', gen_random_uuid()".to_owned()];
    for field in spec.fields.iter().filter(|field| field.sorts) {
        let column = field.column.rsplit('.').next().expect("a column");
        let value = match field.kind {
            // Names are unique in catalogues; elsewhere seven have the same.
            FieldKind::Text if ["deals", "clients", "contacts", "tasks"].contains(&table) => {
                "'Name ' || n / 7"
            }
            FieldKind::Text => "'Name ' || n",
            FieldKind::Decimal => "n / 7",
            FieldKind::Date => "date '2026-01-01' + n / 7",
            _ => "timestamptz '2026-01-01' + n / 7 * interval '1.000001 seconds'",
        };
        let value = match (field.nullable, column) {
            (_, "closed_at") => format!("CASE WHEN n % 3 = 0 THEN {value} END"),
            (true, _) => format!("CASE WHEN n % 5 > 0 THEN {value} END"),
            (false, _) => value.to_owned(),
        };
        fields.push(format!("'{column}', {value}"));
    }
    match table {
        "deals" => fields.push("'status', CASE WHEN n % 3 = 0 THEN 'won' ELSE 'open' END".into()),
        "users" => fields.push("'email', NULL".into()),
        "products" => fields.push("'currency', CASE WHEN n % 5 > 0 THEN 'EUR' END".into()),
        _ => {}
    }
    let sql = format!(
        "INSERT INTO {table} SELECT r.* FROM {table} AS t, generate_series(1, 230) AS n, \
         LATERAL jsonb_populate_record(t, jsonb_build_object({})) AS r WHERE t.id = '{id}'",
        fields.join(", ")
    );
    diesel::sql_query(sql).execute(&mut server.connection()).expect("rows");
}

/// The filters of which a sort by the field needs one, each as a parameter and as SQL. Without any, it needs none.
fn needed(server: &TestServer, table: &str, field: &Field, id: &str) -> Vec<(String, String)> {
    let filter = |need: &&str| {
        let (name, value) = match need.split_once('=') {
            // There is no column of it.
            Some(("overdue", _)) => return None,
            Some((name, value)) => (name, value.to_owned()),
            None => {
                let sql = format!("SELECT {need}::text AS id FROM {table} WHERE id = '{id}'");
                let row: Row = diesel::sql_query(sql).get_result(&mut server.connection()).unwrap();
                (*need, row.id)
            }
        };
        Some((format!("&{name}={value}"), format!("{name}::text = '{value}'")))
    };
    let filters: Vec<_> = field.needs.iter().filter_map(filter).collect();
    assert_eq!(filters.is_empty(), field.needs.is_empty(), "{}", field.name);
    if filters.is_empty() { vec![(String::new(), "true".to_owned())] } else { filters }
}

/// The ids as SQL orders them.
fn expected(
    server: &TestServer,
    api: &Api,
    table: &str,
    (column, filter): (&str, &str),
    order: &str,
) -> Vec<String> {
    let column = column.rsplit('.').next().expect("a column");
    let sql = format!(
        "SELECT id::text AS id FROM {table} WHERE workspace_id = '{}' AND {filter} \
         ORDER BY {column} {order} NULLS LAST, {table}.id {order}",
        api.workspace_id
    );
    let rows: Vec<Row> = diesel::sql_query(sql).load(&mut server.connection()).expect("rows");
    rows.into_iter().map(|row| row.id).collect()
}

/// Every id of a list, page by page along the Link header.
async fn walk(api: &Api, first: &str) -> Vec<String> {
    let (mut found, mut next) = (Vec::new(), Some(first.to_owned()));
    while let Some(path) = next {
        let page = api.get(&path).await.expect(200);
        let link = page.header("link").strip_prefix('<').and_then(|link| link.split_once('>'));
        assert!(link.is_none_or(|(_, rest)| rest == "; rel=\"next\""), "{link:?}");
        next = link.map(|(path, _)| path.to_owned());
        assert_eq!(page.json["page"]["next_cursor"].is_string(), next.is_some(), "{}", page.text);
        found.extend(ids(&page.json));
    }
    found
}

/// Walks the list by every sort in both directions.
async fn every_sort(server: &TestServer, path: &str, spec: &Spec, id: &str) {
    let api = &server.admin;
    multiply(server, spec, id);
    for field in spec.fields.iter().filter(|field| field.sorts) {
        let column = field.ids.unwrap_or(field.column);
        if !field.needs.is_empty() {
            let bare = api.get(&format!("{path}?sort={}", field.name)).await;
            let bare = bare.problem(400, "invalid_parameters");
            assert_eq!(bare.faults(), [("/sort".to_owned(), "filter_required".to_owned())]);
        }
        for (parameter, filter) in needed(server, spec.table, field, id) {
            for (sign, order) in [("", "ASC"), ("-", "DESC")] {
                let first = format!("{path}?limit=60&sort={sign}{}{parameter}", field.name);
                let all = expected(server, api, spec.table, (column, &filter), order);
                assert!(all.len() > 150, "{}", all.len());
                assert_eq!(walk(api, &first).await, all, "{first}");
            }
        }
    }
    let default = api.get(path).await.expect(200).json;
    assert_eq!(ids(&default).len(), 50, "{path}");
    let sorted = api.get(&format!("{path}?limit=50&sort={}", spec.default_sort)).await.expect(200);
    assert_eq!(ids(&default), ids(&sorted.json), "{path}");
    assert_eq!(ids(&api.get(&format!("{path}?limit=200")).await.expect(200).json).len(), 200);
}

#[tokio::test]
async fn every_list_gives_each_row_once_in_every_sort() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let make = async |path: &str, body: Value| api.post(path, body).await.expect(201).id();
    let client = make("/v1/clients", json!({ "name": "A" })).await;
    let contact = make("/v1/contacts", json!({ "name": "A", "client_id": client })).await;
    let department = make("/v1/departments", json!({ "name": "A" })).await;
    let key = make("/v1/api-keys", json!({ "name": "A", "scopes": ["deals:read"] })).await;
    let deal_type = api.deal_type(&["first"]).await;
    let deal = api.deal(&deal_type, "1").await;
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": { "column": "id" } } });
    let import = api.import("id\n", spec).await.expect(202).id();
    server.finished(api, &import).await;
    let task = json!({ "title": "A", "deal_id": deal, "client_id": client });
    let task = make("/v1/tasks", task).await;
    let activity = json!({ "kind": "call", "title": "A", "deal_id": deal });
    let activity = make("/v1/activities", activity).await;
    let document = json!({ "deal_id": deal, "kind": "invoice", "number": "1" });
    let document = make("/v1/documents", document).await;
    let money = json!({ "amount": "1", "currency": "EUR" });
    let file = api.add_file("deal", &deal, "a.txt", b"a").await.expect(201).id();
    let payment = make("/v1/payments", json!({ "deal_id": deal, "amount": money })).await;
    let product = make("/v1/products", json!({ "name": "A", "price": money })).await;
    let condition = json!({ "field": "deal.title", "op": "filled" });
    let segment = json!({ "name": "A", "entity": "deal", "condition": condition });
    let segment = make("/v1/segments", segment).await;
    let colleague = api.colleague("seller", None).await.user_id;
    let hand_over = json!({ "from_id": colleague, "to_id": api.user_id, "reason": "holiday" });
    let hand_over = make("/v1/hand-overs", hand_over).await;
    for (path, which) in [
        ("/v1/sources", Catalogue::Sources),
        ("/v1/competitors", Catalogue::Competitors),
        ("/v1/loss-reasons", Catalogue::LossReasons),
    ] {
        let id = make(path, json!({ "name": "A" })).await;
        every_sort(&server, path, which.spec(), &id).await;
    }
    let user = api.user_id.to_string();
    for (path, spec, id) in [
        ("/v1/users", &users::LIST, user),
        ("/v1/departments", &departments::LIST, department),
        ("/v1/api-keys", &api_keys::LIST, key),
        ("/v1/clients", &clients::LIST, client),
        ("/v1/contacts", &contacts::LIST, contact),
        ("/v1/deal-types", &deal_types::LIST, deal_type),
        ("/v1/deals", &deals::LIST, deal),
        ("/v1/imports", &imports::LIST, import),
        ("/v1/tasks", &tasks::LIST, task),
        ("/v1/activities", &activities::LIST, activity),
        ("/v1/documents", &documents::LIST, document),
        ("/v1/files", &files::LIST, file),
        ("/v1/payments", &payments::LIST, payment),
        ("/v1/products", &products::LIST, product),
        ("/v1/segments", &segments::LIST, segment),
        ("/v1/hand-overs", &hand_overs::LIST, hand_over),
    ] {
        every_sort(&server, path, spec, &id).await;
    }
}

#[tokio::test]
async fn filters_narrow_by_values_ranges_null_and_text() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second", "third"]).await;
    let mut deals = Vec::new();
    for (title, amount, close, stage, heat) in [
        ("100% sure", "10", json!("2026-01-10"), "first", json!("hot")),
        ("100 sure", "20.5", json!("2026-02-10"), "second", json!("cold")),
        ("a_b", "30", Value::Null, "third", Value::Null),
        ("aXb \\ back", "40", json!("2026-03-10"), "third", Value::Null),
    ] {
        let body = json!({ "title": title, "deal_type_id": deal_type, "stage_key": stage,
            "lead_temperature": heat, "initiated_by": heat.as_str().map(|_| "us"), "amount": { "amount": amount, "currency": "EUR" }, "expected_close_on": close });
        deals.push(api.post("/v1/deals", body).await.expect(201).json);
    }
    let stage = |deal: usize| deals[deal]["stage_id"].as_str().unwrap_or_default();
    let two = format!("stage_id={},{}", stage(0), stage(1));
    let one = format!("stage_id={}", stage(2));
    let opened = deals[2]["opened_at"].as_str().unwrap_or_default();
    let since = format!("opened_at[gte]={opened}");
    let between = format!("opened_at[gt]={opened}&amount[lt]=100");
    // As clients of Python's `%z` write it.
    let no_colon = since.replace('Z', "%2B0000");
    for (filter, expected) in [
        (two.as_str(), &[0, 1][..]),
        (&one, &[2, 3]),
        (&since, &[2, 3]),
        (&between, &[3]),
        (&no_colon, &[2, 3]),
        ("lead_temperature=cold&status=open&lead_temperature=null,hot", &[0, 1, 2, 3]),
        ("status=open,won", &[0, 1, 2, 3]),
        ("status=lost", &[]),
        ("amount[gte]=20.5&amount[lt]=40", &[1, 2]),
        ("amount[gt]=20.50", &[2, 3]),
        ("amount=20.5000", &[1]),
        ("expected_close_on=null", &[2]),
        ("expected_close_on[gte]=2026-02-10", &[1, 3]),
        ("expected_close_on=2026-01-10", &[0]),
        ("client_id=null", &[0, 1, 2, 3]),
        ("lead_temperature=cold,hot", &[0, 1]),
        ("lead_temperature=null,hot", &[0, 2, 3]),
        ("initiated_by=us", &[0, 1]),
        ("initiated_by=client", &[]),
        ("initiated_by=null", &[2, 3]),
        ("q=100%25", &[0]),
        ("q=SURE", &[0, 1]),
        ("q=a_b", &[2]),
        ("q=%5C", &[3]),
        ("q=100%25+sure", &[0]),
        ("title=a_b,100+sure", &[1, 2]),
        ("q=';DROP+TABLE+deals;--", &[]),
    ] {
        let page = api.get(&format!("/v1/deals?sort=opened_at&{filter}")).await.expect(200);
        let wanted: Vec<_> = expected.iter().map(|deal| deals[*deal]["id"].clone()).collect();
        assert_eq!(json!(ids(&page.json)), json!(wanted), "{filter}");
    }
    // A filter holds for the pages that follow.
    let found =
        walk(api, &format!("/v1/deals?limit=1&sort=title&q=sure&deal_type_id={deal_type}")).await;
    assert_eq!(found.len(), 2);
    api.post("/v1/clients", json!({ "name": "A", "tags": ["key", "vip"] })).await.expect(201);
    for (tag, count) in [("vip", 1), ("v%25", 0), ("none", 0)] {
        let page = api.get(&format!("/v1/clients?tag={tag}")).await.expect(200);
        assert_eq!(ids(&page.json).len(), count, "{tag}");
    }
}
