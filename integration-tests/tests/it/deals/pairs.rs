//! Operations that meet on one deal: whatever they are, nobody rests where a gate is met, nothing that should
//! wake a deal is lost, no gate is passed that is not met, and rows are what histories tell.

mod broken;
mod every;
mod named;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use tokio::sync::Barrier;
use voronka_integration_tests::{
    Api, Reply, TestServer,
    histories::{self, count},
    invariants::{Finding, When, look},
    operations::{Deal, Flavour, Operation, Type, World, meeting},
    process::until,
};

/// Deals that meet their operations at the same time.
const AT_ONCE: usize = 4;

/// Two servers on one database.
struct Scene {
    server: TestServer,
    other: TestServer,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    operations: [Operation; 2],
    flavour: Flavour,
}

impl Pair {
    fn new(first: Operation, second: Operation, flavour: Flavour) -> Self {
        Self { operations: [first, second], flavour }
    }

    fn name(&self) -> String {
        let [first, second] = self.operations;
        format!("{:?}: {} and {}", self.flavour, first.name(), second.name())
    }
}

/// What came of it.
struct Met {
    deal: String,
    pair: Pair,
    replies: [Reply; 2],
}

impl Scene {
    async fn set() -> Self {
        let server = TestServer::start().await;
        let other = TestServer::beside(&server).await;
        Self { server, other }
    }

    async fn world(&self) -> World {
        World::furnish(self.server.workspace("Pairs", "EUR", "Europe/Amsterdam").await).await
    }

    /// Lets each pair meet on a deal of its own. `round` tells one time from another.
    async fn meet(&self, world: &mut World, pairs: &[Pair], round: usize) -> Vec<Met> {
        let types: Vec<Type> =
            pairs.iter().map(|pair| meeting(&pair.operations, pair.flavour)).collect();
        let deals = world.deals(&types).await.expect("deals");
        let world = &*world;
        let prepared = deals.into_iter().zip(pairs).map(|(mut deal, pair)| async move {
            let done = world.prepare(&mut deal, &pair.operations).await;
            done.unwrap_or_else(|| panic!("{}: not prepared", pair.name()));
            (deal, *pair)
        });
        let prepared: Vec<_> = stream::iter(prepared).buffered(AT_ONCE).collect().await;
        let apis = [&self.server, &self.other]
            .map(|of| Api { base: of.admin.base.clone(), ..world.admin.clone() });
        let met = prepared.into_iter().enumerate().map(|(number, (deal, pair))| {
            let apis = apis.clone();
            async move {
                let replies = at_once(&apis, &deal, pair, number + round * 31).await;
                Met { deal: deal.id, pair, replies }
            }
        });
        stream::iter(met).buffer_unordered(AT_ONCE).collect().await
    }

    /// When everybody is done: what is broken, before the clock has run and after it.
    async fn findings(&self) -> Vec<Finding> {
        let mut connection = self.server.connection();
        until("imports ended", async || {
            let going =
                "SELECT count(*) AS number FROM imports WHERE state IN ('queued', 'running')";
            count(&mut self.server.connection(), going) == 0
        })
        .await;
        let mut findings = look(&mut connection, When::AtRest);
        // What has rung is heard once more when all have ended who were at work then, in other databases too.
        let rung = "SELECT count(*) AS number FROM rings WHERE rung_at <= now()";
        until("the clock has come to an end", async || {
            let looked_at = self.server.store.tick(voronka_persistence::now()).unwrap();
            looked_at == 0 && count(&mut self.server.connection(), rung) == 0
        })
        .await;
        findings.extend(look(&mut connection, When::AtRest));
        histories::check(&mut connection);
        findings
    }
}

/// Both operations at the same moment, one of them a little later, with a key or a version at times.
async fn at_once(apis: &[Api; 2], deal: &Deal, pair: Pair, number: usize) -> [Reply; 2] {
    let barrier = Arc::new(Barrier::new(2));
    let path = format!("/v1/deals/{}", deal.id);
    let version = match number % 7 {
        3 => apis[0].get(&path).await.expect(200).header("etag").to_owned(),
        _ => String::new(),
    };
    let sent = [0, 1].map(|side| {
        let request = (pair.operations[side].request)(deal);
        let (api, barrier) = (apis[side].clone(), barrier.clone());
        let mut headers = Vec::new();
        if request.method == reqwest::Method::POST && number % 5 == side + 1 {
            headers.push(("idempotency-key", format!("{}-{side}", deal.id)));
        }
        if side == 0 && !version.is_empty() && request.path == path {
            headers.push(("if-match", version.clone()));
        }
        let late = if number % 2 == side { number * 37 % 400 } else { 0 };
        let late = Duration::from_micros(late.try_into().unwrap());
        tokio::spawn(async move {
            let headers: Vec<_> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            barrier.wait().await;
            let began = Instant::now();
            while began.elapsed() < late {
                tokio::task::yield_now().await;
            }
            request.send(&api, &headers).await.expect("an answer")
        })
    });
    let [first, second] = sent;
    [first.await.unwrap(), second.await.unwrap()]
}

/// The statuses of an answer: of a batch, those of its items too.
fn statuses(reply: &Reply) -> Vec<(u64, String)> {
    let mut all = vec![(u64::from(reply.status), reply.code().to_owned())];
    if reply.status == 207 {
        let items = reply.json["items"].as_array().unwrap();
        all.extend(items.iter().map(|item| {
            let code = item["problem"]["code"].as_str().unwrap_or_default();
            (item["status"].as_u64().unwrap(), code.to_owned())
        }));
    }
    all
}

/// What went wrong, by pair: answers that should not be, and deals that are broken.
fn wrong(met: &[Met], findings: &[Finding]) -> BTreeMap<String, usize> {
    let mut wrong = BTreeMap::new();
    let mut note = |what: String| *wrong.entry(what).or_default() += 1;
    for Met { pair, replies, .. } in met {
        for (operation, reply) in pair.operations.iter().zip(replies) {
            for (status, code) in statuses(reply) {
                if status >= 500 && status != 503 {
                    note(format!("{status} {code} of {}, in {}", operation.name(), pair.name()));
                }
            }
        }
    }
    let mut pairs: BTreeMap<_, _> = met.iter().map(|met| (met.deal.as_str(), met.pair)).collect();
    for Met { pair, replies, .. } in met {
        pairs.extend(replies.iter().filter_map(|reply| Some((reply.json["id"].as_str()?, *pair))));
    }
    // What is broken before the clock and after it is broken once.
    let broken = findings.iter().flat_map(|one| one.broken.iter().map(|id| (one.invariant, id)));
    for (invariant, broken) in broken.collect::<BTreeSet<_>>() {
        let id = broken.split(' ').next().unwrap_or_default();
        let whose = pairs.get(id).map_or(broken.clone(), Pair::name);
        note(format!("not so: {invariant}; {whose}"));
    }
    wrong
}
