//! Names and titles in which there is nothing to be seen.

use serde_json::{Value, json};

use super::{Bad, world::World};

/// Characters, and yet no text: a list would show an empty line.
const INVISIBLE: &str = "\u{200b}\u{feff}";

pub fn all(world: &World) -> Vec<Bad> {
    let condition = json!({ "field": "deal.title", "op": "filled" });
    let mut rows = Vec::new();
    for (path, field, rest) in [
        ("/v1/sources", "name", json!({})),
        ("/v1/competitors", "name", json!({})),
        ("/v1/loss-reasons", "name", json!({})),
        ("/v1/clients", "name", json!({})),
        ("/v1/contacts", "name", json!({ "client_id": world.client })),
        ("/v1/users", "name", json!({ "role": "seller" })),
        ("/v1/departments", "name", json!({})),
        ("/v1/deal-types", "name", json!({ "mode": "untracked" })),
        ("/v1/products", "name", json!({})),
        ("/v1/segments", "name", json!({ "entity": "deal", "condition": condition })),
        ("/v1/deals", "title", json!({ "deal_type_id": world.deal_type })),
        ("/v1/tasks", "title", json!({ "deal_id": world.deal })),
        ("/v1/activities", "title", json!({ "kind": "call", "deal_id": world.deal })),
    ] {
        let pointer = if field == "name" { "/name" } else { "/title" };
        rows.push(Bad::post(path, with(rest, field), pointer));
        let path = format!("{path}/{}", world.id_for(path));
        rows.push(Bad::patch(path, with(json!({}), field), pointer));
    }
    rows
}

fn with(mut body: Value, field: &str) -> Value {
    body[field] = json!(INVISIBLE);
    body
}
