//! Primary demand: written down, required, waited for by gates, and counted.

use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer};

fn line(item: &str, quantity: &str, amount: &str) -> Value {
    json!({ "item": item, "quantity": quantity, "amount": { "amount": amount, "currency": "EUR" } })
}

async fn put(api: &Api, deal: &str, lines: Value) -> Reply {
    let body = json!({ "lines": lines }).to_string().into_bytes();
    api.send(Method::PUT, &format!("/v1/deals/{deal}/demand"), &[], Some(body)).await
}

async fn deal_type(api: &Api, fields: Value) -> String {
    let mut body = json!({ "name": "Sale", "mode": "manual", "stages": [{ "name": "First" }, { "name": "Second" }] });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    api.post("/v1/deal-types", body).await.expect(201).id()
}

#[tokio::test]
async fn a_demand_is_written_as_a_whole_and_kept_in_both_currencies() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let rate = json!({ "currency": "USD", "day": "2020-01-01", "rate": "0.5" });
    api.post("/v1/exchange-rates", rate).await.expect(201);
    let product = api.post("/v1/products", json!({ "name": "Rack" })).await.expect(201).id();
    let deal = api.deal(&api.deal_type(&["first"]).await, "1").await;
    let path = format!("/v1/deals/{deal}/demand");
    let none = api.get(&path).await.expect(200).json;
    assert_eq!((&none["version"], &none["lines"]), (&json!(0), &json!([])));

    let lines = json!([
        { "item": " Server ", "quantity": "2.5", "amount": { "amount": "10", "currency": "USD" }, "met_quantity": "1", "unmet_reason": "None left" },
        { "item": "Rack", "product_id": product, "amount": { "amount": "7.25", "currency": "EUR" } },
    ]);
    let first = put(api, &deal, lines.clone()).await.expect(200).json;
    assert_eq!(
        first["lines"],
        json!([
            { "item": "Server", "product_id": null, "quantity": "2.5", "amount": { "amount": "10.00", "currency": "USD" },
              "base_amount": { "amount": "5.00", "currency": "EUR" }, "met_quantity": "1", "unmet_reason": "None left" },
            { "item": "Rack", "product_id": product, "quantity": "1", "amount": { "amount": "7.25", "currency": "EUR" },
              "base_amount": { "amount": "7.25", "currency": "EUR" }, "met_quantity": "0", "unmet_reason": null },
        ])
    );
    assert_eq!(first["version"], 1);
    // No change is no event; another has the same id, and the first one's rate.
    assert_eq!(put(api, &deal, lines).await.expect(200).json, first);
    let rate = json!({ "currency": "USD", "day": "2020-01-02", "rate": "3" });
    api.post("/v1/exchange-rates", rate).await.expect(201);
    let events = async || {
        let feed = api.get("/v1/events?type=demand.changed").await.expect(200).json;
        feed["items"].as_array().unwrap().len()
    };
    assert_eq!(events().await, 1);
    put(api, &deal, json!([])).await.expect(200);
    assert_eq!(api.get(&path).await.expect(200).json["version"], 2);
    assert_eq!(events().await, 2);
    // Whoever has not seen it does not write over it.
    let body = json!({ "lines": [] }).to_string().into_bytes();
    let stale = api.send(Method::PUT, &path, &[("If-Match", "\"1\"")], Some(body)).await;
    stale.problem(412, "version_mismatch");
    // Others' deals have no demand.
    let seller = api.colleague("seller", None).await;
    seller.get(&path).await.problem(404, "not_found");
    put(&seller, &deal, json!([line("Server", "1", "1")])).await.problem(404, "not_found");
}

#[tokio::test]
async fn where_it_is_required_nothing_is_opened_without_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let strict = deal_type(api, json!({ "require_primary_demand": true })).await;
    let free = deal_type(api, json!({ "name": "Free" })).await;
    let missing = [("/demand".to_owned(), "primary_demand_required".to_owned())];
    let new = |deal_type: &str| json!({ "title": "New", "deal_type_id": deal_type });
    let with = |deal_type: &str| json!({ "title": "New", "deal_type_id": deal_type, "demand": [line("Server", "1", "100")] });
    let open = async |body: Value| api.post("/v1/deals", body).await;
    assert_eq!(open(new(&strict)).await.problem(422, "validation_failed").faults(), missing);
    let deal = open(with(&strict)).await.expect(201).id();
    let kept = api.get(&format!("/v1/deals/{deal}/demand")).await.expect(200).json;
    assert_eq!(kept["lines"][0]["item"], "Server");
    // Nor does it go again.
    put(api, &deal, json!([])).await.problem(422, "validation_failed");
    open(new(&free)).await.expect(201);

    // Every way in has the same gate.
    let upsert = async |id: &str, body: Value| {
        let path = format!("/v1/deals/by-external-id/shop/{id}");
        api.send(Method::PUT, &path, &[], Some(body.to_string().into_bytes())).await
    };
    assert_eq!(upsert("1", new(&strict)).await.problem(422, "validation_failed").faults(), missing);
    let made = upsert("1", with(&strict)).await.expect(201).id();
    let again = json!({ "title": "Newer", "demand": [line("Rack", "2", "7")] });
    upsert("1", again).await.expect(200);
    let kept = api.get(&format!("/v1/deals/{made}/demand")).await.expect(200).json;
    assert_eq!((&kept["lines"][0]["item"], &kept["version"]), (&json!("Rack"), &json!(2)));
    let mut item = new(&strict);
    item["op"] = json!("create");
    let batch = api.post("/v1/deals/batch", json!({ "items": [item] })).await.expect(207).json;
    assert_eq!(batch["items"][0]["status"], 422);
    let spec = json!({ "kind": "deals", "deal_type_id": strict, "mapping": { "external_id": { "column": "id" } } });
    let import = api.import("id\n1\n", spec).await.expect(202).id();
    let done = server.finished(api, &import).await;
    assert_eq!((&done["created"], &done["rejected"]), (&json!(0), &json!(1)));

    // The workspace can say so for all types.
    api.patch("/v1/workspace", json!({ "require_primary_demand": true })).await.expect(200);
    assert_eq!(open(new(&free)).await.problem(422, "validation_failed").faults(), missing);
    open(with(&free)).await.expect(201);
}

#[tokio::test]
async fn a_gate_waits_for_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let stages = json!([{ "name": "First", "gate": [{ "kind": "primary_demand" }] },
        { "name": "Second", "gate": [{ "kind": "field", "field": "source" }] }]);
    let led = deal_type(api, json!({ "mode": "automatic", "stages": stages })).await;
    let place = async |deal: &str| {
        api.get(&format!("/v1/deals/{deal}")).await.expect(200).json["stage_key"].clone()
    };
    let deal = api.deal(&led, "1").await;
    assert_eq!(place(&deal).await, "first");
    put(api, &deal, json!([line("Server", "1", "100")])).await.expect(200);
    assert_eq!(place(&deal).await, "second");
    let history = api.get(&format!("/v1/deals/{deal}/history")).await.expect(200).json;
    let actor = &history["items"].as_array().unwrap().last().unwrap()["actor"];
    assert_eq!((&actor["kind"], &actor["on"]), (&json!("process"), &json!("demand.changed")));
    // Opened with it, it does not wait.
    let body =
        json!({ "title": "New", "deal_type_id": led, "demand": [line("Server", "1", "100")] });
    let opened = api.post("/v1/deals", body).await.expect(201).json;
    assert_eq!(opened["stage_key"], "second");
}

#[tokio::test]
async fn what_was_not_met_is_counted_by_reason_owner_and_item() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let seller = api.colleague("seller", None).await;
    let product = api.post("/v1/products", json!({ "name": "Rack" })).await.expect(201).id();
    let deal_type = api.deal_type(&["first"]).await;
    let wanted = |item: &str, quantity: &str, amount: &str, met: &str, reason: Option<&str>| {
        let mut line = line(item, quantity, amount);
        line["met_quantity"] = json!(met);
        line["unmet_reason"] = json!(reason);
        line
    };
    let mut rack = wanted("19-inch rack", "1", "300", "0", Some("TOO DEAR"));
    rack["product_id"] = json!(product);
    for (owner, lines) in [
        (&api.user_id, json!([wanted("Server", "4", "400", "3", Some("Too dear")), rack])),
        (&api.user_id, json!([wanted("server", "1", "100", "1", None)])),
        (
            &seller.user_id,
            json!([
                wanted("Server", "4", "1000", "3", None),
                wanted("Server", "1", "50", "0", Some("None left"))
            ]),
        ),
    ] {
        let body =
            json!({ "title": "D", "deal_type_id": deal_type, "owner_id": owner, "demand": lines });
        let deal = api.post("/v1/deals", body).await.expect(201).id();
        if *owner == seller.user_id {
            api.transition(&deal, json!({ "to": "won" })).await.expect(200);
        }
    }
    // What may be met yet is not unmet.
    let open = json!({ "title": "D", "deal_type_id": deal_type, "opened_at": "2020-01-01T10:00:00Z",
        "demand": [wanted("Server", "4", "1000", "0", None)] });
    api.post("/v1/deals", open).await.expect(201);
    let path = "/v1/reports/primary-demand?from=2020-01-01&to=2020-01-01&group_by=reason";
    let early = api.get(path).await.expect(200).json;
    assert_eq!((&early["totals"]["deals"], &early["totals"]["unmet"]), (&json!(1), &json!(0)));
    assert_eq!(early["groups"], json!([]));
    // A deal without one is in no number.
    api.deal(&deal_type, "5").await;
    let report = async |by: &str| {
        let path = format!("/v1/reports/primary-demand?group_by={by}");
        let report = api.get(&path).await.expect(200).json;
        let groups = report["groups"].as_array().unwrap().iter();
        let figures = |of: &Value| {
            json!([of["name"], of["deals"], of["amount"], of["unmet"], of["unmet_amount"]])
        };
        (figures(&report["totals"]), groups.map(figures).collect::<Value>())
    };
    // By hand: of 4 servers for 400 one is missing (100), of 4 for 1,000 one (250).
    let totals = json!([null, 3, "1850.00", 2, "700.00"]);
    let owners =
        json!([["Ada Admin", 2, "800.00", 1, "400.00"], ["seller", 1, "1050.00", 1, "300.00"]]);
    let (all, groups) = report("owner").await;
    assert_eq!(all, totals);
    let figures = |groups: &Value| -> Vec<Value> {
        let of = |group: &Value| group.as_array().unwrap()[1..].iter().cloned().collect();
        groups.as_array().unwrap().iter().map(of).collect()
    };
    assert_eq!(figures(&groups), figures(&owners));
    let items = json!([["Server", 3, "1550.00", 2, "400.00"], ["Rack", 1, "300.00", 1, "300.00"]]);
    assert_eq!(report("item").await, (totals.clone(), items));
    let reasons = json!([
        ["TOO DEAR", 1, "700.00", 1, "400.00"],
        ["(none)", 1, "1000.00", 1, "250.00"],
        ["None left", 1, "50.00", 1, "50.00"],
    ]);
    let (all, groups) = report("reason").await;
    assert_eq!((all, figures(&groups)), (totals, figures(&reasons)));
    // Each number is that of its list; sellers see their own.
    for by in ["reason", "owner", "item", "month", "source"] {
        let path = format!("/v1/reports/primary-demand?group_by={by}");
        crate::analytics::drill_down::check_all(api, &path).await;
    }
    let own = seller.get("/v1/reports/primary-demand").await.expect(200).json;
    assert_eq!((&own["totals"]["deals"], &own["totals"]["amount"]), (&json!(1), &json!("1050.00")));
    let csv = api.get("/v1/reports/primary-demand?group_by=item&format=csv").await.expect(200).text;
    assert_eq!(csv.lines().count(), 3);
}
