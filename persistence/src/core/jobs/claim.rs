//! Whose turn it is: runs are noticed, begun by one server each, and ended.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Bool, Integer, Nullable, Text, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::workspace::job::{MOST_ATTEMPTS, Setting as Switch, pause};

use super::{Run, find};
use crate::{
    Error, Result, Statement, Store,
    core::unit::{Tenant, raw},
};

/// A kind of work, as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    pub name: &'static str,
    /// Whether it runs where nobody has set it.
    pub enabled: bool,
}

/// Of the advisory locks: servers that are alive, and kinds of work of which a run is being chosen.
const ALIVE: i32 = 22_097;
const CHOOSING: i32 = 22_098;
/// Workspaces that are looked at for the next run: those that were served longest ago.
const LOOKED_AT: i64 = 20;
/// A passing fault is not waited for longer than that.
const SHORTLY: i32 = 2;

/// A run that has been begun.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub workspace_id: Uuid,
    pub run: Run,
}

/// How a run has ended, for now or for good.
#[derive(Debug)]
pub enum Ended {
    /// With what it has done, in figures.
    Done(serde_json::Value),
    /// Its turn is over, or the server stops: it goes on when it comes to it again.
    Interrupted,
    /// It is tried again after a while, a few times.
    Failed(String),
    /// Something has to pass that has nothing to do with it: it is tried again until that has passed.
    Held(String),
}

/// A server, as the one who runs things: for as long as its session lives.
pub struct Holder {
    store: Store,
    session: Mutex<Option<(crate::Connection, i32)>>,
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Holder {
    pub fn new(store: Store) -> Self {
        Self { store, session: Mutex::new(None) }
    }

    /// The number under which the server is known to be alive. Another one, after its session was lost: whatever
    /// it ran under the old one belongs to nobody.
    fn number(&self) -> Result<i32> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((connection, number)) = session.as_mut() {
            let alive = diesel::sql_query("SELECT 1").execute(&mut **connection);
            if connection.watch(alive.map_err(Error::from)).is_ok() {
                return Ok(*number);
            }
            *session = None;
        }
        let mut connection = self.store.connection()?;
        loop {
            let drawn = Statement::select(raw::<(Integer, Bool)>("n, pg_try_advisory_lock("))
                .sql(format!(
                    "{ALIVE}, n) FROM (SELECT (random() * 2147483647)::int AS n OFFSET 0) AS lot"
                ))
                .get_result::<(i32, bool)>(&mut *connection)
                .map_err(Error::from);
            let (number, ours) = connection.watch(drawn)?;
            if ours {
                *session = Some((connection, number));
                return Ok(number);
            }
        }
    }

    /// Has work wait for its turn in workspaces that have some to do: where they leave it to us, and none waits or
    /// runs already.
    pub fn notice(&self, job: Job, workspaces: Vec<Uuid>, now: DateTime<Utc>) -> Result<()> {
        if workspaces.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = workspaces.iter().map(|_| Uuid::now_v7()).collect();
        let statement = Statement::command(
            "INSERT INTO jobs (workspace_id, id, name, state, run_at, created_at, updated_at) \
             SELECT found.workspace_id, found.id, ",
        )
        .bind(job.name)
        .sql(", 'waiting', at, at, at FROM unnest(")
        .bind(workspaces)
        .sql(", ")
        .bind(ids)
        .sql(") AS found(workspace_id, id) CROSS JOIN (SELECT ")
        .bind(now)
        .sql(" AS at) AS now LEFT JOIN job_settings s ON s.workspace_id = found.workspace_id AND s.name = ")
        .bind(job.name)
        .sql(" WHERE s.schedule IS NULL AND coalesce(s.enabled, ")
        .bind(job.enabled)
        .sql(
            ") AND NOT EXISTS (SELECT FROM jobs j WHERE j.workspace_id = found.workspace_id AND j.name = ",
        )
        .bind(job.name)
        .sql(" AND j.state IN ('waiting', 'running')) ON CONFLICT DO NOTHING");
        self.change(statement)
    }

    /// Has work wait for its turn whose time has come by its schedule. What was missed is made up for once.
    pub fn begin_scheduled(&self, now: DateTime<Utc>) -> Result<()> {
        let mut connection = self.store.connection()?;
        let done = connection.transaction(|conn| {
            type Types = (SqlUuid, Text, Nullable<Text>, Text);
            let due: Vec<(Uuid, String, Option<String>, String)> = Statement::select(raw::<Types>(
                "s.workspace_id, s.name, s.schedule, w.time_zone FROM job_settings s \
                 JOIN workspaces w ON w.workspace_id = s.workspace_id WHERE s.next_at <= ",
            ))
            .bind(now)
            .sql(" ORDER BY s.next_at LIMIT 1000 FOR NO KEY UPDATE OF s SKIP LOCKED")
            .load(conn)?;
            for (workspace_id, name, schedule, zone) in due {
                Statement::command(
                    "INSERT INTO jobs (workspace_id, id, name, state, run_at, created_at, updated_at) VALUES (",
                )
                .bind(workspace_id)
                .sql(", ")
                .bind(Uuid::now_v7())
                .sql(", ")
                .bind(name.as_str())
                .sql(", 'waiting', ")
                .bind(now)
                .sql(", ")
                .bind(now)
                .sql(", ")
                .bind(now)
                .sql(") ON CONFLICT DO NOTHING")
                .execute(conn)?;
                let switch = Switch { enabled: true, schedule };
                let next = zone.parse().ok().and_then(|zone| switch.next(now, zone));
                let statement = Statement::command("UPDATE job_settings SET next_at = ");
                let statement = match next {
                    Some(next) => statement.bind(next),
                    None => statement.sql("NULL"),
                };
                statement
                    .sql(" WHERE workspace_id = ")
                    .bind(workspace_id)
                    .sql(" AND name = ")
                    .bind(name)
                    .execute(conn)?;
            }
            Ok(())
        });
        connection.watch(done)
    }

    /// Begins the run whose turn it is, of some kinds of work: of the workspace that was served longest ago, and of
    /// each kind one at a time there.
    pub fn claim(&self, jobs: &[Job], now: DateTime<Utc>) -> Result<Option<Claimed>> {
        let number = self.number()?;
        for (workspace_id, name) in self.waiting(jobs, now)? {
            let mut connection = self.store.connection()?;
            let claimed = connection
                .transaction(|conn| begin(&mut Tenant { conn, workspace_id }, &name, number, now));
            if let Some(run) = connection.watch(claimed)? {
                return Ok(Some(Claimed { workspace_id, run }));
            }
        }
        Ok(None)
    }

    /// Whether another workspace waits for work of these kinds.
    pub fn others_wait(&self, jobs: &[Job], claimed: &Claimed, now: DateTime<Utc>) -> Result<bool> {
        let waiting = self.waiting(jobs, now)?;
        Ok(waiting.iter().any(|(workspace_id, _)| *workspace_id != claimed.workspace_id))
    }

    /// Workspaces and kinds of work of which a run could begin, in the order of their turns.
    fn waiting(&self, jobs: &[Job], now: DateTime<Utc>) -> Result<Vec<(Uuid, String)>> {
        let (enabled, disabled): (Vec<&Job>, Vec<&Job>) = jobs.iter().partition(|job| job.enabled);
        let names =
            |jobs: Vec<&Job>| jobs.iter().map(|job| job.name.to_owned()).collect::<Vec<_>>();
        let mut connection = self.store.connection()?;
        let found = Statement::select(raw::<(SqlUuid, Text)>(
            "j.workspace_id, j.name FROM (SELECT DISTINCT ON (workspace_id, name) * FROM jobs \
             WHERE state IN ('waiting', 'running') ORDER BY workspace_id, name, id) AS j \
             LEFT JOIN job_settings s ON s.workspace_id = j.workspace_id AND s.name = j.name \
             WHERE ((coalesce(s.enabled, true) AND j.name = ANY(",
        ))
        .bind(names(enabled))
        .sql(")) OR (s.enabled AND j.name = ANY(")
        .bind(names(disabled))
        .sql("))) AND (j.state = 'running' OR j.run_at <= ")
        .bind(now)
        .sql(format!(
            ") AND NOT EXISTS (SELECT FROM jobs r WHERE r.workspace_id = j.workspace_id AND r.name = j.name AND {}) \
             ORDER BY s.served_at NULLS FIRST, j.run_at, 1, 2 LIMIT ",
            is_running("r")
        ))
        .bind(LOOKED_AT)
        .load(&mut *connection)
        .map_err(Error::from);
        connection.watch(found)
    }

    /// Ends a run, for now or for good. Nothing happens where it is another server's by now.
    pub fn end(&self, claimed: &Claimed, ended: Ended, lot: f64, now: DateTime<Utc>) -> Result<()> {
        let Run { attempts, .. } = claimed.run;
        let statement =
            Statement::command("UPDATE jobs SET holder = NULL, updated_at = ").bind(now);
        let over = |statement: Statement<_>, state: &'static str| {
            statement.sql(", state = ").bind(state).sql(", finished_at = ").bind(now)
        };
        let again = |statement: Statement<_>, at: DateTime<Utc>| {
            statement.sql(", state = 'waiting', run_at = ").bind(at)
        };
        let after = |failed| now.checked_add_signed(pause(failed, lot)).unwrap_or(now);
        let statement = match ended {
            Ended::Done(result) => {
                over(statement, "done").sql(", error = NULL, result = ").bind(result)
            }
            Ended::Interrupted => again(statement, now).sql(", attempts = attempts - 1"),
            Ended::Held(error) => {
                let at = after(attempts.min(SHORTLY));
                again(statement, at).sql(", attempts = attempts - 1, error = ").bind(error)
            }
            Ended::Failed(error) if attempts >= MOST_ATTEMPTS => {
                over(statement, "failed").sql(", error = ").bind(error)
            }
            Ended::Failed(error) => again(statement, after(attempts)).sql(", error = ").bind(error),
        };
        let statement = statement
            .sql(" WHERE state = 'running' AND workspace_id = ")
            .bind(claimed.workspace_id)
            .sql(" AND id = ")
            .bind(claimed.run.id)
            .sql(" AND holder = ")
            .bind(self.number()?);
        let ended = self.change(statement);
        if ended.is_err() {
            // Who cannot say that it has ended gives up all that is held under the number.
            self.leave();
        }
        ended
    }

    fn leave(&self) {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((connection, _)) = session.as_mut() {
            connection.close();
        }
        *session = None;
    }

    fn change(&self, statement: Statement<crate::Raw<()>>) -> Result<()> {
        let mut connection = self.store.connection()?;
        let done = statement.execute(&mut *connection).map_err(Error::from);
        connection.watch(done.map(|_| ()))
    }
}

/// Whether a run belongs to a server that is alive.
fn is_running(jobs: &str) -> String {
    format!(
        "({jobs}.state = 'running' AND EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' \
         AND l.classid = {ALIVE} AND l.objid = {jobs}.holder::bigint::oid AND l.granted \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())))"
    )
}

fn begin(
    tenant: &mut Tenant<'_>,
    name: &str,
    number: i32,
    now: DateTime<Utc>,
) -> Result<Option<Run>> {
    let chooses = Statement::select(raw::<Bool>("pg_try_advisory_xact_lock("))
        .sql(format!("{CHOOSING}, hashtext("))
        .bind(format!("{} {name}", tenant.workspace_id))
        .sql("))")
        .get_result::<bool>(tenant.conn)?;
    if !chooses {
        return Ok(None);
    }
    let begun: Option<Uuid> = Statement::with(
        "UPDATE jobs SET state = 'running', attempts = attempts + 1, holder = ",
        raw::<SqlUuid>(""),
    )
    .bind(number)
    .sql(", started_at = coalesce(started_at, ")
    .bind(now)
    .sql("), updated_at = ")
    .bind(now)
    .sql(" WHERE workspace_id = ")
    .bind(tenant.workspace_id)
    // The first one, or none: a later one may build on it, whatever the first one waits for.
    .sql(" AND id = (SELECT j.id FROM (SELECT id, state, run_at FROM jobs WHERE workspace_id = ")
    .bind(tenant.workspace_id)
    .sql(" AND name = ")
    .bind(name)
    .sql(
        " AND state IN ('waiting', 'running') ORDER BY id LIMIT 1) AS j \
          WHERE j.state = 'running' OR j.run_at <= ",
    )
    .bind(now)
    .sql(") AND NOT EXISTS (SELECT FROM jobs r WHERE r.workspace_id = ")
    .bind(tenant.workspace_id)
    .sql(" AND r.name = ")
    .bind(name)
    .sql(format!(" AND {})", is_running("r")))
    // Meanwhile it may have been called off.
    .sql(" AND state IN ('waiting', 'running') RETURNING id")
    .get_result(tenant.conn)
    .optional()?;
    let Some(id) = begun else { return Ok(None) };
    Statement::command(
        "INSERT INTO job_settings (workspace_id, name, served_at, updated_at) VALUES (",
    )
    .bind(tenant.workspace_id)
    .sql(", ")
    .bind(name)
    .sql(", ")
    .bind(now)
    .sql(", ")
    .bind(now)
    .sql(") ON CONFLICT (workspace_id, name) DO UPDATE SET served_at = excluded.served_at")
    .execute(tenant.conn)?;
    find(tenant, name, id, "").map(Some)
}
