//! The database that a command works on: the one that is configured, or the private cluster.

use voronka_persistence::Store;

use crate::{
    Failure,
    config::DatabaseConfig,
    embedded::{Cluster, Mode, SERVER},
};

const NAME: &str = "voronka";

/// A database that is there, with its schema up to date.
pub struct Database {
    pub url: String,
    pub store: Store,
    /// The private cluster, unless a database is configured.
    pub cluster: Option<Cluster>,
}

impl Database {
    pub fn open(config: &DatabaseConfig, mode: Mode) -> Result<Self, Failure> {
        let (url, cluster) = match config.database_url.as_ref().filter(|url| !url.is_empty()) {
            Some(url) => (url.clone(), None),
            None => {
                let cluster = Cluster::open(&config.data_dir, mode)?;
                Store::create_database(&cluster.url("postgres"), NAME)?;
                Store::give_database(&cluster.url(NAME), SERVER)?;
                (cluster.url_of(SERVER, NAME), Some(cluster))
            }
        };
        let run = Store::migrate(&url)?;
        if !run.is_empty() {
            tracing::info!(migrations = run.join(", "), "schema brought up to date");
        }
        let store = match mode {
            Mode::Serve => Store::new(&url, config.database_pool),
            Mode::Beside => Store::of_command(&url, config.database_pool),
        };
        Ok(Self { url, store, cluster })
    }
}
