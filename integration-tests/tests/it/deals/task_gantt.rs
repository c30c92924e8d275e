//! Tasks over time: which bars there are and for whom, and the picture of them.

use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer, sql};

use crate::analytics::funnels::rows;

/// A task with its beginning and what else is said of it; its id.
async fn task(api: &Api, title: &str, starts_at: &str, more: Value) -> String {
    let mut body = json!({ "title": title, "starts_at": starts_at });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    api.post("/v1/tasks", body).await.expect(201).id()
}

/// Tasks are done now; these were done long ago.
fn done(server: &TestServer, id: &str, at: &str) {
    let sql = format!("UPDATE tasks SET status = 'done', done_at = '{at}' WHERE id = '{id}'");
    sql::run(&mut server.connection(), &sql);
}

async fn chart(api: &Api, rest: &str) -> Value {
    let path = format!("/v1/tasks/gantt?from=2026-03-02&to=2026-03-15{rest}");
    api.get(&path).await.expect(200).json
}

/// The groups' names, each with its titles.
fn titles(chart: &Value) -> Vec<(Option<&str>, Vec<&str>)> {
    let mut groups = Vec::new();
    for group in rows(&chart["groups"]) {
        let bars = rows(&group["bars"]).iter().map(|bar| bar["title"].as_str().unwrap());
        groups.push((group["name"].as_str(), bars.collect()));
    }
    groups
}

/// Two weeks of March, in Amsterdam.
struct March {
    server: TestServer,
    seller: Api,
    deal: String,
}

impl March {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let api = &server.admin;
        api.patch(&format!("/v1/users/{}", api.user_id), json!({ "name": "Zoe" }))
            .await
            .expect(200);
        let seller = api.colleague("seller", None).await;
        let path = format!("/v1/users/{}", seller.user_id);
        api.patch(&path, json!({ "name": "Anna <Vermeer>" })).await.expect(200);
        let deal_type = api.deal_type(&["first"]).await;
        let deal = api.deal(&deal_type, "1").await;
        for (title, starts_at, done_at) in [
            ("Long over", "2026-02-20T08:00:00Z", "2026-03-01T22:59:59Z"),
            ("Over the edge", "2026-02-25T08:00:00Z", "2026-03-01T23:00:00Z"),
            ("Within", "2026-03-03T08:00:00Z", "2026-03-06T08:00:00Z"),
        ] {
            let due = json!({ "due_at": "2026-03-05T08:00:00Z", "deal_id": deal });
            done(&server, &task(api, title, starts_at, due).await, done_at);
        }
        let late = json!({ "due_at": "2026-03-04T08:00:00Z", "priority": "high",
            "responsible_id": seller.user_id, "deal_id": deal });
        task(api, "Still open", "2026-02-02T08:00:00Z", late).await;
        let hers = json!({ "responsible_id": seller.user_id });
        task(api, "In the last minute", "2026-03-15T22:59:00Z", hers.clone()).await;
        task(api, "Too late", "2026-03-15T23:00:00Z", hers.clone()).await;
        let dropped = task(api, "Dropped", "2026-03-03T08:00:00Z", hers).await;
        let path = format!("/v1/tasks/{dropped}/transition");
        api.post(&path, json!({ "to": "cancelled" })).await.expect(200);
        Self { server, seller, deal }
    }
}

#[tokio::test]
async fn bars_are_those_of_the_tasks_under_way_in_the_period() {
    let march = March::new().await;
    let api = &march.server.admin;
    let body = json!({ "from": "2026-03-09", "to": "2026-03-14", "holidays": [
        { "day": "2026-03-09", "name": "Free" },
        { "day": "2026-03-14", "hours": [{ "from": "09:00", "to": "12:00" }] }] });
    let path = "/v1/workspace/holidays";
    api.send(Method::PUT, path, &[], Some(body.to_string().into_bytes())).await.expect(200);

    let whole = chart(api, "").await;
    let anna = (Some("Anna <Vermeer>"), vec!["Still open", "In the last minute"]);
    let zoe = (Some("Zoe"), vec!["Over the edge", "Within"]);
    assert_eq!(titles(&whole), [anna.clone(), zoe.clone()]);
    assert_eq!(whole["totals"], json!({ "tasks": 4, "done": 2, "overdue": 1 }));
    assert_eq!(whole["days_off"], json!(["2026-03-07", "2026-03-08", "2026-03-09", "2026-03-15"]));
    assert_eq!((&whole["more"], &whole["group_by"]), (&json!(0), &json!("responsible")));
    let first = &whole["groups"][0]["bars"][0];
    assert_eq!(first["responsible"]["id"], json!(march.seller.user_id));
    assert_eq!(first["deal"], json!({ "id": march.deal, "title": "A deal" }));
    assert_eq!(first["begins_at"], "2026-02-02T08:00:00Z");
    assert_eq!(first["due_at"], "2026-03-04T08:00:00Z");
    assert_eq!((&first["overdue"], &first["priority"]), (&json!(true), &json!("high")));
    let within = &whole["groups"][1]["bars"][1];
    assert_eq!(within["done_at"], "2026-03-06T08:00:00Z");
    assert_eq!((&within["overdue"], &within["status"]), (&json!(false), &json!("done")));

    let by_deal = titles(&chart(api, "&group_by=deal").await)
        .into_iter()
        .map(|(name, titles)| (name.map(str::to_owned), titles.join(", ")))
        .collect::<Vec<_>>();
    let of_deal = (Some("A deal".to_owned()), "Still open, Over the edge, Within".to_owned());
    assert_eq!(by_deal, [of_deal, (None, "In the last minute".to_owned())]);

    // The list's filters narrow it; a status asks for cancelled ones too.
    for (filter, expected) in [
        ("&priority=high", vec![(Some("Anna <Vermeer>"), vec!["Still open"])]),
        (&format!("&deal_id={}&status=done", march.deal), vec![zoe]),
        ("&q=MINUTE", vec![(Some("Anna <Vermeer>"), vec!["In the last minute"])]),
        ("&status=cancelled", vec![(Some("Anna <Vermeer>"), vec!["Dropped"])]),
        ("&overdue=true&due_at[gte]=2026-03-05T00:00:00Z", vec![]),
    ] {
        assert_eq!(titles(&chart(api, filter).await), expected, "{filter}");
    }

    let cut = chart(api, "&limit=3").await;
    assert_eq!(titles(&cut), [anna, (Some("Zoe"), vec!["Over the edge"])]);
    assert_eq!((&cut["more"], &cut["totals"]["tasks"]), (&json!(1), &json!(4)));
    let usual = api.get("/v1/tasks/gantt").await.expect(200).json;
    let day = |name: &str| usual[name].as_str().unwrap().parse::<chrono::NaiveDate>().unwrap();
    assert_eq!((day("to") - day("from")).num_days(), 27);
    assert!(usual["days_off"].as_array().unwrap().len() >= 8);
}

#[tokio::test]
async fn people_see_the_bars_of_the_tasks_that_they_see() {
    let march = March::new().await;
    let seller = &march.seller;
    // The task is hers, the deal is not.
    let bars = chart(seller, "&group_by=deal").await;
    let open = (None, vec!["Still open"]);
    assert_eq!(titles(&bars), [open, (None, vec!["In the last minute"])]);
    assert_eq!(bars["groups"][0]["bars"][0]["deal"], json!({ "id": march.deal, "title": null }));
    assert_eq!(bars["groups"][0]["key"], json!(march.deal));
    assert_eq!(bars["totals"]["tasks"], 2);
    let picture = "/v1/tasks/gantt?from=2026-03-02&to=2026-03-15&group_by=deal&format=svg";
    let picture = seller.get(picture).await.expect(200).text;
    assert!(picture.contains("A deal of somebody else") && !picture.contains("Zoe"));
    let nobody = march.server.admin.colleague("seller", None).await;
    assert_eq!(titles(&chart(&nobody, "").await), []);
}

#[tokio::test]
async fn the_picture_says_what_the_json_says() {
    let march = March::new().await;
    let api = &march.server.admin;
    let path = "/v1/tasks/gantt?from=2026-03-02&to=2026-03-15";
    let picture = api.get(&format!("{path}&format=svg")).await.expect(200);
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    assert_eq!(picture.header("vary"), "Accept");
    for said in [
        "2 Mar 2026 – 15 Mar 2026, by responsible: 4 tasks, 2 done, 1 overdue.",
        "Anna &lt;Vermeer&gt;",
        "Still open: new, overdue. Anna &lt;Vermeer&gt;; A deal. From 2 Feb 2026, 09:00, due 4 Mar 2026, 09:00.",
        "Within: done. Zoe; A deal. From 3 Mar 2026, 09:00 to 6 Mar 2026, 09:00; due 5 Mar 2026, 09:00.",
        "Done late",
        "March 2026",
    ] {
        assert!(picture.text.contains(said), "{said}: {}", picture.text);
    }
    assert!(!picture.text.contains("Too late") && !picture.text.contains("<script"));
    let headers = [("accept", "image/svg+xml")];
    let accepted = api.send(Method::GET, &format!("{path}&limit=1"), &headers, None).await;
    let accepted = accepted.expect(200).text;
    assert!(accepted.starts_with("<svg") && accepted.contains("And 3 tasks more"));
    let none = api.get("/v1/tasks/gantt?from=2020-03-02&format=svg").await.expect(200).text;
    assert!(none.contains("No tasks in this period"));
}
