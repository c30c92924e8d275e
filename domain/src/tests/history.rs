//! The events are the deal: replayed, through JSON, and with the deal put away and taken out again.

use proptest::prelude::*;

use super::world::{Action, DEAL, Script, World, case, script, world};
use crate::deals::{
    deal::Deal, event::Event, ledger::Ledger, transition::Facts, visit::VisitSegment,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn history_rebuilds_the_deal((world, script) in case()) {
        if let Some(ledger) = script.play(&world, |_| {}) {
            rebuilds(&ledger);
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

fn rebuilds(ledger: &Ledger) {
    assert_eq!(Deal::replay(DEAL, &ledger.events).as_ref(), Some(&ledger.deal));
    let json = serde_json::to_string(&ledger.events).unwrap();
    let events: Vec<Event> = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&events).unwrap(), json);
    // Numbers of stages are no part of it.
    let plain = |mut deal: Deal| {
        deal.track = None;
        deal.stage.iter_mut().for_each(|stage| stage.number = 0);
        deal
    };
    assert_eq!(Deal::replay(DEAL, &events).map(plain), Some(plain(ledger.deal.clone())));
    assert_eq!(
        Deal::replay(DEAL, ledger.events.iter().skip(1)),
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
    fn record(&mut self, ledger: Ledger) {
        assert!(ledger.before.is_some() && ledger.is_unchanged() == ledger.events.is_empty());
        if ledger.is_unchanged() {
            assert!(ledger.entered.is_empty() && ledger.left.is_none() && ledger.deal == self.deal);
        }
        if let Some((sequence, left)) = ledger.left {
            let open = self.segments.iter_mut().find(|segment| segment.sequence == sequence);
            let earlier = open.unwrap().left.replace(left);
            assert_eq!(earlier, None, "A segment ends once.");
        }
        self.deal = ledger.deal;
        self.events.extend(ledger.events);
        self.segments.extend(ledger.entered);
    }
}

fn goes_on(world: &World, script: &Script, put_away: &[bool]) {
    let Ok(opened) = script.open(world) else { return };
    assert!(opened.before.is_none() && !opened.is_unchanged() && opened.left.is_none());
    let (deal, events, segments) = (opened.deal.clone(), opened.events, opened.entered);
    let mut stored = Stored { deal, events, segments };
    let mut ledger = Ledger::stored(opened.deal);
    let mut cuts = put_away.iter();
    let mut again = |action: Action, facts: &Facts<'_>| {
        let outcome = action.perform(&mut ledger, facts);
        if *cuts.next().unwrap() {
            let deal = ledger.deal.clone();
            stored.record(std::mem::replace(&mut ledger, Ledger::stored(deal)));
        }
        outcome
    };
    let whole = script.play(world, |turn| {
        assert_eq!(again(turn.action.clone(), &turn.facts), turn.outcome);
    });
    let whole = whole.unwrap();
    stored.record(ledger);
    assert_eq!(stored.deal, whole.deal);
    assert_eq!(stored.events, whole.events);
    assert_eq!(stored.segments, whole.entered);
    assert_eq!(whole.left, None);
}
