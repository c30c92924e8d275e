//! What a decision needs beside the deal: exchange rates, and the client where a gate looks at it. Deals
//! in the base currency under gates that do not need it cost nothing here.

use chrono::{DateTime, Utc};
use uuid::Uuid;
use voronka_domain::{
    Money,
    client::ClientFacts,
    custom_field::Entity,
    deal::Deal,
    exchange::Rates,
    process::{Process, Rules},
    staff::Staff,
    transition::Facts,
    work::Work,
    workspace::Settings,
};

use super::work;
use crate::{Result, Tenant, Unit, clients, exchange_rates};

#[derive(Debug, Default)]
pub struct Around {
    rates: Rates,
    client: Option<ClientFacts>,
    work: Work,
    staff: Staff,
}

impl Around {
    /// Of amounts that may be converted at some instants.
    pub fn load(
        tenant: &mut Tenant<'_>,
        settings: Settings,
        process: &Process,
        client_id: Option<Uuid>,
        amounts: &[Option<Money>],
        instants: &[DateTime<Utc>],
    ) -> Result<Self> {
        let days = |money: Money| {
            instants.iter().map(move |instant| (money.currency, settings.day(*instant)))
        };
        let wanted = amounts.iter().flatten().copied().flat_map(days);
        let rates = exchange_rates::on(tenant, settings.currency, wanted)?;
        let client = match client_id.filter(|_| process.looks_at_client()) {
            Some(id) => {
                let activities = process.looks_at_activities(Entity::Client);
                clients::facts(tenant, vec![id], activities)?.remove(&id)
            }
            None => None,
        };
        let staff =
            if process.looks_at_staff() { work::staff(tenant, process)? } else { Staff::default() };
        Ok(Self { rates, client, work: Work::default(), staff })
    }

    /// Of a deal whose amount may change.
    pub fn of(
        tenant: &mut Tenant<'_>,
        settings: Settings,
        now: DateTime<Utc>,
        process: &Process,
        deal: &Deal,
        amount: Option<Money>,
        occurred_at: Option<DateTime<Utc>>,
    ) -> Result<Self> {
        let at = occurred_at.unwrap_or(now.max(deal.last_occurred_at));
        let amounts = [Some(deal.details.amount), amount];
        let mut around = Self::load(tenant, settings, process, deal.client_id, &amounts, &[at])?;
        if process.looks_at_work() {
            let activities = process.looks_at_activities(Entity::Deal);
            let all = work::load(tenant, vec![deal.id], activities)?;
            around.work = all.into_values().next().unwrap_or_default();
        }
        Ok(around)
    }

    /// Of a deal that is opened with a primary demand.
    pub(super) fn with_demand(mut self, since: Option<DateTime<Utc>>) -> Self {
        self.work.demand_since = since;
        self
    }

    /// With the head who would review the loss of a deal.
    pub(super) fn reviewed(mut self, tenant: &mut Tenant<'_>, owner_id: Uuid) -> Result<Self> {
        self.staff.head_id = work::head_of(tenant, owner_id)?;
        Ok(self)
    }

    pub fn facts<'a>(&'a self, unit: &Unit<'a>, process: &'a Process, rules: Rules) -> Facts<'a> {
        self.seen_by(unit.caller, unit.now, process, rules)
    }

    pub fn seen_by<'a>(
        &'a self,
        caller: &'a crate::Caller,
        now: DateTime<Utc>,
        process: &'a Process,
        rules: Rules,
    ) -> Facts<'a> {
        Facts {
            process,
            rules,
            settings: caller.settings,
            now,
            may_override: caller.may_override(),
            rates: &self.rates,
            client: self.client.as_ref(),
            work: &self.work,
            staff: &self.staff,
            calendar: &caller.calendar,
        }
    }
}
