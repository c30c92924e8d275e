//! The schema: made once, undone and made again, explained, and the same in the code.

use diesel::{
    PgConnection, QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    sql_query,
    sql_types::{Bool, Text},
};
use voronka_integration_tests::{histories::count, postgres};
use voronka_persistence::Store;

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
    let text = include_str!("../../../../persistence/src/core/schema.rs");
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
            "Json" => "json",
            "Jsonb" => "jsonb",
            "Numeric" => "numeric",
            "Timestamptz" => "timestamptz",
            "Float8" => "float8",
            "Array<Text>" => "_text",
            "Array<Uuid>" => "_uuid",
            "Array<Int4>" => "_int4",
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
