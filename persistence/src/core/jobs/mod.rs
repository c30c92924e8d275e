//! Background work: runs that wait, run and have ended, and how each workspace has set the kinds of them.
//!
//! A run that has begun belongs to a server for as long as a session of it lives: its number is that of an advisory
//! lock. When the server dies, Postgres ends the session, and another server takes the run over.

mod claim;
mod setting;

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable, Timestamptz, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::{
    people::access::Actor,
    workspace::job::{self, MOST_KEPT},
};

use super::{
    error::{Error, Result},
    list::{Field, FieldKind, Page, Query, Spec},
    schema::jobs,
    unit::{Tenant, Unit, raw, to_json},
};
use crate::Statement;
pub use claim::{Claimed, Ended, Holder, Job};
pub use setting::{Setting, set, setting};

/// A run of background work.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = jobs)]
pub struct Run {
    pub id: Uuid,
    pub name: String,
    pub subject_id: Option<Uuid>,
    pub state: String,
    pub run_at: DateTime<Utc>,
    pub attempts: i32,
    pub error: Option<String>,
    pub result: serde_json::Value,
    pub created_by: Option<serde_json::Value>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The runs of one kind.
pub const LIST: Spec = Spec {
    table: "jobs",
    fields: &[
        Field::new(
            "state",
            "jobs.state",
            FieldKind::Choice(&["waiting", "running", "done", "failed", "dropped"]),
        ),
        Field::new("created_at", "jobs.created_at", FieldKind::Instant).sorted_by_making("jobs.id"),
    ],
    default_sort: "-created_at",
    search: None,
};

pub fn list(tenant: &mut Tenant<'_>, name: &'static str, query: Query) -> Result<Page<Run>> {
    let of = |list: super::list::Narrow<_>| list.sql(" AND jobs.name = ").bind(name);
    tenant.page(&LIST, query, Run::as_select(), of, |run: &Run| run.id)
}

/// Runs of a kind that wait, run and have failed, and the last one that has ended.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    pub waiting: i64,
    pub running: i64,
    pub failed: i64,
    /// When the next one begins that waits.
    pub next_at: Option<DateTime<Utc>>,
    pub last: Option<Run>,
}

/// How a kind of work stands.
pub fn standing(tenant: &mut Tenant<'_>, name: &str) -> Result<Standing> {
    let counts = raw::<(BigInt, BigInt, BigInt, Nullable<Timestamptz>)>(
        "count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'running'), \
         count(*) FILTER (WHERE state = 'failed'), min(run_at) FILTER (WHERE state = 'waiting')",
    );
    let (waiting, running, failed, next_at) =
        tenant.rows(counts, "jobs").sql(" AND name = ").bind(name).get_result(tenant.conn)?;
    let last = tenant
        .rows(Run::as_select(), "jobs")
        .sql(" AND name = ")
        .bind(name)
        .sql(" AND finished_at IS NOT NULL ORDER BY id DESC LIMIT 1")
        .get_result(tenant.conn)
        .optional()?;
    Ok(Standing { waiting, running, failed, next_at, last })
}

/// Has a run wait for its turn. One of the same subject that waits already is brought forward instead.
pub fn start(
    unit: &mut Unit<'_>,
    name: &'static str,
    subject_id: Option<Uuid>,
    by: Actor,
) -> Result<Run> {
    let waiting: i64 = unit
        .tenant
        .rows(raw::<BigInt>("count(*)"), "jobs")
        .sql(" AND state = 'waiting'")
        .get_result(unit.tenant.conn)?;
    job::may_wait(waiting)?;
    let run = Run {
        id: Uuid::now_v7(),
        name: name.to_owned(),
        subject_id,
        state: "waiting".to_owned(),
        run_at: unit.now,
        attempts: 0,
        error: None,
        result: serde_json::json!({}),
        created_by: Some(to_json(&by)?),
        started_at: None,
        finished_at: None,
        created_at: unit.now,
        updated_at: unit.now,
    };
    let fresh = diesel::insert_into(jobs::table)
        .values((jobs::workspace_id.eq(unit.tenant.workspace_id), &run))
        .on_conflict_do_nothing()
        .execute(unit.tenant.conn)?;
    if fresh == 1 {
        return Ok(run);
    }
    let waiting = Statement::with(
        "UPDATE jobs SET attempts = 0, run_at = least(run_at, ",
        raw::<SqlUuid>(""),
    )
    .bind(unit.now)
    .sql("), updated_at = ")
    .bind(unit.now)
    .sql(" WHERE state = 'waiting' AND workspace_id = ")
    .bind(unit.tenant.workspace_id)
    .sql(" AND name = ")
    .bind(name)
    .sql(" AND subject_id IS NOT DISTINCT FROM ");
    let waiting = match subject_id {
        Some(id) => waiting.bind(id),
        None => waiting.sql("NULL"),
    };
    let id: Option<Uuid> = waiting.sql(" RETURNING id").get_result(unit.tenant.conn).optional()?;
    // It has begun since: another one is to wait, at the next try.
    get(&mut unit.tenant, name, id.ok_or(Error::Collision)?)
}

/// What a run was to be about is called off: it waits no more, and nobody starts it again.
pub(crate) fn call_off(unit: &mut Unit<'_>, name: &str, subject_id: Uuid) -> Result<()> {
    Statement::command("UPDATE jobs SET state = 'dropped', finished_at = ")
        .bind(unit.now)
        .sql(", updated_at = ")
        .bind(unit.now)
        .sql(" WHERE state IN ('waiting', 'failed') AND workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND name = ")
        .bind(name)
        .sql(" AND subject_id = ")
        .bind(subject_id)
        .execute(unit.tenant.conn)?;
    Ok(())
}

pub fn get(tenant: &mut Tenant<'_>, name: &str, id: Uuid) -> Result<Run> {
    find(tenant, name, id, "")
}

fn find(tenant: &mut Tenant<'_>, name: &str, id: Uuid, lock: &'static str) -> Result<Run> {
    tenant
        .rows(Run::as_select(), "jobs")
        .sql(" AND name = ")
        .bind(name)
        .sql(" AND id = ")
        .bind(id)
        .sql(lock)
        .get_result(tenant.conn)
        .optional()?
        .ok_or(Error::NotFound("run"))
}

/// Starts a run again that has failed for the last time.
pub fn start_again(unit: &mut Unit<'_>, name: &str, id: Uuid) -> Result<Run> {
    failed(unit, name, id)?;
    revise(unit, name, id, "state = 'waiting', attempts = 0, finished_at = NULL, run_at = ")
}

/// Drops a run that has failed for the last time: nobody waits for it any more.
pub fn drop_failed(unit: &mut Unit<'_>, name: &str, id: Uuid) -> Result<Run> {
    failed(unit, name, id)?;
    revise(unit, name, id, "state = 'dropped', finished_at = ")
}

fn failed(unit: &mut Unit<'_>, name: &str, id: Uuid) -> Result<()> {
    let run = find(&mut unit.tenant, name, id, " FOR NO KEY UPDATE")?;
    Ok(job::has_failed(&run.state)?)
}

fn revise(unit: &mut Unit<'_>, name: &str, id: Uuid, set: &'static str) -> Result<Run> {
    Statement::command("UPDATE jobs SET ")
        .sql(set)
        .bind(unit.now)
        .sql(", updated_at = ")
        .bind(unit.now)
        .sql(" WHERE workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND id = ")
        .bind(id)
        .execute(unit.tenant.conn)?;
    get(&mut unit.tenant, name, id)
}

/// Forgets runs that ended well, or were dropped, but for the last ones of each kind.
pub fn forget(tenant: &mut Tenant<'_>) -> Result<usize> {
    let forgotten = Statement::command(
        "DELETE FROM jobs USING (SELECT id, row_number() OVER (PARTITION BY name ORDER BY id DESC) AS place \
         FROM jobs WHERE state IN ('done', 'dropped') AND workspace_id = ",
    )
    .bind(tenant.workspace_id)
    .sql(") AS old WHERE jobs.id = old.id AND jobs.workspace_id = ")
    .bind(tenant.workspace_id)
    .sql(" AND old.place > ")
    .bind(MOST_KEPT)
    .execute(tenant.conn)?;
    Ok(forgotten)
}
