//! What a command does beside what happens to the deal: to the deal's tasks.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::deal::Deal;
use crate::{
    kernel::fault::{Fault, Refusal},
    process::gate::DealField,
    work::task::{Priority, TaskKind},
};

/// A task that is to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskPlan {
    pub kind: TaskKind,
    pub key: Option<String>,
    pub title: String,
    pub description: Option<String>,
    pub priority: Priority,
    pub responsible_id: Uuid,
    pub due_at: Option<DateTime<Utc>>,
    pub result: Vec<DealField>,
    /// The visit of the deal that it belongs to, and the stage.
    pub visit: i32,
    pub stage_id: Option<Uuid>,
}

/// What a command does beside what happens to the deal.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Create(TaskPlan),
    /// The tasks that the process made for a visit and that are still open: the stage is left.
    Cancel {
        visit: i32,
    },
}

/// Whether a task brings what it has to: every field of its result is filled on the deal.
pub(crate) fn check_result(result: &[DealField], deal: &Deal) -> Result<(), Refusal> {
    let missing = |field: &&DealField| !field.is_filled(deal);
    let fault = |field: &DealField| {
        let name = field.name();
        let pointer = format!("/{}", name.replace('.', "/"));
        Fault::new(pointer, "task_result_required", format!("The task is done only with {name}."))
    };
    let faults: Vec<_> = result.iter().filter(missing).map(fault).collect();
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Invalid(faults)) }
}
