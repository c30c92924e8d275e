//! Segments: every instant of a deal's open life has its stage, owner, amount and hold.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{oracle, world::case};
use crate::deals::{
    change_set::ChangeSet,
    event::{Change, Direction, Event},
    visit::{End, VisitSegment},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_instant_of_an_open_deal_has_one_segment((world, script) in case()) {
        if let Some(change_set) = script.play(&world, |_| {}) {
            for at in instants(&change_set) {
                one_segment_or_none(&change_set, at);
            }
        }
    }

    #[test]
    fn segments_follow_each_other_through_an_open_spell((world, script) in case()) {
        if let Some(change_set) = script.play(&world, |_| {}) {
            contiguous(&change_set);
            visits_begin_with_a_direction(&change_set);
        }
    }

    #[test]
    fn held_time_is_the_sum_of_the_held_segments((world, script) in case()) {
        if let Some(change_set) = script.play(&world, |_| {}) {
            held_time_adds_up(&change_set);
        }
    }
}

/// The deal as its events alone tell it.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    open: bool,
    held: bool,
    position: Option<i16>,
    owner_id: Uuid,
    amount: Decimal,
}

fn tell<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Told> {
    let mut told: Option<Told> = None;
    for event in events {
        if let Change::Opened { details, stage, .. } = &event.change {
            told = Some(Told {
                open: true,
                held: false,
                position: stage.as_ref().map(|stage| stage.position),
                owner_id: details.owner_id,
                amount: details.amount.amount,
            });
        }
        let now = told.as_mut()?;
        match &event.change {
            Change::Opened { .. } => {}
            Change::StageChanged { to, .. } => now.position = Some(to.position),
            Change::Won { .. } | Change::Lost { .. } => (now.open, now.held) = (false, false),
            Change::Reopened { stage, .. } => {
                now.open = true;
                now.position = stage.as_ref().map(|stage| stage.position);
            }
            Change::Held { .. } => now.held = true,
            Change::Resumed { .. } => now.held = false,
            Change::AmountChanged { current, .. } => now.amount = current.amount,
            Change::OwnerChanged { current, .. } => now.owner_id = *current,
            Change::Migrated { to, .. } => now.position = to.as_ref().map(|stage| stage.position),
            Change::Updated { .. } | Change::RuleFired { .. } | Change::RuleRefused { .. } => {}
        }
    }
    told
}

/// Around every event, between them, before the first and long after the last.
fn instants(change_set: &ChangeSet) -> Vec<DateTime<Utc>> {
    let hair = TimeDelta::nanoseconds(1);
    let times: Vec<_> = change_set.events.iter().map(|event| event.occurred_at).collect();
    let middles = times.windows(2).map(|pair| pair[0] + (pair[1] - pair[0]) / 2);
    let last = change_set.deal.last_occurred_at + TimeDelta::days(100);
    times.iter().flat_map(|at| [*at - hair, *at, *at + hair]).chain(middles).chain([last]).collect()
}

fn one_segment_or_none(change_set: &ChangeSet, at: DateTime<Utc>) {
    let holds = |segment: &&VisitSegment| {
        segment.entered_at <= at && segment.left.is_none_or(|left| at < left.at)
    };
    let holding: Vec<_> = change_set.entered.iter().filter(holds).collect();
    match tell(change_set.events.iter().take_while(|event| event.occurred_at <= at)) {
        Some(told) if told.open => {
            assert_eq!(holding.len(), 1, "at {at}");
            assert_eq!(as_told(holding[0]), told, "at {at}");
        }
        _ => assert!(holding.is_empty(), "at {at}"),
    }
}

fn as_told(segment: &VisitSegment) -> Told {
    Told {
        open: true,
        held: segment.held,
        position: segment.stage.as_ref().map(|stage| stage.position),
        owner_id: segment.owner_id,
        amount: segment.base_amount,
    }
}

fn contiguous(change_set: &ChangeSet) {
    let mut segments = change_set.entered.iter().peekable();
    let mut present: Option<&VisitSegment> = None;
    for (index, event) in change_set.events.iter().enumerate() {
        let (ends, begins) = match &event.change {
            Change::Opened { .. } | Change::Reopened { .. } => (None, true),
            Change::StageChanged { .. } => (Some(End::Moved), true),
            Change::Won { .. } => (Some(End::Won), false),
            Change::Lost { .. } => (Some(End::Lost), false),
            Change::Updated { .. } => continue,
            _ => (Some(End::Split), true),
        };
        assert_eq!(present.is_some(), ends.is_some());
        if let Some(segment) = present.take() {
            let left = segment.left.unwrap();
            assert_eq!((left.at, Some(left.end)), (event.occurred_at, ends));
        }
        if begins {
            let segment = segments.next().unwrap();
            assert_eq!(segment.sequence, event.sequence);
            assert_eq!(segment.entered_at, event.occurred_at);
            assert_eq!(Some(as_told(segment)), tell(&change_set.events[..=index]));
            present = Some(segment);
        }
    }
    assert_eq!(segments.next(), None);
    assert_eq!(present.is_some(), change_set.deal.is_open());
    if let Some(segment) = present {
        let visit = change_set.deal.visit;
        assert_eq!(segment.left, None);
        assert_eq!((segment.sequence, segment.visit), (visit.segment, visit.number));
        assert_eq!(segment.entered_at, visit.segment_entered_at);
    }
}

fn visits_begin_with_a_direction(change_set: &ChangeSet) {
    let mut entered = None;
    let mut visit = 0;
    let mut here = 0;
    for segment in &change_set.entered {
        let event = &change_set.events[usize::try_from(segment.sequence).unwrap() - 1];
        let position = segment.stage.as_ref().map_or(0, |stage| stage.position);
        let begins = matches!(
            event.change,
            Change::Opened { .. } | Change::StageChanged { .. } | Change::Reopened { .. }
        );
        assert_eq!(segment.direction.is_some(), begins);
        if begins {
            visit += 1;
            entered = Some(segment.entered_at);
            let expected = match &event.change {
                Change::Opened { stage: None, .. } => Direction::Forward,
                Change::Reopened { .. } if position == here => Direction::Reopen,
                _ => oracle::direction(here, position),
            };
            assert_eq!(segment.direction, Some(expected));
            let (Change::StageChanged { direction, .. } | Change::Reopened { direction, .. }) =
                &event.change
            else {
                assert_eq!(visit, 1);
                here = position;
                continue;
            };
            assert_eq!(*direction, expected);
        }
        here = position;
        assert_eq!(segment.visit, visit);
        assert_eq!(Some(segment.visit_entered_at), entered);
    }
}

fn held_time_adds_up(change_set: &ChangeSet) {
    let end = change_set.deal.last_occurred_at + TimeDelta::seconds(1_000);
    // Whole seconds of each hold in a visit, which may have been split since it began.
    let (mut held, mut hold) = (0, None);
    for segment in &change_set.entered {
        if segment.direction.is_some() {
            (held, hold) = (0, None);
        }
        assert_eq!(segment.visit_held_seconds, held);
        hold = segment.held.then(|| hold.unwrap_or((segment.entered_at, held)));
        if let Some((since, before)) = hold {
            let until = segment.left.map_or(end, |left| left.at);
            held = before + (until - since).num_seconds();
        }
    }
    assert_eq!(change_set.deal.held_seconds(end), held);
    assert!(held <= (end - change_set.deal.visit.entered_at).num_seconds());
}
