//! What is kept for a while only.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;
use voronka_persistence::{
    Error, Store,
    core::{
        idempotency,
        jobs::{self, Claimed, Ended, Job},
    },
    intake::raw_events,
};

use super::{Lane, Turn, Work};

pub struct Sweep;

impl Work for Sweep {
    fn job(&self) -> Job {
        Job { name: "sweep", enabled: true }
    }

    fn description(&self) -> &'static str {
        "Forgets idempotency keys of more than a day, posts of integrations and recordings of calls that are older than the workspace keeps them, and old runs of background work."
    }

    fn lane(&self) -> Lane {
        Lane::Upkeep
    }

    fn looks_for_itself(&self) -> bool {
        true
    }

    fn due(&self, store: &Store, now: DateTime<Utc>) -> Result<Vec<Uuid>, Error> {
        let mut due = store.workspaces_of_old_keys(now)?;
        due.extend(store.workspaces_of_old_raw(now)?);
        due.extend(store.workspaces_of_old_recordings(now)?);
        due.sort_unstable();
        due.dedup();
        Ok(due)
    }

    fn looked_for_every(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn run(
        &self,
        store: &Store,
        claimed: &Claimed,
        turn: &Turn<'_>,
        now: DateTime<Utc>,
    ) -> Result<Ended, Error> {
        let (keys, events, runs) = store.tenant(claimed.workspace_id, |tenant| {
            let (keys, events) =
                (idempotency::forget(tenant, now)?, raw_events::forget(tenant, now)?);
            Ok((keys, events, jobs::forget(tenant)?))
        })?;
        let mut recordings = 0_u64;
        turn.for_a_moment(|| {
            let some = store.let_go_of_old_recordings(claimed.workspace_id, now)?;
            let some = u64::try_from(some).unwrap_or(u64::MAX);
            recordings = recordings.saturating_add(some);
            Ok(some)
        })?;
        Ok(Ended::Done(json!({ "idempotency_keys": keys, "raw_events": events,
            "recordings": recordings, "runs": runs })))
    }
}
