//! Other ids of calls: exchanges change them in mid-call, and tell of both.

use diesel::{prelude::*, sql_types::Uuid as SqlUuid};
use uuid::Uuid;

use super::calls::Call;
use crate::{
    Result, Statement, Unit,
    core::{schema::call_roots, unit::raw},
};

/// A call has no more ids than this; others are calls of their own.
const MOST: usize = 50;

/// All ids of a call that is told of, its own first.
pub(super) fn ids(root: String, also: Vec<String>) -> Vec<String> {
    let mut ids = vec![root];
    for id in also {
        if ids.len() < MOST && !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// The calls that have one of the ids, held: what has become an activity first, then the oldest. Keys are compared one by
/// one where there is one: for a list, a plan that was made while the table was small reads all of it.
pub(super) fn of(unit: &mut Unit<'_>, integration_id: Uuid, ids: &[String]) -> Result<Vec<Call>> {
    let workspace_id = unit.tenant.workspace_id;
    let one_of = |statement: Statement<_>| match ids {
        [id] => statement.sql("= ").bind(id.clone()),
        ids => statement.sql("= ANY(").bind(ids.to_vec()).sql(")"),
    };
    let own = unit
        .tenant
        .rows(raw::<SqlUuid>("calls.id"), "calls")
        .sql(" AND calls.integration_id = ")
        .bind(integration_id)
        .sql(" AND calls.root ");
    let others = one_of(own)
        .sql(" UNION SELECT r.call_id FROM call_roots r WHERE r.workspace_id = ")
        .bind(workspace_id)
        .sql(" AND r.integration_id = ")
        .bind(integration_id)
        .sql(" AND r.root ");
    let found: Vec<Uuid> = one_of(others).load(unit.tenant.conn)?;
    let rows = unit.tenant.rows(Call::as_select(), "calls").sql(" AND id ");
    let rows = match found.as_slice() {
        [] => return Ok(Vec::new()),
        [id] => rows.sql("= ").bind(*id),
        found => rows.sql("= ANY(").bind(found.to_vec()).sql(")"),
    };
    Ok(rows.sql(" ORDER BY activity_id IS NULL, id FOR UPDATE").load(unit.tenant.conn)?)
}

/// A call that turns out to be another one gives it its ids, and is gone: nothing was made of it yet.
pub(super) fn give(unit: &mut Unit<'_>, other: &Call, to: &Call) -> Result<()> {
    let workspace_id = unit.tenant.workspace_id;
    use call_roots as table;
    let given = table::table
        .filter(table::workspace_id.eq(workspace_id))
        .filter(table::call_id.eq(other.id));
    diesel::update(given).set(table::call_id.eq(to.id)).execute(unit.tenant.conn)?;
    Statement::command("DELETE FROM calls WHERE workspace_id = ")
        .bind(workspace_id)
        .sql(" AND id = ")
        .bind(other.id)
        .execute(unit.tenant.conn)?;
    note(unit, to.integration_id, std::slice::from_ref(&other.root), to.id)
}

/// Ids of a call beside its own.
pub(super) fn note(
    unit: &mut Unit<'_>,
    integration_id: Uuid,
    ids: &[String],
    call_id: Uuid,
) -> Result<()> {
    use call_roots as table;
    let row = |root: &String| {
        (
            table::workspace_id.eq(unit.tenant.workspace_id),
            table::integration_id.eq(integration_id),
            table::root.eq(root.clone()),
            table::call_id.eq(call_id),
        )
    };
    let rows: Vec<_> = ids.iter().map(row).collect();
    diesel::insert_into(table::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(unit.tenant.conn)?;
    Ok(())
}
