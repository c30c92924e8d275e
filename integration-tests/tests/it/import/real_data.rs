//! Real companies' data, against figures that come from the data themselves.

use diesel::RunQueryDsl;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer, sql, test_data};

/// A hardware seller's pipeline: deals with a stage, an engage date and a close date.
async fn import_pipeline(server: &TestServer, api: &Api, file: &str) -> (String, Value) {
    let stages = json!([{ "name": "Prospecting", "probability": 0.2 }, { "name": "Engaging", "probability": 0.5 }]);
    let body = json!({ "name": "Hardware", "mode": "manual", "stages": stages });
    let deal_type = api.post("/v1/deal-types", body).await.expect(201).id();
    let import = api.import(file, pipeline_spec(&deal_type, false)).await.expect(202);
    let done = server.finished(api, &import.id()).await;
    (deal_type, done)
}

fn pipeline_spec(deal_type: &str, dry_run: bool) -> Value {
    json!({
        "kind": "deals", "deal_type_id": deal_type, "external_source": "crm", "currency": "USD",
        "date_format": "M/D/YYYY", "create_missing": true, "dry_run": dry_run,
        "mapping": {
            "external_id": {"column": "opportunity_id"}, "title": {"column": "opportunity_id"},
            "owner": {"column": "sales_agent"}, "client": {"column": "account"},
            "stage": {"column": "deal_stage"}, "opened_at": {"column": "engage_date"},
            "closed_at": {"column": "close_date"}, "amount": {"column": "close_value"},
        },
        "stage_map": {
            "Prospecting": {"stage": "prospecting"}, "Engaging": {"stage": "engaging"},
            "Won": {"won": true, "stage": "engaging"},
            "Lost": {"lost": "Not stated", "stage": "engaging"},
        },
    })
}

#[tokio::test]
async fn a_real_pipeline_gives_its_own_totals() {
    let Some(file) = test_data("crm-sales-opportunities/sales_pipeline.csv") else { return };
    let server = TestServer::start().await;
    let api = server.workspace("Hardware", "USD", "America/Chicago").await;
    let (deal_type, done) = import_pipeline(&server, &api, &file).await;
    assert_eq!(
        (&done["state"], &done["created"], &done["rejected"]),
        (&json!("done"), &json!(8800), &json!(0)),
        "{done}"
    );
    let notes = done["notes"].as_array().unwrap();
    let without_client = notes.iter().find(|note| note["code"] == "without_client").unwrap();
    assert_eq!(without_client["count"], 1425);

    let closed = |from: &str, to: &str| {
        format!("/v1/reports/funnel/closed?deal_type_id={deal_type}&from={from}&to={to}")
    };
    let year = api.get(&closed("2017-01-01", "2017-12-31")).await.expect(200).json;
    let totals = &year["totals"];
    assert_eq!((&totals["won"], &totals["lost"]), (&json!(4238), &json!(2473)));
    assert_eq!(totals["won_amount"], "10005534.00");
    assert_eq!(totals["win_rate"], 0.631501);
    let quarters = [("01-01", "03-31"), ("04-01", "06-30"), ("07-01", "09-30"), ("10-01", "12-31")];
    for ((from, to), won) in quarters.into_iter().zip([531, 1254, 1257, 1196]) {
        let path = closed(&format!("2017-{from}"), &format!("2017-{to}"));
        assert_eq!(api.get(&path).await.expect(200).json["totals"]["won"], won, "{from}");
    }
    let open = format!("/v1/reports/funnel/open?deal_type_id={deal_type}");
    let open = api.get(&open).await.expect(200).json;
    let deals: Vec<_> = open["stages"].as_array().unwrap().iter().map(|s| &s["deals"]).collect();
    assert_eq!(deals, [500, 1589]);

    // The same file again changes nothing.
    let again = api.import(file, pipeline_spec(&deal_type, false)).await.expect(202);
    let again = server.finished(&api, &again.id()).await;
    assert_eq!(
        (&again["unchanged"], &again["created"], &again["updated"]),
        (&json!(8800), &json!(0), &json!(0)),
        "{again}"
    );
    assert_eq!(api.get(&closed("2017-01-01", "2017-12-31")).await.json, year);
}

const LOG: &str = "loan-offers-2012/events.csv";

/// The offers of a bank: what a case goes through, and what ends an offer.
async fn offers(api: &Api) -> String {
    let stages: Vec<_> = [("selected", 0.1), ("created", 0.2), ("sent", 0.3), ("returned", 0.45)]
        .map(|(key, probability)| json!({ "key": key, "name": key, "probability": probability }))
        .into();
    let body = json!({ "name": "Offers", "mode": "manual", "stages": stages });
    api.post("/v1/deal-types", body).await.expect(201).id()
}

fn log_spec(deal_type: &str, dry_run: bool) -> Value {
    json!({
        "kind": "stage_events", "deal_type_id": deal_type, "external_source": "bank", "currency": "EUR",
        "create_missing": true, "dry_run": dry_run,
        "mapping": {
            "case_id": {"column": "case_id"}, "activity": {"column": "activity"},
            "occurred_at": {"column": "timestamp"}, "user": {"column": "resource"},
            "amount": {"column": "amount"},
        },
        "stage_map": {
            "O_SELECTED": {"stage": "selected"}, "O_CREATED": {"stage": "created"},
            "O_SENT": {"stage": "sent"}, "O_SENT_BACK": {"stage": "returned"},
            "O_ACCEPTED": {"won": true}, "O_DECLINED": {"lost": "Declined"},
            "O_CANCELLED": {"lost": "Cancelled"},
        },
    })
}

/// The log's own story, by the rules of an event log and nothing of the product: events of a case in
/// order of time and then of the file; a visit begins unless the event before was of the same stage.
const STORY: &str = "
CREATE TEMP TABLE stage (position int, key text, activity text, probability numeric);
INSERT INTO stage VALUES (1, 'selected', 'O_SELECTED', 0.1), (2, 'created', 'O_CREATED', 0.2),
    (3, 'sent', 'O_SENT', 0.3), (4, 'returned', 'O_SENT_BACK', 0.45);
CREATE TEMP TABLE step AS
    SELECT raw.*, position, row_number() OVER w AS n, lag(activity) OVER w AS before
    FROM raw LEFT JOIN stage USING (activity) WINDOW w AS (PARTITION BY case_id ORDER BY at, line);
CREATE UNIQUE INDEX ON step (case_id, n);
CREATE TEMP TABLE visit AS
    SELECT case_id, position, at AS entered, lag(position) OVER (PARTITION BY case_id ORDER BY n) AS previous,
        (SELECT min(s.at) FROM step s WHERE s.case_id = step.case_id AND s.n > step.n
            AND s.activity <> step.activity) AS left_at
    FROM step WHERE position IS NOT NULL AND before IS DISTINCT FROM activity;
CREATE TEMP TABLE fate AS
    SELECT case_id, min(at) AS opened, min(amount) AS amount, max(position) AS furthest,
        (array_agg(activity ORDER BY n DESC))[1] AS last,
        (array_agg(position ORDER BY n DESC) FILTER (WHERE position IS NOT NULL))[1] AS stood
    FROM step GROUP BY case_id;
ALTER TABLE fate ADD outcome text, ADD closed timestamptz;
UPDATE fate SET outcome = CASE WHEN last = 'O_ACCEPTED' THEN 'won'
    WHEN last IN ('O_DECLINED', 'O_CANCELLED') THEN 'lost' ELSE 'open' END;
UPDATE fate SET closed = (SELECT min(at) FROM step WHERE step.case_id = fate.case_id AND n >
    (SELECT max(n) FROM step s WHERE s.case_id = fate.case_id AND s.activity <> fate.last))
    WHERE outcome <> 'open';
";

fn tell(connection: &mut diesel::PgConnection, file: &str) {
    sql::run(
        connection,
        "CREATE TEMP TABLE raw (line bigint, case_id text, amount numeric, activity text, at timestamptz)",
    );
    diesel::sql_query(
        "INSERT INTO raw SELECT line, split_part(t, ',', 1), split_part(t, ',', 2)::numeric, \
         split_part(t, ',', 3), split_part(t, ',', 4)::timestamptz \
         FROM string_to_table($1, E'\\n') WITH ORDINALITY AS lines(t, line) WHERE line > 1 AND t <> ''",
    )
    .bind::<diesel::sql_types::Text, _>(file)
    .execute(connection)
    .unwrap();
    sql::run(connection, STORY);
}

/// The closed funnel of the cases of which the condition holds.
fn told(connection: &mut diesel::PgConnection, condition: &str) -> Value {
    let deals = |what: &str| format!("(SELECT count(*) FROM f WHERE {what})");
    let money = |what: &str| {
        format!("(SELECT coalesce(sum(amount), 0)::numeric(20, 2)::text FROM f WHERE {what})")
    };
    let visits = |what: &str, of: &str| {
        format!("(SELECT {what} FROM v WHERE v.position = stage.position AND {of})")
    };
    let (reached, passed) = (
        "(furthest >= stage.position OR outcome = 'won')",
        "(furthest > stage.position OR outcome = 'won')",
    );
    let at = |outcome: &str| format!("furthest = stage.position AND outcome = '{outcome}'");
    let stage = [
        ("stage_key", "key".to_owned()),
        ("position", "position".to_owned()),
        ("reached", deals(reached)),
        ("reached_amount", money(reached)),
        ("passed", deals(passed)),
        ("passed_amount", money(passed)),
        ("lost", deals(&at("lost"))),
        ("lost_amount", money(&at("lost"))),
        ("lost_from", deals("stood = stage.position AND outcome = 'lost'")),
        ("open", deals(&at("open"))),
        ("open_amount", money(&at("open"))),
        ("touched", visits("count(DISTINCT case_id)", "true")),
        ("visits", visits("count(*)", "true")),
        ("open_visits", visits("count(*)", "left_at IS NULL")),
        ("back_moves", visits("count(*)", "v.previous > v.position")),
        (
            "median_seconds",
            visits(
                "round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM left_at - entered)))::numeric, 3)",
                "left_at IS NOT NULL",
            ),
        ),
    ];
    let stage: Vec<_> = stage.iter().map(|(name, sql)| format!("'{name}', {sql}")).collect();
    let (won, lost) = (deals("outcome = 'won'"), deals("outcome = 'lost'"));
    let query = format!(
        "WITH f AS (SELECT * FROM fate WHERE {condition}), v AS (SELECT visit.* FROM visit JOIN f USING (case_id)) \
         SELECT jsonb_build_object('stages', \
         (SELECT jsonb_agg(jsonb_build_object({}) ORDER BY position) FROM stage), 'totals', \
         jsonb_build_object('deals', (SELECT count(*) FROM f), 'won', {won}, 'lost', {lost}, 'open', {}, \
         'won_amount', {}, 'lost_amount', {}, 'open_amount', {}, \
         'win_rate', round({won} / nullif({won} + {lost}, 0)::numeric, 6), 'mean_won_cycle_seconds', \
         (SELECT round(avg(extract(epoch FROM closed - opened)), 3) FROM f WHERE outcome = 'won')))::text",
        stage.join(", "),
        deals("outcome = 'open'"),
        money("outcome = 'won'"),
        money("outcome = 'lost'"),
        money("outcome = 'open'"),
    );
    sql::json(connection, &query)
}

/// The open funnel at an instant: a case is where its last event up to then took it.
fn told_open(connection: &mut diesel::PgConnection, instant: &str) -> Value {
    let query = format!(
        "WITH latest AS (SELECT DISTINCT ON (case_id) case_id, position, amount FROM step \
         WHERE at <= '{instant}' ORDER BY case_id, n DESC), \
         here AS (SELECT latest.*, (SELECT max(entered) FROM visit WHERE visit.case_id = latest.case_id \
         AND entered <= '{instant}') AS entered FROM latest WHERE position IS NOT NULL) \
         SELECT jsonb_agg(jsonb_build_object('stage_key', key, \
         'deals', (SELECT count(*) FROM here WHERE here.position = stage.position), \
         'amount', (SELECT coalesce(sum(amount), 0)::numeric(20, 2)::text FROM here WHERE here.position = stage.position), \
         'weighted_amount', (SELECT coalesce(sum(amount * stage.probability), 0)::numeric(20, 2)::text FROM here \
         WHERE here.position = stage.position), 'median_age_seconds', \
         (SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM '{instant}'::timestamptz - entered)))::numeric, 3) \
         FROM here WHERE here.position = stage.position)) ORDER BY position)::text FROM stage"
    );
    sql::json(connection, &query)
}

/// What a report says of the fields that the other value has; numbers to the thousandth, as SQL gave them.
pub fn alike(report: &Value, like: &Value) -> Value {
    match like {
        Value::Array(rows) => {
            let reported = report.as_array().expect("a list");
            assert_eq!(reported.len(), rows.len());
            reported.iter().zip(rows).map(|(report, like)| alike(report, like)).collect()
        }
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, like)| (name.clone(), alike(&report[name], like)));
            Value::Object(fields.collect())
        }
        Value::Number(number) if number.is_f64() || report.is_f64() => {
            let places = if number.as_f64().is_some_and(|n| n < 1.0) { 1e6 } else { 1e3 };
            // The middle of two may be rounded up on one side and down on the other.
            let near = |a: f64, b: f64| (a - b).abs() * places < 1.001;
            match (report.as_f64(), number.as_f64()) {
                (Some(value), Some(number)) if near(value, number) => like.clone(),
                (value, _) => json!(value),
            }
        }
        _ => report.clone(),
    }
}

#[tokio::test]
async fn a_real_event_log_gives_the_figures_of_its_own_events() {
    let Some(file) = test_data(LOG) else { return };
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = offers(api).await;
    let mut connection = server.connection();
    tell(&mut connection, &file);
    let counted = |done: &Value| {
        ["state", "rows_total", "rows_done", "created", "updated", "unchanged", "rejected"]
            .map(|field| done[field].clone())
    };

    // A trial says what the real run will say, and leaves everything as it was.
    let before = sql::fingerprint(&mut connection);
    let trial = api.import(file.clone(), log_spec(&deal_type, true)).await.expect(202).id();
    let trial = server.finished(api, &trial).await;
    assert_eq!(sql::fingerprint(&mut connection), before);
    let real = api.import(file.clone(), log_spec(&deal_type, false)).await.expect(202).id();
    let real = server.finished(api, &real).await;
    assert_eq!((counted(&trial), &trial["notes"]), (counted(&real), &real["notes"]));
    let rows = sql::json(
        &mut connection,
        "SELECT jsonb_build_array('done', count(*), count(*), count(DISTINCT case_id), \
         count(*) FILTER (WHERE before <> activity), count(*) FILTER (WHERE before = activity), 0)::text FROM step",
    );
    assert_eq!(json!(counted(&real)), rows);

    let closed = format!("/v1/reports/funnel/closed?deal_type_id={deal_type}");
    let day = |column: &str, from: &str, to: &str| {
        format!("({column} AT TIME ZONE 'Europe/Amsterdam')::date BETWEEN '{from}' AND '{to}'")
    };
    for (basis, column) in [("created", "opened"), ("closed", "closed")] {
        for (from, to) in [
            ("2011-01-01", "2012-12-31"),
            ("2011-10-01", "2011-12-31"),
            ("2012-02-01", "2012-02-29"),
        ] {
            let expected = told(&mut connection, &day(column, from, to));
            assert!(expected["totals"]["deals"].as_i64() > Some(300), "{expected}");
            let path = format!("{closed}&basis={basis}&from={from}&to={to}");
            let report = api.get(&path).await.expect(200).json;
            assert_eq!(alike(&report, &expected), expected, "{basis} {from}");
        }
    }
    let first_win = "SELECT to_json(min(closed))::text FROM fate WHERE outcome = 'won'";
    let first_win = sql::json(&mut connection, first_win);
    let instants = [
        "2011-10-01T00:00:00Z",
        "2011-10-15T09:30:00Z",
        "2011-12-31T23:00:00Z",
        "2012-02-03T12:00:00Z",
        "2013-01-01T00:00:00Z",
    ];
    for instant in instants.into_iter().chain(first_win.as_str()) {
        let expected = told_open(&mut connection, instant);
        let escaped = instant.replace('+', "%2B");
        let path = format!("/v1/reports/funnel/open?deal_type_id={deal_type}&as_of={escaped}");
        let report = api.get(&path).await.expect(200).json;
        assert_eq!(alike(&report["stages"], &expected), expected, "{instant}");
    }

    // The same file again changes nothing.
    let after = sql::fingerprint(&mut connection);
    let again = api.import(file, log_spec(&deal_type, false)).await.expect(202).id();
    let again = server.finished(api, &again).await;
    assert_eq!(
        (&again["unchanged"], &again["rows_total"]),
        (&json!(31244), &json!(31244)),
        "{again}"
    );
    assert_eq!(sql::fingerprint(&mut connection), after);
}
