//! How an integration does: what came last, what failed, and what was not taken.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    prelude::*,
    sql_types::{Nullable, Text, Timestamptz},
    upsert::excluded,
};
use moka::sync::Cache;
use uuid::Uuid;

use crate::{
    Result, Store, Tenant,
    core::{schema::integration_refusals, unit::raw},
};

/// What went wrong last, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub at: DateTime<Utc>,
    pub reason: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    pub last_event_at: Option<DateTime<Utc>>,
    /// Something is not interpreted yet since then.
    pub waiting_since: Option<DateTime<Utc>>,
    pub last_failure: Option<Trouble>,
    pub last_refusal: Option<Trouble>,
}

/// Others that come within so long are not written down.
const NOTED_EVERY: Duration = Duration::from_secs(10);

pub fn of(tenant: &mut Tenant<'_>, integration_id: Uuid) -> Result<Status> {
    let mut one = |state: &'static str,
                   order: &'static str|
     -> Result<Option<(DateTime<Utc>, Option<String>)>> {
        let rows = tenant
            .rows(raw::<(Timestamptz, Nullable<Text>)>("received_at, reason"), "raw_events")
            .sql(" AND integration_id = ")
            .bind(integration_id)
            .sql(state)
            .sql(order)
            .sql(" LIMIT 1");
        Ok(rows.get_result(tenant.conn).optional()?)
    };
    let last = one("", " ORDER BY id DESC")?;
    let waiting = one(" AND state = 'waiting'", " ORDER BY id")?;
    let failed = one(" AND state = 'failed'", " ORDER BY id DESC")?;
    let refused = integration_refusals::table
        .find((tenant.workspace_id, integration_id))
        .select((integration_refusals::at, integration_refusals::reason))
        .get_result(tenant.conn)
        .optional()?;
    Ok(Status {
        last_event_at: last.map(|(at, _)| at),
        waiting_since: waiting.map(|(at, _)| at),
        last_failure: failed.map(|(at, reason)| Trouble { at, reason: reason.unwrap_or_default() }),
        last_refusal: refused.map(|(at, reason)| Trouble { at, reason }),
    })
}

/// Integrations of which something was noted a moment ago.
struct Noted(Cache<Uuid, ()>);

impl Default for Noted {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(NOTED_EVERY).build())
    }
}

impl Store {
    /// Whether a refusal is to be noted: once in a while, for strangers may post as often as they like.
    pub fn notes_refusals(&self, integration_id: Uuid) -> bool {
        let entry = self.kept::<Noted>().0.entry(integration_id).or_insert(());
        entry.is_fresh()
    }

    /// Notes that a post was not taken.
    pub fn note_refusal(
        &self,
        workspace_id: Uuid,
        integration_id: Uuid,
        at: DateTime<Utc>,
        reason: &str,
    ) -> Result<()> {
        use integration_refusals as table;
        self.tenant(workspace_id, |tenant| {
            diesel::insert_into(table::table)
                .values((
                    table::workspace_id.eq(workspace_id),
                    table::integration_id.eq(integration_id),
                    table::at.eq(at),
                    table::reason.eq(reason),
                ))
                .on_conflict((table::workspace_id, table::integration_id))
                .do_update()
                .set((table::at.eq(excluded(table::at)), table::reason.eq(excluded(table::reason))))
                .execute(tenant.conn)?;
            Ok(())
        })
    }
}
