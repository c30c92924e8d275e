//! What follows by itself when something has happened to a deal: tasks of the stage that it enters, the
//! rules of its process, and the next stage where the gate of its stage is met.
//!
//! What happens is answered in its order: a rule once in a chain of consequences, the rules in the order
//! of the process, and when all is answered the gate is looked at. So a chain ends: every round takes
//! the deal a stage further, unless a rule took it back, and each rule does so once.

use std::collections::{BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{
    deals::{
        change_set::ChangeSet,
        deal::Deal,
        due::Due,
        effect::TaskPlan,
        event::{Change, Event},
        transition::{Facts, Target, Transition, carry_out},
    },
    kernel::{fault::Refusal, trigger::Trigger},
    people::{
        access::{Actor, Cause},
        assignment::{Given, Performer},
    },
    process::{
        Mode, Stage,
        gate::Requirement,
        rule::{Action, Rule, SetField},
        task_template::TaskTemplate,
    },
    work::{
        activity::{ActivityKind, CallFact, Outcome},
        document::{DocumentKind, DocumentState},
        task::{Priority, TaskKind},
    },
};

/// Something that has happened to a deal or to what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    pub cause: Cause,
    pub what: Happened,
}

/// Of what happened, that which rules look at.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    /// Nothing but that it happened.
    Plain,
    Task {
        key: Option<String>,
    },
    Document {
        kind: DocumentKind,
        state: DocumentState,
    },
    Activity {
        kind: ActivityKind,
        outcome: Option<Outcome>,
        /// Of a call that an exchange told of.
        call: Option<CallFact>,
    },
}

struct Chain<'a> {
    facts: &'a Facts<'a>,
    queue: VecDeque<Happening>,
    /// The rules that have been carried out in this chain.
    done: BTreeSet<Uuid>,
    given: Given,
    /// Up to where the deal's events have been answered.
    seen: usize,
    /// What the chain last answered.
    cause: Cause,
}

/// Answers what the change set's events from `begun` on, and something beside them, have set going.
pub(crate) fn follow(
    change_set: &mut ChangeSet,
    begun: usize,
    outside: Option<Happening>,
    facts: &Facts<'_>,
) {
    let Some(cause) = outside.as_ref().map(|one| one.cause).or_else(|| {
        let event = change_set.events.get(begun)?;
        Some(cause(change_set.deal.id, event, Trigger::DealUpdated))
    }) else {
        return;
    };
    let (queue, done, given) = (outside.into_iter().collect(), BTreeSet::new(), Given::new());
    Chain { facts, queue, done, given, seen: begun, cause }.run(change_set);
}

/// Lets the rules of the clock do what is due; none twice in a visit. Answers whether anything happened.
pub fn tick(change_set: &mut ChangeSet, facts: &Facts<'_>) -> bool {
    let begun = change_set.events.len();
    let (queue, done, given) = (VecDeque::new(), BTreeSet::new(), Given::new());
    let cause = by_the_clock(&change_set.deal, Trigger::DealChecked);
    let mut chain = Chain { facts, queue, done, given, seen: begun, cause };
    let visit = change_set.deal.visit.number;
    for rule in facts.process.rules.iter().filter(|rule| rule.on.is_of_the_clock()) {
        // A rule before this one may have moved the deal.
        let same = change_set.deal.visit.number == visit;
        if same && due_at(rule, change_set, facts).is_some_and(|due| due <= facts.now) {
            chain.cause = by_the_clock(&change_set.deal, rule.on);
            let by = Actor::Rule { id: rule.id, cause: chain.cause };
            let fired = Change::RuleFired { rule_id: rule.id, rule_key: rule.key.clone() };
            change_set.push_by(Some(by), facts.now_for(&change_set.deal), fired);
            if holds(rule, &change_set.deal, facts) {
                chain.fire(change_set, rule);
            }
        }
    }
    chain.run(change_set);
    change_set.events.len() > begun
}

/// When the clock has to look at the deal again, if ever.
pub fn alarm(change_set: &ChangeSet, facts: &Facts<'_>) -> Option<DateTime<Utc>> {
    let rules = facts.process.rules.iter().filter(|rule| rule.on.is_of_the_clock());
    let due = rules.filter_map(|rule| due_at(rule, change_set, facts));
    due.chain(tomorrow(&change_set.deal, facts)).min()
}

/// When the next day begins, if that may meet the gate of the deal's stage.
fn tomorrow(deal: &Deal, facts: &Facts<'_>) -> Option<DateTime<Utc>> {
    let stage = deal.stage_in(facts.process).filter(|_| leads(deal, facts))?;
    let turns = stage.gate.iter().any(Requirement::turns_with_the_day);
    let day = facts.settings.day(facts.now).succ_opt().filter(|_| turns)?;
    Some(facts.settings.day_start(day))
}

/// The process leads the deal, if it is not on hold.
fn leads(deal: &Deal, facts: &Facts<'_>) -> bool {
    facts.rules.mode == Mode::Automatic && deal.is_open() && deal.hold.is_none()
}

/// The process would take the deal on by itself: it leads it, and the gate of its stage is met.
pub fn may_advance(deal: &Deal, facts: &Facts<'_>) -> bool {
    let stage = deal.stage_in(facts.process).filter(|_| leads(deal, facts));
    let Some(stage) = stage else { return false };
    let evidence = facts.evidence(deal);
    stage.gate.iter().all(|requirement| requirement.is_met(&evidence))
}

/// When a rule of the clock is due for a deal, if it is to be carried out in this visit at all.
fn due_at(rule: &Rule, change_set: &ChangeSet, facts: &Facts<'_>) -> Option<DateTime<Utc>> {
    let deal = &change_set.deal;
    let stage = deal.stage_in(facts.process)?;
    let here = rule.stage.as_ref().is_none_or(|key| *key == stage.key);
    if !deal.is_open() || deal.hold.is_some() || !here || deal.fired.contains(&rule.id) {
        return None;
    }
    match rule.on {
        Trigger::StageOverdue => {
            // Overdue is what has been there for longer than the norm.
            let longer = stage.norm_seconds(facts.calendar)?.checked_add(1)?;
            Due::of(&change_set.parts(facts.parts), longer, facts.calendar, facts.now).at
        }
        Trigger::DealStuck => {
            facts.due(facts.work.last_at().max(Some(deal.last_occurred_at))?, rule.after_days?)
        }
        _ => None,
    }
}

fn by_the_clock(deal: &Deal, on: Trigger) -> Cause {
    Cause { on, object_id: deal.id, sequence: deal.sequence }
}

fn cause(deal_id: Uuid, event: &Event, on: Trigger) -> Cause {
    Cause { on, object_id: deal_id, sequence: event.sequence }
}

fn holds(rule: &Rule, deal: &Deal, facts: &Facts<'_>) -> bool {
    let evidence = facts.evidence(deal);
    let holds = |condition: &crate::process::condition::Condition| {
        condition.tree().holds(evidence.subject(), &evidence.moment)
    };
    rule.r#if.as_ref().is_none_or(holds)
}

/// What rules hear of an event of the deal.
fn heard(event: &Event) -> &'static [Trigger] {
    match &event.change {
        Change::Opened { stage: Some(_), .. } => &[Trigger::DealOpened, Trigger::StageEntered],
        Change::Opened { .. } => &[Trigger::DealOpened],
        Change::StageChanged { .. }
        | Change::Reopened { stage: Some(_), .. }
        | Change::Migrated { direction: Some(_), .. } => &[Trigger::StageEntered],
        Change::Migrated { .. } => &[Trigger::DealMigrated],
        Change::AmountChanged { .. } | Change::OwnerChanged { .. } | Change::Updated { .. } => {
            &[Trigger::DealUpdated]
        }
        Change::Won { .. } => &[Trigger::DealWon],
        Change::Lost { .. } => &[Trigger::DealLost],
        Change::Reopened { .. }
        | Change::Held { .. }
        | Change::Resumed { .. }
        | Change::RuleFired { .. }
        | Change::RuleRefused { .. } => &[],
    }
}

impl Rule {
    fn hears(&self, happening: &Happening, deal: &Deal) -> bool {
        let here = || deal.stage.as_ref().map(|stage| &stage.stage_key);
        let fits = match &happening.what {
            Happened::Plain => true,
            Happened::Task { key } => self.task.is_none() || self.task == *key,
            Happened::Document { kind, state } => {
                self.document.is_none_or(|wanted| wanted == *kind)
                    && self.state.is_none_or(|wanted| wanted == *state)
            }
            Happened::Activity { kind, outcome, .. } => {
                self.activity.is_none_or(|wanted| wanted == *kind)
                    && (self.outcome.is_none() || self.outcome == *outcome)
            }
        };
        let hears = self.on == happening.cause.on || self.hears_call(&happening.what);
        // What is closed is over, but for what its end calls for.
        let live = deal.is_open() || matches!(self.on, Trigger::DealWon | Trigger::DealLost);
        live && fits && hears && self.stage.as_ref().is_none_or(|key| here() == Some(key))
    }
}

impl Rule {
    /// A call that has finished is an activity that was recorded, too.
    fn hears_call(&self, what: &Happened) -> bool {
        match what {
            Happened::Activity { call: Some(call), .. } if self.on == Trigger::CallFinished => {
                self.call_status.is_none_or(|wanted| wanted == call.status)
                    && call.talk_seconds >= i64::from(self.talk_seconds.unwrap_or(0))
            }
            _ => false,
        }
    }
}

impl Chain<'_> {
    fn run(mut self, change_set: &mut ChangeSet) {
        loop {
            self.listen(change_set);
            let first = self.queue.front().map_or(self.cause, |happening| happening.cause);
            while let Some(happening) = self.queue.pop_front() {
                self.cause = happening.cause;
                self.answer(change_set, &happening);
                self.listen(change_set);
            }
            if !self.advance(change_set, first) {
                break;
            }
        }
        change_set.alarm = alarm(change_set, self.facts);
    }

    /// Takes up what is new, and does what every stage and every end asks for.
    fn listen(&mut self, change_set: &mut ChangeSet) {
        while let Some(event) = change_set.events.get(self.seen) {
            self.seen = self.seen.saturating_add(1);
            let (deal_id, event) = (change_set.deal.id, event.clone());
            for on in heard(&event) {
                let cause = cause(deal_id, &event, *on);
                match on {
                    Trigger::StageEntered => self.enter(change_set, cause),
                    Trigger::DealMigrated => self.complete(change_set),
                    Trigger::DealWon => self.cancel(change_set, change_set.deal.visit.number),
                    Trigger::DealLost => self.lost(change_set, event.actor.is_some()),
                    _ => {}
                }
                self.queue.push_back(Happening { cause, what: Happened::Plain });
            }
        }
    }

    fn answer(&mut self, change_set: &mut ChangeSet, happening: &Happening) {
        let facts = self.facts;
        for rule in &facts.process.rules {
            if rule.hears(happening, &change_set.deal)
                && !self.done.contains(&rule.id)
                && holds(rule, &change_set.deal, facts)
            {
                self.fire(change_set, rule);
            }
        }
    }

    /// Into the next stage, or to the deal's end, if the process leads it and its gate is met.
    fn advance(&mut self, change_set: &mut ChangeSet, cause: Cause) -> bool {
        let (deal, facts) = (&change_set.deal, self.facts);
        if !may_advance(deal, facts) {
            return false;
        }
        let here = deal.stage.as_ref().map(|stage| stage.position);
        let last = here == Some(facts.process.last_position());
        let to = if last { Target::Won } else { Target::Next };
        let by = Actor::Process { cause };
        let moved = carry_out(change_set, Transition::to(to), Some(by), facts);
        // A rate of exchange may be missing at the end: the deal waits for it.
        moved.is_ok()
    }

    fn enter(&mut self, change_set: &mut ChangeSet, cause: Cause) {
        let facts = self.facts;
        self.cancel(change_set, change_set.deal.visit.number.saturating_sub(1));
        let Some(stage) = change_set.deal.stage_in(facts.process) else { return };
        if let Some(performer) = &stage.performer {
            self.assign(change_set, performer, Actor::Process { cause });
        }
        if facts.rules.mode == Mode::Automatic {
            for template in &stage.tasks {
                self.create_task(change_set, template, Some(stage));
            }
        }
    }

    /// What a process has never made it need not look for: where people move deals, that saves a statement.
    fn cancel(&self, change_set: &mut ChangeSet, visit: i32) {
        if self.facts.rules.mode == Mode::Automatic || self.facts.process.makes_tasks() {
            change_set.cancel_tasks(visit);
        }
    }

    /// Creates the tasks of the stage that the deal's visit has not had: those of a new version.
    fn complete(&mut self, change_set: &mut ChangeSet) {
        let (deal, facts) = (&change_set.deal, self.facts);
        let visit = deal.visit.number;
        let stage = deal.stage_in(facts.process);
        let Some(stage) = stage.filter(|_| facts.rules.mode == Mode::Automatic) else { return };
        let has = |key: &String| {
            let tasks = &facts.work.tasks;
            tasks.iter().any(|task| task.visit == visit && task.key.as_ref() == Some(key))
        };
        for template in stage.tasks.iter().filter(|template| !has(&template.key)) {
            self.create_task(change_set, template, Some(stage));
        }
    }

    fn lost(&mut self, change_set: &mut ChangeSet, by_itself: bool) {
        let deal = &change_set.deal;
        let head_id = self.facts.head_id.filter(|_| by_itself || self.facts.reviewed);
        let review = head_id.map(|head_id| TaskPlan {
            kind: TaskKind::LossReview,
            key: None,
            title: format!("Why was it lost? {}", deal.title).chars().take(200).collect(),
            description: deal.loss.as_ref().and_then(|loss| loss.note.clone()),
            priority: Priority::Normal,
            responsible_id: head_id,
            due_at: self.facts.due(deal.last_occurred_at, Decimal::TWO),
            result: Vec::new(),
            visit: deal.visit.number,
            stage_id: deal.stage.as_ref().map(|stage| stage.stage_id),
        });
        self.cancel(change_set, change_set.deal.visit.number);
        review.into_iter().for_each(|plan| change_set.create_task(plan));
    }

    fn fire(&mut self, change_set: &mut ChangeSet, rule: &Rule) {
        self.done.insert(rule.id);
        let by = Actor::Rule { id: rule.id, cause: self.cause };
        for action in &rule.then {
            if let Err(refusal) = self.act(change_set, action, by) {
                let faults = refusal.faults().into_iter();
                let refused = Change::RuleRefused {
                    rule_id: rule.id,
                    rule_key: rule.key.clone(),
                    code: refusal.code().to_owned(),
                    detail: refusal.to_string(),
                    unmet: faults.map(|fault| fault.detail).collect(),
                };
                change_set.push_by(Some(by), self.facts.now_for(&change_set.deal), refused);
            }
            // What the action has set going is answered after all that happened before it.
            self.listen(change_set);
        }
    }

    fn act(
        &mut self,
        change_set: &mut ChangeSet,
        action: &Action,
        by: Actor,
    ) -> Result<(), Refusal> {
        let facts = self.facts;
        let target = match action {
            Action::Advance {} => {
                let here = change_set.deal.stage.as_ref().map(|stage| stage.position);
                let last = here == Some(facts.process.last_position());
                if last { Target::Won } else { Target::Next }
            }
            Action::Move { stage_key } => Target::Stage { stage_key: stage_key.clone() },
            Action::Win {} => Target::Won,
            Action::Lose { loss_reason_id, note } => Target::Lost {
                loss_reason_id: Some(*loss_reason_id),
                note: note.clone(),
                competitor_id: None,
            },
            Action::CreateTask { task } => {
                let stage = change_set.deal.stage_in(facts.process);
                self.create_task(change_set, task, stage);
                return Ok(());
            }
            Action::Assign { performer } => {
                self.assign(change_set, performer, by);
                return Ok(());
            }
            Action::Set { field, value } => {
                set(change_set, field, value, by, facts);
                return Ok(());
            }
        };
        carry_out(change_set, Transition::to(target), Some(by), facts)
    }

    /// Gives the deal to whom the performer says, if it is open.
    fn assign(&mut self, change_set: &mut ChangeSet, performer: &Performer, by: Actor) {
        let (deal, facts) = (&change_set.deal, self.facts);
        let previous = deal.owner_id;
        let current = performer.choose(previous, facts.head_id, facts.staff, &self.given);
        if current != previous && deal.is_open() {
            change_set.push_by(
                Some(by),
                facts.now_for(deal),
                Change::OwnerChanged { previous, current },
            );
        }
    }

    fn create_task(
        &mut self,
        change_set: &mut ChangeSet,
        template: &TaskTemplate,
        stage: Option<&Stage>,
    ) {
        let (deal, facts) = (&change_set.deal, self.facts);
        let responsible_id =
            template.performer.choose(deal.owner_id, facts.head_id, facts.staff, &self.given);
        let given = self.given.entry(responsible_id).or_default();
        *given = given.saturating_add(1);
        let plan = TaskPlan {
            kind: TaskKind::Work,
            key: Some(template.key.clone()),
            title: template.title(
                &deal.title,
                stage.map(|stage| stage.name.as_str()),
                facts.client(deal).map(|client| client.name.as_str()),
            ),
            description: template.description.clone(),
            priority: template.priority,
            responsible_id,
            due_at: template.due_days.and_then(|days| facts.due(facts.now_for(deal), days)),
            result: template.result.clone(),
            visit: deal.visit.number,
            stage_id: stage.map(|stage| stage.id),
        };
        change_set.create_task(plan);
    }
}

fn set(
    change_set: &mut ChangeSet,
    field: &SetField,
    value: &serde_json::Value,
    by: Actor,
    facts: &Facts<'_>,
) {
    let previous = change_set.deal.details.clone();
    let mut current = previous.clone();
    match field {
        SetField::LeadTemperature => {
            current.lead_temperature = serde_json::from_value(value.clone()).unwrap_or_default();
        }
        SetField::Custom(key) => current.custom.set(key, value.clone()),
    }
    if current != previous {
        let change = Change::Updated { previous, current };
        change_set.push_by(Some(by), facts.now_for(&change_set.deal), change);
    }
}
