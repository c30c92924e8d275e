//! Tasks that processes plan and cancel.

use std::collections::HashMap;

use diesel::{
    prelude::*,
    sql_types::{Jsonb, Uuid as SqlUuid},
};
use serde_json::{Value, json};
use uuid::Uuid;
use voronka_domain::{
    deals::effect::{Effect, TaskPlan},
    work::task::{TaskKind, TaskStatus},
};

use super::task::Task;
use crate::{
    Result, Statement, Unit,
    core::{
        enum_names::to_name,
        noun::Noun,
        schema::tasks,
        unit::{raw, to_json},
    },
};

/// Activities that the review of a loss is to look at.
const LINKS: i64 = 5;

impl Task {
    /// The task that a process plans for a deal.
    fn planned(
        unit: &Unit<'_>,
        deal_id: Uuid,
        plan: TaskPlan,
        links: Option<Value>,
    ) -> Result<Self> {
        Ok(Self {
            id: Uuid::now_v7(),
            kind: to_name(&plan.kind),
            deal_id: Some(deal_id),
            client_id: None,
            key: plan.key,
            stage_id: plan.stage_id,
            visit: Some(plan.visit),
            title: plan.title,
            description: plan.description,
            status: to_name(&TaskStatus::New),
            priority: to_name(&plan.priority),
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
            links: links.unwrap_or_else(|| json!([])),
            version: 1,
            created_at: unit.now,
            updated_at: unit.now,
            reopened_at: None,
        })
    }
}

/// Does what commands on deals have planned for their tasks: each with the deal that it is for.
pub(crate) fn plan_and_cancel(unit: &mut Unit<'_>, effects: Vec<(Uuid, Effect)>) -> Result<()> {
    let (mut fresh, mut left) = (Vec::new(), (Vec::new(), Vec::new()));
    let is_review = |effect: &Effect| matches!(effect, Effect::Create(plan) if plan.kind == TaskKind::LossReview);
    let lost = effects.iter().filter(|(_, effect)| is_review(effect)).map(|(id, _)| *id);
    let last = last_activities(unit, lost.collect())?;
    for (deal_id, effect) in effects {
        match effect {
            Effect::Create(plan) => {
                let links = last.get(&deal_id).filter(|_| plan.kind == TaskKind::LossReview);
                fresh.push(Task::planned(unit, deal_id, plan, links.cloned())?);
            }
            Effect::Cancel { visit } => {
                left.0.push(deal_id);
                left.1.push(visit);
            }
        }
    }
    cancel(unit, left)?;
    if !fresh.is_empty() {
        Task::insert_all(unit, fresh)?;
    }
    Ok(())
}

/// What last happened for some deals, as links: of each the newest activities, the newest one first.
fn last_activities(unit: &mut Unit<'_>, deals: Vec<Uuid>) -> Result<HashMap<Uuid, Value>> {
    if deals.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, Value)> = Statement::select(raw::<(SqlUuid, Jsonb)>(
        "lost.deal_id, jsonb_agg(jsonb_build_object('kind', 'activity', 'id', last.id) \
         ORDER BY last.happened_at DESC, last.id DESC) FROM unnest(",
    ))
    .bind(deals)
    .sql(
        ") AS lost(deal_id), LATERAL (SELECT a.id, a.happened_at FROM activities a \
         WHERE a.deal_id = lost.deal_id AND a.happened_at IS NOT NULL AND a.workspace_id = ",
    )
    .bind(unit.tenant.workspace_id)
    .sql(" ORDER BY a.happened_at DESC, a.id DESC LIMIT ")
    .bind(LINKS)
    .sql(") AS last GROUP BY lost.deal_id")
    .load(unit.tenant.conn)?;
    Ok(rows.into_iter().collect())
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
    let status = to_name(&TaskStatus::Cancelled);
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
