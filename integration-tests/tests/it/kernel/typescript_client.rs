//! A client in TypeScript with types generated from the specification: it compiles in strict mode, and what
//! it then does on a real server is what the types promise.

use voronka_integration_tests::{TestServer, server::PASSWORD};

use crate::kernel::node;

#[tokio::test(flavor = "multi_thread")]
async fn a_typescript_client_type_checks_and_sells() {
    let server = TestServer::start().await;
    let variables = [
        ("VORONKA_URL", server.admin.base.as_str()),
        ("VORONKA_EMAIL", &server.admin.email),
        ("VORONKA_PASSWORD", PASSWORD),
    ];
    if let Some(said) = node::run("scenario.js", &variables) {
        assert!(said.contains("The scenario holds."), "{said}");
        let won = server.admin.get("/v1/deals?status=won").await.expect(200);
        assert_eq!(won.json["items"][0]["title"], "Saws");
    }
}
