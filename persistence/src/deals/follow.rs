//! Deals that follow their client into another one.

use diesel::{RunQueryDsl, sql_types::Uuid as SqlUuid};
use uuid::Uuid;
use voronka_domain::deals::deal::DealPatch;

use super::reassign::for_all;
use crate::{Result, Unit, core::unit::raw};

/// Holds every deal of a client, whoever sees them. The caller holds the client, so that no deal is added
/// meanwhile.
pub(crate) fn hold_all_of(unit: &mut Unit<'_>, client_id: Uuid) -> Result<Vec<Uuid>> {
    let ids = unit
        .tenant
        .rows(raw::<SqlUuid>("deals.id"), "deals")
        .sql(" AND client_id = ")
        .bind(client_id)
        .sql(" ORDER BY id FOR UPDATE")
        .load(unit.tenant.conn)?;
    Ok(ids)
}

/// Makes deals that are held, be they open or closed, those of another client: by the command that changes a
/// deal. Who the client was is the same as before, under another id; their processes answer all the same.
pub(crate) fn follow(unit: &mut Unit<'_>, ids: &[Uuid], to: Uuid) -> Result<()> {
    let patch = DealPatch { client_id: Some(Some(to)), ..DealPatch::default() };
    for_all(unit, ids, &patch)
}
