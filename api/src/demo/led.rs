//! Deals of the demo company under a process that leads them: what their people did in a past quarter, told
//! through the same commands as anybody's.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{
    Currency, Money,
    clients::{Initiator, LeadTemperature},
    deals::{
        deal::DealPatch,
        demand,
        transition::{Target, Transition},
    },
    people::access::Actor,
    work::{
        activity::{ActivityKind, Outcome},
        document::{DocumentKind, DocumentState},
        task::TaskStatus,
    },
};
use voronka_persistence::{
    Answer, Error, Listed, Store, Unit, clients,
    core::list::{Query, Spec},
    deals::{self, Opening, References, SourceName, answer::Done, demands},
    people::users::User,
    process::deal_types::DealType,
    work::{activities, documents, payments, tasks},
    workspace::{
        catalogues::{self, Catalogue},
        workspaces,
    },
};

use super::{generator, random::Rng};
use crate::v1::process::deal_types::{create_type, preset};

const NAME: &str = "Nine-stage sale";
const DEALS: u64 = 60;
const ITEMS: [&str; 6] = [
    "Rack server",
    "Storage array",
    "Network switch",
    "Backup licence",
    "Installation",
    "Support, 12 months",
];
const REASONS: [&str; 3] = ["Out of stock", "Too dear", "Delivery too late"];

pub(super) fn all(spec: &Spec, pairs: &[(&str, &str)]) -> Result<Query, Error> {
    let pairs: Vec<_> = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    spec.parse(&pairs).map_err(|_| Error::Internal("a list of the demo".into()))
}

pub(super) fn missing(what: &str) -> Error {
    Error::Internal(format!("the demo has no {what}"))
}

/// Plays the quarter in one transaction, unless it was played; answers how many deals there are.
pub fn play(store: &Store, workspace_id: Uuid) -> Result<u64, Error> {
    let workspace = store.tenant(workspace_id, workspaces::get)?;
    let operator = store.operator(&workspace)?;
    let query = all(DealType::LIST, &[("name", NAME)])?;
    if !store.tenant(workspace_id, |tenant| DealType::list(tenant, query))?.items.is_empty() {
        return Ok(DEALS);
    }
    let until = generator::default_until();
    store.write(&operator, voronka_persistence::now(), None, |unit| {
        let mut new = preset("en", "typical_sale").ok_or_else(|| missing("preset"))?;
        NAME.clone_into(&mut new.name);
        let deal_type_id = create_type(unit, new)?.id;
        let cast = Cast::of(unit, deal_type_id)?;
        for number in 0..DEALS {
            let rng = Rng::stream(generator::SEED, 1_000 + number);
            Play { rng, cast: &cast, until, at: unit.now, deal_id: Uuid::nil() }
                .run(unit, number)?;
        }
        Ok::<_, Error>(Answer::default())
    })?;
    Ok(DEALS)
}

/// Who and what there is.
struct Cast {
    deal_type_id: Uuid,
    sellers: Vec<Uuid>,
    clients: Vec<(Uuid, String)>,
    sources: Vec<Uuid>,
    reasons: Vec<Uuid>,
    competitors: Vec<Uuid>,
}

impl Cast {
    fn of(unit: &mut Unit<'_>, deal_type_id: Uuid) -> Result<Self, Error> {
        let tenant = &mut unit.tenant;
        let ids = |tenant: &mut voronka_persistence::Tenant<'_>, catalogue: Catalogue| {
            let query = all(catalogue.spec(), &[("sort", "name"), ("limit", "200")])?;
            let page = catalogues::list(tenant, catalogue, query)?;
            Ok::<Vec<Uuid>, Error>(page.items.into_iter().map(|entry| entry.id).collect())
        };
        let sources = ids(tenant, Catalogue::Sources)?;
        let reasons = ids(tenant, Catalogue::LossReasons)?;
        let competitors = ids(tenant, Catalogue::Competitors)?;
        let sort = ("sort", "name");
        let query = all(User::LIST, &[("role", "seller"), sort, ("limit", "200")])?;
        let sellers = User::list(tenant, query)?.items.into_iter().map(|user| user.id).collect();
        let query = all(&clients::LIST, &[("kind", "organisation"), sort, ("limit", "200")])?;
        let clients = clients::list(tenant, query)?.items.into_iter();
        let clients = clients.map(|client| (client.id, client.name)).collect();
        Ok(Self { deal_type_id, sellers, clients, sources, reasons, competitors })
    }
}

/// One of some.
pub(super) fn one<'t, T>(rng: &mut Rng, of: &'t [T]) -> Option<&'t T> {
    of.get(rng.below(u32::try_from(of.len()).unwrap_or(0)) as usize)
}

/// The life of a deal.
struct Play<'c> {
    rng: Rng,
    cast: &'c Cast,
    /// The last day of the quarter.
    until: NaiveDate,
    at: DateTime<Utc>,
    deal_id: Uuid,
}

impl Play<'_> {
    fn run(mut self, unit: &mut Unit<'_>, number: u64) -> Result<(), Error> {
        let before = unit.actor;
        let opened = self.until.checked_sub_days(Days::new(u64::from(self.rng.between(3, 90))));
        self.at = at(opened.unwrap_or(self.until), self.rng.between(8 * 60, 16 * 60));
        let owner_id = *one(&mut self.rng, &self.cast.sellers).ok_or_else(|| missing("seller"))?;
        let (client_id, client) =
            one(&mut self.rng, &self.cast.clients).cloned().ok_or_else(|| missing("client"))?;
        unit.actor = Actor::User { id: owner_id };
        unit.now = self.at;
        let lines = self.wanted(unit.caller.settings.currency);
        let amount = lines.iter().map(|line| line.amount.amount).sum();
        let amount = Money { amount, currency: unit.caller.settings.currency };
        let opening = Opening {
            title: format!("{} for {client}", lines.first().map_or("Equipment", |line| &line.item)),
            deal_type_id: self.cast.deal_type_id,
            references: References {
                client_id: None,
                owner_id: Some(owner_id),
                source: one(&mut self.rng, &self.cast.sources).copied().map(SourceName::Id),
            },
            amount: None,
            lead_temperature: Some(self.rng.pick(&[
                LeadTemperature::Cold,
                LeadTemperature::Warm,
                LeadTemperature::Hot,
            ])),
            expected_close_on: None,
            external_id: None,
            initiated_by: Some(if number.is_multiple_of(3) {
                Initiator::Us
            } else {
                Initiator::Client
            }),
            from_activity_id: None,
            custom: Default::default(),
            opened_at: Some(self.at),
            stage_key: None,
            demand: lines.clone(),
        };
        self.deal_id = deals::open(unit, opening)?.deal.id;
        // How far it comes: to the end, or to a stage where it is lost or still waits.
        let lives = self.rng.weighted(&[16, 10, 12, 10, 14, 6, 8, 4, 2, 38]);
        for step in 0..lives {
            if !self.later(unit, 1, 6) {
                break;
            }
            self.step(unit, step, number, client_id, amount)?;
        }
        if lives < 9 && self.rng.chance(600) && self.later(unit, 2, 9) {
            self.lose(unit)?;
            self.unmet(unit, lines)?;
        } else if lives == 9 {
            self.met(unit, lines)?;
        }
        unit.actor = before;
        Ok(())
    }

    /// What the client first wanted.
    fn wanted(&mut self, currency: Currency) -> Vec<demand::Line> {
        let first = self.rng.below(6) as usize;
        let line = |rng: &mut Rng, index: usize| {
            let quantity = Decimal::from(rng.between(1, 8));
            let price = Decimal::from(rng.between(3, 60) * 100);
            demand::Line {
                item: ITEMS
                    .get((first + index) % ITEMS.len())
                    .copied()
                    .unwrap_or_default()
                    .to_owned(),
                product_id: None,
                quantity,
                amount: Money { amount: quantity * price, currency },
                met_quantity: Decimal::ZERO,
                unmet_reason: None,
            }
        };
        (0..self.rng.between(1, 3) as usize).map(|index| line(&mut self.rng, index)).collect()
    }

    /// Some days on, in office hours. False where that would be after the quarter.
    fn later(&mut self, unit: &mut Unit<'_>, least: u32, most: u32) -> bool {
        let days = u64::from(self.rng.between(least, most));
        let day = self.at.date_naive().checked_add_days(Days::new(days));
        let Some(day) = day.filter(|day| *day <= self.until) else { return false };
        self.at = at(day, self.rng.between(8 * 60, 15 * 60));
        unit.now = self.at;
        true
    }

    /// What is done in a stage, so that the deal leaves it.
    fn step(
        &mut self,
        unit: &mut Unit<'_>,
        step: usize,
        number: u64,
        client_id: Uuid,
        amount: Money,
    ) -> Result<(), Error> {
        use DocumentKind as K;
        use DocumentState as S;
        let number = number + 1;
        match step {
            0 => {
                let patch = DealPatch { amount: Some(amount), ..DealPatch::default() };
                let references = References { client_id: Some(client_id), ..References::default() };
                let result = Some("They need it this year".to_owned());
                self.finish(unit, Done { result, patch, references, ..Done::default() })
            }
            1 => {
                self.talk(unit, ActivityKind::Call, "Agree on the meeting")?;
                self.finish(unit, Done::default())
            }
            2 => {
                self.talk(unit, ActivityKind::Meeting, "Presentation")?;
                self.finish(unit, Done::default())
            }
            3 => {
                self.finish(unit, Done::default())?;
                self.document(unit, K::Quote, format!("Q-{number}"), &[S::Sent])
            }
            4 => {
                self.talk(unit, ActivityKind::Email, "What about the offer?")?;
                self.finish(unit, Done::default())?;
                self.document(unit, K::Quote, format!("Q-{number}/2"), &[S::Sent, S::Accepted])
            }
            5 => {
                self.finish(unit, Done::default())?;
                self.document(unit, K::Contract, format!("C-{number}"), &[S::Sent, S::Signed])
            }
            6 => {
                self.finish(unit, Done::default())?;
                self.document(unit, K::Invoice, format!("I-{number}"), &[S::Issued])?;
                self.pay(unit, amount)
            }
            7 => {
                self.finish(unit, Done::default())?;
                let states = [S::Shipped, S::Delivered];
                self.document(unit, K::Shipment, format!("S-{number}"), &states)
            }
            _ => self.finish(unit, Done::default()),
        }
    }

    /// Finishes the task that the process made for the present stage.
    fn finish(&self, unit: &mut Unit<'_>, done: Done) -> Result<(), Error> {
        let deal_id = self.deal_id.to_string();
        let query = all(&tasks::LIST, &[("deal_id", &deal_id), ("status", "new")])?;
        let open = tasks::list(&mut unit.tenant, unit.caller, query)?.items;
        let made = open.into_iter().find(|one| one.task.by_process && one.task.key.is_some());
        match made {
            Some(one) => {
                tasks::transition(unit, one.task.id, None, TaskStatus::Done, done).map(drop)
            }
            None => Ok(()),
        }
    }

    fn talk(&mut self, unit: &mut Unit<'_>, kind: ActivityKind, title: &str) -> Result<(), Error> {
        let outcome = if self.rng.chance(800) { Outcome::Reached } else { Outcome::NotReached };
        let says = activities::ActivityPatch {
            title: Some(title.to_owned()),
            happened_at: Some(self.at),
            outcome: Some(outcome),
            duration_seconds: Some(Some(
                i32::try_from(self.rng.between(120, 3_600)).unwrap_or(600),
            )),
            ..Default::default()
        };
        let new = activities::NewActivity {
            kind,
            direction: Some("out".to_owned()),
            deal_id: Some(self.deal_id),
            client_id: None,
            contact_id: None,
            user_id: None,
            external: None,
            says,
        };
        activities::create(unit, new).map(drop)
    }

    fn document(
        &self,
        unit: &mut Unit<'_>,
        kind: DocumentKind,
        number: String,
        states: &[DocumentState],
    ) -> Result<(), Error> {
        let new = documents::NewDocument {
            deal_id: self.deal_id,
            kind,
            number,
            dated_on: None,
            amount: None,
            title: None,
            url: None,
            external: None,
        };
        let document = documents::create(unit, new)?;
        for state in states {
            documents::transition(unit, document.id, None, *state)?;
        }
        Ok(())
    }

    fn pay(&self, unit: &mut Unit<'_>, amount: Money) -> Result<(), Error> {
        let new = payments::NewPayment {
            deal_id: Some(self.deal_id),
            invoice_id: None,
            amount,
            refund: false,
            received_at: Some(self.at),
            note: None,
            external: None,
        };
        payments::create(unit, new).map(drop)
    }

    fn lose(&mut self, unit: &mut Unit<'_>) -> Result<(), Error> {
        let competitor = self.rng.chance(300);
        let to = Target::Lost {
            loss_reason_id: one(&mut self.rng, &self.cast.reasons).copied(),
            note: None,
            competitor_id: one(&mut self.rng, &self.cast.competitors)
                .copied()
                .filter(|_| competitor),
        };
        deals::transition(unit, self.deal_id, None, Transition::to(to), false).map(drop)
    }

    /// The client got nothing; for some lines it is known why.
    fn unmet(&mut self, unit: &mut Unit<'_>, mut lines: Vec<demand::Line>) -> Result<(), Error> {
        for line in &mut lines {
            let reason = self.rng.pick(&REASONS).to_owned();
            line.unmet_reason = Some(reason).filter(|_| self.rng.chance(700));
        }
        demands::put(unit, self.deal_id, None, "/demand", lines).map(drop)
    }

    /// The client got it; at times less of the first item.
    fn met(&mut self, unit: &mut Unit<'_>, mut lines: Vec<demand::Line>) -> Result<(), Error> {
        let (reason, less) = (self.rng.pick(&REASONS), self.rng.chance(300));
        for (index, line) in lines.iter_mut().enumerate() {
            line.met_quantity = line.quantity;
            if index == 0 && less {
                line.met_quantity = (line.quantity / Decimal::TWO).trunc();
                line.unmet_reason = Some(reason.to_owned());
            }
        }
        demands::put(unit, self.deal_id, None, "/demand", lines).map(drop)
    }
}

/// An instant of a day, by the minute.
pub(super) fn at(day: NaiveDate, minute: u32) -> DateTime<Utc> {
    let time = NaiveTime::from_num_seconds_from_midnight_opt(minute.saturating_mul(60), 0);
    day.and_time(time.unwrap_or_default()).and_utc()
}
