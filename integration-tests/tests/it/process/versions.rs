//! A stage is its key, in whatever version: the inputs that once were counted wrong, with their right figures.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer, histories, unpacked::unpack_all};

use crate::analytics::drill_down::check_all;

/// Publishes a version with these stages, a letter each; its id.
pub async fn publish(api: &Api, deal_type: &str, keys: &str) -> String {
    let name = |key: char| json!({ "key": key.to_string(), "name": format!("Stage {key}") });
    let body = json!({ "stages": keys.chars().map(name).collect::<Vec<_>>() });
    let path = format!("/v1/deal-types/{deal_type}/versions");
    let reply = api.post(&path, body).await.expect(201);
    reply.json["process_version_id"].as_str().unwrap().to_owned()
}

pub async fn migrate(api: &Api, deal_type: &str, mapping: Value) -> Value {
    let path = format!("/v1/deal-types/{deal_type}/migrate");
    api.post(&path, json!({ "mapping": mapping })).await.expect(200).json
}

async fn go(api: &Api, deal: &str, keys: &str) {
    for key in keys.chars() {
        let body = json!({ "to": "stage", "stage_key": key.to_string() });
        api.transition(deal, body).await.expect(200);
    }
}

async fn win(api: &Api, deal: &str) {
    api.transition(deal, json!({ "to": "won" })).await.expect(200);
}

/// A figure of each stage, in order.
fn figures(report: &Value, figure: &str) -> Vec<(String, Value)> {
    let stages = report["stages"].as_array().unwrap().iter();
    stages.map(|s| (s["stage_key"].as_str().unwrap().to_owned(), s[figure].clone())).collect()
}

fn counts(report: &Value, figure: &str) -> String {
    let figures = figures(report, figure).into_iter();
    figures.map(|(key, value)| format!("{key}{value} ")).collect::<String>().trim().to_owned()
}

/// The report, all of whose figures equal their lists.
async fn report(api: &Api, path: &str) -> Value {
    check_all(api, path).await;
    api.get(path).await.expect(200).json
}

async fn closed(api: &Api, deal_type: &str, more: &str) -> Value {
    report(api, &format!("/v1/reports/funnel/closed?deal_type_id={deal_type}{more}")).await
}

async fn open(api: &Api, deal_type: &str, more: &str) -> Value {
    report(api, &format!("/v1/reports/funnel/open?deal_type_id={deal_type}{more}")).await
}

async fn now(api: &Api, deal_type: &str) -> String {
    let open = api.get(&format!("/v1/reports/funnel/open?deal_type_id={deal_type}")).await;
    open.expect(200).json["as_of"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn visits_stay_with_their_key_when_stages_come_before_them() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["a", "b", "c"]).await;
    let deal = api.deal(&deal_type, "100").await;
    go(api, &deal, "bc").await;
    publish(api, &deal_type, "nabc").await;
    migrate(api, &deal_type, json!({})).await;
    for basis in ["&basis=created", ""] {
        let report = closed(api, &deal_type, basis).await;
        if basis.is_empty() {
            assert_eq!(counts(&report, "reached"), "n1 a1 b1 c1");
        }
        assert_eq!(counts(&report, "touched"), "n0 a1 b1 c1", "{basis}");
        assert_eq!(counts(&report, "visits"), "n0 a1 b1 c1");
        assert_eq!(counts(&report, "not_applicable"), "n0 a0 b0 c0", "it was on both versions");
        assert_eq!(figures(&report, "median_seconds")[0].1, Value::Null);
        assert!(figures(&report, "median_seconds")[2].1.is_number());
        assert_eq!((&report["folded"], &report["notes"]), (&json!([]), &json!([])));
        if basis.contains("created") {
            win(api, &deal).await;
        }
    }
    histories::check(&mut server.connection());
}

#[tokio::test]
async fn stages_that_change_places_take_their_deals_along() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let reason = api.loss_reason("Price").await;
    let deal_type = api.deal_type(&["a", "b", "c"]).await;
    let (still, lost) = (api.deal(&deal_type, "100").await, api.deal(&deal_type, "10").await);
    go(api, &still, "bc").await;
    go(api, &lost, "c").await;
    let before = now(api, &deal_type).await;
    publish(api, &deal_type, "acb").await;
    assert_eq!(counts(&open(api, &deal_type, "").await, "deals"), "a0 c2 b0");
    let then = open(api, &deal_type, &format!("&as_of={before}")).await;
    assert_eq!(
        (counts(&then, "deals").as_str(), &then["version"]["number"]),
        ("a0 b0 c2", &json!(1))
    );
    api.transition(&lost, json!({ "to": "lost", "loss_reason_id": reason })).await.expect(200);
    let funnel = closed(api, &deal_type, "&basis=created").await;
    assert_eq!(counts(&funnel, "touched"), "a2 c2 b1");
    assert_eq!(counts(&funnel, "reached"), "a2 c2 b1", "b is the furthest now");
    assert_eq!(counts(&funnel, "lost_from"), "a0 c1 b0");
    assert_eq!(counts(&funnel, "lost"), "a0 c1 b0");
    for by in ["stage", "deepest_stage"] {
        let path = format!("/v1/reports/losses?deal_type_id={deal_type}&group_by={by}");
        let losses = report(api, &path).await;
        assert_eq!(
            (&losses["groups"][0]["key"], &losses["groups"][0]["deals"]),
            (&json!("c"), &json!(1))
        );
        assert_eq!(losses["version"]["why"], "published");
    }
    let path = format!("/v1/reports/stage-durations?deal_type_id={deal_type}");
    assert_eq!(counts(&report(api, &path).await, "visits"), "a2 c2 b1");
    migrate(api, &deal_type, json!({})).await;
    assert_eq!(counts(&open(api, &deal_type, "").await, "deals"), "a0 c1 b0");
    let deal = api.get(&format!("/v1/deals/{still}")).await.expect(200).json;
    assert_eq!((&deal["stage_key"], &deal["depth"]), (&json!("c"), &json!(3)), "b is the furthest");
}

#[tokio::test]
async fn a_stage_that_comes_back_brings_back_what_reached_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["a", "b", "c"]).await;
    let deal = api.deal(&deal_type, "100").await;
    go(api, &deal, "ba").await;
    publish(api, &deal_type, "ac").await;
    migrate(api, &deal_type, json!({})).await;
    let without = closed(api, &deal_type, "&basis=created").await;
    assert_eq!(counts(&without, "touched"), "a1 c0");
    assert_eq!(without["folded"], json!([{ "stage_key": "b", "into": "a", "deals": 1 }]));
    publish(api, &deal_type, "abc").await;
    migrate(api, &deal_type, json!({})).await;
    let back = closed(api, &deal_type, "&basis=created").await;
    assert_eq!(
        (counts(&back, "touched"), counts(&back, "reached")),
        ("a1 b1 c0".into(), "a1 b1 c0".into())
    );
    let deal = api.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
    assert_eq!((&deal["stage_key"], &deal["depth"]), (&json!("a"), &json!(2)));
}

#[tokio::test]
async fn deals_that_never_had_a_stage_are_counted_beside_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["a", "b"]).await;
    for _ in 0..2 {
        let deal = api.deal(&deal_type, "100").await;
        go(api, &deal, "b").await;
        win(api, &deal).await;
    }
    let first = closed(api, &deal_type, "").await["version"]["id"].clone();
    publish(api, &deal_type, "axb").await;
    let new = api.deal(&deal_type, "100").await;
    go(api, &new, "xb").await;
    win(api, &new).await;
    let report = closed(api, &deal_type, "&group_by=owner").await;
    assert_eq!(counts(&report, "reached"), "a3 x3 b3");
    assert_eq!(counts(&report, "touched"), "a3 x1 b3");
    assert_eq!(counts(&report, "not_applicable"), "a0 x2 b0");
    assert_eq!(counts(&report, "conversion_to_next"), "anull xnull b1.0");
    assert_eq!(counts(&report, "conversion_from_first"), "a1.0 xnull b1.0");
    for part in [&report, &report["groups"][0]] {
        let note = (&part["notes"][0]["code"], &part["notes"][0]["stage_key"]);
        assert_eq!(note, (&json!("not_applicable"), &json!("x")));
    }
    let path = format!("/v1/reports/funnel/closed?deal_type_id={deal_type}");
    let csv = api.get(&format!("{path}&format=csv")).await.expect(200).text;
    let column = csv.lines().map(|line| line.rsplit(',').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(column, ["not_applicable", "0", "2", "0"]);
    let svg = api.get(&format!("{path}&format=svg")).await.expect(200).text;
    assert!(svg.contains("2 n/a") && svg.contains("2 of them never had the stage"), "{svg}");
    // By the version that they had, nothing is missing.
    let old = closed(api, &deal_type, &format!("&version_id={}", first.as_str().unwrap())).await;
    assert_eq!(
        (counts(&old, "reached"), &old["version"]["why"]),
        ("a3 b3".into(), &json!("given"))
    );
    assert_eq!(old["folded"], json!([{ "stage_key": "x", "into": "a", "deals": 1 }]));
    // Of the first stage, all shares of it are unknown; up to 5 % of the deals, none is.
    publish(api, &deal_type, "naxb").await;
    let report = closed(api, &deal_type, "").await;
    assert_eq!(counts(&report, "conversion_from_first"), "nnull anull xnull bnull");
    for _ in 0..58 {
        let deal = api.deal(&deal_type, "1").await;
        win(api, &deal).await;
    }
    let report = closed(api, &deal_type, "").await;
    assert_eq!(
        (counts(&report, "not_applicable"), &report["notes"]),
        ("n3 a0 x2 b0".into(), &json!([]))
    );
    assert_eq!(counts(&report, "conversion_to_next"), "n1.0 a1.0 x1.0 b1.0");
}

#[tokio::test]
async fn a_key_that_is_gone_is_counted_where_it_was_mapped() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["a", "b", "c"]).await;
    let deal = api.deal(&deal_type, "100").await;
    go(api, &deal, "b").await;
    let before = now(api, &deal_type).await;
    let second = publish(api, &deal_type, "acz").await;
    let into = |key: &str| json!([{ "stage_key": "b", "into": key, "deals": 1 }]);
    assert_eq!(open(api, &deal_type, "").await["folded"], into("a"));
    let path = format!("/v1/deal-types/{deal_type}/migrate");
    let dry = json!({ "mapping": { "b": "c" }, "dry_run": true });
    api.post(&path, dry).await.expect(200);
    let done = migrate(api, &deal_type, json!({ "b": "z" })).await;
    assert_eq!((&done["migrated"], &done["moved"]), (&json!(1), &json!(1)));
    let report = closed(api, &deal_type, "&basis=created").await;
    assert_eq!(counts(&report, "touched"), "a1 c0 z1", "a dry run maps nothing");
    assert_eq!(report["folded"], into("z"));
    // Before it was mapped, it was the nearest before.
    let then = open(api, &deal_type, &format!("&as_of={before}&version_id={second}")).await;
    assert_eq!(counts(&then, "deals"), "a1 c0 z0");
    let durations = format!("/v1/reports/stage-durations?deal_type_id={deal_type}");
    let durations = self::report(api, &durations).await;
    assert_eq!(
        (counts(&durations, "visits"), &durations["folded"]),
        ("a1 c0 z2".into(), &into("z"))
    );
}

#[tokio::test]
async fn links_mean_tomorrow_what_they_mean_today() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["a", "b"]).await;
    let deal = api.deal(&deal_type, "100").await;
    go(api, &deal, "b").await;
    let report = open(api, &deal_type, "").await;
    let link = report["stages"][1]["drill_down"]["deals"].as_str().unwrap();
    let id = report["version"]["id"].as_str().unwrap();
    assert!(link.contains(&format!("version_id={id}")) && link.contains("as_of="), "{link}");
    let paths =
        ["funnel/closed?basis=created", "stage-durations?group_by=owner", "losses?group_by=stage"];
    for path in paths {
        let report =
            api.get(&format!("/v1/reports/{path}&deal_type_id={deal_type}")).await.expect(200);
        let links = report.text.matches("&from=2").count();
        assert_eq!(links, report.text.matches("/deals?deal_type_id").count(), "{}", report.text);
    }
    publish(api, &deal_type, "xab").await;
    migrate(api, &deal_type, json!({})).await;
    go(api, &deal, "x").await;
    let listed = api.get(link).await.expect(200).json;
    assert_eq!(listed["items"][0]["id"], json!(deal));
    // Names are today's, unless a version is asked for.
    let body = json!({ "stages": [{ "key": "a", "name": "Anew" }, { "key": "c", "name": "c" }] });
    api.post(&format!("/v1/deal-types/{deal_type}/versions"), body).await.expect(201);
    let names = async |more: &str| {
        let report = open(api, &deal_type, more).await;
        let stages = report["stages"].as_array().unwrap().iter();
        stages.map(|stage| stage["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let as_of = format!("&as_of={}", report["as_of"].as_str().unwrap());
    assert_eq!(names(&as_of).await, ["Anew", "Stage b"]);
    assert_eq!(names(&format!("{as_of}&version_id={id}")).await, ["a", "b"]);
}

#[tokio::test]
async fn a_version_by_mistake_is_withdrawn() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["a", "b"]).await;
    let path = format!("/v1/deal-types/{deal_type}");
    let first = api.get(&path).await.expect(200).json["process_version_id"].clone();
    let withdraw = |id: &str| format!("{path}/versions/{id}/withdraw");
    let first = first.as_str().unwrap();
    api.post(&withdraw(first), Value::Null).await.problem(409, "only_version_left");
    let mistake = publish(api, &deal_type, "qr").await;
    let deal = api.deal(&deal_type, "100").await;
    let feed = api.get("/v1/events?limit=200").await.expect(200).json["position"].clone();
    let done = api.post(&withdraw(&mistake), Value::Null).await.expect(200).json;
    assert_eq!(done["process_version_id"], first);
    let again = api.post(&withdraw(&mistake), Value::Null).await.expect(200).json;
    assert_eq!(again, done, "once more is no more");
    let events = api.get(&format!("/v1/events?after={feed}")).await.expect(200).json;
    let types = events["items"].as_array().unwrap().iter().map(|event| event["type"].clone());
    assert_eq!(types.collect::<Vec<_>>(), ["process_version.withdrawn", "deal_type.updated"]);
    let versions = api.get(&format!("{path}/versions")).await.expect(200).json;
    assert!(
        versions["items"][0]["withdrawn_at"].is_string()
            && versions["items"][1]["withdrawn_at"].is_null()
    );
    // New deals start on what is left; the others stay until they are migrated.
    let stage = |deal: Value| deal["stage_key"].as_str().unwrap().to_owned();
    let key =
        async |deal: &str| stage(api.get(&format!("/v1/deals/{deal}")).await.expect(200).json);
    assert_eq!(
        (key(&deal).await, key(&api.deal(&deal_type, "1").await).await),
        ("q".into(), "a".into())
    );
    let report = open(api, &deal_type, "").await;
    assert_eq!(
        (counts(&report, "deals"), report["version"]["id"].as_str()),
        ("a2 b0".into(), Some(first))
    );
    migrate(api, &deal_type, json!({ "q": "b" })).await;
    assert_eq!(counts(&open(api, &deal_type, "").await, "deals"), "a1 b1");
    api.post(&withdraw(first), Value::Null).await.problem(409, "only_version_left");
    let third = publish(api, &deal_type, "abc").await;
    let versions = api.get(&format!("{path}/versions")).await.expect(200).json;
    assert_eq!(
        (&versions["items"][0]["number"], versions["items"][0]["id"].as_str()),
        (&json!(3), Some(&*third))
    );
    // A history from before there was a version is shown by the first that is left.
    let past = closed(api, &deal_type, "&from=2020-01-01&to=2020-12-31").await;
    assert_eq!(
        (&past["version"]["why"], past["version"]["id"].as_str()),
        (&json!("first"), Some(first))
    );
    api.post(&withdraw(&uuid::Uuid::nil().to_string()), Value::Null)
        .await
        .problem(404, "not_found");
    let seller = api.colleague("seller", None).await;
    seller.post(&withdraw(&third), Value::Null).await.problem(403, "forbidden");
    let other = format!(
        "/v1/reports/funnel/open?deal_type_id={}&version_id={third}",
        api.deal_type(&["a"]).await
    );
    api.get(&other).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_board_keeps_its_deals_when_a_version_is_published() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["a", "b"]).await;
    let (old, other) = (api.deal(&deal_type, "1").await, api.deal(&deal_type, "2").await);
    go(api, &other, "b").await;
    publish(api, &deal_type, "acb").await;
    let new = api.deal(&deal_type, "3").await;
    let board = format!("/v1/deals?deal_type_id={deal_type}&status=open&sort=amount");
    let ids = async |keys: &str| {
        let page = api.get(&format!("{board}&stage_key={keys}")).await.expect(200).json;
        let items = page["items"].as_array().unwrap().iter();
        items.map(|deal| deal["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("a").await, [old.clone(), new.clone()]);
    assert_eq!(ids("b").await, std::slice::from_ref(&other));
    assert_eq!(ids("a,b").await, [old.clone(), other, new]);
    assert!(ids("c").await.is_empty());
    let csv = api.get("/v1/deals?format=csv&stage_key=a&status=open").await;
    assert_eq!(csv.expect(200).text.lines().count(), 3);
}

/// Row locks that keep the servers from what is being worked out.
const HOLD: &str = "BEGIN; SELECT FROM deals WHERE status <> 'lost' FOR KEY SHARE";

#[tokio::test]
async fn an_old_database_is_worked_out_while_it_is_served() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let reason = api.loss_reason("Price").await;
    let deal_type = api.deal_type(&["a", "b", "c"]).await;
    let mut deals = Vec::new();
    for way in ["b", "bc", "cb", "", "bcb"] {
        let deal = api.deal(&deal_type, "100").await;
        go(api, &deal, way).await;
        deals.push(deal);
    }
    win(api, &deals[1]).await;
    api.transition(&deals[2], json!({ "to": "lost", "loss_reason_id": reason })).await.expect(200);
    publish(api, &deal_type, "caz").await;
    migrate(api, &deal_type, json!({ "b": "z" })).await;
    win(api, &deals[4]).await;
    let as_of = now(api, &deal_type).await;
    let of = format!("deal_type_id={deal_type}");
    let paths = [
        format!("/v1/reports/funnel/closed?{of}&basis=created"),
        format!("/v1/reports/funnel/open?{of}&as_of={as_of}"),
        format!("/v1/reports/losses?{of}&group_by=deepest_stage"),
    ];
    let mut before = Vec::new();
    for path in &paths {
        before.push(report(api, path).await);
    }
    let mut holding = server.connection();
    holding.batch_execute(HOLD).unwrap();
    let mut connection = server.connection();
    unpack_all(&mut connection);
    connection
        .batch_execute(
            "BEGIN; UPDATE deals SET touched = NULL, visit_stage = NULL, stage_path = '1+5'; \
             UPDATE stage_visits SET stage_number = NULL; DELETE FROM process_migrations; COMMIT",
        )
        .unwrap();
    // What the reports do not show is served; a deal that moves meanwhile is worked out like the others.
    let moved = api.transition(&deals[3], json!({ "to": "stage", "stage_key": "c" })).await;
    moved.expect(200);
    go(api, &deals[3], "a").await;
    for path in &paths {
        let reply = api.get(path).await.problem(503, "being_worked_out");
        assert_eq!(reply.header("retry-after"), "5");
        let total = reply.json["progress"]["total"].as_i64().unwrap();
        let done = reply.json["progress"]["done"].as_i64().unwrap();
        assert!(total == 5 && (done == 0 || done == 1), "{}", reply.text);
    }
    api.get(&format!("/v1/reports/losses?{of}")).await.expect(200);
    holding.batch_execute("ROLLBACK").unwrap();
    let beside = TestServer::beside(&server).await;
    let work_out = |server: &TestServer| server.store.work_out_tracks(api.workspace_id).unwrap();
    while work_out(&server) + work_out(&beside) > 0 {}
    while api.get(&paths[0]).await.status == 503 {}
    for (path, before) in paths.iter().zip(before) {
        let after = report(api, path).await;
        // But for the deal that went to c and back to a, and has that in its visits.
        if path.contains("funnel/closed") {
            assert_eq!(
                (counts(&after, "touched"), counts(&after, "lost")),
                (counts(&before, "touched").replace("c3", "c4"), counts(&before, "lost"))
            );
            assert_eq!(after["folded"], before["folded"]);
        } else {
            assert_eq!(after, before);
        }
    }
    histories::check(&mut connection);
    let left = "SELECT count(*) AS number FROM deals WHERE touched IS NULL";
    assert_eq!(histories::count(&mut connection, left), 0);
}
