//! Hand-overs come back.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;
use voronka_persistence::{
    Error, Store,
    core::jobs::{Claimed, Ended, Job},
};

use super::{Lane, Turn, Work};

pub struct ReturnHandOvers;

impl Work for ReturnHandOvers {
    fn job(&self) -> Job {
        Job { name: "return-hand-overs", enabled: true }
    }

    fn description(&self) -> &'static str {
        "Gives back what was handed over until a day that has come."
    }

    fn lane(&self) -> Lane {
        Lane::Clock
    }

    fn looks_for_itself(&self) -> bool {
        true
    }

    fn due(&self, store: &Store, now: DateTime<Utc>) -> Result<Vec<Uuid>, Error> {
        store.workspaces_of_returns(now)
    }

    fn run(
        &self,
        store: &Store,
        claimed: &Claimed,
        _: &Turn<'_>,
        now: DateTime<Utc>,
    ) -> Result<Ended, Error> {
        store.return_hand_overs_in(claimed.workspace_id, now)?;
        Ok(Ended::Done(json!({})))
    }
}
