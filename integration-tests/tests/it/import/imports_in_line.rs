//! Batches of an import that are in progress at the same time.

use diesel::{PgConnection, RunQueryDsl, sql_query};
use serde_json::json;
use voronka_integration_tests::{
    TestServer,
    histories::{self, count},
    import_load::{self, STAGES, totals, write},
    process::{import_until, until_so},
    sql,
};

use crate::import::imports::{counts, done, import};

/// Of a file that is imported at once.
const BATCH: usize = 2_000;

/// Holds what a batch writes last: it waits, and the next one decides meanwhile.
fn hold_visits(connection: &mut PgConnection) {
    sql_query("BEGIN").execute(connection).unwrap();
    sql_query("LOCK TABLE stage_visits IN EXCLUSIVE MODE").execute(connection).unwrap();
}

async fn waiting(connection: &mut PgConnection, number: i64) {
    until_so("batches wait", || sql::waiting(connection) == number).await;
}

#[tokio::test]
async fn rows_of_one_deal_and_new_names_may_stand_in_different_batches() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(STAGES).await;
    // Each deal comes in three batches, worth more each time; each batch names the clients of the one before
    // in capitals, and ten new ones.
    let mut file = "no,client,amount\n".to_owned();
    for row in 0..3 * BATCH {
        let (batch, deal) = (row / BATCH, row % BATCH);
        let client = batch * 10 + deal % 20;
        let name = if batch > 0 && deal % 20 < 10 { "CLIENT" } else { "Client" };
        file.push_str(&format!("{deal},{name} {client},{batch}.50\n"));
    }
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "create_missing": true,
        "mapping": { "external_id": {"column": "no"}, "client": {"column": "client"}, "amount": {"column": "amount"} } });
    let done = import(&server, api, file, spec).await;
    assert_eq!(counts(&done), [BATCH as i64, 2 * BATCH as i64, 0, 0]);
    let mut connection = server.connection();
    assert_eq!(histories::check(&mut connection), BATCH);
    let last = "SELECT count(*) AS number FROM deals JOIN clients ON clients.id = client_id \
                WHERE amount = 2.5 AND clients.name ILIKE 'client ' || (20 + deals.external_id::int % 20)";
    assert_eq!(count(&mut connection, last), BATCH as i64);
    assert_eq!(count(&mut connection, "SELECT count(*) AS number FROM clients"), 40);
}

#[tokio::test]
async fn a_batch_that_fails_takes_the_next_one_with_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(STAGES).await;
    let mut file = Vec::new();
    let expected = write(&mut file, 7_000, 5).unwrap();
    let (mut holder, mut watcher) = (server.connection(), server.connection());
    hold_visits(&mut holder);
    let import = api.import(file, import_load::spec(&deal_type)).await.expect(202).id();
    waiting(&mut watcher, 2).await;
    // The one that has waited longest is the first.
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) AS number FROM \
         (SELECT pid FROM {} ORDER BY waitstart LIMIT 1) AS first",
        sql::WAITING_LOCKS
    );
    assert_eq!(count(&mut watcher, &end), 1);
    sql_query("COMMIT").execute(&mut holder).unwrap();
    let done = done(&server, api, &import).await;
    assert_eq!(counts(&done), [7_000, 0, 0, 0]);
    assert_eq!(totals(&mut watcher), expected);
    assert_eq!(histories::check(&mut watcher), 7_000);
    // 350 clients are named, and none was made twice.
    assert_eq!(count(&mut watcher, "SELECT count(*) AS number FROM clients"), 350);
}

#[tokio::test]
async fn a_client_that_is_merged_behind_a_batch_is_the_survivor_in_the_next_one() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(STAGES).await;
    let later = json!({ "title": "Later", "deal_type_id": deal_type,
        "external_id": { "source": "file", "id": "3000" } });
    let later = api.post("/v1/deals", later).await.expect(201).id();
    let mut file = "no,client\n".to_owned();
    for row in 0..2 * BATCH {
        file.push_str(&format!("{row},Client {}\n", row % 2));
    }
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "external_source": "file",
        "create_missing": true,
        "mapping": { "external_id": {"column": "no"}, "client": {"column": "client"} } });
    let (mut holder, mut other) = (server.connection(), server.connection());
    let mut watcher = server.connection();
    hold_visits(&mut holder);
    sql_query("BEGIN").execute(&mut other).unwrap();
    let lock = format!("SELECT FROM deals WHERE id = '{later}' FOR UPDATE");
    sql_query(lock).execute(&mut other).unwrap();
    let import = api.import(file, spec).await.expect(202).id();
    // The first batch has made the clients and is being written; the second one knows them and looks for its deals.
    waiting(&mut watcher, 2).await;
    sql_query("COMMIT").execute(&mut holder).unwrap();
    import_until(api, &import, |import| import["rows_done"] == BATCH).await;
    let clients = api.get("/v1/clients?sort=name").await.expect(200).json["items"].clone();
    let [this, duplicate] = [0, 1].map(|n| clients[n]["id"].as_str().unwrap().to_owned());
    let merge = json!({ "duplicate_id": duplicate });
    api.post(&format!("/v1/clients/{this}/merge"), merge).await.expect(200);
    sql_query("COMMIT").execute(&mut other).unwrap();
    let done = done(&server, api, &import).await;
    assert_eq!(counts(&done), [2 * BATCH as i64 - 1, 1, 0, 0]);
    let of = format!("SELECT count(*) AS number FROM deals WHERE client_id = '{this}'");
    assert_eq!(count(&mut watcher, &of), 2 * BATCH as i64);
    assert_eq!(histories::check(&mut watcher), 2 * BATCH);
}
