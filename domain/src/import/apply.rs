//! From a row to commands: the same that people and programs give, so the same gates hold.

use crate::kernel::external_id::ExternalId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::deals::{DealRow, EventRow, Target};
use crate::{
    deals::{
        change_set::ChangeSet,
        deal::{Deal, DealPatch, NewDeal, Status},
        transition::{self, Facts, Target as Goal, Transition},
    },
    kernel::{fault::Refusal, money::Money},
    workspace::custom_field::Custom,
};

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Updated,
    Unchanged,
}

/// The ids of the names in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    pub owner_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub source_id: Option<Uuid>,
    pub loss_reason_id: Option<Uuid>,
    pub competitor_id: Option<Uuid>,
    /// Values of all custom fields as they are after the row.
    pub custom: Option<Custom>,
}

/// What a new deal gets where its row says nothing.
#[derive(Debug, Clone)]
pub struct Defaults {
    pub id: Uuid,
    pub owner_id: Option<Uuid>,
    pub external_source: String,
}

fn fallback_owner(owner: Option<Uuid>, defaults: &Defaults) -> Result<Uuid, Refusal> {
    owner.or(defaults.owner_id).ok_or_else(|| {
        Refusal::invalid("/owner", "required", "The row names no owner, and the import has none.")
    })
}

/// Makes the deal what the row says it is. `change_set` has the deal with this external id, if there is one.
pub fn apply_deal(
    row: &DealRow,
    named: &Named,
    change_set: Option<ChangeSet>,
    defaults: Defaults,
    facts: &Facts<'_>,
) -> Result<(ChangeSet, Outcome), Refusal> {
    match change_set {
        None => {
            create(row, named, defaults, facts).map(|change_set| (change_set, Outcome::Created))
        }
        Some(mut change_set) => {
            let before = change_set.events.len();
            change(&mut change_set, row, named, facts)?;
            let same = change_set.events.len() == before;
            Ok((change_set, if same { Outcome::Unchanged } else { Outcome::Updated }))
        }
    }
}

fn create(
    row: &DealRow,
    named: &Named,
    defaults: Defaults,
    facts: &Facts<'_>,
) -> Result<ChangeSet, Refusal> {
    let owner_id = fallback_owner(named.owner_id, &defaults)?;
    let moved_later = row.stage_entered_at.is_some() && row.stage_entered_at != row.opened_at;
    let opened_at = row.opened_at.or(row.stage_entered_at).or(row.closed_at);
    let stage = match &row.target {
        Some(Target::Stage(stage)) if !moved_later || row.opened_at.is_none() => Some(stage),
        Some(Target::Won { stage } | Target::Lost { stage, .. }) => stage.as_ref(),
        _ => None,
    };
    let new = NewDeal {
        id: defaults.id,
        title: row.title.clone().unwrap_or_else(|| row.external_id.clone()),
        client_id: named.client_id,
        owner_id,
        amount: row.amount,
        source_id: named.source_id,
        lead_temperature: row.lead_temperature,
        expected_close_on: row.expected_close_on,
        external_id: Some(ExternalId {
            source: defaults.external_source,
            id: row.external_id.clone(),
        }),
        initiated_by: None,
        from_activity_id: None,
        custom: named.custom.clone().unwrap_or_default(),
        opened_at,
        stage_key: stage.cloned(),
        demand_id: None,
    };
    let mut change_set = transition::open(new, facts)?;
    reach(&mut change_set, row, named, facts)?;
    Ok(change_set)
}

fn change(
    change_set: &mut ChangeSet,
    row: &DealRow,
    named: &Named,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let patch = DealPatch {
        title: row.title.clone(),
        client_id: named.client_id.map(Some),
        owner_id: named.owner_id,
        amount: row.amount,
        source_id: named.source_id.map(Some),
        lead_temperature: row.lead_temperature.map(Some),
        expected_close_on: row.expected_close_on.map(Some),
        external_id: None,
        initiated_by: None,
        custom: named.custom.clone(),
    };
    // A closed deal does not change, and a gate looks at what the row says. So what the row changes comes
    // after a reopening and before every other move, at the time of that move.
    if !change_set.deal.is_open() {
        approach(change_set, row, facts)?;
    }
    let at = next_move(&change_set.deal, row);
    transition::update(change_set, patch, at, facts)?;
    reach(change_set, row, named, facts)
}

/// When the row moves the deal on, if it does.
fn next_move(deal: &Deal, row: &DealRow) -> Option<DateTime<Utc>> {
    let away = |stage: &&String| deal.stage.as_ref().is_none_or(|here| here.stage_key != **stage);
    match &row.target {
        Some(Target::Stage(stage)) if deal.is_open() && away(&stage) => row.stage_entered_at,
        Some(Target::Won { stage } | Target::Lost { stage, .. }) if deal.is_open() => {
            let entered = stage.as_ref().filter(away).and(row.stage_entered_at);
            entered.or(row.closed_at)
        }
        _ => None,
    }
}

/// Takes the deal to where the row says it stands.
fn reach(
    change_set: &mut ChangeSet,
    row: &DealRow,
    named: &Named,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    if is_settled(change_set, row) {
        return Ok(());
    }
    approach(change_set, row, facts)?;
    match &row.target {
        Some(Target::Won { .. }) => order(change_set, Goal::Won, row.closed_at, facts),
        Some(Target::Lost { .. }) => {
            order(change_set, loss(named, row.note.clone()), row.closed_at, facts)
        }
        _ => Ok(()),
    }
}

/// Takes the deal to the stage that the row says it is in, or was closed in; open.
fn approach(change_set: &mut ChangeSet, row: &DealRow, facts: &Facts<'_>) -> Result<(), Refusal> {
    match &row.target {
        Some(Target::Stage(stage)) => go(change_set, stage, row.stage_entered_at, facts),
        Some(Target::Won { stage } | Target::Lost { stage, .. })
            if !is_settled(change_set, row) =>
        {
            match stage {
                Some(stage) => go(change_set, stage, row.stage_entered_at.or(row.closed_at), facts),
                None if change_set.deal.is_open() => Ok(()),
                None => order(change_set, Goal::Open { stage_key: None }, row.closed_at, facts),
            }
        }
        _ => Ok(()),
    }
}

/// The deal has the outcome that the row says.
fn is_settled(change_set: &ChangeSet, row: &DealRow) -> bool {
    matches!(
        (&row.target, change_set.deal.status),
        (Some(Target::Won { .. }), Status::Won) | (Some(Target::Lost { .. }), Status::Lost)
    )
}

fn loss(named: &Named, note: Option<String>) -> Goal {
    Goal::Lost { loss_reason_id: named.loss_reason_id, note, competitor_id: named.competitor_id }
}

/// Into a stage: from another, or from being closed; staying there is no move.
fn go(
    change_set: &mut ChangeSet,
    stage: &str,
    at: Option<DateTime<Utc>>,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let here = change_set.deal.stage.as_ref().is_some_and(|here| here.stage_key == stage);
    let stage_key = stage.to_owned();
    match (change_set.deal.is_open(), here) {
        (true, true) => Ok(()),
        (true, false) => order(change_set, Goal::Stage { stage_key }, at, facts),
        (false, _) => order(change_set, Goal::Open { stage_key: Some(stage_key) }, at, facts),
    }
}

fn order(
    change_set: &mut ChangeSet,
    to: Goal,
    occurred_at: Option<DateTime<Utc>>,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let command = Transition { to, occurred_at, override_reason: None };
    transition::transition(change_set, command, facts)
}

/// The events of a case in order of time, then of the file; with the rows that a later outcome
/// overrules. An outcome on a closed case reopens nothing: of outcomes in a row, the last one stands, at
/// the time when it was first given.
pub fn arrange(rows: &mut [EventRow]) -> Vec<u64> {
    rows.sort_by_key(|row| (row.occurred_at, row.line));
    let mut overruled = Vec::new();
    let mut run: Vec<(u64, &Target)> = Vec::new();
    for row in rows.iter() {
        match &row.target {
            Target::Ignore => {}
            Target::Stage(_) => settle(&mut run, &mut overruled),
            outcome => run.push((row.line, outcome)),
        }
    }
    settle(&mut run, &mut overruled);
    overruled
}

fn settle(run: &mut Vec<(u64, &Target)>, overruled: &mut Vec<u64>) {
    let stands = run.last().map(|(_, outcome)| *outcome);
    let first = run.iter().rposition(|(_, outcome)| Some(*outcome) != stands).map_or(0, |i| i + 1);
    overruled
        .extend(run.iter().enumerate().filter(|(i, _)| *i != first).map(|(_, (line, _))| line));
    run.clear();
}

/// Lets one event of a log happen to its deal.
pub fn apply_event(
    row: &EventRow,
    named: &Named,
    change_set: Option<ChangeSet>,
    defaults: Defaults,
    facts: &Facts<'_>,
) -> Result<(Option<ChangeSet>, Outcome), Refusal> {
    if row.target == Target::Ignore {
        return Ok((change_set, Outcome::Unchanged));
    }
    let at = Some(row.occurred_at);
    let (mut change_set, before) = match change_set {
        Some(change_set) => {
            let before = change_set.events.len();
            (change_set, Some(before))
        }
        None => {
            let change_set = begin(row, named, defaults, facts)?;
            // It was opened in its stage: what the process has made of that is not taken back.
            if matches!(row.target, Target::Stage(_)) {
                return Ok((Some(change_set), Outcome::Created));
            }
            (change_set, None)
        }
    };
    // A closed deal does not change: it is reopened first.
    if let Target::Stage(stage) = &row.target
        && !change_set.deal.is_open()
    {
        go(&mut change_set, stage, at, facts)?;
    }
    if let Some(owner_id) = named.owner_id.filter(|_| change_set.deal.is_open()) {
        let patch = DealPatch { owner_id: Some(owner_id), ..DealPatch::default() };
        transition::update(&mut change_set, patch, at, facts)?;
    }
    if let Some(amount) = changed_amount(&change_set, row.amount) {
        let patch = DealPatch { amount: Some(amount), ..DealPatch::default() };
        transition::update(&mut change_set, patch, at, facts)?;
    }
    match &row.target {
        Target::Ignore => {}
        Target::Stage(stage) => go(&mut change_set, stage, at, facts)?,
        Target::Won { .. } if change_set.deal.status == Status::Won => {}
        Target::Lost { .. } if change_set.deal.status == Status::Lost => {}
        Target::Won { .. } => conclude(&mut change_set, Goal::Won, at, facts)?,
        Target::Lost { .. } => conclude(&mut change_set, loss(named, row.note.clone()), at, facts)?,
    }
    let outcome = match before {
        None => Outcome::Created,
        Some(before) if change_set.events.len() == before => Outcome::Unchanged,
        Some(_) => Outcome::Updated,
    };
    Ok((Some(change_set), outcome))
}

/// The last outcome stands: for another than it has, a closed deal is reopened.
fn conclude(
    change_set: &mut ChangeSet,
    to: Goal,
    at: Option<DateTime<Utc>>,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    if !change_set.deal.is_open() {
        order(change_set, Goal::Open { stage_key: None }, at, facts)?;
    }
    order(change_set, to, at, facts)
}

fn changed_amount(change_set: &ChangeSet, amount: Option<Money>) -> Option<Money> {
    amount.filter(|amount| change_set.deal.is_open() && *amount != change_set.deal.amount)
}

/// The first event of a case opens its deal: in its stage, or in the first one where it closes it.
fn begin(
    row: &EventRow,
    named: &Named,
    defaults: Defaults,
    facts: &Facts<'_>,
) -> Result<ChangeSet, Refusal> {
    let owner_id = fallback_owner(named.owner_id, &defaults)?;
    let stage = match &row.target {
        Target::Stage(stage) => Some(stage.clone()),
        Target::Won { stage } | Target::Lost { stage, .. } => stage.clone(),
        Target::Ignore => None,
    };
    let new = NewDeal {
        id: defaults.id,
        title: row.title.clone().unwrap_or_else(|| row.case_id.clone()),
        client_id: named.client_id,
        owner_id,
        amount: row.amount,
        source_id: named.source_id,
        lead_temperature: None,
        expected_close_on: None,
        external_id: Some(ExternalId { source: defaults.external_source, id: row.case_id.clone() }),
        initiated_by: None,
        from_activity_id: None,
        custom: Custom::default(),
        opened_at: Some(row.occurred_at),
        stage_key: stage,
        demand_id: None,
    };
    transition::open(new, facts)
}
