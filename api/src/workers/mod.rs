//! Background work: its kinds, and the threads that run what waits. A kind of work is one file, and one line here.

mod compare_clients;
mod deal_clock;
pub mod fetch_recordings;
pub mod imports;
pub mod interpret_events;
mod remove_objects;
mod return_hand_overs;
mod runner;
mod sweep;
mod work_out_tracks;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use uuid::Uuid;
use voronka_persistence::{
    Error, Store, Unit,
    core::jobs::{Claimed, Ended, Holder, Job, Run},
};

use crate::objects::Objects;

pub use runner::{Wake, Workers, run_one};

/// All kinds of background work.
pub const WORKS: [&dyn Work; 9] = [
    &imports::Imports,
    &interpret_events::InterpretEvents,
    &fetch_recordings::FetchRecordings,
    &deal_clock::DealClock,
    &return_hand_overs::ReturnHandOvers,
    &compare_clients::CompareClients,
    &work_out_tracks::WorkOutTracks,
    &sweep::Sweep,
    &remove_objects::RemoveObjects,
];

/// Work of one lane does not wait for that of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// What people wait for by the clock.
    Clock,
    /// What nobody waits for.
    Upkeep,
    /// What may take hours.
    Long,
}

impl Lane {
    pub const ALL: [Self; 3] = [Self::Clock, Self::Upkeep, Self::Long];
}

/// A kind of background work.
pub trait Work: Sync {
    fn job(&self) -> Job;

    /// What it does, for people.
    fn description(&self) -> &'static str;

    fn lane(&self) -> Lane;

    /// Whether it looks for itself what there is to do, and so can be started, and set to a schedule that begins it.
    /// Other work is told what it is about, and waits for its schedule.
    fn looks_for_itself(&self) -> bool {
        false
    }

    /// What becomes of what a run was of, when it has failed for the last time and somebody drops it.
    fn dropped(&self, _: &mut Unit<'_>, _: &Run) -> Result<(), Error> {
        Ok(())
    }

    /// Workspaces that have some to do.
    fn due(&self, _: &Store, _: DateTime<Utc>) -> Result<Vec<Uuid>, Error> {
        Ok(Vec::new())
    }

    /// How often it is looked for workspaces that have some to do.
    fn looked_for_every(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Does what there is to do in a workspace, or a part of it: until its turn is over.
    fn run(
        &self,
        store: &Store,
        claimed: &Claimed,
        turn: &Turn<'_>,
        now: DateTime<Utc>,
    ) -> Result<Ended, Error>;
}

/// The work of a name.
pub fn named(name: &str) -> Option<&'static dyn Work> {
    WORKS.into_iter().find(|work| work.job().name == name)
}

/// How long a run may go on while others wait.
const TURN: Duration = Duration::from_secs(30);
/// How often it is looked whether others wait.
const LOOK_AROUND: Duration = Duration::from_secs(5);

/// What work needs beside the database.
pub struct Means {
    pub objects: Objects,
    pub fetcher: fetch_recordings::Fetcher,
}

/// The turn of a run: it is over when the server stops, and after a while if other workspaces wait for theirs.
pub struct Turn<'r> {
    wake: &'r Wake,
    means: Option<&'r Means>,
    holder: &'r Holder,
    jobs: &'r [Job],
    claimed: &'r Claimed,
    began: Instant,
    looked: std::sync::Mutex<Instant>,
    over: AtomicBool,
}

impl Turn<'_> {
    /// The store of files, which every server has; a command that does some work itself has none.
    pub fn objects(&self) -> Result<&Objects, Error> {
        Ok(&self.means()?.objects)
    }

    fn fetcher(&self) -> Result<&fetch_recordings::Fetcher, Error> {
        Ok(&self.means()?.fetcher)
    }

    fn means(&self) -> Result<&Means, Error> {
        self.means.ok_or_else(|| Error::Internal("work without a store of files".to_owned()))
    }

    pub fn is_over(&self) -> bool {
        if self.wake.stopping() || self.over.load(Ordering::Relaxed) {
            return true;
        }
        if self.began.elapsed() < TURN {
            return false;
        }
        let Ok(mut looked) = self.looked.try_lock() else { return false };
        if looked.elapsed() < LOOK_AROUND {
            return false;
        }
        *looked = Instant::now();
        let now = voronka_persistence::now();
        let wait = self.holder.others_wait(self.jobs, self.claimed, now).unwrap_or(false);
        self.over.fetch_or(wait, Ordering::Relaxed);
        wait
    }

    /// Does pieces of work as long as there are any and a moment has not passed: the next ones are another run.
    pub fn for_a_moment(
        &self,
        mut piece: impl FnMut() -> Result<u64, Error>,
    ) -> Result<u64, Error> {
        let mut done = 0_u64;
        while self.began.elapsed() < MOMENT && !self.wake.stopping() {
            match piece()? {
                0 => break,
                more => done = done.saturating_add(more),
            }
        }
        Ok(done)
    }
}

/// Work that comes in pieces leaves its lane to others after that.
const MOMENT: Duration = Duration::from_secs(1);
