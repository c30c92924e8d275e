//! Recordings of calls, fetched where exchanges say that they are. How long a host takes, or that it never comes to an
//! end, is nobody's but its own: a run only takes up what waits, and has it fetched elsewhere.

mod attempt;
mod fetcher;

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;
use voronka_persistence::{
    Error, Store,
    core::jobs::{Claimed, Ended, Job},
};

pub use fetcher::{Fetcher, Limits};

use super::{Lane, Turn, Work};

pub struct FetchRecordings;

impl Work for FetchRecordings {
    fn job(&self) -> Job {
        Job { name: "fetch-recordings", enabled: true }
    }

    fn description(&self) -> &'static str {
        "Fetches recordings of calls, of the integrations that are set so."
    }

    fn lane(&self) -> Lane {
        Lane::Clock
    }

    fn looks_for_itself(&self) -> bool {
        true
    }

    fn due(&self, store: &Store, now: DateTime<Utc>) -> Result<Vec<Uuid>, Error> {
        store.workspaces_of_due_recordings(now)
    }

    fn run(
        &self,
        _: &Store,
        claimed: &Claimed,
        turn: &Turn<'_>,
        now: DateTime<Utc>,
    ) -> Result<Ended, Error> {
        match turn.fetcher()?.begin(claimed.workspace_id, now)? {
            Some(begun) => Ok(Ended::Done(json!({ "recordings": begun }))),
            None => Ok(Ended::Held("As many as may be are being fetched already.".to_owned())),
        }
    }
}
