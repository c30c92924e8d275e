//! SQL of the tests' own, for figures that owe nothing to the code under test.

use diesel::{PgConnection, RunQueryDsl, connection::SimpleConnection, dsl::sql, sql_types::Text};
use serde_json::Value;

use crate::histories::count;

/// What a query of one text answers, read as JSON.
pub fn json(connection: &mut PgConnection, query: &str) -> Value {
    let text: String = sql::<Text>(query).get_result(connection).expect(query);
    serde_json::from_str(&text).expect("JSON")
}

pub fn run(connection: &mut PgConnection, statements: &str) {
    connection.batch_execute(statements).expect(statements);
}

/// Locks that nobody was given yet, of this database alone: the tests share one server, whose list names all of them,
/// and databases cloned from one template share the numbers of their tables.
pub const WAITING_LOCKS: &str = "pg_locks WHERE NOT granted \
     AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";

/// How many sessions of this database wait for a lock.
pub fn waiting(connection: &mut PgConnection) -> i64 {
    count(connection, &format!("SELECT count(DISTINCT pid) AS number FROM {WAITING_LOCKS}"))
}

/// How many of them wait for a table.
pub fn waiting_for(connection: &mut PgConnection, table: &str) -> i64 {
    let of_table = format!("{WAITING_LOCKS} AND relation = '{table}'::regclass");
    count(connection, &format!("SELECT count(DISTINCT pid) AS number FROM {of_table}"))
}

/// Table to a hash of all its rows, for every table but those of the imports themselves: two that are
/// equal are of databases that say the same. Of the feed, what it tells of imports is left out; so are the pairs of
/// clients, which are found a little later, and what was done in the background.
pub fn fingerprint(connection: &mut PgConnection) -> Value {
    run(
        connection,
        "CREATE OR REPLACE FUNCTION pg_temp.hash(name text) RETURNS text LANGUAGE plpgsql AS $$ \
         DECLARE answer text; BEGIN \
         EXECUTE format('SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '''')) FROM %I t \
         WHERE coalesce(to_jsonb(t) ->> ''event_type'', '''') NOT LIKE ''import.%%''', name) \
         INTO answer; RETURN answer; END $$",
    );
    json(
        connection,
        "SELECT jsonb_object_agg(tablename, pg_temp.hash(tablename))::text FROM pg_tables \
         WHERE schemaname = 'public' AND tablename NOT LIKE 'import%' \
         AND tablename NOT IN ('client_changes', 'client_pairs', 'jobs', 'job_settings')",
    )
}
