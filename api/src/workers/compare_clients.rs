//! Duplicates are found.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;
use voronka_persistence::{
    Error, Store,
    core::jobs::{Claimed, Ended, Job},
};

use super::{Lane, Turn, Work};

pub struct CompareClients;

impl Work for CompareClients {
    fn job(&self) -> Job {
        Job { name: "compare-clients", enabled: true }
    }

    fn description(&self) -> &'static str {
        "Compares clients that have changed with the others, to find duplicates."
    }

    fn lane(&self) -> Lane {
        Lane::Upkeep
    }

    fn looks_for_itself(&self) -> bool {
        true
    }

    fn due(&self, store: &Store, _: DateTime<Utc>) -> Result<Vec<Uuid>, Error> {
        store.workspaces_of_changed_clients()
    }

    fn run(
        &self,
        store: &Store,
        claimed: &Claimed,
        turn: &Turn<'_>,
        now: DateTime<Utc>,
    ) -> Result<Ended, Error> {
        let changes = turn.for_a_moment(|| {
            let done = store.compare_clients(claimed.workspace_id, now)?;
            Ok(u64::try_from(done).unwrap_or_default())
        })?;
        Ok(Ended::Done(json!({ "changes": changes })))
    }
}
