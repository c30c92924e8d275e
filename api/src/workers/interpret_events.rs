//! What integrations have posted, interpreted in the order of its coming.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;
use voronka_persistence::{
    Error, Noun, Store, again,
    core::jobs::{Claimed, Ended, Job},
    intake::{
        integrations::Integration,
        raw_events::{RawEvent, Said},
    },
    workspace::workspaces,
};

use super::{Lane, Turn, Work};
use crate::telephony::{self, Kept};

pub struct InterpretEvents;

/// Events that are read at a time.
const MOST: usize = 200;
const AT_ONCE: i64 = MOST as i64;
/// Events that are taken in in one transaction: whoever waits for one of them does not wait for long.
const TOGETHER: usize = 20;
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
        let mut interpreted = 0_usize;
        let until = Instant::now() + TURN;
        let waiting = store.waiting_raw(workspace_id, AT_ONCE, now)?;
        for some in together(&waiting) {
            // Others have their turn, however much waits here.
            if Instant::now() >= until || turn.is_over() {
                break;
            }
            interpret(store, workspace_id, some)?;
            interpreted = interpreted.saturating_add(some.len());
        }
        let left = waiting.len() >= MOST || interpreted < waiting.len();
        // What was told last is heard before a call is taken for silent.
        if left {
            turn.wake.work_in(Lane::Clock);
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
        let waiting = store.waiting_raw(workspace_id, AT_ONCE, voronka_persistence::now())?;
        if waiting.is_empty() {
            return Ok(());
        }
        together(&waiting).try_for_each(|some| interpret(store, workspace_id, some))?;
    }
}

/// Events of one integration that follow each other.
fn together(waiting: &[RawEvent]) -> impl Iterator<Item = &[RawEvent]> {
    let alike = waiting.chunk_by(|one, next| one.integration_id == next.integration_id);
    alike.flat_map(|alike| alike.chunks(TOGETHER))
}

/// Takes in some events of an integration in one transaction, or each by itself if others are in the way of one.
fn interpret(store: &Store, workspace_id: Uuid, some: &[RawEvent]) -> Result<(), Error> {
    let Some(integration_id) = some.first().map(|event| event.integration_id) else {
        return Ok(());
    };
    let said = read(store, workspace_id, integration_id, some)?;
    let take = |said: &[(Uuid, Said)]| {
        again(|| store.interpret(workspace_id, integration_id, said, voronka_persistence::now()))
    };
    match take(&said) {
        Err(error) if error.passing().is_some() && said.len() > 1 => {
            said.chunks(1).try_for_each(take)
        }
        taken => taken,
    }
}

/// What events of an integration say.
fn read(
    store: &Store,
    workspace_id: Uuid,
    integration_id: Uuid,
    some: &[RawEvent],
) -> Result<Vec<(Uuid, Said)>, Error> {
    let (integration, zone) = store.tenant(workspace_id, |tenant| {
        let zone = workspaces::get(tenant)?.settings()?.time_zone;
        Ok((Integration::get(tenant, integration_id)?, zone))
    })?;
    let adapter = telephony::named(&integration.adapter);
    let said = |event: &RawEvent| -> Said {
        let adapter = adapter.ok_or("There is no such adapter any more.")?;
        let kept = Kept {
            target: &event.target,
            content_type: event.content_type.as_deref(),
            body: &event.body,
            received_at: event.received_at,
            zone: integration.zone(zone),
        };
        adapter.read(&kept).map_err(|error| error.to_string())
    };
    Ok(some.iter().map(|event| (event.id, said(event))).collect())
}
