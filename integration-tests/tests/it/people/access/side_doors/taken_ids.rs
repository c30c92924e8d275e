//! External ids are of the whole workspace: whoever takes one learns that it is taken, and nothing else.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use voronka_integration_tests::Reply;

use super::{Company, company};

/// All of an answer but what is every request's own.
fn told(reply: &Reply) -> (u16, BTreeMap<String, String>, Value) {
    let own = ["x-request-id", "date", "ratelimit"];
    let headers = reply.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut json = reply.json.clone();
    assert_ne!(json.as_object_mut().unwrap().remove("request_id"), None);
    (reply.status, headers, json)
}

#[tokio::test]
async fn an_external_id_that_is_taken_tells_nothing_more() {
    let company = company().await;
    let Company { anna, ben, .. } = &company;
    let external = json!({ "source": "erp", "id": "7" });
    let of = |deal: &str| {
        let amount = json!({ "amount": "1", "currency": "EUR" });
        [
            ("/v1/documents", json!({ "deal_id": deal, "kind": "quote", "number": "1" })),
            ("/v1/payments", json!({ "deal_id": deal, "amount": amount })),
            ("/v1/activities", json!({ "deal_id": deal, "kind": "call", "title": "Call" })),
        ]
    };
    let with_id = |mut body: Value| {
        body["external_id"] = external.clone();
        body
    };
    let deal = with_id(json!({ "title": "Deal", "deal_type_id": company.deal_type }));
    let hers = anna.post("/v1/deals", deal.clone()).await.expect(201).id();
    let mut ids = vec![hers.clone()];
    for (path, body) in of(&hers) {
        ids.push(anna.post(path, with_id(body)).await.expect(201).id());
    }
    let his = ben.deal(&company.deal_type, "1").await;
    let mut replies = vec![ben.post("/v1/deals", deal.clone()).await];
    for (path, body) in of(&his) {
        replies.push(ben.post(path, with_id(body)).await);
    }
    let change = json!({ "external_id": external });
    replies.push(ben.patch(&format!("/v1/deals/{his}"), change).await);
    let path = "/v1/deals/by-external-id/erp/7";
    let body = json!({ "title": "Mine", "deal_type_id": company.deal_type }).to_string();
    replies.push(ben.send(reqwest::Method::PUT, path, &[], Some(body.into_bytes())).await);
    for reply in replies {
        let reply = reply.problem(409, "external_id_taken");
        assert!(!ids.iter().any(|id| reply.text.contains(id)), "{}", reply.text);
        assert!(!reply.text.contains(&anna.user_id.to_string()), "{}", reply.text);
    }
    let mine = anna.get(&format!("/v1/deals/{hers}")).await.expect(200).json;
    assert_eq!((&mine["title"], &mine["version"]), (&json!("Deal"), &json!(1)));
}

/// Whose it is makes no difference to the answer, to the letter.
#[tokio::test]
async fn a_taken_external_id_is_told_to_strangers_as_to_its_owner() {
    let company = company().await;
    let Company { anna, ben, .. } = &company;
    let external = json!({ "source": "erp", "id": "7" });
    let of = |deal: &str| {
        let amount = json!({ "amount": "1", "currency": "EUR" });
        [
            ("/v1/deals", json!({ "title": "Deal", "deal_type_id": company.deal_type })),
            ("/v1/documents", json!({ "deal_id": deal, "kind": "quote", "number": "1" })),
            ("/v1/payments", json!({ "deal_id": deal, "amount": amount })),
            ("/v1/activities", json!({ "deal_id": deal, "kind": "call", "title": "Call" })),
        ]
        .map(|(path, mut body)| {
            body["external_id"] = external.clone();
            (path, body)
        })
    };
    let [hers, his] =
        [anna.deal(&company.deal_type, "1").await, ben.deal(&company.deal_type, "1").await];
    for (path, body) in of(&hers) {
        anna.post(path, body).await.expect(201);
    }
    for ((path, again), (_, stolen)) in of(&hers).into_iter().zip(of(&his)) {
        let again = anna.post(path, again).await.problem(409, "external_id_taken");
        let stolen = ben.post(path, stolen).await.problem(409, "external_id_taken");
        assert_eq!(told(&stolen), told(&again), "{path}");
    }
    let change = json!({ "external_id": external });
    let again = anna.patch(&format!("/v1/deals/{hers}"), change.clone()).await;
    let again = again.problem(409, "external_id_taken");
    let stolen = ben.patch(&format!("/v1/deals/{his}"), change.clone()).await;
    assert_eq!(told(&stolen), told(&again));
    // Anna changes her deal so; Ben is told what he is told of any other deal that is not his to have.
    let body = json!({ "title": "Deal", "deal_type_id": company.deal_type });
    let path = "/v1/deals/by-external-id/erp/7";
    let stolen = ben.put(path, body.clone()).await;
    assert_eq!(told(&stolen), told(&again));
    anna.put(path, body.clone()).await.expect(200);
    // In a batch it is the problem of its item.
    for (op, more) in [("create", body.clone()), ("upsert", body), ("update", json!({ "id": his }))]
    {
        let mut item = json!({ "op": op, "external_id": external });
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let batch = ben.post("/v1/deals/batch", json!({ "items": [item] })).await.expect(207);
        let problem = &batch.json["items"][0]["problem"];
        assert_eq!(batch.json["items"][0]["status"], 409, "{op}: {}", batch.text);
        for field in ["code", "detail", "errors"] {
            assert_eq!(problem[field], again.json[field], "{op}: {}", batch.text);
        }
        assert!(!batch.text.contains(&hers), "{op}: {}", batch.text);
    }
}
