//! After the storm: what nobody answered is sent again, the clock runs, and everything is looked at.

use diesel::{
    PgConnection, RunQueryDsl, sql_query,
    sql_types::{Array, BigInt, Nullable, Text},
};
use voronka_integration_tests::unpacked::with_events;
use voronka_integration_tests::{
    histories::{self, count},
    invariants::{self, When},
    process::until,
};
use voronka_persistence::Store;

use crate::{faults::Servers, log::Log};

/// What must hold, and what breaks it.
pub type Findings = Vec<(String, Vec<String>)>;

pub async fn look(servers: &Servers, log: &mut Log) -> Findings {
    let mut findings =
        vec![("no other answer than 503 for what passes".to_owned(), log.failures())];
    let again = send_again(servers, log).await;
    findings.push(("a key that is sent again answers as it did".to_owned(), again));
    let going = "SELECT count(*) AS number FROM imports WHERE state IN ('queued', 'running')";
    until("imports ended", async || count(&mut servers.connection(), going) == 0).await;
    let store = Store::new(&servers.url(), 2);
    let mut connection = servers.connection();
    // What has rung is heard once more when all have ended who were at work then.
    let rung = "SELECT count(*) AS number FROM rings WHERE rung_at <= now()";
    while store.tick(voronka_persistence::now()).expect("the clock") > 0
        || count(&mut connection, rung) > 0
    {}
    let lost = lost(&mut connection, log);
    findings.push(("what was acknowledged is there".to_owned(), lost));
    let looked = invariants::look(&mut connection, When::AtRest);
    findings.extend(looked.into_iter().map(|one| (one.invariant.to_owned(), one.broken)));
    findings.push(("a row is what its history tells".to_owned(), told(connection)));
    let log = servers.log();
    let panics = log.lines().filter(|line| line.contains("panicked")).map(str::to_owned);
    findings.push(("no server panics".to_owned(), panics.collect()));
    findings
}

/// What the histories fail on, if on anything.
fn told(mut connection: PgConnection) -> Vec<String> {
    let checked = std::thread::spawn(move || histories::check(&mut connection)).join();
    match checked {
        Ok(_) => Vec::new(),
        Err(said) => vec![said.downcast_ref::<String>().cloned().unwrap_or_default()],
    }
}

/// Sends what had a key once more: what was answered is answered as before, and the rest is now.
async fn send_again(servers: &Servers, log: &mut Log) -> Vec<String> {
    let apis = servers.apis();
    let mut wrong = Vec::new();
    for (number, sent) in log.sent.iter_mut().enumerate() {
        let first = sent.answer.clone();
        let (api, what) = (&apis[number % 2], format!("{} {}", sent.key, sent.request.path));
        let Some(reply) = sent.send(api).await else {
            wrong.push(format!("{what}: no answer"));
            continue;
        };
        let Some(first) = first else {
            if reply.status >= 500 {
                wrong.push(format!("{what}: {}", reply.text));
            }
            continue;
        };
        // Of a batch, that which met a passing fault is carried out now.
        let whole = !first.to_string().contains("\"status\":503");
        let replayed = reply.header("idempotent-replayed") == "true";
        if reply.status >= 300 || (whole && (!replayed || reply.json != first)) {
            wrong.push(format!("{what}: {first} became {} {}", reply.status, reply.text));
        }
    }
    wrong
}

/// Every version that somebody was told of is in the feed, a deal's with the title that it had.
fn lost(connection: &mut PgConnection, log: &Log) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Lost {
        #[diesel(sql_type = Text)]
        what: String,
    }
    let told = &log.acknowledged;
    let asked = sql_query(
        "SELECT concat_ws(' ', id, version, title) AS what FROM unnest($1, $2, $3) AS told(id, version, title) \
         WHERE NOT EXISTS (SELECT FROM events WHERE object_id = told.id::uuid AND sequence = told.version \
             AND (told.title IS NULL OR object ->> 'title' = told.title))",
    )
    .bind::<Array<Text>, _>(told.iter().map(|one| one.id.clone()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(told.iter().map(|one| one.version).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(told.iter().map(|one| one.title.clone()).collect::<Vec<_>>());
    let lost: Vec<Lost> =
        with_events(connection, |connection| asked.load(connection).expect("the feed"));
    lost.into_iter().map(|lost| lost.what).collect()
}

/// Of the database, since it is there.
pub fn deadlocks(connection: &mut PgConnection) -> i64 {
    let sql = "SELECT deadlocks AS number FROM pg_stat_database WHERE datname = current_database()";
    count(connection, sql)
}
