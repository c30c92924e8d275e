//! Imports a large file into a server of its own, once without and once with a kill in the middle, and says
//! how fast it went and how much memory the server took. The totals have to be those of the generator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use clap::Parser;
use voronka_integration_tests::{
    Api,
    import_load::{STAGES, Totals, spec, totals, write},
    process::{Process, children, until_ready},
};

#[derive(Parser)]
struct Arguments {
    /// Deals in the file.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Kill the server when so many rows are done, and start it again.
    #[arg(long)]
    kill_at: Vec<i64>,
}

/// A line of /proc/PID/status, in MiB.
fn memory(pid: u32, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap_or_default();
    let kib = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

/// Seconds of processor time that Postgres' processes have had.
fn database(process: &Process) -> f64 {
    let family = process.postmaster().into_iter().flat_map(children);
    family.map(processor).sum()
}

/// Seconds of processor time that a process has had.
fn processor(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

async fn state(api: &Api, id: &str) -> (String, i64) {
    match api.try_get(&format!("/v1/imports/{id}")).await {
        Some(reply) if reply.status == 200 => (
            reply.json["state"].as_str().unwrap_or_default().to_owned(),
            reply.json["rows_done"].as_i64().unwrap_or_default(),
        ),
        _ => (String::new(), 0),
    }
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = Arguments::parse();
    let binary = std::env::current_exe().unwrap().with_file_name("voronka-under-test");
    let mut process = Process::new(binary.to_str().unwrap());
    let mut api = process.serve();
    until_ready(&api).await;
    process.create_workspace();
    api = api.with_token(process.token());
    let deal_type = api.deal_type(STAGES).await;

    let mut file = Vec::new();
    let expected = write(&mut file, arguments.rows, arguments.seed).unwrap();
    println!("{} rows, {} MiB", arguments.rows, file.len() >> 20);
    let uploading = Instant::now();
    let id = api.import(file, spec(&deal_type)).await.expect(202).id();
    println!("uploaded in {:.1} s", uploading.elapsed().as_secs_f64());

    let started = Instant::now();
    let mut kills = arguments.kill_at.into_iter().peekable();
    let (mut highest, mut spent) = (0, 0.0);
    let mut said = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let pid = process.pid();
        highest = highest.max(memory(pid, "VmHWM:"));
        let (state, done) = state(&api, &id).await;
        if done >= said + 100_000 {
            said = done;
            let seconds = started.elapsed().as_secs_f64();
            println!("{done} rows in {seconds:.1} s, {} MiB", memory(pid, "VmRSS:"));
        }
        if kills.next_if(|at| done >= *at).is_some() {
            spent += processor(pid);
            process.kill_server();
            println!("killed at {done} rows");
            api = process.serve().with_token(process.token());
            until_ready(&api).await;
        }
        if !matches!(state.as_str(), "queued" | "running" | "") {
            break;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    spent += processor(process.pid());
    let done = api.get(&format!("/v1/imports/{id}")).await.expect(200).json;
    println!(
        "{} in {seconds:.1} s: {:.0} rows/s; at most {highest} MiB in the server; processor time: {spent:.1} s in \
         the server, {:.1} s in Postgres",
        done["state"].as_str().unwrap_or_default(),
        arguments.rows as f64 / seconds,
        database(&process),
    );
    let found: Totals = totals(&mut process.connection());
    assert_eq!(found, expected, "the totals of the generator");
    assert_eq!(done["created"], arguments.rows, "{done}");
    println!("{found:?}: as generated");
}
