//! Answers against the specification: a client that was generated from it gets what it was told to expect.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use jsonschema::{Registry, Validator};
use serde_json::{Value, json};
use voronka_api::openapi;

use crate::api::Reply;

const NAME: &str = "urn:voronka:openapi";

/// Schemas by their place in the specification, made when they are first needed.
type Schemas = Mutex<HashMap<String, Arc<Validator>>>;

/// Fails the test unless the operation, if it is one, may answer so.
#[track_caller]
pub fn check(method: &str, path: &str, reply: &Reply) {
    if let Err(fault) = checked(method, path, reply) {
        panic!("{method} {path} answered {}, but {fault}: {}", reply.status, reply.text);
    }
}

fn checked(method: &str, path: &str, reply: &Reply) -> Result<(), String> {
    let path = path.split('?').next().unwrap_or_default();
    let path = openapi::sheets::meant(method, path).map_or(path, |(path, _)| path);
    let Some(template) = template(path) else { return Ok(()) };
    let at = format!("/paths/{}/{}", escaped(&template), method.to_lowercase());
    // Another method than those of the path is refused by what is around the operations.
    let Some(operation) = openapi::document().pointer(&at) else { return Ok(()) };
    let status = reply.status.to_string();
    let Some(said) = operation["responses"].get(&status) else {
        return Err(format!("{} says nothing of it", operation["operationId"]));
    };
    let kind = reply.header("content-type").split(';').next().unwrap_or_default().trim();
    let Some(contents) = said.get("content").and_then(Value::as_object) else {
        return if reply.text.is_empty() { Ok(()) } else { Err("it has no body".to_owned()) };
    };
    let Some(content) = contents.get(kind) else {
        return Err(format!("it is not in {kind:?}"));
    };
    if kind == "application/problem+json" && content["examples"].get(reply.code()).is_none() {
        return Err(format!("{} does not say {}", operation["operationId"], reply.code()));
    }
    if !kind.ends_with("json") || !reply.header("content-encoding").is_empty() {
        return Ok(());
    }
    let at = format!("{at}/responses/{status}/content/{}/schema", escaped(kind));
    let faults = faults(&at, &reply.json);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

/// What is wrong with a request by the specification: with its path, the names in its query, its body as JSON.
pub fn asks(method: &str, path: &str, body: Option<&Value>) -> Vec<String> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = openapi::sheets::meant(method, path).map_or(path, |(path, _)| path);
    let Some(template) = template(path) else { return vec![format!("there is no {path}")] };
    let at = format!("/paths/{}/{}", escaped(&template), method.to_lowercase());
    let document = openapi::document();
    let Some(operation) = document.pointer(&at) else { return vec![format!("no {method} {path}")] };
    let mut wrong = Vec::new();
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters: Vec<_> = parameters
        .filter_map(|one| match one["$ref"].as_str() {
            Some(place) => document.pointer(place.trim_start_matches('#'))?["name"].as_str(),
            None => one["name"].as_str(),
        })
        .collect();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or_default();
        // What custom fields there are, the workspace says.
        if !parameters.contains(&name) && !name.starts_with("custom.") {
            wrong.push(format!("{template} has no parameter {name}"));
        }
    }
    let contents = &operation["requestBody"]["content"];
    match (body, contents.get("application/json"), contents.get("multipart/form-data")) {
        (Some(body), Some(_), _) => {
            let at = format!("{at}/requestBody/content/{}/schema", escaped("application/json"));
            wrong.extend(faults(&at, body));
        }
        (Some(body), None, Some(_)) => wrong.extend(faults("/components/schemas/ImportSpec", body)),
        (Some(_), None, None) => wrong.push(format!("{template} takes no body")),
        (None, ..) => {}
    }
    wrong
}

/// What is wrong with a value by a schema, which is named by its place.
fn faults(at: &str, value: &Value) -> Vec<String> {
    let schema = schema(at);
    let faults = schema.iter_errors(value);
    faults.map(|fault| format!("{} at {:?}", fault, fault.instance_path().to_string())).collect()
}

/// Every example in the specification, by its place: what is wrong with it by the schema that it is an example of.
pub fn examples() -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    examples_in("", openapi::document(), &mut found);
    found
}

fn examples_in(at: &str, value: &Value, found: &mut Vec<(String, Vec<String>)>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            let schema =
                if fields.contains_key("schema") { format!("{at}/schema") } else { at.to_owned() };
            if let Some(example) = fields.get("example").filter(|_| is_schema(&schema)) {
                found.push((format!("{at}/example"), faults(&schema, example)));
            }
            let examples = fields.get("examples").and_then(Value::as_object);
            for (name, example) in examples.into_iter().flatten() {
                let place = format!("{at}/examples/{}", escaped(name));
                found.push((place, faults(&schema, &example["value"])));
            }
            let others =
                fields.iter().filter(|(name, _)| !["example", "examples"].contains(&name.as_str()));
            others.map(|(name, value)| (escaped(name), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        _ => Vec::new(),
    };
    for (name, child) in children {
        examples_in(&format!("{at}/{name}"), child, found);
    }
}

/// Not what is called `example` among the properties of a thing.
fn is_schema(at: &str) -> bool {
    !at.ends_with("/properties")
}

/// The path as the specification has it.
fn template(path: &str) -> Option<String> {
    let paths = openapi::document()["paths"].as_object()?;
    if paths.contains_key(path) {
        return Some(path.to_owned());
    }
    let fits = |template: &&String| {
        let (a, b) = (template.split('/'), path.split('/'));
        a.clone().count() == b.clone().count()
            && a.zip(b).all(|(part, given)| part == given || part.starts_with('{'))
    };
    // Where several fit, the one that names most.
    paths.keys().filter(fits).min_by_key(|template| template.matches('{').count()).cloned()
}

fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

fn schema(at: &str) -> Arc<Validator> {
    static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
    static REGISTRY: OnceLock<Registry<'static>> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(Schemas::default);
    let mut schemas = schemas.lock().unwrap_or_else(PoisonError::into_inner);
    let made = schemas.entry(at.to_owned()).or_insert_with(|| {
        let registry = REGISTRY.get_or_init(|| {
            let registry = Registry::new().add(NAME, openapi::document().clone());
            registry.expect("a name").prepare().expect("a specification")
        });
        // In a fragment of an address, braces and the like are written by their codes.
        let fragment = at.replace('{', "%7B").replace('}', "%7D");
        let schema = jsonschema::options()
            .with_registry(registry)
            .should_validate_formats(true)
            .build(&json!({ "$ref": format!("{NAME}#{fragment}") }));
        Arc::new(schema.unwrap_or_else(|error| panic!("{at}: {error}")))
    });
    made.clone()
}
