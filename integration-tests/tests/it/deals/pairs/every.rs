//! Every two operations that touch a deal, and each with itself.

use std::collections::{BTreeMap, BTreeSet};

use voronka_integration_tests::{
    TestServer,
    operations::{self, Flavour},
};

use super::{Met, Pair, Scene, statuses, wrong};

/// Pairs in a workspace: what concerns all of its deals concerns so many at most.
const IN_A_WORKSPACE: usize = 200;

/// How often each pair meets: `VORONKA_PAIRS`, once by default.
fn rounds() -> usize {
    let asked = std::env::var("VORONKA_PAIRS").ok();
    asked.map_or(1, |times| times.parse().expect("VORONKA_PAIRS is a number"))
}

fn pairs(round: usize) -> Vec<Pair> {
    let all = operations::all();
    let mut pairs = Vec::new();
    for (number, first) in all.iter().enumerate() {
        for second in &all[number..] {
            let led = [Flavour::Bare, Flavour::Ruled][(pairs.len() + round) % 2];
            let by_hand = first.by_hand || second.by_hand;
            pairs.push(Pair::new(*first, *second, if by_hand { Flavour::Manual } else { led }));
        }
    }
    // Mixed, so that what concerns a whole workspace is spread over all of them.
    let step = 367;
    assert_ne!(pairs.len() % step, 0);
    (0..pairs.len()).map(|number| pairs[number * step % pairs.len()]).collect()
}

#[tokio::test]
async fn every_writing_operation_is_known() {
    let server = TestServer::start().await;
    let document = server.admin.get("/openapi.json").await.expect(200).json;
    assert!(operations::specified(&document).len() > 60);
    assert_eq!(operations::faults(&document), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_two_operations_meet_on_one_deal() {
    let scene = Scene::set().await;
    let mut met: Vec<Met> = Vec::new();
    for round in 0..rounds() {
        for pairs in pairs(round).chunks(IN_A_WORKSPACE) {
            let mut world = scene.world().await;
            met.extend(scene.meet(&mut world, pairs, round).await);
        }
    }
    let findings = scene.findings().await;
    let mut well = BTreeSet::new();
    let mut answers: BTreeMap<(u64, String), usize> = BTreeMap::new();
    for Met { pair, replies, .. } in &met {
        for (operation, reply) in pair.operations.iter().zip(replies) {
            let statuses = statuses(reply);
            if statuses.iter().all(|(status, _)| *status < 300) {
                well.insert(operation.name());
            }
            statuses.into_iter().for_each(|one| *answers.entry(one).or_default() += 1);
        }
    }
    println!("{} pairs met; answers: {answers:?}", met.len());
    // What is always refused lets nothing meet.
    let all: BTreeSet<_> = operations::all().iter().map(|operation| operation.name()).collect();
    assert_eq!(all.difference(&well).collect::<Vec<_>>(), Vec::<&String>::new());
    let wrong = wrong(&met, &findings);
    let total: usize = wrong.values().sum();
    assert!(wrong.is_empty(), "{total} times of {}: {wrong:#?}", met.len());
}
