//! `make bench`: how fast the server answers, as ratios within one run. The yardstick is the server's own
//! `/healthz`: a request that does nothing, over the same connections.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    future::Future,
    time::{Duration, Instant},
};

use diesel::RunQueryDsl;
use serde_json::json;
use voronka_integration_tests::{Api, TestServer};

const CONNECTIONS: usize = 16;
const REQUESTS: usize = 200;
/// A report counts ten thousand deals at each request.
const REPORTS: usize = 20;
const ROUNDS: usize = 3;

struct Figure {
    rate: f64,
    median: Duration,
    tail: Duration,
}

/// So many requests from each of the connections; the round with the middle rate of some.
async fn measure<F, R>(
    requests: usize,
    request: impl Fn(usize, usize) -> F + Clone + Send + 'static,
) -> Figure
where
    F: Future<Output = R> + Send,
    R: Send,
{
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let started = Instant::now();
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|client| {
                let request = request.clone();
                tokio::spawn(async move {
                    let mut times = Vec::with_capacity(requests);
                    for number in 0..requests {
                        let started = Instant::now();
                        request(client, round * requests + number).await;
                        times.push(started.elapsed());
                    }
                    times
                })
            })
            .collect();
        let mut times = Vec::new();
        for client in clients {
            times.extend(client.await.expect("a client"));
        }
        let elapsed = started.elapsed().as_secs_f64();
        times.sort_unstable();
        let rate = times.len() as f64 / elapsed;
        let at = |share: usize| times[times.len() * share / 100];
        rounds.push(Figure { rate, median: at(50), tail: at(95) });
    }
    rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    rounds.swap_remove(ROUNDS / 2)
}

fn print(name: &str, figure: &Figure, yardstick: f64) {
    println!(
        "| {name} | {:.0} | {:.3} | {:.2} ms | {:.2} ms |",
        figure.rate,
        figure.rate / yardstick,
        figure.median.as_secs_f64() * 1_000.0,
        figure.tail.as_secs_f64() * 1_000.0,
    );
}

/// Deals to move: each client has its own.
async fn deals(api: &Api, deal_type: &str) -> Vec<String> {
    let mut deals = Vec::new();
    for _ in 0..CONNECTIONS {
        deals.push(api.deal(deal_type, "1999.95").await);
    }
    deals
}

#[tokio::main]
async fn main() {
    let server = TestServer::start().await;
    let api = server.admin.clone();
    let deal_type = api.deal_type(&["first", "second", "third"]).await;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    println!(
        "{cores} cores, {profile} profile, {CONNECTIONS} connections, server and client on one machine\n"
    );
    println!(
        "| request | per second | of /healthz | median | 95th percentile |\n|---|---|---|---|---|"
    );

    let theirs = api.clone();
    let idle = measure(REQUESTS, move |_, _| {
        let api = theirs.clone();
        async move { api.get("/healthz").await.expect(200) }
    })
    .await;
    print("/healthz", &idle, idle.rate);

    let (theirs, kind) = (api.clone(), deal_type.clone());
    let create = measure(REQUESTS, move |_, _| {
        let (api, kind) = (theirs.clone(), kind.clone());
        async move { api.deal(&kind, "1999.95").await }
    })
    .await;
    print("create a deal", &create, idle.rate);

    let (theirs, ids) = (api.clone(), deals(&api, &deal_type).await);
    let moved = measure(REQUESTS, move |client, number| {
        let (api, id) = (theirs.clone(), ids[client].clone());
        let stage = if number % 2 == 0 { "second" } else { "first" };
        async move {
            api.transition(&id, json!({ "to": "stage", "stage_key": stage })).await.expect(200)
        }
    })
    .await;
    print("move a deal", &moved, idle.rate);

    // Ten thousand deals in some seconds are more than Postgres' statistics keep up with.
    diesel::sql_query("ANALYZE").execute(&mut server.connection()).expect("statistics");
    for (name, requests, path) in [
        ("list 50 deals", REQUESTS, "/v1/deals?status=open&sort=-updated_at".to_owned()),
        (
            "closed funnel",
            REPORTS,
            format!("/v1/reports/funnel/closed?deal_type_id={deal_type}&basis=created"),
        ),
        ("open funnel", REPORTS, format!("/v1/reports/funnel/open?deal_type_id={deal_type}")),
    ] {
        let theirs = api.clone();
        let figure = measure(requests, move |_, _| {
            let (api, path) = (theirs.clone(), path.clone());
            async move { api.get(&path).await.expect(200) }
        })
        .await;
        print(name, &figure, idle.rate);
    }
}
