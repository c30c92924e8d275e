//! `make storm`: everything at once for a while, by a dozen clients against two servers, which die meanwhile;
//! then what must hold is looked at in the database, and figures are printed. It fails if anything does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ashore;
mod client;
mod faults;
mod log;
mod random;
mod sea;

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use log::Log;
use sea::Sea;

#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// How long the clients go on.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=600))]
    pub seconds: u64,
    /// What the clients choose.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[arg(long, default_value_t = 12)]
    pub clients: u64,
    /// Nothing is killed.
    #[arg(long)]
    pub calm: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(storm(options))
}

async fn storm(options: Options) -> ExitCode {
    let mut servers = faults::Servers::start();
    let sea = Arc::new(Sea::fill(servers.apis(), options.seed).await);
    let before = ashore::deadlocks(&mut servers.connection());
    let clients: Vec<_> = (0..options.clients)
        .map(|number| tokio::spawn(client::Client::new(sea.clone(), number, options.seed).work()))
        .collect();
    let length = Duration::from_secs(options.seconds);
    if options.calm {
        tokio::time::sleep(length).await;
    } else {
        servers.suffer(&sea, length).await;
    }
    sea.end();
    let mut log = Log::default();
    for client in clients {
        log.add(client.await.expect("a client"));
    }
    let findings = ashore::look(&servers, &mut log).await;
    let deadlocks = ashore::deadlocks(&mut servers.connection()) - before;
    println!("{}", log.table());
    println!("{deadlocks} deadlocks in the database; seed {}", options.seed);
    println!("\nWhat must hold:");
    let mut well = true;
    for (what, broken) in findings {
        well &= broken.is_empty();
        println!("{:>6}  {what}", broken.len());
        broken.iter().take(5).for_each(|broken| println!("        {broken}"));
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
