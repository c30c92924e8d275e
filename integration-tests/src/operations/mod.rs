//! Every operation that can touch a deal, each ready to be sent for one deal that it fits: for tests that
//! let operations meet. What is in neither of the two tables here is not known to them, and fails them.

mod clients;
mod deals;
mod processes;
mod work;
mod world;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

pub use world::{Deal, Flavour, Type, World, meeting, stranger};

use crate::{Api, Reply};

/// What a gate can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Field,
    Task,
    Document,
    Payment,
    Activity,
    Client,
    ClientCalls,
    Demand,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Field,
        Self::Task,
        Self::Document,
        Self::Payment,
        Self::Activity,
        Self::Client,
        Self::ClientCalls,
        Self::Demand,
    ];

    /// The requirement of a gate.
    pub fn requirement(self) -> Value {
        let condition = |condition: Value| json!({ "kind": "condition", "condition": condition });
        match self {
            Self::Field => json!({ "kind": "field", "field": "expected_close_on" }),
            Self::Task => json!({ "kind": "task", "task": "work" }),
            Self::Document => json!({ "kind": "document", "document": "quote", "state": "sent" }),
            Self::Payment => json!({ "kind": "payment", "share": 0.5 }),
            Self::Activity => {
                json!({ "kind": "activity", "activity": "call", "outcome": "reached" })
            }
            Self::Client => condition(json!({ "any": [
                { "field": "client.class", "op": "eq", "value": "A" },
                { "field": "client.tags", "op": "has", "value": "vip" } ] })),
            Self::ClientCalls => {
                condition(json!({ "field": "client.call_count", "op": "gte", "value": "1" }))
            }
            Self::Demand => json!({ "kind": "primary_demand" }),
        }
    }
}

/// What there has to be of a deal before an operation, in the order in which it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// An owner of its own, from whom it can be handed over.
    Owner,
    HandOver,
    /// Another version of its process than its own.
    Version,
    Draft,
    Holiday,
    Rate,
    /// The task that its gate may wait for.
    Work,
    /// The field is filled.
    Filled,
    Quote,
    SentQuote,
    Invoice,
    /// All of its amount is paid.
    Paid,
    PlannedCall,
    ReachedCall,
    Held,
    Lost,
    /// The review of its loss.
    Review,
    /// Somebody has called whom nobody knows: an entry of the inbox.
    Waiting,
}

impl Need {
    /// What is met by it.
    pub fn meets(self) -> Option<Kind> {
        match self {
            Self::Filled => Some(Kind::Field),
            Self::SentQuote => Some(Kind::Document),
            Self::Paid => Some(Kind::Payment),
            Self::ReachedCall => Some(Kind::Activity),
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
pub enum Body {
    Json(Value),
    Nothing,
    /// A file with its spec.
    Import(String, Value),
}

#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub body: Body,
}

impl Request {
    fn new(method: Method, path: String, body: Value) -> Self {
        Self { method, path, body: Body::Json(body) }
    }

    fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path.into(), body)
    }

    fn patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path.into(), body)
    }

    fn put(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PUT, path.into(), body)
    }

    /// None where there is no whole answer.
    pub async fn send(&self, api: &Api, headers: &[(&str, &str)]) -> Option<Reply> {
        let body = match &self.body {
            Body::Json(body) => Some(body.to_string().into_bytes()),
            Body::Nothing => None,
            Body::Import(file, spec) => return api.try_import(file.clone(), spec).await,
        };
        api.try_send(self.method.clone(), &self.path, headers, body).await
    }
}

/// An operation with what it is to do.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its id in the specification.
    pub id: &'static str,
    pub what: &'static str,
    /// What it meets or unmeets of a gate.
    pub gate: &'static [Kind],
    pub needs: &'static [Need],
    /// Where people move deals; elsewhere it is refused.
    pub by_hand: bool,
    pub request: fn(&Deal) -> Request,
}

impl Operation {
    const fn new(
        id: &'static str,
        what: &'static str,
        gate: &'static [Kind],
        needs: &'static [Need],
        request: fn(&Deal) -> Request,
    ) -> Self {
        Self { id, what, gate, needs, by_hand: false, request }
    }

    pub fn name(&self) -> String {
        format!("{} ({})", self.id, self.what)
    }
}

/// The operations that touch a deal, or what a decision on it looks at.
pub fn all() -> Vec<Operation> {
    [deals::ALL, work::ALL, clients::ALL, processes::ALL].concat()
}

pub fn named(id: &str, what: &str) -> Operation {
    let found = all().into_iter().find(|one| one.id == id && one.what == what);
    found.unwrap_or_else(|| panic!("no {id} ({what})"))
}

/// The writing operations that cannot touch a deal, and why.
const APART: &[(&str, &str)] = &[
    ("createToken", "lets somebody in"),
    ("refreshToken", "lets somebody in"),
    ("revokeToken", "ends a login"),
    ("setPassword", "lets somebody in"),
    ("changePassword", "ends logins"),
    ("createPasswordReset", "lets somebody in"),
    ("createApiKey", "makes a caller"),
    ("createIntegration", "nothing was posted to it yet"),
    ("updateIntegration", "holds for what is posted from now on"),
    ("rotateIntegrationSecret", "changes a secret"),
    ("tryCall", "reads"),
    ("reprocessRawEvents", "what they say is taken in later, as activities"),
    ("revokeApiKey", "ends a caller"),
    ("fetchActivityRecording", "no gate looks at recordings"),
    ("takeOverApiKey", "changes a caller"),
    ("createUser", "nobody has anything yet"),
    ("updateUser", "whom a process could give something is read by its next decision"),
    ("createDepartment", "has no head with deals yet"),
    ("updateDepartment", "who reviews a loss is read by the next decision"),
    ("createClient", "a new client has no deal"),
    ("checkClientDuplicates", "reads"),
    ("searchClients", "reads"),
    ("searchDeals", "reads"),
    ("previewImport", "reads"),
    ("cancelImport", "what an import has written stays"),
    ("createContact", "no gate looks at contacts"),
    ("updateContact", "no gate looks at contacts"),
    ("createSource", "deals keep its id"),
    ("updateSource", "deals keep its id"),
    ("createCompetitor", "deals keep its id"),
    ("updateCompetitor", "deals keep its id"),
    ("createLossReason", "deals keep its id"),
    ("updateLossReason", "deals keep its id"),
    ("createProduct", "demand keeps its id"),
    ("updateProduct", "demand keeps its id"),
    ("createSegment", "a saved question"),
    ("updateSegment", "a saved question"),
    ("createCustomField", "no deal has a value of it yet"),
    ("createDealType", "has no deals yet"),
    ("putProcessDraft", "no deal is on a draft"),
    ("deleteProcessDraft", "no deal is on a draft"),
    ("createFile", "no gate looks at files"),
    ("deleteFile", "no gate looks at files"),
    ("updateJob", "what runs by itself runs as it would"),
    ("createJobRun", "what runs by itself runs sooner"),
    ("dropJobRun", "has failed"),
];

/// A writing operation of a specification: id, method, path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Specified {
    pub id: String,
    pub method: String,
    pub path: String,
}

/// The writing operations of `/v1` in an OpenAPI document.
pub fn specified(document: &Value) -> Vec<Specified> {
    let paths = document["paths"].as_object().expect("paths");
    let mut found = Vec::new();
    // A path with an ending is another form of what is there.
    let own = paths.iter().filter(|(path, _)| path.starts_with("/v1/") && !path.contains('.'));
    for (path, item) in own {
        let writing = |method: &str| ["post", "put", "patch", "delete"].contains(&method);
        for (method, said) in item.as_object().expect("an item") {
            if writing(method) {
                let id = said["operationId"].as_str().expect("an id").to_owned();
                found.push(Specified { id, method: method.to_uppercase(), path: path.clone() });
            }
        }
    }
    found
}

/// What is wrong with the tables, seen from a specification: operations that are in neither or in both,
/// entries of operations that there are no more, requests that are another operation's.
pub fn faults(document: &Value) -> Vec<String> {
    let (specified, touching) = (specified(document), all());
    let mut faults = Vec::new();
    let apart: BTreeSet<_> = APART.iter().map(|(id, _)| *id).collect();
    let within: BTreeSet<_> = touching.iter().map(|one| one.id).collect();
    for Specified { id, .. } in &specified {
        match (within.contains(id.as_str()), apart.contains(id.as_str())) {
            (false, false) => faults.push(format!("{id} is in no table: can it touch a deal?")),
            (true, true) => faults.push(format!("{id} is in both tables")),
            _ => {}
        }
    }
    for id in within.union(&apart) {
        if !specified.iter().any(|one| one.id == *id) {
            faults.push(format!("{id} is not specified"));
        }
    }
    let mut names = BTreeSet::new();
    for one in &touching {
        let request = (one.request)(&Deal::example());
        let fits = |spec: &Specified| {
            let (said, sent) = (spec.path.split('/'), request.path.split('/'));
            let same = |(said, sent): (&str, &str)| said.starts_with('{') || said == sent;
            spec.id == one.id
                && spec.method == request.method.as_str()
                && said.clone().count() == sent.clone().count()
                && said.zip(sent).all(same)
        };
        if !specified.iter().any(fits) {
            faults.push(format!("{} sends {} {}", one.name(), request.method, request.path));
        }
        if !names.insert(one.name()) {
            faults.push(format!("{} is there twice", one.name()));
        }
    }
    faults
}
