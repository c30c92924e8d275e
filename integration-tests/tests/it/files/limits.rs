//! Whatever somebody can make large or many has a limit.

use reqwest::Method;
use serde_json::json;
use voronka_integration_tests::{
    Api, Reply, TestServer, UPLOAD, process::until, process::until_so, sql, upload,
};

use super::shelf::{Half, NOW, bytes, objects, on_disk};

async fn with(arguments: &[&str]) -> (TestServer, String) {
    let server = TestServer::with(arguments).await;
    let deal = server.admin.deal(&server.admin.deal_type(&["first"]).await, "1").await;
    (server, deal)
}

/// A body whose length nobody knows beforehand.
async fn in_chunks(api: &Api, body: Vec<u8>) -> Reply {
    let chunks: Vec<Result<Vec<u8>, std::io::Error>> =
        body.chunks(1_000).map(|chunk| Ok(chunk.to_vec())).collect();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let request =
        api.http.post(format!("{}/v1/files", api.base)).bearer_auth(api.token.as_ref().unwrap());
    Api::read(request.header("content-type", UPLOAD).body(body).send().await.unwrap()).await
}

#[tokio::test]
async fn a_file_is_so_large_and_no_larger() {
    let (server, deal) = with(&["--file-limit", "5000"]).await;
    let admin = &server.admin;
    let object = json!({ "kind": "deal", "id": deal }).to_string();
    let exactly = admin.add_file("deal", &deal, "a.txt", &[b'a'; 5_000]).await.expect(201);
    assert_eq!(exactly.json["size"], 5_000);
    for more in [5_001, 9_000, 500_000] {
        admin
            .add_file("deal", &deal, "a.txt", &vec![b'a'; more])
            .await
            .problem(413, "body_too_large");
        let body = upload(&object, "a.txt", "text/plain", &vec![b'a'; more]);
        in_chunks(admin, body).await.problem(413, "body_too_large");
    }
    let body = upload(&object, "a.txt", "text/plain", &[b'a'; 5_000]);
    in_chunks(admin, body).await.expect(201);
    let mut connection = server.connection();
    // Nothing is on its way any more, so nothing is waited for.
    until_so("what was refused is gone", || objects(&mut connection, "%") == 2).await;
    assert_eq!((on_disk(&server).len(), bytes(&mut connection)), (2, 10_000));
}

#[tokio::test]
async fn a_workspace_has_so_much_and_no_more() {
    let (server, deal) = with(&["--files-limit", "2500"]).await;
    let admin = &server.admin;
    // Each of them would just fit.
    let add = async || admin.add_file("deal", &deal, "a.txt", &[b'a'; 1_600]).await;
    let (one, other) = tokio::join!(add(), add());
    let mut statuses = [one.status, other.status];
    statuses.sort();
    assert_eq!(statuses, [201, 409], "{} {}", one.text, other.text);
    let (kept, refused) = if one.status == 201 { (one, other) } else { (other, one) };
    refused.problem(409, "files_full");
    // Another workspace has its own room.
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let theirs = other.deal(&other.deal_type(&["first"]).await, "1").await;
    other.add_file("deal", &theirs, "a.txt", &[b'a'; 1_600]).await.expect(201);
    admin.delete(&format!("/v1/files/{}", kept.id())).await.expect(200);
    until("there is room again", async || add().await.status == 201).await;
}

#[tokio::test]
async fn a_thing_has_so_many_and_no_more() {
    let (server, deal) = with(&[]).await;
    let admin = &server.admin;
    let first = admin.add_file("deal", &deal, "a.txt", b"").await.expect(201).id();
    sql::run(
        &mut server.connection(),
        &format!(
            "INSERT INTO stored_objects SELECT workspace_id, gen_random_uuid(), state, bytes, content_type, sha256, \
             remove_at, created_at FROM stored_objects, generate_series(2, 999); \
             INSERT INTO files SELECT f.workspace_id, o.id, object_kind, object_id, name, f.content_type, f.bytes, \
             f.sha256, o.id, author_id, version, f.created_at, updated_at FROM files f, stored_objects o \
             WHERE f.id = '{first}' AND o.id <> f.stored_id"
        ),
    );
    admin.add_file("deal", &deal, "a.txt", b"").await.expect(201);
    admin.add_file("deal", &deal, "a.txt", b"").await.problem(409, "files_full");
}

#[tokio::test]
async fn a_workspace_uploads_four_at_a_time() {
    let (server, deal) = with(&[]).await;
    let admin = &server.admin;
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let theirs = other.deal(&other.deal_type(&["first"]).await, "1").await;
    let mut connection = server.connection();
    let mut halves = Vec::new();
    for number in 1..=4 {
        halves.push(Half::of(admin, ("deal", &deal), b"one that takes its time").await);
        until_so("it is being written", || objects(&mut connection, "writing") == number).await;
    }
    admin.add_file("deal", &deal, "a.txt", b"a").await.problem(429, "rate_limited");
    // Others have their own places, and nobody holds a connection meanwhile.
    other.add_file("deal", &theirs, "a.txt", b"a").await.expect(201);
    let answer = halves.pop().unwrap().finish().await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    admin.add_file("deal", &deal, "a.txt", b"a").await.expect(201);
    drop(halves);
    until_so("they are given up", || objects(&mut connection, "writing") == 0).await;
    sql::run(&mut connection, NOW);
    until_so("their room is free", || objects(&mut connection, "%") == 3).await;
}

#[tokio::test]
async fn what_is_no_upload_is_refused() {
    let (server, deal) = with(&[]).await;
    let admin = &server.admin;
    let object = json!({ "kind": "deal", "id": deal }).to_string();
    let part = |name: &str, text: &str| {
        format!(
            "--between-parts\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"
        )
    };
    let (file, end) = (part("file", "abc"), "--between-parts--\r\n");
    let (good, long) = (part("object", &object), part("object", &" ".repeat(5_000)));
    let nobody = json!({ "kind": "deal", "id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11" });
    for (body, pointer, code) in [
        (format!("{file}{good}{end}"), "/object", "required"),
        (format!("{good}{end}"), "/file", "required"),
        (end.to_owned(), "/object", "required"),
        (format!("{good}{}{end}", part("picture", "abc")), "/file", "required"),
        (format!("{good}{file}{file}{end}"), "/file", "unknown_field"),
        (format!("{good}{file}{}{end}", part("more", "abc")), "/more", "unknown_field"),
        (format!("{long}{file}{end}"), "/object", "too_long"),
        (format!("{}{file}{end}", part("object", r#"{"kind":"deal"}"#)), "/object/id", "required"),
        (
            format!(
                "{}{file}{end}",
                part("object", r#"{"kind":"task","id":"0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11"}"#)
            ),
            "/object/kind",
            "invalid_value",
        ),
        (
            format!("{}{file}{end}", part("object", &nobody.to_string())),
            "/object/id",
            "unknown_reference",
        ),
        (format!("{good}{file}"), "", "invalid_multipart"),
    ] {
        let headers = [("content-type", UPLOAD)];
        let bytes = body.clone().into_bytes();
        let refused = admin.send(Method::POST, "/v1/files", &headers, Some(bytes)).await;
        let refused = refused.problem(422, "validation_failed");
        assert_eq!(refused.faults(), [(pointer.to_owned(), code.to_owned())], "{body}");
    }
    let json = admin.post("/v1/files", json!({})).await;
    json.problem(415, "unsupported_media_type");
    let mut connection = server.connection();
    until_so("nothing is left", || objects(&mut connection, "%") == 0).await;
    assert_eq!(on_disk(&server), Vec::<String>::new());
}

#[tokio::test]
async fn a_repetition_by_key_adds_nothing() {
    let (server, deal) = with(&[]).await;
    let admin = &server.admin;
    let key = [("idempotency-key", "once")];
    let add = async |name: &'static str, bytes: &'static [u8]| {
        admin.add_file_with(&key, ("deal", &deal), (name, "text/plain"), bytes).await
    };
    let first = add("a.txt", b"abc").await.expect(201);
    let again = add("a.txt", b"abc").await.expect(201);
    assert_eq!((again.id(), again.header("idempotent-replayed")), (first.id(), "true"));
    add("a.txt", b"abd").await.problem(422, "idempotency_key_reused");
    add("b.txt", b"abc").await.problem(422, "idempotency_key_reused");
    let mut connection = server.connection();
    until_so("one is kept", || objects(&mut connection, "%") == 1).await;
    assert_eq!((on_disk(&server).len(), bytes(&mut connection)), (1, 3));
}
