//! Who hangs up ends what is read for him; what he has written is carried out.

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use voronka_integration_tests::{
    Api, TestServer,
    histories::count,
    postgres,
    process::{Process, until, until_so},
    sql,
};
use voronka_persistence::Store;

/// Statements that wait for what another one holds, but for those of the clock.
fn waiting(connection: &mut PgConnection) -> i64 {
    count(
        connection,
        "SELECT count(*) AS number FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock' \
         AND query NOT LIKE '%SKIP LOCKED%'",
    )
}

/// As it stands in the log.
const REQUEST_ID: &str = "who-hangs-up";

async fn send(api: &Api, method: &str, target: &str, body: &str) -> TcpStream {
    let address = api.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (token, length) = (api.token.clone().unwrap(), body.len());
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         X-Request-Id: {REQUEST_ID}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn who_hangs_up_ends_what_is_read_for_him() {
    // Nothing else ends them while the test runs.
    let options = "options=-c%20statement_timeout%3D1h%20-c%20lock_timeout%3D1h";
    let server = TestServer::on(format!("{}&{options}", postgres::database()), &[]).await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let deal = api.deal(&deal_type, "1").await;
    let (mut holder, mut looker) = (server.connection(), server.connection());
    let search = r#"{"condition":{"field":"deal.title","op":"contains","value":"x"}}"#;
    for (method, target, body) in [
        ("GET", "/v1/deals".to_owned(), ""),
        ("GET", format!("/v1/deals/{deal}"), ""),
        ("POST", "/v1/deals/search".to_owned(), search),
        ("GET", "/v1/deals?format=csv".to_owned(), ""),
        ("GET", format!("/v1/reports/funnel/open?deal_type_id={deal_type}"), ""),
        (
            "GET",
            format!(
                "/v1/reports/funnel/closed?deal_type_id={deal_type}&from=2026-01-01&to=2026-03-31"
            ),
            "",
        ),
    ] {
        holder.batch_execute("BEGIN; LOCK TABLE deals").unwrap();
        let stream = send(api, method, &target, body).await;
        until_so("it waits", || waiting(&mut looker) == 1).await;
        drop(stream);
        // The lock is still held: nothing but the end of the statement ends the wait.
        until_so("it ends", || waiting(&mut looker) == 0).await;
        holder.batch_execute("COMMIT").unwrap();
        api.get("/v1/deals").await.expect(200);
    }
}

/// More of them than their workspace has connections: nothing of them is left, in the database or before it.
#[tokio::test]
async fn many_who_hang_up_hold_nothing() {
    const BINARY: &str = env!("CARGO_BIN_EXE_voronka-under-test");
    let options = "options=-c%20statement_timeout%3D1h%20-c%20lock_timeout%3D1h";
    let server = TestServer::on(format!("{}&{options}", postgres::database()), &[]).await;
    // One whose metrics are its own.
    let mut process = Process::on(BINARY, &server.url);
    let api = &Api { base: process.serve().base, ..server.admin.clone() };
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let other = Api { base: api.base.clone(), ..other };
    let others = async || {
        api.get("/readyz").await.expect(200);
        other.get("/v1/deals").await.expect(200);
    };
    let (mut holder, mut looker) = (server.connection(), server.connection());
    holder.batch_execute("BEGIN; LOCK TABLE client_pairs").unwrap();
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(send(api, "GET", "/v1/clients/duplicates", "").await);
    }
    until_so("they wait", || waiting(&mut looker) > 0).await;
    others().await;
    drop(streams);
    // Whoever has waited in vain for a connection meanwhile was answered.
    let ended = async || {
        let metrics = api.get("/metrics").await.expect(200).text;
        let counted = metrics.lines().filter(|line| {
            line.starts_with("voronka_http_requests_total")
                && (line.contains("status=\"499\"")
                    || line.contains("duplicates\"") && line.contains("status=\"429\""))
        });
        counted.filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok()).sum::<u32>()
    };
    until("all have gone", async || ended().await == 16).await;
    // The lock is still held.
    until_so("none waits", || waiting(&mut looker) == 0).await;
    others().await;
    assert_eq!(waiting(&mut looker), 0);
    holder.batch_execute("COMMIT").unwrap();
    api.get("/v1/clients/duplicates").await.expect(200);
}

#[tokio::test]
async fn what_is_written_is_carried_out_whoever_waits() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let deal = api.deal(&deal_type, "1").await;
    let (mut holder, mut looker) = (server.connection(), server.connection());
    holder.batch_execute("BEGIN; LOCK TABLE deals").unwrap();
    let body = json!({ "title": "Written" }).to_string();
    let stream = send(api, "PATCH", &format!("/v1/deals/{deal}"), &body).await;
    until_so("it waits", || waiting(&mut looker) == 1).await;
    drop(stream);
    // Somebody else's request is read after the end of the connection has been.
    api.get("/v1/me").await.expect(200);
    assert_eq!(waiting(&mut looker), 1);
    holder.batch_execute("COMMIT").unwrap();
    let written = "SELECT count(*) AS number FROM deals WHERE title = 'Written'";
    until_so("it is written", || count(&mut looker, written) == 1).await;
}

#[tokio::test]
async fn who_hangs_up_is_in_the_log_and_counted() {
    const BINARY: &str = env!("CARGO_BIN_EXE_voronka-under-test");
    let server = TestServer::start().await;
    // One that logs.
    let mut process = Process::on(BINARY, &server.url);
    let api = &Api { base: process.serve().base, ..server.admin.clone() };
    let (mut holder, mut looker) = (server.connection(), server.connection());
    holder.batch_execute("BEGIN; LOCK TABLE deals").unwrap();
    let stream = send(api, "GET", "/v1/deals", "").await;
    until_so("it waits", || waiting(&mut looker) == 1).await;
    drop(stream);
    let lines = || {
        let log = process.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ours = lines.filter(|line| line["fields"]["request_id"] == REQUEST_ID);
        ours.map(|line| line["fields"].clone()).collect::<Vec<_>>()
    };
    until_so("it is logged", || !lines().is_empty()).await;
    holder.batch_execute("COMMIT").unwrap();
    // Another request ends after it, and has a line of its own.
    api.get("/v1/deals").await.expect(200);
    let lines = lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let told = ["message", "method", "status"].map(|name| &lines[0][name]);
    assert_eq!(told, [&json!("request"), &json!("GET"), &json!(499)]);
    assert!(lines[0]["milliseconds"].as_f64().is_some_and(|spent| spent > 0.0), "{lines:?}");
    let metrics = api.get("/metrics").await.expect(200).text;
    let counted = metrics.lines().find(|line| line.contains("status=\"499\""));
    let expected =
        "voronka_http_requests_total{method=\"GET\",path=\"unanswered\",status=\"499\"} 1";
    assert_eq!(counted, Some(expected));
}

/// While Postgres compiles a statement it hears of nobody who gives it up, whatever the server's configuration says.
#[tokio::test]
async fn sessions_compile_no_statements() {
    let url = format!("{}&options=-c%20jit%3Don", postgres::database());
    let jit = "SELECT to_json(current_setting('jit'))::text";
    assert_eq!(sql::json(&mut PgConnection::establish(&url).unwrap(), jit), "on");
    let store = Store::new(&url, 2);
    let mut sessions = [store.connection().unwrap(), store.connection().unwrap()];
    for session in &mut sessions {
        assert_eq!(sql::json(session, jit), "off");
    }
}
