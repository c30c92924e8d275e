//! Deals by their ids in other systems.

use diesel::{
    OptionalExtension, RunQueryDsl, SelectableHelper,
    sql_types::{BigInt, Uuid as SqlUuid},
};
use uuid::Uuid;

use super::{DealRow, Stored};
use crate::{
    Result, Statement, Unit, clients,
    core::{unit::raw, visibility::deals_seen_by},
};

/// Deals by their ids in another system, locked: an import's own.
pub(crate) fn lock_external(
    unit: &mut Unit<'_>,
    source: &str,
    ids: Vec<String>,
) -> Result<Vec<Stored>> {
    let rows: Vec<DealRow> = unit
        .tenant
        .rows(DealRow::as_select(), "deals")
        .sql(" AND external_source = ")
        .bind(source)
        .sql(" AND external_id = ANY(")
        .bind(ids)
        .sql(") ORDER BY id FOR UPDATE")
        .load(unit.tenant.conn)?;
    rows.into_iter().map(|row| unit.store.stored(&mut unit.tenant, row)).collect()
}

/// Locks ids in other systems, whether there are such deals or not, in one order.
fn lock_external_ids(unit: &mut Unit<'_>, ids: Vec<(String, String)>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let workspace_id = unit.tenant.workspace_id;
    let name =
        |(source, id): (String, String)| format!("{workspace_id}/{}/{source}/{id}", source.len());
    let mut names: Vec<String> = ids.into_iter().map(name).collect();
    names.sort();
    names.dedup();
    Statement::select(raw::<BigInt>(
        "count(pg_advisory_xact_lock(hashtextextended(name, 23))) FROM unnest(",
    ))
    .bind(names)
    .sql(") AS name")
    .get_result::<i64>(unit.tenant.conn)?;
    Ok(())
}

/// What the commands of a batch name.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// Ids in other systems: the system, and the id there.
    pub external: Vec<(String, String)>,
    pub clients: Vec<Uuid>,
    pub deals: Vec<Uuid>,
}

/// Holds it all before the first command, in the order in which every command holds things, so that no two
/// batches wait for each other. What is not there or is not seen is left to the commands.
pub fn hold_named(unit: &mut Unit<'_>, named: Named) -> Result<()> {
    let Named { external, clients, deals } = named;
    lock_external_ids(unit, external.clone())?;
    if !clients.is_empty() {
        clients::all_meant(unit, clients)?;
    }
    if external.is_empty() && deals.is_empty() {
        return Ok(());
    }
    let (sources, ids): (Vec<String>, Vec<String>) = external.into_iter().unzip();
    let workspace_id = unit.tenant.workspace_id;
    let rows = unit
        .tenant
        .rows(raw::<SqlUuid>("deals.id"), "deals")
        .sql(" AND deals.id IN (SELECT unnest(")
        .bind(deals)
        .sql(") UNION SELECT d.id FROM unnest(")
        .bind(sources)
        .sql(", ")
        .bind(ids)
        .sql(
            ") AS named(source, id) JOIN deals d ON d.external_source = named.source \
             AND d.external_id = named.id AND d.workspace_id = ",
        )
        .bind(workspace_id)
        .sql(")");
    deals_seen_by(rows, &unit.caller.visibility)
        .sql(" ORDER BY deals.id FOR UPDATE OF deals")
        .load::<Uuid>(unit.tenant.conn)?;
    Ok(())
}

/// The deal with this id in another system, and its type, if there is one that the caller sees. Nobody else
/// opens one with the id until the transaction ends.
pub fn find_external(unit: &mut Unit<'_>, source: &str, id: &str) -> Result<Option<(Uuid, Uuid)>> {
    lock_external_ids(unit, vec![(source.to_owned(), id.to_owned())])?;
    let rows = unit.tenant.rows(raw::<(SqlUuid, SqlUuid)>("deals.id, deals.deal_type_id"), "deals");
    let rows = rows
        .sql(" AND deals.external_source = ")
        .bind(source)
        .sql(" AND deals.external_id = ")
        .bind(id);
    Ok(deals_seen_by(rows, &unit.caller.visibility).get_result(unit.tenant.conn).optional()?)
}
