//! Commands of batches in the specification: each is the body of the operation that it stands for, with the word
//! that says which one it is.

use serde_json::{Map, Value, json};

use super::shared::pascal;

/// A command: its word, the body that it has, and what it has beside that.
type Command = (&'static str, &'static str, &'static [&'static str]);

const DEALS: &[Command] = &[
    ("create", "NewDeal", &[]),
    ("update", "DealPatch", &["id", "version"]),
    ("transition", "Transition", &["id", "version"]),
    ("upsert", "DealUpsert", &["external_id", "version"]),
];
const CLIENTS: &[Command] = &[
    ("create", "NewClient", &[]),
    ("update", "ClientPatch", &["id", "version"]),
    ("upsert", "ClientPatch", &["external_id", "version"]),
];

/// Flattens what was put together of several bodies, none of which has the fields of the others, and writes down the
/// commands.
pub fn say(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    flatten(schemas, "DealUpsert");
    for (name, commands) in [("DealItem", DEALS), ("ClientItem", CLIENTS)] {
        let mut variants = Vec::new();
        let mut mapping = Map::new();
        for (op, body, beside) in commands {
            let variant = format!("{}{name}", pascal(op));
            let schema = command(op, &schemas[*body], beside);
            let pointer = format!("#/components/schemas/{variant}");
            variants.push(json!({ "$ref": pointer }));
            mapping.insert((*op).to_owned(), json!(pointer));
            schemas.insert(variant, schema);
        }
        let description = schemas[name]["description"].clone();
        schemas.insert(
            name.to_owned(),
            json!({ "description": description, "oneOf": variants,
                "discriminator": { "propertyName": "op", "mapping": mapping } }),
        );
    }
}

/// The answers of batches: each item has the body that its command has.
pub fn say_answers(document: &mut Value) {
    for (noun, path) in [("Deal", "~1v1~1deals~1batch"), ("Client", "~1v1~1clients~1batch")] {
        let schema = format!("/paths/{path}/post/responses/207/content/application~1json/schema");
        let Some(schema) = document.pointer_mut(&schema) else { continue };
        *schema = json!({ "$ref": format!("#/components/schemas/{noun}BatchResult") });
        let Some(schemas) = document["components"]["schemas"].as_object_mut() else { continue };
        let (mut answer, mut item) = (schemas["BatchResult"].clone(), schemas["BatchItem"].clone());
        let pointer = json!({ "$ref": format!("#/components/schemas/{noun}BatchItem") });
        answer["properties"]["items"]["items"] = pointer;
        let body = &mut item["properties"]["body"];
        let body_of = format!("#/components/schemas/{noun}");
        *body = json!({ "description": body["description"],
            "oneOf": [{ "type": "null" }, { "$ref": body_of }] });
        schemas.insert(format!("{noun}BatchResult"), answer);
        schemas.insert(format!("{noun}BatchItem"), item);
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.remove("BatchResult");
        schemas.remove("BatchItem");
    }
}

/// Names what is one of several objects, each with a word of its own: a generated client has a type for each.
pub fn name_variants(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    let names: Vec<_> = schemas.keys().cloned().collect();
    for name in names {
        let Some(variants) = schemas[&name]["oneOf"].as_array().cloned() else { continue };
        if variants.iter().any(|variant| !variant["properties"].is_object()) {
            continue;
        }
        let (mut pointers, mut mapping, mut by) = (Vec::new(), Map::new(), None);
        for mut variant in variants {
            // The derive says it of structs, and not of the variants of an enum.
            variant["additionalProperties"] = json!(false);
            let word = word(&variant);
            let first = variant["required"][0].as_str().unwrap_or_default();
            let own = pascal(word.map_or(first, |(_, word)| word)) + &name;
            let pointer = format!("#/components/schemas/{own}");
            if let Some((property, word)) = word {
                by = Some(property.to_owned());
                mapping.insert(word.to_owned(), json!(pointer));
            }
            pointers.push(json!({ "$ref": pointer }));
            schemas.insert(own, variant);
        }
        schemas[&name]["oneOf"] = json!(pointers);
        if let Some(property) = by {
            schemas[&name]["discriminator"] =
                json!({ "propertyName": property, "mapping": mapping });
        }
    }
}

/// The property of a variant that has one word, and the word.
fn word(variant: &Value) -> Option<(&str, &str)> {
    let properties = variant["properties"].as_object()?;
    properties.iter().find_map(|(name, said)| match said["enum"].as_array()?.as_slice() {
        [word] => Some((name.as_str(), word.as_str()?)),
        _ => None,
    })
}

fn command(op: &str, body: &Value, beside: &[&str]) -> Value {
    let mut properties = Map::new();
    properties.insert("op".to_owned(), json!({ "type": "string", "enum": [op] }));
    for (name, said) in body["properties"].as_object().into_iter().flatten() {
        properties.insert(name.clone(), said.clone());
    }
    for name in beside {
        let said = match *name {
            "id" => json!({ "type": "string", "format": "uuid" }),
            "version" => json!({ "type": ["integer", "null"], "format": "int32",
                "description": "The version that the caller saw; the command is refused if it is not the present one." }),
            _ => json!({ "$ref": "#/components/schemas/ExternalId" }),
        };
        properties.insert((*name).to_owned(), said);
    }
    let mut required = vec![json!("op")];
    required.extend(body["required"].as_array().into_iter().flatten().cloned());
    required.extend(beside.iter().filter(|name| **name != "version").map(|name| json!(name)));
    json!({ "type": "object", "properties": properties, "required": required,
        "additionalProperties": false })
}

/// One closed object in place of an `allOf` of several.
fn flatten(schemas: &mut Map<String, Value>, name: &str) {
    let Some(parts) = schemas[name]["allOf"].as_array().cloned() else { return };
    let mut properties = Map::new();
    let mut required = Vec::new();
    for part in &parts {
        let target = part["$ref"].as_str().and_then(|pointer| pointer.rsplit('/').next());
        let part = target.map_or(part, |target| &schemas[target]);
        properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
        required.extend(part["required"].as_array().cloned().unwrap_or_default());
    }
    let mut flat = json!({ "type": "object", "properties": properties,
        "additionalProperties": false });
    if !required.is_empty() {
        flat["required"] = required.into();
    }
    for kept in ["description", "example"] {
        if let Some(said) = schemas[name].get(kept) {
            flat[kept] = said.clone();
        }
    }
    schemas.insert(name.to_owned(), flat);
}
