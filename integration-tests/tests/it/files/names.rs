//! Names of files, as strangers give them.

use voronka_integration_tests::TestServer;

#[tokio::test]
async fn names_are_cleaned_and_told_safely() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal = admin.deal(&admin.deal_type(&["first"]).await, "1").await;
    let (long, kept) = (format!("{}.pdf", "ж".repeat(296)), format!("{}.pdf", "ж".repeat(196)));
    for (given, name, told) in [
        ("../../etc/passwd", "passwd", "filename=\"passwd\"; filename*=UTF-8''passwd"),
        ("..\\\\..\\\\boot.ini", "boot.ini", "filename=\"boot.ini\"; filename*=UTF-8''boot.ini"),
        (
            "договор.pdf",
            "договор.pdf",
            "filename=\"_______.pdf\"; filename*=UTF-8''%D0%B4%D0%BE%D0%B3%D0%BE%D0%B2%D0%BE%D1%80.pdf",
        ),
        (
            "a \\\"b\\\".txt",
            "a \"b\".txt",
            "filename=\"a _b_.txt\"; filename*=UTF-8''a%20%22b%22.txt",
        ),
        ("a;b=c.txt", "a;b=c.txt", "filename=\"a;b=c.txt\"; filename*=UTF-8''a%3Bb%3Dc.txt"),
        ("", "file", "filename=\"file\"; filename*=UTF-8''file"),
        (&long, &kept, ""),
    ] {
        let file = admin.add_file("deal", &deal, given, b"x").await.expect(201);
        assert_eq!(file.json["name"], name, "{given}");
        let content = admin.get(&format!("/v1/files/{}/content", file.id())).await.expect(200);
        let disposition = content.header("content-disposition");
        assert!(disposition.starts_with("attachment; filename=\""), "{disposition}");
        assert!(disposition.ends_with(told), "{given}: {disposition}");
        // RFC 9110: what is in a header can be seen.
        assert!(disposition.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{disposition}");
    }
}

/// A line's end in a name ends the part's head: whatever becomes of it, no header of ours has it.
#[tokio::test]
async fn a_name_with_a_line_break_writes_no_header() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal = admin.deal(&admin.deal_type(&["first"]).await, "1").await;
    for given in ["a\r\nSet-Cookie: b=c.txt", "a\nb.txt", "a\rb.txt", "a%0D%0ASet-Cookie: b"] {
        let added = admin.add_file("deal", &deal, given, b"x").await;
        if added.status == 201 {
            let content = admin.get(&format!("/v1/files/{}/content", added.id())).await.expect(200);
            assert!(content.headers.get("set-cookie").is_none(), "{given:?}");
        } else {
            added.problem(422, "validation_failed");
        }
    }
}
