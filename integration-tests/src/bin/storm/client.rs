//! A client that does whatever it likes, and writes down what it was told.

use std::sync::Arc;

use futures_util::future::join_all;
use reqwest::Method;
use voronka_integration_tests::{
    Reply,
    operations::{Operation, Request},
};

use crate::{
    log::{Log, Sent},
    random::Random,
    sea::Sea,
};

/// What is read between the writes.
const READS: &[&str] = &[
    "/v1/deals?limit=20",
    "/v1/deals?overdue=true",
    "/v1/tasks/counters",
    "/v1/events?limit=50",
    "/v1/clients?limit=20",
    "/v1/tasks/gantt",
    "/v1/hand-overs",
];

pub struct Client {
    sea: Arc<Sea>,
    random: Random,
    log: Log,
}

impl Client {
    pub fn new(sea: Arc<Sea>, number: u64, seed: u64) -> Self {
        Self { sea, random: Random::new(seed, number + 1), log: Log::default() }
    }

    pub async fn work(mut self) -> Log {
        while !self.sea.is_over() {
            if self.random.percent(10) {
                self.read().await;
            } else {
                self.write().await;
            }
            self.sea.spawn().await;
        }
        self.log
    }

    async fn read(&mut self) {
        let path = READS[self.random.below(READS.len())];
        let reply = self.sea.api(&mut self.random).try_get(path).await;
        self.log.note(path.split('?').next().unwrap_or(path), reply.as_ref());
    }

    /// One operation on a deal, or two at the same moment.
    async fn write(&mut self) {
        let number = 1 + usize::from(self.random.percent(50));
        let (operations, mut deal) = self.sea.choose(&mut self.random, number);
        let world = self.sea.world.by(&self.sea.api(&mut self.random));
        if world.prepare(&mut deal, &operations).await.is_none() {
            return self.log.unprepared();
        }
        self.sea.keep(&deal);
        let sent = operations.iter().map(|operation| {
            let random = Random::new(self.random.seed(), 0);
            send(&self.sea, random, *operation, (operation.request)(&deal))
        });
        for (operation, replies, sent) in join_all(sent).await {
            for reply in &replies {
                self.log.note(operation.id, reply.as_ref());
                self.log.acknowledge(reply.as_ref());
            }
            self.log.sent.extend(sent);
        }
    }
}

/// Sends a request, some of them with a key. Whoever gets no answer to a key asks once more, perhaps
/// elsewhere, or leaves it for later.
async fn send(
    sea: &Sea,
    mut random: Random,
    operation: Operation,
    request: Request,
) -> (Operation, Vec<Option<Reply>>, Option<Sent>) {
    let posts = request.method == Method::POST && request.path != "/v1/imports";
    if !posts || random.percent(60) {
        let reply = request.send(&sea.api(&mut random), &[]).await;
        return (operation, vec![reply], None);
    }
    let mut sent = Sent { key: sea.key(), request, answer: None };
    let mut replies = Vec::new();
    for _ in 0..2 {
        let reply = sent.send(&sea.api(&mut random)).await;
        let answered = reply.as_ref().is_some_and(|reply| reply.status != 503);
        replies.push(reply);
        if answered || random.percent(50) {
            break;
        }
    }
    (operation, replies, Some(sent))
}
