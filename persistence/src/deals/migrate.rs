//! Open deals taken to the current version of their type's process.

use std::collections::HashMap;

use diesel::{RunQueryDsl, SelectableHelper};
use uuid::Uuid;
use voronka_domain::{
    Fault,
    deals::migration::{self, Ways},
    kernel::fault::Faults,
    process::alignment::{Alignment, Mapping},
};

use super::{DealRow, FactLoader, Recordable, Scope, Stored, Subject, record, tracks};
use crate::{
    Result, Unit,
    process::deal_types::{self, DealType},
};

/// Deals that are locked and decided at a time.
const AT_A_TIME: i64 = 500;
/// Refused deals that are named.
const MOST_NAMED: usize = 100;

/// What became of the open deals of a type, or would.
#[derive(Debug, Clone, Default)]
pub struct Migrated {
    /// Deals on the current version now.
    pub migrated: usize,
    /// Of these, deals that are in another stage than before.
    pub moved: usize,
    pub refused: usize,
    /// The first of those that were refused, with the reasons.
    pub refusals: Vec<(Uuid, Vec<Fault>)>,
}

/// Takes every open deal of the type to its current version. `mapping` names the new stage of a stage that
/// is not there any more, or is to become another one. A deal that a gate refuses stays where it is.
pub fn migrate(
    unit: &mut Unit<'_>,
    deal_type: &DealType,
    mapping: &Mapping,
    override_reason: Option<&str>,
    dry_run: bool,
) -> Result<Migrated> {
    let process = unit.process(deal_type.current_version_id)?;
    let mut faults = Faults::default();
    for (from, to) in mapping.iter().filter(|(_, to)| process.by_key(to).is_none()) {
        let detail = format!("The current version has no stage \"{to}\".");
        faults.add(format!("/mapping/{from}"), "stage_not_in_process", detail);
    }
    faults.into_result()?;
    let versions = unit.store.processes_of(&mut unit.tenant, deal_type.id)?;
    let before = deal_types::migrations(&mut unit.tenant, deal_type.id)?.into_iter();
    let mappings: Vec<_> = before.map(|(_, mapping)| mapping).chain([mapping.clone()]).collect();
    let keys = Alignment::of(&process, &versions, &[]);
    let mapped = Alignment::of(&process, &versions, &mappings);
    let ways = Ways { mapping, keys: &keys, mapped: &mapped };
    let rules = HashMap::from([(deal_type.id, deal_type.rules()?)]);
    let (mut told, mut after) = (Migrated::default(), Uuid::nil());
    loop {
        let rows: Vec<DealRow> = unit
            .tenant
            .rows(DealRow::as_select(), "deals")
            .sql(" AND status = 'open' AND deal_type_id = ")
            .bind(deal_type.id)
            .sql(" AND version_id <> ")
            .bind(process.version_id)
            .sql(" AND id > ")
            .bind(after)
            .sql(" ORDER BY id LIMIT ")
            .bind(AT_A_TIME)
            .sql(" FOR UPDATE")
            .load(unit.tenant.conn)?;
        let Some(last) = rows.last() else { break };
        let unknown = rows.iter().filter(|row| row.touched.is_none()).map(|row| row.id);
        let unknown: Vec<Uuid> = unknown.collect();
        if !unknown.is_empty() {
            // Held, they can be worked out here; the same rows are looked at once more.
            tracks::work_out(unit.tenant.conn, unit.tenant.workspace_id, unknown)?;
            continue;
        }
        after = last.id;
        let stored: Vec<Stored> = rows
            .into_iter()
            .map(|row| unit.store.stored(&mut unit.tenant, row))
            .collect::<Result<_>>()?;
        let subject = |one| {
            let Stored { deal, .. }: &Stored = one;
            Subject { process: &process, deal: Some(deal) }
        };
        let subjects: Vec<_> = stored.iter().map(subject).collect();
        let scope = Scope { rules: rules.clone(), migrates: true, ..Scope::default() };
        let around = FactLoader::load(&mut unit.tenant, unit.caller.settings, &subjects, scope)?;
        let mut done = Vec::new();
        for one in &stored {
            let deal = &one.deal;
            let facts = around.facts_of(unit.caller, unit.now, deal, &process)?;
            let (id, stage) = (deal.id, deal.stage.as_ref().map(|stage| stage.stage_key.clone()));
            let mut change_set = one.change_set();
            match migration::migrate(&mut change_set, ways, override_reason, &facts) {
                Ok(()) => {
                    told.migrated += 1;
                    let now = change_set.deal.stage.as_ref().map(|stage| stage.stage_key.clone());
                    told.moved += usize::from(now != stage);
                    done.push(Recordable::by(unit.actor, change_set, process.clone()));
                }
                Err(refusal) => {
                    told.refused += 1;
                    if told.refusals.len() < MOST_NAMED {
                        told.refusals.push((id, refusal.faults()));
                    }
                }
            }
        }
        if !dry_run {
            record(unit, done)?;
        }
    }
    if !dry_run {
        deal_types::keep_migration(unit, deal_type, mapping)?;
    }
    Ok(told)
}
