//! Tasks over a period, as bars: those that are under way in it.

use chrono::{DateTime, Utc};
use diesel::{
    Queryable, RunQueryDsl,
    sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::people::access::Permission;

use super::{LIST, list::OPEN};
use crate::{
    Caller, Result, Statement, Tenant,
    core::{
        list::Query,
        unit::raw,
        visibility::{owned_by, tasks_seen_by},
    },
};

/// What the bars are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    Responsible,
    Deal,
}

/// A task from its beginning on.
#[derive(Debug, Clone, Queryable)]
pub struct Bar {
    pub id: Uuid,
    pub title: String,
    pub status: String,
    pub priority: String,
    pub responsible: (Uuid, String),
    /// The title only of a deal that the caller sees.
    pub deal: (Option<Uuid>, Option<String>),
    pub begins_at: DateTime<Utc>,
    pub due_at: Option<DateTime<Utc>>,
    pub done_at: Option<DateTime<Utc>>,
}

/// The first bars, and how many there are.
#[derive(Debug, Clone, Default)]
pub struct Bars {
    pub bars: Vec<Bar>,
    pub total: i64,
    pub done: i64,
    pub overdue: i64,
}

type BarTypes = (
    SqlUuid,
    Text,
    Text,
    Text,
    (SqlUuid, Text),
    (Nullable<SqlUuid>, Nullable<Text>),
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
);
type Counts = (BigInt, BigInt, BigInt);

/// A task begins when it is planned to, or else when it was written down; or earlier, when somebody did.
macro_rules! begins {
    () => {
        "least(coalesce(tasks.starts_at, tasks.created_at), tasks.started_at, tasks.done_at)"
    };
}

/// Tasks that are under way between two instants: done ones up to then, open ones up to their due and at
/// least to `now`. Cancelled ones only where the query asks for a status.
pub fn bars(
    tenant: &mut Tenant<'_>,
    caller: &Caller,
    query: &Query,
    period: (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
    (group_by, limit): (GroupBy, i64),
) -> Result<Bars> {
    let workspace_id = tenant.workspace_id;
    let counts = Statement::select(raw::<Counts>(
        "count(*), count(*) FILTER (WHERE tasks.status = 'done'), \
         count(*) FILTER (WHERE tasks.status IN ('new', 'in_progress', 'deferred') \
         AND tasks.due_at < ",
    ));
    let counts = counts.bind(now).sql(") FROM tasks");
    let counts = under_way(counts, workspace_id, caller, query, period, now);
    let (total, done, overdue): (i64, i64, i64) = counts.get_result(tenant.conn)?;

    let bars = Statement::select(raw::<BarTypes>(concat!(
        "tasks.id, tasks.title, tasks.status, tasks.priority, users.id, users.name, \
         tasks.deal_id, deals.title, ",
        begins!(),
        ", tasks.due_at, tasks.done_at FROM (SELECT tasks.* FROM tasks"
    )));
    let (bars, order) = match group_by {
        GroupBy::Responsible => (bars.sql(USERS), "users.name, users.id"),
        GroupBy::Deal => (with_deals(bars, caller), "deals.title, tasks.deal_id"),
    };
    let order = format!(" ORDER BY {order}, {}, tasks.id", begins!());
    let first = under_way(bars, workspace_id, caller, query, period, now)
        .sql(format!("{order} LIMIT "))
        .bind(limit)
        // Whatever else is told of a task is looked up for these alone.
        .sql(format!(") tasks{USERS}"));
    let bars = with_deals(first, caller).sql(order).load(tenant.conn)?;
    Ok(Bars { bars, total, done, overdue })
}

const USERS: &str =
    " JOIN users ON users.workspace_id = tasks.workspace_id AND users.id = tasks.responsible_id";

fn with_deals<S>(statement: Statement<S>, caller: &Caller) -> Statement<S> {
    let deals = statement.sql(
        " LEFT JOIN deals ON deals.workspace_id = tasks.workspace_id AND deals.id = tasks.deal_id",
    );
    if !caller.may(Permission::DealsRead) {
        return deals.sql(" AND false");
    }
    owned_by(deals, &caller.visibility, "deals")
}

/// Which `tasks` the chart is of.
fn under_way<S>(
    statement: Statement<S>,
    workspace_id: Uuid,
    caller: &Caller,
    query: &Query,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Statement<S> {
    let statement = statement
        .sql(" WHERE tasks.workspace_id = ")
        .bind(workspace_id)
        .sql(concat!(" AND ", begins!(), " < "))
        .bind(until)
        .sql(" AND (tasks.done_at >= ")
        .bind(from)
        .sql(format!(" OR {OPEN}"));
    // Whatever is open has come as far as now.
    let statement = match from <= now {
        true => statement,
        false => statement.sql(" AND tasks.due_at >= ").bind(from),
    };
    let statement = match query.filters_by("tasks.status") {
        true => statement
            .sql(" OR tasks.status = 'cancelled' AND coalesce(tasks.due_at, tasks.updated_at) >= ")
            .bind(from),
        false => statement,
    };
    query.narrow(tasks_seen_by(statement.sql(")"), caller), &LIST)
}
