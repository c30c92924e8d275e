//! The invariants find what is broken: each is, once, by hand.

use diesel::{Connection, connection::SimpleConnection, result::Error};
use voronka_integration_tests::{
    invariants::{When, look},
    operations::{Flavour, Kind, named},
    unpacked::unpack_all,
};

use super::Scene;

const BREAKS: &[(&str, &str)] = &[
    (
        "an open deal has one open segment",
        "UPDATE stage_visits SET base_amount = 7 WHERE left_at IS NULL",
    ),
    ("a deal has what belongs", "UPDATE deals SET status = 'done'"),
    ("a deal has what belongs", "UPDATE deals SET closed_at = now()"),
    ("a deal has what belongs", "UPDATE deals SET loss_reason_id = id"),
    ("a deal has what belongs", "UPDATE deals SET amount = -1"),
    ("a deal has what belongs", "UPDATE deals SET base_amount = -1"),
    ("a deal has what belongs", "UPDATE deals SET lead_temperature = 'tepid'"),
    ("a deal has what belongs", "UPDATE deals SET external_id = NULL, external_source = 'x'"),
    ("a segment has ended in a known", "UPDATE stage_visits SET left_at = now(), ended_by = NULL"),
    (
        "a segment has ended in a known",
        "UPDATE stage_visits SET ended_by = 'gone', left_at = now()",
    ),
    ("a segment has ended in a known", "UPDATE stage_visits SET direction = 'sideways'"),
    ("a segment begins when", "UPDATE stage_visits SET left_at = left_at + interval '1 s'"),
    ("segments begin with an event", "UPDATE stage_visits SET sequence = sequence + 50"),
    ("a visit has the number of the stage", "UPDATE deals SET touched = touched || 999"),
    ("a visit has the number of the stage", "UPDATE stage_visits SET stage_number = 999"),
    ("an event has an id of its own", "UPDATE events SET id = object_id"),
    ("a deal's row is what its last event left", "UPDATE deals SET title = 'Other'"),
    (
        "a deal's row is what its last event left",
        "UPDATE deals SET expected_close_on = '2030-01-01'",
    ),
    (
        "nobody rests in a stage whose gate is met",
        "UPDATE documents SET state = 'accepted' WHERE kind = 'quote'",
    ),
    ("a deal for which a rule of the clock waits", "UPDATE deals SET alarm_at = NULL"),
    (
        "a gate was passed when it was met",
        "UPDATE events SET object = (object::jsonb || '{\"state\":\"draft\"}')::json \
         WHERE event_type LIKE 'document.%'",
    ),
    ("the tasks of a stage are there", "DELETE FROM tasks"),
    ("the tasks of a stage are there", "UPDATE tasks SET status = 'new', visit = 0"),
    ("versions have no gaps", "UPDATE documents SET version = version + 1"),
    (
        "versions have no gaps",
        "UPDATE events SET sequence = sequence + 1 WHERE event_type = 'task.updated'",
    ),
    (
        "no passing fault is kept",
        "UPDATE idempotency_keys SET body = '{\"items\":[{\"status\":503}]}'",
    ),
    ("imports have ended well", "UPDATE imports SET state = 'failed'"),
    ("the index of custom fields", "DELETE FROM custom_values"),
    ("titles are found as", "DELETE FROM deal_titles"),
    (
        "each file has its object",
        "WITH o AS (INSERT INTO stored_objects (workspace_id, id, state, bytes, sha256, created_at) \
         SELECT workspace_id, gen_random_uuid(), 'kept', 2, 'x', now() FROM workspaces LIMIT 1 RETURNING *) \
         INSERT INTO files (workspace_id, id, object_kind, object_id, name, bytes, sha256, stored_id, version, \
         created_at, updated_at) SELECT workspace_id, id, 'deal', id, 'a', 1, 'x', id, 1, now(), now() FROM o",
    ),
    (
        "what a workspace has in the store",
        "INSERT INTO stored_objects (workspace_id, id, state, bytes, remove_at, created_at) \
         SELECT workspace_id, gen_random_uuid(), 'gone', 1, now(), now() FROM workspaces LIMIT 1",
    ),
    (
        "a recording that is kept",
        "INSERT INTO recordings (workspace_id, id, activity_id, integration_id, url, state, attempts, happened_at, \
         version, created_at, updated_at) SELECT workspace_id, id, id, id, '', 'kept', 1, now(), 1, now(), now() \
         FROM deals LIMIT 1",
    ),
];

#[tokio::test]
async fn whatever_is_broken_is_found() {
    let scene = Scene::set().await;
    let mut world = scene.world().await;
    let gate = vec![Kind::Field, Kind::Document];
    let wanted = [(gate, Flavour::Ruled), (vec![Kind::Document], Flavour::Bare)];
    let deals = world
        .deals(&[wanted[0].clone(), wanted[1].clone(), wanted[0].clone()])
        .await
        .expect("deals");
    for (mut deal, done) in deals.into_iter().zip([
        &[("updateTask", "responsible"), ("updateDeal", "custom"), ("createDocument", "draft")][..],
        &[("transitionDocument", "send")],
        &[("updateDeal", "fill"), ("createDocument", "draft"), ("createImport", "fill")],
    ]) {
        for (id, what) in done {
            let operation = named(id, what);
            world.prepare(&mut deal, &[operation]).await.expect("prepared");
            let key = format!("{}-{id}", deal.id);
            let keys = [("idempotency-key", key.as_str())];
            let reply = (operation.request)(&deal).send(&world.admin, &keys).await.unwrap();
            assert!(reply.status < 300, "{}", reply.text);
        }
    }
    for finding in scene.findings().await {
        assert_eq!(finding.broken, Vec::<String>::new(), "{}", finding.invariant);
    }
    let mut connection = scene.server.connection();
    unpack_all(&mut connection);
    for (invariant, sabotage) in BREAKS {
        let mut found = Vec::new();
        let undone = connection.transaction::<(), _, _>(|connection| {
            connection.batch_execute(sabotage)?;
            found = look(connection, When::AtRest);
            Err(Error::RollbackTransaction)
        });
        assert_eq!(undone, Err(Error::RollbackTransaction), "{sabotage}");
        let broken = found.iter().find(|one| one.invariant.starts_with(invariant)).expect("known");
        assert!(!broken.broken.is_empty(), "{sabotage} does not break: {}", broken.invariant);
    }
    // Whoever takes this test for the list of them has all of them, but what the schema holds already.
    let named = |what: &str| BREAKS.iter().any(|(invariant, _)| what.starts_with(invariant));
    let left: Vec<_> = look(&mut connection, When::AtRest)
        .into_iter()
        .filter(|one| !named(one.invariant))
        .map(|one| one.invariant)
        .collect();
    assert_eq!(left, ["external ids are not doubled"]);
}
