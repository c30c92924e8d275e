//! Many at the same moment: one wins, nobody is overwritten, and the schema bears it.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    PgConnection, QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    sql_query,
    sql_types::{Bool, Text},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use voronka_integration_tests::{
    Api, Reply, TestServer,
    histories::{self, count},
    postgres,
};
use voronka_persistence::Store;

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
    let waiting = format!(
        "SELECT (count(DISTINCT pid) = {})::int::bigint AS number FROM pg_locks \
         WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())",
        requests.len()
    );
    let path = format!("/v1/deals/{deal}/transition");
    let sent = requests.iter().zip(apis.iter().cycle()).map(|((tag, body), api)| {
        let headers: Vec<_> = tag.iter().map(|tag| ("if-match", *tag)).collect();
        let path = &path;
        async move { api.post_with(path, &headers, body).await }
    });
    let release = async {
        while count(&mut watcher, &waiting) == 0 {
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

// The schema.

fn connect(url: &str) -> PgConnection {
    diesel::Connection::establish(url).unwrap()
}

#[derive(QueryableByName, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    data_type: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

const TABLES: &str = "FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace \
    AND n.nspname = 'public' AND t.relkind IN ('r', 'p') \
    AND t.relname <> '__diesel_schema_migrations'";

fn columns(connection: &mut PgConnection) -> Vec<Column> {
    let sql = "SELECT table_name::text, column_name::text, udt_name::text AS data_type, \
               is_nullable = 'YES' AS nullable FROM information_schema.columns \
               WHERE table_schema = 'public' AND table_name <> '__diesel_schema_migrations' \
               ORDER BY table_name, ordinal_position";
    sql_query(sql).load(connection).unwrap()
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    let lines: Vec<Line> = sql_query(sql).load(connection).unwrap_or_else(|e| panic!("{sql}: {e}"));
    lines.into_iter().map(|line| line.line).collect()
}

/// Everything that the migrations make, as text.
fn catalogue(connection: &mut PgConnection) -> Vec<String> {
    let mut all: Vec<_> = columns(connection).iter().map(|column| format!("{column:?}")).collect();
    for sql in [
        "SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) AS line \
         FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT relkind::text || ' ' || relname AS line FROM pg_class \
         WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT typname::text AS line FROM pg_type WHERE typnamespace = 'public'::regnamespace \
         ORDER BY 1",
        "SELECT proname::text AS line FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
         ORDER BY 1",
    ] {
        all.extend(lines(connection, sql));
    }
    all
}

/// The directories of the migrations, the first one first.
fn migrations() -> Vec<std::path::PathBuf> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = entries.filter(|path| path.join("up.sql").exists()).collect();
    all.sort();
    all
}

#[test]
fn of_servers_that_start_at_once_one_migrates() {
    let url = postgres::empty_database();
    let start = std::sync::Barrier::new(8);
    let runs = std::thread::scope(|scope| {
        let servers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    Store::migrate(&url).unwrap()
                })
            })
            .collect();
        servers.into_iter().map(|server| server.join().unwrap().len()).collect::<Vec<_>>()
    });
    let all = migrations().len();
    assert_eq!(runs.iter().filter(|run| **run == all).count(), 1, "{runs:?}");
    assert_eq!(runs.iter().sum::<usize>(), all, "{runs:?}");
    let mut connection = connect(&url);
    let noted = "SELECT count(*) AS number FROM __diesel_schema_migrations";
    assert_eq!(count(&mut connection, noted), all as i64);
    assert_eq!(catalogue(&mut connection), catalogue(&mut connect(&postgres::database())));
}

#[test]
fn every_table_and_column_is_explained() {
    let mut connection = connect(&postgres::database());
    let silent = format!(
        "SELECT t.relname || coalesce('.' || a.attname, '') AS line {TABLES} \
         JOIN (SELECT attrelid, attname, attnum FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped \
         UNION ALL SELECT oid, NULL, 0 FROM pg_class) AS a ON a.attrelid = t.oid \
         WHERE coalesce(trim(col_description(t.oid, a.attnum)), trim(obj_description(t.oid, 'pg_class')), '') = '' \
         OR (a.attnum > 0 AND col_description(t.oid, a.attnum) IS NULL) \
         OR (a.attnum = 0 AND obj_description(t.oid, 'pg_class') IS NULL)"
    );
    assert_eq!(lines(&mut connection, &silent), Vec::<String>::new());
}

#[test]
fn the_tenant_comes_first_in_every_unique_key() {
    let mut connection = connect(&postgres::database());
    let elsewhere = format!(
        "SELECT t.relname || ' ' || i.indexrelid::regclass AS line {TABLES} \
         JOIN pg_index i ON i.indrelid = t.oid AND i.indisunique AND t.relname <> 'instance_keys' \
         LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0] \
         WHERE a.attname IS DISTINCT FROM 'workspace_id'"
    );
    assert_eq!(lines(&mut connection, &elsewhere), Vec::<String>::new());
    let keyless = format!(
        "SELECT t.relname::text AS line {TABLES} \
         WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)"
    );
    assert_eq!(lines(&mut connection, &keyless), Vec::<String>::new());
    let foreign = format!(
        "SELECT c.conname::text AS line {TABLES} JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype = 'f' \
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1] \
         WHERE a.attname <> 'workspace_id'"
    );
    assert_eq!(lines(&mut connection, &foreign), Vec::<String>::new());
    let triggers = "SELECT tgname::text AS line FROM pg_trigger WHERE NOT tgisinternal";
    assert_eq!(lines(&mut connection, triggers), Vec::<String>::new());
}

/// Tables, columns and types as `schema.rs` has them.
fn declared() -> Vec<Column> {
    let text = include_str!("../../../persistence/src/schema.rs");
    let (mut table, mut all) = (String::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some((name, rest)) = line.split_once(" (")
            && rest.ends_with(") {")
        {
            table = name.to_owned();
        }
        let Some((name, kind)) = line.trim_end_matches(',').split_once(" -> ") else { continue };
        let bare = kind.strip_prefix("Nullable<").and_then(|kind| kind.strip_suffix('>'));
        let data_type = match bare.unwrap_or(kind) {
            "Uuid" => "uuid",
            "Text" => "text",
            "Bytea" => "bytea",
            "Bool" => "bool",
            "Int2" => "int2",
            "Int4" => "int4",
            "Int8" => "int8",
            "Date" => "date",
            "Jsonb" => "jsonb",
            "Numeric" => "numeric",
            "Timestamptz" => "timestamptz",
            "Array<Text>" => "_text",
            other => panic!("{other} is not known"),
        };
        all.push(Column {
            table_name: table.clone(),
            column_name: name.to_owned(),
            data_type: data_type.to_owned(),
            nullable: bare.is_some(),
        });
    }
    all.sort();
    all
}

#[test]
fn the_schema_in_the_code_is_that_of_the_database() {
    let mut there = columns(&mut connect(&postgres::database()));
    there.sort();
    assert_eq!(declared(), there);
}

#[test]
fn every_migration_can_be_undone_and_done_again() {
    let url = postgres::empty_database();
    let mut connection = connect(&url);
    let (mut after, all) = (vec![catalogue(&mut connection)], migrations());
    for migration in &all {
        let up = std::fs::read_to_string(migration.join("up.sql")).unwrap();
        connection.batch_execute(&up).unwrap_or_else(|e| panic!("{}: {e}", migration.display()));
        after.push(catalogue(&mut connection));
    }
    for migration in all.iter().rev() {
        assert_eq!(Some(catalogue(&mut connection)), after.pop(), "after {}", migration.display());
        let down = std::fs::read_to_string(migration.join("down.sql")).unwrap();
        connection.batch_execute(&down).unwrap_or_else(|e| panic!("{}: {e}", migration.display()));
    }
    assert_eq!(Some(catalogue(&mut connection)), after.pop(), "nothing is left");
    assert_eq!(Store::migrate(&url).unwrap().len(), all.len());
    assert_eq!(Store::migrate(&url).unwrap().len(), 0);
    let fresh = catalogue(&mut connect(&postgres::database()));
    assert_eq!(catalogue(&mut connection), fresh);
}
