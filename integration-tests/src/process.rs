//! A server as a process of its own, with its embedded Postgres: to be killed.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use diesel::{Connection, PgConnection};
use serde_json::Value;
use voronka_api::embedded::{Cluster, Mode};

use crate::{Api, server::PASSWORD};

/// How long a process of its own may take for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const ADMIN: &str = "admin@example.com";

/// A data directory, a binary, and at times a server.
pub struct Process {
    binary: PathBuf,
    pub directory: PathBuf,
    server: Option<Child>,
    /// A database of others, if not its own.
    database: Option<String>,
}

impl Process {
    pub fn new(binary: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("voronka-killed-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        tidy_after_us(&directory);
        Self { binary: binary.into(), directory, server: None, database: None }
    }

    /// On a database that others have, too.
    pub fn on(binary: &str, database: &str) -> Self {
        let mut process = Self::new(binary);
        process.database = Some(database.to_owned());
        process
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name == "DATABASE_URL" || name.to_string_lossy().starts_with("VORONKA_") {
                command.env_remove(name);
            }
        }
        // Tests read the log.
        command.env_remove("RUST_LOG");
        if let Some(programs) = std::env::var_os("VORONKA_POSTGRES_BIN") {
            command.env("VORONKA_POSTGRES_BIN", programs);
        }
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database);
            // All servers of a database have one store.
            command.env("VORONKA_FILES", crate::postgres::files_of(database).join("files"));
        }
        command.args(arguments).env("VORONKA_DATA_DIR", &self.directory);
        command
    }

    /// Starts the server and waits until it has said where it serves.
    pub fn serve(&mut self) -> Api {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.with_extension("log"))
            .expect("a log");
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--workers", "2"];
        let mut command = self.command(&arguments);
        let mut server =
            command.stdout(Stdio::piped()).stderr(log).spawn().expect("the server starts");
        let mut line = String::new();
        let stdout = server.stdout.as_mut().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        self.server = Some(server);
        let said = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
        let address = said.unwrap_or_else(|| panic!("no address in {line:?}; {}", self.log()));
        Api::new(address.trim_end_matches(';').parse().expect("an address"))
    }

    /// The end of what the servers have logged.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.directory.with_extension("log"));
        let text = text.unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Runs a command to its end: status, output, complaints.
    pub fn run(&self, arguments: &[&str], input: &str) -> (ExitStatus, String, String) {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let mut stdin = child.stdin.take().expect("its input");
        // A command that ends without reading has closed it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("the command ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status, text(&output.stdout), text(&output.stderr))
    }

    /// A workspace, made by a command beside the server.
    pub fn create_workspace(&self) {
        let arguments = ["workspace", "create", "--name", "Acme", "--currency", "EUR"];
        let more =
            ["--time-zone", "Europe/Amsterdam", "--admin-email", ADMIN, "--admin-password-stdin"];
        let (status, id, error) =
            self.run(&[&arguments[..], &more[..]].concat(), &format!("{PASSWORD}\n"));
        assert!(status.success(), "{error}");
        assert!(id.trim().parse::<uuid::Uuid>().is_ok(), "{id}");
    }

    /// An access token of the administrator, by a command beside the server.
    pub fn token(&self) -> String {
        let (status, token, error) = self.run(&["token", "--email", ADMIN], "");
        assert!(status.success(), "{error}");
        token.trim().to_owned()
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.server.as_ref().expect("a server").id()
    }

    /// `kill -9` of the server; its Postgres lives on.
    pub fn kill_server(&mut self) {
        let mut server = self.server.take().expect("a server");
        server.kill().expect("killed");
        server.wait().expect("dead");
    }

    /// SIGTERM, as a supervisor sends it.
    pub fn terminate(&self) {
        signal("TERM", &[self.server.as_ref().expect("a server").id()]);
    }

    /// Waits for the server's own end.
    pub fn ended(&mut self) -> ExitStatus {
        self.server.take().expect("a server").wait().expect("an end")
    }

    pub fn postmaster(&self) -> Option<u32> {
        self.postmaster_file()?.lines().next()?.parse().ok()
    }

    fn postmaster_file(&self) -> Option<String> {
        let elsewhere = std::fs::read_to_string(self.directory.join("cluster")).ok();
        let home = elsewhere.map_or(self.directory.clone(), |path| path.trim().into());
        std::fs::read_to_string(home.join("postgres/postmaster.pid")).ok()
    }

    /// `kill -9` of the postmaster and of all its children.
    pub fn kill_postgres(&self) {
        let postmaster = self.postmaster().expect("a postmaster");
        let mut family = vec![postmaster];
        family.extend(children(postmaster));
        signal("KILL", &family);
    }

    /// Both at once.
    pub fn kill_both(&mut self) {
        self.kill_postgres();
        self.kill_server();
    }

    /// Where its database is.
    pub fn url(&self) -> String {
        Cluster::open(&self.directory, Mode::Beside).expect("the cluster").url("voronka")
    }

    /// A connection for SQL of the test's own.
    pub fn connection(&self) -> PgConnection {
        PgConnection::establish(&self.url()).expect("connect")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
        if let Some((postmaster, file)) = self.postmaster().zip(self.postmaster_file()) {
            signal("INT", &[postmaster]);
            let deadline = Instant::now() + PATIENCE;
            while self.postmaster().is_some() && Instant::now() < deadline {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            // The directory of its socket, empty by now.
            let _ = file.lines().nth(4).map(std::fs::remove_dir);
        }
        let _ = std::fs::remove_dir_all(&self.directory);
        let _ = std::fs::remove_file(self.directory.with_extension("log"));
    }
}

/// Asks the server until its database answers.
pub async fn until_ready(api: &Api) {
    until("ready", async || api.try_get("/readyz").await.is_some_and(|r| r.status == 200)).await;
}

/// Asks a foreign process until something holds of it.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let asking = async {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        while !condition().await {
            tick.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("never {what}"));
}

/// Waits until all clients that have changed were compared with the others.
pub async fn until_compared(api: &Api) {
    until("clients were compared", async || {
        let page = api.get("/v1/clients/duplicates?limit=1").await.expect(200);
        page.json["pending"] == 0
    })
    .await;
}

/// Looks until something holds that others bring about.
pub async fn until_so(what: &str, mut condition: impl FnMut() -> bool) {
    let looking = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Waits until an import is as it is wanted, and answers it.
pub async fn import_until(api: &Api, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let last = std::sync::Mutex::new(Value::Null);
    until("the import came so far", async || {
        match api.try_get(&format!("/v1/imports/{id}")).await {
            Some(reply) if reply.status == 200 => {
                let there = wanted(&reply.json);
                *last.lock().expect("the import") = reply.json;
                there
            }
            _ => false,
        }
    })
    .await;
    last.into_inner().expect("the import")
}

fn signal(name: &str, processes: &[u32]) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).args(processes.iter().map(u32::to_string));
    // One of a family may be gone by itself already.
    let _ = kill.stderr(Stdio::null()).status().expect("kill runs");
}

/// Where there is no /proc, children go by themselves when their postmaster has gone.
pub fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

/// A run may be killed itself: a shell waits for our end and then tidies up.
fn tidy_after_us(directory: &Path) {
    let tidy = "read _; [ -d \"$0\" ] || exit 0; kill -9 \"$(cat \"$0/voronka.lock\")\"; \
                f=$0/postgres/postmaster.pid; [ -f \"$f\" ] && p=$(head -n 1 \"$f\") && kill -INT \"$p\" && \
                while kill -0 \"$p\"; do sleep 0.1; done; rm -rf \"$0\" \"$0.log\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", tidy]).arg(directory);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    std::mem::forget(shell.spawn().expect("a shell").stdin);
}
