//! Malformed custom fields, exchange rates, segments, searches, and batches of deals.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Bad, table::NOBODY, world::World};

pub fn all(world: &World) -> Vec<Bad> {
    let mut rows = fields(world);
    rows.extend(rates(world));
    rows.extend(searches(world));
    rows.extend(values(world));
    rows.extend(batches(world));
    rows
}

fn fields(world: &World) -> Vec<Bad> {
    let new = |change: Value, pointer| {
        let mut body =
            json!({ "entity": "deal", "key": "budget", "name": "Budget", "type": "number" });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        Bad::post("/v1/custom-fields", body, pointer)
    };
    let patch = |body: Value, pointer| {
        let path = format!("/v1/custom-fields/{}", world.custom_field);
        Bad::send(Method::PATCH, path, body, pointer)
    };
    let choice = json!({ "key": "a", "name": "A" });
    vec![
        Bad::post("/v1/custom-fields", json!({}), "/entity"),
        new(json!({ "entity": "contact" }), "/entity"),
        new(json!({ "key": "1st" }), "/key"),
        new(json!({ "key": "Größe" }), "/key"),
        new(json!({ "key": "" }), "/key"),
        new(json!({ "name": " " }), "/name"),
        new(json!({ "type": "float" }), "/type"),
        new(json!({ "type": "choice" }), "/choices"),
        new(json!({ "choices": [choice] }), "/choices"),
        new(json!({ "type": "choice", "choices": [choice, choice] }), "/choices/1/key"),
        new(
            json!({ "type": "choice", "choices": [{ "key": "A", "name": "A" }] }),
            "/choices/0/key",
        ),
        new(json!({ "key": "delivery" }), "/key").gives(409, "key_taken"),
        patch(json!({ "key": "other" }), "/key"),
        patch(json!({ "type": "text" }), "/type"),
        patch(json!({ "name": null }), "/name"),
        patch(json!({ "choices": [choice] }), "/choices"),
    ]
}

fn rates(world: &World) -> Vec<Bad> {
    let new = |currency: &str, day: &str, rate: &str, pointer| {
        let body = json!({ "currency": currency, "day": day, "rate": rate });
        Bad::post("/v1/exchange-rates", body, pointer)
    };
    let put = |rates: Value, pointer| {
        Bad::send(Method::PUT, "/v1/exchange-rates", json!({ "rates": rates }), pointer)
    };
    let rate = json!({ "currency": "USD", "day": "2026-01-01", "rate": "0.9" });
    let path = format!("/v1/exchange-rates/{}", world.exchange_rate);
    vec![
        new("EURO", "2026-01-01", "1", "/currency"),
        new("EUR", "2026-01-01", "1", "/currency"),
        new("USD", "2026-02-30", "1", "/day"),
        new("USD", "1969-12-31", "1", "/day"),
        new("USD", "2026-01-01", "0", "/rate"),
        new("USD", "2026-01-01", "-1", "/rate"),
        new("USD", "2026-01-01", "1e3", "/rate"),
        new("USD", "2026-01-01", "0.0000000000001", "/rate"),
        new("GBP", "2020-01-01", "1", "/day").gives(409, "exchange_rate_taken"),
        put(json!({}), "/rates"),
        put(json!([{}]), "/rates/0/currency"),
        put(json!([rate, rate]), "/rates/1"),
        put(
            json!(vec![json!({ "currency": "X", "day": "2026-01-01", "rate": "x" })]),
            "/rates/0/currency",
        ),
        Bad::send(Method::PATCH, path.as_str(), json!({ "rate": "0" }), "/rate"),
        Bad::send(Method::PATCH, path.as_str(), json!({ "day": "2026-01-01" }), "/day"),
    ]
}

fn searches(world: &World) -> Vec<Bad> {
    let search = |condition: Value, pointer: &'static str| {
        Bad::post("/v1/deals/search", json!({ "condition": condition }), pointer)
    };
    let test =
        |field: &str, op: &str, value: Value| json!({ "field": field, "op": op, "value": value });
    let deep =
        (0..12).fold(test("deal.title", "eq", json!("a")), |inner, _| json!({ "not": inner }));
    let many = vec![test("deal.title", "eq", json!("a")); 101];
    let segment = |body: Value, pointer| Bad::post("/v1/segments", body, pointer);
    let path = format!("/v1/segments/{}", world.segment);
    vec![
        search(json!([]), "/condition"),
        search(json!({}), "/condition"),
        search(json!({ "all": [] }), "/condition/all"),
        search(json!({ "all": [7] }), "/condition/all/0"),
        search(json!({ "all": [{ "any": {} }] }), "/condition/all/0/any"),
        search(json!({ "not": { "field": "deal.title" } }), "/condition/not"),
        search(test("deal.colour", "eq", json!("a")), "/condition/field"),
        search(test("deal.custom.none", "eq", json!("a")), "/condition/field"),
        search(test("title", "eq", json!("a")), "/condition/field"),
        search(test("deal.title", "gt", json!("a")), "/condition/op"),
        search(test("deal.title", "eq", json!(1)), "/condition/value"),
        search(test("deal.title", "eq", Value::Null), "/condition/value"),
        search(test("deal.title", "empty", json!("a")), "/condition/value"),
        search(test("deal.title", "in", json!([])), "/condition/value"),
        search(test("deal.status", "in", json!(["open", "shut"])), "/condition/value/1"),
        search(test("deal.owner_id", "eq", json!("me")), "/condition/value"),
        search(test("deal.amount", "gte", json!("1e3")), "/condition/value"),
        search(test("deal.amount", "between", json!(["1"])), "/condition/value"),
        search(test("deal.opened_at", "lt", json!("yesterday")), "/condition/value"),
        search(test("deal.opened_at", "lt", json!({ "days": "x" })), "/condition/value"),
        search(test("deal.on_hold", "eq", json!("true")), "/condition/value"),
        search(test("client.tags", "has_all", json!("a")), "/condition/value"),
        search(test("deal.custom.delivery", "eq", json!("soon")), "/condition/value"),
        search(json!({ "all": many }), "/condition/all/100"),
        Bad::post("/v1/deals/search", json!({ "condition": deep }), "/condition/not/not/not/not/not/not/not/not/not/not/not"),
        Bad::post("/v1/deals/search", json!({ "sort": "colour" }), "/sort"),
        Bad::post("/v1/deals/search", json!({ "sort": "custom.none" }), "/sort"),
        Bad::post("/v1/deals/search", json!({ "limit": 201 }), "/limit"),
        Bad::post("/v1/deals/search", json!({ "cursor": "x" }), "/cursor"),
        Bad::post("/v1/deals/search", json!({ "segment_id": NOBODY }), "/segment_id"),
        Bad::post("/v1/deals/search", json!({ "colour": "red" }), "/colour"),
        Bad::post("/v1/clients/search", json!({ "segment_id": world.segment }), "/segment_id"),
        Bad::post("/v1/clients/search", json!({ "condition": test("deal.title", "eq", json!("a")) }), "/condition/field"),
        Bad::get("/v1/deals?custom.none=1", "/custom.none"),
        Bad::get("/v1/deals?custom.delivery=soon", "/custom.delivery"),
        Bad::get("/v1/deals?custom.delivery[like]=2026-01-01", "/custom.delivery[like]"),
        Bad::get("/v1/deals?custom.delivery[between]=2026-01-01", "/custom.delivery[between]"),
        Bad::get("/v1/deals?custom.delivery[empty]=perhaps", "/custom.delivery[empty]"),
        Bad::get("/v1/deals?sort=custom.none", "/sort"),
        Bad::post("/v1/deals/search?format=doc", json!({}), "/format")
            .gives(400, "invalid_parameters"),
        segment(json!({ "name": "S", "entity": "deal" }), "/condition"),
        segment(json!({ "name": "S", "entity": "user", "condition": {} }), "/entity"),
        segment(json!({ "name": "S", "entity": "deal", "condition": {} }), "/condition"),
        segment(json!({ "name": "some", "entity": "deal", "condition": test("deal.title", "eq", json!("a")) }), "/name")
            .gives(409, "name_taken"),
        Bad::send(Method::PATCH, path.as_str(), json!({ "condition": 7 }), "/condition"),
        Bad::send(Method::PATCH, path.as_str(), json!({ "entity": "client" }), "/entity"),
    ]
}

fn values(world: &World) -> Vec<Bad> {
    let patch = |custom: Value, pointer| {
        let path = format!("/v1/deals/{}", world.deal);
        Bad::send(Method::PATCH, path, json!({ "custom": custom }), pointer)
    };
    let gate = |requirement: Value, pointer| {
        let stages = json!([{ "name": "First", "gate": [requirement] }]);
        let body = json!({ "name": "Gated by", "mode": "manual", "stages": stages });
        Bad::post("/v1/deal-types", body, pointer)
    };
    let unknown = json!({ "field": "deal.x", "op": "eq", "value": "a" });
    vec![
        patch(json!({ "none": "a" }), "/custom/none"),
        patch(json!({ "delivery": "soon" }), "/custom/delivery"),
        patch(json!({ "delivery": 7 }), "/custom/delivery"),
        patch(json!([]), "/custom"),
        gate(json!({ "kind": "field", "field": "custom.none" }), "/stages/0/gate/0/field"),
        gate(json!({ "kind": "condition" }), "/stages/0/gate/0/condition"),
        gate(
            json!({ "kind": "condition", "condition": unknown }),
            "/stages/0/gate/0/condition/field",
        ),
    ]
}

fn batches(world: &World) -> Vec<Bad> {
    let batch = |body: Value, pointer| Bad::post("/v1/deals/batch", body, pointer);
    let atomic = |item: Value, pointer| batch(json!({ "items": [item], "atomic": true }), pointer);
    let put = |path: &str, body: Value, pointer| {
        Bad::send(Method::PUT, format!("/v1/deals/by-external-id/{path}"), body, pointer)
    };
    let deal = || json!({ "title": "A", "deal_type_id": world.deal_type });
    let items: Vec<_> = (0..1_001).map(|_| json!({})).collect();
    vec![
        batch(json!({}), "/items"),
        batch(json!({ "items": [] }), "/items"),
        batch(json!({ "items": items }), "/items"),
        atomic(json!({ "op": "delete" }), "/items/0/op"),
        atomic(json!({ "op": "create", "title": "A" }), "/items/0/deal_type_id"),
        atomic(
            json!({ "op": "create", "title": "A", "deal_type_id": NOBODY }),
            "/items/0/deal_type_id",
        ),
        atomic(json!({ "op": "update", "title": "A" }), "/items/0/id"),
        atomic(
            json!({ "op": "update", "id": world.deal, "stage_key": "second" }),
            "/items/0/stage_key",
        ),
        atomic(json!({ "op": "transition", "id": world.deal, "to": "nowhere" }), "/items/0/to"),
        atomic(json!({ "op": "upsert", "title": "A" }), "/items/0/external_id"),
        put("shop/1", json!({ "title": "A" }), "/deal_type_id"),
        put("shop/1", json!({ "deal_type_id": world.deal_type }), "/title"),
        put("shop/1", json!({ "external_id": null }), "/external_id"),
        put("%20/1", deal(), "/source").gives(400, "invalid_parameters"),
    ]
}
