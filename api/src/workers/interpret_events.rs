//! What integrations have posted, interpreted in the order of its coming.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;
use voronka_domain::intake::call::Told;
use voronka_persistence::{
    Error, Noun, Store, again,
    core::jobs::{Claimed, Ended, Job},
    intake::{integrations::Integration, raw_events::RawEvent},
    workspace::workspaces,
};

use super::{Lane, Turn, Work};
use crate::telephony::{self, Kept};

pub struct InterpretEvents;

/// Events that are read at a time.
const MOST: usize = 200;
const AT_ONCE: i64 = MOST as i64;
/// How long a workspace has its turn.
const TURN: Duration = Duration::from_millis(250);

impl Work for InterpretEvents {
    fn job(&self) -> Job {
        Job { name: "interpret-events", enabled: true }
    }

    fn description(&self) -> &'static str {
        "Interprets what exchanges have posted: calls become activities."
    }

    fn lane(&self) -> Lane {
        Lane::Clock
    }

    fn looks_for_itself(&self) -> bool {
        true
    }

    fn looked_for_every(&self) -> Duration {
        // Whenever something was posted.
        Duration::ZERO
    }

    fn due(&self, store: &Store, now: DateTime<Utc>) -> Result<Vec<Uuid>, Error> {
        let mut due = store.workspaces_with_raw()?;
        due.extend(store.workspaces_of_silent_calls(now)?);
        due.sort_unstable();
        due.dedup();
        Ok(due)
    }

    fn run(
        &self,
        store: &Store,
        claimed: &Claimed,
        turn: &Turn<'_>,
        now: DateTime<Utc>,
    ) -> Result<Ended, Error> {
        let workspace_id = claimed.workspace_id;
        let mut interpreted = 0_u64;
        let until = Instant::now() + TURN;
        let waiting = store.waiting_raw(workspace_id, AT_ONCE)?;
        for event in &waiting {
            // Others have their turn, however much waits here.
            if Instant::now() >= until || turn.is_over() {
                break;
            }
            interpret(store, workspace_id, event)?;
            interpreted = interpreted.saturating_add(1);
        }
        let left =
            waiting.len() == MOST || interpreted < u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        // What was told last is heard before a call is taken for silent.
        if left {
            turn.wake.work();
            return Ok(Ended::Done(json!({ "events": interpreted, "closed": 0 })));
        }
        let mut closed = 0_u64;
        turn.for_a_moment(|| {
            let some = store.close_silent_calls(workspace_id, now)?;
            let some = u64::try_from(some).unwrap_or(u64::MAX);
            closed = closed.saturating_add(some);
            Ok(some)
        })?;
        Ok(Ended::Done(json!({ "events": interpreted, "closed": closed })))
    }
}

/// Interprets all that waits in a workspace.
pub fn interpret_waiting(store: &Store, workspace_id: Uuid) -> Result<(), Error> {
    loop {
        let waiting = store.waiting_raw(workspace_id, AT_ONCE)?;
        if waiting.is_empty() {
            return Ok(());
        }
        for event in &waiting {
            interpret(store, workspace_id, event)?;
        }
    }
}

fn interpret(store: &Store, workspace_id: Uuid, event: &RawEvent) -> Result<(), Error> {
    let read = read(store, workspace_id, event)?;
    again(|| store.interpret(workspace_id, event, read.clone(), voronka_persistence::now()))
}

/// What an event says, or why it says nothing.
fn read(
    store: &Store,
    workspace_id: Uuid,
    event: &RawEvent,
) -> Result<Result<Vec<Told>, String>, Error> {
    let (integration, zone) = store.tenant(workspace_id, |tenant| {
        let zone = workspaces::get(tenant)?.settings()?.time_zone;
        Ok((Integration::get(tenant, event.integration_id)?, zone))
    })?;
    let Some(adapter) = telephony::named(&integration.adapter) else {
        return Ok(Err("There is no such adapter any more.".to_owned()));
    };
    let kept = Kept {
        target: &event.target,
        content_type: event.content_type.as_deref(),
        body: &event.body,
        received_at: event.received_at,
        zone: integration.zone(zone),
    };
    Ok(adapter.read(&kept).map_err(|error| error.to_string()))
}
