//! Every field and every parameter of the specification, with values that nobody would send. They may be
//! taken or refused; the server never fails.

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use voronka_api::openapi;
use voronka_integration_tests::Reply;

use super::{Bad, world::World};

/// A node of a body, as JSON text: huge numbers fit in no [`Value`].
const WRONG: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "0.1",
    "1e308",
    "1000000000000000000000000000000",
    "1e-300",
    "\"\"",
    "\"x\"",
    "\" \"",
    "\"-1\"",
    "\"%_\\\\'; DROP TABLE deals; --\"",
    "\"\\ud83d\\ude00\"",
    "\"2026-02-30\"",
    "\"+99999-01-01T00:00:00Z\"",
    "\"00000000-0000-0000-0000-000000000000\"",
    "[]",
    "[null]",
    "[[]]",
    "[\"x\"]",
    "{}",
    "{\"a\":1}",
    "{\"stage\":{\"won\":[]}}",
];

const NASTY: &[&str] = &[
    "",
    "0",
    "-1",
    "201",
    "abc",
    "null",
    "true",
    "%00",
    "%FF",
    "%",
    "%zz",
    "'%3BDROP%20TABLE%20deals%3B--",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "1e400",
    "1e-400",
    "NaN",
    "79228162514264337593543950335",
    "0.00000000000000000000000000001",
    "2026-02-30",
    "0001-01-01",
    "9999-12-31",
    "-0001-01-01",
    "99999-01-01",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "2026-06-30T23:59:60Z",
    "%2B99999-01-01T00:00:00Z",
    ",,,",
    "a,b",
    "[]",
    "{}",
    "%25_%5C",
    "00000000-0000-0000-0000-000000000000",
    "%F0%9F%98%80",
    "-",
    "-created_at",
    "..%2F..",
    "svg",
    "csv",
];

pub struct Operation {
    pub method: Method,
    /// With the id of a thing that exists.
    pub path: String,
    pub said: &'static Value,
}

pub fn operations(world: &World) -> Vec<Operation> {
    let paths = openapi::document()["paths"].as_object().into_iter().flatten();
    let mut operations = Vec::new();
    for (path, item) in paths {
        let id = if path.contains("{id}") { world.id_for(path) } else { "" };
        for (method, said) in item.as_object().into_iter().flatten() {
            let method = method.to_uppercase().parse().expect("a method");
            let path =
                path.replace("{id}", id).replace("{day}", "2026-12-25").replace("{name}", "sweep");
            operations.push(Operation { method, path, said });
        }
    }
    operations
}

fn resolved(schema: &'static Value) -> &'static Value {
    let target = schema["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    target.map_or(schema, |target| openapi::document().pointer(target).expect("a schema"))
}

/// Pointers to every node of a value.
fn nodes(at: &str, value: &Value, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| nodes(&format!("{at}/{name}"), value, found));
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| nodes(&format!("{at}/{index}"), value, found)),
        _ => {}
    }
}

/// The example with things that exist in it, and every field that the schema has.
fn example(world: &World, schema: &Value) -> Value {
    let mut body = schema["example"].clone();
    for (name, _) in schema["properties"].as_object().into_iter().flatten() {
        if body[name].is_null() && body.is_object() {
            body[name] = json!("@absent");
        }
    }
    for (name, id) in [("deal_type_id", &world.deal_type), ("client_id", &world.client)] {
        if body[name].is_string() {
            body[name] = json!(id);
        }
    }
    body
}

/// The body's text with one node replaced, and without the fields that no example fills.
fn broken(body: &Value, pointer: &str, wrong: &str) -> String {
    let mut body = body.clone();
    *body.pointer_mut(pointer).expect("a node") = json!("@wrong");
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| value != "@absent");
    }
    body.to_string().replacen("\"@wrong\"", wrong, 1)
}

fn bodies(world: &World) -> Vec<Bad> {
    let mut requests = Vec::new();
    for Operation { method, path, said } in operations(world) {
        let schema = &said["requestBody"]["content"]["application/json"]["schema"];
        // What exchanges post is not read before it is verified.
        if schema.is_null() || path.starts_with("/webhooks/") {
            continue;
        }
        let body = example(world, resolved(schema));
        let mut pointers = Vec::new();
        nodes("", &body, &mut pointers);
        assert!(pointers.len() > 1, "{path} has an example");
        for pointer in pointers {
            requests.extend(
                WRONG.iter().map(|wrong| {
                    Bad::new(method.clone(), &path).raw(broken(&body, &pointer, wrong))
                }),
            );
        }
    }
    requests
}

fn specs(world: &World) -> Vec<Bad> {
    let schema = openapi::document().pointer("/components/schemas/ImportSpec").expect("a spec");
    let body = example(world, schema);
    let mut pointers = Vec::new();
    nodes("", &body, &mut pointers);
    let mut requests = Vec::new();
    for pointer in pointers {
        requests.extend(WRONG.iter().map(|wrong| {
            let part = |name: &str, text: &str| {
                format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
            };
            let file = "opportunity_id,deal_stage,close_value\n1,Won,x\n2,Engaging,1\n";
            let spec = part("spec", &broken(&body, &pointer, wrong));
            Bad::new(Method::POST, "/v1/imports")
                .raw(format!("{spec}{}--b--\r\n", part("file", file)))
                .header("content-type", "multipart/form-data; boundary=b")
        }));
    }
    requests
}

fn parameters(world: &World) -> Vec<Bad> {
    let mut requests = Vec::new();
    for Operation { method, path, said } in operations(world) {
        for parameter in said["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            match parameter["in"].as_str() {
                Some("query") => requests.extend(NASTY.iter().map(|nasty| {
                    let required = path.contains("/reports/") && name != "deal_type_id";
                    let rest = format!("&deal_type_id={}", world.deal_type);
                    let rest = if required { rest.as_str() } else { "" };
                    Bad::new(method.clone(), format!("{path}?{name}={nasty}{rest}"))
                })),
                Some("path") => requests.extend(NASTY.iter().map(|nasty| {
                    let path = path.replace(&format!("{{{name}}}"), nasty);
                    let path = path.replace(world.id_for(&path), nasty);
                    Bad::new(method.clone(), path)
                })),
                _ => {}
            }
        }
    }
    requests
}

/// The specification says how long texts may be in figures of its own: they are those that the server goes by.
#[tokio::test]
async fn texts_may_be_as_long_as_the_specification_says() {
    let world = World::new().await;
    let (mut compared, mut wrong) = (0, Vec::new());
    for Operation { method, path, said } in operations(&world) {
        let schema = resolved(&said["requestBody"]["content"]["application/json"]["schema"]);
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let Some(most) = field["maxLength"].as_u64() else { continue };
            let (body, pointer) = (example(&world, schema), format!("/{name}"));
            let ask = async |length: u64| {
                let text = format!("\"{}\"", "n".repeat(usize::try_from(length).unwrap()));
                let request = Bad::new(method.clone(), &path).raw(broken(&body, &pointer, &text));
                let reply = request.answer(&world.api).await;
                let faults = reply.json["errors"].as_array().cloned().unwrap_or_default();
                let of_it = faults.iter().filter(|fault| fault["pointer"] == pointer.as_str());
                of_it.map(|fault| fault["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
            };
            let of_length = |code: &String| code == "invalid_length" || code == "too_long";
            let (fits, too_long) = (ask(most).await, ask(most + 1).await);
            // What has a form of its own is refused for that.
            if fits.iter().any(|code| !of_length(code)) {
                continue;
            }
            compared += 1;
            if !fits.is_empty() || !too_long.iter().any(of_length) {
                wrong.push(format!("{method} {path} {name} {most}: {fits:?}, {too_long:?}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(compared > 40, "{compared}");
}

async fn never_fail(world: &World, requests: Vec<Bad>) {
    let ask = |bad: Bad| async move {
        let reply = bad.answer(&world.api).await;
        (bad, reply)
    };
    let answers: Vec<(Bad, Reply)> =
        stream::iter(requests).map(ask).buffer_unordered(8).collect().await;
    let mut failures = Vec::new();
    for (bad, reply) in &answers {
        let problem = reply.header("content-type") == "application/problem+json";
        if reply.status >= 500 || (reply.status >= 400 && !problem) {
            let body = bad.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            let text = &reply.text;
            failures
                .push(format!("{} {} {body}\n    {} {text}", bad.method, bad.path, reply.status));
        }
    }
    let count = failures.len();
    failures.truncate(40);
    assert!(failures.is_empty(), "{count} of {}:\n{}", answers.len(), failures.join("\n"));
}

#[tokio::test]
async fn no_body_makes_the_server_fail() {
    let world = World::new().await;
    let requests = bodies(&world);
    assert!(requests.len() > 1_000, "{}", requests.len());
    never_fail(&world, requests).await;
}

#[tokio::test]
async fn no_spec_of_an_import_makes_the_server_fail() {
    let world = World::new().await;
    never_fail(&world, specs(&world)).await;
    let mut imports = world.api.get("/v1/imports?limit=200").await.expect(200).json["items"].take();
    for import in imports.as_array_mut().expect("imports") {
        let id = import["id"].as_str().expect("an id");
        let done = world.server.finished(&world.api, id).await;
        assert_ne!(done["error"], "A fault of the server.", "{done}");
    }
}

#[tokio::test]
async fn no_parameter_makes_the_server_fail() {
    let world = World::new().await;
    let requests = parameters(&world);
    assert!(requests.len() > 1_000, "{}", requests.len());
    never_fail(&world, requests).await;
}
