//! What passes is 503 and is tried again: locks, deadlocks, a database that is away or full.

use std::collections::HashMap;

use diesel::{PgConnection, RunQueryDsl, connection::SimpleConnection, sql_query};
use futures_util::future::join_all;
use serde_json::{Value, json, value::RawValue};
use voronka_integration_tests::{
    Api, Reply, TestServer,
    histories::{self, count},
    postgres,
    process::{PATIENCE, import_until, until_so},
    sql,
};

/// A server that waits for locks as long as that.
async fn waiting(lock: &str) -> TestServer {
    looking_for_deadlocks_after("50ms", lock).await
}

async fn looking_for_deadlocks_after(time: &str, lock: &str) -> TestServer {
    let options = format!("options=-c%20lock_timeout%3D{lock}%20-c%20deadlock_timeout%3D{time}");
    TestServer::on(format!("{}&{options}", postgres::database()), &[]).await
}

/// The items of a batch's answer, to the letter.
fn items(reply: &Reply) -> Vec<String> {
    let batch: HashMap<String, Vec<Box<RawValue>>> = serde_json::from_str(&reply.text).unwrap();
    batch["items"].iter().map(|item| item.get().to_owned()).collect()
}

fn statuses(reply: &Reply) -> Vec<u64> {
    let items = reply.json["items"].as_array().unwrap().iter();
    items.map(|item| item["status"].as_u64().unwrap()).collect()
}

#[track_caller]
fn unavailable(reply: Reply) -> Reply {
    let reply = reply.problem(503, "unavailable");
    assert_eq!(reply.header("retry-after"), "1");
    reply
}

fn deals(connection: &mut PgConnection) -> i64 {
    count(connection, "SELECT count(*) AS number FROM deals")
}

#[tokio::test]
async fn items_that_met_a_lock_are_carried_out_by_the_same_key() {
    let server = waiting("50ms").await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let (held, free) = (api.deal(&deal_type, "1").await, api.deal(&deal_type, "2").await);
    let batch = json!({ "items": [
        { "op": "create", "title": "New", "deal_type_id": deal_type, "amount": { "amount": "0.1", "currency": "EUR" } },
        { "op": "transition", "id": held, "to": "next" },
        { "op": "update", "id": free, "title": "Changed" },
        { "op": "update", "id": free, "title": "" },
    ]});
    let send = async |key: &str| {
        api.post_with("/v1/deals/batch", &[("idempotency-key", key)], &batch).await
    };
    let mut holder = server.connection();
    holder
        .batch_execute(&format!("BEGIN; SELECT FROM deals WHERE id = '{held}' FOR UPDATE"))
        .unwrap();
    let first = send("key").await.expect(207);
    assert_eq!(statuses(&first), [201, 503, 200, 422]);
    assert_eq!(first.json["items"][1]["problem"]["code"], "unavailable");
    // Still held: nothing is done twice, and nothing is lost.
    let second = send("key").await.expect(207);
    assert_eq!((&second.text, second.header("idempotent-replayed")), (&first.text, ""));
    holder.batch_execute("COMMIT").unwrap();
    let third = send("key").await.expect(207);
    assert_eq!(
        (statuses(&third), third.header("idempotent-replayed")),
        (vec![201, 200, 200, 422], "")
    );
    for index in [0, 2, 3] {
        assert_eq!(items(&third)[index], items(&first)[index]);
    }
    assert_eq!(third.json["items"][1]["body"]["stage_key"], "second");
    let fourth = send("key").await.expect(207);
    assert_eq!((&fourth.text, fourth.header("idempotent-replayed")), (&third.text, "true"));
    let mut other = batch.clone();
    other["items"][2]["title"] = json!("Other");
    let reply = api.post_with("/v1/deals/batch", &[("idempotency-key", "key")], &other).await;
    reply.problem(422, "idempotency_key_reused");
    assert_eq!(histories::check(&mut holder), 3);
    assert_eq!(deals(&mut holder), 3);
}

#[tokio::test]
async fn what_takes_too_long_is_narrowed_where_it_reads_and_sent_again_where_it_writes() {
    let options = "options=-c%20statement_timeout%3D300ms";
    let server = TestServer::on(format!("{}&{options}", postgres::database()), &[]).await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let deal = api.deal(&deal_type, "1").await;
    let mut holder = server.connection();
    holder.batch_execute("SET statement_timeout = 0; BEGIN; LOCK TABLE deals").unwrap();
    let search = json!({ "condition": { "field": "deal.title", "op": "contains", "value": "x" } });
    for reply in [
        api.get("/v1/deals").await,
        api.get(&format!("/v1/deals/{deal}")).await,
        api.post("/v1/deals/search", search).await,
    ] {
        reply.problem(422, "query_too_expensive");
    }
    let title = json!({ "title": "Other" });
    unavailable(api.patch(&format!("/v1/deals/{deal}"), title.clone()).await);
    holder.batch_execute("COMMIT").unwrap();
    api.patch(&format!("/v1/deals/{deal}"), title).await.expect(200);
}

/// A batch waits for what others hold once, and not for each of its items.
#[tokio::test]
async fn a_batch_waits_once() {
    let server = waiting("4s").await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let client =
        async |name: &str| api.post("/v1/clients", json!({ "name": name })).await.expect(201).id();
    for (table, field, path) in
        [("deals", "title", "/v1/deals/batch"), ("clients", "name", "/v1/clients/batch")]
    {
        let mut ids = Vec::new();
        for number in 0..20 {
            let name = format!("{table} {number}");
            ids.push(if table == "deals" {
                api.deal(&deal_type, "1").await
            } else {
                client(&name).await
            });
        }
        let mut holder = server.connection();
        let hold = format!("BEGIN; SELECT FROM {table} WHERE id <> '{}' FOR UPDATE", ids[0]);
        holder.batch_execute(&hold).unwrap();
        let item = |id: &String| json!({ "op": "update", "id": id, (field): "Other" });
        let items: Vec<_> = ids.iter().map(item).collect();
        // If it waited for each item, we should have lost patience.
        let batch = api.post(path, json!({ "items": items }));
        let reply = tokio::time::timeout(PATIENCE, batch).await.expect("it waits for each");
        let reply = reply.expect(207);
        let expected: Vec<u64> = [200].into_iter().chain([503; 19]).collect();
        assert_eq!(statuses(&reply), expected, "{table}");
        holder.batch_execute("COMMIT").unwrap();
    }
}

#[tokio::test]
async fn an_atomic_batch_that_met_a_lock_keeps_nothing() {
    let server = waiting("50ms").await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let held = api.deal(&deal_type, "1").await;
    let batch = json!({ "atomic": true, "items": [
        { "op": "create", "title": "New", "deal_type_id": deal_type },
        { "op": "update", "id": held, "title": "" },
        { "op": "transition", "id": held, "to": "next" },
    ]});
    let key = [("idempotency-key", "key")];
    let mut holder = server.connection();
    holder.batch_execute("BEGIN; SELECT FROM deals FOR UPDATE").unwrap();
    unavailable(api.post_with("/v1/deals/batch", &key, &batch).await);
    holder.batch_execute("COMMIT").unwrap();
    assert_eq!(deals(&mut holder), 1);
    let reply =
        api.post_with("/v1/deals/batch", &key, &batch).await.problem(422, "validation_failed");
    assert_eq!(reply.faults(), [("/items/1/title".to_owned(), "required".to_owned())]);
}

/// A deadlock of two who each hold what the other one wants. Postgres ends the batch's part in it, as it looks
/// for one; the batch lets go of what it holds, and goes on when the other has ended.
#[tokio::test]
async fn a_batch_in_a_deadlock_goes_on_when_it_is_over() {
    // Postgres looks once a wait: by then the other has to wait, too.
    let server = looking_for_deadlocks_after("3s", "30s").await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let (one, two) = (api.deal(&deal_type, "1").await, api.deal(&deal_type, "2").await);
    let mut other = server.connection();
    other.batch_execute("SET deadlock_timeout = '10min'").unwrap();
    other
        .batch_execute(&format!("BEGIN; SELECT FROM deals WHERE id = '{two}' FOR UPDATE"))
        .unwrap();
    let batch = json!({ "items": [
        { "op": "update", "id": one, "title": "One" },
        { "op": "update", "id": two, "title": "Two" },
    ]});
    let key = [("idempotency-key", "key")];
    let sending = tokio::spawn({
        let (api, batch) = (api.clone(), batch.clone());
        async move { api.post_with("/v1/deals/batch", &key, &batch).await }
    });
    let mut watcher = server.connection();
    until_so("the batch waits", || sql::waiting(&mut watcher) == 1).await;
    let other = std::thread::spawn(move || {
        let lock = format!("SELECT FROM deals WHERE id = '{one}' FOR UPDATE");
        sql_query(lock).execute(&mut other).unwrap();
        other.batch_execute("COMMIT").unwrap();
    });
    let reply = sending.await.unwrap().expect(207);
    other.join().unwrap();
    assert_eq!(statuses(&reply), [200, 200]);
    let again = api.post_with("/v1/deals/batch", &key, &batch).await.expect(207);
    assert_eq!((&again.text, again.header("idempotent-replayed")), (&reply.text, "true"));
}

/// Lists, their sheets and reports; and an item of a batch of clients.
#[tokio::test]
async fn whoever_waits_for_a_lock_in_vain_is_told_to_come_again() {
    let server = waiting("50ms").await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let client = api.post("/v1/clients", json!({ "name": "Isdom" })).await.expect(201).id();
    let funnel = format!("/v1/reports/funnel/open?deal_type_id={deal_type}");
    let mut holder = server.connection();
    holder.batch_execute("BEGIN; LOCK deals IN ACCESS EXCLUSIVE MODE").unwrap();
    for path in ["/v1/deals", "/v1/deals?format=csv", "/v1/deals?format=xlsx", &funnel] {
        unavailable(api.get(path).await);
    }
    holder.batch_execute("ROLLBACK; BEGIN; SELECT FROM clients FOR UPDATE").unwrap();
    let batch = json!({ "items": [
        { "op": "create", "name": "New" },
        { "op": "update", "id": client, "name": "Changed" },
    ]});
    let key = [("idempotency-key", "key")];
    let first = api.post_with("/v1/clients/batch", &key, &batch).await.expect(207);
    assert_eq!(statuses(&first), [201, 503]);
    holder.batch_execute("COMMIT").unwrap();
    let reply = api.post_with("/v1/clients/batch", &key, &batch).await.expect(207);
    assert_eq!(statuses(&reply), [201, 200]);
    assert_eq!(items(&reply)[0], items(&first)[0]);
    assert_eq!(api.get("/v1/deals?format=csv").await.expect(200).text.lines().count(), 1);
}

/// Has whatever is written to a table meet a fault: what Postgres raises, or does.
struct Trouble<'s> {
    server: &'s TestServer,
    table: &'static str,
}

impl<'s> Trouble<'s> {
    /// The first `times` writes only. A sequence counts them, as it is not rolled back.
    fn begin(server: &'s TestServer, table: &'static str, times: i64, fault: &str) -> Self {
        let sql = format!(
            "CREATE SEQUENCE IF NOT EXISTS troubles; ALTER SEQUENCE troubles RESTART;
             CREATE OR REPLACE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('troubles') <= {times} THEN {fault}; END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER trouble BEFORE INSERT OR UPDATE ON {table}
                 FOR EACH ROW EXECUTE FUNCTION trouble()"
        );
        server.connection().batch_execute(&sql).unwrap();
        Self { server, table }
    }

    fn end(self) -> i64 {
        let mut connection = self.server.connection();
        let seen = count(&mut connection, "SELECT last_value AS number FROM troubles");
        connection.batch_execute(&format!("DROP TRIGGER trouble ON {}", self.table)).unwrap();
        seen
    }
}

const ALWAYS: i64 = i64::MAX;
const DEADLOCK: &str = "RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected'";
const SERIALIZATION: &str = "RAISE EXCEPTION 'could not serialize access due to concurrent update' \
    USING ERRCODE = 'serialization_failure'";
const LOCK: &str = "RAISE EXCEPTION 'canceling statement due to lock timeout' USING ERRCODE = 'lock_not_available'";
const FULL: &str = "RAISE EXCEPTION 'could not extend file \"base/1/2\": No space left on device' \
    USING ERRCODE = 'disk_full', HINT = 'Check free disk space.'";
const LOST: &str = "PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60)";
const CANCELLED: &str = "PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(60)";
const MEMORY: &str = "RAISE EXCEPTION 'out of memory' USING ERRCODE = 'out_of_memory'";
const READ_ONLY: &str = "RAISE EXCEPTION 'cannot execute INSERT in a read-only transaction' \
    USING ERRCODE = 'read_only_sql_transaction'";
const BUG: &str = "RAISE EXCEPTION 'division by zero' USING ERRCODE = 'division_by_zero'";

#[tokio::test]
async fn a_command_that_collides_is_tried_again_and_done_once() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let there = api.deal(&deal_type, "1").await;
    let mut connection = server.connection();
    let new = json!({ "title": "New", "deal_type_id": deal_type });
    for fault in [DEADLOCK, SERIALIZATION] {
        // One statement, a transaction under a key, a change, and another thing than a deal.
        let trouble = Trouble::begin(&server, "deals", 2, fault);
        api.post("/v1/deals", new.clone()).await.expect(201);
        assert_eq!(trouble.end(), 3);
        let key = [("idempotency-key", fault)];
        let trouble = Trouble::begin(&server, "deals", 2, fault);
        let made = api.post_with("/v1/deals", &key, &new).await.expect(201);
        assert_eq!((trouble.end(), made.header("idempotent-replayed")), (3, ""));
        let trouble = Trouble::begin(&server, "deals", 2, fault);
        let body = json!({ "title": fault });
        api.patch(&format!("/v1/deals/{there}"), body).await.expect(200);
        assert_eq!(trouble.end(), 3);
        let trouble = Trouble::begin(&server, "clients", 2, fault);
        api.post("/v1/clients", json!({ "name": "Isdom" })).await.expect(201);
        assert_eq!(trouble.end(), 3);
        // In a batch, the item alone.
        let trouble = Trouble::begin(&server, "deals", 2, fault);
        let item = json!({ "op": "create", "title": "New", "deal_type_id": deal_type });
        let batch = json!({ "items": [item, item] });
        assert_eq!(statuses(&api.post("/v1/deals/batch", batch).await.expect(207)), [201, 201]);
        assert_eq!(trouble.end(), 4);
    }
    assert_eq!(deals(&mut connection), 1 + 2 * 4);
    assert_eq!(histories::check(&mut connection), 9);
    // Not for ever; and who has waited for a lock does not wait again.
    for (fault, tries) in [(DEADLOCK, 4), (LOCK, 1), (CANCELLED, 1)] {
        let trouble = Trouble::begin(&server, "deals", ALWAYS, fault);
        unavailable(api.post("/v1/deals", new.clone()).await);
        assert_eq!(trouble.end(), tries);
    }
    assert_eq!(deals(&mut connection), 9);
}

#[tokio::test]
async fn a_database_that_is_away_or_full_is_503_everywhere() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let there = api.deal(&deal_type, "1").await;
    let new = json!({ "title": "New", "deal_type_id": deal_type });
    let item = json!({ "op": "create", "title": "New", "deal_type_id": deal_type });
    for fault in [FULL, LOST, MEMORY, READ_ONLY] {
        let trouble = Trouble::begin(&server, "deals", ALWAYS, fault);
        let key = [("idempotency-key", fault)];
        unavailable(api.post("/v1/deals", new.clone()).await);
        unavailable(api.post_with("/v1/deals", &key, &new).await);
        unavailable(api.patch(&format!("/v1/deals/{there}"), json!({ "title": "B" })).await);
        let client = json!({ "op": "create", "name": fault });
        for atomic in [false, true] {
            let batch = json!({ "items": [item], "atomic": atomic });
            unavailable(api.post("/v1/deals/batch", batch).await);
        }
        trouble.end();
        // What stood before the fault is not kept either.
        let second = format!("IF currval('troubles') = 2 THEN {fault}; END IF");
        let trouble = Trouble::begin(&server, "clients", ALWAYS, &second);
        let batch = json!({ "items": [client, client] });
        unavailable(api.post_with("/v1/clients/batch", &key, &batch).await);
        assert_eq!(trouble.end(), 2);
        let clients = "SELECT count(*) AS number FROM clients";
        assert_eq!(count(&mut server.connection(), clients), 0);
        assert_eq!(deals(&mut server.connection()), 1);
    }
    // A fault of ours stays one.
    let trouble = Trouble::begin(&server, "deals", ALWAYS, BUG);
    api.post("/v1/deals", new).await.problem(500, "internal_error");
    api.post("/v1/deals/batch", json!({ "items": [item] })).await.problem(500, "internal_error");
    trouble.end();
}

/// Imports a file of deals.
async fn deals_file(api: &Api, rows: usize) -> String {
    let deal_type = api.deal_type(&["first", "second"]).await;
    let rows: String = (0..rows).map(|row| format!("d{row},Deal {row}\n")).collect();
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": { "column": "id" }, "title": { "column": "title" } } });
    api.import(format!("id,title\n{rows}"), spec).await.expect(202).id()
}

#[tokio::test]
async fn an_import_waits_for_what_passes_and_says_so() {
    let faults = [(FULL, "disk"), (LOST, "database"), (DEADLOCK, "locks"), (LOCK, "locks")];
    join_all(faults.map(async |(fault, waiting_for)| {
        let server = TestServer::start().await;
        let api = &server.admin;
        let trouble = Trouble::begin(&server, "deals", ALWAYS, fault);
        let import = deals_file(api, 2_500).await;
        let met =
            |import: &Value| import["waiting_for"] != Value::Null || import["state"] == "failed";
        let held = import_until(api, &import, met).await;
        let told = ["state", "waiting_for", "error"].map(|name| &held[name]);
        assert_eq!(told, [&json!("running"), &json!(waiting_for), &Value::Null]);
        trouble.end();
        let done = server.finished(api, &import).await;
        let told = ["state", "waiting_for", "created", "rows_total"].map(|name| &done[name]);
        assert_eq!(told, [&json!("done"), &Value::Null, &json!(2_500), &json!(2_500)]);
        assert_eq!(histories::check(&mut server.connection()), 2_500);
    }))
    .await;
}

/// What would happen again fails.
#[tokio::test]
async fn an_import_does_not_wait_for_what_is_wrong() {
    let server = TestServer::start().await;
    let trouble = Trouble::begin(&server, "deals", ALWAYS, BUG);
    let import = deals_file(&server.admin, 3).await;
    let done = server.finished(&server.admin, &import).await;
    assert_eq!((&done["state"], &done["waiting_for"]), (&json!("failed"), &Value::Null));
    trouble.end();
}

/// A wakened hand-over after a collision, and after a fault that would happen again.
#[tokio::test]
async fn the_clock_goes_on_at_its_next_tick_after_what_passes() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let anna = admin.colleague("seller", None).await;
    let deal_type = admin.deal_type(&["one"]).await;
    let deal = anna.deal(&deal_type, "10").await;
    let day = "SELECT to_json(current_date + 2)::text";
    let day = sql::json(&mut server.connection(), day);
    let owner =
        async || admin.get(&format!("/v1/deals/{deal}")).await.expect(200).json["owner_id"].clone();
    let ours = json!(admin.user_id);
    for (fault, comes_back) in [(DEADLOCK, true), (LOCK, true), (BUG, false)] {
        let over = json!({ "from_id": anna.user_id, "to_id": admin.user_id, "reason": "holiday", "until": day });
        admin.post("/v1/hand-overs", over).await.expect(201);
        let then = format!("{}T12:00:00Z", day.as_str().unwrap()).parse().unwrap();
        let trouble = Trouble::begin(&server, "deals", ALWAYS, fault);
        server.store.return_hand_overs(then).unwrap();
        trouble.end();
        assert_eq!(owner().await, ours);
        server.store.return_hand_overs(then).unwrap();
        assert_eq!(owner().await == json!(anna.user_id), comes_back, "{fault}");
    }
}
