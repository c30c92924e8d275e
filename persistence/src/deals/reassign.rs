//! Deals that go to somebody else, many at a time: each by the command that changes a deal.

use diesel::{RunQueryDsl, SelectableHelper};
use uuid::Uuid;
use voronka_domain::deals::{deal::DealPatch, transition};

use super::{DealRow, FactLoader, Recordable, Scope, Stored, record};
use crate::{Result, Unit};

/// Deals that are decided at a time.
const AT_A_TIME: usize = 500;

/// Gives open deals, which the unit holds, to somebody else. Their processes answer.
pub(crate) fn reassign(unit: &mut Unit<'_>, ids: &[Uuid], to_id: Uuid) -> Result<()> {
    let patch = DealPatch { owner_id: Some(to_id), ..DealPatch::default() };
    for_all(unit, ids, &patch)
}

/// Makes the same change of deals that the unit holds, each by the command that changes one.
pub(super) fn for_all(unit: &mut Unit<'_>, ids: &[Uuid], patch: &DealPatch) -> Result<()> {
    for ids in ids.chunks(AT_A_TIME) {
        let rows: Vec<DealRow> = unit
            .tenant
            .rows(DealRow::as_select(), "deals")
            .sql(" AND id = ANY(")
            .bind(ids.to_vec())
            .sql(") ORDER BY id")
            .load(unit.tenant.conn)?;
        let deals = rows.into_iter().map(|row| unit.store.stored(&mut unit.tenant, row));
        let deals: Vec<Stored> = deals.collect::<Result<_>>()?;
        let subjects: Vec<_> = deals.iter().map(Stored::subject).collect();
        let clients = patch.client_id.flatten().into_iter().collect();
        let scope = Scope { clients, ..Scope::default() };
        let around = FactLoader::load(&mut unit.tenant, unit.caller.settings, &subjects, scope)?;
        let mut changed = Vec::with_capacity(deals.len());
        for stored in &deals {
            let facts = around.facts_of(unit.caller, unit.now, &stored.deal, &stored.process)?;
            let mut change_set = stored.change_set();
            transition::update(&mut change_set, patch.clone(), None, &facts)?;
            changed.push(Recordable::by(unit.actor, change_set, stored.process.clone()));
        }
        record(unit, changed)?;
        unit.flush()?;
    }
    Ok(())
}
