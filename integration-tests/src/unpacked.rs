//! Lets SQL look into events, which are packed in their table.

use diesel::{
    PgConnection, QueryableByName, RunQueryDsl,
    connection::{AnsiTransactionManager, TransactionManager},
    sql_query,
    sql_types::{Array, BigInt, Binary, Text},
};
use voronka_persistence::core::packing;

use crate::sql::run;

#[derive(QueryableByName)]
struct Packed {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = Binary)]
    packed: Vec<u8>,
}

const AT_A_TIME: usize = 20_000;

/// In `what`, `events` is the feed with nothing packed, as it was when this began; everything else is of the same
/// moment, if no transaction is going on already.
pub fn with_events<T>(
    connection: &mut PgConnection,
    what: impl FnOnce(&mut PgConnection) -> T,
) -> T {
    let depth = AnsiTransactionManager::transaction_manager_status_mut(connection)
        .transaction_depth()
        .expect("a connection that is whole");
    let look = |connection: &mut PgConnection| {
        copy(connection);
        let said = what(connection);
        run(connection, "DROP TABLE pg_temp.events");
        Ok::<_, diesel::result::Error>(said)
    };
    let said = match depth {
        None => connection.build_transaction().repeatable_read().run(look),
        Some(_) => look(connection),
    };
    said.expect("a snapshot")
}

fn copy(connection: &mut PgConnection) {
    run(
        connection,
        "DROP TABLE IF EXISTS pg_temp.events; CREATE TEMP TABLE events (LIKE public.events)",
    );
    run(connection, "INSERT INTO events SELECT * FROM public.events WHERE packed IS NULL");
    let mut last = 0;
    loop {
        let next = format!(
            "SELECT position, packed FROM public.events WHERE packed IS NOT NULL AND position > {last} \
             ORDER BY position LIMIT {AT_A_TIME}"
        );
        let rows: Vec<Packed> = sql_query(next).load(connection).expect("events");
        let Some(end) = rows.last() else { break };
        last = end.position;
        let said = rows.iter().map(|row| packing::unpacked(&row.packed).expect("an event"));
        let (mut actors, mut changes, mut objects) = (Vec::new(), Vec::new(), Vec::new());
        for (actor, change, object) in said {
            let text = |json| serde_json::to_string(&json).expect("JSON");
            actors.push(text(actor));
            changes.push(text(change));
            objects.push(text(object));
        }
        sql_query(
            "INSERT INTO events (workspace_id, position, id, event_type, object_id, sequence, occurred_at, \
             recorded_at, actor, change, object) SELECT workspace_id, position, id, event_type, object_id, \
             sequence, occurred_at, recorded_at, said.actor, said.change, said.object \
             FROM unnest($1, $2::json[], $3::json[], $4::json[]) AS said(at, actor, change, object) \
             JOIN public.events ON position = at",
        )
        .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.position).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(actors)
        .bind::<Array<Text>, _>(changes)
        .bind::<Array<Text>, _>(objects)
        .execute(connection)
        .expect("a copy");
    }
    run(
        connection,
        "CREATE INDEX ON pg_temp.events (workspace_id, object_id, sequence); ANALYZE pg_temp.events",
    );
}

/// Writes all events as they were written before they were packed.
pub fn unpack_all(connection: &mut PgConnection) {
    with_events(connection, |connection| {
        run(
            connection,
            "UPDATE public.events SET packed = NULL, actor = said.actor, change = said.change, \
             object = said.object FROM pg_temp.events said WHERE events.workspace_id = said.workspace_id \
             AND events.position = said.position",
        );
    });
}
