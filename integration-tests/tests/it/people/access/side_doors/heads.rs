//! Heads look after the people of their departments, whoever may see the deals.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply};

use super::{Company, company};

async fn done(who: &Api, task: &str) -> Reply {
    let done = json!({ "to": "done", "result": "Asked" });
    who.post(&format!("/v1/tasks/{task}/transition"), done).await
}

/// Now everybody sees all deals, and what belongs to them.
async fn open_up(admin: &Api) {
    admin.patch("/v1/workspace", json!({ "deal_visibility": "everyone" })).await.expect(200);
}

const UNSEEN: (u16, &str) = (404, "not_found");
const SEEN: (u16, &str) = (403, "not_a_participant");

/// Anna's tasks, with a deal and without, in which neither head has a part but perhaps that of a watcher: her own does
/// them, and the other one is told this of those of a deal and that of the others.
async fn her_own_does_them(company: &Company, watched: bool, [of_deal, other]: [(u16, &str); 2]) {
    let Company { anna, head: elsewhere, server, north, .. } = company;
    let head = server.admin.colleague("head", Some(north)).await;
    let deal = anna.deal(&company.deal_type, "1").await;
    for (deal, (status, code)) in [(Some(&deal), of_deal), (None, other)] {
        let watchers = if watched { vec![elsewhere.user_id] } else { vec![] };
        let task = json!({ "title": "Ask", "deal_id": deal, "watcher_ids": watchers });
        let task = anna.post("/v1/tasks", task).await.expect(201).id();
        done(elsewhere, &task).await.problem(status, code);
        let read = anna.get(&format!("/v1/tasks/{task}")).await.expect(200).json;
        assert_eq!((&read["status"], &read["version"]), (&json!("new"), &json!(1)));
        let task = done(&head, &task).await.expect(200).json;
        assert_eq!((&task["status"], &task["done_by"]), (&json!("done"), &json!(head.user_id)));
    }
}

#[tokio::test]
async fn a_head_does_the_tasks_of_the_own_department() {
    let company = company().await;
    her_own_does_them(&company, false, [UNSEEN, UNSEEN]).await;
    her_own_does_them(&company, true, [SEEN, SEEN]).await;
    // Seeing them all changes nothing.
    open_up(&company.server.admin).await;
    her_own_does_them(&company, true, [SEEN, SEEN]).await;
}

#[tokio::test]
async fn a_head_does_no_tasks_of_elsewhere_where_everybody_sees_them() {
    let company = company().await;
    open_up(&company.server.admin).await;
    her_own_does_them(&company, false, [SEEN, UNSEEN]).await;
}

/// The people of a task are its responsible and the owner of its deal, and not whoever made it.
async fn heads_of_its_people_do_it(company: &Company) {
    let Company { anna, head: elsewhere, server, north, deal_type, .. } = company;
    let admin = &server.admin;
    let head = admin.colleague("head", Some(north)).await;
    let south = admin.get(&format!("/v1/users/{}", elsewhere.user_id)).await.expect(200);
    let carl = admin.colleague("seller", south.json["department_id"].as_str()).await;
    let (hers, his) = (anna.deal(deal_type, "1").await, carl.deal(deal_type, "1").await);
    // Who makes it, for whom, of which deal; who does it, and who does not see it.
    for (maker, responsible, deal, passes, refused) in [
        (admin, anna, Some(&his), vec![&head, elsewhere], None),
        (admin, &carl, Some(&hers), vec![&head, elsewhere], None),
        (anna, &carl, None, vec![elsewhere], Some(&head)),
        (&carl, anna, None, vec![&head], Some(elsewhere)),
        (admin, anna, None, vec![&head], Some(elsewhere)),
    ] {
        let new = json!({ "title": "Ask", "responsible_id": responsible.user_id, "deal_id": deal });
        for passing in passes {
            let task = maker.post("/v1/tasks", new.clone()).await.expect(201).id();
            if let Some(other) = refused {
                done(other, &task).await.problem(404, "not_found");
            }
            done(passing, &task).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_task_between_departments_is_for_the_heads_of_its_people() {
    heads_of_its_people_do_it(&company().await).await;
}

#[tokio::test]
async fn a_task_that_everybody_sees_is_for_the_heads_of_its_people() {
    let company = company().await;
    open_up(&company.server.admin).await;
    heads_of_its_people_do_it(&company).await;
}

#[tokio::test]
async fn where_everybody_sees_all_deals_their_owners_do_the_tasks() {
    let company = company().await;
    let Company { anna, ben, server, deal_type, .. } = &company;
    let admin = &server.admin;
    let analyst = admin.colleague("analyst", None).await;
    open_up(admin).await;
    let deal = anna.deal(deal_type, "1").await;
    ben.get(&format!("/v1/deals/{deal}")).await.expect(200);
    let new = json!({ "title": "Ask", "responsible_id": admin.user_id, "deal_id": deal,
        "watcher_ids": [anna.user_id, ben.user_id] });
    let task = admin.post("/v1/tasks", new).await.expect(201).id();
    done(ben, &task).await.problem(403, "not_a_participant");
    done(&analyst, &task).await.problem(403, "forbidden");
    done(anna, &task).await.expect(200);
}

/// Seeing a task is no part in it, nor is it one not to watch.
#[tokio::test]
async fn where_everybody_sees_all_deals_a_seller_does_no_tasks_of_others() {
    let company = company().await;
    let Company { anna, ben, server, deal_type, .. } = &company;
    open_up(&server.admin).await;
    let deal = anna.deal(deal_type, "1").await;
    for (deal, (status, code)) in [(Some(&deal), SEEN), (None, UNSEEN)] {
        let task = json!({ "title": "Ask", "deal_id": deal });
        let task = anna.post("/v1/tasks", task).await.expect(201).id();
        done(ben, &task).await.problem(status, code);
        let path = format!("/v1/tasks/{task}");
        let mine = json!({ "responsible_id": ben.user_id });
        ben.patch(&path, mine).await.problem(status, code);
        let read = anna.get(&path).await.expect(200).json;
        assert_eq!((&read["status"], &read["version"]), (&json!("new"), &json!(1)));
    }
}

/// Whoever sees everything does not look after everybody.
#[tokio::test]
async fn where_everybody_sees_all_deals_heads_hand_over_what_their_people_have() {
    let company = company().await;
    let Company { anna, ben, head: elsewhere, server, north, deal_type } = &company;
    let admin = &server.admin;
    let head = admin.colleague("head", Some(north)).await;
    open_up(admin).await;
    let deal = anna.deal(deal_type, "1").await;
    let over = json!({ "from_id": anna.user_id, "to_id": ben.user_id, "reason": "holiday" });
    let owner = async || {
        let deal = admin.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
        deal["owner_id"].clone()
    };
    for who in [elsewhere, ben] {
        who.post("/v1/hand-overs", over.clone()).await.problem(403, "forbidden");
    }
    assert_eq!(owner().await, json!(anna.user_id));
    let given = head.post("/v1/hand-overs", over).await.expect(201).id();
    assert_eq!(owner().await, json!(ben.user_id));
    let back = format!("/v1/hand-overs/{given}/return");
    elsewhere.post(&back, json!({})).await.problem(404, "not_found");
    head.post(&back, json!({})).await.expect(200);
    assert_eq!(owner().await, json!(anna.user_id));
}

/// Anna's meetings of a client, with a deal and without: who sees them, and who changes them.
#[tokio::test]
async fn where_everybody_sees_all_deals_activities_are_those_of_their_people() {
    let company = company().await;
    let Company { anna, ben, head: elsewhere, server, north, deal_type } = &company;
    let admin = &server.admin;
    let head = &admin.colleague("head", Some(north)).await;
    open_up(admin).await;
    let client = anna.post("/v1/clients", json!({ "name": "Alder Mill" })).await.expect(201).id();
    let of_client = json!({ "title": "Mill", "deal_type_id": deal_type, "client_id": client });
    let his = ben.post("/v1/deals", of_client).await.expect(201).id();
    let meeting = async |more: Value| {
        let mut new = json!({ "kind": "meeting", "title": "Tour", "client_id": client,
            "planned_at": "2999-01-02T09:00:00Z", "user_id": anna.user_id });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admin.post("/v1/activities", new).await.expect(201).id()
    };
    let (alone, of_deal) = (meeting(json!({})).await, meeting(json!({ "deal_id": his })).await);
    let nobodys = meeting(json!({ "user_id": elsewhere.user_id })).await;
    let path = |id: &String| format!("/v1/activities/{id}");
    let called = json!({ "result": "Called off" });
    for (who, seen) in [
        (anna, vec![&alone, &of_deal]),
        (head, vec![&alone, &of_deal]),
        (ben, vec![&of_deal]),
        (elsewhere, vec![&of_deal, &nobodys]),
        (admin, vec![&alone, &of_deal, &nobodys]),
    ] {
        let list = who.get("/v1/activities").await.expect(200).json;
        let ids = list["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap());
        assert_eq!(ids.collect::<BTreeSet<_>>(), seen.iter().map(|id| id.as_str()).collect());
        for id in [&alone, &of_deal, &nobodys] {
            let status = if seen.contains(&id) { 200 } else { 404 };
            assert_eq!(who.get(&path(id)).await.status, status);
            // The owner of the deal changes what belongs to it, and the head of elsewhere only sees it.
            let status =
                if who.user_id == elsewhere.user_id && *id == of_deal { 403 } else { status };
            let reply = who.patch(&path(id), called.clone()).await;
            assert_eq!(reply.status, status, "{}", reply.text);
        }
    }
    let carl = admin.colleague("seller", None).await;
    carl.get(&path(&of_deal)).await.expect(200);
    carl.patch(&path(&of_deal), called.clone()).await.problem(403, "not_a_participant");
    // Whatever version they saw.
    let stale = [("if-match", "\"77\"")];
    let body = Some(called.to_string().into_bytes());
    let reply = carl.send(Method::PATCH, &path(&of_deal), &stale, body).await;
    reply.problem(403, "not_a_participant");
}
