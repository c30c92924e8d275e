//! `make bench`: how fast the server answers, beside pgbench with the same statements on the same cluster.
//! Rounds of both alternate, so that a ratio holds when the machine's speed does not. See docs/performance.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod crowd;
mod growth;
mod http;
mod intake;
mod machine;
mod requests;
mod round;
mod server;
mod twin;
mod world;

use std::time::Duration;

use clap::Parser;
use round::Bench;
use world::World;

/// Measures the release server.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Only requests whose name contains one of these; all by default.
    pub only: Vec<String>,
    /// A small world and short rounds, to try something.
    #[arg(long)]
    pub quick: bool,
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Length of a round.
    #[arg(long, default_value_t = 6)]
    pub seconds: u64,
    #[arg(long, default_value_t = 16)]
    pub connections: usize,
    #[arg(long, default_value_t = 20)]
    pub companies: usize,
    /// Deals of each company.
    #[arg(long, default_value_t = 50_000)]
    pub deals: usize,
    /// Measure how the requests grow: companies of so many deals.
    #[arg(long, value_delimiter = ',')]
    pub growth: Vec<usize>,
    /// Measure what sixteen callers of one company do to another one, for so many seconds.
    #[arg(long)]
    pub crowd: Option<u64>,
    /// Show pgbench's scripts.
    #[arg(long)]
    pub scripts: bool,
}

impl Options {
    /// Tasks of a client in a round, of which each can be done once: more than are done in it.
    fn led_block(&self) -> usize {
        let seconds = usize::try_from(self.seconds).unwrap_or(usize::MAX);
        seconds.saturating_mul(4_000 / self.connections.max(1))
    }

    /// Tasks of a round.
    fn led(&self) -> usize {
        self.led_block() * self.connections
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}

fn main() {
    let mut options = Options::parse();
    if options.quick {
        (options.companies, options.deals) = (4, 20_000);
        (options.rounds, options.seconds) = (options.rounds.min(3), options.seconds.min(3));
    }
    if !options.growth.is_empty() {
        return growth::run(&options);
    }
    if let Some(seconds) = options.crowd {
        return crowd::run(&options, seconds);
    }
    let world = World::build(&options);
    // The first start is a warm-up: the others show what a start takes.
    let mut starts: Vec<_> = (0..3).map(|_| world.serve().ready).collect();
    starts.sort_unstable();
    let server = world.serve();
    std::thread::sleep(Duration::from_secs(1));
    let idle = server.resident();

    println!("{}; {}; load {} before\n", machine::describe(), world.settings(), machine::load());
    let bench = Bench::new(&options, &world, &server);
    let mut most = idle;
    println!("{}", round::HEAD);
    for request in requests::all(&world, &server, &options) {
        let row = bench.measure(&request);
        most = most.max(row.resident);
        println!("{row}");
    }
    println!();
    if options.wants(intake::NAME) {
        intake::run(&options, &world, &server);
    }
    println!(
        "{} connections, medians of {} rounds of {} s; CPU in ms a request",
        options.connections, options.rounds, options.seconds
    );
    println!("start to ready {:.2} s", starts[1].as_secs_f64());
    println!(
        "resident: {idle:.0} MiB idle, {most:.0} MiB under load, {:.0} MiB after it",
        server.resident()
    );
    println!("load {} after", machine::load());
}
