//! Changes of a deal's fields.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Facts, check_text, instant, reopened};
use crate::{
    deals::{
        automation::{self, Happening},
        change_set::ChangeSet,
        deal::{DealPatch, Status},
        effect::check_result,
        event::Change,
    },
    kernel::fault::{Faults, Refusal},
    process::gate::DealField,
};

/// Changes a deal's fields. A field that has the value already is no change.
pub fn update(
    change_set: &mut ChangeSet,
    patch: DealPatch,
    occurred_at: Option<DateTime<Utc>>,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let begun = change_set.events.len();
    change(change_set, patch, occurred_at, facts)?;
    automation::follow(change_set, begun, None, facts);
    Ok(())
}

/// The review of a loss that brings the deal back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Review {
    pub task_id: Uuid,
    /// The visit in which the deal was lost.
    pub visit: Option<i32>,
}

/// A task of the deal is done: what it brought lands on the deal, and the process goes on. The facts know
/// of the task already. A review may reopen the deal before.
pub fn finish(
    change_set: &mut ChangeSet,
    patch: DealPatch,
    required: &[DealField],
    review: Option<Review>,
    happening: Happening,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let begun = change_set.events.len();
    if let Some(review) = review {
        let deal = &change_set.deal;
        if deal.status != Status::Lost || review.visit != Some(deal.visit.number) {
            return Err(Refusal::ReviewOutdated);
        }
        let at = instant(deal, None, facts)?;
        change_set.push(at, reopened(deal, Some(review.task_id)));
    }
    change(change_set, patch, None, facts)?;
    check_result(required, &change_set.deal)?;
    automation::follow(change_set, begun, Some(happening), facts);
    Ok(())
}

fn change(
    change_set: &mut ChangeSet,
    patch: DealPatch,
    occurred_at: Option<DateTime<Utc>>,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let deal = &change_set.deal;
    let mut faults = Faults::default();
    let external = patch.external_id.as_ref().and_then(Option::as_ref);
    check_text(&mut faults, patch.title.as_deref(), external);
    faults.into_result()?;
    let at = instant(deal, occurred_at, facts)?;
    let amount = patch.amount.filter(|amount| *amount != deal.amount);
    let owner = patch.owner_id.filter(|owner| *owner != deal.owner_id);
    let expected = patch.expected_close_on.filter(|day| *day != deal.expected_close_on);
    if !deal.is_open() && (amount.is_some() || owner.is_some() || expected.is_some()) {
        return Err(Refusal::DealClosed);
    }
    let base_amount = amount.map(|amount| facts.to_base(amount, at)).transpose();
    let base_amount = base_amount.map_err(|fault| Refusal::Invalid(vec![fault]))?;
    let previous = deal.details.clone();
    let mut current = previous.clone();
    set(&mut current.title, patch.title.map(|title| title.trim().to_owned()));
    set(&mut current.client_id, patch.client_id);
    set(&mut current.source_id, patch.source_id);
    set(&mut current.lead_temperature, patch.lead_temperature);
    set(&mut current.expected_close_on, expected);
    set(&mut current.external_id, patch.external_id);
    set(&mut current.initiated_by, patch.initiated_by);
    set(&mut current.custom, patch.custom);
    if current != previous {
        change_set.push(at, Change::Updated { previous: previous.clone(), current });
    }
    if let Some((current, base_amount)) = amount.zip(base_amount) {
        let previous = previous.amount;
        change_set.push(at, Change::AmountChanged { previous, current, base_amount });
    }
    if let Some(current) = owner {
        change_set.push(at, Change::OwnerChanged { previous: previous.owner_id, current });
    }
    Ok(())
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
