//! Open deals taken to the current version of their type's process.

use diesel::{RunQueryDsl, SelectableHelper};
use uuid::Uuid;
use voronka_domain::{
    Fault,
    client::ClientFacts,
    custom_field::Entity,
    exchange::Rates,
    fault::Faults,
    ledger::Ledger,
    migration::{self, Mapping},
    staff::Staff,
    transition::Facts,
    work::Work,
};

use super::{DealRow, Recordable, Stored, record, work};
use crate::{Result, Unit, clients, deal_types::DealType, exchange_rates};

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
    let (rules, base) = (deal_type.rules()?, unit.caller.settings.currency);
    let staff = match process.looks_at_staff() {
        true => work::staff(&mut unit.tenant, &process)?,
        false => Staff::default(),
    };
    let (mut told, mut after, no_work) = (Migrated::default(), Uuid::nil(), Work::default());
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
        let Some(last) = rows.last() else { return Ok(told) };
        after = last.id;
        let stored: Vec<Stored> = rows
            .into_iter()
            .map(|row| unit.store.stored(&mut unit.tenant, row))
            .collect::<Result<_>>()?;
        let currencies = stored.iter().map(|one| one.deal.amount.currency);
        let rates: Rates = exchange_rates::history(&mut unit.tenant, base, currencies)?;
        let (mut works, mut known) = Default::default();
        if process.looks_at_work() {
            let ids = stored.iter().map(|one| one.deal.id).collect();
            works = work::load(&mut unit.tenant, ids, process.looks_at_activities(Entity::Deal))?;
        }
        if process.looks_at_client() {
            let ids = stored.iter().filter_map(|one| one.deal.client_id).collect();
            let activities = process.looks_at_activities(Entity::Client);
            known = clients::facts(&mut unit.tenant, ids, activities)?;
        }
        let mut done = Vec::new();
        for Stored { deal, process: old, .. } in stored {
            let client: Option<&ClientFacts> = deal.client_id.and_then(|id| known.get(&id));
            let facts = Facts {
                process: &process,
                rules,
                settings: unit.caller.settings,
                now: unit.now,
                may_override: unit.caller.may_override(),
                rates: &rates,
                client,
                work: works.get(&deal.id).unwrap_or(&no_work),
                staff: &staff,
                calendar: &unit.caller.calendar,
            };
            let (id, stage) = (deal.id, deal.stage.as_ref().map(|stage| stage.stage_key.clone()));
            let mut ledger = Ledger::stored(deal);
            match migration::migrate(&mut ledger, &old, mapping, override_reason, &facts) {
                Ok(()) => {
                    told.migrated += 1;
                    let now = ledger.deal.stage.as_ref().map(|stage| stage.stage_key.clone());
                    told.moved += usize::from(now != stage);
                    done.push(Recordable::by(unit.actor, ledger, process.clone()));
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
}
