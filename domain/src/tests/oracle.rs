//! What may happen to a deal, said a second time: as a set of reasons against it, in no order.

use crate::kernel::external_id::ExternalId;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::world::{Action, TOLERANCE};
use crate::{
    deals::{
        deal::{Deal, NewDeal, Status},
        event::{Details, Direction},
        transition::{Facts, Target},
    },
    process::{
        Mode,
        gate::{DealField, Requirement},
    },
};

pub type Reasons = BTreeSet<&'static str>;

fn filled(field: &DealField, details: &Details) -> bool {
    match field {
        DealField::ClientId => details.client_id.is_some(),
        DealField::Amount => details.amount.amount > rust_decimal::Decimal::ZERO,
        DealField::Source => details.source_id.is_some(),
        DealField::LeadTemperature => details.lead_temperature.is_some(),
        DealField::ExpectedCloseOn => details.expected_close_on.is_some(),
        DealField::ExternalId => details.external_id.is_some(),
        DealField::Custom(_) => unreachable!(),
    }
}

/// Pointers to what is missing to go from one position to another; the end of the process is K + 1.
pub fn unmet(details: &Details, facts: &Facts<'_>, from: i16, to: i16) -> Vec<String> {
    let mut pointers = Vec::new();
    for position in from..to {
        let stage = &facts.process.stages[usize::try_from(position).unwrap() - 1];
        for requirement in &stage.gate {
            let Requirement::Field { field } = requirement else { continue };
            if !filled(field, details) {
                pointers.push(format!("/{}", field.name()));
            }
        }
    }
    pointers
}

/// The positions whose gates a move passes: from its stage up to the one it goes to.
pub fn passage(deal: &Deal, to: &Target, facts: &Facts<'_>) -> Option<(i16, i16)> {
    let here = deal.stage.as_ref()?.position;
    let last = i16::try_from(facts.process.stages.len()).unwrap();
    let position = |key: &str| {
        let stages = facts.process.stages.iter();
        stages.filter(|stage| stage.key == *key).map(|stage| stage.position).next()
    };
    let there = match to {
        Target::Stage { stage_key } | Target::Open { stage_key: Some(stage_key) } => {
            position(stage_key)?
        }
        Target::Next if here < last => here + 1,
        Target::Won => last + 1,
        _ => return None,
    };
    Some((here, there))
}

pub fn direction(from: i16, to: i16) -> Direction {
    if to == from + 1 {
        Direction::Forward
    } else if to > from {
        Direction::Skip
    } else {
        Direction::Back
    }
}

fn blank_or_longer(text: &str, longest: usize) -> bool {
    text.trim().is_empty() || text.chars().count() > longest
}

fn bad_id(external: Option<&ExternalId>) -> bool {
    external.is_some_and(|e| blank_or_longer(&e.source, 200) || blank_or_longer(&e.id, 200))
}

fn bad_time(said: Option<DateTime<Utc>>, last: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    said.is_some_and(|at| at < DateTime::UNIX_EPOCH || at < last || at - now > TOLERANCE)
}

/// Why a deal cannot be opened so. Empty: it is opened.
pub fn against_opening(new: &NewDeal, facts: &Facts<'_>) -> Reasons {
    let mut reasons = Reasons::new();
    let mut add = |bad: bool, code| {
        if bad {
            reasons.insert(code);
        }
    };
    add(!facts.rules.enabled, "deal_type_disabled");
    add(blank_or_longer(&new.title, 200), "validation_failed");
    add(bad_id(new.external_id.as_ref()), "validation_failed");
    add(bad_time(new.opened_at, DateTime::UNIX_EPOCH, facts.now), "validation_failed");
    let currency = facts.settings.currency;
    add(new.amount.is_some_and(|amount| amount.currency != currency), "validation_failed");
    if let Some(key) = &new.stage_key {
        let stage = facts.process.stages.iter().find(|stage| stage.key == *key);
        add(facts.process.stages.is_empty(), "deal_has_no_stages");
        add(!facts.process.stages.is_empty() && stage.is_none(), "stage_not_in_process");
        let position = stage.map_or(1, |stage| stage.position);
        add(position > 1 && !facts.rules.allow_skip, "skip_not_allowed");
        let details = Details {
            title: String::new(),
            client_id: new.client_id,
            owner_id: new.owner_id,
            amount: new.amount.unwrap_or(crate::Money::zero(currency)),
            base_amount: rust_decimal::Decimal::ZERO,
            source_id: new.source_id,
            lead_temperature: new.lead_temperature,
            expected_close_on: new.expected_close_on,
            external_id: new.external_id.clone(),
            initiated_by: new.initiated_by,
            from_activity_id: new.from_activity_id,
            custom: crate::workspace::custom_field::Custom::default(),
        };
        add(!unmet(&details, facts, 1, position).is_empty(), "stage_gate_unmet");
    }
    reasons
}

/// Why a command is refused. Empty: it is carried out.
pub fn against(deal: &Deal, action: &Action, facts: &Facts<'_>) -> Reasons {
    let mut reasons = Reasons::new();
    if bad_time(action.occurred_at(), deal.last_occurred_at, facts.now) {
        reasons.insert("validation_failed");
    }
    match action {
        Action::Go(command) => {
            against_going(&mut reasons, deal, action, &command.to, facts);
            if let Some((from, to)) = passage(deal, &command.to, facts)
                && !unmet(&deal.details, facts, from, to).is_empty()
            {
                match command.override_reason.as_deref().map(str::trim) {
                    None => _ = reasons.insert("stage_gate_unmet"),
                    Some(_) if !facts.may_override => _ = reasons.insert("override_not_allowed"),
                    Some(reason) if blank_or_longer(reason, 4_000) => {
                        reasons.insert("validation_failed");
                    }
                    Some(_) => {}
                }
            }
        }
        Action::Patch(patch, _) => {
            let differs = patch.amount.is_some_and(|amount| amount != deal.amount)
                || patch.owner_id.is_some_and(|owner| owner != deal.owner_id)
                || patch.expected_close_on.is_some_and(|day| day != deal.expected_close_on);
            if differs && deal.status != Status::Open {
                reasons.insert("deal_closed");
            }
            let foreign = patch.amount.is_some_and(|a| a.currency != facts.settings.currency);
            let bad_title = patch.title.as_ref().is_some_and(|title| blank_or_longer(title, 200));
            if foreign || bad_title || bad_id(patch.external_id.as_ref().and_then(Option::as_ref)) {
                reasons.insert("validation_failed");
            }
        }
    }
    reasons
}

fn against_going(
    reasons: &mut Reasons,
    deal: &Deal,
    action: &Action,
    to: &Target,
    facts: &Facts<'_>,
) {
    let mut add = |bad: bool, code| {
        if bad {
            reasons.insert(code);
        }
    };
    let closed = deal.status != Status::Open;
    let by_hand = matches!(to, Target::Stage { .. } | Target::Next | Target::Won);
    add(by_hand && facts.rules.mode == Mode::Automatic, "transition_is_automatic");
    match to {
        Target::Open { .. } => add(!closed, "deal_open"),
        _ => add(closed, "deal_closed"),
    }
    if let Target::Stage { stage_key } | Target::Open { stage_key: Some(stage_key) } = to {
        let known = facts.process.stages.iter().any(|stage| stage.key == *stage_key);
        add(deal.stage.is_none(), "deal_has_no_stages");
        add(deal.stage.is_some() && !known, "stage_not_in_process");
    }
    let passage = passage(deal, to, facts);
    if let Some((from, to)) = passage {
        add(direction(from, to) == Direction::Skip && !facts.rules.allow_skip, "skip_not_allowed");
        add(to < from && !facts.rules.allow_back, "back_not_allowed");
    }
    match to {
        Target::Stage { .. } => {
            add(deal.hold.is_some(), "deal_on_hold");
            add(passage.is_some_and(|(from, to)| from == to), "already_in_stage");
        }
        Target::Next => {
            add(deal.stage.is_none(), "deal_has_no_stages");
            add(deal.hold.is_some(), "deal_on_hold");
            add(deal.stage.is_some() && passage.is_none(), "no_next_stage");
        }
        Target::Lost { loss_reason_id, note, .. } => {
            add(loss_reason_id.is_none(), "loss_reason_required");
            let long = note.as_ref().is_some_and(|note| note.chars().count() > 4_000);
            add(long, "validation_failed");
        }
        Target::Hold { reason, resume_on } => {
            add(deal.hold.is_some(), "deal_on_hold");
            let at = action.occurred_at().unwrap_or(facts.now.max(deal.last_occurred_at));
            let past = resume_on.is_some_and(|day| day < facts.settings.day(at));
            add(past || blank_or_longer(reason, 4_000), "validation_failed");
        }
        Target::Resume => add(!closed && deal.hold.is_none(), "deal_not_on_hold"),
        Target::Won | Target::Open { .. } => {}
    }
}
