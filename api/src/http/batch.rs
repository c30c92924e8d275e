//! Many commands in one request: each stands or falls by itself, or all together.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use voronka_domain::{Fault, Refusal};
use voronka_persistence::{Error, Unit};

use super::{
    call::Reply,
    problem::{Problem, ProblemError},
};

/// Most commands in a request.
pub const MOST: usize = 1_000;

/// Why a command of a batch was refused.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchProblem {
    #[serde(rename = "type")]
    #[schema(example = "urn:voronka:problem:validation_failed")]
    pub kind: String,
    #[schema(example = "Validation failed")]
    pub title: String,
    /// Stable code, for programs.
    #[schema(example = "validation_failed")]
    pub code: String,
    /// What happened, for a person.
    #[schema(example = "The request has invalid fields.")]
    pub detail: String,
    /// Every fault with its place in the item.
    pub errors: Vec<ProblemError>,
}

/// What became of a command of a batch.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchItem {
    /// Its place in the request, from 0.
    #[schema(example = 0)]
    pub index: usize,
    /// As the operation itself would have answered.
    #[schema(example = 201)]
    pub status: u16,
    /// What the operation itself would have answered; null where it was refused.
    #[schema(value_type = Option<Object>, example = json!({"id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "version": 1}))]
    pub body: Option<Value>,
    /// Why it was refused; null where it was not.
    pub problem: Option<BatchProblem>,
}

/// What became of each command, in their order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BatchResult {
    pub items: Vec<BatchItem>,
}

/// Refuses a batch that is empty or too long.
pub fn check_length(items: &[Value]) -> Result<(), Error> {
    match items.len() {
        0 => Err(Error::invalid("/items", "required", "At least one item.")),
        1..=MOST => Ok(()),
        _ => Err(Error::invalid("/items", "too_many", format!("At most {MOST} items."))),
    }
}

/// Carries out the commands one after the other. What is refused leaves nothing behind. `atomic`: a refusal
/// of one refuses all, with the faults of every one.
pub fn run<T: Serialize>(
    unit: &mut Unit<'_>,
    atomic: bool,
    items: Vec<Value>,
    mut command: impl FnMut(&mut Unit<'_>, Value) -> Result<Reply<T>, Problem>,
) -> Result<Reply<BatchResult>, Error> {
    let mut faults = Vec::new();
    let mut results = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let outcome = unit.attempt(|unit| command(unit, item)?.into_item().map_err(Problem::from));
        match outcome {
            Ok((status, body)) => {
                results.push(BatchItem { index, status, body, problem: None });
            }
            // Not the item's fault, and nothing to be read item by item.
            Err(problem) if problem.code() == "internal_error" => {
                return Err(Error::Internal(format!("item {index} of a batch failed")));
            }
            Err(problem) if atomic => faults.extend(faults_of(index, &problem)),
            Err(problem) => results.push(refused(index, &problem)),
        }
    }
    if faults.is_empty() {
        return Ok(Reply::multi_status(BatchResult { items: results }));
    }
    Err(Error::Refused(Refusal::Invalid(faults)))
}

fn faults_of(index: usize, problem: &Problem) -> Vec<Fault> {
    let at = |pointer: &str| format!("/items/{index}{pointer}");
    match problem.faults() {
        [] => vec![Fault::new(at(""), problem.code(), problem.detail())],
        faults => faults
            .iter()
            .map(|fault| Fault::new(at(&fault.pointer), fault.code, fault.detail.as_str()))
            .collect(),
    }
}

fn refused(index: usize, problem: &Problem) -> BatchItem {
    let body = problem.body("");
    let problem = BatchProblem {
        kind: body.kind,
        title: body.title,
        code: body.code,
        detail: body.detail,
        errors: body.errors,
    };
    BatchItem { index, status: body.status, body: None, problem: Some(problem) }
}

/// Takes a field out of an item, read as what it has to be; null is as good as absent.
pub fn take<T: serde::de::DeserializeOwned>(
    item: &mut Value,
    name: &'static str,
) -> Result<Option<T>, Problem> {
    let Some(fields) = item.as_object_mut() else {
        return Err(Problem::validation("", "invalid_value", "An item is an object."));
    };
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value).map(Some).map_err(|error| {
            Problem::validation(&format!("/{name}"), "invalid_value", error.to_string())
        }),
    }
}

/// A field that an item cannot do without.
pub fn required<T>(field: Option<T>, name: &str) -> Result<T, Problem> {
    field.ok_or_else(|| {
        Problem::validation(&format!("/{name}"), "required", "The field is required.")
    })
}
