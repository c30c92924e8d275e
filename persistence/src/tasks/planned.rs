//! Tasks that processes plan and cancel.

use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;
use voronka_domain::task::{Effect, TaskPlan, TaskStatus};

use super::{Task, insert_all};
use crate::{
    Result, Statement, Unit,
    schema::tasks,
    unit::{raw, to_json},
    words::to_word,
};

impl Task {
    /// The task that a process plans for a deal.
    fn planned(unit: &Unit<'_>, deal_id: Uuid, plan: TaskPlan) -> Result<Self> {
        Ok(Self {
            id: Uuid::now_v7(),
            kind: to_word(&plan.kind),
            deal_id: Some(deal_id),
            client_id: None,
            key: plan.key,
            stage_id: plan.stage_id,
            visit: Some(plan.visit),
            title: plan.title,
            description: plan.description,
            status: to_word(&TaskStatus::New),
            priority: to_word(&plan.priority),
            responsible_id: plan.responsible_id,
            creator_id: None,
            by_process: true,
            starts_at: Some(unit.now),
            due_at: plan.due_at,
            started_at: None,
            done_at: None,
            done_by: None,
            result_fields: to_json(&plan.result)?,
            result: None,
            links: json!([]),
            version: 1,
            created_at: unit.now,
            updated_at: unit.now,
        })
    }
}

/// Does what commands on deals have planned for their tasks: each with the deal that it is for.
pub(crate) fn carry_out(unit: &mut Unit<'_>, effects: Vec<(Uuid, Effect)>) -> Result<()> {
    let (mut fresh, mut left) = (Vec::new(), (Vec::new(), Vec::new()));
    for (deal_id, effect) in effects {
        match effect {
            Effect::Create(plan) => fresh.push(Task::planned(unit, deal_id, plan)?),
            Effect::Cancel { visit } => {
                left.0.push(deal_id);
                left.1.push(visit);
            }
        }
    }
    cancel(unit, left)?;
    if !fresh.is_empty() {
        insert_all(unit, fresh)?;
    }
    Ok(())
}

/// Cancels the open tasks that a process made for visits that are over.
fn cancel(unit: &mut Unit<'_>, (deals, visits): (Vec<Uuid>, Vec<i32>)) -> Result<()> {
    if deals.is_empty() {
        return Ok(());
    }
    let open: Vec<Uuid> = Statement::select(raw::<diesel::sql_types::Uuid>(
        "tasks.id FROM tasks JOIN unnest(",
    ))
    .bind(deals)
    .sql(", ")
    .bind(visits)
    .sql(
        ") AS gone(deal_id, visit) ON tasks.deal_id = gone.deal_id AND tasks.visit = gone.visit \
         WHERE tasks.by_process AND tasks.status IN ('new', 'in_progress', 'deferred') \
         AND tasks.kind = 'work' AND tasks.workspace_id = ",
    )
    .bind(unit.tenant.workspace_id)
    .sql(" ORDER BY tasks.id FOR UPDATE OF tasks")
    .load(unit.tenant.conn)?;
    if open.is_empty() {
        return Ok(());
    }
    let status = to_word(&TaskStatus::Cancelled);
    let cancelled: Vec<Task> = diesel::update(
        tasks::table
            .filter(tasks::workspace_id.eq(unit.tenant.workspace_id))
            .filter(tasks::id.eq_any(open)),
    )
    .set((
        tasks::status.eq(status),
        tasks::version.eq(tasks::version + 1),
        tasks::updated_at.eq(unit.now),
    ))
    .returning(Task::as_returning())
    .get_results(unit.tenant.conn)?;
    for task in &cancelled {
        unit.happened("task.cancelled", task.id, task.version, task)?;
    }
    Ok(())
}
