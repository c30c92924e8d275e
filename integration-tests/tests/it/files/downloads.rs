//! A file comes as it was, to be saved and never shown.

use voronka_integration_tests::{Reply, TestServer};

async fn one(said: &str, name: &str, bytes: &[u8]) -> (TestServer, String, Reply) {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal = admin.deal(&admin.deal_type(&["first"]).await, "1").await;
    let file = admin.add_file_with(&[], ("deal", &deal), (name, said), bytes).await.expect(201);
    let path = format!("/v1/files/{}/content", file.id());
    let content = admin.get(&path).await.expect(200);
    (server, path, content)
}

#[tokio::test]
async fn a_page_comes_as_a_download() {
    let page = b"<html><script>alert(document.cookie)</script></html>";
    for (said, name) in [("text/html", "page.html"), ("image/svg+xml", "drawing.svg")] {
        let (_server, _, content) = one(said, name, page).await;
        assert_eq!(content.text.as_bytes(), page);
        assert_eq!(content.header("content-type"), "application/octet-stream");
        assert_eq!(content.header("x-content-type-options"), "nosniff");
        assert_eq!(content.header("content-security-policy"), "default-src 'none'; sandbox");
        let disposition = content.header("content-disposition");
        assert!(disposition.starts_with("attachment;"), "{disposition}");
        assert_eq!(content.header("content-length"), page.len().to_string());
    }
}

#[tokio::test]
async fn an_empty_file_is_one() {
    let (_server, _, content) = one("text/plain", "empty.txt", b"").await;
    assert_eq!((content.text.as_str(), content.header("content-length")), ("", "0"));
}

#[tokio::test]
async fn a_file_of_several_parts_comes_whole() {
    // More than S3 takes in one part, and no multiple of it.
    let bytes: Vec<u8> = (0..11_000_003_u32).map(|n| b'a' + (n % 23) as u8).collect();
    let (_server, _, content) = one("text/plain", "long.txt", &bytes).await;
    assert!(content.text.as_bytes() == bytes);
}

#[tokio::test]
async fn who_has_it_is_told_so() {
    let (server, path, content) = one("text/plain", "a.txt", b"abc").await;
    let etag = content.header("etag").to_owned();
    assert_eq!(etag, "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"");
    let again = [("if-none-match", etag.as_str())];
    let same = server.admin.send(reqwest::Method::GET, &path, &again, None).await.expect(304);
    assert_eq!(same.text, "");
    let other = [("if-none-match", "\"1\"")];
    server.admin.send(reqwest::Method::GET, &path, &other, None).await.expect(200);
}

/// Packed, it would not have the length that it says.
#[tokio::test]
async fn a_browser_gets_the_bytes_as_they_are() {
    let (server, path, _) = one("text/plain", "a.txt", &[b'a'; 10_000]).await;
    let packed = [("accept-encoding", "gzip, br")];
    let content = server.admin.send(reqwest::Method::GET, &path, &packed, None).await.expect(200);
    assert_eq!(content.text.len(), 10_000);
    assert_eq!(content.header("content-length"), "10000");
}

#[tokio::test]
async fn a_part_comes_to_who_asks_for_it() {
    let (server, path, content) = one("text/plain", "a.txt", b"abcdefghij").await;
    let etag = content.header("etag").to_owned();
    let ask = async |range: &str, tag: &str| {
        let asked = [("range", range), ("if-range", tag)];
        server.admin.send(reqwest::Method::GET, &path, &asked, None).await
    };
    let part = ask("bytes=2-4", &etag).await.expect(206);
    assert_eq!((part.text.as_str(), part.header("content-range")), ("cde", "bytes 2-4/10"));
    assert_eq!(ask("bytes=-3", &etag).await.expect(206).text, "hij");
    assert_eq!(ask("bytes=2-4", "\"1\"").await.expect(200).text, "abcdefghij");
    let beyond = ask("bytes=10-", &etag).await.problem(416, "range_not_satisfiable");
    assert_eq!(beyond.header("content-range"), "bytes */10");
}
