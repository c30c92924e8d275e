//! The threads that run what waits: one for each lane.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Condvar, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use voronka_persistence::{
    Error, Store,
    core::jobs::{Ended, Holder, Job},
    now,
};

use super::{Lane, Means, Turn, WORKS, Work, named};

/// How often a server looks for work that another one took in.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells the workers that there is work.
#[derive(Clone, Default)]
pub struct Wake(Arc<(Mutex<Signal>, Condvar)>);

#[derive(Default)]
struct Signal {
    /// Counts what has been told to each lane.
    told: [u64; Lane::ALL.len()],
    stop: bool,
}

impl Signal {
    fn told(&self, lane: Lane) -> u64 {
        self.told.get(lane as usize).copied().unwrap_or_default()
    }
}

impl Wake {
    pub fn work(&self) {
        Lane::ALL.into_iter().for_each(|lane| self.work_in(lane));
    }

    /// There is work of one lane: the others need not look.
    pub fn work_in(&self, lane: Lane) {
        self.signal(|signal| {
            if let Some(told) = signal.told.get_mut(lane as usize) {
                *told = told.wrapping_add(1);
            }
        });
    }

    pub fn stop(&self) {
        self.signal(|signal| signal.stop = true);
    }

    fn signal(&self, set: impl FnOnce(&mut Signal)) {
        if let Ok(mut signal) = self.0.0.lock() {
            set(&mut signal);
            self.0.1.notify_all();
        }
    }

    fn told(&self, lane: Lane) -> u64 {
        self.0.0.lock().map_or(0, |signal| signal.told(lane))
    }

    /// Waits until something is told that was not by then, or a while. False when it is time to stop.
    fn wait(&self, lane: Lane, told: u64) -> bool {
        let Ok(guard) = self.0.0.lock() else { return false };
        let idle = |signal: &mut Signal| signal.told(lane) == told && !signal.stop;
        let Ok((guard, _)) = self.0.1.wait_timeout_while(guard, LOOK_EVERY, idle) else {
            return false;
        };
        !guard.stop
    }

    pub(super) fn stopping(&self) -> bool {
        self.0.0.lock().map_or(true, |signal| signal.stop)
    }
}

/// The threads of a server.
pub struct Workers {
    wake: Wake,
    means: Arc<Means>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub fn start(store: &Store, means: Means, wake: Wake) -> Self {
        let means = Arc::new(means);
        let holder = Arc::new(Holder::new(store.clone()));
        let lane = |lane| {
            let (store, wake, holder) = (store.clone(), wake.clone(), holder.clone());
            let means = means.clone();
            std::thread::spawn(move || work((&store, &means), &holder, &wake, lane))
        };
        Self { threads: Lane::ALL.into_iter().map(lane).collect(), wake, means }
    }

    /// Lets what is in progress come to a place where it can go on from.
    pub fn stop(self) {
        self.wake.stop();
        for thread in self.threads {
            let _ = thread.join();
        }
        self.means.fetcher.stop();
    }
}

/// Works until it is told to stop; what has begun then waits for the next start.
fn work((store, means): (&Store, &Means), holder: &Holder, wake: &Wake, lane: Lane) {
    let works: Vec<&dyn Work> = WORKS.into_iter().filter(|work| work.lane() == lane).collect();
    let mut looked: Vec<Option<Instant>> = works.iter().map(|_| None).collect();
    loop {
        let told = wake.told(lane);
        let mut round = || {
            for (work, looked) in works.iter().zip(&mut looked) {
                if looked.is_none_or(|at| at.elapsed() >= work.looked_for_every()) {
                    holder.notice(work.job(), work.due(store, now())?, now())?;
                    *looked = Some(Instant::now());
                }
            }
            if lane == Lane::Upkeep {
                holder.begin_scheduled(now())?;
            }
            while !wake.stopping() && run_one((store, Some(means)), holder, wake, &works)? {}
            Ok::<_, Error>(())
        };
        if let Err(error) = round() {
            tracing::warn!(%error, "background work was interrupted");
        }
        if !wake.wait(lane, told) {
            return;
        }
    }
}

/// Runs what has waited longest, of some kinds of work. False when nothing waits.
pub fn run_one(
    (store, means): (&Store, Option<&Means>),
    holder: &Holder,
    wake: &Wake,
    works: &[&dyn Work],
) -> Result<bool, Error> {
    let jobs: Vec<Job> = works.iter().map(|work| work.job()).collect();
    let Some(claimed) = holder.claim(&jobs, now())? else { return Ok(false) };
    let Some(work) = named(&claimed.run.name) else { return Ok(false) };
    let began = Instant::now();
    let turn = Turn {
        wake,
        means,
        holder,
        jobs: &jobs,
        claimed: &claimed,
        began,
        looked: Mutex::new(began),
        over: Default::default(),
    };
    let run = AssertUnwindSafe(|| work.run(store, &claimed, &turn, now()));
    // A thread that panics would hold its run for as long as the server lives.
    let ended = std::panic::catch_unwind(run)
        .unwrap_or_else(|_| Err(Error::Internal("background work panicked".to_owned())));
    let ended = match ended {
        Ok(ended) => ended,
        // Another server had it meanwhile. If it is ours all the same, it is looked at once more.
        Err(Error::TakenOver) => Ended::Interrupted,
        Err(error) => {
            let (job, workspace_id) = (&claimed.run.name, claimed.workspace_id);
            tracing::warn!(%error, %job, %workspace_id, "background work failed");
            match error.passing() {
                Some(_) => Ended::Held(error.to_string()),
                None => Ended::Failed(told(&error)),
            }
        }
    };
    holder.end(&claimed, ended, rand::random(), now())?;
    Ok(true)
}

/// What of a fault is told to people.
fn told(error: &Error) -> String {
    match error {
        Error::Internal(_) | Error::Database(_) => {
            tracing::error!(?error, "background work met a fault of the server");
            "A fault of the server.".to_owned()
        }
        error => error.to_string(),
    }
}
