//! The release server as a process of its own.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{http, machine};

pub struct Server {
    process: Child,
    pub address: SocketAddr,
    /// From its start until `/readyz` said yes.
    pub ready: Duration,
}

impl Server {
    pub fn start(url: &str, log: &Path) -> Self {
        let here = std::env::current_exe().expect("our own path");
        let binary = here.with_file_name("voronka");
        assert!(binary.exists(), "build it first: cargo build --release -p voronka-api");
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("VORONKA_BENCH_") {
                command.env(
                    name.to_string_lossy().replace("BENCH_", ""),
                    std::env::var_os(&name).unwrap_or_default(),
                );
            } else if name.to_string_lossy().starts_with("VORONKA_") {
                command.env_remove(name);
            }
        }
        // As it comes, but for the life of a token: the benchmark takes longer than a quarter of an hour.
        command.args(["serve", "--listen", "127.0.0.1:0"]).env("DATABASE_URL", url);
        command.env("VORONKA_ACCESS_TOKEN_SECONDS", "86400");
        command.env("VORONKA_FILES", log.with_file_name("files"));
        let log = File::options().create(true).append(true).open(log).expect("a log");
        let started = Instant::now();
        let spawned = command.stdout(Stdio::piped()).stderr(log).spawn();
        let mut process = spawned.expect("the server starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let said = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
        let address = said.expect("an address").trim_end_matches(';').parse().expect("an address");
        let ask = http::request("GET", "/readyz", "", "");
        while http::once(address, &ask).0 != 200 {
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { process, address, ready: started.elapsed() }
    }

    pub fn cpu(&self) -> Duration {
        machine::cpu(self.process.id())
    }

    pub fn resident(&self) -> f64 {
        machine::resident(self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
