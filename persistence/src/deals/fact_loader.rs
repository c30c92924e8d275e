//! The facts of decisions: what they need beside their deals. One loader for every way in, for one deal and for
//! many, each by its own type and version, in as few statements as there are tables. What a process does not
//! look at costs nothing.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;
use voronka_domain::{
    Currency,
    clients::ClientFacts,
    deals::{deal::Deal, due::Part, transition::Facts},
    people::assignment::Staff,
    process::{Process, Rules},
    work::facts::Work,
    workspace::{custom_field::Entity, exchange::Rates, settings::Settings},
};

use super::{due, rules_of_types, work};
use crate::{Caller, Error, Result, Tenant, clients, workspace::exchange_rates};

/// A deal that is to be decided on, and the process that it is or will be in; no deal, if it is to be opened.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub process: &'a Process,
    pub deal: Option<&'a Deal>,
}

/// What the decisions may be about beside what the deals are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// Clients that a deal may get.
    pub clients: Vec<Uuid>,
    /// Of amounts that a deal may get.
    pub currencies: Vec<Currency>,
    /// Who may get a deal.
    pub owners: Vec<Uuid>,
    /// When it may happen; any day, where that is not known.
    pub instants: Option<Vec<DateTime<Utc>>>,
    /// The switches of deal types, as far as they are known.
    pub rules: HashMap<Uuid, Rules>,
    /// A head will look at what comes of it.
    pub reviewed: bool,
    /// What comes of it depends on the tasks that there are, whatever gates look at.
    pub migrates: bool,
}

#[derive(Debug, Default)]
pub struct FactLoader {
    rates: Rates,
    clients: HashMap<Uuid, ClientFacts>,
    /// By deal.
    works: HashMap<Uuid, Work>,
    parts: HashMap<Uuid, Vec<Part>>,
    /// By process version.
    staff: HashMap<Uuid, Staff>,
    /// By owner.
    heads: HashMap<Uuid, Uuid>,
    /// By deal type.
    rules: HashMap<Uuid, Rules>,
    no_work: Work,
    no_staff: Staff,
}

impl FactLoader {
    /// What is decided is right if the deals are held, or if their processes do not look around.
    pub(crate) fn load(
        tenant: &mut Tenant<'_>,
        settings: Settings,
        subjects: &[Subject<'_>],
        scope: Scope,
    ) -> Result<Self> {
        let mut around = Self::default();
        around.load_rates(tenant, settings, subjects, &scope)?;
        around.load_clients(tenant, subjects, &scope)?;
        around.load_work(tenant, subjects, &scope)?;
        around.load_people(tenant, subjects, &scope)?;
        around.rules = scope.rules;
        let unknown = |subject: &Subject<'_>| {
            let id = subject.process.deal_type_id;
            (!around.rules.contains_key(&id)).then_some(id)
        };
        let unknown: HashSet<Uuid> = subjects.iter().filter_map(unknown).collect();
        if !unknown.is_empty() {
            around.rules.extend(rules_of_types(tenant, unknown.into_iter().collect())?);
        }
        Ok(around)
    }

    fn load_rates(
        &mut self,
        tenant: &mut Tenant<'_>,
        settings: Settings,
        subjects: &[Subject<'_>],
        scope: &Scope,
    ) -> Result<()> {
        let stored = subjects.iter().filter_map(|one| Some(one.deal?.details.amount.currency));
        let currencies = stored.chain(scope.currencies.iter().copied());
        self.rates = match &scope.instants {
            Some(instants) => {
                let day = |currency, at: &DateTime<Utc>| (currency, settings.day(*at));
                let wanted = currencies
                    .flat_map(|currency| instants.iter().map(move |at| day(currency, at)));
                exchange_rates::on(tenant, settings.currency, wanted)?
            }
            None => exchange_rates::history(tenant, settings.currency, currencies)?,
        };
        Ok(())
    }

    fn load_clients(
        &mut self,
        tenant: &mut Tenant<'_>,
        subjects: &[Subject<'_>],
        scope: &Scope,
    ) -> Result<()> {
        let looking = || subjects.iter().filter(|subject| subject.process.looks_at_client());
        let stored = looking().filter_map(|subject| subject.deal?.client_id);
        let new = scope.clients.iter().copied().filter(|_| looking().next().is_some());
        let ids: HashSet<Uuid> = stored.chain(new).collect();
        if !ids.is_empty() {
            let mut processes = looking().map(|subject| subject.process);
            let activities = processes.any(|process| process.looks_at_activities(Entity::Client));
            self.clients = clients::facts(tenant, ids.into_iter().collect(), activities)?;
        }
        Ok(())
    }

    fn load_work(
        &mut self,
        tenant: &mut Tenant<'_>,
        subjects: &[Subject<'_>],
        scope: &Scope,
    ) -> Result<()> {
        let stored = || subjects.iter().filter_map(|one| Some((one, one.deal?)));
        let looks = |subject: &Subject<'_>| {
            let tasks = scope.migrates && subject.process.makes_tasks();
            tasks || subject.process.looks_at_work()
        };
        let worked = stored().filter(|(subject, _)| looks(subject));
        let worked: Vec<Uuid> = worked.map(|(_, deal)| deal.id).collect();
        if !worked.is_empty() {
            let mut processes = stored().map(|(subject, _)| subject.process);
            let activities = processes.any(|process| process.looks_at_activities(Entity::Deal));
            self.works = work::load(tenant, worked, activities)?;
        }
        let paused = stored()
            .filter(|(subject, deal)| subject.process.looks_at_norms() && due::was_held(deal));
        self.parts = due::parts(tenant, paused.map(|(_, deal)| deal))?;
        Ok(())
    }

    fn load_people(
        &mut self,
        tenant: &mut Tenant<'_>,
        subjects: &[Subject<'_>],
        scope: &Scope,
    ) -> Result<()> {
        for process in subjects.iter().map(|subject| subject.process) {
            if process.looks_at_staff() && !self.staff.contains_key(&process.version_id) {
                self.staff.insert(process.version_id, work::staff(tenant, process)?);
            }
        }
        let headed = |one: &&Subject<'_>| scope.reviewed || one.process.looks_at_heads();
        let headed = || subjects.iter().filter(headed);
        let new = scope.owners.iter().copied().filter(|_| headed().next().is_some());
        let stored = headed().filter_map(|subject| Some(subject.deal?.owner_id));
        let owners: HashSet<Uuid> = stored.chain(new).collect();
        if !owners.is_empty() {
            self.heads = work::heads_of(tenant, owners.into_iter().collect())?;
        }
        Ok(())
    }

    /// Clients that are not in the database yet.
    pub(crate) fn add_clients(&mut self, new: impl IntoIterator<Item = (Uuid, ClientFacts)>) {
        self.clients.extend(new);
    }

    /// For a new deal that comes with a primary demand.
    pub(crate) fn with_demand(mut self, since: Option<DateTime<Utc>>) -> Self {
        self.no_work.demand_since = since;
        self
    }

    /// What a decision on a deal, or on a new one of a process, depends on.
    pub fn facts<'a>(
        &'a self,
        caller: &'a Caller,
        now: DateTime<Utc>,
        (deal, owner_id): (Option<Uuid>, Uuid),
        process: &'a Process,
    ) -> Result<Facts<'a>> {
        let unknown = || Error::Internal("a deal is of no type".into());
        Ok(Facts {
            process,
            rules: self.rules.get(&process.deal_type_id).copied().ok_or_else(unknown)?,
            settings: caller.settings,
            now,
            may_override: caller.may_override(),
            rates: &self.rates,
            clients: &self.clients,
            work: deal.and_then(|id| self.works.get(&id)).unwrap_or(&self.no_work),
            staff: self.staff.get(&process.version_id).unwrap_or(&self.no_staff),
            head_id: self.heads.get(&owner_id).copied(),
            parts: deal.and_then(|id| self.parts.get(&id)).map_or(&[], Vec::as_slice),
            reviewed: true,
            calendar: &caller.calendar,
        })
    }

    /// The same of a deal that is there.
    pub fn facts_of<'a>(
        &'a self,
        caller: &'a Caller,
        now: DateTime<Utc>,
        deal: &Deal,
        process: &'a Process,
    ) -> Result<Facts<'a>> {
        self.facts(caller, now, (Some(deal.id), deal.owner_id), process)
    }
}
