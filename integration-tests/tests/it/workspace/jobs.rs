//! Background work: who may look at it and set it, whose turn it is, and what becomes of what fails.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{
    Api, TestServer,
    process::{until, until_so},
    sql,
};
use voronka_persistence::core::jobs::{Claimed, Ended, Holder, Job};

use crate::import::imports::import;

/// A kind of work that no server knows: it is run by the test.
const WORK: Job = Job { name: "of-a-test", enabled: true };

fn holder(server: &TestServer) -> Holder {
    Holder::new(server.store.clone())
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn done() -> Ended {
    Ended::Done(json!({}))
}

async fn job(api: &Api, name: &str) -> Value {
    api.get(&format!("/v1/jobs/{name}")).await.expect(200).json
}

/// States of the runs of the test's work, in the order of their making.
fn states(server: &TestServer) -> Value {
    let states = "SELECT coalesce(jsonb_agg(state ORDER BY id), '[]')::text FROM jobs WHERE name = 'of-a-test'";
    sql::json(&mut server.connection(), states)
}

#[tokio::test]
async fn administrators_switch_and_schedule_the_work_of_their_workspace() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let jobs = api.get("/v1/jobs").await.expect(200).json;
    let names: Vec<_> = jobs["items"].as_array().unwrap().iter().map(|job| &job["name"]).collect();
    let all = [
        "imports",
        "interpret-events",
        "fetch-recordings",
        "deal-clock",
        "return-hand-overs",
        "compare-clients",
        "work-out-tracks",
        "sweep",
        "remove-objects",
    ];
    assert_eq!(names, all);
    for role in ["head", "seller", "analyst"] {
        let colleague = api.colleague(role, None).await;
        colleague.get("/v1/jobs").await.problem(403, "forbidden");
    }
    api.get("/v1/jobs/nothing").await.problem(404, "not_found");

    let work = "/v1/jobs/compare-clients";
    let nightly = json!({ "schedule": "30 2 * * 1-5" });
    let set = api.patch(work, nightly.clone()).await.expect(200);
    assert_eq!((&set.json["schedule"], set.header("etag")), (&nightly["schedule"], "\"2\""));
    // The next working day's half past two in Amsterdam, as Postgres has it.
    let next = "SELECT to_json(min(t AT TIME ZONE 'Europe/Amsterdam'))::text FROM generate_series( \
        (now() AT TIME ZONE 'Europe/Amsterdam')::date + time '02:30', \
        now() AT TIME ZONE 'Europe/Amsterdam' + interval '5 days', '1 day') AS t \
        WHERE extract(isodow FROM t) < 6 AND t AT TIME ZONE 'Europe/Amsterdam' > now()";
    let next = sql::json(&mut server.connection(), next);
    let instant = |value: &Value| DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
    assert_eq!(instant(&set.json["next_run_at"]), instant(&next));
    let stale = api
        .send(
            Method::PATCH,
            work,
            &[("if-match", "\"1\"")],
            Some(json!({ "enabled": false }).to_string().into_bytes()),
        )
        .await;
    stale.problem(412, "version_mismatch");

    let off = api.patch(work, json!({ "enabled": false })).await.expect(200).json;
    assert_eq!((&off["enabled"], &off["next_run_at"]), (&json!(false), &Value::Null));
    let other = server.workspace("Other", "EUR", "Europe/Berlin").await;
    let theirs = job(&other, "compare-clients").await;
    assert_eq!((&theirs["enabled"], &theirs["schedule"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn work_that_is_switched_off_waits_and_a_run_that_is_started_ends() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    api.patch("/v1/jobs/imports", json!({ "enabled": false })).await.expect(200);
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": { "column": "id" } } });
    let queued = api.import("id\n1\n", spec.clone()).await.expect(202).id();
    // Another workspace's are carried out meanwhile.
    let other = server.workspace("Other", "EUR", "Europe/Berlin").await;
    let theirs = json!({ "kind": "deals", "deal_type_id": other.deal_type(&["one"]).await,
        "mapping": { "external_id": { "column": "id" } } });
    assert_eq!(import(&server, &other, "id\n1\n", theirs).await["state"], "done");
    let waits = job(api, "imports").await;
    assert_eq!((&waits["waiting"], &waits["running"]), (&json!(1), &json!(0)));
    assert_eq!(api.get(&format!("/v1/imports/{queued}")).await.expect(200).json["state"], "queued");
    api.patch("/v1/jobs/imports", json!({ "enabled": true })).await.expect(200);
    assert_eq!(server.finished(api, &queued).await["state"], "done");
    until("it was counted", async || {
        job(api, "imports").await["last_run"]["subject_id"] == json!(queued)
    })
    .await;

    let started = api.post("/v1/jobs/sweep/runs", json!({})).await.expect(202).json;
    assert_eq!(started["created_by"], json!({ "kind": "user", "id": api.user_id }));
    until("the run ended", async || job(api, "sweep").await["last_run"]["state"] == "done").await;
    let runs = api.get("/v1/jobs/sweep/runs?state=done").await.expect(200).json;
    let run = &runs["items"][0];
    assert_eq!((&run["id"], &run["attempts"]), (&started["id"], &json!(1)));
    assert_eq!(
        run["result"],
        json!({ "idempotency_keys": 0, "raw_events": 0, "recordings": 0, "runs": 0 })
    );
    let none = other.get("/v1/jobs/sweep/runs").await.expect(200).json;
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn what_fails_is_tried_again_and_then_stays_until_somebody_looks_after_it() {
    let server = TestServer::start().await;
    let (api, ours) = (&server.admin, holder(&server));
    let mut now = at("2030-01-01T00:00:00Z");
    ours.notice(WORK, vec![api.workspace_id], now).unwrap();
    // Noticed again, it is the same that waits.
    ours.notice(WORK, vec![api.workspace_id], now).unwrap();
    assert_eq!(states(&server), json!(["waiting"]));
    for (attempt, pause) in [(1, 10), (2, 20), (3, 40), (4, 80), (5, 0)] {
        let claimed = ours.claim(&[WORK], now).unwrap().unwrap();
        assert_eq!(claimed.run.attempts, attempt);
        ours.end(&claimed, Ended::Failed("Broken".into()), 0.0, now).unwrap();
        let soon = now + TimeDelta::seconds(pause - 1);
        assert!(ours.claim(&[WORK], soon).unwrap().is_none());
        now += TimeDelta::seconds(pause);
    }
    assert_eq!(states(&server), json!(["failed"]));
    // A turn that is over, and what has to pass, are no attempts.
    ours.notice(WORK, vec![api.workspace_id], now).unwrap();
    for ended in [Ended::Interrupted, Ended::Held("Full".into())] {
        let claimed = ours.claim(&[WORK], now).unwrap().unwrap();
        assert_eq!(claimed.run.attempts, 1);
        ours.end(&claimed, ended, 0.0, now).unwrap();
        now += TimeDelta::minutes(1);
    }
    let claimed = ours.claim(&[WORK], now).unwrap().unwrap();
    ours.end(&claimed, done(), 0.0, now).unwrap();
    assert_eq!(states(&server), json!(["failed", "done"]));

    let rename = "UPDATE jobs SET name = 'sweep' WHERE state = 'failed'";
    server.connection().batch_execute(rename).unwrap();
    let failed = api.get("/v1/jobs/sweep/runs?state=failed").await.expect(200).json;
    let run = &failed["items"][0];
    assert_eq!((&run["error"], &run["attempts"]), (&json!("Broken"), &json!(5)));
    assert_eq!(job(api, "sweep").await["failed"], 1);
    let again = api.post("/v1/jobs/sweep/runs", json!({ "run_id": run["id"] })).await.expect(202);
    assert_eq!((&again.json["id"], &again.json["state"]), (&run["id"], &json!("waiting")));
    until("the run ended", async || job(api, "sweep").await["last_run"]["id"] == run["id"]).await;
    let path = format!("/v1/jobs/sweep/runs/{}", run["id"].as_str().unwrap());
    api.delete(&path).await.problem(409, "run_not_failed");
    let fail = "UPDATE jobs SET state = 'failed' WHERE name = 'sweep'";
    server.connection().batch_execute(fail).unwrap();
    assert_eq!(api.delete(&path).await.expect(200).json["state"], "dropped");
    assert_eq!(job(api, "sweep").await["failed"], 0);
}

/// Two servers: one run of a workspace at a time, workspaces in turn, and what a server leaves behind goes on.
#[tokio::test]
async fn each_run_is_one_servers_and_each_workspace_has_its_turn() {
    let server = TestServer::start().await;
    let (one, two) = (holder(&server), holder(&server));
    let a = server.admin.workspace_id;
    let b = server.workspace("Other", "EUR", "Europe/Berlin").await.workspace_id;
    let now = at("2030-01-01T00:00:00Z");
    let runs = format!(
        "INSERT INTO jobs (workspace_id, id, name, subject_id, state, run_at, created_at, updated_at) \
         SELECT w::uuid, gen_random_uuid(), 'of-a-test', gen_random_uuid(), 'waiting', t, t, t \
         FROM (VALUES ('{a}', 1), ('{a}', 2), ('{a}', 3), ('{b}', 4)) AS wanted(w, n), \
         LATERAL (SELECT timestamptz '2029-01-01' + n * interval '1 day' AS t) AS at"
    );
    server.connection().batch_execute(&runs).unwrap();
    let later = |seconds| now + TimeDelta::seconds(seconds);
    let claim = |holder: &Holder, seconds| holder.claim(&[WORK], later(seconds)).unwrap();
    let workspace = |claimed: &Claimed| claimed.workspace_id;
    let first = claim(&one, 0).unwrap();
    assert_eq!(workspace(&first), a);
    // One at a time of a workspace, and that of another one beside it.
    let second = claim(&two, 1).unwrap();
    assert_eq!(workspace(&second), b);
    assert!(claim(&one, 1).is_none() && claim(&two, 1).is_none());
    two.end(&second, Ended::Interrupted, 0.0, later(1)).unwrap();
    assert!(one.others_wait(&[WORK], &first, later(1)).unwrap());
    one.end(&first, done(), 0.0, later(1)).unwrap();
    // The first workspace was served longer ago; after that the second one was, though its run is younger.
    let second = claim(&two, 2).unwrap();
    assert_eq!(workspace(&second), a);
    two.end(&second, done(), 0.0, later(2)).unwrap();
    let second = claim(&two, 3).unwrap();
    assert_eq!(workspace(&second), b);
    let third = claim(&two, 4).unwrap();
    assert_eq!(workspace(&third), a);
    // The one goes away: what it ran is taken over, and an end that comes late changes nothing.
    drop(two);
    let (mut taken, mut ids) = (Vec::new(), vec![second.run.id, third.run.id]);
    until_so("what the other left behind is taken over", || {
        taken.extend(claim(&one, 5).map(|claimed| claimed.run.id));
        taken.len() == 2
    })
    .await;
    taken.sort_unstable();
    ids.sort_unstable();
    assert_eq!(taken, ids);
    holder(&server).end(&third, done(), 0.0, now).unwrap();
    let running = "SELECT to_json(count(*))::text FROM jobs WHERE state = 'running'";
    assert_eq!(sql::json(&mut server.connection(), running), json!(2));
}

/// A later file may build on an earlier one: it does not overtake it, whatever that waits for.
#[tokio::test]
async fn runs_begin_in_the_order_in_which_they_came() {
    let server = TestServer::start().await;
    let ours = holder(&server);
    let now = at("2030-01-01T00:00:00Z");
    let runs = format!(
        "INSERT INTO jobs (workspace_id, id, name, subject_id, state, run_at, created_at, updated_at) \
         SELECT '{}', ('01900000-0000-7000-8000-00000000000' || n)::uuid, 'of-a-test', gen_random_uuid(), 'waiting', \
         now(), now(), now() FROM generate_series(1, 2) n",
        server.admin.workspace_id
    );
    server.connection().batch_execute(&runs).unwrap();
    for ended in [Ended::Interrupted, Ended::Failed("Broken".into()), Ended::Held("Full".into())] {
        let first = ours.claim(&[WORK], now).unwrap().unwrap();
        assert!(first.run.id.to_string().ends_with('1'));
        ours.end(&first, ended, 0.0, now).unwrap();
        let wait = "UPDATE jobs SET run_at = '2030-01-01T00:00:01Z' WHERE id::text LIKE '%1'";
        server.connection().batch_execute(wait).unwrap();
        assert!(ours.claim(&[WORK], now).unwrap().is_none());
        let due = "UPDATE jobs SET run_at = now() WHERE id::text LIKE '%1'";
        server.connection().batch_execute(due).unwrap();
    }
    let first = ours.claim(&[WORK], now).unwrap().unwrap();
    ours.end(&first, done(), 0.0, now).unwrap();
    assert!(ours.claim(&[WORK], now).unwrap().unwrap().run.id.to_string().ends_with('2'));
}

/// Workspaces whose first run waits for another try keep nobody from his turn, however many they are; and what is
/// started again is not begun beside a later one that runs.
#[tokio::test]
async fn a_first_run_that_is_not_due_is_in_nobodys_way() {
    let server = TestServer::start().await;
    let ours = holder(&server);
    let now = at("2030-01-01T00:00:00Z");
    // Twenty-five companies: the first run of each is for later, the second one would be due.
    let crowd = "INSERT INTO workspaces (workspace_id, name, currency, time_zone, created_at, updated_at) \
                 SELECT gen_random_uuid(), 'Company', 'EUR', 'UTC', now(), now() FROM generate_series(1, 25)";
    server.connection().batch_execute(crowd).unwrap();
    let runs = format!(
        "INSERT INTO jobs (workspace_id, id, name, subject_id, state, run_at, created_at, updated_at) \
         SELECT workspace_id, ('01900000-0000-7000-8000-00000000000' || n)::uuid, 'of-a-test', gen_random_uuid(), \
         'waiting', CASE n WHEN 1 THEN timestamptz '2031-01-01' ELSE '2020-01-01' END, now(), now() \
         FROM workspaces, generate_series(1, 2) n WHERE workspace_id <> '{}'",
        server.admin.workspace_id
    );
    server.connection().batch_execute(&runs).unwrap();
    assert!(ours.claim(&[WORK], now).unwrap().is_none());
    ours.notice(WORK, vec![server.admin.workspace_id], now).unwrap();
    let claimed = ours.claim(&[WORK], now).unwrap().unwrap();
    assert_eq!(claimed.workspace_id, server.admin.workspace_id);
    let again = format!(
        "INSERT INTO jobs (workspace_id, id, name, subject_id, state, run_at, created_at, updated_at) \
         VALUES ('{}', '01900000-0000-7000-8000-000000000001', 'of-a-test', gen_random_uuid(), 'waiting', now(), \
         now(), now())",
        server.admin.workspace_id
    );
    server.connection().batch_execute(&again).unwrap();
    assert!(holder(&server).claim(&[WORK], now).unwrap().is_none());
}

/// An import that is called off waits no more; what waits is not started a second time.
#[tokio::test]
async fn what_is_called_off_waits_no_more() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    for name in ["imports", "sweep"] {
        let path = format!("/v1/jobs/{name}");
        api.patch(&path, json!({ "enabled": false })).await.expect(200);
    }
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": { "column": "id" } } });
    let import = api.import("id\n1\n", spec.clone()).await.expect(202).id();
    api.post(&format!("/v1/imports/{import}/cancel"), json!({})).await.expect(200);
    let runs = api.get("/v1/jobs/imports/runs").await.expect(200).json;
    assert_eq!(runs["items"][0]["state"], "dropped");
    // Nobody waits for an import whose run has failed for the last time and is dropped.
    let import = api.import("id\n2\n", spec).await.expect(202).id();
    let fail = "UPDATE jobs SET state = 'failed', attempts = 5, finished_at = now() \
                WHERE name = 'imports' AND state = 'waiting'";
    server.connection().batch_execute(fail).unwrap();
    let runs = api.get("/v1/jobs/imports/runs?state=failed").await.expect(200).json;
    let run = format!("/v1/jobs/imports/runs/{}", runs["items"][0]["id"].as_str().unwrap());
    assert_eq!(api.delete(&run).await.expect(200).json["state"], "dropped");
    let given_up = api.get(&format!("/v1/imports/{import}")).await.expect(200).json;
    assert_eq!(
        (&given_up["state"], &given_up["error"]),
        (&json!("failed"), &json!("Its run has failed and was dropped."))
    );
    let one = api.post("/v1/jobs/sweep/runs", json!({})).await.expect(202).json;
    let same = api.post("/v1/jobs/sweep/runs", json!({})).await.expect(202).json;
    assert_eq!(one["id"], same["id"]);
    let failed = format!(
        "INSERT INTO jobs (workspace_id, id, name, state, run_at, finished_at, created_at, updated_at) \
         VALUES ('{}', '01900000-0000-7000-8000-000000000001', 'sweep', 'failed', now(), now(), now(), now())",
        api.workspace_id
    );
    server.connection().batch_execute(&failed).unwrap();
    let again = json!({ "run_id": "01900000-0000-7000-8000-000000000001" });
    api.post("/v1/jobs/sweep/runs", again).await.problem(409, "run_waiting");
}

#[tokio::test]
async fn a_workspace_has_so_many_waiting_runs_and_no_more() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let fill = format!(
        "INSERT INTO jobs (workspace_id, id, name, subject_id, state, run_at, created_at, updated_at) \
         SELECT '{}', gen_random_uuid(), 'of-a-test', gen_random_uuid(), 'waiting', now(), now(), now() \
         FROM generate_series(1, 1000)",
        api.workspace_id
    );
    server.connection().batch_execute(&fill).unwrap();
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": { "column": "id" } } });
    api.import("id\n1\n", spec).await.problem(409, "too_many_jobs");
    let imports = api.get("/v1/imports").await.expect(200).json;
    assert_eq!(imports["items"], json!([]));
}

/// A schedule begins one run when its time has come, however late it is looked at, and the next one a day later.
#[tokio::test]
async fn a_schedule_begins_its_runs() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let ours = holder(&server);
    api.patch("/v1/jobs/work-out-tracks", json!({ "schedule": "0 3 * * *" })).await.expect(200);
    let rename = "UPDATE job_settings SET name = 'of-a-test', next_at = '2030-01-01T02:00:00Z'";
    server.connection().batch_execute(rename).unwrap();
    // By its schedule alone, whatever is noticed.
    ours.notice(WORK, vec![api.workspace_id], at("2030-01-01T01:00:00Z")).unwrap();
    assert_eq!(states(&server), json!([]));
    for (now, states_then) in [
        ("2030-01-01T01:59:59Z", json!([])),
        ("2030-01-04T05:00:00Z", json!(["waiting"])),
        ("2030-01-05T01:59:59Z", json!(["done"])),
        ("2030-01-05T02:00:00Z", json!(["done", "waiting"])),
    ] {
        ours.begin_scheduled(at(now)).unwrap();
        assert_eq!(states(&server), states_then, "{now}");
        if let Some(claimed) = ours.claim(&[WORK], at(now)).unwrap() {
            ours.end(&claimed, done(), 0.0, at(now)).unwrap();
        }
    }
}
