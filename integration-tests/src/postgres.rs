//! One cluster a run, one database a test.

use std::{
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use diesel::{Connection, PgConnection, RunQueryDsl};
use voronka_api::embedded::{Cluster, Mode};
use voronka_persistence::Store;

const TEMPLATE: &str = "voronka_template";

struct Postgres {
    cluster: Cluster,
    /// Its standard input closes when we end.
    _tidy: Child,
}

fn postgres() -> &'static Postgres {
    static POSTGRES: OnceLock<Postgres> = OnceLock::new();
    POSTGRES.get_or_init(|| {
        let directory = std::env::temp_dir().join(format!("voronka-tests-{}", std::process::id()));
        let cluster = Cluster::open(&directory, Mode::Serve).expect("the tests' Postgres starts");
        let tidy = stop_after_us(&directory.display().to_string());
        Store::create_database(&cluster.url("postgres"), TEMPLATE).expect("a template");
        Store::migrate(&cluster.url(TEMPLATE)).expect("migrations run");
        Postgres { cluster, _tidy: tidy }
    })
}

/// Statics are not dropped, and a run may be killed: a shell waits for our end and then tidies up.
fn stop_after_us(directory: &str) -> Child {
    // A Postgres that fell takes the tests that stand on it along: its log says of what.
    let tidy = "read _; \
                grep -h -B 20 -A 5 -e 'terminated by signal' -e 'PANIC:' \"$0\"/postgres.log >&2; \
                for f in \"$0\"/postgres/postmaster.pid $(cat \"$0\"/cluster 2>/dev/null)/postgres/postmaster.pid; do \
                [ -f \"$f\" ] && p=$(head -n 1 \"$f\") && kill -INT \"$p\" && \
                while kill -0 \"$p\" 2>/dev/null; do sleep 0.1; done; done; rm -rf \"$0\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", tidy, directory]).stdin(Stdio::piped()).stdout(Stdio::null());
    // Its own group, so that Ctrl-C does not end it before its work.
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    shell.spawn().expect("a shell")
}

/// The data directory of a server on a database: its files are there, unless they are said to be elsewhere.
pub fn files_of(url: &str) -> std::path::PathBuf {
    let name = url.rsplit('/').next().unwrap_or_default();
    std::env::temp_dir().join(format!("voronka-tests-{}", std::process::id())).join(name)
}

/// The URL of a fresh database with the schema in it.
pub fn database() -> String {
    let number = next();
    let name = format!("test_{number}");
    let postgres = postgres();
    let mut connection =
        PgConnection::establish(&postgres.cluster.url("postgres")).expect("connect");
    diesel::sql_query(format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
        .execute(&mut connection)
        .expect("a database");
    postgres.cluster.url(&name)
}

/// The URL of a database without anything in it.
pub fn empty_database() -> String {
    let name = format!("empty_{}", next());
    let postgres = postgres();
    Store::create_database(&postgres.cluster.url("postgres"), &name).expect("a database");
    postgres.cluster.url(&name)
}

fn next() -> u32 {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}
