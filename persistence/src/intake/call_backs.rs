//! Tasks to call back whoever called in vain: one that is open for each number.

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Bool, Nullable, Timestamptz, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::{
    intake::{
        call::Judged,
        call_back::{Circumstances, Follows, due},
    },
    work::{
        activity::CallStatus,
        task::{TaskKind, TaskStatus},
    },
};

use super::{calls::Call, integrations::Integration};
use crate::{
    Noun, Result, Statement, Unit,
    core::{enum_names::from_name, schema::call_backs, unit::raw},
    deals::{answer::Done, task::Task},
    work::tasks::{self, NewTask, TaskPatch},
};

type Instant = Option<DateTime<Utc>>;

/// What follows of a call that has been judged, or judged anew.
pub(crate) fn follow(
    unit: &mut Unit<'_>,
    integration: &Integration,
    (before, row): (&Call, &Call),
    judged: &Judged<Uuid>,
) -> Result<()> {
    let number = row.e164.clone().or_else(|| row.number.clone());
    let (Some(number), Some(status)) = (number, judged.status) else { return Ok(()) };
    let was: Option<CallStatus> = before.status.as_deref().and_then(from_name);
    if was == Some(status) || !matches!(status, CallStatus::Missed | CallStatus::Answered) {
        return Ok(());
    }
    let open = open(unit, &number)?;
    let (talked_at, missed_at) = last(unit, row, &number)?;
    let circumstances = Circumstances {
        direction: judged.direction,
        status,
        before: was,
        reached_since: talked_at >= Some(row.began_at.unwrap_or(unit.now)),
        still_missed: missed_at > talked_at,
        is_open: open.is_some(),
        is_untouched: open
            .as_ref()
            .is_some_and(|(call, task)| *call == row.id && task.status == "new"),
    };
    match (circumstances.follows(), open) {
        (Follows::Create, _) => create(unit, integration, row, number),
        (Follows::Complete, Some((_, task))) => {
            let result = Some("Reached by telephone.".to_owned());
            let done = Done { result, ..Done::default() };
            tasks::transition(unit, task.id, None, TaskStatus::Done, done).map(drop)
        }
        (Follows::Cancel, Some((_, task))) => {
            let description = Some(Some("The call was answered after all.".to_owned()));
            let patch = TaskPatch { description, ..TaskPatch::default() };
            tasks::change(unit, task.id, None, patch)?;
            tasks::transition(unit, task.id, None, TaskStatus::Cancelled, Done::default()).map(drop)
        }
        _ => Ok(()),
    }
}

/// The open task of the number, with the call that it is of. The number is held: of two calls that are judged at once,
/// one makes the task.
fn open(unit: &mut Unit<'_>, number: &str) -> Result<Option<(Uuid, Task)>> {
    let found: Option<(Uuid, Option<Uuid>)> = unit
        .tenant
        .rows(raw::<(SqlUuid, Nullable<SqlUuid>)>("call_id, task_id"), "call_backs")
        .sql(" AND number = ")
        .bind(number.to_owned())
        .sql(" FOR UPDATE")
        .get_result(unit.tenant.conn)
        .optional()?;
    let Some((call, Some(task))) = found else { return Ok(None) };
    let task = Task::get(&mut unit.tenant, task)?;
    let status: Option<TaskStatus> = from_name(&task.status);
    Ok(Some((call, task)).filter(|_| status.is_some_and(TaskStatus::is_open)))
}

/// The number has become a client's: whoever is to call it back sees whom.
pub(crate) fn belong(unit: &mut Unit<'_>, number: Option<&str>, client_id: Uuid) -> Result<()> {
    let Some(number) = number else { return Ok(()) };
    let Some((_, task)) = open(unit, number)? else { return Ok(()) };
    let before = Task::lock(unit, task.id, None)?;
    if before.client_id.is_none() && before.deal_id.is_none() {
        let row = Task { client_id: Some(client_id), ..before.clone() };
        Task::save(unit, &before, row)?;
    }
    Ok(())
}

/// When the calls of a number began in which somebody last talked, and in which it last called in vain.
fn last(unit: &mut Unit<'_>, row: &Call, number: &str) -> Result<(Instant, Instant)> {
    let which = if row.e164.is_some() { " AND e164 = " } else { " AND e164 IS NULL AND number = " };
    let last = unit
        .tenant
        .rows(
            raw::<(Nullable<Timestamptz>, Nullable<Timestamptz>)>(
                "max(began_at) FILTER (WHERE status = 'answered'), \
                 max(began_at) FILTER (WHERE status = 'missed' AND direction = 'in')",
            ),
            "calls",
        )
        .sql(which)
        .bind(number.to_owned());
    Ok(last.get_result(unit.tenant.conn)?)
}

fn create(
    unit: &mut Unit<'_>,
    integration: &Integration,
    row: &Call,
    number: String,
) -> Result<()> {
    let Some(minutes) = integration.call_back_minutes else { return Ok(()) };
    let Some(responsible_id) = responsible(unit, row)? else { return Ok(()) };
    use call_backs as table;
    // Whoever is first holds the number.
    diesel::insert_into(table::table)
        .values((
            table::workspace_id.eq(unit.tenant.workspace_id),
            table::number.eq(&number),
            table::call_id.eq(row.id),
        ))
        .on_conflict((table::workspace_id, table::number))
        .do_update()
        .set(table::number.eq(&number))
        .execute(unit.tenant.conn)?;
    if open(unit, &number)?.is_some() {
        return Ok(());
    }
    let due_at = due(&unit.caller.calendar, unit.now, minutes);
    let task = tasks::create(
        unit,
        NewTask {
            kind: TaskKind::CallBack,
            title: format!("Call back {number}"),
            deal_id: row.deal_id,
            client_id: row.client_id.filter(|_| row.deal_id.is_none()),
            responsible_id: Some(responsible_id),
            starts_at: Some(unit.now),
            due_at: Some(due_at),
            ..NewTask::default()
        },
    )?;
    let found = table::table.find((unit.tenant.workspace_id, &number));
    diesel::update(found)
        .set((table::call_id.eq(row.id), table::task_id.eq(Some(task.task.id))))
        .execute(unit.tenant.conn)?;
    Ok(())
}

/// Of those in use: whose phone rang, who has the deal, who looks after the client, and else an administrator.
fn responsible(unit: &mut Unit<'_>, row: &Call) -> Result<Option<Uuid>> {
    let workspace_id = unit.tenant.workspace_id;
    let found = Statement::select(raw::<(SqlUuid, Bool)>("u.id, u.active FROM users u WHERE u.active AND u.workspace_id = "))
        .bind(workspace_id)
        .sql(" AND (u.role = 'admin' OR u.id = ")
        .bind(row.user_id.unwrap_or_default())
        .sql(" OR u.id = (SELECT owner_id FROM deals d WHERE d.workspace_id = u.workspace_id AND d.id = ")
        .bind(row.deal_id.unwrap_or_default())
        .sql(") OR u.id = (SELECT owner_id FROM clients c WHERE c.workspace_id = u.workspace_id AND c.id = ")
        .bind(row.client_id.unwrap_or_default())
        .sql(")) ORDER BY u.id = ")
        .bind(row.user_id.unwrap_or_default())
        .sql(" DESC NULLS LAST, u.role = 'admin', u.id LIMIT 1");
    let found: Option<(Uuid, bool)> = found.get_result(unit.tenant.conn).optional()?;
    Ok(found.map(|(id, _)| id))
}
