//! What is done for deals, and how far it takes them: documents, payments and activities.

use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

async fn make(api: &Api, path: &str, body: Value) -> Value {
    api.post(path, body).await.expect(201).json
}

/// A deal of 1,000 euros whose process leads it through stages with these gates; its id.
async fn led(api: &Api, gates: Value) -> String {
    let stages: Vec<_> = gates
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(n, gate)| json!({ "name": format!("Stage {n}"), "key": format!("s{n}"), "gate": [gate] }))
        .collect();
    let body = json!({ "name": "Led", "mode": "automatic", "stages": stages });
    let deal_type = make(api, "/v1/deal-types", body).await;
    api.deal(deal_type["id"].as_str().unwrap(), "1000").await
}

async fn place(api: &Api, deal: &str) -> (Value, Value) {
    let deal = api.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
    (deal["status"].clone(), deal["stage_key"].clone())
}

/// Who made the last move of a deal, and by what.
async fn last_cause(api: &Api, deal: &str) -> (Value, Value, Value) {
    let history = api.get(&format!("/v1/deals/{deal}/history")).await.expect(200).json;
    let last = &history["items"].as_array().unwrap().last().unwrap()["actor"];
    (last["kind"].clone(), last["on"].clone(), last["object_id"].clone())
}

fn euros(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

#[tokio::test]
async fn a_signed_contract_and_a_full_payment_lead_a_deal_to_its_end() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let gates = json!([
        { "kind": "document", "document": "contract", "state": "signed" },
        { "kind": "payment", "share": 1 },
    ]);
    let deal = led(api, gates).await;
    let body = json!({ "deal_id": deal, "kind": "contract", "number": " 7 ", "url": "https://example.com/7" });
    let contract = make(api, "/v1/documents", body).await;
    assert_eq!((&contract["state"], &contract["number"]), (&json!("draft"), &json!("7")));
    assert_eq!(contract["amount"], euros("1000.00"), "The deal's, where nothing else is said.");
    assert_eq!(contract["author_id"], json!(api.user_id.to_string()));
    let path = format!("/v1/documents/{}", contract["id"].as_str().unwrap());
    let go = async |to: &str| api.post(&format!("{path}/transition"), json!({ "to": to })).await;
    go("paid").await.problem(409, "document_state_refused");
    go("sent").await.expect(200);
    // It has not come far enough; nor is a signed quote a contract.
    assert_eq!(place(api, &deal).await, (json!("open"), json!("s0")));
    let body = json!({ "deal_id": deal, "kind": "quote", "number": "8" });
    let quote = make(api, "/v1/documents", body).await["id"].as_str().unwrap().to_owned();
    let accepted = json!({ "to": "accepted" });
    api.post(&format!("/v1/documents/{quote}/transition"), accepted).await.expect(200);
    assert_eq!(place(api, &deal).await, (json!("open"), json!("s0")));
    let signed = go("signed").await.expect(200).json;
    assert_eq!((&signed["state"], &signed["version"]), (&json!("signed"), &json!(3)));
    assert_eq!(place(api, &deal).await, (json!("open"), json!("s1")));
    let cause = (json!("process"), json!("document.changed"), contract["id"].clone());
    assert_eq!(last_cause(api, &deal).await, cause);
    go("sent").await.problem(409, "document_state_refused");

    let body = json!({ "deal_id": deal, "kind": "invoice", "number": "9" });
    let invoice = make(api, "/v1/documents", body).await["id"].as_str().unwrap().to_owned();
    let state = async || {
        api.get(&format!("/v1/documents/{invoice}")).await.expect(200).json["state"].clone()
    };
    let pay = async |amount: &str, refund: bool| {
        let body = json!({ "invoice_id": invoice, "amount": euros(amount), "refund": refund });
        make(api, "/v1/payments", body).await
    };
    let first = pay("600", false).await;
    assert_eq!((&first["deal_id"], &first["amount"]), (&json!(deal), &euros("600.00")));
    assert_eq!(state().await, "partly_paid");
    assert_eq!(place(api, &deal).await, (json!("open"), json!("s1")));
    // What was given back is not paid.
    assert_eq!(pay("100", true).await["amount"], euros("-100.00"));
    pay("499.99", false).await;
    assert_eq!(place(api, &deal).await, (json!("open"), json!("s1")));
    let last = pay("0.01", false).await;
    assert_eq!(state().await, "paid");
    assert_eq!(place(api, &deal).await.0, json!("won"));
    let cause = (json!("process"), json!("payment.received"), last["id"].clone());
    assert_eq!(last_cause(api, &deal).await, cause);
    // Money goes back after the end, too; the deal stays.
    pay("1000", true).await;
    assert_eq!(state().await, "issued");
    assert_eq!(place(api, &deal).await.0, json!("won"));
    let list = api.get(&format!("/v1/payments?deal_id={deal}&sort=received_at")).await.expect(200);
    let list: Vec<_> = list.json["items"].as_array().unwrap().clone();
    let amounts: Vec<_> =
        list.iter().map(|one| one["amount"]["amount"].as_str().unwrap()).collect();
    assert_eq!(amounts, ["600.00", "-100.00", "499.99", "0.01", "-1000.00"]);
}

#[tokio::test]
async fn payments_in_another_currency_count_by_the_rate_of_their_day() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal = led(api, json!([{ "kind": "payment", "share": 0.5 }])).await;
    let pay = async |amount: &str| {
        let money = json!({ "amount": amount, "currency": "USD" });
        let body =
            json!({ "deal_id": deal, "amount": money, "received_at": "2026-03-02T12:00:00Z" });
        api.post("/v1/payments", body).await
    };
    let unknown = pay("1").await.problem(422, "validation_failed");
    let missing = [("/amount/currency".to_owned(), "exchange_rate_missing".to_owned())];
    assert_eq!(unknown.faults(), missing);
    for (day, rate) in [("2026-03-01", "0.8"), ("2026-03-03", "0.1")] {
        make(api, "/v1/exchange-rates", json!({ "currency": "USD", "day": day, "rate": rate }))
            .await;
    }
    // 0.8 x 624 = 499.20, of 500 that are wanted.
    assert_eq!(pay("624").await.expect(201).json["base_amount"], euros("499.20"));
    assert_eq!(place(api, &deal).await.0, json!("open"));
    pay("1").await.expect(201);
    assert_eq!(place(api, &deal).await.0, json!("won"));
}

#[tokio::test]
async fn documents_and_payments_are_seen_with_their_deals() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (mine, other) = (api.colleague("seller", None).await, api.colleague("seller", None).await);
    let deal_type = api.deal_type(&["first"]).await;
    let deal = mine.deal(&deal_type, "10").await;
    let body = json!({ "deal_id": deal, "kind": "invoice", "number": "1" });
    let invoice =
        make(&mine, "/v1/documents", body.clone()).await["id"].as_str().unwrap().to_owned();
    let paid = json!({ "invoice_id": invoice, "amount": euros("1") });
    let payment =
        make(&mine, "/v1/payments", paid.clone()).await["id"].as_str().unwrap().to_owned();
    for path in [format!("/v1/documents/{invoice}"), format!("/v1/payments/{payment}")] {
        other.get(&path).await.problem(404, "not_found");
        mine.get(&path).await.expect(200);
        let list = path.rsplit_once('/').unwrap().0;
        assert_eq!(other.get(list).await.expect(200).json["items"], json!([]));
        assert_eq!(mine.get(list).await.expect(200).json["items"].as_array().unwrap().len(), 1);
    }
    let path = format!("/v1/documents/{invoice}");
    other.patch(&path, json!({ "number": "2" })).await.problem(404, "not_found");
    let issued = json!({ "to": "issued" });
    other.post(&format!("{path}/transition"), issued).await.problem(404, "not_found");
    let at =
        |reply: voronka_integration_tests::Reply| reply.problem(422, "validation_failed").faults();
    let fault = |pointer: &str| [(pointer.to_owned(), "unknown_reference".to_owned())];
    assert_eq!(at(other.post("/v1/documents", body).await), fault("/deal_id"));
    assert_eq!(at(other.post("/v1/payments", paid.clone()).await), fault("/invoice_id"));
    // An invoice of another deal, though one's own.
    let mut wrong = paid.clone();
    wrong["deal_id"] = json!(mine.deal(&deal_type, "10").await);
    assert_eq!(at(mine.post("/v1/payments", wrong).await), fault("/invoice_id"));

    // A change counts once, and only over the version that was seen.
    let send = async |tag: &str, number: &str| {
        let body = Some(json!({ "number": number }).to_string().into_bytes());
        mine.send(Method::PATCH, &path, &[("if-match", tag)], body).await
    };
    send("\"1\"", "2").await.problem(412, "version_mismatch");
    assert_eq!(send("\"2\"", "2").await.expect(200).json["version"], 3);
    assert_eq!(send("\"3\"", "2").await.expect(200).json["version"], 3);
    let cancelled = json!({ "to": "cancelled" });
    mine.post(&format!("{path}/transition"), cancelled).await.expect(200);
    mine.post("/v1/payments", paid).await.problem(409, "document_state_refused");
}

#[tokio::test]
async fn a_meeting_that_reached_its_goal_leads_a_deal_on() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let gate = json!({ "kind": "activity", "activity": "meeting", "outcome": "reached" });
    let deal = led(api, json!([gate, gate])).await;
    let meet = |more: Value| {
        let mut body = json!({ "kind": "meeting", "title": "Meet", "deal_id": deal });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let planned = meet(json!({ "planned_at": "2030-01-01T10:00:00Z", "goal": "A budget" }));
    let planned = make(api, "/v1/activities", planned).await;
    assert_eq!((&planned["happened_at"], &planned["outcome"]), (&Value::Null, &Value::Null));
    assert_eq!(planned["user_id"], json!(api.user_id.to_string()));
    // Neither a meeting without its goal nor a call that reached it.
    let missed = make(api, "/v1/activities", meet(json!({ "outcome": "not_reached" }))).await;
    assert!(missed["happened_at"].is_string());
    let mut call = meet(json!({ "outcome": "reached" }));
    call["kind"] = json!("call");
    make(api, "/v1/activities", call).await;
    assert_eq!(place(api, &deal).await, (json!("open"), json!("s0")));
    let path = format!("/v1/activities/{}", planned["id"].as_str().unwrap());
    let reached = json!({ "outcome": "reached", "result": "They have one" });
    let met = api.patch(&path, reached.clone()).await.expect(200).json;
    assert!(met["happened_at"].is_string());
    // It counts for the stay in which it became known, and not for the next one.
    assert_eq!(place(api, &deal).await, (json!("open"), json!("s1")));
    let cause = (json!("process"), json!("activity.recorded"), planned["id"].clone());
    assert_eq!(last_cause(api, &deal).await, cause);
    // To say the same again is no news.
    api.patch(&path, reached).await.expect(200);
    assert_eq!(place(api, &deal).await, (json!("open"), json!("s1")));
    let last = make(api, "/v1/activities", meet(json!({ "outcome": "reached" }))).await;
    assert_eq!(place(api, &deal).await.0, json!("won"));
    assert_eq!(last_cause(api, &deal).await.2, last["id"]);
    let list = format!("/v1/activities?deal_id={deal}&kind=meeting&outcome=reached");
    let list = api.get(&list).await.expect(200).json["items"].as_array().unwrap().len();
    assert_eq!(list, 2);
}

#[tokio::test]
async fn activities_are_seen_by_those_who_have_them_or_the_deal() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (mine, other) = (api.colleague("seller", None).await, api.colleague("seller", None).await);
    let deal_type = api.deal_type(&["first"]).await;
    let deal = mine.deal(&deal_type, "10").await;
    let body = json!({ "kind": "call", "title": "Call", "deal_id": deal });
    let of_deal = make(api, "/v1/activities", body.clone()).await;
    let mut theirs = body.clone();
    theirs["user_id"] = json!(other.user_id);
    let theirs = make(api, "/v1/activities", theirs).await;
    let sees = async |who: &Api, activity: &Value| {
        who.get(&format!("/v1/activities/{}", activity["id"].as_str().unwrap())).await.status
    };
    assert_eq!((sees(&mine, &of_deal).await, sees(&mine, &theirs).await), (200, 200));
    assert_eq!((sees(&other, &of_deal).await, sees(&other, &theirs).await), (404, 200));
    let list = other.get("/v1/activities").await.expect(200).json["items"].clone();
    assert_eq!(list.as_array().unwrap().len(), 1);
    let refused = other.post("/v1/activities", body).await.problem(422, "validation_failed");
    assert_eq!(refused.faults(), [("/deal_id".to_owned(), "unknown_reference".to_owned())]);
}
