//! Calls become activities of whose they are, and move their deals.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, histories, process::until, sql};

use super::exchange::{CLIENT, LINE, answered, ended, left, leg, started};
use super::office::{Office, office};

/// What tells one activity of a call from another.
fn said(activity: &Value) -> Value {
    let fields = [
        "kind",
        "direction",
        "title",
        "call_status",
        "duration_seconds",
        "client_id",
        "contact_id",
        "deal_id",
        "user_id",
    ];
    fields.into_iter().map(|field| (field.to_owned(), activity[field].clone())).collect()
}

#[tokio::test]
async fn a_call_becomes_an_activity_of_its_client_and_deal() {
    let office = office().await;
    let Office { server, ben, exchange, .. } = &office;
    let client = office.client("Isdom").await;
    let deal_type = server.admin.deal_type(&["one", "two"]).await;
    let deal = office.deal(&client, &deal_type, ben).await;
    exchange.tell(&answered("1", 0)).await;
    let activities = exchange.activities().await;
    let expected = json!({ "kind": "call", "direction": "in", "title": format!("Call from {CLIENT}"),
        "call_status": "answered", "duration_seconds": 70, "client_id": client, "contact_id": null,
        "deal_id": deal, "user_id": ben.user_id });
    assert_eq!(activities.iter().map(said).collect::<Vec<_>>(), [expected]);
    assert_eq!(activities[0]["happened_at"], "2026-03-02T10:00:00Z");

    // The feed told of it at the first ring and at the end, by whom, and why this client.
    let calls = server.admin.get("/v1/events?type=call.ringing,call.finished").await.expect(200);
    let calls = calls.json["items"].as_array().unwrap();
    assert_eq!(
        calls.iter().map(|call| &call["type"]).collect::<Vec<_>>(),
        ["call.ringing", "call.finished"]
    );
    for call in calls {
        assert_eq!(call["actor"], json!({ "kind": "integration", "id": exchange.id }));
        let object = &call["object"];
        assert_eq!((&object["client_id"], &object["deal_id"]), (&json!(client), &json!(deal)));
        assert_eq!(object["candidates"][0]["reason"], "only_one");
        assert!(object.get("told").is_none());
    }
    assert_eq!(calls[1]["object"]["activity_id"], activities[0]["id"]);
}

/// The same for every order and repetition, whatever is interpreted between.
#[tokio::test]
async fn whatever_the_order_a_call_is_told_once() {
    let office = office().await;
    let (exchange, client) = (&office.exchange, office.client("Isdom").await);
    let mut orders = vec![answered("0", 0)];
    let mut backwards = answered("1", 2);
    backwards.reverse();
    orders.push(backwards);
    let mut turned = answered("2", 4);
    turned.rotate_left(4);
    turned.extend(answered("2", 4));
    orders.push(turned);
    for order in &orders {
        for event in order {
            exchange.tell(std::slice::from_ref(event)).await;
            exchange.interpreted().await;
        }
    }
    let activities = exchange.activities().await;
    let said: Vec<_> = activities.iter().map(said).collect();
    assert_eq!(said.len(), 3, "{activities:?}");
    assert_eq!(said[0]["client_id"], json!(client));
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
    // Two live calls of the same numbers stay two.
    let (one, two) = (answered("a", 10), answered("b", 11));
    for (one, two) in one.iter().zip(&two) {
        exchange.tell(&[one.clone(), two.clone()]).await;
    }
    assert_eq!(exchange.activities().await.len(), 5);
}

#[tokio::test]
async fn calls_that_nobody_answered_say_so() {
    let office = office().await;
    let Office { exchange, anna, .. } = &office;
    let client = office.client("Isdom").await;
    // Rang and was given up; was never connected to a phone; a hidden caller; busy; between employees.
    exchange
        .tell(&[
            started("1", 0, CLIENT, LINE),
            leg("1", "ringing", (0, 1), "101"),
            left("1", (0, 20), "101", "no_answer"),
            ended("1", (0, 20)),
            started("2", 1, CLIENT, LINE),
            ended("2", (1, 2)),
            started("3", 2, "anonymous", LINE),
            ended("3", (2, 9)),
            started("4", 3, "101", "90201234567"),
            left("4", (3, 9), "90201234567", "busy"),
            ended("4", (3, 9)),
            started("5", 4, "101", "102"),
            leg("5", "answered", (4, 1), "102"),
            ended("5", (4, 9)),
        ])
        .await;
    let activities = exchange.activities().await;
    let told: Vec<_> = activities
        .iter()
        .map(|one| (&one["title"], &one["call_status"], &one["client_id"], &one["user_id"]))
        .collect();
    let (missed, busy) = (json!("missed"), json!("busy"));
    let (client, anna, none) = (json!(client), json!(anna.user_id), Value::Null);
    let from = json!(format!("Missed call from {CLIENT}"));
    let to = json!(format!("Call to {CLIENT}"));
    let hidden = json!("Missed call from a hidden number");
    assert_eq!(
        told,
        [
            (&from, &missed, &client, &anna),
            (&from, &missed, &client, &none),
            (&hidden, &missed, &none, &none),
            (&to, &busy, &client, &anna),
        ]
    );
}

/// Several have the number: who has the open deal, then who is looked after by whoever talked; none is dropped.
#[tokio::test]
async fn of_several_the_one_with_the_open_deal_is_taken() {
    let office = office().await;
    let Office { server, exchange, ben, anna, .. } = &office;
    let first = office.client("First").await;
    let body = json!({ "name": "Second", "owner_id": ben.user_id });
    let second = server.admin.post("/v1/clients", body).await.expect(201).id();
    let body = json!({ "name": "Jan", "client_id": second, "phones": ["020 123 4567"] });
    server.admin.patch("/v1/workspace", json!({ "country": "NL" })).await.expect(200);
    let contact = server.admin.post("/v1/contacts", body).await.expect(201).id();
    exchange.tell(&answered("1", 0)).await;
    let one = &exchange.activities().await[0];
    assert_eq!((&one["client_id"], &one["contact_id"]), (&json!(second), &json!(contact)));
    let deal_type = server.admin.deal_type(&["one", "two"]).await;
    let deal = office.deal(&first, &deal_type, anna).await;
    exchange.tell(&answered("2", 5)).await;
    let two = &exchange.activities().await[1];
    assert_eq!((&two["client_id"], &two["deal_id"]), (&json!(first), &json!(deal)));
    let told = server.admin.get("/v1/events?type=call.finished").await.expect(200).json;
    let candidates = |place: usize| told["items"][place]["object"]["candidates"].clone();
    let reasons = |place| {
        let candidates = candidates(place);
        let of = |one: &Value| (one["client_id"].clone(), one["reason"].clone());
        candidates.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let none = Value::Null;
    assert_eq!(reasons(0), [(json!(second), json!("owner")), (json!(first), none.clone())]);
    assert_eq!(reasons(1), [(json!(first), json!("open_deal")), (json!(second), none)]);
}

/// What is told later can make an answer of a miss, and changes the activity that there is.
#[tokio::test]
async fn a_miss_that_was_an_answer_becomes_one() {
    let office = office().await;
    let Office { exchange, ben, .. } = &office;
    exchange.tell(&[started("1", 0, CLIENT, LINE), ended("1", (1, 20))]).await;
    let missed = exchange.activities().await;
    assert_eq!((missed.len(), &missed[0]["call_status"]), (1, &json!("missed")));
    exchange.tell(&answered("1", 0)[1..]).await;
    let answered = exchange.activities().await;
    assert_eq!((answered.len(), &answered[0]["id"]), (1, &missed[0]["id"]));
    assert_eq!(
        (&answered[0]["call_status"], &answered[0]["user_id"], &answered[0]["duration_seconds"]),
        (&json!("answered"), &json!(ben.user_id), &json!(70))
    );
}

/// A call whose end never comes is closed by the clock, and says so.
#[tokio::test]
async fn a_call_that_falls_silent_is_closed_where_it_was_last_heard_of() {
    let office = office().await;
    let Office { server, exchange, ben, .. } = &office;
    let told = answered("1", 0);
    exchange.tell(&told[..4]).await;
    exchange.tell(&[leg("1", "answered", (3, 10), "101")]).await;
    assert_eq!(exchange.activities().await, Vec::<Value>::new());
    let age = "UPDATE calls SET updated_at = updated_at - interval '4 hours 1 minute'";
    sql::run(&mut server.connection(), age);
    until("it is closed", async || !exchange.activities().await.is_empty()).await;
    let closed = exchange.activities().await;
    assert_eq!(
        (&closed[0]["call_status"], &closed[0]["duration_seconds"]),
        (&json!("answered"), &json!(180))
    );
    let told = server.admin.get("/v1/events?type=call.finished").await.expect(200).json;
    assert_eq!(told["items"][0]["object"]["closed_by_clock"], true);
    // Its end comes after all.
    exchange
        .tell(&[left("1", (1, 20), "102", "hung_up"), left("1", (4, 10), "101", "hung_up")])
        .await;
    exchange.tell(&[ended("1", (4, 10))]).await;
    let ended = exchange.activities().await;
    assert_eq!((ended.len(), &ended[0]["duration_seconds"]), (1, &json!(130)));
    assert_ne!(ended[0]["user_id"], json!(ben.user_id));
}

/// Two stages: the first is left by a call, the second by nothing that happens here.
async fn led(admin: &Api, name: &str, call: Value) -> Reply {
    let mut gate = json!({ "kind": "activity", "activity": "call" });
    gate.as_object_mut().unwrap().extend(call.as_object().unwrap().clone());
    let last = json!([{ "kind": "field", "field": "expected_close_on" }]);
    let body = json!({ "name": name, "mode": "automatic", "stages": [
        { "name": "first", "gate": [gate] }, { "name": "second", "gate": last }] });
    admin.post("/v1/deal-types", body).await
}

#[tokio::test]
async fn a_call_that_was_answered_moves_its_deal_and_the_visit_names_it() {
    let office = office().await;
    let Office { server, exchange, ben, .. } = &office;
    let deal_type = led(&server.admin, "Led", json!({})).await.expect(201).id();
    let client = office.client("Isdom").await;
    let deal = office.deal(&client, &deal_type, ben).await;
    let stage = async || {
        let deal = server.admin.get(&format!("/v1/deals/{deal}")).await.expect(200);
        deal.json["stage_key"].as_str().unwrap().to_owned()
    };
    exchange.tell(&[started("0", 0, CLIENT, LINE), ended("0", (0, 20))]).await;
    assert_eq!(exchange.activities().await[0]["deal_id"], json!(deal));
    assert_eq!(stage().await, "first", "a call that was missed is no talk");
    exchange.tell(&answered("1", 2)).await;
    let activity = exchange.activities().await[1]["id"].clone();
    assert_eq!(stage().await, "second");
    let cause = sql::json(
        &mut server.connection(),
        &format!(
            "SELECT cause::text FROM stage_visits WHERE deal_id = '{deal}' ORDER BY sequence DESC LIMIT 1"
        ),
    );
    assert_eq!((&cause["kind"], &cause["object_id"]), (&json!("process"), &activity));
    assert_eq!(histories::check(&mut server.connection()), 1);
}

/// Gates may ask for calls that were missed, or for so much talk; and of nothing but calls.
#[tokio::test]
async fn gates_ask_how_a_call_went() {
    let office = office().await;
    let Office { server, exchange, ben, .. } = &office;
    let admin = &server.admin;
    let mut deals = Vec::new();
    for (name, call, client) in [
        ("Missed", json!({ "call_status": "missed" }), "+31201234501"),
        ("A minute", json!({ "talk_seconds": 70 }), "+31201234502"),
        ("More", json!({ "call_status": "answered", "talk_seconds": 71 }), "+31201234503"),
    ] {
        let deal_type = led(admin, name, call).await.expect(201).id();
        let body = json!({ "name": name, "phones": [client] });
        let id = admin.post("/v1/clients", body).await.expect(201).id();
        deals.push((client, office.deal(&id, &deal_type, ben).await));
    }
    let stages = async || {
        let mut stages = Vec::new();
        for (_, deal) in &deals {
            let deal = admin.get(&format!("/v1/deals/{deal}")).await.expect(200);
            stages.push(deal.json["stage_key"].as_str().unwrap().to_owned());
        }
        stages
    };
    for (number, (client, _)) in deals.iter().enumerate() {
        let mut call = answered(&format!("a{number}"), 0);
        call[0]["from"] = json!(client);
        exchange.tell(&call).await;
    }
    exchange.interpreted().await;
    assert_eq!(stages().await, ["first", "second", "first"]);
    exchange.tell(&[started("m", 9, deals[0].0, LINE), ended("m", (9, 20))]).await;
    exchange.interpreted().await;
    assert_eq!(stages().await, ["second", "second", "first"]);
    // What somebody writes down is no proof of talk.
    let body =
        json!({ "kind": "call", "title": "Talked", "deal_id": deals[2].1, "duration_seconds": 90 });
    admin.post("/v1/activities", body).await.expect(201);
    assert_eq!(stages().await[2], "first");
    let long = led(admin, "Long", json!({ "talk_seconds": 86_401 })).await.expect(422);
    assert_eq!(long.faults()[0].0, "/stages/0/gate/0/talk_seconds");
    let meeting = json!({ "activity": "meeting", "call_status": "missed" });
    let refused = led(admin, "Meeting", meeting).await.expect(422);
    let place = "/stages/0/gate/0/call_status".to_owned();
    assert_eq!(refused.faults()[0], (place, "never_met".to_owned()));
}

/// What happens to a client meanwhile stays as it is, whatever else is told of the call.
#[tokio::test]
async fn a_client_that_was_merged_or_archived_stays_so() {
    let office = office().await;
    let Office { server, exchange, .. } = &office;
    let admin = &server.admin;
    let twin = office.client("Isdom B.V.").await;
    exchange.tell(&answered("1", 0)).await;
    assert_eq!(exchange.activities().await[0]["client_id"], json!(twin));
    let kept = admin.post("/v1/clients", json!({ "name": "Isdom" })).await.expect(201).id();
    let merge = format!("/v1/clients/{kept}/merge");
    admin.post(&merge, json!({ "duplicate_id": twin })).await.expect(200);
    let activity = exchange.activities().await[0]["id"].as_str().unwrap().to_owned();
    let own = json!({ "title": "About pumps", "duration_seconds": 60 });
    admin.patch(&format!("/v1/activities/{activity}"), own).await.expect(200);
    let recording = |call: &str, url: &str| json!({ "call_id": call, "type": "recording", "at": "2026-03-02T10:09:00Z", "recording_url": url });
    exchange.tell(&[recording("1", "javascript:alert(1)")]).await;
    exchange.tell(&[recording("1", "https://pbx.example/1.mp3")]).await;
    let told = &exchange.activities().await[0];
    assert_eq!(
        (&told["client_id"], &told["recording_url"], &told["title"], &told["duration_seconds"]),
        (&json!(kept), &json!("https://pbx.example/1.mp3"), &json!("About pumps"), &json!(60))
    );
    // Archived between the first ring and the end, together with a call of somebody else.
    let call = answered("2", 5);
    exchange.tell(&call[..2]).await;
    exchange.interpreted().await;
    admin.patch(&format!("/v1/clients/{kept}"), json!({ "archived": true })).await.expect(200);
    let mut events = call[2..].to_vec();
    events.extend(answered("3", 9));
    exchange.tell(&[json!({ "events": events })]).await;
    let activities = exchange.activities().await;
    assert_eq!(exchange.raw("failed").await, Vec::<Value>::new());
    assert_eq!(activities.len(), 3);
    assert!(activities[1]["client_id"].is_null() && activities[1]["call_status"] == "answered");
}

/// Before it is known who called whom, nobody knows whether a call is anybody's business.
#[tokio::test]
async fn a_call_between_phones_is_no_activity_in_any_order() {
    let office = office().await;
    let Office { server, exchange, .. } = &office;
    let call = |number: &str| {
        vec![
            started(number, 0, "102", "101"),
            leg(number, "answered", (0, 2), "101"),
            left(number, (0, 8), "101", "hung_up"),
            ended(number, (0, 8)),
        ]
    };
    let mut late = call("2");
    late.rotate_left(1);
    for events in [call("1"), late] {
        for event in events {
            exchange.tell(&[event]).await;
            exchange.interpreted().await;
        }
    }
    assert_eq!(exchange.activities().await, Vec::<Value>::new());
    // Without its beginning a call has the time at which it was first heard of; one of another time is none.
    exchange.tell(&answered("3", 5)[1..]).await;
    exchange.interpreted().await;
    let age = "UPDATE calls SET updated_at = updated_at - interval '4 hours 1 minute' WHERE status IS NULL";
    sql::run(&mut server.connection(), age);
    until("it is closed", async || !exchange.activities().await.is_empty()).await;
    assert_eq!(exchange.activities().await[0]["happened_at"], "2026-03-02T10:05:01Z");
    for at in ["2036-01-01T00:00:00Z", "-262143-01-01T00:00:00Z"] {
        exchange
            .tell(&[json!({ "call_id": "4", "type": "started", "at": at, "from": CLIENT })])
            .await;
    }
    exchange.interpreted().await;
    let failed = exchange.raw("failed").await;
    assert_eq!(failed.len(), 2);
    assert!(
        failed.iter().all(|one| one["reason"] == "It is of a time that has not come yet, or of before 1970."),
        "{failed:?}"
    );
}

/// A rule hears a call that has finished, and how; one that waits for activities hears it, too.
#[tokio::test]
async fn rules_hear_how_a_call_went() {
    let office = office().await;
    let Office { server, anna, exchange, .. } = &office;
    let client = office.client("Isdom").await;
    let warm = |value: &str| json!([{ "do": "set", "field": "lead_temperature", "value": value }]);
    let task = json!([{ "do": "create_task", "task": { "key": "heard", "title": "Heard", "due_days": 1 } }]);
    let body = json!({ "name": "Calls", "mode": "automatic",
        "stages": [{ "name": "Lead", "gate": [{ "kind": "field", "field": "amount" }] }],
        "rules": [
            { "key": "talked", "on": "call.finished", "call_status": "answered", "talk_seconds": 60, "then": warm("hot") },
            { "key": "missed", "on": "call.finished", "call_status": "missed", "then": warm("cold") },
            { "key": "any", "on": "activity.recorded", "activity": "call", "then": task } ] });
    let deal_type = server.admin.post("/v1/deal-types", body).await.expect(201).id();
    let deal = office.deal(&client, &deal_type, anna).await;
    let now = async || {
        exchange.interpreted().await;
        let tasks =
            server.admin.get(&format!("/v1/tasks?deal_id={deal}&limit=200")).await.expect(200);
        let heard = tasks.json["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|task| task["key"] == "heard")
            .count();
        let deal = server.admin.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
        (deal["lead_temperature"].clone(), heard)
    };
    let talk = |call: &str, minute: u32, seconds: u32| {
        [
            started(call, minute, CLIENT, LINE),
            leg(call, "answered", (minute, 0), "101"),
            ended(call, (minute + seconds / 60, seconds % 60)),
        ]
    };
    exchange.tell(&talk("1", 0, 59)).await;
    assert_eq!(now().await, (json!(null), 1));
    exchange.tell(&talk("2", 2, 60)).await;
    assert_eq!(now().await, (json!("hot"), 2));
    exchange.tell(&[started("3", 5, CLIENT, LINE), ended("3", (5, 20))]).await;
    assert_eq!(now().await, (json!("cold"), 3));
    // What somebody writes down is no call that an exchange told of.
    let body = json!({ "kind": "call", "title": "Call", "deal_id": deal });
    anna.post("/v1/activities", body).await.expect(201);
    assert_eq!(now().await, (json!("cold"), 4));
    let wrong = json!({ "name": "Wrong", "mode": "automatic", "stages": [{ "name": "Lead", "gate": [{ "kind": "field", "field": "amount" }] }],
        "rules": [{ "key": "a", "on": "activity.recorded", "call_status": "missed", "then": warm("hot") },
            { "key": "b", "on": "call.finished", "talk_seconds": 86_401, "then": warm("hot") }] });
    let refused =
        server.admin.post("/v1/deal-types", wrong).await.problem(422, "validation_failed");
    let places: Vec<_> = refused.faults().into_iter().map(|fault| fault.0).collect();
    assert_eq!(places, ["/rules/0/call_status", "/rules/1/talk_seconds"]);
}

/// Cases 10, 11, 13 and 14: every number of every contact is known, however it is written by either side; whoever hides
/// is nobody's.
#[tokio::test]
async fn a_number_is_known_however_it_is_written_and_a_hidden_one_is_nobodys() {
    let office = office().await;
    let Office { server, exchange, .. } = &office;
    let admin = &server.admin;
    admin.patch("/v1/workspace", json!({ "country": "NL" })).await.expect(200);
    let client = admin.post("/v1/clients", json!({ "name": "Isdom", "phones": ["020 987 6543"] }));
    let client = client.await.expect(201).id();
    let contact = json!({ "client_id": client, "name": "Vera",
        "phones": ["+31 6 1111 2222", "+1 (202) 456-1111", "+7 (495) 123-45-67"] });
    let contact = admin.post("/v1/contacts", contact).await.expect(201).id();
    // As exchanges write them, with the country of the line, and 9 for a number outside.
    let written = ["0209876543", "06-11112222", "0012024561111", "+74951234567", "9020 987 6543"];
    for (call, number) in (0..).zip(written) {
        exchange
            .tell(&[
                started(&format!("{call}"), call, number, LINE),
                ended(&format!("{call}"), (call, 30)),
            ])
            .await;
    }
    let hidden = ["-1", "anonymous", "Restricted", ""];
    for (call, number) in (10..).zip(hidden) {
        exchange
            .tell(&[
                started(&format!("{call}"), call, number, LINE),
                ended(&format!("{call}"), (call, 30)),
            ])
            .await;
    }
    let whose = |one: &Value| (one["client_id"].clone(), one["contact_id"].clone());
    let found: Vec<_> = exchange.activities().await.iter().map(whose).collect();
    let (client, contact) = (json!(client), json!(contact));
    let of_client = (client.clone(), Value::Null);
    let of_contact = (client, contact);
    let nobodys = (Value::Null, Value::Null);
    let expected = [
        vec![of_client.clone(), of_contact.clone(), of_contact.clone(), of_contact, of_client],
        vec![nobodys; hidden.len()],
    ];
    assert_eq!(found, expected.concat());
    let inbox = admin.get("/v1/inbox").await.expect(200).json;
    let numbers: Vec<_> =
        inbox["items"].as_array().unwrap().iter().map(|one| &one["number"]).collect();
    assert_eq!(numbers, [&Value::Null; 4], "each hidden caller is one of their own");
}

/// Case 29: an exchange posts what happens at once at once.
#[tokio::test]
async fn what_is_posted_at_the_same_moment_is_one_call() {
    let office = office().await;
    let Office { exchange, .. } = &office;
    office.client("Isdom").await;
    for _ in 0..3 {
        let events = answered("1", 0);
        let posts = events.iter().map(|event| exchange.post(event));
        for reply in futures_util::future::join_all(posts).await {
            reply.expect(204);
        }
    }
    let [activity] = exchange.activities().await.try_into().expect("one activity");
    assert_eq!(
        (&activity["call_status"], &activity["duration_seconds"]),
        (&json!("answered"), &json!(70))
    );
    assert_eq!(exchange.raw("failed").await, Vec::<Value>::new());
}
