//! Against the real programs: what a user, a crash and a second command do to a data directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Signal, geteuid};

use super::site::{Endpoint, send};
use super::{Cluster, EmbeddedError, Mode};
use crate::{cli::Database, config::DatabaseConfig};

/// Removed at the end of a test, after the clusters in it.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        // Not std's temp_dir: TMPDIR may be out of the reach of the user of Postgres.
        let dir = PathBuf::from(format!("/tmp/voronka-test-{:016x}", rand::random::<u64>()));
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn serve(dir: &Path) -> Cluster {
    Cluster::open(dir, Mode::Serve).unwrap()
}

fn beside(dir: &Path) -> Cluster {
    Cluster::open(dir, Mode::Beside).unwrap()
}

/// Next to the other programs, or not at all: then the tests do without a look into the database.
fn psql_program(cluster: &Cluster) -> Option<PathBuf> {
    let postgres = cluster.site.programs.postgres().canonicalize().unwrap();
    let psql = postgres.with_file_name("psql");
    psql.exists().then_some(psql)
}

fn psql(cluster: &Cluster, sql: &str) -> Option<String> {
    psql_at(cluster, &cluster.url("postgres"), sql)
}

fn psql_at(cluster: &Cluster, url: &str, sql: &str) -> Option<String> {
    let output = Command::new(psql_program(cluster)?)
        .args(["-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql, url])
        .env("PGCONNECT_TIMEOUT", "10")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{sql}: {said}");
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn pid(cluster: &Cluster) -> i32 {
    Endpoint::read(&cluster.site.dir).unwrap().pid
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// As by `kill -9`: the locks go with the process, Postgres stays.
fn kill_server(mut cluster: Cluster) {
    cluster.open = false;
}

fn kill_postgres(cluster: &mut Cluster) {
    send(cluster.endpoint.pid, Signal::KILL).unwrap();
    wait_until("Postgres is dead", || {
        let endpoint = cluster.endpoint.clone();
        match &mut cluster.child {
            Some(child) => child.try_wait().unwrap().is_some(),
            None => !cluster.site.is_postmaster(&endpoint),
        }
    });
}

#[test]
fn a_first_start_creates_and_a_restart_keeps() {
    let dir = Dir::new();
    let mut cluster = serve(&dir.0);
    assert!(!cluster.ensure_running().unwrap());
    assert!(cluster.url("a b").starts_with("postgresql://voronka@/a%20b?host=%2F"));
    psql(&cluster, "create table kept as select 42 as answer");
    if let Some(settings) = psql(
        &cluster,
        "select string_agg(setting, ' ' order by lower(name)) from pg_settings where name in \
         ('TimeZone', 'data_checksums', 'fsync', 'jit', 'server_encoding', 'shared_buffers')",
    ) {
        assert_eq!(settings, "on on off UTF8 32768 UTC");
    }
    let socket_dir = cluster.endpoint.socket_dir.clone();
    cluster.stop().unwrap();
    cluster.stop().unwrap();
    assert!(!socket_dir.exists());
    assert!(!cluster.site.dir.join("postmaster.pid").exists());
    drop(cluster);

    let start = Instant::now();
    let cluster = serve(&dir.0);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_ne!(psql(&cluster, "select answer from kept"), Some(String::new()));
}

#[test]
fn files_are_private_and_the_password_opens_the_port() {
    use std::os::unix::fs::MetadataExt;
    let dir = Dir::new();
    let cluster = serve(&dir.0);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    let password = dir.0.join("postgres.password");
    assert_eq!(mode(&password), 0o600);
    assert_eq!(mode(&cluster.site.dir), 0o700);
    assert_eq!(mode(&cluster.endpoint.socket_dir), 0o700);
    assert_eq!(mode(&cluster.site.log()), 0o600);
    let text = std::fs::read_to_string(password).unwrap();
    let port = cluster.admin_port();
    let url = format!("postgresql://voronka:{}@127.0.0.1:{port}/postgres", text.trim());
    if let Some(answer) = psql_at(&cluster, &url, "select current_user") {
        assert_eq!(answer, "voronka");
    }
    let left: Vec<_> = std::fs::read_dir(&dir.0).unwrap().flatten().collect();
    assert!(!left.iter().any(|e| e.file_name().to_string_lossy().contains("new")), "{left:?}");
}

#[test]
fn a_killed_postgres_is_restarted_at_its_address() {
    let dir = Dir::new();
    let mut cluster = serve(&dir.0);
    psql(&cluster, "create table kept as select 42 as answer");
    let url = cluster.url("postgres");
    for _ in 0..2 {
        kill_postgres(&mut cluster);
        assert!(cluster.ensure_running().unwrap());
        assert!(!cluster.ensure_running().unwrap());
        assert_eq!(cluster.url("postgres"), url);
        psql(&cluster, "insert into kept select answer + 1 from kept");
    }
    if let Some(rows) = psql(&cluster, "select count(*) from kept") {
        assert_eq!(rows, "4");
    }
}

#[test]
fn a_busy_backend_of_a_killed_postgres_does_not_hold_up_the_next() {
    let dir = Dir::new();
    let mut cluster = serve(&dir.0);
    let Some(program) = psql_program(&cluster) else {
        return;
    };
    // It never waits, hence does not notice the death of its postmaster.
    let busy = "do $$ begin loop end loop; end $$";
    let url = cluster.url("postgres");
    let mut client =
        Command::new(program).args(["-X", "-c", busy, &url]).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the query runs", || {
        let running =
            "select count(*) from pg_stat_activity where state = 'active' and query like 'do %'";
        psql(&cluster, running).is_some_and(|count| count == "1")
    });
    kill_postgres(&mut cluster);
    let start = Instant::now();
    assert!(cluster.ensure_running().unwrap());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(!client.wait().unwrap().success());
}

#[test]
fn a_taken_port_does_not_keep_a_killed_postgres_down() {
    let dir = Dir::new();
    let mut cluster = serve(&dir.0);
    let url = cluster.url("postgres");
    kill_postgres(&mut cluster);
    let taken = std::net::TcpListener::bind(("127.0.0.1", cluster.admin_port())).unwrap();
    assert!(cluster.ensure_running().unwrap());
    assert_eq!(cluster.url("postgres"), url);
    psql(&cluster, "select 1");
    drop(taken);
}

#[test]
fn a_vanished_socket_is_put_back() {
    let dir = Dir::new();
    let mut cluster = serve(&dir.0);
    let url = cluster.url("postgres");
    std::fs::remove_dir_all(&cluster.endpoint.socket_dir).unwrap();
    assert!(cluster.ensure_running().unwrap());
    assert_eq!(cluster.url("postgres"), url);
    psql(&cluster, "select 1");
}

#[test]
fn an_orphan_is_adopted_and_stopped() {
    let dir = Dir::new();
    let first = serve(&dir.0);
    let (orphan, url) = (pid(&first), first.url("postgres"));
    kill_server(first);
    let mut second = serve(&dir.0);
    assert_eq!(pid(&second), orphan);
    assert_eq!(second.url("postgres"), url);
    assert!(!second.ensure_running().unwrap());
    // The adopted one dies as well.
    kill_postgres(&mut second);
    assert!(second.ensure_running().unwrap());
    assert_eq!(second.url("postgres"), url);
    second.stop().unwrap();
    assert!(Endpoint::read(&second.site.dir).is_none());
}

#[test]
fn both_killed_recover_even_with_the_process_id_reused() {
    let dir = Dir::new();
    for reused in [false, true] {
        let mut first = serve(&dir.0);
        kill_postgres(&mut first);
        let file = first.site.dir.join("postmaster.pid");
        kill_server(first);
        if reused {
            // As ourselves, which no Postgres is.
            let text = std::fs::read_to_string(&file).unwrap();
            let (_, rest) = text.split_once('\n').unwrap();
            std::fs::write(&file, format!("{}\n{rest}", std::process::id())).unwrap();
        }
        assert!(!serve(&dir.0).ensure_running().unwrap());
    }
    let site = serve(&dir.0).site.dir.clone();
    std::fs::write(site.join("postmaster.pid"), "").unwrap();
    serve(&dir.0);
}

#[test]
fn a_second_server_is_refused() {
    let dir = Dir::new();
    let first = serve(&dir.0);
    let refused = Cluster::open(&dir.0, Mode::Serve).unwrap_err();
    let ours = std::process::id();
    assert!(matches!(refused, EmbeddedError::InUse { pid } if pid == ours), "{refused}");
    drop(first);
    serve(&dir.0);
}

#[test]
fn a_command_works_beside_a_server() {
    let dir = Dir::new();
    let mut server = serve(&dir.0);
    let mut command = beside(&dir.0);
    assert_eq!(command.url("voronka"), server.url("voronka"));
    assert!(!command.ensure_running().unwrap());
    command.stop().unwrap();
    assert!(!server.ensure_running().unwrap());

    // It waits for the server to restart its Postgres, instead of starting one elsewhere.
    kill_postgres(&mut server);
    std::thread::scope(|scope| {
        let command = scope.spawn(|| beside(&dir.0).url("voronka"));
        assert!(server.ensure_running().unwrap());
        assert_eq!(command.join().unwrap(), server.url("voronka"));
    });
    assert!(!server.ensure_running().unwrap());
}

#[test]
fn commands_alone_start_one_cluster_and_the_last_stops_it() {
    let dir = Dir::new();
    let clusters: Vec<Cluster> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| beside(&dir.0))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let url = clusters[0].url("postgres");
    assert!(clusters.iter().all(|cluster| cluster.url("postgres") == url));
    assert_eq!(clusters.iter().filter(|cluster| cluster.child.is_some()).count(), 1);
    let file = clusters[0].site.dir.join("postmaster.pid");
    // The one that started it goes first.
    let (starter, others): (Vec<_>, Vec<_>) =
        clusters.into_iter().partition(|cluster| cluster.child.is_some());
    drop(starter);
    for cluster in others {
        assert!(file.exists());
        assert!(cluster.endpoint.answers());
        drop(cluster);
    }
    assert!(!file.exists());
}

#[test]
fn a_server_takes_over_from_a_command_and_an_orphan_is_left_to_it() {
    let dir = Dir::new();
    let command = beside(&dir.0);
    let mut server = serve(&dir.0);
    assert_eq!(pid(&server), pid(&command));
    drop(command);
    assert!(!server.ensure_running().unwrap());
    kill_server(server);
    let command = beside(&dir.0);
    let endpoint = command.endpoint.clone();
    drop(command);
    assert!(endpoint.answers());
    drop(serve(&dir.0));
    assert!(!endpoint.answers());
}

#[test]
fn a_data_directory_out_of_reach_gets_its_cluster_elsewhere() {
    use std::os::unix::fs::PermissionsExt;
    if !geteuid().is_root() {
        return;
    }
    let dir = Dir::new();
    std::fs::create_dir(&dir.0).unwrap();
    std::fs::set_permissions(&dir.0, std::fs::Permissions::from_mode(0o700)).unwrap();
    let data = dir.0.join("data");
    let cluster = serve(&data);
    psql(&cluster, "create table kept as select 42 as answer");
    let home = Dir(cluster.site.home.clone());
    assert!(home.0.starts_with("/var/lib/voronka"), "{}", home.0.display());
    drop(cluster);
    assert!(!data.join("postgres").exists());

    // It is found again after a move.
    let moved = dir.0.join("moved");
    std::fs::rename(&data, &moved).unwrap();
    let cluster = serve(&moved);
    assert_eq!(cluster.site.home, home.0);
    psql(&cluster, "select answer from kept");
    drop(cluster);

    // A fresh directory of the old name gets a fresh cluster; a lost one is not replaced quietly.
    let fresh = serve(&data);
    assert_ne!(fresh.site.home, home.0);
    let _fresh_home = Dir(fresh.site.home.clone());
    drop(fresh);
    drop(home);
    let lost = Cluster::open(&moved, Mode::Serve).unwrap_err();
    assert!(matches!(lost, EmbeddedError::Unusable(_)), "{lost}");
}

#[test]
fn a_hostile_socket_directory_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    let mut cluster = serve(&dir.0);
    let mut trap = PathBuf::from("/tmp").join(&cluster.site.name);
    if cluster.endpoint.socket_dir.starts_with("/run") {
        trap = PathBuf::from("/run").join(&cluster.site.name);
    }
    cluster.stop().unwrap();
    drop(cluster);
    let open_to_all = Dir(trap);
    std::fs::create_dir(&open_to_all.0).unwrap();
    std::fs::set_permissions(&open_to_all.0, std::fs::Permissions::from_mode(0o777)).unwrap();
    let cluster = serve(&dir.0);
    assert_ne!(cluster.endpoint.socket_dir, open_to_all.0);
}

#[test]
fn a_failed_start_shows_the_log() {
    let dir = Dir::new();
    let conf = serve(&dir.0).site.dir.join("postgresql.conf");
    std::fs::write(&conf, "no_such_setting = 1\n").unwrap();
    let error = Cluster::open(&dir.0, Mode::Serve).unwrap_err().to_string();
    assert!(error.contains("no_such_setting"), "{error}");
    assert!(error.contains("postgres.log"), "{error}");
}

#[test]
fn a_cluster_of_another_version_asks_for_its_programs() {
    let dir = Dir::new();
    let version = serve(&dir.0).site.dir.join("PG_VERSION");
    std::fs::write(version, "99\n").unwrap();
    let error = Cluster::open(&dir.0, Mode::Serve).unwrap_err().to_string();
    assert!(error.contains("of version 99"), "{error}");
    assert!(error.contains("apt-get install postgresql-99"), "{error}");
}

#[test]
fn a_server_is_no_superuser_and_owns_its_database() {
    let dir = Dir::new();
    let told = || {
        let config =
            DatabaseConfig { database_url: None, data_dir: dir.0.clone(), database_pool: 2 };
        let database = Database::open(&config, Mode::Serve).unwrap();
        let cluster = database.cluster.as_ref().unwrap();
        let foreign = "SELECT current_setting('is_superuser'), (SELECT count(*) FROM pg_class \
                       WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S') \
                       AND pg_get_userbyid(relowner) <> current_user)";
        let told = psql_at(cluster, &database.url, foreign);
        // As a database was that is older than the role.
        psql_at(
            cluster,
            &cluster.url("voronka"),
            "ALTER TABLE events OWNER TO voronka; ALTER FUNCTION lower_all OWNER TO voronka",
        );
        told
    };
    for _ in 0..2 {
        assert!(told().is_none_or(|told| told == "off|0"));
    }
}
