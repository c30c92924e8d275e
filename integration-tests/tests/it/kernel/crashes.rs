//! Processes die, at the worst moment: nothing that was acknowledged is lost, nothing is done twice.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use diesel::{PgConnection, RunQueryDsl, sql_query};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};
use voronka_integration_tests::{
    Api, Reply,
    histories::{self, count},
    process::{Process, import_until, until, until_ready},
    sql,
    unpacked::with_events,
};

const BINARY: &str = env!("CARGO_BIN_EXE_voronka-under-test");
const CLIENTS: usize = 6;
const STAGES: &[&str] = &["one", "two", "three", "four"];

/// A write that was sent, with its key, and what came back.
#[derive(Debug, Clone)]
struct Sent {
    key: String,
    path: String,
    body: Value,
    /// None where nobody knows whether it was carried out.
    answer: Option<(u16, Value)>,
}

impl Sent {
    fn new(key: String, path: String, body: Value) -> Self {
        Self { key, path, body, answer: None }
    }

    async fn send(&mut self, api: &Api) -> Option<Reply> {
        let headers = [("idempotency-key", self.key.as_str())];
        let body = self.body.to_string().into_bytes();
        let reply = api.try_send(Method::POST, &self.path, &headers, Some(body)).await;
        if let Some(reply) = reply.as_ref().filter(|reply| reply.status < 300) {
            self.answer = Some((reply.status, reply.json.clone()));
        }
        reply
    }
}

/// Clients that open and move deals for as long as they are let.
struct Load {
    clients: JoinSet<Vec<Sent>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Semaphore>,
    refusals: Arc<Mutex<Vec<String>>>,
}

impl Load {
    fn start(api: &Api, deal_type: &str) -> Self {
        static ROUND: AtomicUsize = AtomicUsize::new(1);
        let round = ROUND.fetch_add(1, Ordering::Relaxed);
        let mut load = Self {
            clients: JoinSet::new(),
            stop: Arc::default(),
            acknowledged: Arc::new(Semaphore::new(0)),
            refusals: Arc::default(),
        };
        for client in 0..CLIENTS {
            let client = Client {
                name: format!("{round}-{client}"),
                api: api.clone(),
                deal_type: deal_type.to_owned(),
                stop: load.stop.clone(),
                acknowledged: load.acknowledged.clone(),
                refusals: load.refusals.clone(),
            };
            load.clients.spawn(client.work());
        }
        load
    }

    /// Waits until the server has acknowledged so many more writes.
    async fn acknowledged(&self, writes: u32) {
        let permits = self.acknowledged.acquire_many(writes).await.expect("open");
        permits.forget();
    }

    /// Everything that was sent. The server said nothing worse than that its database is away.
    async fn stop(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.clients.join_all().await.into_iter().flatten().collect();
        assert_eq!(*self.refusals.lock().unwrap(), Vec::<String>::new());
        sent
    }
}

struct Client {
    name: String,
    api: Api,
    deal_type: String,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Semaphore>,
    refusals: Arc<Mutex<Vec<String>>>,
}

impl Client {
    async fn work(self) -> Vec<Sent> {
        let mut sent = Vec::new();
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let title = format!("{}-{number}", self.name);
            let mut body = json!({ "title": title, "deal_type_id": self.deal_type });
            if number % 2 == 0 {
                body["external_id"] = json!({ "source": "test", "id": title });
            }
            let create = Sent::new(format!("create {title}"), "/v1/deals".to_owned(), body);
            let Some(deal) = self.send(create, &mut sent).await else { continue };
            let path = format!("/v1/deals/{}/transition", deal["id"].as_str().unwrap());
            for step in 1..STAGES.len() {
                let body = json!({ "to": "next" });
                let moved = Sent::new(format!("{step} {title}"), path.clone(), body);
                if self.send(moved, &mut sent).await.is_none() {
                    break;
                }
            }
        }
        sent
    }

    async fn send(&self, mut write: Sent, sent: &mut Vec<Sent>) -> Option<Value> {
        let reply = write.send(&self.api).await;
        match &reply {
            Some(reply) if reply.status < 300 => self.acknowledged.add_permits(1),
            Some(reply) if reply.status != 503 => {
                self.refusals.lock().unwrap().push(reply.text.clone());
            }
            // A dead server refuses at once: the others want the processor.
            _ => tokio::task::yield_now().await,
        }
        let done = write.answer.as_ref().map(|(_, json)| json.clone());
        sent.push(write);
        done
    }
}

/// Repeats what nobody answered, with its key, and then looks at everything.
async fn check(api: &Api, connection: &mut PgConnection, sent: &mut [Sent]) {
    let mut repeated = 0;
    for write in sent.iter_mut() {
        if write.answer.is_none() {
            let reply = write.send(api).await.expect("an answer");
            assert!(reply.status < 300, "{} {}", write.key, reply.text);
            repeated += 1;
        }
        // And once more: the first answer comes again, whether or not it was ever seen.
        if repeated % 3 == 1 {
            let answer = write.answer.clone();
            let reply = write.send(api).await.expect("an answer");
            assert_eq!(reply.header("idempotent-replayed"), "true", "{}", reply.text);
            assert_eq!(write.answer, answer);
        }
    }
    let (creates, moves): (Vec<_>, Vec<_>) =
        sent.iter().partition(|write| write.path == "/v1/deals");
    assert_eq!(histories::check(connection), creates.len(), "deals");
    let titled = "SELECT count(DISTINCT title) AS number FROM deals";
    assert_eq!(count(connection, titled), creates.len() as i64, "each deal is there once");
    let changes = "SELECT count(*) AS number FROM events WHERE event_type = 'deal.stage_changed'";
    assert_eq!(count(connection, changes), moves.len() as i64, "each move is there once");
    for write in sent.iter() {
        let (status, answer) = write.answer.as_ref().expect("an answer");
        let created = write.path == "/v1/deals";
        assert_eq!(*status, if created { 201 } else { 200 });
        let event = if created { "deal.opened" } else { "deal.stage_changed" };
        let here = format!(
            "SELECT count(*) AS number FROM events JOIN deals ON deals.id = object_id \
             WHERE object_id = '{}' AND events.sequence = {} AND event_type = '{event}' \
             AND object->>'stage_key' = '{}' AND title = '{}'",
            answer["id"].as_str().unwrap(),
            answer["version"],
            answer["stage_key"].as_str().unwrap(),
            answer["title"].as_str().unwrap(),
        );
        let found = with_events(connection, |connection| count(connection, &here));
        assert_eq!(found, 1, "{write:?}");
    }
    // The same by HTTP, for one.
    if let Some((_, answer)) = sent.last().and_then(|write| write.answer.as_ref()) {
        let path = format!("/v1/deals/{}", answer["id"].as_str().unwrap());
        let deal = api.get(&path).await.expect(200).json;
        let history = api.get(&format!("{path}/history")).await.expect(200).json;
        let items = history["items"].as_array().unwrap();
        let sequences: Vec<_> = items.iter().filter_map(|e| e["sequence"].as_i64()).collect();
        let all: Vec<_> = (1..=deal["version"].as_i64().unwrap()).collect();
        assert_eq!(sequences, all);
        assert_eq!(items.last().unwrap()["object"]["stage_key"], deal["stage_key"]);
    }
}

/// A server with a workspace, both made by the binary itself.
async fn begin() -> (Process, Api) {
    let mut process = Process::new(BINARY);
    let api = process.serve();
    process.create_workspace();
    let api = api.with_token(process.token());
    api.get("/v1/workspace").await.expect(200);
    (process, api)
}

#[tokio::test]
async fn whoever_is_killed_nothing_is_lost_and_nothing_doubled() {
    let (mut process, api) = begin().await;
    let deal_type = api.deal_type(STAGES).await;

    // The server.
    let load = Load::start(&api, &deal_type);
    load.acknowledged(100).await;
    process.kill_server();
    let mut sent = load.stop().await;
    let api = process.serve().with_token(process.token());
    check(&api, &mut process.connection(), &mut sent).await;

    // Its Postgres: the server lives, and helps itself.
    let load = Load::start(&api, &deal_type);
    load.acknowledged(100).await;
    let postmaster = process.postmaster();
    process.kill_postgres();
    until_ready(&api).await;
    assert_ne!(process.postmaster(), postmaster);
    load.acknowledged(50).await;
    sent.extend(load.stop().await);
    check(&api, &mut process.connection(), &mut sent).await;

    // Both.
    let load = Load::start(&api, &deal_type);
    load.acknowledged(100).await;
    process.kill_both();
    sent.extend(load.stop().await);
    let api = process.serve().with_token(process.token());
    check(&api, &mut process.connection(), &mut sent).await;
    assert!(sent.len() >= 350);
}

const ROWS: usize = 6_000;
const EVENTS_A_CASE: usize = 3;

/// Every twentieth row has a bad amount, every tenth repeats the deal of the row before it.
fn deals_file() -> (String, [usize; 3]) {
    let mut file = "id,title,stage,amount\n".to_owned();
    let [mut created, mut unchanged, mut rejected] = [0; 3];
    for row in 0..ROWS {
        let repeats = row % 10 == 7;
        let amount = if row % 20 == 3 { "much".to_owned() } else { format!("{}.50", row / 10) };
        let (id, stage) = (if repeats { row - 1 } else { row }, STAGES[row / 10 % STAGES.len()]);
        file.push_str(&format!("d{id},Deal {id},{stage},{amount}\n"));
        match (row % 20 == 3, repeats) {
            (true, _) => rejected += 1,
            (false, true) => unchanged += 1,
            (false, false) => created += 1,
        }
    }
    (file, [created, unchanged, rejected])
}

/// An event log, its cases all mixed up.
fn events_file() -> (String, usize) {
    let (mut file, cases) = ("case,activity,at\n".to_owned(), ROWS / EVENTS_A_CASE);
    for (hour, activity) in ["a", "b", "c"].into_iter().enumerate() {
        for case in 0..cases {
            file.push_str(&format!("c{case},{activity},2024-03-01T1{hour}:00:00Z\n"));
        }
    }
    (file, cases)
}

fn mapping(columns: &[(&str, &str)]) -> Value {
    columns
        .iter()
        .map(|(field, column)| ((*field).to_owned(), json!({ "column": column })))
        .collect()
}

fn figures(import: &Value) -> [i64; 6] {
    let names = ["rows_total", "rows_done", "created", "updated", "unchanged", "rejected"];
    names.map(|name| import[name].as_i64().unwrap_or_else(|| panic!("{name} of {import}")))
}

fn ended(import: &Value) -> bool {
    !["queued", "running"].contains(&import["state"].as_str().unwrap())
}

/// From its second batch on, an import of a source waits for whoever has what this answers: until Postgres is killed.
fn held_in_the_middle(process: &Process, source: &str) -> PgConnection {
    let mut holder = process.connection();
    sql::run(
        &mut holder,
        &format!(
            "CREATE OR REPLACE FUNCTION wait_in_the_middle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF EXISTS (SELECT FROM deals WHERE external_source = '{source}' \
                     AND pg_xact_status(xmin::text::xid8) = 'committed') THEN \
                     PERFORM pg_advisory_xact_lock(4711); \
                 END IF; \
                 RETURN NULL; \
             END $$; \
             CREATE OR REPLACE TRIGGER wait_in_the_middle BEFORE INSERT ON events \
                 FOR EACH STATEMENT EXECUTE FUNCTION wait_in_the_middle(); \
             SELECT pg_advisory_lock(4711)"
        ),
    );
    holder
}

fn half_done(connection: &mut PgConnection) -> bool {
    let sql = "SELECT count(*) AS number FROM imports \
               WHERE state = 'running' AND rows_done > 0 AND rows_done < rows_total";
    count(connection, sql) == 1
}

#[tokio::test]
async fn an_import_goes_on_where_it_was_killed() {
    let (mut process, mut api) = begin().await;
    let deal_type = api.deal_type(STAGES).await;
    let under_way = |from: i64| {
        move |import: &Value| import["rows_done"].as_i64().unwrap() > from || ended(import)
    };

    let (file, [created, unchanged, rejected]) = deals_file();
    let stages: serde_json::Map<_, _> =
        STAGES.iter().map(|key| ((*key).to_owned(), json!({ "stage": key }))).collect();
    let columns =
        [("external_id", "id"), ("title", "title"), ("stage", "stage"), ("amount", "amount")];
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "external_source": "file",
        "currency": "EUR", "stage_map": stages, "mapping": mapping(&columns) });
    let _held = held_in_the_middle(&process, "file");
    let import = api.import(file, spec).await.expect(202).id();
    import_until(&api, &import, under_way(0)).await;
    process.kill_server();
    assert!(half_done(&mut process.connection()), "killed in the middle");
    api = process.serve().with_token(process.token());
    let before = import_until(&api, &import, under_way(1_500)).await;
    assert!(!ended(&before), "{before}");
    process.kill_postgres();
    until_ready(&api).await;
    let done = import_until(&api, &import, ended).await;
    assert_eq!(done["state"], "done", "{done}");
    let counts = [ROWS, ROWS, created, 0, unchanged, rejected].map(|n| n as i64);
    assert_eq!(figures(&done), counts);
    let mut connection = process.connection();
    assert_eq!(histories::check(&mut connection), created);
    let faults = "SELECT count(*) AS number FROM import_rejections";
    assert_eq!(count(&mut connection, faults), rejected as i64);

    // An event log, whose cases are taken whole; and both die.
    let (file, cases) = events_file();
    let activities: serde_json::Map<_, _> = ["a", "b"]
        .into_iter()
        .zip(STAGES)
        .map(|(activity, key)| (activity.to_owned(), json!({ "stage": key })))
        .chain([("c".to_owned(), json!({ "won": true }))])
        .collect();
    let columns = [("case_id", "case"), ("activity", "activity"), ("occurred_at", "at")];
    let spec = json!({ "kind": "stage_events", "deal_type_id": deal_type, "currency": "EUR",
        "external_source": "log", "stage_map": activities, "mapping": mapping(&columns) });
    let _held = held_in_the_middle(&process, "log");
    let import = api.import(file, spec).await.expect(202).id();
    import_until(&api, &import, under_way(0)).await;
    process.kill_both();
    api = process.serve().with_token(process.token());
    assert!(half_done(&mut process.connection()), "killed in the middle");
    let done = import_until(&api, &import, ended).await;
    assert_eq!(done["state"], "done", "{done}");
    let [total, rows, new, updated, same, refused] = figures(&done);
    assert_eq!((total, rows, refused), (ROWS as i64, ROWS as i64, 0));
    assert_eq!(new + updated + same, rows, "{done}");
    let mut connection = process.connection();
    assert_eq!(histories::check(&mut connection), created + cases);
    let won = "SELECT count(*) AS number FROM deals WHERE status = 'won' AND sequence = 3";
    assert_eq!(count(&mut connection, won), cases as i64);
}

#[tokio::test]
async fn a_server_that_is_asked_to_stop_finishes_what_it_does() {
    let (mut process, api) = begin().await;
    let deal_type = api.deal_type(STAGES).await;
    let deal = api.deal(&deal_type, "10.00").await;

    let (refused, _, error) = process.run(&["serve", "--listen", "127.0.0.1:0"], "");
    assert!(!refused.success());
    assert!(error.contains("in use by another voronka serve"), "{error}");
    assert!(error.contains("VORONKA_DATA_DIR"), "{error}");
    api.get("/readyz").await.expect(200);

    // A request in progress: it waits for a row that we hold.
    let mut holder = process.connection();
    let mut watcher = process.connection();
    sql_query("BEGIN").execute(&mut holder).unwrap();
    sql_query("SELECT FROM deals FOR UPDATE").execute(&mut holder).unwrap();
    let moving = tokio::spawn({
        let (api, deal) = (api.clone(), deal.clone());
        async move { api.transition(&deal, json!({ "to": "next" })).await }
    });
    while sql::waiting(&mut watcher) == 0 {
        tokio::task::yield_now().await;
    }
    process.terminate();
    // Nobody new comes in, and the one inside stays.
    let stranger = Api::new(api.base.trim_start_matches("http://").parse().unwrap());
    until("closed", async || {
        Api { http: reqwest::Client::new(), ..stranger.clone() }.try_get("/healthz").await.is_none()
    })
    .await;
    assert!(!moving.is_finished());
    drop(watcher);
    sql_query("COMMIT").execute(&mut holder).unwrap();
    drop(holder);
    let moved = moving.await.unwrap().expect(200);
    assert_eq!(moved.json["stage_key"], "two");
    assert_eq!(process.ended().code(), Some(0), "{}", process.log());
    assert_eq!(process.postmaster(), None, "Postgres has stopped with it");

    let api = process.serve().with_token(process.token());
    let path = format!("/v1/deals/{deal}");
    assert_eq!(api.get(&path).await.expect(200).json["stage_key"], "two");
    process.terminate();
    assert_eq!(process.ended().code(), Some(0), "{}", process.log());
    assert_eq!(process.postmaster(), None);
}

/// The sequence of the positions goes back over what was drawn and rolled back, if it was not on disk yet.
#[tokio::test]
async fn a_reader_who_has_seen_the_end_misses_nothing_after_a_crash() {
    let (process, api) = begin().await;
    let deal_type = api.deal_type(STAGES).await;
    let mut connection = process.connection();
    // Nothing but a commit writes to the disk.
    for sql in ["ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()", "BEGIN"] {
        sql_query(sql).execute(&mut connection).unwrap();
    }
    sql_query("SELECT nextval('events_position_seq') FROM generate_series(1, 100)")
        .execute(&mut connection)
        .unwrap();
    sql_query("ROLLBACK").execute(&mut connection).unwrap();
    let mut seen = Vec::new();
    for query in ["limit=200", "type=deal.lost"] {
        let stretch = api.get(&format!("/v1/events?{query}")).await.expect(200).json;
        assert_eq!(stretch["more"], false);
        seen.push(stretch["position"].as_i64().unwrap());
    }
    process.kill_postgres();
    until_ready(&api).await;
    let body = json!({ "title": "A deal", "deal_type_id": deal_type });
    let mut write = Sent::new("key".to_owned(), "/v1/deals".to_owned(), body);
    // A connection or two from before are still in the pool.
    while write.send(&api).await.expect("an answer").status == 503 {}
    let (_, deal) = write.answer.expect("a deal");
    for position in seen {
        let path = format!("/v1/events?after={position}&type=deal.opened");
        let next = api.get(&path).await.expect(200).json;
        assert_eq!(next["items"][0]["object_id"], deal["id"], "after {position}");
    }
}
