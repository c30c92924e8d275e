//! What nothing hangs on any more is removed from the store of files.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;
use voronka_persistence::{
    Error, Store,
    core::jobs::{Claimed, Ended, Job},
};

use super::{Lane, Turn, Work};
use crate::objects::Key;

pub struct RemoveObjects;

impl Work for RemoveObjects {
    fn job(&self) -> Job {
        Job { name: "remove-objects", enabled: true }
    }

    fn description(&self) -> &'static str {
        "Removes deleted files from the store, and what is left of uploads that were given up."
    }

    fn lane(&self) -> Lane {
        Lane::Upkeep
    }

    fn looks_for_itself(&self) -> bool {
        true
    }

    fn due(&self, store: &Store, now: DateTime<Utc>) -> Result<Vec<Uuid>, Error> {
        store.workspaces_of_objects_to_remove(now)
    }

    fn run(
        &self,
        store: &Store,
        claimed: &Claimed,
        turn: &Turn<'_>,
        now: DateTime<Utc>,
    ) -> Result<Ended, Error> {
        let workspace_id = claimed.workspace_id;
        let (mut removed, mut fault) = (0_u64, None);
        turn.for_a_moment(|| {
            let ids = store.objects_to_remove(workspace_id, now)?;
            for id in &ids {
                if let Err(error) = remove(store, turn, Key { workspace_id, id: *id })? {
                    fault = Some(error);
                    return Ok(0);
                }
                removed = removed.saturating_add(1);
            }
            Ok(u64::try_from(ids.len()).unwrap_or(u64::MAX))
        })?;
        match fault {
            Some(fault) => Ok(Ended::Held(fault)),
            None => Ok(Ended::Done(json!({ "objects": removed }))),
        }
    }
}

/// From the store first: as long as it may be there, its row says so. The store's fault is told, and passes.
fn remove(store: &Store, turn: &Turn<'_>, key: Key) -> Result<Result<(), String>, Error> {
    let objects = turn.objects()?;
    match objects.wait(objects.remove(key)).and_then(|removed| removed) {
        Ok(()) => store.forget_object(key.workspace_id, key.id).map(Ok),
        Err(fault) => Ok(Err(fault.to_string())),
    }
}
