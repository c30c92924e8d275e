//! Who hangs up ends what is read for him; what he has written is carried out.

use diesel::{PgConnection, connection::SimpleConnection};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use voronka_integration_tests::{TestServer, histories::count, postgres, process::until_so};

/// Statements that wait for what another one holds, but for those of the clock.
fn waiting(connection: &mut PgConnection) -> i64 {
    count(
        connection,
        "SELECT count(*) AS number FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock' \
         AND query NOT LIKE '%SKIP LOCKED%'",
    )
}

async fn send(server: &TestServer, method: &str, target: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let (token, length) = (server.admin.token.clone().unwrap(), body.len());
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
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
        let stream = send(&server, method, &target, body).await;
        until_so("it waits", || waiting(&mut looker) == 1).await;
        drop(stream);
        // The lock is still held: nothing but the end of the statement ends the wait.
        until_so("it ends", || waiting(&mut looker) == 0).await;
        holder.batch_execute("COMMIT").unwrap();
        api.get("/v1/deals").await.expect(200);
    }
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
    let stream = send(&server, "PATCH", &format!("/v1/deals/{deal}"), &body).await;
    until_so("it waits", || waiting(&mut looker) == 1).await;
    drop(stream);
    // Somebody else's request is read after the end of the connection has been.
    api.get("/v1/me").await.expect(200);
    assert_eq!(waiting(&mut looker), 1);
    holder.batch_execute("COMMIT").unwrap();
    let written = "SELECT count(*) AS number FROM deals WHERE title = 'Written'";
    until_so("it is written", || count(&mut looker, written) == 1).await;
}
