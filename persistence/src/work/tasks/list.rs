//! Lists of tasks: everybody sees those that they have to do with, and those of the deals that they see.

use std::collections::HashMap;
use strum::VariantNames;
use voronka_domain::work::task::Priority;
use voronka_domain::work::task::TaskKind;
use voronka_domain::work::task::TaskStatus;

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, RunQueryDsl, SelectableHelper,
    sql_types::{BigInt, Text, Uuid as SqlUuid},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Caller, Error, Result, Statement, Tenant,
    core::{
        list::{Field, FieldKind, Page, Query, Spec},
        unit::raw,
        visibility::tasks_seen_by,
    },
    deals::task::Task,
};

pub(super) const OPEN: &str = "tasks.status IN ('new', 'in_progress', 'deferred')";
/// Conditions that end before the id of a user, in parentheses that they leave open.
const HELPS: &str = "EXISTS (SELECT FROM task_people p WHERE p.workspace_id = tasks.workspace_id \
                     AND p.task_id = tasks.id AND p.part = 'helper' AND p.user_id = ";
const WATCHES: &str = "EXISTS (SELECT FROM task_people p WHERE p.workspace_id = tasks.workspace_id \
                       AND p.task_id = tasks.id AND p.part = 'watcher' AND p.user_id = ";

pub const LIST: Spec = Spec {
    table: "tasks",
    fields: &[
        Field::new("status", "tasks.status", FieldKind::Choice(TaskStatus::VARIANTS)),
        Field::new("kind", "tasks.kind", FieldKind::Choice(TaskKind::VARIANTS)),
        Field::new("deal_id", "tasks.deal_id", FieldKind::Uuid).nullable(),
        Field::new("client_id", "tasks.client_id", FieldKind::Uuid).nullable(),
        Field::new("responsible_id", "tasks.responsible_id", FieldKind::Uuid),
        Field::new("creator_id", "tasks.creator_id", FieldKind::Uuid).nullable(),
        Field::new("helper_id", HELPS, FieldKind::Member),
        Field::new("watcher_id", WATCHES, FieldKind::Member),
        Field::new("key", "tasks.key", FieldKind::Text).nullable(),
        Field::new("priority", "tasks.priority", FieldKind::Choice(Priority::VARIANTS)),
        Field::new(
            "overdue",
            "(tasks.status IN ('new', 'in_progress', 'deferred') AND coalesce(tasks.due_at < now(), false))",
            FieldKind::Bool,
        ),
        Field::new("title", "tasks.title", FieldKind::Text).sorted_with(&[
            "deal_id",
            "client_id",
            "responsible_id",
        ]),
        Field::new("due_at", "tasks.due_at", FieldKind::Instant).nullable().sorted(),
        Field::new("done_at", "tasks.done_at", FieldKind::Instant).nullable().sorted(),
        Field::new("created_at", "tasks.created_at", FieldKind::Instant)
            .sorted_by_making("tasks.id"),
        Field::new("updated_at", "tasks.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-updated_at",
    search: Some("tasks.title"),
};

/// A task with those who take part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskWithPeople {
    pub task: Task,
    pub helper_ids: Vec<Uuid>,
    pub watcher_ids: Vec<Uuid>,
}

pub(super) fn with_people(
    tenant: &mut Tenant<'_>,
    tasks: Vec<Task>,
) -> Result<Vec<TaskWithPeople>> {
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
    let rows: Vec<(Uuid, Uuid, String)> = tenant
        .rows(
            raw::<(SqlUuid, SqlUuid, Text)>(
                "task_people.task_id, task_people.user_id, task_people.part",
            ),
            "task_people",
        )
        .sql(" AND task_id = ANY(")
        .bind(ids)
        .sql(") ORDER BY user_id")
        .load(tenant.conn)?;
    let mut people: HashMap<Uuid, (Vec<Uuid>, Vec<Uuid>)> = HashMap::new();
    for (task_id, user_id, part) in rows {
        let parts = people.entry(task_id).or_default();
        if part == "helper" { parts.0.push(user_id) } else { parts.1.push(user_id) }
    }
    let full = |task: Task| {
        let (helper_ids, watcher_ids) = people.remove(&task.id).unwrap_or_default();
        TaskWithPeople { task, helper_ids, watcher_ids }
    };
    Ok(tasks.into_iter().map(full).collect())
}

pub fn list(
    tenant: &mut Tenant<'_>,
    caller: &Caller,
    query: Query,
) -> Result<Page<TaskWithPeople>> {
    let narrow = |list| tasks_seen_by(list, caller);
    let page = tenant.page(&LIST, query, Task::as_select(), narrow, |row: &Task| row.id)?;
    Ok(Page { items: with_people(tenant, page.items)?, next: page.next })
}

pub fn read(tenant: &mut Tenant<'_>, caller: &Caller, id: Uuid) -> Result<TaskWithPeople> {
    let rows = tenant.rows(Task::as_select(), "tasks").sql(" AND tasks.id = ").bind(id);
    let task: Option<Task> = tasks_seen_by(rows, caller).get_result(tenant.conn).optional()?;
    let task = task.ok_or(Error::NotFound("task"))?;
    with_people(tenant, vec![task])?.into_iter().next().ok_or(Error::NotFound("task"))
}

/// How many open tasks somebody has to do with, by the part that they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    pub part: &'static str,
    pub open: i64,
    /// Due before the end of today.
    pub due: i64,
    pub overdue: i64,
}

/// Counts a person's open tasks: those to do, those given to others, those helped with and watched.
pub fn counters(
    tenant: &mut Tenant<'_>,
    user_id: Uuid,
    now: DateTime<Utc>,
    tomorrow: DateTime<Utc>,
) -> Result<Vec<Counters>> {
    let parts = [
        ("mine", "tasks.responsible_id = ", ""),
        ("assigned", "tasks.responsible_id <> tasks.creator_id AND tasks.creator_id = ", ""),
        ("helping", HELPS, ")"),
        ("watching", WATCHES, ")"),
    ];
    let mut all = Vec::with_capacity(parts.len());
    for (part, before, after) in parts {
        let (open, due, overdue) = Statement::select(raw::<(BigInt, BigInt, BigInt)>(
            "count(*), count(*) FILTER (WHERE tasks.due_at >= ",
        ))
        .bind(now)
        .sql(" AND tasks.due_at < ")
        .bind(tomorrow)
        .sql("), count(*) FILTER (WHERE tasks.due_at < ")
        .bind(now)
        .sql(format!(") FROM tasks WHERE {OPEN} AND tasks.workspace_id = "))
        .bind(tenant.workspace_id)
        .sql(format!(" AND {before}"))
        .bind(user_id)
        .sql(after)
        .get_result(tenant.conn)?;
        all.push(Counters { part, open, due, overdue });
    }
    Ok(all)
}
