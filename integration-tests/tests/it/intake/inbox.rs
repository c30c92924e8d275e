//! Who calls and is no client yet waits in the inbox until somebody sees to it, and is never lost.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, histories, process::until_so, sql};

use super::{
    exchange::{CLIENT, LINE, answered, ended, leg, started},
    office::{Office, office},
};

async fn inbox(api: &Api, query: &str) -> Vec<Value> {
    let page = api.get(&format!("/v1/inbox?sort=last_at{query}")).await.expect(200);
    page.json["items"].as_array().unwrap().clone()
}

async fn only(office: &Office) -> Value {
    office.exchange.interpreted().await;
    let [entry] = inbox(&office.server.admin, "").await.try_into().expect("one entry");
    entry
}

async fn moved(api: &Api, entry: &Value, to: Value) -> voronka_integration_tests::Reply {
    let path = format!("/v1/inbox/{}/transition", entry["id"].as_str().unwrap());
    api.post(&path, to).await
}

async fn program(admin: &Api, scopes: &[&str]) -> Api {
    let made = admin
        .post("/v1/api-keys", json!({ "name": "Program", "scopes": scopes }))
        .await
        .expect(201);
    admin.with_token(made.json["key"].as_str().unwrap())
}

/// A call that Anna answers, of a number that nobody has.
fn talk(call: &str, minute: u32, number: &str) -> Vec<Value> {
    vec![
        started(call, minute, number, LINE),
        leg(call, "answered", (minute, 5), "101"),
        ended(call, (minute, 50)),
    ]
}

#[tokio::test]
async fn several_calls_of_a_number_are_one_entry() {
    let office = office().await;
    let exchange = &office.exchange;
    exchange.tell(&talk("1", 0, CLIENT)).await;
    exchange.tell(&[started("2", 3, CLIENT, LINE), ended("2", (3, 20))]).await;
    // Backwards and twice: the same.
    exchange.tell(&[ended("2", (3, 20)), started("2", 3, CLIENT, LINE)]).await;
    let entry = only(&office).await;
    let told: Vec<_> = ["number", "status", "direction", "calls", "last_status", "user_id"]
        .map(|field| entry[field].clone())
        .to_vec();
    assert_eq!(json!(told), json!([CLIENT, "open", "in", 2, "missed", null]));
    assert_eq!(entry["first_at"], "2026-03-02T10:00:00Z");
    assert_eq!(entry["last_at"], "2026-03-02T10:03:00Z");
    let activities = exchange.activities().await;
    assert_eq!(entry["last_activity_id"], activities[1]["id"]);
    let received = office.server.admin.get("/v1/events?type=inbox.received").await.expect(200);
    assert_eq!(received.json["items"].as_array().unwrap().len(), 1);
    // Who hides calls as somebody else each time; a client's number is no entry, nor is a call between phones.
    exchange.tell(&talk("3", 6, "anonymous")).await;
    exchange.tell(&talk("4", 8, "anonymous")).await;
    office
        .server
        .admin
        .post("/v1/clients", json!({ "name": "Known", "phones": ["+31201112222"] }))
        .await
        .expect(201);
    exchange.tell(&talk("5", 10, "+31201112222")).await;
    exchange.tell(&[started("6", 12, "101", "102"), ended("6", (12, 9))]).await;
    exchange.interpreted().await;
    let entries = inbox(&office.server.admin, "").await;
    let numbers: Vec<_> = entries.iter().map(|entry| entry["number"].clone()).collect();
    assert_eq!(json!(numbers), json!([CLIENT, null, null]));
}

#[tokio::test]
async fn an_entry_becomes_a_client_with_a_deal_that_its_calls_move() {
    let office = office().await;
    let Office { server, anna, exchange, .. } = &office;
    let gate = json!([{ "kind": "activity", "activity": "call", "call_status": "answered", "talk_seconds": 30 }]);
    let body = json!({ "name": "Calls", "mode": "automatic", "stages": [
        { "name": "Lead", "gate": gate }, { "name": "Offer", "gate": [{ "kind": "field", "field": "amount" }] }] });
    let deal_type = server.admin.post("/v1/deal-types", body).await.expect(201).id();
    exchange.tell(&talk("1", 0, CLIENT)).await;
    let entry = only(&office).await;
    let to = json!({ "to": "converted", "client": { "name": "Alder Mill" },
        "deal": { "title": "Servers", "deal_type_id": deal_type } });
    let after = moved(anna, &entry, to).await.expect(200).json;
    assert_eq!(after["status"], "converted");
    let client = after["client_id"].as_str().unwrap();
    let deal = after["deal_id"].as_str().unwrap();
    let client_now = server.admin.get(&format!("/v1/clients/{client}")).await.expect(200).json;
    assert_eq!(
        (&client_now["name"], &client_now["phones"]),
        (&json!("Alder Mill"), &json!([CLIENT]))
    );
    // The call is the deal's now, and has met its gate.
    let [activity] = exchange.activities().await.try_into().expect("one activity");
    assert_eq!(
        (&activity["client_id"], &activity["deal_id"]),
        (&after["client_id"], &after["deal_id"])
    );
    let deal_now = server.admin.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
    assert_eq!(deal_now["stage_key"], "offer", "{deal_now}");
    assert_eq!(
        (&deal_now["initiated_by"], &deal_now["from_activity_id"]),
        (&json!("client"), &activity["id"])
    );
    let map = server.admin.get(&format!("/v1/deals/{deal}/route-map")).await.expect(200).json;
    assert!(map.to_string().contains(activity["id"].as_str().unwrap()), "{map}");
    // The next call of the number is that client's, and no entry.
    exchange.tell(&answered("2", 5)).await;
    let activities = exchange.activities().await;
    assert_eq!(activities[1]["client_id"], json!(client));
    assert_eq!(inbox(&server.admin, "&status=open,assigned").await.len(), 0);
    moved(anna, &entry, json!({ "to": "open" })).await.problem(409, "inbox_status_refused");
    histories::check(&mut server.connection());
}

#[tokio::test]
async fn an_entry_is_given_linked_thrown_away_and_taken_back() {
    let office = office().await;
    let Office { server, anna, ben, exchange } = &office;
    exchange.tell(&talk("1", 0, CLIENT)).await;
    let entry = only(&office).await;
    // Whom it is given to sees it, and so does who looks after everybody.
    moved(anna, &entry, json!({ "to": "assigned", "user_id": ben.user_id })).await.expect(200);
    let seen = [anna, ben, &server.admin];
    let mut counts = Vec::new();
    for api in seen {
        counts.push(inbox(api, "").await.len());
    }
    assert_eq!(counts, [0, 1, 1]);
    moved(anna, &entry, json!({ "to": "junk", "reason": "Wrong number" }))
        .await
        .problem(404, "not_found");
    let junk = moved(ben, &entry, json!({ "to": "junk", "reason": "Wrong number" }))
        .await
        .expect(200)
        .json;
    assert_eq!((&junk["status"], &junk["reason"]), (&json!("junk"), &json!("Wrong number")));
    // While it is junk, the number makes a new entry; a head looks over what was thrown away.
    exchange.tell(&talk("2", 3, CLIENT)).await;
    exchange.interpreted().await;
    assert_eq!(inbox(&server.admin, "").await.len(), 2);
    let open = inbox(&server.admin, "&status=open").await;
    let other = server.admin.post("/v1/clients", json!({ "name": "Birch" })).await.expect(201).id();
    let linked =
        moved(anna, &open[0], json!({ "to": "linked", "client_id": other })).await.expect(200).json;
    assert_eq!((&linked["status"], &linked["client_id"]), (&json!("linked"), &json!(other)));
    let client = server.admin.get(&format!("/v1/clients/{other}")).await.expect(200).json;
    assert_eq!(client["phones"], json!([CLIENT]));
    let activities = exchange.activities().await;
    assert_eq!(
        (&activities[0]["client_id"], &activities[1]["client_id"]),
        (&json!(null), &json!(other))
    );
    let back = moved(&server.admin, &entry, json!({ "to": "open" })).await.expect(200).json;
    assert_eq!(
        (&back["status"], &back["reason"], &back["user_id"]),
        (&json!("open"), &json!(null), &json!(null))
    );
}

/// A right is checked for what changes.
#[tokio::test]
async fn whoever_links_may_change_the_client_and_sees_the_deal() {
    let office = office().await;
    let Office { server, anna, ben, exchange } = &office;
    let client =
        server.admin.post("/v1/clients", json!({ "name": "Birch" })).await.expect(201).id();
    let deal_type = server.admin.deal_type(&["one", "two"]).await;
    let bens = office.deal(&client, &deal_type, ben).await;
    exchange.tell(&talk("1", 0, CLIENT)).await;
    let entry = only(&office).await;
    let key = program(&server.admin, &["inbox:read", "inbox:write"]).await;
    let link = json!({ "to": "linked", "client_id": client });
    moved(&key, &entry, link.clone()).await.problem(403, "forbidden");
    moved(&key, &entry, json!({ "to": "converted", "client": { "name": "X" } }))
        .await
        .problem(403, "forbidden");
    let clients = program(&server.admin, &["inbox:read", "inbox:write", "clients:write"]).await;
    let with_deal = json!({ "to": "linked", "client_id": client, "deal_id": bens });
    moved(&clients, &entry, with_deal.clone()).await.problem(403, "forbidden");
    // Anna does not see Ben's deal.
    let refused = moved(anna, &entry, with_deal.clone()).await.problem(422, "validation_failed");
    assert_eq!(refused.faults()[0].0, "/deal_id");
    let other = server.admin.post("/v1/clients", json!({ "name": "Cedar" })).await.expect(201).id();
    let wrong = json!({ "to": "linked", "client_id": other, "deal_id": bens });
    let refused = moved(ben, &entry, wrong).await.problem(422, "validation_failed");
    assert_eq!(refused.faults()[0].0, "/deal_id");
    assert_eq!(only(&office).await["status"], "open");
    moved(ben, &entry, with_deal).await.expect(200);
    let [activity] = exchange.activities().await.try_into().expect("one activity");
    assert_eq!(activity["deal_id"], json!(bens));
    assert!(moved(&clients, &entry, link).await.status == 409);
}

#[tokio::test]
async fn the_first_call_opens_a_deal_where_the_integration_says_so() {
    let office = office().await;
    let Office { server, anna, exchange, .. } = &office;
    let deal_type = server.admin.deal_type(&["one", "two"]).await;
    let path = format!("/v1/integrations/{}", exchange.id);
    server.admin.patch(&path, json!({ "deal_type_id": deal_type })).await.expect(200);
    exchange.tell(&talk("1", 0, CLIENT)).await;
    let entry = only(&office).await;
    assert_eq!(entry["status"], "converted", "{entry}");
    let deal = server
        .admin
        .get(&format!("/v1/deals/{}", entry["deal_id"].as_str().unwrap()))
        .await
        .expect(200)
        .json;
    assert_eq!(
        (&deal["owner_id"], &deal["client_id"]),
        (&json!(anna.user_id), &entry["client_id"])
    );
    let [activity] = exchange.activities().await.try_into().expect("one activity");
    assert_eq!(activity["deal_id"], deal["id"]);
    assert_eq!(
        (&deal["initiated_by"], &deal["from_activity_id"]),
        (&json!("client"), &activity["id"])
    );
    // A second call opens no second deal; one that nobody answered has nobody to open it for.
    exchange.tell(&talk("2", 3, CLIENT)).await;
    exchange.tell(&[started("3", 6, "+31205556666", LINE), ended("3", (6, 20))]).await;
    exchange.interpreted().await;
    let deals = server.admin.get("/v1/deals").await.expect(200);
    assert_eq!(deals.json["items"].as_array().unwrap().len(), 1);
    let open = inbox(&server.admin, "&status=open").await;
    assert!(open[0]["reason"].as_str().is_some_and(|why| why.contains("phones")), "{open:?}");
    // Whose it was is told after: the deal is theirs.
    exchange.tell(&[leg("3", "ringing", (6, 2), "101")]).await;
    exchange.interpreted().await;
    let late = inbox(&server.admin, "&number=%2B31205556666").await;
    assert_eq!(late[0]["status"], "converted", "{late:?}");
    // What a switch refuses stays, with the reason, and no client is left of it.
    server
        .admin
        .patch(&format!("/v1/deal-types/{deal_type}"), json!({ "enabled": false }))
        .await
        .expect(200);
    exchange.tell(&talk("4", 9, "+31207778888")).await;
    exchange.interpreted().await;
    let open = inbox(&server.admin, "&status=open&number=%2B31207778888").await;
    assert!(
        open[0]["reason"].as_str().is_some_and(|why| why.contains("off") || !why.is_empty()),
        "{open:?}"
    );
    let clients = server.admin.get("/v1/clients").await.expect(200);
    assert_eq!(clients.json["items"].as_array().unwrap().len(), 2);
}

/// A call that is interpreted while its number becomes a client's waits for that, and is the client's.
#[tokio::test]
async fn a_call_in_the_moment_of_a_conversion_is_the_clients() {
    let office = office().await;
    let Office { server, exchange, .. } = &office;
    exchange.tell(&talk("1", 0, CLIENT)).await;
    let entry = only(&office).await;
    // Somebody holds the entry, and has made a client of it.
    let mut held = server.connection();
    sql::run(&mut held, "BEGIN");
    let id = entry["id"].as_str().unwrap();
    sql::run(
        &mut held,
        &format!("UPDATE inbox_entries SET status = 'converted' WHERE id = '{id}'"),
    );
    let client =
        server.admin.post("/v1/clients", json!({ "name": "Birch" })).await.expect(201).id();
    sql::run(
        &mut held,
        &format!("UPDATE clients SET phones = ARRAY['{CLIENT}'] WHERE id = '{client}'"),
    );
    exchange.tell(&talk("2", 3, CLIENT)).await;
    let mut other = server.connection();
    until_so("the call waits for the entry", || sql::waiting(&mut other) > 0).await;
    sql::run(&mut held, "COMMIT");
    let activities = exchange.activities().await;
    assert_eq!(activities[1]["client_id"], json!(client));
    assert_eq!(inbox(&server.admin, "").await.len(), 1);
}

/// Whoever is to call back sees whom, and a number that one of the client's people has is not the client's own.
#[tokio::test]
async fn a_client_who_is_found_is_seen_at_the_task_and_has_the_number_once() {
    let office = office().await;
    let Office { server, anna, exchange, .. } = &office;
    let admin = &server.admin;
    let missed = |call: &str, minute| {
        vec![
            started(call, minute, CLIENT, LINE),
            leg(call, "ringing", (minute, 1), "101"),
            ended(call, (minute, 20)),
        ]
    };
    exchange.tell(&missed("1", 0)).await;
    let entry = only(&office).await;
    let client = json!({ "name": "Isdom" });
    let client = admin.post("/v1/clients", client).await.expect(201).id();
    let path = "/v1/contacts";
    let contact = json!({ "client_id": client, "name": "Vera", "phones": [CLIENT] });
    admin.post(path, contact).await.expect(201);
    moved(anna, &entry, json!({ "to": "linked", "client_id": client })).await.expect(200);
    let linked = admin.get(&format!("/v1/clients/{client}")).await.expect(200).json;
    assert_eq!(linked["phones"], json!([]));
    let tasks = admin.get("/v1/tasks").await.expect(200).json;
    assert_eq!(
        (&tasks["items"][0]["kind"], &tasks["items"][0]["client_id"]),
        (&json!("call_back"), &json!(client))
    );
    histories::check(&mut server.connection());
}

/// An entry is what its calls are, in whatever order they are told.
#[tokio::test]
async fn an_entry_says_how_its_last_call_went_whatever_was_told_first() {
    let office = office().await;
    let Office { server, exchange, .. } = &office;
    let [begins, answers, ends] = talk("1", 0, CLIENT).try_into().expect("three events");
    let tell = async |events: &[Value]| {
        exchange.tell(events).await;
        exchange.interpreted().await;
    };
    tell(&[started("0", 0, "+31205556666", LINE)]).await;
    tell(&[ends]).await;
    tell(&[begins]).await;
    let said = |entry: &Value| (entry["last_status"].clone(), entry["last_at"].clone());
    let missed = said(&only(&office).await);
    assert_eq!(missed, (json!("missed"), json!("2026-03-02T10:00:00Z")));
    tell(&[answers]).await;
    assert_eq!(said(&only(&office).await), (json!("answered"), missed.1));
    // An earlier call that is told later is not the last one.
    tell(&[started("2", 10, CLIENT, LINE), ended("2", (10, 20))]).await;
    tell(&[started("3", 5, CLIENT, LINE), leg("3", "answered", (5, 5), "101"), ended("3", (5, 9))])
        .await;
    let entry = only(&office).await;
    assert_eq!(said(&entry), (json!("missed"), json!("2026-03-02T10:10:00Z")));
    assert_eq!(entry["calls"], 3);
    let missed = server.admin.get("/v1/activities?call_status=missed").await.expect(200).json;
    assert_eq!(missed["items"].as_array().unwrap().len(), 1);
}
