//! Files of more than a batch: what is put together over all of it, stopped in the middle, or tried first.

use diesel::{QueryableByName, RunQueryDsl, sql_query};
use serde_json::json;
use voronka_integration_tests::{
    Api, TestServer,
    import_load::{self, STAGES, totals, write},
    process::{import_until, until_so},
    sql,
};

use crate::import::imports::{counts, deal, expect, faults, import, notes};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    number: i64,
}

fn count(connection: &mut diesel::PgConnection, what: &str) -> i64 {
    let sql = format!("SELECT count(*) AS number FROM {what}");
    sql_query(sql).get_result::<Count>(connection).unwrap().number
}

#[tokio::test]
async fn a_generated_file_comes_to_the_totals_of_its_generator() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(STAGES).await;
    let mut file = Vec::new();
    let expected = write(&mut file, 5_000, 7).unwrap();
    let before = sql::fingerprint(&mut server.connection());
    let mut trial = import_load::spec(&deal_type);
    trial["dry_run"] = json!(true);
    let trial = import(&server, api, file.clone(), trial).await;
    assert_eq!(sql::fingerprint(&mut server.connection()), before);
    let done = import(&server, api, file, import_load::spec(&deal_type)).await;
    assert_eq!(totals(&mut server.connection()), expected);
    // A trial of several batches, each undone, says what the import then does.
    assert_eq!((counts(&trial), counts(&done)), ([5_000, 0, 0, 0], [5_000, 0, 0, 0]));
    assert_eq!(trial["notes"], done["notes"]);
    assert!(notes(&done).contains(&("created_client".to_owned(), 250)), "{done}");
    for table in ["import_chunks", "import_rows"] {
        assert_eq!(count(&mut server.connection(), table), 0, "{table}");
    }
}

#[tokio::test]
async fn a_case_may_be_scattered_over_a_large_log() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let spec = json!({ "kind": "stage_events", "deal_type_id": deal_type,
        "mapping": { "case_id": {"column": "case"}, "activity": {"column": "what"}, "occurred_at": {"column": "when"} },
        "stage_map": { "a": {"stage": "first"}, "b": {"stage": "second"}, "w": {"won": true} } });
    // The ends of all cases come first, then their middles, then their beginnings; one has no beginning.
    let cases = 1_500;
    let mut text = "case,what,when\n".to_owned();
    for (what, day) in [("w", 3), ("b", 2), ("a", 1)] {
        for case in (0..cases).rev().filter(|case| what != "a" || *case != 7) {
            text.push_str(&format!("Fall {case},{what},2020-01-0{day}\n"));
        }
        text.push_str(&format!("Fall 1,{what}?,2020-01-01\n"));
    }
    let mut trial = spec.clone();
    trial["dry_run"] = json!(true);
    let before = sql::fingerprint(&mut server.connection());
    let trial = import(&server, api, text.clone(), trial).await;
    assert_eq!(sql::fingerprint(&mut server.connection()), before);
    let done = import(&server, api, text.clone(), spec.clone()).await;
    for done in [&trial, &done] {
        assert_eq!(counts(done), [cases, 2 * cases - 1, 0, 3]);
        let told = faults(api, done).await;
        let lines = [cases + 2, 2 * cases + 3, 3 * cases + 3].map(|line| line as u64);
        assert_eq!(told, expect(&lines.map(|line| (line, "activity", "not_in_stage_map"))));
    }
    let visits = "stage_visits WHERE ended_by = 'won' AND position = 2";
    assert_eq!(count(&mut server.connection(), visits), cases);
    assert_eq!(deal(api, "Fall%207").await["opened_at"], "2020-01-01T23:00:00Z");
    let before = sql::fingerprint(&mut server.connection());
    let again = import(&server, api, text, spec).await;
    assert_eq!(counts(&again), [0, 0, 3 * cases - 1, 3]);
    assert_eq!(sql::fingerprint(&mut server.connection()), before);
}

async fn cancel(api: &Api, import: &str) -> voronka_integration_tests::Reply {
    api.send(reqwest::Method::POST, &format!("/v1/imports/{import}/cancel"), &[], None).await
}

#[tokio::test]
async fn a_cancelled_import_stops_and_keeps_what_it_has_taken() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(STAGES).await;
    let mut file = Vec::new();
    write(&mut file, 6_000, 3).unwrap();
    // The second batch waits for a deal that somebody holds, and the second import for the first.
    let there = json!({ "deal_type_id": deal_type, "title": "There before",
        "external_id": { "source": "load", "id": "D00002500" } });
    api.post("/v1/deals", there).await.expect(201);
    let mut holder = server.connection();
    sql_query("BEGIN").execute(&mut holder).unwrap();
    sql_query("SELECT FROM deals FOR UPDATE").execute(&mut holder).unwrap();
    let spec = import_load::spec(&deal_type);
    let running = api.import(file.clone(), spec.clone()).await.expect(202).id();
    let queued = api.import(file, spec).await.expect(202).id();
    import_until(api, &running, |import| import["rows_done"] == 2_000).await;
    let mut watcher = server.connection();
    until_so("a batch waits", || sql::waiting(&mut watcher) == 1).await;
    let ended = cancel(api, &queued).await.expect(200).json;
    assert_eq!((&ended["state"], &ended["rows_done"]), (&json!("cancelled"), &json!(0)));
    let ended = cancel(api, &running).await.expect(200).json;
    assert_eq!((&ended["state"], ended["finished_at"].is_string()), (&json!("cancelled"), true));
    assert_eq!(ended["rows_done"], 2_000, "{ended}");
    sql_query("COMMIT").execute(&mut holder).unwrap();
    for import in [&running, &queued] {
        cancel(api, import).await.problem(409, "import_finished");
    }
    // The worker has gone on to the next import by the time that this one is done.
    let next = import(
        &server,
        api,
        "no\nlast\n",
        json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": {"column": "no"} } }),
    )
    .await;
    assert_eq!(counts(&next), [1, 0, 0, 0]);
    let read = api.get(&format!("/v1/imports/{running}")).await.expect(200).json;
    assert_eq!((&read["state"], &read["rows_done"]), (&json!("cancelled"), &json!(2_000)));
    assert_eq!(count(&mut server.connection(), "deals"), 2_000 + 2);
    assert_eq!(count(&mut server.connection(), "import_chunks"), 0);
}

#[tokio::test]
async fn a_row_that_is_always_in_conflict_is_refused_by_itself() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    // A rule that the import knows nothing of.
    sql_query("CREATE UNIQUE INDEX odd_name_is_unique ON deals (workspace_id, title)")
        .execute(&mut server.connection())
        .unwrap();
    let rows: String =
        (0..50).map(|n| format!("{n},Deal {}\n", if n == 40 { 3 } else { n })).collect();
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": {"column": "id"}, "title": {"column": "title"} } });
    let done = import(&server, api, format!("id,title\n{rows}"), spec).await;
    assert_eq!(counts(&done), [49, 0, 0, 1]);
    assert_eq!(faults(api, &done).await, expect(&[(42, "name", "name_taken")]));
}

#[tokio::test]
async fn names_are_made_for_rows_that_are_taken() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "create_missing": true,
        "mapping": { "external_id": {"column": "id"}, "client": {"column": "client"},
            "opened_at": {"column": "opened"} } });
    let text = "id,client,opened,campaign\n1,Acme,2100-01-01,x\n2,Bolt,2020-01-01,y\n";
    let done = import(&server, api, text, spec).await;
    assert_eq!(counts(&done), [1, 0, 0, 1]);
    assert_eq!(notes(&done)[1..], [("created_client".to_owned(), 1)]);
    assert_eq!(done["unused_columns"], json!(["campaign"]));
    let clients = api.get("/v1/clients").await.expect(200).json["items"].clone();
    assert_eq!((clients.as_array().unwrap().len(), &clients[0]["name"]), (1, &json!("Bolt")));
}
