//! The schema: made once, undone and made again, explained, and the same in the code.

use diesel::{
    PgConnection, QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    sql_query,
    sql_types::{Bool, Text},
};
use voronka_integration_tests::{histories::count, postgres, sql};
use voronka_persistence::{
    Store, clients,
    clients::contacts,
    core::{
        jobs,
        list::{Field, Spec},
    },
    deals, files,
    work::{activities, documents, payments, tasks},
    workspace::products,
};

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
         JOIN pg_index i ON i.indrelid = t.oid AND i.indisunique AND t.relname NOT IN ('instance_keys', 'file_stores') \
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

#[derive(QueryableByName)]
struct Plan {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

fn plan(connection: &mut PgConnection, query: &str) -> String {
    let lines: Vec<Plan> =
        sql_query(format!("EXPLAIN (COSTS off) {query}")).load(connection).unwrap();
    lines.into_iter().map(|plan| plan.line).collect::<Vec<_>>().join("\n")
}

/// The column of a filter, without its table.
fn filtered(spec: &Spec, name: &str) -> &'static str {
    let field = spec.fields.iter().find(|field| field.name == name).unwrap();
    field.column.rsplit('.').next().unwrap()
}

/// Pages of a list by a sort, as `core::list` asks for them: rows with a value first, and then those without one. Under the
/// filters with a value that the sort needs, of which there is one that an index is made for.
fn pages(spec: &Spec, field: &Field, order: &str) -> Vec<String> {
    let table = spec.table;
    let column = field.ids.unwrap_or(field.column);
    // What is overdue is open, and more than that.
    let needs = field.needs.iter().filter_map(|need| need.split_once('='));
    let filters: String = needs
        .filter(|(name, _)| *name != "overdue")
        .map(|(name, value)| format!(" AND {table}.{} = '{value}'", filtered(spec, name)))
        .collect();
    let from = format!(
        "SELECT {table}.id FROM {table} \
         WHERE {table}.workspace_id = '01900000-0000-7000-8000-000000000001'{filters}"
    );
    let by_column = format!("ORDER BY {column} {order}, {table}.id {order} LIMIT 51");
    if !field.nullable {
        return vec![format!("{from} {by_column}")];
    }
    vec![
        format!("{from} AND {column} IS NOT NULL {by_column}"),
        format!("{from} AND {column} IS NULL ORDER BY {table}.id {order} LIMIT 51"),
    ]
}

/// Whether rows that have one value in the column are found by an index.
fn found_by_index(connection: &mut PgConnection, table: &str, column: &str) -> bool {
    let indexes = format!(
        "SELECT count(*) AS number FROM pg_index i \
         JOIN pg_attribute w ON w.attrelid = i.indrelid AND w.attnum = i.indkey[0] \
         JOIN pg_attribute c ON c.attrelid = i.indrelid AND c.attnum = i.indkey[1] \
         WHERE i.indrelid = '{table}'::regclass AND w.attname = 'workspace_id' AND c.attname = '{column}' \
         AND coalesce(pg_get_expr(i.indpred, i.indrelid), '({column} IS NOT NULL)') = '({column} IS NOT NULL)'"
    );
    count(connection, &indexes) > 0
}

/// A page of a list that grows with its workspace is read in the order of an index, or from the few rows of a filter that has
/// one; it is never sorted whole.
#[test]
fn every_sort_of_a_list_that_grows_has_its_index() {
    let mut connection = connect(&postgres::database());
    sql::run(&mut connection, "SET enable_seqscan = off; SET enable_sort = off");
    let mut without = Vec::new();
    for spec in [
        &deals::LIST,
        &clients::LIST,
        &contacts::LIST,
        &products::LIST,
        &tasks::LIST,
        &activities::LIST,
        &documents::LIST,
        &files::LIST,
        &payments::LIST,
        &jobs::LIST,
    ] {
        for field in spec.fields.iter().filter(|field| field.sorts) {
            let filters: Vec<_> = field.needs.iter().filter(|need| !need.contains('=')).collect();
            for name in &filters {
                let column = filtered(spec, name);
                if !found_by_index(&mut connection, spec.table, column) {
                    without.push(format!("{} {} by {name}", spec.table, field.name));
                }
            }
            if !filters.is_empty() {
                continue;
            }
            for page in ["ASC", "DESC"].into_iter().flat_map(|order| pages(spec, field, order)) {
                let plan = plan(&mut connection, &page);
                let sorts = |line: &str| line.trim_start_matches([' ', '-', '>']) == "Sort";
                if !plan.contains("Index") || plan.lines().any(sorts) {
                    without.push(format!("{page}\n{plan}"));
                }
            }
        }
    }
    assert!(without.is_empty(), "{}", without.join("\n"));
}

/// The one above would tell.
#[test]
fn a_sort_without_an_index_is_seen() {
    let mut connection = connect(&postgres::database());
    sql::run(&mut connection, "SET enable_seqscan = off; SET enable_sort = off");
    let page = "SELECT id FROM deals WHERE workspace_id = '01900000-0000-7000-8000-000000000001' \
                ORDER BY currency, id LIMIT 51";
    assert!(plan(&mut connection, page).contains("Sort\n"));
    assert!(!found_by_index(&mut connection, "deals", "loss_reason_id"));
}
