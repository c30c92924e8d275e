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
};

use super::{Lane, Turn, Work};

pub struct Sweep;

impl Work for Sweep {
    fn job(&self) -> Job {
        Job { name: "sweep", enabled: true }
    }

    fn description(&self) -> &'static str {
        "Forgets idempotency keys of more than a day, and old runs of background work."
    }

    fn lane(&self) -> Lane {
        Lane::Upkeep
    }

    fn looks_for_itself(&self) -> bool {
        true
    }

    fn due(&self, store: &Store, now: DateTime<Utc>) -> Result<Vec<Uuid>, Error> {
        store.workspaces_of_old_keys(now)
    }

    fn looked_for_every(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn run(
        &self,
        store: &Store,
        claimed: &Claimed,
        _: &Turn<'_>,
        now: DateTime<Utc>,
    ) -> Result<Ended, Error> {
        let (keys, runs) = store.tenant(claimed.workspace_id, |tenant| {
            Ok((idempotency::forget(tenant, now)?, jobs::forget(tenant)?))
        })?;
        Ok(Ended::Done(json!({ "idempotency_keys": keys, "runs": runs })))
    }
}
