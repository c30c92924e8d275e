//! Whoever called in vain is called back: one task for each number, until somebody reaches them.

use serde_json::{Value, json};
use voronka_integration_tests::Api;

use super::{
    exchange::{CLIENT, LINE, ended, left, leg, started},
    office::{Office, office},
};

async fn tasks(api: &Api) -> Vec<Value> {
    let page = api.get("/v1/tasks?sort=created_at").await.expect(200);
    page.json["items"].as_array().unwrap().clone()
}

/// A call in that rings Anna's phone and Ben's, and is given up.
fn missed(call: &str, minute: u32, number: &str) -> Vec<Value> {
    vec![
        started(call, minute, number, LINE),
        leg(call, "ringing", (minute, 1), "101"),
        leg(call, "ringing", (minute, 2), "102"),
        left(call, (minute, 20), "101", "no_answer"),
        left(call, (minute, 20), "102", "no_answer"),
        ended(call, (minute, 20)),
    ]
}

#[tokio::test]
async fn a_missed_call_makes_one_task_however_many_phones_rang() {
    let office = office().await;
    let Office { server, anna, exchange, .. } = &office;
    let client = office.client("Isdom").await;
    exchange.tell(&missed("1", 0, CLIENT)).await;
    exchange.tell(&missed("2", 2, CLIENT)).await;
    exchange.tell(&missed("3", 4, "anonymous")).await;
    exchange.interpreted().await;
    assert_eq!(exchange.raw("failed").await, Vec::<Value>::new());
    let [task] = tasks(&server.admin).await.try_into().expect("one task");
    assert_eq!(task["title"], json!(format!("Call back {CLIENT}")));
    assert_eq!((&task["kind"], &task["client_id"]), (&json!("call_back"), &json!(client)));
    assert_eq!((&task["responsible_id"], &task["status"]), (&json!(anna.user_id), &json!("new")));
    assert!(task["due_at"].as_str() > task["starts_at"].as_str(), "{task}");
    // A call out that nobody answers does nothing; one that the client answers does it.
    exchange
        .tell(&[
            started("4", 6, "102", CLIENT),
            left("4", (6, 9), CLIENT, "busy"),
            ended("4", (6, 9)),
        ])
        .await;
    exchange.interpreted().await;
    assert_eq!(tasks(&server.admin).await[0]["status"], "new");
    exchange
        .tell(&[
            started("5", 8, "102", CLIENT),
            leg("5", "answered", (8, 5), CLIENT),
            ended("5", (8, 40)),
        ])
        .await;
    exchange.interpreted().await;
    let [done] = tasks(&server.admin).await.try_into().expect("one task");
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("done"), &json!("Reached by telephone."))
    );
    // The next miss makes the next one. What is told late of a call before somebody was reached makes none.
    exchange.tell(&missed("6", 10, CLIENT)).await;
    exchange.interpreted().await;
    assert_eq!(tasks(&server.admin).await.len(), 2);
    exchange
        .tell(&[
            started("7", 12, CLIENT, LINE),
            leg("7", "answered", (12, 5), "101"),
            ended("7", (12, 40)),
        ])
        .await;
    exchange.tell(&missed("8", 7, CLIENT)).await;
    exchange.interpreted().await;
    let statuses: Vec<_> =
        tasks(&server.admin).await.iter().map(|task| task["status"].clone()).collect();
    assert_eq!(statuses, ["done", "done"]);
}

#[tokio::test]
async fn a_miss_that_was_none_takes_its_task_back_unless_somebody_has_begun_it() {
    let office = office().await;
    let Office { server, anna, exchange, .. } = &office;
    exchange.tell(&missed("1", 0, CLIENT)).await;
    exchange.interpreted().await;
    exchange.tell(&[leg("1", "answered", (0, 10), "102")]).await;
    exchange.interpreted().await;
    let [task] = tasks(&server.admin).await.try_into().expect("one task");
    assert_eq!(task["status"], "cancelled");
    assert_eq!(task["description"], "The call was answered after all.");
    let other = "+31205556666";
    exchange.tell(&missed("2", 5, other)).await;
    exchange.interpreted().await;
    let begun = &tasks(&server.admin).await[1];
    let path = format!("/v1/tasks/{}/transition", begun["id"].as_str().unwrap());
    anna.post(&path, json!({ "to": "in_progress" })).await.expect(200);
    exchange.tell(&[leg("2", "answered", (5, 10), "102")]).await;
    exchange.interpreted().await;
    assert_eq!(tasks(&server.admin).await[1]["status"], "done");
}

#[tokio::test]
async fn an_integration_may_make_no_tasks() {
    let office = office().await;
    let Office { server, exchange, .. } = &office;
    let path = format!("/v1/integrations/{}", exchange.id);
    server.admin.patch(&path, json!({ "call_back_minutes": null })).await.expect(200);
    exchange.tell(&missed("1", 0, CLIENT)).await;
    exchange.interpreted().await;
    assert_eq!(tasks(&server.admin).await, Vec::<Value>::new());
}

/// What decides is when calls were, and not when they are told.
#[tokio::test]
async fn an_earlier_talk_that_is_told_late_does_not_do_the_task() {
    let office = office().await;
    let Office { server, exchange, .. } = &office;
    let talk = |call: &str, minute: u32| {
        [
            started(call, minute, CLIENT, LINE),
            leg(call, "answered", (minute, 5), "101"),
            ended(call, (minute, 40)),
        ]
    };
    let statuses = async || {
        exchange.interpreted().await;
        let tasks = tasks(&server.admin).await;
        tasks.iter().map(|task| task["status"].clone()).collect::<Vec<_>>()
    };
    exchange.tell(&missed("late", 20, CLIENT)).await;
    assert_eq!(statuses().await, ["new"]);
    exchange.tell(&talk("early", 10)).await;
    assert_eq!(statuses().await, ["new"]);
    // Another miss before, which turns out to have been answered: there is still the later one.
    exchange.tell(&missed("first", 15, CLIENT)).await;
    exchange.tell(&[leg("first", "answered", (15, 10), "102")]).await;
    assert_eq!(statuses().await, ["new"]);
    exchange.tell(&talk("after", 25)).await;
    assert_eq!(statuses().await, ["done"]);
    // Of two misses the one that made the task was none: who called again is called back.
    exchange.tell(&missed("a", 30, CLIENT)).await;
    exchange.tell(&missed("b", 35, CLIENT)).await;
    exchange.tell(&[leg("a", "answered", (30, 10), "102")]).await;
    assert_eq!(statuses().await, ["done", "new"]);
}
