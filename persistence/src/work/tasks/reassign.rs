//! Tasks that go to somebody else, many at a time.

use diesel::prelude::*;
use uuid::Uuid;

use crate::{
    Result, Unit,
    core::{noun::ROWS_A_STATEMENT, schema::tasks},
    deals::task::Task,
};

/// Gives tasks that the unit holds to somebody else to do.
pub(crate) fn reassign(unit: &mut Unit<'_>, ids: &[Uuid], to_id: Uuid) -> Result<()> {
    for ids in ids.chunks(ROWS_A_STATEMENT) {
        let given: Vec<Task> = diesel::update(
            tasks::table
                .filter(tasks::workspace_id.eq(unit.tenant.workspace_id))
                .filter(tasks::id.eq_any(ids)),
        )
        .set((
            tasks::responsible_id.eq(to_id),
            tasks::version.eq(tasks::version + 1),
            tasks::updated_at.eq(unit.now),
        ))
        .returning(Task::as_returning())
        .get_results(unit.tenant.conn)?;
        for task in &given {
            unit.happened("task.updated", task.id, task.version, task)?;
        }
        unit.flush()?;
    }
    Ok(())
}
