//! A workspace that keeps one deal and what belongs to it.

use super::*;

/// A workspace that keeps one deal and what belongs to it.
pub struct Shop {
    pub process: Process,
    pub next: Process,
    pub work: Work,
    pub staff: Staff,
    pub now: DateTime<Utc>,
    pub id: u128,
}

fn money(amount: i64) -> Money {
    Money { amount: Decimal::from(amount * 100), currency: Currency::parse("EUR").unwrap() }
}

impl Shop {
    pub fn new(process: Process, next: Process) -> Self {
        let member = |id: u128| Member {
            id: Uuid::from_u128(id),
            role: Role::Seller,
            position: None,
            open_tasks: 0,
            last_assigned_at: None,
        };
        let staff = Staff { members: vec![member(10), member(11)] };
        let now = DateTime::from_timestamp(1_774_728_000, 0).unwrap();
        Self { process, next, work: Work::default(), staff, now, id: 100 }
    }

    pub fn facts<'a>(&'a self, work: &'a Work, may_override: bool) -> Facts<'a> {
        Facts {
            process: &self.process,
            rules: Rules {
                mode: Mode::Automatic,
                allow_skip: true,
                allow_back: true,
                require_primary_demand: false,
                enabled: true,
            },
            settings: Settings {
                currency: Currency::parse("EUR").unwrap(),
                time_zone: chrono_tz::Europe::Amsterdam,
                deal_visibility: DealVisibility::ByRole,
                country: None,
                require_primary_demand: false,
            },
            now: self.now,
            may_override,
            rates: &NO_RATES,
            clients: &NO_CLIENTS,
            work,
            staff: &self.staff,
            head_id: Some(Uuid::from_u128(12)),
            parts: &[],
            reviewed: true,
            calendar: &ALWAYS,
        }
    }

    pub fn id(&mut self) -> Uuid {
        self.id += 1;
        Uuid::from_u128(self.id)
    }

    /// Keeps what the command did to the tasks, and puts the deal away.
    pub fn record(&mut self, change_set: ChangeSet) -> Deal {
        for effect in &change_set.effects {
            match effect {
                Effect::Create(plan) => self.create(plan),
                Effect::Cancel { visit } => {
                    let open = |task: &&mut TaskFact| task.visit == *visit && task.status.is_open();
                    let open = self.work.tasks.iter_mut().filter(open);
                    open.for_each(|task| task.status = TaskStatus::Cancelled);
                }
            }
        }
        change_set.deal
    }

    pub fn create(&mut self, plan: &TaskPlan) {
        assert!(!plan.title.contains(['{', '}']), "{}", plan.title);
        let task = TaskFact {
            id: self.id(),
            key: plan.key.clone(),
            visit: plan.visit,
            status: TaskStatus::New,
            responsible_id: plan.responsible_id,
            done_at: None,
        };
        self.work.tasks.push(task);
    }

    /// Does something to the deal, or to what belongs to it. None where it cannot be done.
    pub fn act(&mut self, deal: &Deal, act: &Act) -> Option<ChangeSet> {
        let mut change_set = ChangeSet::stored(deal.clone());
        let (on, what) = match act {
            Act::Fill(..)
            | Act::Warm(_)
            | Act::Lead(..)
            | Act::Hold
            | Act::Resume
            | Act::Lose
            | Act::Reopen => {
                return self.command(change_set, act);
            }
            Act::Wait(days) => {
                self.now += TimeDelta::days(*days);
                let work = self.work.clone();
                return tick(&mut change_set, &self.facts(&work, false)).then_some(change_set);
            }
            Act::Migrate => {
                std::mem::swap(&mut self.process, &mut self.next);
                let last = self.process.stages.last().unwrap().key.clone();
                let all: Mapping = (1..=5)
                    .map(|at| format!("s{at}"))
                    .filter(|key| self.process.by_key(key).is_none())
                    .map(|key| (key, last.clone()))
                    .collect();
                let work = self.work.clone();
                let both = [Arc::new(self.process.clone()), Arc::new(self.next.clone())];
                let keys = Alignment::of(&self.process, &both, &[]);
                let mapped = Alignment::of(&self.process, &both, std::slice::from_ref(&all));
                let ways = Ways { mapping: &all, keys: &keys, mapped: &mapped };
                let moved = migrate(&mut change_set, ways, None, &self.facts(&work, false));
                if moved.is_err() {
                    std::mem::swap(&mut self.process, &mut self.next);
                    return None;
                }
                return Some(change_set);
            }
            Act::Finish(index) => {
                let open: Vec<_> =
                    self.work.tasks.iter_mut().filter(|task| task.status.is_open()).collect();
                let count = open.len().max(1);
                let task = open.into_iter().nth(index % count)?;
                (task.status, task.done_at) = (TaskStatus::Done, Some(self.now));
                (Trigger::TaskDone, Happened::Task { key: task.key.clone() })
            }
            Act::Document(kind, state) => {
                let (id, state) = (self.id(), kind.path()[*state]);
                let fact = DocumentFact { id, kind: *kind, state, since: self.now };
                self.work.documents.retain(|one| one.kind != *kind);
                self.work.documents.push(fact);
                (Trigger::DocumentChanged, Happened::Document { kind: *kind, state })
            }
            Act::Call(reached) => {
                let outcome = Some(if *reached { Outcome::Reached } else { Outcome::NotReached });
                let kind = ActivityKind::Call;
                let id = self.id();
                let visit = deal.visit.number;
                self.work.activities.push(ActivityFact {
                    id,
                    kind,
                    outcome,
                    call: None,
                    visit,
                    happened_at: self.now,
                });
                (Trigger::ActivityRecorded, Happened::Activity { kind, outcome, call: None })
            }
            Act::Pay(amount) => {
                let (id, amount) = (self.id(), money(*amount));
                let base_amount = amount.amount;
                self.work.payments.push(PaymentFact {
                    id,
                    amount,
                    base_amount,
                    received_at: self.now,
                });
                (Trigger::PaymentReceived, Happened::Plain)
            }
            Act::Demand => {
                self.work.demand_since = Some(self.now);
                (Trigger::DemandChanged, Happened::Plain)
            }
        };
        let cause = Cause { on, object_id: self.id(), sequence: 1 };
        let work = self.work.clone();
        react(&mut change_set, Happening { cause, what }, &self.facts(&work, false));
        Some(change_set)
    }

    pub fn command(&mut self, mut change_set: ChangeSet, act: &Act) -> Option<ChangeSet> {
        let work = self.work.clone();
        let go = |to| Transition::to(to);
        let done = match act {
            Act::Fill(client, amount) => {
                let client_id = Some(client.map(Uuid::from_u128));
                let patch =
                    DealPatch { client_id, amount: Some(money(*amount)), ..DealPatch::default() };
                update(&mut change_set, patch, None, &self.facts(&work, false))
            }
            Act::Warm(hot) => {
                let temperature = hot.then_some(crate::clients::LeadTemperature::Hot);
                let patch =
                    DealPatch { lead_temperature: Some(temperature), ..DealPatch::default() };
                update(&mut change_set, patch, None, &self.facts(&work, false))
            }
            Act::Lead(to, may) => {
                let facts = self.facts(&work, *may);
                let to = Target::Stage { stage_key: format!("s{to}") };
                let bare = transition(&mut change_set, go(to.clone()), &facts);
                assert_eq!(bare.unwrap_err().code(), "transition_is_automatic");
                let reason = Some("The client insists".to_owned());
                let done = transition(
                    &mut change_set,
                    Transition { override_reason: reason, ..go(to) },
                    &facts,
                );
                if !may {
                    assert_eq!(done.clone().unwrap_err().code(), "override_not_allowed");
                }
                done
            }
            Act::Hold => {
                let to = Target::Hold { reason: "Holidays".into(), resume_on: None };
                transition(&mut change_set, go(to), &self.facts(&work, false))
            }
            Act::Resume => {
                transition(&mut change_set, go(Target::Resume), &self.facts(&work, false))
            }
            Act::Lose => {
                let loss_reason_id = Some(Uuid::from_u128(7));
                let to = Target::Lost { loss_reason_id, note: None, competitor_id: None };
                transition(&mut change_set, go(to), &self.facts(&work, false))
            }
            _ => transition(
                &mut change_set,
                go(Target::Open { stage_key: None }),
                &self.facts(&work, false),
            ),
        };
        done.ok().map(|()| change_set)
    }
}
