//! The one gate for every way in: what may happen to a deal, and what follows from it.

mod available;
mod opening;
mod update;

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{
    clients::ClientFacts,
    deals::{
        automation::{self, Happening},
        change_set::ChangeSet,
        deal::{Deal, Loss, Status},
        due::Part,
        event::{Change, Direction, Override},
        evidence::Evidence,
    },
    kernel::{
        external_id::ExternalId,
        fault::{Fault, Faults, Refusal},
        limits,
        money::Money,
    },
    people::{access::Actor, assignment::Staff},
    process::{Mode, Process, Rules, Stage, condition::Moment},
    work::facts::Work,
    workspace::{calendar::Calendar, catalogue::NAME_LENGTH, exchange::Rates, settings::Settings},
};

pub use available::{Available, available};
pub use opening::open;
pub use update::{Review, finish, update};

const LONGEST_NOTE: usize = limits::NOTE;

/// A move that was decided by a deal as it was seen is not carried out on one that has moved since.
pub fn may_follow(moved_meanwhile: bool) -> Result<(), Refusal> {
    if !moved_meanwhile {
        return Ok(());
    }
    let detail = "Somebody else moved the deal at the same moment; look at it again.";
    Err(Refusal::conflict("deal_moved_meanwhile", "/to", detail))
}

/// Where a deal is to go.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Stage {
        stage_key: String,
    },
    Next,
    Won,
    Lost {
        loss_reason_id: Option<Uuid>,
        note: Option<String>,
        competitor_id: Option<Uuid>,
    },
    /// Reopen a closed deal: in the stage it was closed in, or in the one that is named.
    Open {
        stage_key: Option<String>,
    },
    Hold {
        reason: String,
        resume_on: Option<NaiveDate>,
    },
    Resume,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    pub to: Target,
    /// When it happened, if not now: between the deal's last event and now.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Why an unmet gate may be passed.
    pub override_reason: Option<String>,
}

impl Transition {
    pub fn to(target: Target) -> Self {
        Self { to: target, occurred_at: None, override_reason: None }
    }
}

/// What a decision depends on beside the deal itself.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub process: &'a Process,
    pub rules: Rules,
    pub settings: Settings,
    pub now: DateTime<Utc>,
    /// The caller is a head or an administrator.
    pub may_override: bool,
    /// Rates of the currencies that the command is about.
    pub rates: &'a Rates,
    /// The clients that the deal has or may get, if a gate looks at them.
    pub clients: &'a HashMap<Uuid, ClientFacts>,
    /// What has been done for the deal, if a gate looks at it.
    pub work: &'a Work,
    /// Who could be given tasks and deals, if the process gives them.
    pub staff: &'a Staff,
    /// The head of the deal's owner, of the department or of one above, if it may come to that.
    pub head_id: Option<Uuid>,
    /// The parts of the visit that the deal was found in that were not on hold, if the clock looks at them
    /// and it had been on hold.
    pub parts: &'a [Part],
    /// A head looks at what people lose; what rules lose is reviewed always.
    pub reviewed: bool,
    /// When people work: norms and dues are in working time.
    pub calendar: &'a Calendar,
}

impl<'a> Facts<'a> {
    /// What gates look at.
    pub fn evidence(self, deal: &'a Deal) -> Evidence<'a> {
        let moment = Moment { now: self.now, settings: self.settings };
        Evidence { deal, client: self.client(deal), work: self.work, moment }
    }

    /// The client that the deal has by now.
    pub(crate) fn client(self, deal: &Deal) -> Option<&'a ClientFacts> {
        deal.client_id.and_then(|id| self.clients.get(&id))
    }

    /// When what follows for a deal happens: now, or with its last event if that is later.
    pub(crate) fn now_for(&self, deal: &Deal) -> DateTime<Utc> {
        kept(self.now).max(deal.last_occurred_at)
    }

    /// When so many working days will have passed.
    pub(crate) fn due(&self, from: DateTime<Utc>, days: Decimal) -> Option<DateTime<Utc>> {
        let seconds = days.checked_mul(Decimal::from(self.calendar.day_seconds()))?;
        Some(self.calendar.after(from, seconds.round().try_into().ok()?))
    }

    pub(super) fn to_base(self, amount: Money, at: DateTime<Utc>) -> Result<Decimal, Fault> {
        self.rates.to_base(amount, self.settings.currency, self.settings.day(at))
    }
}

/// Moves a deal, or refuses and says every reason.
pub fn transition(
    change_set: &mut ChangeSet,
    command: Transition,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let begun = change_set.events.len();
    carry_out(change_set, command, None, facts)?;
    automation::follow(change_set, begun, None, facts);
    Ok(())
}

/// Something has happened to what belongs to the deal: its gate is looked at, and its rules.
pub fn react(change_set: &mut ChangeSet, happening: Happening, facts: &Facts<'_>) {
    let begun = change_set.events.len();
    automation::follow(change_set, begun, Some(happening), facts);
}

/// The move by itself. The process and its rules may lead a deal where people may not, but through the
/// same gates.
pub(crate) fn carry_out(
    change_set: &mut ChangeSet,
    command: Transition,
    by: Option<Actor>,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let deal = &change_set.deal;
    let at = instant(deal, command.occurred_at, facts)?;
    let leads = matches!(command.to, Target::Stage { .. } | Target::Next | Target::Won)
        || matches!(command.to, Target::Open { stage_key: Some(_) });
    if leads && by.is_none() && facts.rules.mode == Mode::Automatic {
        require_leave_to_lead(&command, facts)?;
    }
    let people = Rules { allow_skip: true, allow_back: true, ..facts.rules };
    let facts = &Facts { rules: if by.is_some() { people } else { facts.rules }, ..*facts };
    let reason = command.override_reason.as_deref();
    let change = match command.to {
        Target::Stage { stage_key } => to_stage(deal, &stage_key, reason, facts)?,
        Target::Next => to_next(deal, reason, facts)?,
        Target::Won => won(deal, reason, at, facts)?,
        Target::Lost { loss_reason_id, note, competitor_id } => {
            require_open(deal)?;
            check_note("/note", note.as_deref())?;
            let loss_reason_id = loss_reason_id.ok_or(Refusal::LossReasonRequired)?;
            Change::Lost {
                from: deal.stage.clone(),
                loss: Loss { loss_reason_id, note, competitor_id },
                base_amount: closing_amount(deal, at, facts)?,
            }
        }
        Target::Open { stage_key } => reopen(deal, stage_key, reason, facts)?,
        Target::Hold { reason, resume_on } => hold(deal, reason, resume_on, at, facts)?,
        Target::Resume => {
            require_open(deal)?;
            let hold = deal.hold.as_ref().ok_or(Refusal::DealNotOnHold)?;
            Change::Resumed { held_seconds: (at - hold.since).num_seconds().max(0) }
        }
    };
    change_set.push_by(by, at, change);
    Ok(())
}

/// A process is led by hand only by those who may override it, and who say why.
fn require_leave_to_lead(command: &Transition, facts: &Facts<'_>) -> Result<(), Refusal> {
    match command.override_reason {
        None => Err(Refusal::TransitionIsAutomatic),
        Some(_) if !facts.may_override => Err(Refusal::OverrideNotAllowed(Vec::new())),
        Some(_) => Ok(()),
    }
}

fn to_next(deal: &Deal, reason: Option<&str>, facts: &Facts<'_>) -> Result<Change, Refusal> {
    let here = movable(deal, facts)?;
    let next = here.position.checked_add(1).and_then(|position| facts.process.at(position));
    let to = next.ok_or(Refusal::NoNextStage)?;
    pass(deal, here, to, Direction::Forward, reason, facts)
}

fn to_stage(
    deal: &Deal,
    key: &str,
    reason: Option<&str>,
    facts: &Facts<'_>,
) -> Result<Change, Refusal> {
    let here = movable(deal, facts)?;
    let to = facts.process.by_key(key).ok_or_else(|| not_in_process(key))?;
    if to.position == here.position {
        return Err(Refusal::AlreadyInStage(here.name.clone()));
    }
    let direction = direction(here.position, to.position);
    match direction {
        Direction::Back if !facts.rules.allow_back => Err(Refusal::BackNotAllowed),
        Direction::Skip if !facts.rules.allow_skip => Err(skip_not_allowed(here, facts)),
        _ => pass(deal, here, to, direction, reason, facts),
    }
}

fn reopen(
    deal: &Deal,
    stage_key: Option<String>,
    reason: Option<&str>,
    facts: &Facts<'_>,
) -> Result<Change, Refusal> {
    if deal.is_open() {
        return Err(Refusal::DealOpen);
    }
    let Some(key) = stage_key else {
        return Ok(reopened(deal, None));
    };
    let from = deal.stage_in(facts.process).ok_or(Refusal::DealHasNoStages)?;
    let to = facts.process.by_key(&key).ok_or_else(|| not_in_process(&key))?;
    let direction = direction(from.position, to.position);
    match direction {
        Direction::Skip if !facts.rules.allow_skip => return Err(skip_not_allowed(from, facts)),
        Direction::Back if !facts.rules.allow_back && to.position < from.position => {
            return Err(Refusal::BackNotAllowed);
        }
        _ => {}
    }
    let r#override = gates(deal, from.position, to.position, reason, facts)?;
    let direction = if to.position == from.position { Direction::Reopen } else { direction };
    Ok(Change::Reopened { stage: Some(to.into()), direction, r#override, review_task_id: None })
}

/// Open again where it was closed.
fn reopened(deal: &Deal, review_task_id: Option<Uuid>) -> Change {
    let (stage, direction) = (deal.stage.clone(), Direction::Reopen);
    Change::Reopened { stage, direction, r#override: None, review_task_id }
}

fn not_in_process(key: &str) -> Refusal {
    Refusal::StageNotInProcess(key.to_owned())
}

fn skip_not_allowed(from: &Stage, facts: &Facts<'_>) -> Refusal {
    let next = facts.process.at(from.position.saturating_add(1));
    Refusal::SkipNotAllowed(next.map(|stage| stage.key.clone()).unwrap_or_default())
}

fn pass(
    deal: &Deal,
    from: &Stage,
    to: &Stage,
    direction: Direction,
    reason: Option<&str>,
    facts: &Facts<'_>,
) -> Result<Change, Refusal> {
    let r#override = gates(deal, from.position, to.position, reason, facts)?;
    Ok(Change::StageChanged { from: from.into(), to: to.into(), direction, r#override })
}

fn won(
    deal: &Deal,
    reason: Option<&str>,
    at: DateTime<Utc>,
    facts: &Facts<'_>,
) -> Result<Change, Refusal> {
    require_open(deal)?;
    let base_amount = closing_amount(deal, at, facts)?;
    let Some(here) = deal.stage_in(facts.process) else {
        return Ok(Change::Won { from: None, r#override: None, base_amount });
    };
    let last = facts.process.last_position();
    if here.position < last && !facts.rules.allow_skip {
        let name = facts.process.at(last).map(|stage| stage.name.clone());
        return Err(Refusal::WinBeforeLastStage(name.unwrap_or_default()));
    }
    let r#override = gates(deal, here.position, last.saturating_add(1), reason, facts)?;
    Ok(Change::Won { from: Some(here.into()), r#override, base_amount })
}

/// A closed deal is worth what it is on the day of its closing.
fn closing_amount(
    deal: &Deal,
    at: DateTime<Utc>,
    facts: &Facts<'_>,
) -> Result<Option<Decimal>, Refusal> {
    let amount = facts.to_base(deal.amount, at).map_err(|fault| Refusal::Invalid(vec![fault]))?;
    Ok((deal.amount.currency != facts.settings.currency).then_some(amount))
}

/// The gates from one position up to another. A stage that is skipped is passed like any other, or
/// skipping would be the way around every gate; going back needs none.
pub(crate) fn gates(
    deal: &Deal,
    from: i16,
    to: i16,
    reason: Option<&str>,
    facts: &Facts<'_>,
) -> Result<Option<Override>, Refusal> {
    let unmet = unmet(deal, facts, from, to);
    match reason.map(str::trim) {
        None if unmet.is_empty() => Ok(None),
        // To lead a process by hand is an override whatever its gates say.
        Some(_) if unmet.is_empty() && facts.rules.mode != Mode::Automatic => Ok(None),
        None => Err(Refusal::StageGateUnmet(unmet)),
        Some(_) if !facts.may_override => Err(Refusal::OverrideNotAllowed(unmet)),
        Some("") => Err(Refusal::invalid("/override_reason", "required", "Must not be empty.")),
        Some(reason) => {
            check_note("/override_reason", Some(reason))?;
            let unmet = unmet.into_iter().map(|fault| fault.pointer).collect();
            Ok(Some(Override { reason: reason.to_owned(), unmet }))
        }
    }
}

/// Every requirement that is not met in the stages at positions `from..to`.
pub fn unmet(deal: &Deal, facts: &Facts<'_>, from: i16, to: i16) -> Vec<Fault> {
    let evidence = facts.evidence(deal);
    facts
        .process
        .stages
        .iter()
        .filter(|stage| (from..to).contains(&stage.position))
        .flat_map(|stage| {
            let open = stage.gate.iter().filter(|requirement| !requirement.is_met(&evidence));
            open.map(|requirement| requirement.unmet(&stage.name))
        })
        .collect()
}

pub(crate) fn direction(from: i16, to: i16) -> Direction {
    match to.saturating_sub(from) {
        1 => Direction::Forward,
        distance if distance > 1 => Direction::Skip,
        _ => Direction::Back,
    }
}

fn hold(
    deal: &Deal,
    reason: String,
    resume_on: Option<NaiveDate>,
    at: DateTime<Utc>,
    facts: &Facts<'_>,
) -> Result<Change, Refusal> {
    require_open(deal)?;
    if deal.hold.is_some() {
        return Err(Refusal::DealOnHold);
    }
    let mut faults = Faults::default();
    faults.text("/reason", &reason, LONGEST_NOTE);
    if resume_on.is_some_and(|day| day < facts.settings.day(at)) {
        faults.add("/resume_on", "in_the_past", "The day to resume on is before the hold.");
    }
    faults.into_result()?;
    Ok(Change::Held { reason: reason.trim().to_owned(), resume_on })
}

fn movable<'p>(deal: &Deal, facts: &Facts<'p>) -> Result<&'p Stage, Refusal> {
    if facts.rules.mode == Mode::Untracked {
        return Err(Refusal::DealHasNoStages);
    }
    require_open(deal)?;
    if deal.hold.is_some() {
        return Err(Refusal::DealOnHold);
    }
    deal.stage_in(facts.process).ok_or(Refusal::DealHasNoStages)
}

fn require_open(deal: &Deal) -> Result<(), Refusal> {
    if deal.status == Status::Open { Ok(()) } else { Err(Refusal::DealClosed) }
}

pub(super) fn instant(
    deal: &Deal,
    occurred_at: Option<DateTime<Utc>>,
    facts: &Facts<'_>,
) -> Result<DateTime<Utc>, Refusal> {
    let Some(at) = occurred_at.map(kept) else {
        return Ok(facts.now_for(deal));
    };
    let mut faults = Faults::default();
    check_not_future(&mut faults, "/occurred_at", at, facts.now);
    if at < deal.last_occurred_at {
        let detail = format!(
            "The deal's last event happened at {}; history is not rewritten.",
            deal.last_occurred_at.to_rfc3339()
        );
        faults.add("/occurred_at", "before_last_event", detail);
    }
    faults.into_result()?;
    Ok(at)
}

/// An instant to the microsecond, as it is kept: what is answered equals what is stored.
fn kept(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

fn check_not_future(faults: &mut Faults, pointer: &str, at: DateTime<Utc>, now: DateTime<Utc>) {
    // Clocks of callers run a little ahead of ours.
    if at > now + TimeDelta::seconds(2) {
        faults.add(pointer, "in_the_future", "Must not be in the future.");
    }
    if at.timestamp() < 0 {
        faults.add(pointer, "out_of_range", "Must not be before 1970.");
    }
}

pub(super) fn check_text(faults: &mut Faults, title: Option<&str>, external: Option<&ExternalId>) {
    if let Some(title) = title {
        faults.text("/title", title, NAME_LENGTH);
    }
    if let Some(external) = external {
        external.check(faults);
    }
}

fn check_note(pointer: &str, note: Option<&str>) -> Result<(), Refusal> {
    if note.is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        let detail = format!("At most {LONGEST_NOTE} characters.");
        return Err(Refusal::invalid(pointer, "too_long", detail));
    }
    Ok(())
}
