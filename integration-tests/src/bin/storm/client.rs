//! A client that does whatever it likes, and writes down what it was told.

use std::sync::Arc;

use reqwest::Method;

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

    async fn write(&mut self) {
        let api = self.sea.api(&mut self.random);
        let (operation, mut deal) = self.sea.choose(&mut self.random);
        let world = self.sea.world.by(&api);
        if world.prepare(&mut deal, &[operation]).await.is_none() {
            return self.log.unprepared();
        }
        self.sea.keep(&deal);
        let request = (operation.request)(&deal);
        let keyed = request.method == Method::POST
            && request.path != "/v1/imports"
            && self.random.percent(40);
        if !keyed {
            let reply = request.send(&api, &[]).await;
            self.log.note(operation.id, reply.as_ref());
            self.log.acknowledge(reply.as_ref());
            return;
        }
        let mut sent = Sent { key: self.sea.key(), request, answer: None };
        // Whoever gets no answer asks once more, perhaps elsewhere, and otherwise later.
        for again in [false, true] {
            let api = if again { self.sea.api(&mut self.random) } else { api.clone() };
            let reply = sent.send(&api).await;
            self.log.note(operation.id, reply.as_ref());
            self.log.acknowledge(reply.as_ref());
            if reply.is_some_and(|reply| reply.status != 503) || self.random.percent(50) {
                break;
            }
        }
        self.log.sent.push(sent);
    }
}
