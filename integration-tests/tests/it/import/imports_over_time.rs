//! Imports that meet deals that are there already, and imports of histories.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer, sql};

use crate::import::imports::{counts, deal, deals, expect, faults, file, import, notes, spec};

async fn history(api: &Api, external_id: &str) -> Vec<Value> {
    let id = deal(api, external_id).await["id"].as_str().unwrap().to_owned();
    let history = api.get(&format!("/v1/deals/{id}/history?limit=200")).await.expect(200);
    history.json["items"].as_array().unwrap().clone()
}

/// Type, time and line of every event.
fn told(history: &[Value]) -> Vec<(String, String, u64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |event: &Value| {
        let kind = text(&event["type"]).replace("deal.", "");
        (kind, text(&event["occurred_at"]), event["actor"]["line"].as_u64().unwrap())
    };
    history.iter().map(of).collect()
}

fn events(events: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    events.iter().map(|(kind, at, line)| ((*kind).to_owned(), (*at).to_owned(), *line)).collect()
}

/// Cells of a row, what the import counts (created, updated, unchanged, rejected), and codes of refusal.
type Step = (&'static [(&'static str, &'static str)], [i64; 4], &'static [&'static str]);

#[tokio::test]
async fn time_runs_forward() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let rows = file(&[
        &[("id", "1"), ("opened", "2100-01-01")],
        &[("id", "2"), ("opened", "2020-02-01"), ("closed", "2020-01-01"), ("stage", "won")],
        &[("id", "3"), ("opened", "2020-01-01"), ("closed", "2100-01-01"), ("stage", "won")],
        &[("id", "4"), ("opened", "2020-02-01"), ("entered", "2020-01-01"), ("stage", "second")],
        &[("id", "5"), ("opened", "2020-01-01"), ("entered", "2100-02-01"), ("stage", "second")],
        &[("id", "6"), ("entered", "2100-02-01"), ("stage", "second")],
        &[("id", "7"), ("opened", "2020-01-01"), ("closed", "2020-01-01"), ("stage", "won")],
        &[("id", "8"), ("stage", "won")],
        &[("id", "9"), ("closed", "2020-01-01"), ("stage", "won")],
    ]);
    let done = import(&server, api, rows, spec(&deal_type, json!({}))).await;
    assert_eq!(counts(&done), [3, 0, 0, 6]);
    let expected = [
        (2, "opened_at", "in_the_future"),
        (3, "closed_at", "before_last_event"),
        (4, "closed_at", "in_the_future"),
        (5, "stage_entered_at", "before_last_event"),
        (6, "stage_entered_at", "in_the_future"),
        (7, "stage_entered_at", "in_the_future"),
    ];
    assert_eq!(faults(api, &done).await, expect(&expected));
    let expected = [
        ("without_client", 3),
        ("without_amount", 3),
        ("opened_at_import", 1),
        ("closed_at_import", 1),
    ];
    assert_eq!(notes(&done), expected.map(|(code, count)| (code.to_owned(), count)));
    let nine = deal(api, "9").await;
    assert_eq!(
        (&nine["opened_at"], &nine["closed_at"]),
        (&nine["closed_at"], &json!("2019-12-31T23:00:00Z"))
    );
}

#[tokio::test]
async fn a_known_deal_becomes_what_its_row_says() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second", "third"]).await;
    let others = || json!({ "create_missing": true });
    let base = [
        ("id", "1"),
        ("opened", "2020-01-01"),
        ("amount", "100"),
        ("owner", "Anna"),
        ("stage", "first"),
    ];
    // Each step changes cells of the row before.
    let mut row: Vec<(&str, &str)> = base.to_vec();
    let mut put = |cells: &[(&'static str, &'static str)]| {
        for (name, value) in cells {
            row.retain(|(other, _)| other != name);
            row.push((name, value));
        }
        file(&[&row])
    };
    let steps: [Step; 7] = [
        (&[], [1, 0, 0, 0], &["opened"]),
        (
            &[("amount", "250.5"), ("owner", "Ben")],
            [0, 1, 0, 0],
            &["amount_changed", "owner_changed"],
        ),
        (&[("stage", "third")], [0, 1, 0, 0], &["stage_changed"]),
        (
            &[("client", "Acme"), ("title", "Servers"), ("amount", ""), ("owner", "")],
            [0, 1, 0, 0],
            &["updated"],
        ),
        // Won for another amount than before, as exports of open pipelines become those of closed ones.
        (&[("stage", "won"), ("amount", "300")], [0, 1, 0, 0], &["amount_changed", "won"]),
        (
            &[("stage", "lost"), ("reason", "Fraud"), ("amount", "0")],
            [0, 1, 0, 0],
            &["reopened", "amount_changed", "lost"],
        ),
        (&[("stage", "first"), ("amount", "90")], [0, 1, 0, 0], &["reopened", "amount_changed"]),
    ];
    let mut expected: Vec<&str> = Vec::new();
    for (cells, count, kinds) in steps {
        let text = put(cells);
        let done = import(&server, api, text.clone(), spec(&deal_type, others())).await;
        assert_eq!((counts(&done), faults(api, &done).await), (count, vec![]), "{cells:?}");
        expected.extend(kinds);
        let history = told(&history(api, "1").await);
        let kinds: Vec<_> = history.iter().map(|(kind, ..)| kind.as_str()).collect();
        assert_eq!(kinds, expected, "{cells:?}");
        let before = sql::fingerprint(&mut server.connection());
        let again = import(&server, api, text, spec(&deal_type, others())).await;
        assert_eq!(counts(&again), [0, 0, 1, 0], "{cells:?}");
        assert_eq!(sql::fingerprint(&mut server.connection()), before);
    }
    let deal = deal(api, "1").await;
    assert_eq!(
        (&deal["amount"]["amount"], &deal["stage_key"], &deal["reopened"]),
        (&json!("90.00"), &json!("first"), &json!(2))
    );
    assert_eq!(
        (&deal["title"], &deal["depth"], &deal["loss"]),
        (&json!("Servers"), &json!(3), &Value::Null)
    );

    // A closed deal's amount stands, as it does for a request.
    import(&server, api, put(&[("stage", "won")]), spec(&deal_type, others())).await;
    let refused = import(&server, api, put(&[("amount", "1")]), spec(&deal_type, others())).await;
    assert_eq!(faults(api, &refused).await, expect(&[(2, "", "deal_closed")]));
}

/// A gate is asked of the deal as the row makes it, however the deal was before.
#[tokio::test]
async fn a_row_may_meet_a_gate_and_pass_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let gate = json!([{ "kind": "field", "field": "client_id" }]);
    let stages = json!([{ "name": "First", "gate": gate }, { "name": "Second" }]);
    let body = json!({ "name": "Gated", "mode": "manual", "stages": stages });
    let deal_type = api.post("/v1/deal-types", body).await.expect(201).id();
    let others = || json!({ "create_missing": true });
    let one = file(&[&[("id", "1"), ("opened", "2020-01-01"), ("stage", "first")]]);
    import(&server, api, one, spec(&deal_type, others())).await;
    let moved =
        [("id", "1"), ("opened", "2020-01-01"), ("stage", "second"), ("entered", "2020-02-01")];
    let done = import(&server, api, file(&[&moved]), spec(&deal_type, others())).await;
    assert_eq!(faults(api, &done).await, expect(&[(2, "client", "field_required")]));
    let named = [&moved[..], &[("client", "Acme")]].concat();
    let done = import(&server, api, file(&[&named]), spec(&deal_type, others())).await;
    assert_eq!(counts(&done), [0, 1, 0, 0]);
    assert_eq!(deal(api, "1").await["stage_entered_at"], "2020-01-31T23:00:00Z");
}

#[tokio::test]
async fn a_file_may_repeat_a_deal_and_a_trial_sees_it_too() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let rows = file(&[
        &[("id", "1"), ("amount", "5"), ("owner", "Anna"), ("client", "Acme")],
        &[("id", "2"), ("amount", "x")],
        &[("id", "1"), ("amount", "6"), ("stage", "second")],
        &[("id", "1"), ("amount", "6"), ("stage", "second")],
        &[("id", "3"), ("stage", "lost"), ("reason", "Price")],
    ]);
    let spec =
        |dry_run: bool| spec(&deal_type, json!({ "dry_run": dry_run, "create_missing": true }));
    let before = sql::fingerprint(&mut server.connection());
    let trial = import(&server, api, rows.clone(), spec(true)).await;
    assert_eq!(sql::fingerprint(&mut server.connection()), before);
    assert_eq!((deals(api).await, &trial["dry_run"]), (0, &json!(true)));
    let done = import(&server, api, rows, spec(false)).await;
    for done in [&trial, &done] {
        assert_eq!(counts(done), [2, 1, 1, 1]);
        assert_eq!(faults(api, done).await, expect(&[(3, "amount", "invalid_amount")]));
    }
    assert_eq!(trial["notes"], done["notes"]);
    assert_eq!(deal(api, "1").await["amount"]["amount"], "6.00");
    let history = history(api, "1").await;
    let lines: Vec<_> =
        history.iter().map(|event| event["actor"]["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 4, 4], "opened by its first row, changed and moved by the other");
}

#[tokio::test]
async fn twenty_thousand_rows_are_a_small_file() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let row = |n: u32| {
        let stage = ["first", "second", "won", "lost"][n as usize % 4];
        format!(
            "{n},Deal {n},{}.25,{stage},2020-01-01,2020-06-30,Price,Owner {}\n",
            n % 1000,
            n % 30
        )
    };
    let text: String =
        std::iter::once("id,title,amount,stage,opened,closed,reason,owner\n".to_owned())
            .chain((1..=20_000).map(row))
            .collect();
    let mapping = ["title", "amount", "stage", "owner"]
        .map(|field| (field, field))
        .into_iter()
        .chain([
            ("external_id", "id"),
            ("opened_at", "opened"),
            ("closed_at", "closed"),
            ("loss_reason", "reason"),
        ])
        .map(|(field, column)| (field.to_owned(), json!({ "column": column })));
    let mapping: serde_json::Map<_, _> = mapping.collect();
    let done = import(
        &server,
        api,
        text,
        spec(&deal_type, json!({ "mapping": mapping, "create_missing": true })),
    )
    .await;
    assert_eq!(counts(&done), [20_000, 0, 0, 0]);
    let made = [("without_client", 20_000), ("created_user", 30), ("created_loss_reason", 1)];
    assert_eq!(notes(&done), made.map(|(code, count)| (code.to_owned(), count)));
    let path =
        format!("/v1/reports/funnel/closed?deal_type_id={deal_type}&from=2020-06-30&to=2020-06-30");
    let totals = api.get(&path).await.expect(200).json["totals"].clone();
    assert_eq!((&totals["won"], &totals["lost"]), (&json!(5_000), &json!(5_000)));
    // The won deals are those of 2, 6, 10, ... 19998.
    let cents: u64 = (0..5_000).map(|k| (2 + 4 * k) % 1000 * 100 + 25).sum();
    assert_eq!(totals["won_amount"], format!("{}.{:02}", cents / 100, cents % 100));
}

#[tokio::test]
async fn another_workspace_sees_nothing_of_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let done =
        import(&server, api, file(&[&[("id", "1")], &[("id", "")]]), spec(&deal_type, json!({})))
            .await;
    let stranger = server.workspace("Other", "EUR", "UTC").await;
    let path = format!("/v1/imports/{}", done["id"].as_str().unwrap());
    stranger.get(&path).await.problem(404, "not_found");
    stranger.get(&format!("{path}/rejected.csv")).await.problem(404, "not_found");
    assert_eq!(stranger.get("/v1/imports").await.expect(200).json["items"], json!([]));
    assert_eq!(deals(&stranger).await, 0);
    let refused = stranger.import(file(&[]), spec(&deal_type, json!({}))).await;
    let refused = refused.problem(422, "validation_failed");
    assert_eq!(refused.faults(), [("/deal_type_id".to_owned(), "unknown_reference".to_owned())]);
    // The same external id is another deal there.
    let theirs = stranger.deal_type(&["first"]).await;
    let done = import(&server, &stranger, file(&[&[("id", "1")]]), spec(&theirs, json!({}))).await;
    assert_eq!(counts(&done), [1, 0, 0, 0]);
    assert_ne!(deal(&stranger, "1").await["id"], deal(api, "1").await["id"]);
    let seller = api.colleague("seller", None).await;
    seller.import(file(&[]), spec(&deal_type, json!({}))).await.problem(403, "forbidden");
}

fn log_spec(deal_type: &str) -> Value {
    json!({
        "kind": "stage_events", "deal_type_id": deal_type, "create_missing": true,
        "mapping": { "case_id": {"column": "case"}, "activity": {"column": "what"},
            "occurred_at": {"column": "when"}, "user": {"column": "who"}, "amount": {"column": "amount"} },
        "stage_map": { "A": {"stage": "first"}, "B": {"stage": "second"}, "C": {"stage": "third"},
            "Won": {"won": true}, "Lost": {"lost": "Declined"}, "Note": {"ignore": true} },
    })
}

#[tokio::test]
async fn a_log_is_replayed_in_order_of_its_time() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second", "third"]).await;
    let day = |n: u64| format!("2020-01-{n:02}T00:00:00Z");
    let rows = [
        ("x", "C", 3, "Carl", ""),     // 2: third, after B
        ("y", "Won", 1, "Anna", ""),   // 3: closes a case that began with it
        ("x", "A", 1, "Anna", "10"),   // 4: opens x
        ("x", "B", 2, "Ben", "10"),    // 5
        ("x", "B", 2, "Dora", "10"),   // 6: the same stage again
        ("x", "Note", 2, "Eve", "10"), // 7: ignored
        ("x", "Huh", 2, "Eve", "10"),  // 8: not in the map
        ("x", "Won", 4, "Anna", ""),   // 9: overruled by the next outcome
        ("x", "Lost", 5, "Ben", ""),   // 10
        ("x", "Lost", 6, "Carl", ""),  // 11: says it again
        ("x", "B", 7, "Anna", "12"),   // 12: reopens, for another amount
        ("x", "Won", 7, "Anna", "12"), // 13: at the same time, later in the file
    ];
    let row = |(case, what, when, who, amount): (&str, &str, u64, &str, &str)| {
        format!("{case},{what},{},{who},{amount}\n", day(when))
    };
    let head = "case,what,when,who,amount\n".to_owned();
    let text: String = std::iter::once(head.clone()).chain(rows.map(row)).collect();
    let done = import(&server, api, text.clone(), log_spec(&deal_type)).await;
    assert_eq!(counts(&done), [2, 5, 4, 1]);
    assert_eq!(faults(api, &done).await, expect(&[(8, "activity", "not_in_stage_map")]));
    let history_of_x = history(api, "x").await;
    let expected = [
        ("opened", 1, 4, "Anna"),
        ("stage_changed", 2, 5, "Ben"),
        ("stage_changed", 3, 2, "Carl"),
        ("lost", 5, 10, "Ben"),
        ("reopened", 7, 12, "Anna"),
        ("amount_changed", 7, 12, "Anna"),
        ("won", 7, 13, "Anna"),
    ];
    let days = expected.map(|(_, n, ..)| day(n));
    let told_of_x: Vec<_> = expected
        .iter()
        .zip(&days)
        .map(|((kind, _, line, _), at)| (*kind, at.as_str(), *line))
        .collect();
    assert_eq!(told(&history_of_x), events(&told_of_x));
    // Each event was done by the person of its own row, through the import.
    for (event, (.., who)) in history_of_x.iter().zip(expected) {
        let actor = &event["actor"];
        assert_eq!((&actor["kind"], &actor["id"]), (&json!("import"), &done["id"]));
        let user =
            api.get(&format!("/v1/users/{}", actor["user_id"].as_str().unwrap())).await.expect(200);
        assert_eq!(user.json["name"], who, "{event}");
    }
    let feed = api.get("/v1/events?limit=200&type=deal.opened,deal.stage_changed,deal.lost,deal.reopened,deal.amount_changed,deal.won").await.expect(200);
    let of_x = feed.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["object_id"] == history_of_x[0]["object_id"]);
    assert_eq!(of_x.cloned().collect::<Vec<_>>(), history_of_x);
    let y = deal(api, "y").await;
    assert_eq!(
        (&y["status"], &y["depth"], &y["opened_at"]),
        (&json!("won"), &json!(1), &y["closed_at"])
    );
    let path =
        format!("/v1/reports/funnel/closed?deal_type_id={deal_type}&from=2020-01-01&to=2020-01-31");
    let stages = api.get(&path).await.expect(200).json["stages"].clone();
    let of = |field: &str| {
        stages
            .as_array()
            .unwrap()
            .iter()
            .map(|stage| stage[field].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (of("reached"), of("touched"), of("visits"), of("back_moves")),
        (vec![2, 2, 2], vec![2, 1, 1], vec![2, 2, 1], vec![0, 1, 0])
    );

    // The log has grown: what is known is passed over, what is new goes on from there.
    let before = sql::fingerprint(&mut server.connection());
    let again = import(&server, api, text.clone(), log_spec(&deal_type)).await;
    assert_eq!(counts(&again), [0, 0, 11, 1]);
    assert_eq!(sql::fingerprint(&mut server.connection()), before);
    let grown = format!("{text}x,A,{},Anna,\n", day(8));
    assert_eq!(counts(&import(&server, api, grown, log_spec(&deal_type)).await), [0, 1, 11, 1]);
    assert_eq!(deal(api, "x").await["stage_key"], "first");
    let unknown = log_spec(&deal_type);
    let mut unknown = unknown;
    unknown["create_missing"] = json!(false);
    let done =
        import(&server, api, format!("{head}z,A,{},Zoe,\nz,B,{},Anna,\n", day(1), day(2)), unknown)
            .await;
    assert_eq!(faults(api, &done).await, expect(&[(2, "user", "unknown_reference")]));
    assert_eq!(counts(&done), [1, 0, 0, 1]);
}

/// A history builds on the deals that were sent before it, whichever server takes it on.
#[tokio::test]
async fn a_workspaces_imports_run_one_after_the_other() {
    let server = TestServer::start().await;
    let beside = TestServer::beside(&server).await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second", "third"]).await;
    let deals = (1..=1500).map(|n| format!("{n},2020-01-01\n"));
    let deals: String = std::iter::once("id,opened\n".to_owned()).chain(deals).collect();
    let moves = (1..=1500).rev().map(|n| format!("{n},B,2020-02-01,,\n"));
    let moves: String =
        std::iter::once("case,what,when,who,amount\n".to_owned()).chain(moves).collect();
    let mapping = json!({ "external_id": {"column": "id"}, "opened_at": {"column": "opened"} });
    let first = api.import(deals, spec(&deal_type, json!({ "mapping": mapping }))).await;
    let there = Api { base: format!("http://{}", beside.address), ..api.clone() };
    let second = there.import(moves, log_spec(&deal_type)).await.expect(202).id();
    let first = server.finished(api, &first.expect(202).id()).await;
    assert_eq!(counts(&first), [1500, 0, 0, 0]);
    assert_eq!(counts(&beside.finished(&there, &second).await), [0, 1500, 0, 0]);
}

#[tokio::test]
async fn an_outcome_that_a_later_file_brings_stands() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second", "third"]).await;
    let earlier = "case,what,when,who,amount\nx,B,2020-01-01T00:00:00Z,Anna,\nx,Won,2020-01-02T00:00:00Z,Anna,\n";
    let later = format!("{earlier}x,Lost,2020-01-03T00:00:00Z,Ben,\n");
    for (text, count) in [
        (earlier, [1, 1, 0, 0]),
        (&later, [0, 1, 2, 0]),
        // Neither the longer log nor the shorter one changes it again.
        (&later, [0, 0, 3, 0]),
        (earlier, [0, 0, 2, 0]),
    ] {
        let done = import(&server, api, text, log_spec(&deal_type)).await;
        assert_eq!((counts(&done), faults(api, &done).await), (count, vec![]), "{text}");
    }
    let expected = [
        ("opened", "2020-01-01T00:00:00Z", 2),
        ("won", "2020-01-02T00:00:00Z", 3),
        ("reopened", "2020-01-03T00:00:00Z", 4),
        ("lost", "2020-01-03T00:00:00Z", 4),
    ];
    assert_eq!(told(&history(api, "x").await), events(&expected));
    let deal = deal(api, "x").await;
    assert_eq!((&deal["status"], &deal["stage_key"]), (&json!("lost"), &json!("second")));
}
