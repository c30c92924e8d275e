//! Rounds: the server, then pgbench, in turn.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crate::{Options, http, machine, requests::Request, server::Server, world::World};

pub struct Bench<'b> {
    options: &'b Options,
    world: &'b World,
    server: &'b Server,
}

/// What one kind of request came to.
pub struct Row {
    name: String,
    rate: f64,
    pgbench: Option<f64>,
    ratio: Option<f64>,
    times: [Duration; 3],
    alone: Option<Duration>,
    /// Of the server, of Postgres, of the driver; then of Postgres under pgbench and of pgbench.
    cpu: [f64; 4],
    pub resident: f64,
}

pub const HEAD: &str = "\
| request | per second | pgbench | ratio | p50 | p95 | p99 | CPU server | Postgres | both | driver | Postgres under pgbench |
|---|---|---|---|---|---|---|---|---|---|---|---|";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |figure: Option<String>| figure.unwrap_or_else(|| "–".to_owned());
        write!(f, "| {} | {:.0} | ", self.name, self.rate)?;
        write!(f, "{} | ", or_none(self.pgbench.map(|rate| format!("{rate:.0}"))))?;
        write!(f, "{} | ", or_none(self.ratio.map(|ratio| format!("{ratio:.2}"))))?;
        for time in self.times {
            write!(f, "{:.1} ms | ", time.as_secs_f64() * 1_000.0)?;
        }
        let [server, postgres, driver, twin] = self.cpu;
        write!(f, "{server:.2} | {postgres:.2} | {:.2} | {driver:.2} | ", server + postgres)?;
        write!(f, "{} |", or_none(self.alone.map(|_| format!("{twin:.2}"))))
    }
}

fn middle(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

fn each(cpu: Duration, requests: f64) -> f64 {
    cpu.as_secs_f64() * 1_000.0 / requests.max(1.0)
}

impl<'b> Bench<'b> {
    pub fn new(options: &'b Options, world: &'b World, server: &'b Server) -> Self {
        Self { options, world, server }
    }

    pub fn measure(&self, request: &Request<'_>) -> Row {
        let Options { rounds, seconds, .. } = *self.options;
        let clients = request.connections.unwrap_or(self.options.connections);
        let drive = |time| http::drive(self.server.address, clients, time, &*request.next);
        drive(Duration::from_millis(1_500));
        let mut row = Row {
            name: match request.connections {
                Some(1) => format!("{}, 1 connection", request.name),
                _ => request.name.to_owned(),
            },
            rate: 0.0,
            pgbench: None,
            ratio: None,
            times: [Duration::ZERO; 3],
            alone: None,
            cpu: [0.0; 4],
            resident: 0.0,
        };
        let (mut rates, mut twins, mut ratios, mut seen) = (vec![], vec![], vec![], vec![]);
        let mut cpu: [Vec<f64>; 4] = Default::default();
        for round in 0..rounds {
            let spent = || [self.server.cpu(), self.world.cpu(), machine::cpu(std::process::id())];
            let before = spent();
            let (one, resident) = self.watched(|| drive(Duration::from_secs(seconds)));
            row.resident = row.resident.max(resident);
            for ((before, after), cpu) in before.into_iter().zip(spent()).zip(&mut cpu) {
                cpu.push(each(after - before, one.times.len() as f64));
            }
            rates.push(one.rate());
            if let Some(script) = &request.twin {
                let before = self.world.cpu();
                let (rate, mean) = script.run(&self.world.url, clients, seconds, round + 1);
                // Its backends end a moment after it, and are counted with the postmaster from then on.
                std::thread::sleep(Duration::from_millis(300));
                cpu[3].push(each(self.world.cpu() - before, rate * seconds as f64));
                twins.push(rate);
                ratios.push(one.rate() / rate);
                row.alone = Some(mean);
            }
            seen.push(one);
        }
        seen.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
        let typical = &seen[seen.len() / 2];
        row.times = [500, 950, 990].map(|per_mille| typical.at(per_mille));
        row.rate = middle(rates).unwrap_or_default();
        row.pgbench = middle(twins);
        row.ratio = middle(ratios);
        row.cpu = cpu.map(|figures| middle(figures).unwrap_or_default());
        row
    }

    /// Does something, and tells how much memory the server had at most meanwhile.
    fn watched<T>(&self, work: impl FnOnce() -> T) -> (T, f64) {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut most = 0.0_f64;
                while !over.load(Ordering::Relaxed) {
                    most = most.max(self.server.resident());
                    std::thread::sleep(Duration::from_millis(250));
                }
                most
            });
            let done = work();
            over.store(true, Ordering::Relaxed);
            (done, watcher.join().expect("a watcher"))
        })
    }
}
