//! `voronka serve`.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use actix_web::{dev::Server, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rand::RngCore;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use voronka_persistence::Store;

use super::Database;
use crate::{
    Failure,
    auth::{address::Addresses, limit, password::Turns, token::Tokens, tries::Tries},
    config::{DatabaseConfig, ServeConfig},
    demo,
    embedded::{Cluster, Mode},
    heavy::Heavy,
    http::shelf::Shelf,
    objects::Objects,
    outgoing::client::Outgoing,
    server,
    shares::Shares,
    state::App,
    workers::{
        Means, Wake, Workers,
        fetch_recordings::{Fetcher, Limits},
    },
};

/// Files that a workspace has on their way at a time.
const UPLOADS: usize = 4;
const DOWNLOADS: usize = 32;
const SHORTEST_SECRET: usize = 32;
/// How often idle limits are swept out.
const TIDY: Duration = Duration::from_secs(600);
/// How often what was measured is summed up: until then, every request's time is kept.
const SUM_UP: Duration = Duration::from_secs(1);

pub fn serve(database: &DatabaseConfig, config: ServeConfig) -> Result<(), Failure> {
    let _log = log();
    let Database { store, cluster, .. } = Database::open(database, Mode::Serve)?;
    let objects = Objects::of(&store, &config.place(&database.data_dir))?;
    let demo = config.demo.then(|| demo::load(&store, &database.data_dir)).transpose()?;
    let supervisor = cluster.map(Supervisor::start);
    let served = actix_web::rt::System::new().block_on(async {
        let running = start(store, objects, &config, metrics()?)?;
        let base = format!("http://{}", running.address);
        say(&format!("Voronka serves {base}; its documentation is at {base}/docs"));
        if let Some(demo) = demo {
            say(&demo.describe(&base));
        }
        running.server.await?;
        running.workers.stop();
        Ok::<_, Failure>(())
    });
    if let Some(supervisor) = supervisor {
        supervisor.stop();
    }
    served
}

/// Tells whoever reads the output; nobody has to.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A server with its workers.
pub struct Running {
    pub server: Server,
    pub address: SocketAddr,
    pub workers: Workers,
}

/// Starts everything that serves, on a database that is there.
pub fn start(
    store: Store,
    objects: Objects,
    config: &ServeConfig,
    metrics: PrometheusHandle,
) -> Result<Running, Failure> {
    let tokens = tokens(
        &store,
        config.jwt_secret.clone(),
        config.access_token_seconds,
        config.refresh_token_seconds,
    )?
    .with_issuer(config.jwks.clone(), config.jwt_issuer.clone(), config.jwt_audience.clone());
    let wake = Wake::default();
    let app = web::Data::new(App {
        store: store.clone(),
        tokens,
        limits: limit::Limits::new(config.rate_limit),
        addresses: Addresses::new(config.trusted_proxies.clone(), secret(&store, "login_address")?),
        tries: Tries::default(),
        turns: Turns::default(),
        body_limit: config.body_limit,
        body_patience: Duration::from_secs(config.body_seconds),
        import_limit: config.import_limit,
        sheet_limit: config.sheet_limit,
        objects: objects.clone(),
        file_limits: (config.file_limit, config.files_limit),
        heavy: Heavy::new(heavy_places(&store, config)),
        shelf: Shelf::default(),
        shares: Shares::of(store.most_connections()),
        searches: Shares::of_searches(store.most_connections()),
        uploads: Shares::of_any(
            UPLOADS,
            "A workspace uploads four files at a time. Send it again.",
        ),
        downloads: Shares::of_any(
            DOWNLOADS,
            "A workspace downloads 32 files at a time. Ask again.",
        ),
        metrics: metrics.clone(),
        wake: wake.clone(),
    });
    let (server, address) = server::build(app.clone(), config)?;
    actix_web::rt::spawn(sum_up(metrics));
    actix_web::rt::spawn(tidy(app));
    let workers = Workers::start(&store, means(&store, objects, config)?, wake);
    Ok(Running { server, address, workers })
}

/// What background work needs.
fn means(store: &Store, objects: Objects, config: &ServeConfig) -> Result<Means, Failure> {
    let limits = Limits {
        bytes: (config.file_limit, config.files_limit),
        time: Duration::from_secs(config.recording_seconds),
    };
    let outgoing = Outgoing::new(&config.recording_networks);
    let fetcher = Fetcher::new(store, &objects, outgoing, limits)?;
    Ok(Means { objects, fetcher })
}

/// Half of the processors, and a quarter of the connections at most.
fn heavy_places(store: &Store, config: &ServeConfig) -> usize {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    let connections = usize::try_from(store.most_connections()).unwrap_or(usize::MAX);
    config.heavy_places.unwrap_or(processors / 2).min(connections / 4).max(1)
}

async fn sum_up(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(SUM_UP).await;
        metrics.run_upkeep();
    }
}

async fn tidy(app: web::Data<App>) {
    loop {
        tokio::time::sleep(TIDY).await;
        app.limits.tidy();
    }
}

/// Keeps the private cluster up while the server lives.
struct Supervisor {
    cluster: Arc<Mutex<Cluster>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Supervisor {
    fn start(cluster: Cluster) -> Self {
        let cluster = Arc::new(Mutex::new(cluster));
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, told) = (cluster.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                if let Ok(mut cluster) = theirs.lock() {
                    match cluster.ensure_running() {
                        Ok(false) => {}
                        Ok(true) => {
                            tracing::warn!("the embedded Postgres had died and was started again")
                        }
                        Err(error) => tracing::error!(%error, "the embedded Postgres is down"),
                    }
                }
                std::thread::park_timeout(Duration::from_millis(500));
            }
        });
        Self { cluster, stop, thread }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        let _ = self.thread.join();
        if let Ok(mut cluster) = self.cluster.lock()
            && let Err(error) = cluster.stop()
        {
            tracing::error!(%error, "the embedded Postgres did not stop");
        }
    }
}

/// The keys of access tokens: the configured secret, or one that the database keeps for all servers.
pub fn tokens(
    store: &Store,
    secret: Option<String>,
    access_seconds: i64,
    refresh_seconds: i64,
) -> Result<Tokens, Failure> {
    let secret = match secret {
        Some(secret) if secret.len() < SHORTEST_SECRET => {
            return Err(format!("VORONKA_JWT_SECRET needs {SHORTEST_SECRET} bytes").into());
        }
        Some(secret) => secret.into_bytes(),
        None => self::secret(store, "access_token")?,
    };
    Ok(Tokens::new(&secret, access_seconds, refresh_seconds))
}

/// A secret that the database keeps for all servers.
fn secret(store: &Store, name: &str) -> Result<Vec<u8>, Failure> {
    let mut fresh = vec![0_u8; 64];
    rand::rng().fill_bytes(&mut fresh);
    Ok(store.instance_key(name, fresh)?)
}

/// Says whether a server could start, and changes nothing.
pub fn check(database: &DatabaseConfig, config: &ServeConfig) -> Result<(), Failure> {
    if config.jwt_secret.as_ref().is_some_and(|secret| secret.len() < SHORTEST_SECRET) {
        return Err(format!("VORONKA_JWT_SECRET needs {SHORTEST_SECRET} bytes").into());
    }
    let place = config.place(&database.data_dir);
    match &database.database_url {
        Some(url) => {
            let store = Store::new(url, 2);
            store.ping()?;
            println!("The database answers.");
            println!("{}", Objects::check(Some(&store), &place)?);
        }
        None => {
            println!(
                "Without DATABASE_URL a private cluster serves in {}.",
                database.data_dir.display()
            );
            // Which store it wants is known when it serves.
            println!("{}", Objects::check(None, &place)?);
        }
    }
    println!("The configuration is good.");
    Ok(())
}

/// The recorder of the process: a second server in one process shares it.
pub fn metrics() -> Result<PrometheusHandle, Failure> {
    static HANDLE: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut handle = HANDLE.lock().map_err(|_| "metrics are broken")?;
    if let Some(handle) = handle.as_ref() {
        return Ok(handle.clone());
    }
    let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let made = PrometheusBuilder::new().set_buckets(&buckets)?.install_recorder()?;
    *handle = Some(made.clone());
    Ok(made)
}

/// JSON lines on the standard error; `RUST_LOG` says how many. A thread of its own writes them: who reads them slowly,
/// or not at all, stops nobody, and loses lines. They are written to the end as long as the guard lives.
fn log() -> WorkerGuard {
    let lossy = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES);
    let (writer, guard) = lossy.finish(std::io::stderr());
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,voronka=info,voronka_api=info"));
    let _ = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(writer)
        // Who cannot be told of it, as a disk is full, goes without: requests are answered all the same.
        .log_internal_errors(false)
        .try_init();
    guard
}

/// Lines of the log that wait to be written.
const LINES: usize = 10_000;
