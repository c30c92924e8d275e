//! Many at the same moment: one wins, and nobody is overwritten.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types::Integer};
use futures_util::future::join_all;
use serde_json::{Value, json};
use voronka_integration_tests::{
    Api, Reply, TestServer,
    histories::{self, count},
    process::{import_until, until_so},
    sql,
};

const STAGES: &[&str] = &["one", "two", "three", "four", "five"];

/// Two servers on one database, seen by the same administrator.
async fn pair() -> (TestServer, TestServer, [Api; 2]) {
    let one = TestServer::start().await;
    let two = TestServer::beside(&one).await;
    let other = Api { base: two.admin.base.clone(), ..one.admin.clone() };
    let apis = [one.admin.clone(), other];
    (one, two, apis)
}

/// Sends all at once while the deal is locked, lets go when all of them wait for it, and reads the answers.
async fn overlapping(
    server: &TestServer,
    apis: &[Api; 2],
    deal: &str,
    requests: Vec<(Option<&str>, Value)>,
) -> Vec<Reply> {
    let (mut holder, mut watcher) = (server.connection(), server.connection());
    sql_query("BEGIN").execute(&mut holder).unwrap();
    let lock = "SELECT FROM deals WHERE id = $1 FOR UPDATE";
    let id: uuid::Uuid = deal.parse().unwrap();
    sql_query(lock).bind::<diesel::sql_types::Uuid, _>(id).execute(&mut holder).unwrap();
    let path = format!("/v1/deals/{deal}/transition");
    let sent = requests.iter().zip(apis.iter().cycle()).map(|((tag, body), api)| {
        let headers: Vec<_> = tag.iter().map(|tag| ("if-match", *tag)).collect();
        let path = &path;
        async move { api.post_with(path, &headers, body).await }
    });
    let release = async {
        while sql::waiting(&mut watcher) != requests.len() as i64 {
            tokio::task::yield_now().await;
        }
        sql_query("COMMIT").execute(&mut holder).unwrap();
    };
    futures_util::future::join(join_all(sent), release).await.0
}

/// The one that won, and the codes of the others.
#[track_caller]
fn one_wins(replies: &[Reply]) -> (&Reply, BTreeSet<String>) {
    let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!(won.len(), 1, "{replies:?}");
    (won[0], lost.iter().map(|reply| format!("{} {}", reply.status, reply.code())).collect())
}

fn codes(codes: &[&str]) -> BTreeSet<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

#[tokio::test]
async fn of_moves_at_the_same_moment_one_wins() {
    let (server, _second, apis) = pair().await;
    let api = &apis[0];
    let deal_type = api.deal_type(STAGES).await;
    let meanwhile = codes(&["409 deal_moved_meanwhile"]);
    for clients in [2, 16] {
        for body in [
            json!({ "to": "next" }),
            json!({ "to": "stage", "stage_key": "four" }),
            json!({ "to": "won" }),
        ] {
            let deal = api.deal(&deal_type, "10.00").await;
            let same = |tag| vec![(tag, body.clone()); clients];
            let replies = overlapping(&server, &apis, &deal, same(None)).await;
            assert_eq!(one_wins(&replies).1, meanwhile);

            let deal = api.deal(&deal_type, "10.00").await;
            let replies = overlapping(&server, &apis, &deal, same(Some("\"1\""))).await;
            let (won, lost) = one_wins(&replies);
            assert_eq!((won.header("etag"), lost), ("\"2\"", codes(&["412 version_mismatch"])));
            let events = format!("/v1/deals/{deal}/history");
            let events = api.get(&events).await.expect(200).json["items"].clone();
            assert_eq!(events.as_array().unwrap().len(), 2, "{events}");
        }
    }
    // Different moves.
    let deal = api.deal(&deal_type, "10.00").await;
    let to = |stage: &str| (None, json!({ "to": "stage", "stage_key": stage }));
    let moves = STAGES[1..].iter().map(|stage| to(stage)).collect();
    let replies = overlapping(&server, &apis, &deal, moves).await;
    let (won, lost) = one_wins(&replies);
    assert_eq!(lost, meanwhile);
    let here = api.get(&format!("/v1/deals/{deal}")).await.expect(200);
    assert_eq!(here.json["stage_key"], won.json["stage_key"]);
    histories::check(&mut server.connection());
}

/// Nobody holds anybody up here: whoever comes after the other has committed moves on, and rightly.
#[tokio::test]
async fn a_crowd_leaves_linear_histories_and_a_funnel_that_adds_up() {
    let (server, _second, apis) = pair().await;
    let api = &apis[0];
    let deal_type = api.deal_type(STAGES).await;
    let reason = api.loss_reason("Too dear").await;
    let mut deals = Vec::new();
    for number in 0..6 {
        deals.push(api.deal(&deal_type, &format!("{number}.00")).await);
    }
    let to = |stage: &str| json!({ "to": "stage", "stage_key": stage });
    let moves = [
        json!({ "to": "next" }),
        to("four"),
        json!({ "to": "next" }),
        to("two"),
        json!({ "to": "lost", "loss_reason_id": reason }),
        to("three"),
        json!({ "to": "open" }),
        json!({ "to": "won" }),
    ];
    let storm = (0..160).map(|number| {
        // Every deal's moves are spread over all kinds and both servers.
        let deal = deals[number % 6].as_str();
        let (api, body) = (&apis[number / 3 % 2], moves[number / 6 % 8].clone());
        async move { (deal, api.transition(deal, body).await) }
    });
    let mut moved: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (deal, reply) in join_all(storm).await {
        let known = [
            "deal_moved_meanwhile",
            "already_in_stage",
            "no_next_stage",
            "deal_closed",
            "deal_open",
        ];
        match reply.status {
            200 => moved.entry(deal).or_default().push(reply.json["version"].as_i64().unwrap()),
            409 => assert!(known.contains(&reply.code()), "{}", reply.text),
            _ => panic!("{}", reply.text),
        }
    }
    // Each move that was acknowledged is a version of its own, and there are no others.
    for (deal, mut versions) in moved {
        versions.sort_unstable();
        let last = api.get(&format!("/v1/deals/{deal}")).await.expect(200).json["version"].clone();
        assert_eq!(versions, (2..=last.as_i64().unwrap()).collect::<Vec<_>>());
    }
    assert_eq!(histories::check(&mut server.connection()), 6);

    let today = chrono::Utc::now().date_naive();
    let day = |days| today + chrono::TimeDelta::days(days);
    for basis in ["created", "closed"] {
        let path = format!(
            "/v1/reports/funnel/closed?deal_type_id={deal_type}&from={}&to={}&basis={basis}",
            day(-1),
            day(1)
        );
        let funnel = api.get(&path).await.expect(200).json;
        let stages = funnel["stages"].as_array().unwrap();
        let figure = |stage: &Value, name: &str| stage[name].as_i64().unwrap();
        assert_eq!(figure(&stages[0], "reached"), figure(&funnel["totals"], "deals"));
        for (here, next) in stages.iter().zip(&stages[1..]) {
            let fell = figure(here, "reached") - figure(next, "reached");
            assert_eq!(fell, figure(here, "lost") + figure(here, "open"), "{funnel}");
            assert_eq!(figure(here, "passed"), figure(next, "reached"));
        }
    }
}

#[tokio::test]
async fn changes_of_different_fields_lose_nothing() {
    let (server, _second, apis) = pair().await;
    let api = &apis[0];
    let deal_type = api.deal_type(STAGES).await;
    let seller = api.colleague("seller", None).await;
    let client = api.post("/v1/clients", json!({ "name": "Client" })).await.expect(201).id();
    for _ in 0..5 {
        let deal = api.deal(&deal_type, "10.00").await;
        let path = format!("/v1/deals/{deal}");
        let changes = [
            json!({ "title": "Renamed" }),
            json!({ "amount": { "amount": "77.00", "currency": "EUR" } }),
            json!({ "owner_id": seller.user_id }),
            json!({ "client_id": client }),
            json!({ "expected_close_on": "2031-02-03" }),
            json!({ "lead_temperature": "hot" }),
        ];
        let patches = changes.iter().zip(apis.iter().cycle());
        let replies = join_all(patches.map(|(body, api)| api.patch(&path, body.clone()))).await;
        for reply in replies {
            reply.expect(200);
        }
        let deal = api.get(&path).await.expect(200).json;
        for change in &changes {
            for (field, value) in change.as_object().unwrap() {
                assert_eq!(&deal[field], value, "{deal}");
            }
        }
        assert_eq!(deal["version"], 7);
    }
    histories::check(&mut server.connection());
}

#[tokio::test]
async fn of_changes_with_one_etag_one_wins() {
    let (server, _second, apis) = pair().await;
    let deal_type = apis[0].deal_type(STAGES).await;
    let path = format!("/v1/deals/{}", apis[0].deal(&deal_type, "10.00").await);
    let patches = (0..16).zip(apis.iter().cycle()).map(|(number, api)| {
        let body = json!({ "title": format!("Title {number}") }).to_string().into_bytes();
        api.send(reqwest::Method::PATCH, &path, &[("if-match", "\"1\"")], Some(body))
    });
    let replies = join_all(patches).await;
    let (won, lost) = one_wins(&replies);
    assert_eq!(lost, codes(&["412 version_mismatch"]));
    let deal = apis[0].get(&path).await.expect(200).json;
    assert_eq!((&deal["title"], &deal["version"]), (&won.json["title"], &json!(2)));
    histories::check(&mut server.connection());
}

#[tokio::test]
async fn one_key_fifty_times_at_once_is_one_deal() {
    let (server, _second, apis) = pair().await;
    let deal_type = apis[0].deal_type(STAGES).await;
    let body = json!({ "title": "Once", "deal_type_id": deal_type });
    let key = [("idempotency-key", "the same")];
    let sent = (0..50).zip(apis.iter().cycle());
    let replies = join_all(sent.map(|(_, api)| api.post_with("/v1/deals", &key, &body))).await;
    let mut ids = BTreeSet::new();
    let mut first = 0;
    for reply in replies {
        match reply.status {
            201 => {
                first += usize::from(reply.header("idempotent-replayed").is_empty());
                ids.insert(reply.id());
            }
            _ => {
                let reply = reply.problem(409, "idempotency_key_in_flight");
                assert!(!reply.header("retry-after").is_empty());
            }
        }
    }
    assert_eq!((ids.len(), first), (1, 1));
    let again = apis[1].post_with("/v1/deals", &key, &body).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert!(ids.contains(&again.id()));
    let other = json!({ "title": "Other", "deal_type_id": deal_type });
    let other = apis[0].post_with("/v1/deals", &key, &other).await;
    other.problem(422, "idempotency_key_reused");
    assert_eq!(histories::check(&mut server.connection()), 1);
}

#[tokio::test]
async fn of_creations_with_one_external_id_one_wins() {
    let (server, _second, apis) = pair().await;
    let deal_type = apis[0].deal_type(STAGES).await;
    let body = json!({ "title": "A deal", "deal_type_id": deal_type,
        "external_id": { "source": "crm", "id": "7" } });
    let sent = (0..16).zip(apis.iter().cycle());
    let replies = join_all(sent.map(|(_, api)| api.post("/v1/deals", body.clone()))).await;
    let made = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(made, 1);
    for reply in replies.into_iter().filter(|reply| reply.status != 201) {
        reply.problem(409, "external_id_taken");
    }
    let mut connection = server.connection();
    assert_eq!(histories::check(&mut connection), 1);
    let opened = "SELECT count(*) AS number FROM events WHERE event_type = 'deal.opened'";
    assert_eq!(count(&mut connection, opened), 1);
}

// Imports, two servers with a worker each.

const ROWS: usize = 1_500;
const BACKENDS: &str =
    "pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";

#[derive(QueryableByName)]
struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

fn backends(connection: &mut PgConnection, condition: &str) -> Vec<i32> {
    let sql = format!("SELECT DISTINCT pid FROM pg_locks WHERE {condition} AND {BACKENDS}");
    let found: Vec<Backend> = sql_query(sql).load(connection).unwrap();
    found.into_iter().map(|backend| backend.pid).collect()
}

async fn waiting(connection: &mut PgConnection, backends_waiting: usize) -> Vec<i32> {
    let mut found = Vec::new();
    until_so("somebody waits", || {
        found = backends(connection, "NOT granted");
        found.len() == backends_waiting
    })
    .await;
    found
}

/// The session of the server that runs an import.
const CLAIMS: &str = "locktype = 'advisory' AND granted AND objid IN (SELECT holder::bigint::oid FROM jobs \
    WHERE name = 'imports' AND state = 'running')";

/// Imports some deals, the first of which is there and worth something else.
async fn import(api: &Api, deal_type: &str) -> String {
    let mut file = "id,amount\n".to_owned();
    for row in 0..ROWS {
        file.push_str(&format!("d{row},{row}.25\n"));
    }
    let mapping = json!({ "external_id": { "column": "id" }, "amount": { "column": "amount" } });
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "external_source": "file",
        "currency": "EUR", "mapping": mapping });
    api.import(file, spec).await.expect(202).id()
}

fn first(deal_type: &str) -> Value {
    json!({ "title": "d0", "deal_type_id": deal_type, "external_id": { "source": "file", "id": "d0" },
        "amount": { "amount": "9.00", "currency": "EUR" } })
}

/// It ends well, every row is counted once, and nobody holds it any more.
async fn ends_well(server: &TestServer, api: &Api, import: &str) {
    let ended = |import: &Value| import["state"] != "queued" && import["state"] != "running";
    let done = import_until(api, import, ended).await;
    assert_eq!(done["state"], "done", "{done}");
    let names = ["rows_total", "rows_done", "created", "updated", "unchanged", "rejected"];
    let figures = names.map(|name| done[name].as_u64().unwrap() as usize);
    assert_eq!(figures, [ROWS, ROWS, ROWS - 1, 1, 0, 0], "{done}");
    let mut connection = server.connection();
    assert_eq!(histories::check(&mut connection), ROWS);
    until_so("the import is let go", || backends(&mut connection, CLAIMS).is_empty()).await;
}

fn terminate(connection: &mut PgConnection, backend: i32) {
    sql_query(format!("SELECT pg_terminate_backend({backend})")).execute(connection).unwrap();
}

#[tokio::test]
async fn an_import_outlives_the_connection_that_it_writes_on() {
    let (server, _second, apis) = pair().await;
    let api = &apis[0];
    let deal_type = api.deal_type(STAGES).await;
    api.post("/v1/deals", first(&deal_type)).await.expect(201);
    let (mut holder, mut watcher) = (server.connection(), server.connection());
    sql_query("BEGIN").execute(&mut holder).unwrap();
    sql_query("SELECT FROM deals FOR UPDATE").execute(&mut holder).unwrap();
    let import = import(api, &deal_type).await;
    let writing = waiting(&mut watcher, 1).await;
    terminate(&mut watcher, writing[0]);
    sql_query("COMMIT").execute(&mut holder).unwrap();
    ends_well(&server, api, &import).await;
}

#[tokio::test]
async fn an_import_that_was_taken_over_is_not_done_twice() {
    let (server, _second, apis) = pair().await;
    let api = &apis[0];
    let deal_type = api.deal_type(STAGES).await;
    api.post("/v1/deals", first(&deal_type)).await.expect(201);
    let (mut holder, mut watcher) = (server.connection(), server.connection());
    sql_query("BEGIN").execute(&mut holder).unwrap();
    sql_query("SELECT FROM deals FOR UPDATE").execute(&mut holder).unwrap();
    let import = import(api, &deal_type).await;
    waiting(&mut watcher, 1).await;
    // The worker goes on, and does not know that its claim is lost; the other server takes the import.
    let claims = backends(&mut watcher, CLAIMS);
    assert_eq!(claims.len(), 1);
    terminate(&mut watcher, claims[0]);
    waiting(&mut watcher, 2).await;
    sql_query("COMMIT").execute(&mut holder).unwrap();
    ends_well(&server, api, &import).await;
}

#[tokio::test]
async fn an_import_meets_a_deal_that_is_made_at_the_same_moment() {
    let (server, _second, apis) = pair().await;
    let api = &apis[0];
    let deal_type = api.deal_type(STAGES).await;
    // The deal is written and not committed: its answer waits for our row with its key.
    let (mut holder, mut watcher) = (server.connection(), server.connection());
    sql_query("BEGIN").execute(&mut holder).unwrap();
    let hold = "INSERT INTO idempotency_keys (workspace_id, caller_id, key, request_hash, status, created_at) \
                VALUES ($1, $2, 'slow', '', 200, now())";
    sql_query(hold)
        .bind::<diesel::sql_types::Uuid, _>(api.workspace_id)
        .bind::<diesel::sql_types::Uuid, _>(api.user_id)
        .execute(&mut holder)
        .unwrap();
    let slow = tokio::spawn({
        let (api, body) = (api.clone(), first(&deal_type));
        async move { api.post_with("/v1/deals", &[("idempotency-key", "slow")], &body).await }
    });
    waiting(&mut watcher, 1).await;
    let import = import(api, &deal_type).await;
    waiting(&mut watcher, 2).await;
    sql_query("ROLLBACK").execute(&mut holder).unwrap();
    slow.await.unwrap().expect(201);
    ends_well(&server, api, &import).await;
}
