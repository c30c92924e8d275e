//! Commands on tasks. What is done to the task of a deal is answered by the deal's process, in the same
//! transaction: the deal is held first, then its task.

use chrono::{DateTime, Utc};
use diesel::{RunQueryDsl, sql_types::Uuid as SqlUuid};
use serde_json::json;
use uuid::Uuid;
use voronka_domain::{
    deals::{
        automation::{Happened, Happening},
        transition::Review,
    },
    kernel::{fault::Faults, trigger::Trigger},
    people::access::Cause,
    process::gate::DealField,
    work::task::{self, Priority, TaskKind, TaskStatus},
};

use super::{
    TaskWithPeople, read,
    rights::{lock, require_deal, require_part},
};
use crate::{
    Error, Result, Unit, clients,
    core::{
        caller::person,
        enum_names::{from_name, to_name},
        noun::Noun,
        unit::raw,
    },
    deals::{self, answer::Done, task::Task},
};

/// A task as somebody writes it down.
#[derive(Debug, Clone, Default)]
pub struct NewTask {
    pub kind: TaskKind,
    pub title: String,
    pub description: Option<String>,
    pub deal_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub key: Option<String>,
    pub priority: Priority,
    pub responsible_id: Option<Uuid>,
    pub helper_ids: Vec<Uuid>,
    pub watcher_ids: Vec<Uuid>,
    pub starts_at: Option<DateTime<Utc>>,
    pub due_at: Option<DateTime<Utc>>,
}

/// A change of a task: none keeps, `Some(None)` clears.
#[derive(Debug, Clone, Default)]
pub struct TaskPatch {
    pub title: Option<String>,
    pub description: Option<Option<String>>,
    pub priority: Option<Priority>,
    pub responsible_id: Option<Uuid>,
    pub helper_ids: Option<Vec<Uuid>>,
    pub watcher_ids: Option<Vec<Uuid>>,
    pub starts_at: Option<Option<DateTime<Utc>>>,
    pub due_at: Option<Option<DateTime<Utc>>>,
}

const MOST_PEOPLE: usize = 100;

pub fn create(unit: &mut Unit<'_>, new: NewTask) -> Result<TaskWithPeople> {
    task::check(&new.title, new.description.as_deref())?;
    let creator_id = person(unit.actor);
    let responsible_id = task::responsible(new.responsible_id, creator_id)?;
    check_people(unit, Some(responsible_id), &new.helper_ids, &new.watcher_ids)?;
    let client_id = match new.client_id {
        Some(id) => Some(clients::meant(unit, "/client_id", id)?),
        None => None,
    };
    let visibility = unit.caller.visibility.clone();
    let deal = match new.deal_id {
        Some(id) => Some(
            deals::lock_deal(unit, id, &visibility)
                .map_err(|error| error.or_unknown("/deal_id", "deal"))?,
        ),
        None => None,
    };
    let deal = deal.as_ref().map(|held| held.deal());
    let task = Task {
        id: Uuid::now_v7(),
        kind: to_name(&new.kind),
        deal_id: new.deal_id,
        client_id,
        key: new.key,
        stage_id: deal.and_then(|deal| deal.stage.as_ref()).map(|stage| stage.stage_id),
        visit: deal.map(|deal| deal.visit.number),
        title: new.title.trim().to_owned(),
        description: new.description,
        status: to_name(&TaskStatus::New),
        priority: to_name(&new.priority),
        responsible_id,
        creator_id,
        by_process: false,
        starts_at: new.starts_at,
        due_at: new.due_at,
        started_at: None,
        done_at: None,
        done_by: None,
        result_fields: json!([]),
        result: None,
        links: json!([]),
        version: 1,
        created_at: unit.now,
        updated_at: unit.now,
        reopened_at: None,
    };
    Task::insert(unit, &task)?;
    set_people(unit, task.id, "helper", &new.helper_ids)?;
    set_people(unit, task.id, "watcher", &new.watcher_ids)?;
    let (helper_ids, watcher_ids) = (new.helper_ids, new.watcher_ids);
    Ok(TaskWithPeople { task, helper_ids, watcher_ids })
}

/// Changes what a task says. Its status changes by a transition.
pub fn change(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    patch: TaskPatch,
) -> Result<TaskWithPeople> {
    let seen = read(&mut unit.tenant, unit.caller, id)?;
    require_part(unit, &seen)?;
    let before = lock(unit, &seen, if_match)?;
    let mut row = before.clone();
    row.title = patch.title.unwrap_or(row.title).trim().to_owned();
    row.description = patch.description.unwrap_or(row.description);
    task::check(&row.title, row.description.as_deref())?;
    let (helpers, watchers) = (patch.helper_ids, patch.watcher_ids);
    let none = Vec::new();
    check_people(
        unit,
        patch.responsible_id,
        helpers.as_ref().unwrap_or(&none),
        watchers.as_ref().unwrap_or(&none),
    )?;
    row.priority = patch.priority.as_ref().map(to_name).unwrap_or(row.priority);
    row.responsible_id = patch.responsible_id.unwrap_or(row.responsible_id);
    row.starts_at = patch.starts_at.unwrap_or(row.starts_at);
    row.due_at = patch.due_at.unwrap_or(row.due_at);
    for (part, people, had) in
        [("helper", &helpers, &seen.helper_ids), ("watcher", &watchers, &seen.watcher_ids)]
    {
        if let Some(people) = people.as_ref().filter(|people| *people != had) {
            set_people(unit, id, part, people)?;
            // The version tells of everything that a task says.
            row.version = row.version.saturating_add(1);
        }
    }
    Task::save(unit, &before, row)?;
    read(&mut unit.tenant, unit.caller, id)
}

/// Takes a task to another status. When it is done, what it brought lands on its deal, and the deal's
/// process goes on.
pub fn transition(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    to: TaskStatus,
    done: Done,
) -> Result<TaskWithPeople> {
    let seen = read(&mut unit.tenant, unit.caller, id)?;
    require_part(unit, &seen)?;
    let lands = seen.task.deal_id.is_some() && to == TaskStatus::Done;
    let done = if lands { deals::check_done(unit, done)? } else { done };
    // Whoever has the task may bring its result, whoever has the deal.
    let everything = voronka_domain::people::access::Visibility::All;
    let held = match seen.task.deal_id {
        Some(deal_id) => Some(deals::lock_deal(unit, deal_id, &everything)?),
        None => None,
    };
    let before = lock(unit, &seen, if_match)?;
    let asked = serde_json::from_value::<Vec<DealField>>(before.result_fields.clone())
        .map_err(|error| Error::Internal(error.to_string()))?;
    if let Some(deal_id) = seen.task.deal_id {
        require_deal(unit, deal_id, &done, &asked)?;
    }
    let status: TaskStatus =
        from_name(&before.status).ok_or_else(|| Error::Internal("task has a bad status".into()))?;
    let mut row = before.clone();
    row.status = to_name(&status.become_next(to)?);
    row.started_at = row.started_at.or((to == TaskStatus::InProgress).then_some(unit.now));
    let is_done = to == TaskStatus::Done;
    row.done_at = is_done.then_some(unit.now);
    row.done_by = person(unit.actor).filter(|_| is_done);
    row.result = if is_done { done.result.clone() } else { row.result };
    if done.reopen {
        let kind: TaskKind =
            from_name(&row.kind).ok_or_else(|| Error::Internal("task has a bad kind".into()))?;
        kind.may_reopen()?;
        row.reopened_at = Some(unit.now);
    }
    let row = Task::save(unit, &before, row)?;
    if let Some(held) = held.filter(|_| is_done) {
        let cause = Cause { on: Trigger::TaskDone, object_id: row.id, sequence: row.version };
        let happening = Happening { cause, what: Happened::Task { key: row.key.clone() } };
        let review = Review { task_id: row.id, visit: row.visit };
        let review = Some(review).filter(|_| done.reopen);
        deals::finish(unit, held, done, asked, review, happening)?;
    }
    let TaskWithPeople { helper_ids, watcher_ids, .. } = seen;
    Ok(TaskWithPeople { task: row, helper_ids, watcher_ids })
}

fn check_people(
    unit: &mut Unit<'_>,
    responsible_id: Option<Uuid>,
    helpers: &[Uuid],
    watchers: &[Uuid],
) -> Result<()> {
    let mut faults = Faults::default();
    let named: Vec<(String, Uuid)> = responsible_id
        .map(|id| ("/responsible_id".to_owned(), id))
        .into_iter()
        .chain(helpers.iter().enumerate().map(|(n, id)| (format!("/helper_ids/{n}"), *id)))
        .chain(watchers.iter().enumerate().map(|(n, id)| (format!("/watcher_ids/{n}"), *id)))
        .collect();
    for (pointer, people) in [("/helper_ids", helpers), ("/watcher_ids", watchers)] {
        if people.len() > MOST_PEOPLE {
            faults.add(pointer, "too_many", format!("At most {MOST_PEOPLE} people."));
        }
        let distinct: std::collections::BTreeSet<_> = people.iter().collect();
        if distinct.len() < people.len() {
            faults.add(pointer, "duplicate", "Somebody is named twice.");
        }
    }
    faults.into_result()?;
    let ids: Vec<Uuid> = named.iter().map(|(_, id)| *id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let known: Vec<Uuid> = unit
        .tenant
        .rows(raw::<SqlUuid>("users.id"), "users")
        .sql(" AND active AND id = ANY(")
        .bind(ids)
        .sql(")")
        .load(unit.tenant.conn)?;
    let mut faults = Faults::default();
    for (pointer, _) in named.into_iter().filter(|(_, id)| !known.contains(id)) {
        faults.add(pointer, "unknown_reference", "There is no such user in use.");
    }
    Ok(faults.into_result()?)
}

fn set_people(
    unit: &mut Unit<'_>,
    task_id: Uuid,
    part: &'static str,
    people: &[Uuid],
) -> Result<()> {
    use diesel::prelude::*;

    use crate::core::schema::task_people;
    let workspace_id = unit.tenant.workspace_id;
    diesel::delete(
        task_people::table
            .filter(task_people::workspace_id.eq(workspace_id))
            .filter(task_people::task_id.eq(task_id))
            .filter(task_people::part.eq(part)),
    )
    .execute(unit.tenant.conn)?;
    let row = |user_id: &Uuid| {
        (
            task_people::workspace_id.eq(workspace_id),
            task_people::task_id.eq(task_id),
            task_people::user_id.eq(*user_id),
            task_people::part.eq(part),
        )
    };
    let rows: Vec<_> = people.iter().map(row).collect();
    if !rows.is_empty() {
        diesel::insert_into(task_people::table).values(rows).execute(unit.tenant.conn)?;
    }
    Ok(())
}
