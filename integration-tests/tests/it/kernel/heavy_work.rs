//! Heavy work: what it is, that it waits for a place, and for how long it may read.

use std::collections::BTreeSet;

use diesel::{PgConnection, sql_types::Text};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;
use voronka_api::openapi;
use voronka_integration_tests::{
    Api, Reply, TestServer, postgres,
    process::{PATIENCE, until_so},
    sql,
};
use voronka_persistence::{Error, Raw, Store, Tenant, people::users};

/// What is looked at by nothing else that is asked here, and once the sheet has its place.
const TABLE: &str = "custom_values";
const SHEET: &str = "/v1/clients?format=csv&sort=custom.seats";
/// So many of one workspace wait for a place.
const WAIT: usize = 32;

/// A server that has one place for heavy work: a sheet that waits for a lock has it, and as many wait for it as may.
struct Full {
    /// Dropped first, where a test fails: a server does not end while its sheets wait.
    holder: PgConnection,
    server: TestServer,
    deal_type: String,
    sheets: JoinSet<Reply>,
}

impl Full {
    async fn new() -> Self {
        // Nothing but its release ends the wait for the lock.
        let options = "options=-c%20statement_timeout%3D1h%20-c%20lock_timeout%3D1h";
        let url = format!("{}&{options}", postgres::database());
        let server = TestServer::on(url, &["--heavy-places", "1"]).await;
        let deal_type = server.admin.deal_type(&["first"]).await;
        let field =
            json!({ "entity": "client", "key": "seats", "name": "Seats", "type": "number" });
        server.admin.post("/v1/custom-fields", field).await.expect(201);
        let (mut holder, mut looker) = (server.connection(), server.connection());
        sql::run(&mut holder, &format!("BEGIN; LOCK TABLE {TABLE}"));
        let mut sheets = JoinSet::new();
        let mut send = || {
            let api = server.admin.clone();
            sheets.spawn(async move { api.get(SHEET).await });
        };
        send();
        until_so("it has the place", || sql::waiting_for(&mut looker, TABLE) == 1).await;
        for _ in 0..WAIT + 8 {
            send();
        }
        for _ in 0..8 {
            refused(&sheets.join_next().await.unwrap().unwrap(), SHEET);
        }
        Self { holder, server, deal_type, sheets }
    }

    /// Whoever waited has his sheet, and nobody has lost his patience meanwhile.
    async fn end(mut self) {
        assert!(self.sheets.try_join_next().is_none());
        sql::run(&mut self.holder, "COMMIT");
        let sheets = self.sheets.join_all().await;
        assert_eq!(sheets.len(), 1 + WAIT);
        for sheet in sheets {
            sheet.expect(200);
        }
    }
}

#[track_caller]
fn refused(reply: &Reply, path: &str) {
    let told = (reply.status, reply.code(), reply.header("retry-after"));
    assert_eq!(told, (429, "too_many_heavy_requests", "5"), "{path}: {}", reply.text);
}

/// Operations whose answers name the code, as the specification has them.
fn named() -> BTreeSet<(String, String)> {
    let mut named = BTreeSet::new();
    for (path, item) in openapi::document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let problems = &operation["responses"]["429"]["content"]["application/problem+json"];
            if problems["examples"]["too_many_heavy_requests"].is_object() {
                named.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    named
}

/// All that is heavy of an operation. Lists are heavy as sheets only.
fn requests(path: &str, deal_type: &str) -> Vec<String> {
    let of = format!("deal_type_id={deal_type}");
    let (query, formats): (String, &[&str]) = match path {
        "/v1/deals" | "/v1/clients" | "/v1/deals/search" | "/v1/clients/search" => {
            (String::new(), &["csv", "xlsx"])
        }
        "/v1/reports/funnel/open" | "/v1/reports/funnel/closed" => {
            (of, &["json", "csv", "xlsx", "svg"])
        }
        "/v1/reports/stage-durations" | "/v1/reports/losses" | "/v1/reports/primary-demand" => {
            (of, &["json", "csv", "xlsx"])
        }
        "/v1/reports/funnel/open/deals"
        | "/v1/reports/funnel/closed/deals"
        | "/v1/reports/losses/deals"
        | "/v1/reports/primary-demand/deals" => (format!("{of}&figure=deals"), &["csv", "xlsx"]),
        "/v1/reports/stage-durations/deals" => {
            (format!("{of}&stage_key=first&figure=visits"), &["csv", "xlsx"])
        }
        "/v1/imports/preview" => return vec![path.to_owned()],
        "/v1/imports/{id}/rejected.csv" => {
            return vec![path.replace("{id}", &Uuid::nil().to_string())];
        }
        other => panic!("{other} is heavy: ask it here"),
    };
    formats
        .iter()
        .map(|format| format!("{path}?{query}&format={format}").replace("?&", "?"))
        .collect()
}

async fn ask(api: &Api, method: &str, path: &str) -> Reply {
    let asking = async {
        match method {
            "GET" => api.get(path).await,
            _ if path == "/v1/imports/preview" => api.preview("id\n1\n", &[]).await,
            _ => api.post(path, json!({})).await,
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{path} is held"))
}

#[tokio::test]
async fn every_kind_of_heavy_work_is_refused_where_too_many_wait() {
    let full = Full::new().await;
    let api = &full.server.admin;
    let mut asked = 0;
    for (method, path) in &named() {
        for request in requests(path, &full.deal_type) {
            refused(&ask(api, method, &request).await, &request);
            asked += 1;
        }
    }
    assert!(asked > 30, "{asked}");
    // All else goes on.
    api.get("/v1/sources").await.expect(200);
    full.end().await;
}

/// Whoever may be refused is told so by the specification, and whoever is not, is not.
#[tokio::test]
async fn what_waits_for_a_place_is_what_names_it() {
    let full = Full::new().await;
    let api = &full.server.admin;
    let named = named();
    let import = format!("/v1/imports/{}/rejected.csv", Uuid::now_v7());
    let mut wrong = Vec::new();
    for (path, request) in [
        ("/v1/clients/duplicates", "/v1/clients/duplicates"),
        ("/v1/imports/{id}/rejected.csv", &import),
    ] {
        let waits = ask(api, "GET", request).await.code() == "too_many_heavy_requests";
        let names = named.contains(&("GET".to_owned(), path.to_owned()));
        if waits != names {
            wrong.push((path, waits, names));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    full.end().await;
}

/// What Postgres allows a session at the moment: for a statement, and for the wait for a lock.
fn limits(tenant: &mut Tenant<'_>) -> Result<Vec<String>, Error> {
    let query = users::LIST.parse(&[]).unwrap();
    let limits = "current_setting('statement_timeout') || ', ' || current_setting('lock_timeout')";
    let page =
        tenant.page(&users::LIST, query, Raw::<Text>::new(limits), |list| list, |_| Uuid::nil());
    Ok(page?.items)
}

#[tokio::test]
async fn reads_have_seconds_and_heavy_ones_minutes() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let caller = server.store.user_caller(admin.workspace_id, admin.user_id).unwrap().unwrap();
    assert_eq!(server.store.read(&caller, limits).unwrap(), ["15s, 10s"]);
    assert_eq!(server.store.snapshot(&caller, limits).unwrap(), ["2min, 10s"]);
    // What somebody has set for the database holds; heavy reads have a limit of their own all the same.
    let options = "options=-c%20statement_timeout%3D7s%20-c%20lock_timeout%3D5s";
    let store = Store::new(&format!("{}&{options}", server.url), 2);
    assert_eq!(store.read(&caller, limits).unwrap(), ["7s, 5s"]);
    assert_eq!(store.snapshot(&caller, limits).unwrap(), ["2min, 5s"]);
}

/// Something heavy waits for a table, and ordinary reads of it that began later do not outlast it.
async fn outlasts(table: &str, paths: impl Fn(&str) -> Vec<String>) {
    let options = "options=-c%20statement_timeout%3D500ms";
    let server = TestServer::on(format!("{}&{options}", postgres::database()), &[]).await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let (mut holder, mut looker) = (server.connection(), server.connection());
    for connection in [&mut holder, &mut looker] {
        sql::run(connection, "SET statement_timeout = 0");
    }
    for path in paths(&deal_type) {
        sql::run(&mut holder, &format!("BEGIN; LOCK TABLE {table}"));
        let heavy = tokio::spawn({
            let (api, path) = (api.clone(), path.clone());
            async move { api.get(&path).await }
        });
        until_so("it waits", || sql::waiting_for(&mut looker, table) == 1).await;
        for _ in 0..2 {
            let told = api.get(&format!("/v1/{table}")).await.problem(422, "query_too_expensive");
            let detail = told.json["detail"].as_str().unwrap();
            let narrower = ["narrow it", "a shorter period", "filters", "fewer conditions"];
            assert!(narrower.iter().all(|way| detail.contains(way)), "{detail}");
        }
        sql::run(&mut holder, "COMMIT");
        let reply = heavy.await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    }
}

#[tokio::test]
async fn what_is_heavy_may_take_longer_than_other_reads() {
    outlasts("deals", |deal_type| {
        let report = |name: &str| format!("/v1/reports/{name}?deal_type_id={deal_type}");
        vec!["/v1/deals?format=csv".to_owned(), report("funnel/closed"), report("losses")]
    })
    .await;
    outlasts("competitors", |_| vec!["/v1/deals?format=csv".to_owned()]).await;
}

#[tokio::test]
async fn sheets_of_the_deals_behind_a_figure_may_take_longer_than_other_reads() {
    // Of the names in its lines, which are not read before.
    outlasts("competitors", |deal_type| {
        let of = format!("deal_type_id={deal_type}&figure=deals&format=csv");
        vec![format!("/v1/reports/funnel/closed/deals?{of}")]
    })
    .await;
}
