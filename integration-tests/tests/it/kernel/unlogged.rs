//! A log that cannot be written, as its disk is full or its reader gone, stops nobody.

use serde_json::json;
use voronka_integration_tests::{
    Api, TestServer,
    process::{Process, until},
};

#[tokio::test]
async fn a_server_whose_log_is_full_goes_on() {
    const BINARY: &str = env!("CARGO_BIN_EXE_voronka-under-test");
    let server = TestServer::start().await;
    let mut process = Process::on(BINARY, &server.url);
    std::os::unix::fs::symlink("/dev/full", process.directory.with_extension("log")).unwrap();
    let api = Api { base: process.serve().base, ..server.admin.clone() };
    for _ in 0..3 {
        api.get("/healthz").await.expect(200);
    }
    api.post("/v1/sources", json!({ "name": "Fair" })).await.expect(201);
    api.get("/v1/deals?format=csv").await.expect(200);
    api.get("/v1/nothing").await.problem(404, "not_found");
    // Background work goes on, too, whichever of the two servers does it.
    drop(server);
    api.post("/v1/clients", json!({ "name": "Acme", "phones": ["+31201234567"] }))
        .await
        .expect(201);
    until("clients were compared", async || {
        let page = api.get("/v1/clients/duplicates?limit=1").await.expect(200);
        page.json["pending"] == 0
    })
    .await;
}

/// A reader of the log who does not read holds nobody up.
#[tokio::test]
async fn a_server_whose_log_nobody_reads_goes_on() {
    const BINARY: &str = env!("CARGO_BIN_EXE_voronka-under-test");
    let server = TestServer::start().await;
    let mut process = Process::on(BINARY, &server.url);
    let log = process.directory.with_extension("log");
    assert!(std::process::Command::new("mkfifo").arg(&log).status().unwrap().success());
    let _reader = std::fs::File::options().read(true).write(true).open(&log).unwrap();
    let api = Api { base: process.serve().base, ..server.admin.clone() };
    // A pipe takes 64 KiB, and each of these has a line of some 300 bytes.
    for _ in 0..600 {
        api.get("/v1/sources?limit=1").await.expect(200);
    }
    api.get("/healthz").await.expect(200);
}
