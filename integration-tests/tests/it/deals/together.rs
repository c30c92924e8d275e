//! What comes at the same moment is recorded together, each as if it had come alone.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{
    Api, Reply, TestServer,
    histories::{self, count},
    process::{PATIENCE, Process, until, until_so},
    sql,
};

const STAGES: &[&str] = &["one", "two", "three"];

/// A method, a path and a body.
type Request = (Method, String, Value);
/// What is sent for a deal.
type Change = fn(&str) -> Request;

fn to(deal: &str, stage: &str) -> Request {
    let body = json!({ "to": "stage", "stage_key": stage });
    (Method::POST, format!("/v1/deals/{deal}/transition"), body)
}

async fn send(api: &Api, (method, path, body): &Request) -> Reply {
    api.send(method.clone(), path, &[], Some(body.to_string().into_bytes())).await
}

/// Sends all while nobody may write deals, and lets go when all have come: the first of each kind waits for the
/// table, and the others for it.
async fn together(server: &TestServer, api: &Api, kinds: i64, requests: &[Request]) -> Vec<Reply> {
    let (mut holder, mut watcher) = (server.connection(), server.connection());
    sql::run(&mut holder, "BEGIN; LOCK TABLE deals IN SHARE MODE");
    let line = format!("voronka_writes_waiting {}", requests.len() as i64 - kinds);
    let release = async {
        until("all have come", async || {
            let metrics = api.get("/metrics").await.expect(200).text;
            metrics.lines().any(|one| one == line)
        })
        .await;
        assert_eq!(sql::waiting_for(&mut watcher, "deals"), kinds);
        sql::run(&mut holder, "COMMIT");
    };
    let sent = join_all(requests.iter().map(|request| send(api, request)));
    futures_util::future::join(sent, release).await.0
}

/// Transactions that have recorded events of a type.
fn transactions(server: &TestServer, event_type: &str) -> i64 {
    let sql = format!(
        "SELECT count(DISTINCT xmin::text) AS number FROM events WHERE event_type = '{event_type}'"
    );
    count(&mut server.connection(), &sql)
}

#[tokio::test]
async fn what_comes_at_the_same_moment_is_recorded_together() {
    const BINARY: &str = env!("CARGO_BIN_EXE_voronka-under-test");
    let server = TestServer::start().await;
    // One whose metrics are its own.
    let mut process = Process::on(BINARY, &server.url);
    let api = &Api { base: process.serve().base, ..server.admin.clone() };
    let deal_type = api.deal_type(STAGES).await;
    let mut deals = Vec::new();
    for _ in 0..5 {
        deals.push(api.deal(&deal_type, "1").await);
    }
    let before = transactions(&server, "deal.opened");

    // Five deals, and the first of them three times; and three new ones.
    let mut requests: Vec<_> = deals.iter().map(|deal| to(deal, "two")).collect();
    requests.extend([to(&deals[0], "three"), to(&deals[0], "two")]);
    let new = json!({ "title": "New", "deal_type_id": deal_type });
    requests.extend(vec![(Method::POST, "/v1/deals".to_owned(), new); 3]);
    let replies = together(&server, api, 2, &requests).await;
    let (of_first, of_others): (Vec<_>, Vec<_>) =
        replies[..7].iter().enumerate().partition(|(at, _)| [0, 5, 6].contains(at));
    let won = of_first.iter().filter(|(_, reply)| reply.status == 200).count();
    assert_eq!(won, 1, "{of_first:?}");
    for (_, lost) in of_first.iter().filter(|(_, reply)| reply.status != 200) {
        assert_eq!((lost.status, lost.code()), (409, "deal_moved_meanwhile"));
    }
    for (_, reply) in of_others {
        assert_eq!((reply.status, &reply.json["stage_key"]), (200, &json!("two")));
        assert_eq!(reply.header("etag"), "\"2\"");
    }
    for reply in &replies[7..] {
        let there = api.get(&format!("/v1/deals/{}", reply.json["id"].as_str().unwrap())).await;
        assert_eq!((reply.status, &reply.json), (201, &there.json));
    }
    // The first of each kind went at once, and those who had come meanwhile after it.
    assert_eq!(transactions(&server, "deal.stage_changed"), 2);
    assert_eq!(transactions(&server, "deal.opened") - before, 2);

    // Several events each, titles and amounts.
    let patch = |deal: &String| {
        let amount = json!({ "amount": "2", "currency": "EUR" });
        let body = json!({ "title": format!("Deal {deal}"), "amount": amount });
        (Method::PATCH, format!("/v1/deals/{deal}"), body)
    };
    let requests: Vec<_> = deals[1..].iter().map(patch).collect();
    for (deal, reply) in deals[1..].iter().zip(together(&server, api, 1, &requests).await) {
        assert_eq!(
            (reply.status, &reply.json["title"], &reply.json["version"]),
            (200, &json!(format!("Deal {deal}")), &json!(4))
        );
    }
    assert_eq!(transactions(&server, "deal.amount_changed"), 2);
    let found = api.get(&format!("/v1/deals?q={}", deals[3])).await.expect(200);
    assert_eq!(found.json["items"].as_array().unwrap().len(), 1);
    let connection = &mut server.connection();
    let disorder = "SELECT count(*) AS number FROM events a JOIN events b USING (object_id) \
                    WHERE a.sequence < b.sequence AND a.position > b.position";
    assert_eq!(count(connection, disorder), 0);
    assert_eq!(histories::check(connection), 8);
}

/// Whoever waits for somebody who holds a deal, or something of it, holds nobody else up.
#[tokio::test]
async fn a_deal_that_is_held_holds_up_no_other() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(STAGES).await;
    let (mut holder, mut watcher) = (server.connection(), server.connection());
    let ways: [(&str, &str, Change); 3] = [
        ("deals", "id", |deal| to(deal, "two")),
        ("stage_visits", "deal_id", |deal| to(deal, "two")),
        ("deal_titles", "deal_id", |deal| {
            (Method::PATCH, format!("/v1/deals/{deal}"), json!({ "title": "Other" }))
        }),
    ];
    for (table, key, change) in ways {
        let (held, free) = (api.deal(&deal_type, "1").await, api.deal(&deal_type, "1").await);
        sql::run(
            &mut holder,
            &format!("BEGIN; SELECT FROM {table} WHERE {key} = '{held}' FOR UPDATE"),
        );
        let others = async {
            until_so("it waits", || sql::waiting(&mut watcher) == 1).await;
            let change = change(&free);
            let done = tokio::time::timeout(PATIENCE / 10, send(api, &change)).await;
            sql::run(&mut holder, "COMMIT");
            done.expect("it waits for the other deal")
        };
        let change = change(&held);
        let (waited, done) = futures_util::future::join(send(api, &change), others).await;
        assert_eq!((waited.status, done.status), (200, 200), "{table}");
    }
    assert_eq!(histories::check(&mut server.connection()), 6);
}
