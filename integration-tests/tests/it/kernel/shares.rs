//! Of what all workspaces share, none takes so much that there is nothing left for another one.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use voronka_integration_tests::{
    Api, Reply, TestServer, postgres,
    process::{PATIENCE, until, until_so},
    sql,
};

/// With eight connections, six are the most that a workspace has, and two of them for its searches.
async fn with_eight_connections() -> TestServer {
    // Nothing but its release ends the wait for a lock.
    let options = "options=-c%20statement_timeout%3D1h%20-c%20lock_timeout%3D1h";
    let url = format!("{}&{options}", postgres::database());
    TestServer::on(url, &["--database-pool", "8"]).await
}

type Request = (Method, &'static str, Value);

fn send(api: &Api, (method, path, body): Request) -> JoinHandle<Reply> {
    let api = api.clone();
    tokio::spawn(async move {
        let body = (method == Method::POST).then(|| body.to_string().into_bytes());
        api.send(method, path, &[], body).await
    })
}

/// Requests that are refused while others of the workspace hold what it may have.
async fn refused(api: &Api, requests: impl IntoIterator<Item = Request>) {
    let replies = join_all(requests.into_iter().map(|request| send(api, request)));
    let replies = tokio::time::timeout(PATIENCE, replies).await.expect("none of them is held");
    for reply in replies {
        let told = reply.unwrap().problem(429, "rate_limited");
        assert_eq!(told.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn a_workspace_whose_requests_all_wait_leaves_the_others_their_connections() {
    let server = with_eight_connections().await;
    let api = &server.admin;
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let deal_type = other.deal_type(&["first"]).await;
    let others = async || {
        other.get("/v1/deals").await.expect(200);
        other.deal(&deal_type, "1").await;
        other.get("/v1/clients?format=csv").await.expect(200);
    };
    let (mut holder, mut looker) = (server.connection(), server.connection());
    // Neither the clock nor the other workspace looks at them.
    sql::run(&mut holder, "BEGIN; LOCK TABLE products");
    let read = || (Method::GET, "/v1/products", Value::Null);
    let held: Vec<_> = (0..6).map(|_| send(api, read())).collect();
    until_so("they wait", || sql::waiting_for(&mut looker, "products") == 6).await;
    others().await;
    // More of it than there are connections, of whatever kind: it waits for one of the workspace's, and in vain.
    let deals = (Method::GET, "/v1/deals", Value::Null);
    let write = (Method::POST, "/v1/sources", json!({ "name": "Fair" }));
    refused(api, [read(), read(), read(), deals, write]).await;
    assert_eq!(sql::waiting_for(&mut looker, "products"), 6);
    others().await;
    sql::run(&mut holder, "COMMIT");
    for reply in held {
        reply.await.unwrap().expect(200);
    }
    api.get("/v1/deals").await.expect(200);
    let sources = api.get("/v1/sources").await.expect(200).json;
    assert_eq!(sources["items"], json!([]), "what is refused is not written");
}

#[tokio::test]
async fn searches_leave_the_rest_of_their_workspace_its_connections() {
    let server = with_eight_connections().await;
    let api = &server.admin;
    let (mut holder, mut looker) = (server.connection(), server.connection());
    sql::run(&mut holder, "BEGIN; LOCK TABLE clients");
    let search = || (Method::POST, "/v1/clients/search", json!({}));
    let held = [send(api, search()), send(api, search())];
    until_so("they wait", || sql::waiting_for(&mut looker, "clients") == 2).await;
    refused(api, [search(), search()]).await;
    assert_eq!(sql::waiting_for(&mut looker, "clients"), 2);
    api.get("/v1/products").await.expect(200);
    api.post("/v1/sources", json!({ "name": "Fair" })).await.expect(201);
    sql::run(&mut holder, "COMMIT");
    for reply in held {
        reply.await.unwrap().expect(200);
    }
    let again = send(api, search());
    again.await.unwrap().expect(200);
}

const SHEET: &str = "/v1/clients?format=csv";

/// A sheet that has come and is not read: more of it than sockets keep lies at the server.
async fn unread(api: &Api) -> TcpStream {
    let address = api.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = api.token.clone().unwrap();
    let request = format!(
        "GET {SHEET} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut start = [0; 15];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    stream
}

/// While so much as one longest sheet of a workspace lies unread, it gets no other one.
#[tokio::test]
async fn a_workspace_that_reads_no_sheets_gets_no_more_and_others_get_theirs() {
    let server = TestServer::with(&["--sheet-limit", "30000000"]).await;
    let api = &server.admin;
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let clients = format!(
        "INSERT INTO clients (workspace_id, id, name, kind, client_type, region, created_at, updated_at) \
         SELECT '{}', gen_random_uuid(), 'Client ' || n, 'organisation', 'new', repeat('x', 100000), now(), now() \
         FROM generate_series(1, 240) n",
        api.workspace_id
    );
    sql::run(&mut server.connection(), &clients);
    let whole = api.get(SHEET).await.expect(200).text;
    assert_eq!(whole.lines().count(), 241);
    assert!((24_000_000..25_000_000).contains(&whole.len()), "{}", whole.len());
    let refused = async || {
        let search = api.post("/v1/clients/search?format=csv", json!({})).await;
        for told in [api.get(SHEET).await, search] {
            // Not shown: it may be a whole sheet.
            assert_eq!((told.status, told.code()), (429, "too_many_heavy_requests"));
            assert_eq!(told.header("retry-after"), "30");
        }
        // Of everything else it has what it had, and others have their sheets.
        api.get("/v1/clients?limit=1").await.expect(200);
        assert_eq!(other.get(SHEET).await.expect(200).text.lines().count(), 1);
    };
    let mut first = unread(api).await;
    let second = unread(api).await;
    refused().await;
    // Whoever reads one to its end makes room.
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() > whole.len() && rest.ends_with(b"0\r\n\r\n"), "{}", rest.len());
    let third = unread(api).await;
    refused().await;
    // So does whoever hangs up, once that is noticed.
    drop((second, third));
    until("there is room", async || api.get(SHEET).await.status == 200).await;
}
