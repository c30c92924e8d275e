//! A server for a test.

use std::{net::SocketAddr, sync::mpsc};

use actix_web::dev::ServerHandle;
use clap::Parser;
use uuid::Uuid;
use voronka_api::{
    cli,
    config::{Cli, Command, ServeConfig},
    founding,
    objects::Objects,
};
use voronka_persistence::Store;

use crate::{Api, postgres};

pub const PASSWORD: &str = "a long enough password";

/// A running server on a database of its own. It stops when it is dropped.
pub struct TestServer {
    pub url: String,
    pub store: Store,
    pub address: SocketAddr,
    /// The administrator of the first workspace.
    pub admin: Api,
    handle: ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// The configuration that a command line gives, and the connections that the server may have.
fn config(arguments: &[&str]) -> (ServeConfig, u32) {
    let start = ["voronka", "serve", "--listen", "127.0.0.1:0", "--workers", "2"];
    let cli = Cli::try_parse_from(start.iter().chain(arguments)).expect("arguments");
    match cli.command {
        Some(Command::Serve(config)) => (config, cli.database.database_pool),
        _ => panic!("not serve"),
    }
}

impl TestServer {
    /// With one workspace, in euros and Amsterdam's time.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(arguments: &[&str]) -> Self {
        Self::on(postgres::database(), arguments).await
    }

    /// Another server on the same database.
    pub async fn beside(other: &Self) -> Self {
        Self::serve(other.url.clone(), &[]).await
    }

    pub async fn on(url: String, arguments: &[&str]) -> Self {
        let mut server = Self::serve(url, arguments).await;
        server.admin = server.workspace("Acme", "EUR", "Europe/Amsterdam").await;
        server
    }

    async fn serve(url: String, arguments: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (config, connections) = config(arguments);
        let store = Store::new(&url, connections);
        let place = config.place(&postgres::files_of(&url));
        let objects = Objects::of(&store, &place).expect("a store of files");
        let (sender, receiver) = mpsc::channel();
        let theirs = store.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let metrics = cli::metrics().expect("metrics");
                let running = cli::start(theirs, objects, &config, metrics).expect("start");
                let told = sender.send((running.address, running.server.handle()));
                told.expect("the test waits");
                running.server.await.expect("serves");
                running.workers.stop();
            });
        });
        let (address, handle) = receiver.recv().expect("the server starts");
        let admin = Api::new(address);
        Self { url, store, address, admin, handle, thread: Some(thread) }
    }

    /// A new workspace, seen by its administrator.
    pub async fn workspace(&self, name: &str, currency: &str, zone: &str) -> Api {
        let workspace = founding::new_workspace(name, currency, zone).expect("workspace");
        let email = format!("admin-{}@example.com", Uuid::now_v7().simple());
        let role = voronka_domain_role("admin");
        let admin = founding::new_user("Admin", &email, role, Some(PASSWORD)).expect("user");
        let mut api = Api::new(self.address);
        api.workspace_id = workspace.workspace_id;
        api.user_id = admin.id;
        api.email = email.clone();
        founding::create(&self.store, workspace, admin).expect("created");
        api.log_in(&email, PASSWORD).await;
        api
    }

    /// Waits until the import has ended, and answers it.
    pub async fn finished(&self, api: &Api, import: &str) -> serde_json::Value {
        loop {
            let reply = api.get(&format!("/v1/imports/{import}")).await;
            let state = reply.json["state"].as_str().unwrap_or_default().to_owned();
            if !matches!(state.as_str(), "queued" | "running") {
                return reply.json;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Where its store of files is, unless it was told another place.
    pub fn files(&self) -> std::path::PathBuf {
        postgres::files_of(&self.url).join("files")
    }

    /// A connection for SQL of the test's own.
    pub fn connection(&self) -> diesel::PgConnection {
        diesel::Connection::establish(&self.url).expect("connect")
    }
}

fn voronka_domain_role(word: &str) -> voronka_domain::people::access::Role {
    voronka_persistence::core::enum_names::from_name(word).expect("a role")
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
