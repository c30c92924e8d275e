//! Funnels, against the definitions carried out deal by deal.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{collection::vec, prelude::*, sample::select};
use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::world::{Script, World, process, script, world};
use crate::{
    analytics::funnel::{ClosedFunnel, OpenCount, Progress, ProgressCount, closed, open},
    deals::{deal::Status, event::Change, stage_path::VisitCount},
    process::{
        Process,
        alignment::{Alignment, Positions},
    },
};

/// What a funnel counts of a deal.
#[derive(Debug, Clone)]
struct Card {
    depth: i16,
    position: i16,
    status: Status,
    amount: Decimal,
    cycle_seconds: i64,
}

#[derive(Debug, Clone)]
struct Deck {
    process: Process,
    cards: Vec<Card>,
}

fn deck() -> impl Strategy<Value = Deck> {
    (0..=8_i16).prop_flat_map(|last| {
        let status = select(vec![Status::Open, Status::Won, Status::Lost]);
        // Depth 0 is a deal that was opened while its type had no stages.
        let card = (0..=last, 0..=last, status, 0..1_000_000_i64, 0..10_000_000_i64);
        let card = card.prop_map(|(a, b, status, amount, cycle_seconds)| {
            let (depth, position, amount) = (a.max(b), a.min(b), Decimal::new(amount, 2));
            Card { depth, position, status, amount, cycle_seconds }
        });
        let stages = (0..last).map(|_| vec![]).collect();
        vec(card, 0..40).prop_map(move |cards| {
            let process = process(Vec::clone(&stages));
            Deck { process, cards }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_closed_funnel_counts_deal_by_deal(deck in deck()) {
        let grouped = closed(&alone(&deck.process), &grouped(&deck.cards), &[]);
        drops_are_losses_and_open_deals(&grouped);
        reached_by_definition(&deck, &grouped);
        totals_by_definition(&deck.cards, &grouped);
        // How the deals are grouped is the database's affair.
        let single: Vec<_> = deck.cards.iter().map(row).collect();
        assert_eq!(closed(&alone(&deck.process), &single, &[]), grouped);
    }

    #[test]
    fn stages_keep_their_visits_and_open_deals(deck in deck(), missing in 1..=8_i16) {
        visits_stay_with_their_stage(&deck.process, missing);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn depth_is_the_furthest_stage_of_the_history(
        world in world(),
        scripts in vec(script(12), 1..10),
    ) {
        funnel_of_histories(&world, &scripts);
    }
}

/// A process that has but one version.
fn alone(process: &Process) -> Alignment {
    Alignment::of(process, &[Arc::new(process.clone())], &[])
}

fn row(card: &Card) -> ProgressCount {
    ProgressCount {
        progress: Progress {
            depth: card.depth,
            position: card.position,
            lacks: Positions::default(),
            status: card.status,
        },
        deals: 1,
        amount: card.amount,
        cycle_seconds: Decimal::from(card.cycle_seconds),
    }
}

fn grouped(cards: &[Card]) -> Vec<ProgressCount> {
    let mut groups: BTreeMap<(i16, i16, u8), ProgressCount> = BTreeMap::new();
    for card in cards {
        let one = row(card);
        groups
            .entry((card.depth, card.position, card.status as u8))
            .and_modify(|group| {
                group.deals += 1;
                group.amount += one.amount;
                group.cycle_seconds += one.cycle_seconds;
            })
            .or_insert(one);
    }
    groups.into_values().collect()
}

/// Count and amount of the deals that are so.
fn sum(cards: &[Card], is: impl Fn(&Card) -> bool) -> (i64, Decimal) {
    let kept: Vec<_> = cards.iter().filter(|card| is(card)).collect();
    (i64::try_from(kept.len()).unwrap(), kept.iter().map(|card| card.amount).sum())
}

fn assert_close(actual: Option<f64>, expected: Option<f64>) {
    match (actual, expected) {
        (Some(a), Some(b)) => assert!((a - b).abs() <= 6e-7 * b.abs().max(1.0), "{a} is not {b}"),
        _ => assert_eq!(actual, expected),
    }
}

fn share(a: impl ToPrimitive, b: impl ToPrimitive) -> Option<f64> {
    let (a, b) = (a.to_f64().unwrap(), b.to_f64().unwrap());
    (b != 0.0).then(|| a / b)
}

fn drops_are_losses_and_open_deals(funnel: &ClosedFunnel) {
    let won = (funnel.totals.won, funnel.totals.won_amount);
    let nexts = funnel.stages.iter().skip(1).map(|stage| (stage.reached, stage.reached_amount));
    for (stage, next) in funnel.stages.iter().zip(nexts.chain([won])) {
        assert_eq!((stage.passed, stage.passed_amount), next);
        assert_eq!(stage.reached - next.0, stage.lost + stage.open);
        assert_eq!(stage.reached_amount - next.1, stage.lost_amount + stage.open_amount);
        assert!(stage.reached >= next.0 && stage.reached_amount >= next.1);
        assert_close(stage.conversion_to_next, share(next.0, stage.reached));
        assert_close(stage.conversion_from_first, share(stage.reached, funnel.stages[0].reached));
    }
}

fn reached_by_definition(deck: &Deck, funnel: &ClosedFunnel) {
    let last = i16::try_from(deck.process.stages.len()).unwrap();
    let positions: Vec<_> = funnel.stages.iter().map(|stage| stage.position).collect();
    assert_eq!(positions, (1..=last).collect::<Vec<_>>());
    // A deal of a staged type is in its first stage at least; a won one is past the last.
    let depth = |card: &Card| match card.status {
        Status::Won => last + 1,
        _ => card.depth.max(1),
    };
    for stage in &funnel.stages {
        let k = stage.position;
        let at = |status| sum(&deck.cards, |card| card.status == status && depth(card) == k);
        let reached = sum(&deck.cards, |card| depth(card) >= k);
        assert_eq!((stage.reached, stage.reached_amount), reached);
        let passed = sum(&deck.cards, |card| depth(card) > k);
        assert_eq!((stage.passed, stage.passed_amount), passed);
        assert_eq!((stage.lost, stage.lost_amount), at(Status::Lost));
        assert_eq!((stage.open, stage.open_amount), at(Status::Open));
        let from = |card: &Card| card.status == Status::Lost && card.position == k;
        assert_eq!(stage.lost_from, sum(&deck.cards, from).0);
        let named = &deck.process.stages[usize::try_from(k).unwrap() - 1];
        assert_eq!((&stage.stage_key, &stage.name), (&named.key, &named.name));
    }
    if let Some(first) = funnel.stages.first() {
        assert_eq!(first.reached, funnel.totals.deals);
        let lost: i64 = funnel.stages.iter().map(|stage| stage.lost).sum();
        let open: i64 = funnel.stages.iter().map(|stage| stage.open).sum();
        assert_eq!((lost, open), (funnel.totals.lost, funnel.totals.open));
    }
}

fn totals_by_definition(cards: &[Card], funnel: &ClosedFunnel) {
    let totals = &funnel.totals;
    let of = |status| sum(cards, |card| card.status == status);
    let (won, lost, open) = (of(Status::Won), of(Status::Lost), of(Status::Open));
    assert_eq!((totals.won, totals.won_amount), won);
    assert_eq!((totals.lost, totals.lost_amount), lost);
    assert_eq!((totals.open, totals.open_amount), open);
    assert_eq!(totals.deals, i64::try_from(cards.len()).unwrap());
    assert_close(totals.win_rate, share(won.0, won.0 + lost.0));
    assert_close(totals.win_rate_by_amount, share(won.1, won.1 + lost.1));
    assert_eq!(totals.win_rate.is_none(), won.0 + lost.0 == 0, "0/0 is unknown.");
    let mean = totals.average_won_amount.map(|mean| mean.to_f64().unwrap());
    let expected = share(won.1, won.0);
    assert_eq!(mean.is_some(), expected.is_some());
    assert!(mean.zip(expected).is_none_or(|(a, b)| (a - b).abs() <= 6e-5));
    let cycles = cards.iter().filter(|card| card.status == Status::Won);
    let cycles: i64 = cycles.map(|card| card.cycle_seconds).sum();
    assert_close(totals.mean_won_cycle_seconds, share(cycles, won.0));
}

fn visits_stay_with_their_stage(process: &Process, missing: i16) {
    let positions = || process.stages.iter().map(|stage| stage.position).rev();
    let present = || positions().filter(|position| *position != missing);
    let visits: Vec<_> = present()
        .map(|position| VisitCount { position, visits: position.into(), ..Default::default() })
        .collect();
    for stage in closed(&alone(process), &[], &visits).stages {
        let expected = if stage.position == missing { 0 } else { stage.position.into() };
        assert_eq!(stage.visits.visits, expected);
        assert_eq!((stage.reached, stage.conversion_to_next), (0, None));
    }
    let counts: Vec<_> = present()
        .map(|position| OpenCount { position, deals: position.into(), ..Default::default() })
        .collect();
    let alignment = alone(process);
    let rows = open(&alignment, &counts);
    assert_eq!(rows.len(), process.stages.len());
    for (stage, row) in rows {
        let expected = if stage.position == missing { 0 } else { stage.position.into() };
        assert_eq!((row.position, row.deals), (stage.position, expected));
    }
}

/// The rows keep a deal's depth; the definition looks through its whole history.
fn funnel_of_histories(world: &World, scripts: &[Script]) {
    let change_sets: Vec<_> =
        scripts.iter().filter_map(|script| script.play(world, |_| {})).collect();
    let rows: Vec<_> = change_sets
        .iter()
        .map(|change_set| ProgressCount {
            progress: Progress {
                depth: change_set.deal.depth,
                position: change_set.deal.stage.as_ref().map_or(0, |stage| stage.position),
                lacks: Positions::default(),
                status: change_set.deal.status,
            },
            deals: 1,
            amount: change_set.deal.base(),
            cycle_seconds: Decimal::ZERO,
        })
        .collect();
    let funnel = closed(&alone(&world.process), &rows, &[]);
    drops_are_losses_and_open_deals(&funnel);
    for stage in &funnel.stages {
        let reached = change_sets.iter().filter(|change_set| {
            let was_there = change_set.events.iter().any(|event| match &event.change {
                Change::Opened { stage: Some(to), .. }
                | Change::StageChanged { to, .. }
                | Change::Reopened { stage: Some(to), .. } => to.position >= stage.position,
                _ => false,
            });
            was_there || change_set.deal.status == Status::Won
        });
        assert_eq!(stage.reached, i64::try_from(reached.count()).unwrap());
    }
}
