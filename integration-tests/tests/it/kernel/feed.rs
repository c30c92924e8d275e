//! The feed never skips and never reorders, however many write at the same time.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_query};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use voronka_integration_tests::{Api, TestServer, histories, sql, unpacked::unpack_all};

/// How the product takes positions, for transactions that a test keeps open.
const TAKE: &str = "WITH floor AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared( \
    (22091::bigint << 48) | (SELECT last_value FROM events_position_seq))) \
    INSERT INTO events (workspace_id, recorded_at, id, event_type, object_id, sequence, \
    occurred_at, actor, change, object) SELECT $1, now(), gen_random_uuid(), 'test.raw', \
    gen_random_uuid(), 1, now(), '{}', '{}', '{}' FROM floor, generate_series(1, $2)";

/// Positions taken in a transaction that is still open.
fn take(connection: &mut PgConnection, api: &Api, events: i32) {
    sql_query("BEGIN").execute(connection).unwrap();
    let insert = sql_query(TAKE)
        .bind::<diesel::sql_types::Uuid, _>(api.workspace_id)
        .bind::<diesel::sql_types::Integer, _>(events);
    insert.execute(connection).unwrap();
}

#[derive(QueryableByName)]
struct Recorded {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    position: i64,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: uuid::Uuid,
    #[diesel(sql_type = diesel::sql_types::Text)]
    event_type: String,
}

/// What the database has: positions, ids and types.
fn recorded(server: &TestServer, api: &Api, types: Option<&[&str]>) -> Vec<(i64, String)> {
    let sql =
        "SELECT position, id, event_type FROM events WHERE workspace_id = $1 ORDER BY position";
    let events: Vec<Recorded> = sql_query(sql)
        .bind::<diesel::sql_types::Uuid, _>(api.workspace_id)
        .load(&mut server.connection())
        .unwrap();
    let wanted = |event: &Recorded| types.is_none_or(|t| t.contains(&event.event_type.as_str()));
    events.into_iter().filter(wanted).map(|e| (e.position, e.id.to_string())).collect()
}

/// Somebody who reads on from position to position.
struct Reader {
    api: Api,
    query: String,
    position: i64,
    seen: Vec<(i64, String)>,
}

impl Reader {
    fn new(api: &Api, query: &str) -> Self {
        Self { api: api.clone(), query: query.to_owned(), position: 0, seen: Vec::new() }
    }

    /// The next stretch; true if more is there.
    async fn read(&mut self) -> bool {
        let path = format!("/v1/events?after={}&{}", self.position, self.query);
        let stretch = self.api.get(&path).await.expect(200).json;
        for event in stretch["items"].as_array().unwrap() {
            let position = event["position"].as_i64().unwrap();
            let last = self.seen.last().map_or(0, |(position, _)| *position);
            assert!(position > last.max(self.position), "{position} after {last}");
            self.seen.push((position, event["id"].as_str().unwrap().to_owned()));
        }
        let position = stretch["position"].as_i64().unwrap();
        let last = self.seen.last().map_or(0, |(position, _)| *position);
        assert!(position >= self.position && position >= last, "{stretch}");
        self.position = position;
        stretch["more"].as_bool().unwrap()
    }

    async fn catch_up(&mut self) {
        while self.read().await {}
    }

    /// Reads while there is anything to come.
    async fn follow(mut self, over: Arc<AtomicBool>) -> Self {
        loop {
            let last = over.load(Ordering::Acquire);
            self.catch_up().await;
            if last {
                return self;
            }
        }
    }
}

#[tokio::test]
async fn what_an_open_transaction_may_yet_commit_is_waited_for() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["one", "two"]).await;
    let mut reader = Reader::new(api, "limit=3");
    reader.catch_up().await;
    let before = reader.seen.len();

    // Positions are taken, by two, then others' events are committed above them.
    let (mut first, mut second) = (server.connection(), server.connection());
    take(&mut first, api, 3);
    api.deal(&deal_type, "1.00").await;
    take(&mut second, api, 2);
    api.deal(&deal_type, "2.00").await;
    reader.catch_up().await;
    assert_eq!(reader.seen.len(), before, "nothing is shown above an open transaction");
    sql_query("COMMIT").execute(&mut second).unwrap();
    reader.catch_up().await;
    assert_eq!(reader.seen.len(), before);
    sql_query("COMMIT").execute(&mut first).unwrap();
    reader.catch_up().await;
    assert_eq!(reader.seen.len(), before + 3 + 1 + 2 + 1);

    // Whoever rolls back leaves a gap, and holds nobody up.
    take(&mut first, api, 5);
    api.deal(&deal_type, "3.00").await;
    reader.catch_up().await;
    assert_eq!(reader.seen.len(), before + 7);
    sql_query("ROLLBACK").execute(&mut first).unwrap();
    reader.catch_up().await;
    assert_eq!(reader.seen.len(), before + 8);
    assert_eq!(reader.seen, recorded(&server, api, None));

    // Nor does a transaction that only reads, however old.
    sql_query("BEGIN ISOLATION LEVEL REPEATABLE READ").execute(&mut first).unwrap();
    sql_query("SELECT count(*) FROM events").execute(&mut first).unwrap();
    api.deal(&deal_type, "4.00").await;
    reader.catch_up().await;
    assert_eq!(reader.seen.len(), before + 9);
}

/// The same with the server's own transaction held open: after its events are written, it waits to keep
/// the answer to its `Idempotency-Key`, which we have written and not committed.
#[tokio::test]
async fn a_request_that_is_slow_to_commit_is_waited_for() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["one", "two"]).await;
    let mut reader = Reader::new(api, "limit=200&type=deal.opened");
    let (mut holder, mut watcher) = (server.connection(), server.connection());
    let hold = "INSERT INTO idempotency_keys (workspace_id, caller_id, key, request_hash, status, created_at) \
                VALUES ($1, $2, 'slow', '', 200, now())";
    sql_query("BEGIN").execute(&mut holder).unwrap();
    sql_query(hold)
        .bind::<diesel::sql_types::Uuid, _>(api.workspace_id)
        .bind::<diesel::sql_types::Uuid, _>(api.user_id)
        .execute(&mut holder)
        .unwrap();
    let slow = tokio::spawn({
        let (api, body) = (api.clone(), json!({ "title": "Slow", "deal_type_id": deal_type }));
        async move { api.post_with("/v1/deals", &[("idempotency-key", "slow")], &body).await }
    });
    while sql::waiting(&mut watcher) == 0 {
        tokio::task::yield_now().await;
    }
    let fast = api.deal(&deal_type, "1.00").await;
    reader.catch_up().await;
    assert_eq!(reader.seen, []);
    sql_query("ROLLBACK").execute(&mut holder).unwrap();
    let slow = slow.await.unwrap().expect(201).id();
    reader.catch_up().await;
    let path = "/v1/events?type=deal.opened";
    let items = api.get(path).await.expect(200).json["items"].clone();
    let order: Vec<_> = items.as_array().unwrap().iter().map(|e| &e["object_id"]).collect();
    assert_eq!(order, [&json!(slow), &json!(fast)]);
    assert_eq!(reader.seen, recorded(&server, api, Some(&["deal.opened"])));
}

/// Of a type, a stretch looks at 10,000 events at most: of three stretches the middle one has nothing of what is at
/// both ends, and nothing is lost or doubled where one ends and the next begins.
#[tokio::test]
async fn a_rare_type_is_followed_through_stretches_without_any() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let mut connection = server.connection();
    let mut reader = Reader::new(api, "limit=200");
    reader.catch_up().await;
    let before = reader.position;
    let insert = format!(
        "INSERT INTO events (workspace_id, recorded_at, id, event_type, object_id, sequence, \
         occurred_at, actor, change, object) SELECT '{}', now(), gen_random_uuid(), \
         CASE WHEN n IN (1, 20001) THEN 'test.ends' WHEN n IN (10000, 10001) THEN 'test.seam' \
         ELSE 'test.raw' END, gen_random_uuid(), 1, now(), '{{}}', '{{}}', '{{}}' \
         FROM generate_series(1, 20001) n",
        api.workspace_id
    );
    sql_query(insert).execute(&mut connection).unwrap();
    let all: Vec<i64> =
        recorded(&server, api, None).into_iter().map(|(position, _)| position).collect();
    let all: Vec<_> = all.into_iter().filter(|position| *position > before).collect();
    assert_eq!(all.len(), 20_001);
    for (kind, found) in
        [("test.ends", [1, 0, 1]), ("test.seam", [1, 1, 0]), ("test.none", [0, 0, 0])]
    {
        let mut reader = Reader::new(api, &format!("limit=200&type={kind}"));
        reader.position = before;
        let mut stretches = Vec::new();
        loop {
            let seen = reader.seen.len();
            let more = reader.read().await;
            stretches.push((reader.seen.len() - seen, reader.position, more));
            if !more {
                break;
            }
        }
        let [first, second, third] = found;
        let expected =
            [(first, all[9_999], true), (second, all[19_999], true), (third, all[20_000], false)];
        assert_eq!(stretches, expected, "{kind}");
        assert_eq!(reader.seen, recorded(&server, api, Some(&[kind])), "{kind}");
    }
}

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % end
    }
}

const WRITERS: u64 = 6;
const DEALS: usize = 12;
const HOLDERS: u64 = 4;

/// Opens deals, moves them and changes them; how many writes had an effect.
async fn write(api: Api, deal_type: String, seed: u64, wrote: Arc<Semaphore>) -> usize {
    let (mut dice, mut effects) = (Dice(seed), 0);
    for number in 0..DEALS {
        let deal = api.deal(&deal_type, "10.00").await;
        let path = format!("/v1/deals/{deal}");
        effects += 1;
        for _ in 0..dice.below(5) {
            let reply = match dice.below(5) {
                0 => api.patch(&path, json!({ "title": format!("Deal {number}") })).await,
                1 => {
                    let amount = json!({ "amount": dice.below(4).to_string(), "currency": "EUR" });
                    api.patch(&path, json!({ "amount": amount })).await
                }
                2 => api.transition(&deal, json!({ "to": "won" })).await,
                _ => api.transition(&deal, json!({ "to": "next" })).await,
            };
            // A closed deal refuses, and what refuses leaves no event.
            assert!(matches!(reply.status, 200 | 409 | 422), "{}", reply.text);
            wrote.add_permits(1);
        }
    }
    effects
}

/// Takes positions and keeps them while others write; then commits, or not. How many it committed.
async fn hold(
    mut connection: PgConnection,
    api: Api,
    seed: u64,
    wrote: Arc<Semaphore>,
    over: Arc<AtomicUsize>,
) -> i64 {
    let (mut dice, mut committed) = (Dice(seed), 0);
    while over.load(Ordering::Acquire) < WRITERS as usize {
        let events = 1 + dice.below(3) as i32;
        take(&mut connection, &api, events);
        // Until so many writes have passed by, or there are no more.
        for _ in 0..dice.below(6) {
            while over.load(Ordering::Acquire) < WRITERS as usize {
                if let Ok(permit) = wrote.try_acquire() {
                    permit.forget();
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let keep = dice.below(2) == 0;
        sql_query(if keep { "COMMIT" } else { "ROLLBACK" }).execute(&mut connection).unwrap();
        committed += if keep { i64::from(events) } else { 0 };
    }
    committed
}

#[tokio::test]
async fn followers_see_every_event_once_and_in_order() {
    let one = TestServer::start().await;
    let two = TestServer::beside(&one).await;
    let api = &one.admin;
    let other = Api { base: two.admin.base.clone(), ..api.clone() };
    let deal_type = api.deal_type(&["one", "two", "three"]).await;

    let over = Arc::new(AtomicBool::new(false));
    let narrow = ["deal.stage_changed", "deal.won", "test.raw"];
    let narrowed = format!("limit=2&type={}", narrow.join(","));
    let queries = [(api, "limit=200"), (&other, "limit=3"), (api, narrowed.as_str())];
    let readers: Vec<_> = queries
        .iter()
        .map(|(api, query)| tokio::spawn(Reader::new(api, query).follow(over.clone())))
        .collect();

    let (wrote, finished) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let holders: Vec<_> = (0..HOLDERS)
        .map(|seed| {
            let (wrote, finished) = (wrote.clone(), finished.clone());
            tokio::spawn(hold(one.connection(), api.clone(), 100 + seed, wrote, finished))
        })
        .collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|seed| {
            let api = if seed % 2 == 0 { api } else { &other };
            let (api, deal_type) = (api.clone(), deal_type.clone());
            let (wrote, finished) = (wrote.clone(), finished.clone());
            tokio::spawn(async move {
                let opened = write(api, deal_type, seed, wrote).await;
                finished.fetch_add(1, Ordering::Release);
                opened
            })
        })
        .collect();
    let mut opened = 0;
    for writer in writers {
        opened += writer.await.unwrap();
    }
    let mut raw = 0;
    for holder in holders {
        raw += holder.await.unwrap();
    }
    over.store(true, Ordering::Release);
    let mut seen = Vec::new();
    for reader in readers {
        seen.push(reader.await.unwrap().seen);
    }

    let all = recorded(&one, api, None);
    assert_eq!(seen[0], all);
    assert_eq!(seen[1], all);
    assert_eq!(seen[2], recorded(&one, api, Some(&narrow)));
    assert_eq!(recorded(&one, api, Some(&["test.raw"])).len() as i64, raw);
    assert!(raw > 0, "some of the held transactions were committed");
    assert_eq!(opened, WRITERS as usize * DEALS);
    assert_eq!(histories::check(&mut one.connection()), opened);
}

#[tokio::test]
async fn one_change_is_one_event_with_what_was_and_what_is() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["one", "two"]).await;
    let seller = api.colleague("seller", None).await;
    let reason = api.loss_reason("Too dear").await;
    let deal = api.deal(&deal_type, "10.00").await;
    let path = format!("/v1/deals/{deal}");
    let money = |amount: &str| json!({ "amount": amount, "currency": "EUR" });
    let mut expected: Vec<(&str, Value)> = vec![("deal.opened", json!({}))];

    api.patch(&path, json!({ "amount": money("12.50") })).await.expect(200);
    expected.push(("deal.amount_changed", json!({ "amount": "12.50" })));
    // What changes nothing is no event.
    api.patch(&path, json!({ "amount": money("12.50"), "title": "A deal" })).await.expect(200);
    api.patch(&path, json!({ "owner_id": seller.user_id })).await.expect(200);
    expected.push(("deal.owner_changed", json!({})));
    api.patch(&path, json!({ "title": "Another" })).await.expect(200);
    expected.push(("deal.updated", json!({})));
    api.transition(&deal, json!({ "to": "stage", "stage_key": "two" })).await.expect(200);
    expected.push(("deal.stage_changed", json!({})));
    // Nor is what is refused, or only asked about.
    api.transition(&deal, json!({ "to": "next" })).await.problem(409, "no_next_stage");
    let asked = json!({ "to": "won", "validate_only": true });
    api.transition(&deal, asked).await.expect(200);
    let lose = json!({ "to": "lost", "loss_reason_id": reason });
    api.transition(&deal, lose).await.expect(200);
    expected.push(("deal.lost", json!({})));
    api.transition(&deal, json!({ "to": "open" })).await.expect(200);
    expected.push(("deal.reopened", json!({})));
    api.transition(&deal, json!({ "to": "won" })).await.expect(200);
    expected.push(("deal.won", json!({})));

    let events = api.get(&format!("/v1/events?object_id={deal}")).await.expect(200).json;
    let events = events["items"].as_array().unwrap();
    let types: Vec<_> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(types, expected.iter().map(|(kind, _)| *kind).collect::<Vec<_>>());
    let sequences: Vec<_> = events.iter().filter_map(|event| event["sequence"].as_i64()).collect();
    assert_eq!(sequences, (1..=types.len() as i64).collect::<Vec<_>>());
    let by_type: BTreeMap<_, _> = types.iter().copied().zip(events).collect();
    let change = |kind: &str| &by_type[kind]["change"];

    let amount = change("deal.amount_changed");
    let decimal = |value: &Value| value["amount"].as_str().unwrap().parse::<f64>().unwrap();
    assert_eq!((decimal(&amount["previous"]), decimal(&amount["current"])), (10.0, 12.5));
    let owner = change("deal.owner_changed");
    assert_eq!(owner["previous"], json!(api.user_id));
    assert_eq!(owner["current"], json!(seller.user_id));
    let title = change("deal.updated");
    assert_eq!(
        (&title["previous"]["title"], &title["current"]["title"]),
        (&json!("A deal"), &json!("Another"))
    );
    let stage = change("deal.stage_changed");
    assert_eq!(
        (&stage["from"]["stage_key"], &stage["to"]["stage_key"]),
        (&json!("one"), &json!("two"))
    );
    assert_eq!(change("deal.lost")["loss"]["loss_reason_id"], json!(reason));
    for (event, after) in events.iter().zip(["open"; 5].into_iter().chain(["lost", "open", "won"]))
    {
        assert_eq!(event["object"]["status"], after);
        assert_eq!(event["object"]["version"], event["sequence"]);
        assert_eq!(event["actor"], json!({ "kind": "user", "id": api.user_id }));
    }
    assert_eq!(histories::check(&mut server.connection()), 1);
}

/// Databases from before events were packed have them in columns: they stay as they are.
#[tokio::test]
async fn events_from_before_they_were_packed_say_the_same() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["one", "two"]).await;
    let deal = api.deal(&deal_type, "10").await;
    let client = api.post("/v1/clients", json!({ "name": "Acme" })).await.expect(201).id();
    let change = json!({ "client_id": client, "title": "Насосы \"для\" цеха" });
    api.patch(&format!("/v1/deals/{deal}"), change).await.expect(200);
    let paths = [
        "/v1/events?limit=100".to_owned(),
        format!("/v1/deals/{deal}/history"),
        format!("/v1/clients/{client}/history"),
    ];
    let read = async || {
        let mut said = Vec::new();
        for path in &paths {
            said.push(api.get(path).await.expect(200).json);
        }
        said
    };
    let packed = read().await;
    unpack_all(&mut server.connection());
    assert_eq!(read().await, packed);
    api.transition(&deal, json!({ "to": "won" })).await.expect(200);
    let both = read().await;
    let (before, now) = (&packed[1]["items"], &both[1]["items"]);
    let (before, now) = (before.as_array().unwrap(), now.as_array().unwrap());
    assert!(before.len() > 1, "{before:?}");
    assert_eq!(before[..], now[..before.len()]);
    assert_eq!(now.last().unwrap()["object"]["status"], "won");
    // What cannot be read is a fault, and is not passed over.
    let spoil =
        "UPDATE events SET packed = substr(packed, 1, length(packed) - 3) WHERE packed IS NOT NULL";
    sql::run(&mut server.connection(), spoil);
    api.get(&paths[1]).await.expect(500);
    assert_eq!(api.get(&paths[2]).await.expect(200).json, packed[2]);
}
