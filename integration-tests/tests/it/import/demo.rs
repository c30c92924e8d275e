//! The demo company, loaded as the first start loads it.

use serde_json::{Value, json};
use voronka_api::demo::{self, generator};
use voronka_integration_tests::{
    Api, TestServer, histories, postgres, process::until, sql, unpacked::with_events,
};
use voronka_persistence::Store;

#[tokio::test]
async fn the_demo_company_is_what_its_generator_made() {
    let url = postgres::database();
    let store = Store::new(&url, 4);
    let directory = tempfile::tempdir().unwrap();
    let load = async || {
        let (store, path) = (store.clone(), directory.path().to_owned());
        let loaded = tokio::task::spawn_blocking(move || demo::load(&store, &path).unwrap());
        loaded.await.unwrap().describe("http://demo")
    };
    // As at a first start: before the server is there.
    let first = load().await;
    assert!(first.contains("was loaded: 36 employees"), "{first}");
    let server = TestServer::on(url, &[]).await;

    // What the operator is told to do works.
    let mut api = Api::new(server.address);
    api.log_in("admin@demo.example", "voronka-demo").await;
    let path = first.split('\'').find(|part| part.contains("/v1/reports/")).unwrap();
    let path = path.strip_prefix("http://demo").unwrap();
    let svg = api.get(path).await.expect(200);
    assert!(svg.text.starts_with("<svg") || svg.text.starts_with("<?xml"), "{}", svg.text);

    let summary =
        generator::summary(&generator::generate(generator::SEED, generator::default_until()));
    let imports = api.get("/v1/imports?sort=created_at").await.expect(200).json["items"].clone();
    let of = |field: &str| {
        imports.as_array().unwrap().iter().map(|import| import[field].clone()).collect::<Vec<_>>()
    };
    assert_eq!((of("state"), of("rejected")), (vec![json!("done"); 2], vec![json!(0); 2]));
    assert_eq!(imports[0]["created"], summary.deals);
    assert_eq!(imports[1]["updated"], imports[1]["rows_total"]);

    let types = api.get("/v1/deal-types").await.expect(200).json["items"].clone();
    let sale =
        types.as_array().unwrap().iter().find(|row| row["mode"] == "manual").unwrap()["id"].clone();
    let sale = sale.as_str().unwrap();
    let path = format!(
        "/v1/reports/funnel/closed?deal_type_id={sale}&basis=created&from=2000-01-01&to=2099-12-31"
    );
    let report = api.get(&path).await.expect(200).json;
    let totals = &report["totals"];
    let figures = ["deals", "open", "won", "lost"].map(|field| totals[field].as_u64().unwrap());
    let expected = [summary.deals, summary.open, summary.won, summary.lost].map(|n| n as u64);
    assert_eq!(figures, expected);
    assert_eq!(totals["won_amount"], summary.won_amount.to_string());
    let sum = |field: &str| {
        report["stages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|stage| stage[field].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(sum("back_moves"), summary.back_moves as u64);
    let open =
        api.get(&format!("/v1/reports/funnel/open?deal_type_id={sale}")).await.expect(200).json;
    assert_eq!(open["totals"]["deals"], summary.open);
    let skips: Value = with_events(&mut server.connection(), |connection| {
        sql::json(
            connection,
            "SELECT count(*)::text FROM events WHERE event_type = 'deal.stage_changed' AND change ->> 'direction' = 'skip'",
        )
    });
    assert_eq!(skips, summary.skips);

    // A quarter of deals that a process led: far or not, but never past a gate.
    let led = types.as_array().unwrap().iter().find(|row| row["mode"] == "automatic").unwrap();
    let led = led["id"].as_str().unwrap();
    let path = format!(
        "/v1/reports/funnel/closed?deal_type_id={led}&basis=created&from=2026-08-01&to=2026-10-31"
    );
    let totals = api.get(&path).await.expect(200).json["totals"].clone();
    assert_eq!(totals["deals"], 60);
    for outcome in ["open", "won", "lost"] {
        assert!(totals[outcome].as_i64().unwrap() >= 5, "{totals}");
    }
    let wrong: Value = sql::json(
        &mut server.connection(),
        &format!(
            "SELECT json_build_object('overrides', sum(overrides), 'unexplained', (SELECT count(*) \
             FROM stage_visits v WHERE v.deal_type_id = '{led}' AND v.visit > 1 AND v.sequence = v.visit \
             AND v.cause ->> 'kind' <> 'process'))::text FROM deals WHERE deal_type_id = '{led}'"
        ),
    );
    assert_eq!(wrong, json!({ "overrides": 0, "unexplained": 0 }));
    let demand =
        api.get("/v1/reports/primary-demand?group_by=reason&from=2026-08-01&to=2026-10-31");
    let demand = demand.await.expect(200).json;
    assert_eq!(demand["totals"]["deals"], 60);
    assert!(demand["groups"].as_array().unwrap().len() > 1, "{demand}");

    // A quarter of calls: each is one activity, on the deal that its client has, or waits in the inbox.
    let calls: Value = sql::json(
        &mut server.connection(),
        "SELECT json_build_object('posts', (SELECT count(*) FROM raw_events), \
         'taken', (SELECT count(*) FROM raw_events WHERE state = 'done'), \
         'calls', (SELECT count(*) FROM calls), \
         'activities', (SELECT count(*) FROM activities WHERE external_source LIKE 'integration:%'), \
         'of_deals', (SELECT count(*) FROM calls WHERE deal_id IS NOT NULL), \
         'statuses', (SELECT json_object_agg(status, count) FROM (SELECT status, count(*) FROM calls GROUP BY 1) s), \
         'strangers', (SELECT count(*) FROM inbox_entries WHERE status = 'open'), \
         'calls_of_strangers', (SELECT sum(calls) FROM inbox_entries), \
         'of_nobody', (SELECT count(*) FROM calls WHERE client_id IS NULL), \
         'tasks', (SELECT count(*) FROM tasks WHERE kind = 'call_back' AND status = 'new'))::text",
    );
    let number = |name: &str| calls[name].as_u64().unwrap();
    assert!(first.contains(&format!("and {} calls", number("calls"))), "{first}");
    assert_eq!(
        (number("taken"), number("calls"), number("activities")),
        (number("posts"), number("posts"), number("posts"))
    );
    // Eight a working day of thirteen weeks, and those that call back.
    assert!((528..=650).contains(&number("calls")), "{calls}");
    assert!(number("of_deals") > 200 && number("strangers") > 5 && number("tasks") > 5, "{calls}");
    assert_eq!(number("calls_of_strangers"), number("of_nobody"));
    for status in ["answered", "missed", "busy", "cancelled"] {
        assert!(calls["statuses"][status].as_u64().unwrap() > 5, "{calls}");
    }

    histories::check(&mut server.connection());

    // The clock has heard what the imports rang for.
    until("quiet", async || {
        let left = "SELECT (SELECT count(*) FROM rings) \
                    + (SELECT count(*) FROM deals WHERE alarm_at <= now()) AS number";
        histories::count(&mut server.connection(), left) == 0
    })
    .await;

    // A second start finds it there and changes nothing.
    let loaded = sql::fingerprint(&mut server.connection());
    let second = load().await;
    assert!(second.contains("is there: 36 employees"), "{second}");
    assert_eq!(sql::fingerprint(&mut server.connection()), loaded);
}
