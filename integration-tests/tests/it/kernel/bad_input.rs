//! Malformed requests: each is refused with a problem that points at the fault, and nothing changes.

mod battery;
mod conditions;
mod files;
mod integrations;
mod invisible;
mod parameters;
mod table;
mod work;
mod world;

use battery::{Operation, operations};
use reqwest::{Method, header::HeaderValue};
use serde_json::Value;
use voronka_api::http::problem::CODES;
use voronka_integration_tests::{Api, Reply, process::until_compared};
use world::World;

/// A request that is to be refused.
pub struct Bad {
    pub method: Method,
    pub path: String,
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub body: Option<Vec<u8>>,
    pub status: u16,
    pub code: &'static str,
    /// Where a fault is; none where the answer needs no faults.
    pub pointer: Option<&'static str>,
}

impl Bad {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let (headers, body, pointer) = (Vec::new(), None, None);
        Self { method, path: path.into(), headers, body, status: 0, code: "", pointer }
    }

    /// A read with bad parameters.
    pub fn get(path: impl Into<String>, pointer: &'static str) -> Self {
        Self::new(Method::GET, path).gives(400, "invalid_parameters").at(pointer)
    }

    /// A body that is JSON and says something wrong.
    pub fn send(method: Method, path: impl Into<String>, body: Value, at: &'static str) -> Self {
        Self::new(method, path).raw(body.to_string()).gives(422, "validation_failed").at(at)
    }

    pub fn post(path: impl Into<String>, body: Value, pointer: &'static str) -> Self {
        Self::send(Method::POST, path, body, pointer)
    }

    pub fn patch(path: impl Into<String>, body: Value, pointer: &'static str) -> Self {
        Self::send(Method::PATCH, path, body, pointer)
    }

    /// Something that is no JSON, or a body like no other.
    pub fn text(path: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Method::POST, path).raw(body).gives(400, "malformed_json").at("")
    }

    pub fn any(method: Method, path: impl Into<String>, status: u16, code: &'static str) -> Self {
        Self::new(method, path).gives(status, code)
    }

    pub fn raw(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), ..self }.header("content-type", "application/json")
    }

    pub fn gives(self, status: u16, code: &'static str) -> Self {
        Self { status, code, ..self }
    }

    pub fn at(self, pointer: &'static str) -> Self {
        Self { pointer: Some(pointer), ..self }
    }

    /// Refused as a whole: by no field of it.
    pub fn anywhere(self) -> Self {
        Self { pointer: None, ..self }
    }

    /// Sets a header, in place of one of that name.
    pub fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    pub async fn answer(&self, api: &Api) -> Reply {
        let mut request =
            api.http.request(self.method.clone(), format!("{}{}", api.base, self.path));
        let anonymous = self.headers.iter().any(|(name, _)| *name == "authorization");
        if let Some(token) = api.token.as_ref().filter(|_| !anonymous) {
            request = request.bearer_auth(token);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, HeaderValue::from_bytes(value).expect("a header"));
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        Api::read(request.send().await.expect("an answer")).await
    }

    /// What is wrong with the answer, if anything.
    fn judge(&self, reply: &Reply) -> Result<(), String> {
        let known = CODES.iter().any(|row| row.1 == reply.code() && row.0 == reply.status);
        let faults = reply.faults();
        let points = |at| faults.iter().any(|(pointer, _)| pointer == at);
        let named = matches!(reply.status, 400 | 413 | 415 | 422);
        let faulty = named && (faults.is_empty() || faults.iter().any(|(_, code)| code.is_empty()));
        for (holds, what) in [
            ((400..500).contains(&reply.status), "is no 4xx"),
            (
                (reply.status, reply.code()) == (self.status, self.code),
                "has another status or code",
            ),
            (known, "has a code of another status"),
            (reply.header("content-type") == "application/problem+json", "is no problem"),
            (reply.json["request_id"] == reply.header("x-request-id"), "has no request id"),
            (reply.json["request_id"] != "", "has an empty request id"),
            (!faulty, "does not name its faults"),
            (self.pointer.is_none_or(points), "points elsewhere"),
            (reply.status != 405 || !reply.header("allow").is_empty(), "has no Allow"),
            (
                reply.status != 401
                    || !reply.header("www-authenticate").is_empty()
                    || reply.code() != "unauthenticated",
                "has no WWW-Authenticate",
            ),
        ] {
            if !holds {
                let asked = self.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                let asked: String = asked.chars().take(200).collect();
                let text: String = reply.text.chars().take(600).collect();
                return Err(format!(
                    "{} {:.200} {asked}\n    wanted {} {} at {:?}\n    the answer {what}: {} {text}",
                    self.method, self.path, self.status, self.code, self.pointer, reply.status,
                ));
            }
        }
        Ok(())
    }
}

/// Operations with a body for which nobody has written a row.
fn untried(world: &World, table: &[Bad]) -> Vec<String> {
    let mut untried = Vec::new();
    for Operation { method, path, said } in operations(world) {
        let (ours, body) = (path.split('/'), &said["requestBody"]);
        // In place of an id a row may have another, and any text in place of a name.
        let fits = |bad: &Bad| {
            let theirs = bad.path.split('?').next().unwrap_or_default().split('/');
            let is_id = |part: &str| part.parse::<uuid::Uuid>().is_ok();
            bad.body.is_some()
                && bad.method == method
                && theirs.clone().count() == ours.clone().count()
                && theirs
                    .zip(ours.clone())
                    .all(|(a, b)| a == b || is_id(a) && is_id(b) || b.starts_with('{'))
        };
        if !body.is_null() && !table.iter().any(fits) {
            untried.push(format!("{method} {path}"));
        }
    }
    untried
}

#[tokio::test]
async fn malformed_requests_are_refused_and_change_nothing() {
    let world = World::new().await;
    let mut table = table::all(&world).await;
    assert!(table.len() >= 100, "{} rows", table.len());
    let untried = untried(&world, &table);
    assert!(untried.is_empty(), "operations without a row of bad input: {untried:?}");
    table.extend(table::everywhere(&world));
    until_compared(&world.api).await;
    let (before, position) = (world.contents(), world.feed().await);
    let mut wrong = Vec::new();
    for bad in &table {
        wrong.extend(bad.judge(&bad.answer(&world.api).await).err());
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), table.len(), wrong.join("\n"));
    assert_eq!(world.contents(), before);
    assert_eq!(world.feed().await, position);
}
