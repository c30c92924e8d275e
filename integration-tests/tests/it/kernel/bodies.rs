//! What strangers send: slowly, at length, and with methods of their own.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;
use voronka_integration_tests::{
    Api, TestServer,
    process::{PATIENCE, Process, until_so},
};

/// What comes back, up to the end of a problem, and the socket.
async fn answered(server: &TestServer, request: &str) -> (String, TcpStream) {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = async {
        while !answer.ends_with(b"}") && socket.read_buf(&mut answer).await.unwrap() > 0 {}
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("an answer");
    (String::from_utf8(answer).unwrap(), socket)
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = TestServer::with(&["--body-seconds", "1"]).await;
    let token = server.admin.token.clone().unwrap();
    let json = "content-type: application/json";
    let form = "content-type: multipart/form-data; boundary=b";
    let part = "--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nid,";
    for (path, kind, body) in [
        ("/v1/auth/token", json, "{\"email\":"),
        ("/v1/auth/refresh", json, ""),
        ("/v1/sources", json, "{\"name\":"),
        ("/v1/imports", form, ""),
        ("/v1/imports", form, "--b\r\ncontent-dis"),
        ("/v1/imports/preview", form, part),
        ("/v1/files", form, "--b\r\ncontent-dis"),
    ] {
        let chunk =
            if body.is_empty() { String::new() } else { format!("{:x}\r\n{body}", body.len()) };
        for (length, body) in
            [("content-length: 5000", body), ("transfer-encoding: chunked", chunk.as_str())]
        {
            let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}");
            let request = format!("{head}\r\n{kind}\r\n{length}\r\n\r\n{body}");
            let (answer, mut socket) = answered(&server, &request).await;
            let at = format!("{path} {length}: {answer}");
            assert!(answer.starts_with("HTTP/1.1 408 "), "{at}");
            assert!(answer.contains("connection: close"), "{at}");
            assert!(answer.contains("\"code\":\"request_timeout\""), "{at}");
            let end = tokio::time::timeout(PATIENCE, socket.read(&mut [0])).await;
            assert_eq!(end.expect("an end").unwrap(), 0, "{at}");
        }
    }
    server.admin.post("/v1/sources", json!({ "name": "Fair" })).await.expect(201);
}

/// What comes back while the body goes on, a little each tenth of a second, until nobody takes it any more.
async fn trickled(server: &TestServer, head: &str, piece: &'static [u8]) -> String {
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (mut read, mut write) = socket.into_split();
    write.write_all(head.as_bytes()).await.unwrap();
    let writing = tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        while write.write_all(piece).await.is_ok() {
            tick.tick().await;
        }
    });
    let mut answer = Vec::new();
    let reading =
        async { while !answer.ends_with(b"}") && read.read_buf(&mut answer).await.unwrap() > 0 {} };
    tokio::time::timeout(PATIENCE, reading).await.expect("it is read as long as something comes");
    writing.abort();
    String::from_utf8(answer).unwrap()
}

/// There is always a little more of it: its time is that of the whole, and not of each byte.
#[tokio::test]
async fn a_body_that_trickles_is_not_waited_for() {
    let server = TestServer::with(&["--body-seconds", "1"]).await;
    let api = &server.admin;
    let token = api.token.clone().unwrap();
    let head = |path: &str, length: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\n{length}\r\n\r\n"
        )
    };
    let lengths =
        [("content-length: 5000", b" ".as_slice()), ("transfer-encoding: chunked", b"1\r\n \r\n")];
    let kinds: Vec<_> = ["/v1/auth/token", "/v1/sources"]
        .iter()
        .flat_map(|path| lengths.map(|(length, piece)| (head(path, length), piece)))
        .collect();
    // Many of them at once hold nobody up.
    let all = join_all((0..200).map(|n| {
        let (head, piece) = &kinds[n % kinds.len()];
        trickled(&server, head, piece)
    }));
    let mut all = std::pin::pin!(all);
    let mut asked = 0;
    let answers = loop {
        tokio::select! {
            answers = &mut all => break answers,
            reply = api.get("/v1/me") => { reply.expect(200); }
        }
        asked += 1;
    };
    assert!(asked > 0);
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("\"code\":\"request_timeout\""), "{answer}");
    }
    let sources = api.get("/v1/sources").await.expect(200).json;
    assert_eq!(sources["items"], json!([]));
}

/// What is too long is not read on, whether its length is said or not.
#[tokio::test]
async fn a_body_that_does_not_end_is_cut_off() {
    let server = TestServer::start().await;
    let head = "POST /v1/auth/token HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let (read, mut write) = TcpStream::connect(server.address).await.unwrap().into_split();
    write.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 65_536], b"\r\n"].concat();
    // It ends when the other side does not take it any more.
    let sending = async { while write.write_all(&chunk).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, sending).await.expect("it is read for ever");
    drop(read);
    // A body that is read to its end leaves the connection open.
    let whole = r#"{"email":"a@example.com","password":"not the password"}"#;
    let request = format!("{head}{:x}\r\n{whole}\r\n0\r\n\r\n", whole.len());
    let (answer, mut socket) = answered(&server, &request).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_body_that_will_be_too_long_is_not_waited_for() {
    let server = TestServer::start().await;
    let head = "POST /v1/auth/token HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                content-length: 1000000\r\n\r\n";
    let (answer, _) = answered(&server, head).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn who_logs_in_has_little_to_say() {
    let server = TestServer::start().await;
    let api = server.admin.without_token();
    for path in ["/v1/auth/token", "/v1/auth/refresh", "/v1/auth/revoke", "/v1/auth/password"] {
        let body = json!({ "email": "a@example.com", "password": "p".repeat(16 << 10) });
        api.post(path, body).await.problem(413, "body_too_large");
        let body = json!({ "unknown": "p".repeat(16_000) });
        api.post(path, body).await.problem(422, "validation_failed");
    }
    let body = json!({ "name": "n".repeat(16 << 10) });
    server.admin.post("/v1/sources", body).await.problem(422, "validation_failed");
}

#[tokio::test]
async fn methods_that_nobody_knows_have_one_name() {
    let server = TestServer::start().await;
    let api = server.admin.without_token();
    let made_up = format!("BREW{}", Uuid::now_v7().simple());
    for path in ["/healthz", "/v1/deals", "/nowhere"] {
        let method = Method::from_bytes(made_up.as_bytes()).unwrap();
        let status = api.send(method, path, &[], None).await.status;
        assert!((400..500).contains(&status), "{status}");
    }
    let metrics = api.get("/metrics").await.expect(200).text;
    assert!(!metrics.contains(&made_up));
    assert!(metrics.contains("method=\"other\""));
}

#[tokio::test]
async fn paths_that_nobody_knows_have_one_name() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (made_up, id) = (format!("brew{}", Uuid::now_v7().simple()), Uuid::now_v7());
    for path in [
        format!("/{made_up}"),
        format!("/v1/{made_up}"),
        format!("/v1/deals/{id}/{made_up}"),
        format!("/v1/deals/{made_up}"),
        format!("/v1/nothing?q={made_up}"),
        format!("/v1/deals?{made_up}=1"),
        format!("/docs/{made_up}"),
    ] {
        let status = api.get(&path).await.status;
        assert!((400..500).contains(&status), "{path}: {status}");
    }
    let metrics = api.get("/metrics").await.expect(200).text;
    assert!(!metrics.contains(&made_up) && !metrics.contains(&id.to_string()));
    for path in ["unmatched", "/v1/deals/{id}"] {
        assert!(metrics.contains(&format!("path=\"{path}\"")), "{path}");
    }
}

/// What strangers send is in no line of the log at length.
#[tokio::test]
async fn long_paths_and_ids_make_no_long_lines_of_the_log() {
    const BINARY: &str = env!("CARGO_BIN_EXE_voronka-under-test");
    let server = TestServer::start().await;
    let mut process = Process::on(BINARY, &server.url);
    let api = Api { base: process.serve().base, ..server.admin.clone() };
    let (long, id) = ("p".repeat(6 << 10), "i".repeat(5 << 10));
    let mut ids = Vec::new();
    for path in [
        format!("/{long}"),
        format!("/v1/{long}"),
        format!("/v1/deals/{long}"),
        format!("/v1/deals?{long}=1"),
        format!("/v1/deals?q={long}"),
    ] {
        let reply = api.send(Method::GET, &path, &[("x-request-id", &id)], None).await;
        // Ours in place of it.
        let ours = reply.header("x-request-id").to_owned();
        assert!(ours.parse::<Uuid>().is_ok(), "{ours:.100}");
        ids.push(ours);
    }
    let logged = || ids.iter().all(|id| process.log().contains(id));
    until_so("they are logged", logged).await;
    for line in process.log().lines() {
        assert!(line.len() < 1_024, "{line}");
    }
}
