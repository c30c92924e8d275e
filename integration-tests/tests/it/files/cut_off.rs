//! What is cut off on its way in leaves nothing for good, and holds nobody up.

use voronka_integration_tests::{TestServer, process::until_so, sql};

use super::shelf::{Half, NOW, bytes, objects, on_disk};

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal = admin.deal(&admin.deal_type(&["first"]).await, "1").await;
    let mut connection = server.connection();
    // One that was not written yet, and one of which a part was.
    for length in [1_000, 11_000_000] {
        let half = Half::of(admin, ("deal", &deal), &vec![b'a'; length]).await;
        until_so("it is being written", || objects(&mut connection, "writing") == 1).await;
        drop(half);
        until_so("it is given up", || objects(&mut connection, "writing") == 0).await;
        sql::run(&mut connection, NOW);
        until_so("it is removed", || objects(&mut connection, "%") == 0).await;
        assert_eq!((on_disk(&server).len(), bytes(&mut connection)), (0, 0), "{length}");
    }
    let list = admin.get("/v1/files").await.expect(200);
    assert_eq!(list.json["items"].as_array().unwrap().len(), 0);
}

/// Whoever hangs up while the upload's place is being taken leaves none.
#[tokio::test]
async fn who_hangs_up_before_it_begins_leaves_nothing() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal = admin.deal(&admin.deal_type(&["first"]).await, "1").await;
    let (mut holder, mut connection) = (server.connection(), server.connection());
    sql::run(&mut holder, "BEGIN; LOCK TABLE stored_objects IN SHARE MODE");
    let half = Half::of(admin, ("deal", &deal), b"of no use to anybody").await;
    until_so("it waits", || sql::waiting_for(&mut connection, "stored_objects") == 1).await;
    drop(half);
    // It is heard of by whoever serves others as well.
    for _ in 0..20 {
        admin.get("/v1/files").await.expect(200);
    }
    sql::run(&mut holder, "COMMIT");
    until_so("it was begun", || bytes(&mut connection) > 0).await;
    until_so("it is given up", || objects(&mut connection, "writing") == 0).await;
    sql::run(&mut connection, NOW);
    until_so("it is removed", || bytes(&mut connection) == 0).await;
}
