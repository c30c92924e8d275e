//! The page /docs in a real browser. Where no Chromium can be had the test says so and is skipped.

use std::path::PathBuf;

use voronka_integration_tests::TestServer;

use crate::kernel::node;

/// `CHROMIUM` names it, or it is where Debian puts it.
fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let named = |name: &str| {
        std::env::split_paths(&directories).map(|path| path.join(name)).find(|path| path.is_file())
    };
    ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| named(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_authorises_on_the_page_of_docs_and_runs_a_call() {
    let Some(chromium) = chromium() else {
        return node::skipped("there is no Chromium, so nobody has looked at /docs");
    };
    let server = TestServer::start().await;
    let variables = [
        ("VORONKA_URL", server.admin.base.as_str()),
        ("VORONKA_EMAIL", &server.admin.email),
        ("VORONKA_TOKEN", server.admin.token.as_deref().expect("a token")),
        ("CHROMIUM", chromium.to_str().expect("a path in UTF-8")),
    ];
    if let Some(said) = node::run("docs.js", &variables) {
        assert!(said.contains("answers 200"), "{said}");
    }
}
