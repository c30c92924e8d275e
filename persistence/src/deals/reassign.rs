//! Deals that go to somebody else, many at a time: each by the command that changes a deal.

use std::collections::{HashMap, hash_map::Entry};

use chrono::{DateTime, Utc};
use diesel::{RunQueryDsl, SelectableHelper};
use uuid::Uuid;
use voronka_domain::{
    client::ClientFacts,
    custom_field::Entity,
    deal::{Deal, DealPatch},
    exchange::Rates,
    ledger::Ledger,
    process::{Process, Rules},
    staff::Staff,
    transition::{self, Facts},
    work::Work,
};

use super::{DealRow, Recordable, Stored, record, work};
use crate::{Caller, Error, Result, Unit, clients, exchange_rates};

/// Deals that are decided at a time.
const AT_A_TIME: usize = 500;

/// Gives open deals of one person, which the unit holds, to somebody else. Their processes answer.
pub(crate) fn reassign(
    unit: &mut Unit<'_>,
    ids: &[Uuid],
    from_id: Uuid,
    to_id: Uuid,
) -> Result<()> {
    let patch = DealPatch { owner_id: Some(to_id), ..DealPatch::default() };
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
        let around = AroundAll::load(unit, &deals, from_id)?;
        let mut given = Vec::with_capacity(deals.len());
        for Stored { deal, process, .. } in deals {
            let facts = around.facts(unit.caller, unit.now, &deal, &process)?;
            let mut ledger = Ledger::stored(deal);
            transition::update(&mut ledger, patch.clone(), None, &facts)?;
            given.push(Recordable::by(unit.actor, ledger, process.clone()));
        }
        record(unit, given)?;
        unit.flush()?;
    }
    Ok(())
}

/// What decisions on some deals need beside them, in as few statements as there are tables.
struct AroundAll {
    rates: Rates,
    works: HashMap<Uuid, Work>,
    no_work: Work,
    clients: HashMap<Uuid, ClientFacts>,
    /// By process version.
    staff: HashMap<Uuid, Staff>,
    /// By deal type.
    rules: HashMap<Uuid, Rules>,
}

impl AroundAll {
    fn load(unit: &mut Unit<'_>, deals: &[Stored], owner_id: Uuid) -> Result<Self> {
        let (store, base) = (unit.store, unit.caller.settings.currency);
        let tenant = &mut unit.tenant;
        let of = |looks: fn(&Process) -> bool| {
            deals.iter().filter(move |one| looks(&one.process)).map(|one| &one.deal)
        };
        let worked: Vec<Uuid> = of(Process::looks_at_work).map(|deal| deal.id).collect();
        let bought = of(Process::looks_at_client).filter_map(|deal| deal.client_id);
        let bought: Vec<Uuid> = bought.collect();
        let active = |entity| deals.iter().any(|one| one.process.looks_at_activities(entity));
        let loses = of(Process::loses).next().is_some();
        let currencies = deals.iter().map(|one| one.deal.amount.currency);
        let mut around = Self {
            rates: exchange_rates::history(tenant, base, currencies)?,
            works: match worked.is_empty() {
                true => HashMap::new(),
                false => work::load(tenant, worked, active(Entity::Deal))?,
            },
            no_work: Work::default(),
            clients: match bought.is_empty() {
                true => HashMap::new(),
                false => clients::facts(tenant, bought, active(Entity::Client))?,
            },
            staff: HashMap::new(),
            rules: HashMap::new(),
        };
        let head_id = if loses { work::head_of(tenant, owner_id)? } else { None };
        for Stored { deal, process, .. } in deals {
            if let Entry::Vacant(unknown) = around.rules.entry(deal.deal_type_id) {
                unknown.insert(store.current_rules(tenant, deal.deal_type_id)?);
            }
            if let Entry::Vacant(unknown) = around.staff.entry(process.version_id) {
                let staff = match process.looks_at_staff() {
                    true => work::staff(tenant, process)?,
                    false => Staff::default(),
                };
                unknown.insert(Staff { head_id, ..staff });
            }
        }
        Ok(around)
    }

    fn facts<'a>(
        &'a self,
        caller: &'a Caller,
        now: DateTime<Utc>,
        deal: &Deal,
        process: &'a Process,
    ) -> Result<Facts<'a>> {
        let unknown = || Error::Internal("a deal is of no type".into());
        Ok(Facts {
            process,
            rules: self.rules.get(&deal.deal_type_id).copied().ok_or_else(unknown)?,
            settings: caller.settings,
            now,
            may_override: caller.may_override(),
            rates: &self.rates,
            client: deal.client_id.and_then(|id| self.clients.get(&id)),
            work: self.works.get(&deal.id).unwrap_or(&self.no_work),
            staff: self.staff.get(&process.version_id).ok_or_else(unknown)?,
            calendar: &caller.calendar,
        })
    }
}
