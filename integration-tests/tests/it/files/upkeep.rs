//! What nothing hangs on is removed from the store, and nothing else.

use uuid::Uuid;
use voronka_integration_tests::{TestServer, process::until_so, sql};

use super::shelf::{bytes, objects, on_disk};

#[tokio::test]
async fn a_deleted_file_goes_from_the_store() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal = admin.deal(&admin.deal_type(&["first"]).await, "1").await;
    let gone = admin.add_file("deal", &deal, "a.txt", b"abc").await.expect(201).id();
    let stays = admin.add_file("deal", &deal, "b.txt", b"defg").await.expect(201).id();
    assert_eq!(on_disk(&server).len(), 2);
    admin.delete(&format!("/v1/files/{gone}")).await.expect(200);
    let mut connection = server.connection();
    until_so("it is removed", || objects(&mut connection, "%") == 1).await;
    assert_eq!((on_disk(&server).len(), bytes(&mut connection)), (1, 4));
    let content = admin.get(&format!("/v1/files/{stays}/content")).await.expect(200);
    assert_eq!(content.text, "defg");
}

/// A server that dies between the upload and its record, or in the midst of the upload, leaves this.
#[tokio::test]
async fn what_a_crash_left_is_removed_after_a_day() {
    let server = TestServer::start().await;
    let workspace = server.admin.workspace_id;
    let directory = server.files().join(workspace.to_string());
    std::fs::create_dir_all(&directory).unwrap();
    let [old, young] = [Uuid::now_v7(), Uuid::now_v7()];
    for (id, age) in [(old, "25 hours"), (young, "23 hours")] {
        std::fs::write(directory.join(id.to_string()), "whole").unwrap();
        std::fs::write(directory.join(format!("{id}#1")), "half").unwrap();
        let begun = format!(
            "INSERT INTO stored_objects (workspace_id, id, state, bytes, remove_at, created_at) \
             VALUES ('{workspace}', '{id}', 'writing', 100, now() - interval '{age}' + interval '24 hours', \
             now() - interval '{age}'); \
             INSERT INTO stored_bytes VALUES ('{workspace}', 100) \
             ON CONFLICT (workspace_id) DO UPDATE SET bytes = stored_bytes.bytes + 100"
        );
        sql::run(&mut server.connection(), &begun);
    }
    let mut connection = server.connection();
    until_so("the old one is removed", || objects(&mut connection, "%") == 1).await;
    let mut left = on_disk(&server);
    left.sort();
    assert_eq!(left, [young.to_string(), format!("{young}#1")]);
    assert_eq!(bytes(&mut connection), 100);
}

/// The object went, and the server died before its row did: it is done again, and nothing is amiss.
#[tokio::test]
async fn what_is_gone_already_is_forgotten() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal = admin.deal(&admin.deal_type(&["first"]).await, "1").await;
    let file = admin.add_file("deal", &deal, "a.txt", b"abc").await.expect(201).id();
    let directory = server.files().join(admin.workspace_id.to_string());
    std::fs::remove_file(directory.join(&on_disk(&server)[0])).unwrap();
    // Its bytes are missed, and nothing else is.
    admin.get(&format!("/v1/files/{file}/content")).await.problem(503, "unavailable");
    admin.get(&format!("/v1/files/{file}")).await.expect(200);
    admin.delete(&format!("/v1/files/{file}")).await.expect(200);
    let mut connection = server.connection();
    until_so("it is forgotten", || objects(&mut connection, "%") == 0).await;
    assert_eq!(bytes(&mut connection), 0);
}
