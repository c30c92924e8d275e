//! One gate for every way in: what it does not let through goes by no other way, but for an override that
//! shows.

use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

/// A field that every way has to fill first.
fn stages() -> Value {
    json!([
        { "key": "one", "name": "One", "gate": [{ "kind": "field", "field": "expected_close_on" }] },
        { "key": "two", "name": "Two", "gate": [{ "kind": "field", "field": "client_id" }] },
        { "key": "three", "name": "Three", "gate": [{ "kind": "field", "field": "client_id" }] },
    ])
}

/// Tries all ways to take a deal on; answers how each was refused.
async fn try_all(server: &TestServer, deal_type: &str, deal: &str) -> Vec<(&'static str, String)> {
    let admin = &server.admin;
    let north = admin.post("/v1/departments", json!({ "name": "North" })).await.expect(201).id();
    let head = admin.colleague("head", Some(&north)).await;
    let seller = admin.colleague("seller", Some(&north)).await;
    let own = json!({ "owner_id": seller.user_id });
    admin.patch(&format!("/v1/deals/{deal}"), own).await.expect(200);
    let key = json!({ "name": "PBX", "scopes": ["deals:read", "deals:write"] });
    let key = admin.post("/v1/api-keys", key).await.expect(201).json["key"].clone();
    let key = admin.with_token(key.as_str().unwrap());
    let mut refused = Vec::new();
    for (way, api) in [("seller", &seller), ("head", &head), ("admin", admin), ("API key", &key)] {
        for body in [
            json!({ "to": "next" }),
            json!({ "to": "stage", "stage_key": "two" }),
            json!({ "to": "stage", "stage_key": "three" }),
            json!({ "to": "won" }),
        ] {
            let reply = api.transition(deal, body).await;
            assert_eq!(reply.status / 100, 4, "{way}: {}", reply.text);
            refused.push((way, reply.code().to_owned()));
        }
    }
    let item = json!({ "op": "transition", "id": deal, "to": "stage", "stage_key": "two" });
    let batch = key.post("/v1/deals/batch", json!({ "items": [item] })).await.expect(207).json;
    let problem = |item: &Value| item["problem"]["code"].as_str().unwrap_or_default().to_owned();
    refused.push(("batch", problem(&batch["items"][0])));
    let new = json!({ "title": "New", "deal_type_id": deal_type, "stage_key": "two", "owner_id": seller.user_id });
    let path = "/v1/deals/by-external-id/shop/1";
    let upsert = key.send(Method::PUT, path, &[], Some(new.to_string().into_bytes())).await;
    refused.push(("upsert", upsert.code().to_owned()));
    let new = json!({ "title": "New", "deal_type_id": deal_type, "stage_key": "two" });
    refused.push(("opening", admin.post("/v1/deals", new).await.code().to_owned()));
    let column = |name: &str| json!({ "column": name });
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "external_source": "crm",
        "mapping": { "external_id": column("id"), "stage": column("stage"), "owner": column("owner") } });
    let file = format!("id,stage,owner\n1,two,{0}\n2,won,{0}\n", seller.email);
    let import = admin.import(file, spec).await.expect(202).id();
    let done = server.finished(admin, &import).await;
    assert_eq!((&done["created"], &done["rejected"]), (&json!(0), &json!(2)), "{done}");
    let rejected = admin.get(&format!("/v1/imports/{import}/rejected.csv")).await.expect(200).text;
    refused.push(("import", rejected));
    // A version whose first stage is called something else, and the deal meant to be in its second.
    let path = format!("/v1/deal-types/{deal_type}");
    let mut next = stages();
    next[0]["key"] = json!("zero");
    let body = json!({ "stages": next });
    admin.post(&format!("{path}/versions"), body).await.expect(201);
    let body = json!({ "mapping": { "one": "two" } });
    let migrated = admin.post(&format!("{path}/migrate"), body).await.expect(200).json;
    assert_eq!((&migrated["migrated"], &migrated["refused"]), (&json!(0), &json!(1)), "{migrated}");
    let code = migrated["refusals"][0]["obstacles"][0]["code"].as_str().unwrap();
    refused.push(("migration", code.to_owned()));
    refused
}

async fn place(api: &Api, deal: &str) -> (Value, Value) {
    let deal = api.get(&format!("/v1/deals/{deal}")).await.expect(200).json;
    (deal["status"].clone(), deal["stage_key"].clone())
}

/// A rule wants to take the deal on whenever anything of it changes.
fn rules() -> Value {
    json!([{ "key": "push", "on": "deal.updated", "then": [{ "do": "move", "stage_key": "two" }] }])
}

async fn refuses_everybody(mode: &str) {
    let server = TestServer::start().await;
    let api = &server.admin;
    let body = json!({ "name": "Guarded", "mode": mode, "stages": stages(), "rules": rules() });
    let deal_type = api.post("/v1/deal-types", body).await.expect(201).id();
    let deal = api.deal(&deal_type, "1").await;
    let open = (json!("open"), json!("one"));
    let refused = try_all(&server, &deal_type, &deal).await;
    assert_eq!(place(api, &deal).await, open);
    for (way, code) in &refused {
        let by_hand =
            if mode == "automatic" { "transition_is_automatic" } else { "stage_gate_unmet" };
        match *way {
            "import" => assert!(
                code.contains("expected_close_on")
                    || code.contains(by_hand)
                    || code.contains("by itself"),
                "{code}"
            ),
            "migration" => assert_eq!(code, "field_required"),
            _ => assert_eq!(code, by_hand, "{way}"),
        }
    }
    // The rule tried, too: when the deal got its owner.
    let path = format!("/v1/deals/{deal}/history");
    let history = api.get(&path).await.expect(200).json;
    let of = |kind: &str| {
        let events = history["items"].as_array().unwrap().iter();
        events.filter(|event| event["type"] == kind).cloned().collect::<Vec<_>>()
    };
    assert!(!of("deal.rule_refused").is_empty(), "{history}");
    assert!(of("deal.stage_changed").is_empty(), "{history}");

    // Past it leads one way alone, for heads, and it shows.
    let seller = api.colleague("seller", None).await;
    api.patch(&format!("/v1/deals/{deal}"), json!({ "owner_id": seller.user_id }))
        .await
        .expect(200);
    let over =
        json!({ "to": "stage", "stage_key": "two", "override_reason": "The fair is tomorrow" });
    let reply = seller.transition(&deal, over.clone()).await;
    assert_eq!(reply.status / 100, 4, "{}", reply.text);
    assert_eq!(place(api, &deal).await, open);
    let moved = api.transition(&deal, over).await.expect(200).json;
    assert_eq!((&moved["stage_key"], &moved["overrides"]), (&json!("two"), &json!(1)));
    let feed = api.get("/v1/events?type=deal.stage_changed").await.expect(200).json;
    let change = &feed["items"].as_array().unwrap().last().unwrap()["change"]["override"];
    assert_eq!(change["reason"], "The fair is tomorrow");
    assert_eq!(change["unmet"], json!(["/expected_close_on"]));
}

#[tokio::test]
async fn a_gate_of_people_refuses_everybody() {
    refuses_everybody("manual").await;
}

#[tokio::test]
async fn a_gate_of_a_process_refuses_everybody() {
    refuses_everybody("automatic").await;
}
