//! Integrations, and what is posted to them.

use serde_json::json;

use super::{Bad, world::World};

pub fn all(world: &World) -> Vec<Bad> {
    let one = format!("/v1/integrations/{}", world.integration);
    let hook = format!("/webhooks/v1/telephony/{}", world.integration);
    let nobody = "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11";
    let new = |field: &str, value: serde_json::Value, pointer| {
        let mut body = json!({ "adapter": "canonical", "name": "Office" });
        body[field] = value;
        Bad::post("/v1/integrations", body, pointer)
    };
    let to = |body: serde_json::Value, pointer| {
        Bad::post(format!("/v1/inbox/{}/transition", world.inbox_entry), body, pointer)
    };
    let many: serde_json::Map<_, _> = (0..5_001).map(|n| (n.to_string(), json!(null))).collect();
    let lines = vec!["+31201110000"; 501];
    vec![
        new("adapter", json!("smoke signals"), "/adapter"),
        new("name", json!(" "), "/name"),
        new("lines", json!(["101"]), "/lines/0"),
        new("lines", json!(lines), "/lines"),
        new("country", json!("nl"), "/country"),
        new("access_digit", json!("99"), "/access_digit"),
        new("access_digit", json!("x"), "/access_digit"),
        new("extensions", json!({ "101": nobody }), "/extensions/101"),
        new("extensions", json!({ " 1": null }), "/extensions/ 1"),
        new("extensions", json!({ "": null }), "/extensions/"),
        new("extensions", json!(many), "/extensions"),
        new("secret", json!("whsec_AAAA"), "/secret"),
        new("secret", json!(""), "/secret"),
        new("external_url", json!("ftp://crm.example"), "/external_url"),
        new("external_url", json!("https://crm.example/a?b=c"), "/external_url"),
        new("time_zone", json!("Mars/Olympus"), "/time_zone"),
        Bad::patch(&one, json!({ "secret": "whsec_AAAA" }), "/secret"),
        Bad::patch(&one, json!({ "time_zone": 3 }), "/time_zone"),
        Bad::post(format!("{one}/try-call"), json!({ "from": "1".repeat(65) }), "/from"),
        Bad::post(format!("{one}/try-call"), json!({ "by": "101" }), "/by"),
        Bad::get(format!("{one}/status?a=1"), "/a"),
        Bad::patch(&one, json!({ "adapter": "canonical" }), "/adapter"),
        Bad::patch(&one, json!({ "name": null }), "/name"),
        Bad::patch(&one, json!({ "lines": null }), "/lines"),
        Bad::patch(&one, json!({ "country": "XX" }), "/country"),
        Bad::post(
            format!("{one}/raw-events/reprocess"),
            json!({ "event_id": nobody }),
            "/event_id",
        ),
        new("call_back_minutes", json!(0), "/call_back_minutes"),
        new("call_back_minutes", json!(43_201), "/call_back_minutes"),
        new("recordings", json!("all"), "/recordings"),
        Bad::patch(&one, json!({ "recordings": null }), "/recordings"),
        new("deal_type_id", json!(nobody), "/deal_type_id"),
        to(json!({ "to": "won" }), "/to"),
        to(json!({ "to": "assigned" }), "/user_id"),
        to(json!({ "to": "assigned", "user_id": nobody }), "/user_id"),
        to(json!({ "to": "linked" }), "/client_id"),
        to(json!({ "to": "linked", "client_id": nobody }), "/client_id"),
        to(json!({ "to": "junk" }), "/reason"),
        to(json!({ "to": "junk", "reason": "" }), "/reason"),
        to(json!({ "to": "open", "reason": "x" }), "/reason"),
        to(json!({ "to": "converted" }), "/client"),
        to(json!({ "to": "converted", "client": { "name": "" } }), "/client/name"),
        to(
            json!({ "to": "converted", "client": { "name": "Birch", "phones": ["1"] } }),
            "/client/phones/0",
        ),
        to(
            json!({ "to": "converted", "client": { "name": "Birch" },
            "deal": { "title": "Racks", "deal_type_id": nobody } }),
            "/deal/deal_type_id",
        ),
        Bad::get("/v1/inbox?status=lost", "/status"),
        Bad::get("/v1/inbox?sort=number", "/sort"),
        Bad::get(format!("{one}/raw-events?state=lost"), "/state"),
        Bad::text(&hook, "").gives(401, "invalid_signature").anywhere(),
        Bad::text(&hook, "{}").gives(401, "invalid_signature").anywhere(),
        Bad::text(&hook, vec![b'x'; 2 << 20]).gives(413, "body_too_large"),
        Bad::text(format!("{hook}?{}", "a".repeat(5_000)), "{}")
            .gives(400, "invalid_parameters")
            .at("/"),
        Bad::text(format!("{hook}/events"), "{}").gives(401, "invalid_signature").anywhere(),
        Bad::text(format!("{hook}/secret/method"), "{}").gives(401, "invalid_signature").anywhere(),
        Bad::text("/webhooks/v1/telephony/moon", "{}").gives(400, "invalid_parameters").at("/id"),
    ]
}
