//! Files that are hung on nothing.

use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{UPLOAD, upload};

use super::{Bad, world::World};

pub fn all(world: &World) -> Vec<Bad> {
    let one = format!("/v1/files/{}", world.file);
    let nobody = "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11";
    let add = |object: Value, pointer| {
        let row = Bad::any(Method::POST, "/v1/files", 422, "validation_failed");
        let row = row.raw(upload(&object.to_string(), "a.txt", "text/plain", b"a"));
        row.header("content-type", UPLOAD).at(pointer)
    };
    vec![
        add(json!({ "kind": "task", "id": nobody }), "/object/kind"),
        add(json!({ "kind": "deal" }), "/object/id"),
        add(json!({ "kind": "deal", "id": "7" }), "/object/id"),
        add(json!({ "kind": "deal", "id": nobody, "name": "a" }), "/object/name"),
        add(json!({ "kind": "deal", "id": nobody }), "/object/id"),
        add(json!({ "kind": "deal", "id": world.client }), "/object/id"),
        add(json!({ "kind": "client", "id": nobody }), "/object/id"),
        add(json!({ "kind": "activity", "id": nobody }), "/object/id"),
        add(json!({ "kind": "document", "id": nobody }), "/object/id"),
        Bad::text("/v1/files", "{}").gives(415, "unsupported_media_type").at("/content-type"),
        Bad::get("/v1/files?object_kind=task", "/object_kind"),
        Bad::get("/v1/files?object_id=7", "/object_id"),
        Bad::get("/v1/files?sort=name", "/sort"),
        Bad::get(format!("{one}?a=1"), "/a"),
        Bad::get(format!("{one}/content?a=1"), "/a"),
    ]
}
