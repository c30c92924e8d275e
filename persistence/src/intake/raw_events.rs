//! Raw events: what was posted, as it came. Kept before it is acknowledged, interpreted after.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, sql_types::Uuid as SqlUuid};
use uuid::Uuid;
use voronka_domain::intake::call::Told;

use super::{calls, integrations::Integration};
use crate::{
    Error, Noun, Result, Statement, Store, Tenant, Unit,
    core::{
        lanes::{Lanes, Read},
        list::{Field, FieldKind, Page, Query, Spec},
        schema::raw_events,
        unit::raw,
    },
    workspace::workspaces,
};

/// An event as it was posted.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = raw_events)]
pub struct RawEvent {
    pub id: Uuid,
    pub integration_id: Uuid,
    pub received_at: DateTime<Utc>,
    pub token: Option<String>,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
    pub state: String,
    pub reason: Option<String>,
    pub target: String,
}

impl RawEvent {
    /// One that waits to be interpreted: how it is written, and what stood behind the address.
    pub fn posted(
        integration_id: Uuid,
        token: Option<String>,
        (content_type, target): (Option<String>, String),
        body: Vec<u8>,
        received_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            integration_id,
            received_at,
            token,
            content_type,
            body,
            state: "waiting".to_owned(),
            reason: None,
            target,
        }
    }
}

pub const LIST: Spec = Spec {
    table: "raw_events",
    fields: &[
        Field::new("state", "raw_events.state", FieldKind::Choice(&["waiting", "done", "failed"])),
        Field::new("received_at", "raw_events.received_at", FieldKind::Instant)
            .sorted_by_making("raw_events.id"),
    ],
    default_sort: "-received_at",
    search: None,
};

/// What an integration has posted.
pub fn list(tenant: &mut Tenant<'_>, integration_id: Uuid, query: Query) -> Result<Page<RawEvent>> {
    let of = |list: crate::core::list::Narrow<_>| {
        list.sql(" AND raw_events.integration_id = ").bind(integration_id)
    };
    tenant.page(&LIST, query, RawEvent::as_select(), of, |row: &RawEvent| row.id)
}

/// Keeps what was posted; what has come before is not kept again.
pub fn keep(tenant: &mut Tenant<'_>, events: &[RawEvent]) -> Result<()> {
    let of_workspace = raw_events::workspace_id.eq(tenant.workspace_id);
    let rows: Vec<_> = events.iter().map(|event| (of_workspace, event)).collect();
    diesel::insert_into(raw_events::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(tenant.conn)?;
    Ok(())
}

/// Has those that could not be interpreted wait again: one, or all of an integration. Answers how many.
pub fn wait_again(unit: &mut Unit<'_>, integration_id: Uuid, id: Option<Uuid>) -> Result<usize> {
    let failed = Statement::command(
        "UPDATE raw_events SET state = 'waiting', reason = NULL WHERE state = 'failed' AND workspace_id = ",
    )
    .bind(unit.tenant.workspace_id)
    .sql(" AND integration_id = ")
    .bind(integration_id);
    let failed = match id {
        Some(id) => failed.sql(" AND id = ").bind(id),
        None => failed,
    };
    Ok(failed.execute(unit.tenant.conn)?)
}

const FORGOTTEN_AT_ONCE: i64 = 10_000;

/// Forgets what came longer ago than the workspace keeps it, so many at a time: there may be more.
pub fn forget(tenant: &mut Tenant<'_>, now: DateTime<Utc>) -> Result<usize> {
    let kept = TimeDelta::days(workspaces::get(tenant)?.raw_event_days.into());
    let old = Statement::command(
        "DELETE FROM raw_events r USING (SELECT workspace_id, id FROM raw_events WHERE received_at < ",
    )
    .bind(now - kept)
    .sql(" AND workspace_id = ")
    .bind(tenant.workspace_id)
    .sql(" ORDER BY received_at LIMIT ")
    .bind(FORGOTTEN_AT_ONCE)
    .sql(") AS old WHERE r.workspace_id = old.workspace_id AND r.id = old.id");
    Ok(old.execute(tenant.conn)?)
}

impl Store {
    /// The workspaces with some that are to be forgotten.
    pub fn workspaces_of_old_raw(&self, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let old = Statement::select(raw::<SqlUuid>(
            "w.workspace_id FROM workspaces w WHERE EXISTS (SELECT FROM raw_events r \
             WHERE r.workspace_id = w.workspace_id AND r.received_at < ",
        ))
        .bind(now)
        .sql(" - make_interval(days => w.raw_event_days))")
        .load(&mut *connection)
        .map_err(Error::from);
        connection.watch(old)
    }

    /// The same of one, with what else is posted to the workspace at the same moment: it is there when this is done.
    pub fn keep_raw(&self, workspace_id: Uuid, event: RawEvent) -> Result<()> {
        type Posts = Lanes<Uuid, RawEvent, Read<()>>;
        let alone = event.clone();
        let kept = self.kept::<Posts>().read(&workspace_id, event, |events| {
            self.tenant(workspace_id, |tenant| keep(tenant, events))?;
            Ok(vec![(); events.len()])
        });
        match kept? {
            Some(()) => Ok(()),
            None => self.tenant(workspace_id, |tenant| keep(tenant, &[alone])),
        }
    }

    /// The workspaces in which something was posted that waits.
    pub fn workspaces_with_raw(&self) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let due = Statement::select(raw::<SqlUuid>(
            "w.workspace_id FROM workspaces w WHERE EXISTS (SELECT FROM raw_events r \
             WHERE r.workspace_id = w.workspace_id AND r.state = 'waiting')",
        ))
        .load(&mut *connection)
        .map_err(Error::from);
        connection.watch(due)
    }

    /// The next ones that wait, in the order of their coming: first those that have only just come, since somebody's
    /// phone may be ringing, however much waits before them.
    pub fn waiting_raw(
        &self,
        workspace_id: Uuid,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<RawEvent>> {
        self.tenant(workspace_id, |tenant| {
            let next = |tenant: &mut Tenant<'_>, since: Option<DateTime<Utc>>, limit: i64| {
                let rows =
                    tenant.rows(RawEvent::as_select(), "raw_events").sql(" AND state = 'waiting'");
                let rows = match since {
                    Some(since) => rows.sql(" AND received_at > ").bind(since),
                    None => rows,
                };
                rows.sql(" ORDER BY id LIMIT ").bind(limit).load::<RawEvent>(tenant.conn)
            };
            let mut events = next(tenant, None, limit)?;
            // All that waits is there already, but for a backlog.
            if i64::try_from(events.len()).unwrap_or(limit) >= limit {
                let mut fresh = next(tenant, Some(now - JUST_COME), limit)?;
                events.retain(|event| fresh.iter().all(|other| other.id != event.id));
                fresh.append(&mut events);
                events = fresh;
            }
            Ok(events)
        })
    }

    /// Takes in what some events of an integration say, unless somebody has meanwhile: of each all of it, or nothing.
    /// What cannot be taken in is kept with the reason.
    pub fn interpret(
        &self,
        workspace_id: Uuid,
        integration_id: Uuid,
        some: &[(Uuid, Said)],
        now: DateTime<Utc>,
    ) -> Result<()> {
        let caller = self.integration_caller(workspace_id, integration_id)?;
        self.write(&caller, now, None, |unit| {
            unit.looks_up_by_keys()?;
            let held = held(&mut unit.tenant, some.iter().map(|(id, _)| *id).collect())?;
            let integration = Integration::get(&mut unit.tenant, integration_id)?;
            let (mut done, mut failed) = (Vec::new(), Vec::new());
            for (id, said) in some.iter().filter(|(id, _)| held.contains(id)) {
                let taken = match said {
                    Ok(told) => unit.attempt(|unit| take_in(unit, &integration, told)),
                    Err(reason) => Err(Error::invalid("", "unreadable", reason.as_str())),
                };
                match taken {
                    Ok(()) => done.push(*id),
                    Err(error) if error.passing().is_some() => return Err(error),
                    Err(error) => failed.push((*id, reason(&error))),
                }
            }
            mark(&mut unit.tenant, done, failed)?;
            Ok(crate::Answer::default())
        })?;
        Ok(())
    }
}

/// What an event says, or why it says nothing.
pub type Said = std::result::Result<Vec<Told>, String>;

/// Whoever rings now is not kept waiting by what came longer ago than this.
const JUST_COME: TimeDelta = TimeDelta::seconds(5);

fn take_in(unit: &mut Unit<'_>, integration: &Integration, told: &[Told]) -> Result<()> {
    let calls = Told::together(told.iter().cloned());
    calls.into_iter().try_for_each(|told| calls::tell(unit, integration, told).map(drop))
}

fn mark(tenant: &mut Tenant<'_>, done: Vec<Uuid>, failed: Vec<(Uuid, String)>) -> Result<()> {
    use raw_events as table;
    let events = |ids: Vec<Uuid>| {
        table::table
            .filter(table::workspace_id.eq(tenant.workspace_id))
            .filter(table::id.eq_any(ids))
    };
    let taken = (table::state.eq("done"), table::reason.eq(None::<String>));
    if !done.is_empty() {
        diesel::update(events(done)).set(taken).execute(tenant.conn)?;
    }
    for (id, reason) in failed {
        let why = (table::state.eq("failed"), table::reason.eq(Some(reason)));
        diesel::update(events(vec![id])).set(why).execute(tenant.conn)?;
    }
    Ok(())
}

fn reason(error: &Error) -> String {
    match error {
        Error::Refused(refusal) => {
            let faults = refusal.faults().into_iter();
            faults.map(|fault| fault.detail).collect::<Vec<_>>().join(" ")
        }
        Error::Internal(_) | Error::Database(_) => {
            tracing::error!(?error, "an event could not be interpreted");
            "A fault of the server.".to_owned()
        }
        error => error.to_string(),
    }
}

/// Those of some events that nobody else has taken in, held.
fn held(tenant: &mut Tenant<'_>, ids: Vec<Uuid>) -> Result<Vec<Uuid>> {
    let rows = tenant
        .rows(raw::<SqlUuid>("id"), "raw_events")
        .sql(" AND state = 'waiting' AND id = ANY(")
        .bind(ids)
        .sql(") ORDER BY id FOR UPDATE");
    Ok(rows.load(tenant.conn)?)
}
