//! Malformed documents, payments, activities and hand-overs.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Bad, table::NOBODY, world::World};

pub fn all(world: &World) -> Vec<Bad> {
    let document = |field: &str, value: Value| {
        let mut body = json!({ "deal_id": world.deal, "kind": "quote", "number": "1" });
        body[field] = value;
        body
    };
    let payment = |field: &str, value: Value| {
        let amount = json!({ "amount": "1", "currency": "EUR" });
        let mut body = json!({ "deal_id": world.deal, "amount": amount });
        body[field] = value;
        body
    };
    let money = |amount: &str, currency: &str| json!({ "amount": amount, "currency": currency });
    let new =
        |field: &str, value: Value, at| Bad::post("/v1/documents", document(field, value), at);
    let pay = |field: &str, value: Value, at| Bad::post("/v1/payments", payment(field, value), at);
    let path = format!("/v1/documents/{}", world.document);
    let go = |to: Value| Bad::post(format!("{path}/transition"), json!({ "to": to }), "/to");
    let activity = |field: &str, value: Value| {
        let mut body = json!({ "kind": "call", "title": "Call", "deal_id": world.deal });
        body[field] = value;
        body
    };
    let call =
        |field: &str, value: Value, at| Bad::post("/v1/activities", activity(field, value), at);
    let happened = format!("/v1/activities/{}", world.activity);
    let said = |field: &str, value: Value, at| Bad::patch(&happened, json!({ field: value }), at);
    let demand = |field: &str, value: Value, at| {
        let mut line = json!({ "item": "Server", "quantity": "2", "amount": money("1", "EUR") });
        line[field] = value;
        let path = format!("/v1/deals/{}/demand", world.deal);
        Bad::send(Method::PUT, path, json!({ "lines": [line] }), at)
    };
    let draft = format!("/v1/deal-types/{}/draft", world.deal_type);
    let hand_over = |field: &str, value: Value| {
        let mut body = json!({ "from_id": world.user, "to_id": world.api.user_id,
            "reason": "holiday" });
        body[field] = value;
        body
    };
    let give =
        |field: &str, value: Value, at| Bad::post("/v1/hand-overs", hand_over(field, value), at);
    let back = format!("/v1/hand-overs/{}/return", world.hand_over);
    vec![
        Bad::send(Method::PUT, &draft, json!({ "stages": 7 }), "/stages"),
        Bad::send(Method::PUT, &draft, json!({ "stages": [], "colour": "red" }), "/colour"),
        demand("item", json!(" "), "/lines/0/item"),
        demand("item", json!("n".repeat(201)), "/lines/0/item"),
        demand("product_id", json!(NOBODY), "/lines/0/product_id"),
        demand("quantity", json!("0"), "/lines/0/quantity"),
        demand("quantity", json!("many"), "/lines/0/quantity"),
        demand("amount", money("-1", "EUR"), "/lines/0/amount/amount"),
        demand("amount", money("1", "USD"), "/lines/0/amount/currency"),
        demand("met_quantity", json!("3"), "/lines/0/met_quantity"),
        demand("unmet_reason", json!(""), "/lines/0/unmet_reason"),
        demand("colour", json!("red"), "/lines/0/colour"),
        Bad::get("/v1/reports/primary-demand?group_by=stage", "/group_by"),
        Bad::get("/v1/reports/primary-demand/deals?figure=won", "/figure"),
        give("from_id", json!(NOBODY), "/from_id"),
        give("from_id", json!("Anna"), "/from_id"),
        give("from_id", json!(world.api.user_id), "/to_id"),
        give("to_id", json!(NOBODY), "/to_id"),
        give("to_id", json!(world.deal), "/to_id"),
        give("to_id", json!(null), "/to_id"),
        give("what", json!([]), "/what"),
        give("what", json!(["deals", "deals"]), "/what"),
        give("what", json!(["documents"]), "/what/0"),
        give("what", json!(null), "/what"),
        give("reason", json!("boredom"), "/reason"),
        give("reason", json!(null), "/reason"),
        give("note", json!("n".repeat(4_001)), "/note"),
        give("until", json!("2020-01-01"), "/until"),
        give("until", json!("9999-12-31"), "/until"),
        give("until", json!("2027-02-29"), "/until"),
        give("dry_run", json!("yes"), "/dry_run"),
        Bad::post("/v1/hand-overs", json!({ "to_id": world.user, "reason": "other" }), "/from_id"),
        Bad::post(&back, json!({ "dry_run": 1 }), "/dry_run"),
        Bad::post(&back, json!({ "dry_run": null }), "/dry_run"),
        Bad::post(&back, json!({ "dry_run": true }), "/if-match")
            .header("if-match", "\"99\"")
            .gives(412, "version_mismatch"),
        call("kind", json!("dance"), "/kind"),
        call("title", json!("  "), "/title"),
        call("direction", json!("up"), "/direction"),
        call("deal_id", json!(NOBODY), "/deal_id"),
        call("client_id", json!(NOBODY), "/client_id"),
        call("contact_id", json!(NOBODY), "/contact_id"),
        call("user_id", json!(NOBODY), "/user_id"),
        call("happened_at", json!("2999-01-01T00:00:00Z"), "/happened_at"),
        call("planned_at", json!("tomorrow"), "/planned_at"),
        call("outcome", json!("perhaps"), "/outcome"),
        call("duration_seconds", json!(-1), "/duration_seconds"),
        call("recording_url", json!("file:///etc"), "/recording_url"),
        call("note", json!("n".repeat(4_001)), "/note"),
        said("title", json!(null), "/title"),
        said("happened_at", json!("2999-01-01T00:00:00Z"), "/happened_at"),
        said("cancelled", json!(true), "/cancelled"),
        said("goal", json!("n".repeat(4_001)), "/goal"),
        said("duration_seconds", json!(-1), "/duration_seconds"),
        said("recording_url", json!("a"), "/recording_url"),
        said("kind", json!("email"), "/kind"),
        new("deal_id", json!(NOBODY), "/deal_id"),
        new("kind", json!("poem"), "/kind"),
        new("number", json!("  "), "/number"),
        new("number", json!("n".repeat(201)), "/number"),
        new("dated_on", json!("2026-02-30"), "/dated_on"),
        new("amount", money("-1", "EUR"), "/amount/amount"),
        new("amount", money("1", "XYZ"), "/amount/currency"),
        new("url", json!("javascript:alert(1)"), "/url"),
        new("url", json!("https://"), "/url"),
        new("external_id", json!({ "source": "", "id": "1" }), "/external_id/source"),
        Bad::patch(&path, json!({ "state": "paid" }), "/state"),
        Bad::patch(&path, json!({ "number": null }), "/number"),
        Bad::patch(&path, json!({ "amount": money("x", "EUR") }), "/amount/amount"),
        Bad::patch(&path, json!({ "url": "ftp://a" }), "/url"),
        go(json!("lost")),
        go(json!(null)),
        go(json!("signed")).gives(409, "document_state_refused").at("/to"),
        pay("deal_id", json!(NOBODY), "/deal_id"),
        pay("deal_id", json!(null), "/deal_id"),
        pay("invoice_id", json!(NOBODY), "/invoice_id"),
        pay("invoice_id", json!(world.document), "/invoice_id"),
        pay("amount", money("0", "EUR"), "/amount/amount"),
        pay("amount", money("-1", "EUR"), "/amount/amount"),
        pay("amount", money("1.00001", "EUR"), "/amount/amount"),
        pay("amount", money("1", "JPY"), "/amount/currency"),
        pay("received_at", json!("2999-01-01T00:00:00Z"), "/received_at"),
        pay("received_at", json!("yesterday"), "/received_at"),
        pay("refund", json!("yes"), "/refund"),
        pay("note", json!("n".repeat(4_001)), "/note"),
    ]
}
