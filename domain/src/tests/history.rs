//! The events are the deal: replayed, through JSON, and with the deal put away and taken out again.

use proptest::prelude::*;

use super::world::{Action, DEAL, Script, World, case, script, world};
use crate::deals::{
    change_set::ChangeSet, deal::Deal, event::Event, transition::Facts, visit::VisitSegment,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn history_rebuilds_the_deal((world, script) in case()) {
        if let Some(change_set) = script.play(&world, |_| {}) {
            rebuilds(&change_set);
        }
    }

    #[test]
    fn a_deal_goes_on_where_it_was_put_away(
        world in world(),
        script in script(40),
        put_away in prop::collection::vec(any::<bool>(), 41),
    ) {
        goes_on(&world, &script, &put_away);
    }
}

fn rebuilds(change_set: &ChangeSet) {
    assert_eq!(Deal::replay(DEAL, &change_set.events).as_ref(), Some(&change_set.deal));
    let json = serde_json::to_string(&change_set.events).unwrap();
    let events: Vec<Event> = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&events).unwrap(), json);
    // Numbers of stages are no part of it.
    let plain = |mut deal: Deal| {
        deal.track = None;
        deal.stage.iter_mut().for_each(|stage| stage.number = 0);
        deal
    };
    assert_eq!(Deal::replay(DEAL, &events).map(plain), Some(plain(change_set.deal.clone())));
    assert_eq!(
        Deal::replay(DEAL, change_set.events.iter().skip(1)),
        None,
        "It begins with an opening."
    );
}

/// What a database would hold of a deal.
struct Stored {
    deal: Deal,
    events: Vec<Event>,
    segments: Vec<VisitSegment>,
}

impl Stored {
    fn record(&mut self, change_set: ChangeSet) {
        assert!(
            change_set.before.is_some()
                && change_set.is_unchanged() == change_set.events.is_empty()
        );
        if change_set.is_unchanged() {
            assert!(
                change_set.entered.is_empty()
                    && change_set.left.is_none()
                    && change_set.deal == self.deal
            );
        }
        if let Some((sequence, left)) = change_set.left {
            let open = self.segments.iter_mut().find(|segment| segment.sequence == sequence);
            let earlier = open.unwrap().left.replace(left);
            assert_eq!(earlier, None, "A segment ends once.");
        }
        self.deal = change_set.deal;
        self.events.extend(change_set.events);
        self.segments.extend(change_set.entered);
    }
}

fn goes_on(world: &World, script: &Script, put_away: &[bool]) {
    let Ok(opened) = script.open(world) else { return };
    assert!(opened.before.is_none() && !opened.is_unchanged() && opened.left.is_none());
    let (deal, events, segments) = (opened.deal.clone(), opened.events, opened.entered);
    let mut stored = Stored { deal, events, segments };
    let mut change_set = ChangeSet::stored(opened.deal);
    let mut cuts = put_away.iter();
    let mut again = |action: Action, facts: &Facts<'_>| {
        let outcome = action.perform(&mut change_set, facts);
        if *cuts.next().unwrap() {
            let deal = change_set.deal.clone();
            stored.record(std::mem::replace(&mut change_set, ChangeSet::stored(deal)));
        }
        outcome
    };
    let whole = script.play(world, |turn| {
        assert_eq!(again(turn.action.clone(), &turn.facts), turn.outcome);
    });
    let whole = whole.unwrap();
    stored.record(change_set);
    assert_eq!(stored.deal, whole.deal);
    assert_eq!(stored.events, whole.events);
    assert_eq!(stored.segments, whole.entered);
    assert_eq!(whole.left, None);
}
