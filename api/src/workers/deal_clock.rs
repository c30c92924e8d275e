//! The clock of deals: rules by time, and gates beside which something has changed.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;
use voronka_persistence::{
    Error, Store,
    core::jobs::{Claimed, Ended, Job},
    deals,
};

use super::{Lane, Turn, Work};

pub struct DealClock;

impl Work for DealClock {
    fn job(&self) -> Job {
        Job { name: "deal-clock", enabled: true }
    }

    fn description(&self) -> &'static str {
        "Carries out rules of the clock, and looks at gates beside which something has changed."
    }

    fn lane(&self) -> Lane {
        Lane::Clock
    }

    fn looks_for_itself(&self) -> bool {
        true
    }

    fn due(&self, store: &Store, now: DateTime<Utc>) -> Result<Vec<Uuid>, Error> {
        store.workspaces_of_the_clock(now)
    }

    fn run(
        &self,
        store: &Store,
        claimed: &Claimed,
        turn: &Turn<'_>,
        now: DateTime<Utc>,
    ) -> Result<Ended, Error> {
        let mut looked_at = 0_usize;
        turn.for_a_moment(|| {
            let some = store.tick_in(claimed.workspace_id, now)?;
            looked_at = looked_at.saturating_add(some);
            // Fewer: there are no more, but for those that somebody holds.
            Ok(u64::from(some >= deals::AT_ONCE))
        })?;
        Ok(Ended::Done(json!({ "deals": looked_at })))
    }
}
