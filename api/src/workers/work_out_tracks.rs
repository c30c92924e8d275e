//! What deals from before an upgrade lack.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;
use voronka_persistence::{
    Error, Store,
    core::jobs::{Claimed, Ended, Job},
};

use super::{Lane, Turn, Work};

pub struct WorkOutTracks;

impl Work for WorkOutTracks {
    fn job(&self) -> Job {
        Job { name: "work-out-tracks", enabled: true }
    }

    fn description(&self) -> &'static str {
        "Works out what reports need of deals from before an upgrade."
    }

    fn lane(&self) -> Lane {
        Lane::Upkeep
    }

    fn looks_for_itself(&self) -> bool {
        true
    }

    fn due(&self, store: &Store, _: DateTime<Utc>) -> Result<Vec<Uuid>, Error> {
        store.workspaces_without_tracks()
    }

    fn run(
        &self,
        store: &Store,
        claimed: &Claimed,
        turn: &Turn<'_>,
        _: DateTime<Utc>,
    ) -> Result<Ended, Error> {
        let deals = turn.for_a_moment(|| {
            let done = store.work_out_tracks(claimed.workspace_id)?;
            Ok(u64::try_from(done).unwrap_or_default())
        })?;
        Ok(Ended::Done(json!({ "deals": deals })))
    }
}
