//! Commands: what is refused, what is carried out, and what a deal can never become.

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::{
    oracle,
    world::{Action, DEAL, Script, TOLERANCE, Turn, World, case},
};
use crate::{
    deals::{
        change_set::ChangeSet,
        deal::{Deal, DealPatch, Hold, Loss, Status},
        event::{Change, Details, Direction},
        transition::{Available, Target, Transition, available},
    },
    kernel::fault::Refusal,
    process::Mode,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_command_leads_to_an_illegal_state((world, script) in case()) {
        if let Ok(change_set) = script.open(&world) {
            legal(&world, &change_set, script.opening().1);
        }
        script.play(&world, |turn| {
            legal(&world, turn.after, turn.facts.now);
            match turn.outcome {
                Err(_) => assert_eq!(turn.before, turn.after, "A refused command changes nothing."),
                Ok(()) => grows(&turn),
            }
        });
    }

    #[test]
    fn a_command_is_refused_for_a_reason_and_only_then((world, script) in case()) {
        opening_is_judged(&world, &script);
        script.play(&world, |turn| {
            let reasons = oracle::against(&turn.before.deal, turn.action, &turn.facts);
            judged(&reasons, turn.outcome.as_ref().err());
        });
    }

    #[test]
    fn a_command_does_what_it_says((world, script) in case()) {
        script.play(&world, |turn| {
            if turn.outcome.is_ok() {
                match turn.action {
                    Action::Go(command) => gone(&turn, command),
                    Action::Patch(patch, _) => patched(&turn, patch),
                }
            }
        });
    }

    #[test]
    fn no_gate_is_passed_unmet_without_an_override((world, script) in case()) {
        script.play(&world, |turn| {
            if let Action::Go(command) = turn.action {
                gates_hold(&turn, command);
            }
        });
    }

    #[test]
    fn what_is_available_is_what_can_be_done((world, script) in case()) {
        script.play(&world, |turn| {
            let deal = &turn.after.deal;
            let moves = available(deal, &turn.facts);
            every_move_is_listed(&world, deal, &moves);
            for offer in moves {
                offered(&turn, offer);
            }
        });
    }
}

/// What holds of every deal after whatever was done to it.
fn legal(world: &World, change_set: &ChangeSet, now: DateTime<Utc>) {
    let deal = &change_set.deal;
    let last = i16::try_from(world.process.stages.len()).unwrap();
    assert_eq!(deal.id, DEAL);
    assert_eq!(deal.closed_at.is_some(), deal.status != Status::Open);
    assert_eq!(deal.loss.is_some(), deal.status == Status::Lost);
    assert!(deal.hold.is_none() || deal.status == Status::Open);
    match &deal.stage {
        None => assert!(last == 0 && deal.depth == 0),
        Some(stage) => {
            assert!((1..=last).contains(&stage.position));
            assert!((stage.position..=last).contains(&deal.depth));
            let same = &world.process.stages[usize::try_from(stage.position).unwrap() - 1];
            assert_eq!((&same.key, same.id), (&stage.stage_key, stage.stage_id));
        }
    }
    assert!(deal.title.trim() == deal.title && !deal.title.is_empty());
    assert_eq!(deal.base_amount, deal.amount.amount);
    let numbers: Vec<_> = change_set.events.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, (1..=deal.sequence).collect::<Vec<_>>());
    assert!(change_set.events.is_sorted_by_key(|event| event.occurred_at));
    assert_eq!(
        change_set.events.last().map(|event| event.occurred_at),
        Some(deal.last_occurred_at)
    );
    assert!(deal.last_occurred_at - now <= TOLERANCE);
    let times = [Some(deal.opened_at), deal.closed_at, deal.hold.as_ref().map(|h| h.since)];
    assert!(times.iter().flatten().all(|at| *at >= deal.opened_at && *at <= deal.last_occurred_at));
}

/// What was is kept, and what is new happened when it was said to.
fn grows(turn: &Turn<'_>) {
    let (before, after) = (&turn.before.deal, &turn.after.deal);
    assert!(after.depth >= before.depth);
    assert_eq!(after.opened_at, before.opened_at);
    let (old, new) = turn.after.events.split_at(turn.before.events.len());
    assert_eq!(old, turn.before.events);
    let at = turn.action.occurred_at().unwrap_or(turn.facts.now.max(before.last_occurred_at));
    assert!(new.iter().all(|event| event.occurred_at == at));
    let closings = |change_set: &ChangeSet| {
        let closes = |c: &Change| matches!(c, Change::Won { .. } | Change::Lost { .. });
        change_set.events.iter().filter(|event| closes(&event.change)).count()
    };
    let closed = usize::from(after.status != Status::Open);
    let reopened = usize::try_from(after.reopened).unwrap();
    assert_eq!(closings(turn.after), reopened + closed, "A deal has one outcome at a time.");
    if after.status != Status::Open && before.status == Status::Open {
        assert_eq!(after.closed_at, Some(at));
    }
}

fn judged(reasons: &oracle::Reasons, refusal: Option<&Refusal>) {
    match refusal {
        None => assert!(reasons.is_empty(), "Carried out in spite of {reasons:?}."),
        Some(refusal) => {
            let code = refusal.code();
            assert!(reasons.contains(code), "{code} though the reasons are {reasons:?}.");
            assert!(!refusal.faults().is_empty());
        }
    }
}

fn opening_is_judged(world: &World, script: &Script) {
    let (new, now) = script.opening();
    let reasons = oracle::against_opening(&new, &world.facts(now, true));
    let opened = script.open(world);
    judged(&reasons, opened.as_ref().err());
    if let Ok(ChangeSet { deal, events, .. }) = opened {
        let first = (!world.process.stages.is_empty()).then(|| "s1".to_owned());
        assert_eq!(deal.stage.as_ref().map(|s| s.stage_key.clone()), new.stage_key.or(first));
        assert_eq!(deal.depth, deal.stage.as_ref().map_or(0, |stage| stage.position));
        assert_eq!((deal.status, deal.opened_at), (Status::Open, new.opened_at.unwrap_or(now)));
        let Details { owner_id, client_id, source_id, .. } = deal.details;
        assert_eq!((owner_id, client_id, source_id), (new.owner_id, new.client_id, new.source_id));
        assert_eq!(deal.amount.amount, new.amount.map(|m| m.amount).unwrap_or_default());
        assert_eq!(
            (deal.lead_temperature, deal.expected_close_on),
            (new.lead_temperature, new.expected_close_on,)
        );
        assert_eq!(
            (deal.external_id.clone(), deal.title.as_str()),
            (new.external_id, new.title.trim(),)
        );
        assert_eq!(events.len(), 1);
    }
}

fn gone(turn: &Turn<'_>, command: &Transition) {
    let (before, after) = (&turn.before.deal, &turn.after.deal);
    let key = |deal: &Deal| deal.stage.as_ref().map(|stage| stage.stage_key.clone());
    let position = |deal: &Deal| deal.stage.as_ref().map_or(0, |stage| stage.position);
    assert_eq!(before.details, after.details, "Moving a deal leaves its fields alone.");
    assert_eq!(turn.before.events.len() + 1, turn.after.events.len());
    match &turn.after.events.last().unwrap().change {
        Change::StageChanged { from, .. } => assert_eq!(Some(from), before.stage.as_ref()),
        Change::Won { from, .. } | Change::Lost { from, .. } => assert_eq!(*from, before.stage),
        _ => {}
    }
    let moved = match &command.to {
        Target::Stage { stage_key } => {
            assert_eq!(key(after).as_ref(), Some(stage_key));
            true
        }
        Target::Next => {
            assert_eq!(position(after), position(before) + 1);
            true
        }
        Target::Won => {
            assert_eq!(after.status, Status::Won);
            false
        }
        Target::Lost { loss_reason_id, note, competitor_id } => {
            let loss_reason_id = loss_reason_id.unwrap();
            let (note, competitor_id) = (note.clone(), *competitor_id);
            assert_eq!(after.loss, Some(Loss { loss_reason_id, note, competitor_id }));
            false
        }
        Target::Open { stage_key } => {
            assert_eq!((after.status, after.reopened), (Status::Open, before.reopened + 1));
            assert_eq!(key(after), stage_key.clone().or(key(before)));
            true
        }
        Target::Hold { reason, resume_on } => {
            let (reason, resume_on) = (reason.trim().to_owned(), *resume_on);
            assert_eq!(after.hold, Some(Hold { reason, resume_on, since: after.last_occurred_at }));
            false
        }
        Target::Resume => {
            let held = after.last_occurred_at - before.hold.as_ref().unwrap().since;
            let event = &turn.after.events.last().unwrap().change;
            assert_eq!(*event, Change::Resumed { held_seconds: held.num_seconds() });
            assert_eq!(after.hold, None);
            false
        }
    };
    assert_eq!(after.visit.number, before.visit.number + i32::from(moved));
    if !moved {
        assert_eq!((key(before), before.depth), (key(after), after.depth));
    }
    if !matches!(command.to, Target::Open { .. } | Target::Won | Target::Lost { .. }) {
        assert_eq!((before.status, before.reopened), (after.status, after.reopened));
    }
}

fn patched(turn: &Turn<'_>, patch: &DealPatch) {
    let (before, after) = (&turn.before.deal, &turn.after.deal);
    let (old, patch) = (before.details.clone(), patch.clone());
    let expected = Details {
        title: patch.title.map_or(old.title.clone(), |title| title.trim().to_owned()),
        client_id: patch.client_id.unwrap_or(old.client_id),
        owner_id: patch.owner_id.unwrap_or(old.owner_id),
        amount: patch.amount.unwrap_or(old.amount),
        base_amount: patch.amount.map_or(old.base_amount, |amount| amount.amount),
        source_id: patch.source_id.unwrap_or(old.source_id),
        lead_temperature: patch.lead_temperature.unwrap_or(old.lead_temperature),
        expected_close_on: patch.expected_close_on.unwrap_or(old.expected_close_on),
        external_id: patch.external_id.unwrap_or(old.external_id.clone()),
        initiated_by: patch.initiated_by.unwrap_or(old.initiated_by),
        from_activity_id: old.from_activity_id,
        custom: old.custom.clone(),
    };
    assert_eq!(after.details, expected);
    let place = |deal: &Deal| {
        let Deal { status, stage, depth, hold, loss, closed_at, .. } = deal.clone();
        (status, stage, depth, hold, loss, closed_at, deal.visit.number, deal.reopened)
    };
    assert_eq!(place(before), place(after), "Changing fields moves nothing.");
    let mut expected_types = Vec::new();
    let (amount, base_amount, owner_id) = (old.amount, old.base_amount, old.owner_id);
    if (Details { amount, base_amount, owner_id, ..expected.clone() }) != old {
        expected_types.push("deal.updated");
    }
    if expected.amount != amount {
        expected_types.push("deal.amount_changed");
    }
    if expected.owner_id != owner_id {
        expected_types.push("deal.owner_changed");
    }
    let new = turn.after.events.iter().skip(turn.before.events.len()).map(|event| &event.change);
    for change in new.clone() {
        match change {
            Change::Updated { previous, .. } => assert_eq!(*previous, old),
            Change::AmountChanged { previous, current, .. } => {
                assert_eq!((*previous, *current), (amount, expected.amount));
            }
            Change::OwnerChanged { previous, current } => {
                assert_eq!((*previous, *current), (owner_id, expected.owner_id));
            }
            _ => panic!("{} moves the deal", change.event_type()),
        }
    }
    let types: Vec<_> = new.map(Change::event_type).collect();
    assert_eq!(types, expected_types, "One change is one event, and no change is none.");
}

/// A stage is left forwards with its gate met, or by somebody who may, with a reason that is kept.
fn gates_hold(turn: &Turn<'_>, command: &Transition) {
    let (before, facts) = (&turn.before.deal, &turn.facts);
    let passage = oracle::passage(before, &command.to, facts);
    let unmet =
        passage.map_or(vec![], |(from, to)| oracle::unmet(&before.details, facts, from, to));
    match &turn.outcome {
        Err(Refusal::StageGateUnmet(faults)) => {
            let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.clone()).collect();
            assert_eq!(pointers, unmet, "Every unmet requirement is listed.");
        }
        Err(Refusal::SkipNotAllowed(next)) => {
            let (from, _) = passage.unwrap();
            assert_eq!(*next, format!("s{}", from + 1), "The next stage is named.");
        }
        Err(_) => {}
        Ok(()) => {
            let recorded = match &turn.after.events.last().unwrap().change {
                Change::StageChanged { r#override, .. }
                | Change::Won { r#override, .. }
                | Change::Reopened { r#override, .. } => r#override.clone(),
                _ => None,
            };
            assert_eq!(recorded.is_some(), !unmet.is_empty());
            if let Some(recorded) = recorded {
                assert!(facts.may_override);
                assert_eq!(recorded.unmet, unmet);
                let given = command.override_reason.as_deref().map(str::trim);
                assert_eq!(Some(recorded.reason.as_str()), given);
                assert!(!recorded.reason.is_empty());
            }
            if let Some((from, to)) = passage {
                let direction = oracle::direction(from, to);
                assert!(direction != Direction::Skip || facts.rules.allow_skip);
                assert!(to >= from || facts.rules.allow_back);
                let by_hand = !matches!(command.to, Target::Open { .. });
                assert!(!by_hand || facts.rules.mode != Mode::Automatic);
            }
        }
    }
}

fn every_move_is_listed(world: &World, deal: &Deal, moves: &[Available]) {
    let here = deal.stage.as_ref().map(|stage| stage.position);
    let others = world.process.stages.iter().filter(|stage| Some(stage.position) != here);
    let mut expected: Vec<_> = others.map(|stage| ("stage", Some(stage.key.clone()))).collect();
    expected.extend(["won", "lost", "open", "hold", "resume"].map(|to| (to, None)));
    let listed: Vec<_> =
        moves.iter().map(|m| (m.to, m.stage.as_ref().map(|s| s.stage_key.clone()))).collect();
    assert_eq!(listed, expected);
}

fn offered(turn: &Turn<'_>, offer: Available) {
    let deal = &turn.after.deal;
    let target = match offer.to {
        "stage" => Target::Stage { stage_key: offer.stage.as_ref().unwrap().stage_key.clone() },
        "won" => Target::Won,
        "lost" => {
            let loss_reason_id = Some(DEAL);
            Target::Lost { loss_reason_id, note: None, competitor_id: None }
        }
        "open" => Target::Open { stage_key: None },
        "hold" => Target::Hold { reason: "Later".into(), resume_on: None },
        _ => Target::Resume,
    };
    let expected = offer.stage.as_ref().map(|stage| {
        oracle::direction(deal.stage.as_ref().map_or(0, |here| here.position), stage.position)
    });
    assert_eq!(offer.direction, expected);
    let action = Action::Go(Transition::to(target));
    judged(&oracle::against(deal, &action, &turn.facts), offer.refusal.as_ref());
    let mut change_set = ChangeSet::stored(deal.clone());
    assert_eq!(action.perform(&mut change_set, &turn.facts).err(), offer.refusal, "{}", offer.to);
}
