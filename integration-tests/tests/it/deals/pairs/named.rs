//! Pairs that have gone wrong before, often enough to go wrong again.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::future::{join, join_all};
use serde_json::json;
use voronka_integration_tests::{
    histories::count,
    operations::{Flavour, Kind, named},
};

use super::{Pair, Scene, wrong};

const TIMES: usize = 60;

async fn goes_well(first: (&str, &str), second: (&str, &str), flavour: Flavour) {
    let scene = Scene::set().await;
    let mut world = scene.world().await;
    let pair = Pair::new(named(first.0, first.1), named(second.0, second.1), flavour);
    let met = scene.meet(&mut world, &[pair; TIMES], 0).await;
    for met in &met {
        for reply in &met.replies {
            // The one that names a version may come after the other.
            let fine = reply.status < 300 || reply.status == 412 || flavour == Flavour::Manual;
            assert!(fine, "{}", reply.text);
        }
    }
    assert_eq!(wrong(&met, &scene.findings().await), BTreeMap::new());
}

const FIELD: (&str, &str) = ("updateDeal", "fill");
const DOCUMENT: (&str, &str) = ("transitionDocument", "send");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_and_a_document() {
    goes_well(FIELD, DOCUMENT, Flavour::Bare).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_and_a_payment() {
    goes_well(FIELD, ("createPayment", "pay"), Flavour::Bare).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_and_a_task() {
    goes_well(FIELD, ("transitionTask", "done"), Flavour::Bare).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deal_that_goes_on_and_a_document() {
    goes_well(("transitionDeal", "resume"), DOCUMENT, Flavour::Bare).await;
}

/// Both write the index of its value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custom_field_and_itself() {
    goes_well(("updateDeal", "custom"), ("updateDeal", "custom"), Flavour::Bare).await;
}

/// The gate is looked at with the client that the deal gets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_client_and_a_title() {
    goes_well(("updateDeal", "client"), ("updateDeal", "title"), Flavour::Bare).await;
}

/// A change of the client wakes the deals that it can see, and those that it cannot see yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_deal_and_its_client() {
    goes_well(("createDeal", "of its client"), ("updateClient", "class"), Flavour::Bare).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deal_that_is_open_again_and_its_client() {
    goes_well(("transitionDeal", "reopen"), ("updateClient", "class"), Flavour::Bare).await;
}

/// A move sees what the feed tells before it: a gate that was unmet is not passed any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_and_a_refund() {
    goes_well(("transitionDeal", "next"), ("createPayment", "refund"), Flavour::Manual).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_and_a_document_that_is_rejected() {
    goes_well(("transitionDeal", "next"), ("transitionDocument", "reject"), Flavour::Manual).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_and_a_call_that_was_in_vain() {
    goes_well(("transitionDeal", "next"), ("updateActivity", "not reached"), Flavour::Manual).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_and_the_titles_of_their_deals() {
    let scene = Scene::set().await;
    let mut world = scene.world().await;
    let wanted = vec![(vec![Kind::Client], Flavour::Bare); 320];
    let deals = world.deals(&wanted).await.expect("deals");
    let change = |client: &String| json!({ "op": "update", "id": client, "class": "A" });
    let items: Vec<_> = deals.iter().map(|deal| change(&deal.client)).collect();
    let told = AtomicBool::new(false);
    let clients = async {
        let reply = world.admin.post("/v1/clients/batch", json!({ "items": items })).await;
        told.store(true, Ordering::Relaxed);
        reply.expect(207)
    };
    // Somebody goes on changing titles for as long as the batch takes.
    let titles = (0..8).map(|number| {
        let (deals, told, api) = (&deals, &told, &world.admin);
        async move {
            for deal in deals.iter().cycle().skip(number * 40) {
                if told.load(Ordering::Relaxed) {
                    break;
                }
                let title = json!({ "title": deal.unique() });
                api.patch(&format!("/v1/deals/{}", deal.id), title).await.expect(200);
            }
        }
    });
    join(clients, join_all(titles)).await;
    assert_eq!(wrong(&[], &scene.findings().await), BTreeMap::new());
    let left = "SELECT count(*) AS number FROM deals JOIN stages ON stages.id = stage_id WHERE key = 'one'";
    assert_eq!(count(&mut scene.server.connection(), left), 0);
}
