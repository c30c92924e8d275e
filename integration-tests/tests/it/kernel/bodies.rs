//! What strangers send: slowly, at length, and with methods of their own.

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;
use voronka_integration_tests::{TestServer, process::PATIENCE};

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
    for path in ["/v1/auth/token", "/v1/auth/refresh", "/v1/auth/revoke"] {
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
