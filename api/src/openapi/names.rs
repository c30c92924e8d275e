//! Names for what is one of some words: a generated client has one type for them, wherever they are asked for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::shared::pascal;

/// The words of an enum, in order, and its name.
type Names = BTreeMap<Vec<String>, String>;

/// Gives every enum in the schemas and the parameters a name, the same one to the same words.
pub fn give(document: &mut Value) {
    let mut names = Names::new();
    let mut more = Map::new();
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (name, schema) in schemas.iter() {
        if let Some(words) = words(schema) {
            names.insert(words, name.clone());
        }
    }
    for (name, schema) in schemas.iter_mut() {
        let noun = name.trim_start_matches("New").trim_end_matches("Patch");
        let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
            continue;
        };
        for (field, property) in fields {
            let own = format!("{noun}{}", pascal(field));
            name_words(property, &own, &mut names, &mut more);
        }
    }
    schemas.extend(std::mem::take(&mut more));
    for item in document["paths"].as_object_mut().into_iter().flatten().map(|(_, item)| item) {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            let noun = id.trim_start_matches(|c: char| c.is_ascii_lowercase());
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                // In which form is said by the path, to whoever reads the names.
                if parameter["name"] != "format" {
                    let own =
                        noun.to_owned() + &pascal(parameter["name"].as_str().unwrap_or_default());
                    name_words(&mut parameter["schema"], &own, &mut names, &mut more);
                }
            }
        }
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.extend(more);
    }
}

/// `-updated_at` becomes `UPDATED_AT_DESC`: without a letter before it, tools name a word by its place.
fn sorted_by(word: &&Value) -> String {
    let word = word.as_str().unwrap_or_default();
    let (name, order) = word.strip_prefix('-').map_or((word, "ASC"), |name| (name, "DESC"));
    format!("{}_{order}", name.to_uppercase())
}

/// One word that alone is taken is a constant. What an answer always has, be it null, is required.
pub fn say_surely(document: &mut Value) {
    let asked = sent(document);
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (name, schema) in schemas.iter_mut() {
        let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
            continue;
        };
        for property in fields.values_mut().filter_map(Value::as_object_mut) {
            if let Some([word]) = property.get("enum").and_then(Value::as_array).map(Vec::as_slice)
            {
                let word = word.clone();
                property.remove("enum");
                property.insert("const".to_owned(), word);
            }
        }
        if asked.contains(name) {
            continue;
        }
        let always: Vec<_> = fields
            .iter()
            .filter(|(_, said)| takes_null(said))
            .map(|(name, _)| json!(name))
            .collect();
        if let Some(required) =
            schema.as_object_mut().map(|schema| schema.entry("required").or_insert(json!([])))
            && let Some(required) = required.as_array_mut()
        {
            let more =
                always.into_iter().filter(|name| !required.contains(name)).collect::<Vec<_>>();
            required.extend(more);
        }
    }
}

fn takes_null(schema: &Value) -> bool {
    let is_null = |one: &Value| one == "null" || one["type"] == "null";
    ["type", "oneOf", "anyOf"]
        .iter()
        .any(|word| schema[*word].as_array().is_some_and(|all| all.iter().any(is_null)))
}

/// The schemas of what is sent.
fn sent(document: &Value) -> BTreeSet<String> {
    let items = document["paths"].as_object().into_iter().flat_map(Map::values);
    let operations = items.filter_map(Value::as_object).flat_map(Map::values);
    let mut waiting: Vec<&Value> = operations.map(|operation| &operation["requestBody"]).collect();
    let mut found = BTreeSet::new();
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(fields) => {
                let name =
                    fields.get("$ref").and_then(Value::as_str).and_then(|at| at.rsplit('/').next());
                if let Some(name) = name
                    && found.insert(name.to_owned())
                {
                    waiting.push(&document["components"]["schemas"][name]);
                }
                waiting.extend(fields.values());
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    found
}

/// The words of an enum of texts; null is none of them.
fn words(schema: &Value) -> Option<Vec<String>> {
    let words = schema["enum"].as_array()?.iter().filter(|word| !word.is_null());
    let mut words: Vec<_> =
        words.map(|word| word.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    words.sort_unstable();
    Some(words)
}

/// Names the words that a schema takes: itself, in a list, or beside something else. One word says itself.
fn name_words(schema: &mut Value, own: &str, names: &mut Names, more: &mut Map<String, Value>) {
    if let Some(items) = schema.get_mut("items") {
        return name_words(items, own, names, more);
    }
    if let Some(parts) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        return parts.iter_mut().for_each(|part| name_words(part, own, names, more));
    }
    let Some(words) = words(schema).filter(|words| words.len() > 1) else { return };
    let name = names.entry(words).or_insert_with(|| own.to_owned()).clone();
    let Some(fields) = schema.as_object_mut() else { return };
    let kind = fields.remove("type").unwrap_or_default();
    let all = fields.remove("enum").unwrap_or_default();
    let pointer = json!({ "$ref": format!("#/components/schemas/{name}") });
    if name == own && !more.contains_key(&name) {
        let texts = all.as_array().into_iter().flatten().filter(|word| !word.is_null());
        let texts: Vec<_> = texts.collect();
        let mut said = json!({ "type": "string", "enum": texts });
        if own.ends_with("Sort") {
            said["x-enum-varnames"] = json!(texts.iter().map(sorted_by).collect::<Vec<_>>());
        }
        more.insert(name, said);
    }
    if kind.is_array() {
        fields.insert("oneOf".to_owned(), json!([{ "type": "null" }, pointer]));
    } else {
        fields.extend(pointer.as_object().cloned().unwrap_or_default());
    }
}
