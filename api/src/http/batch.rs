//! Many commands in one request: each stands or falls by itself, or all together.

use std::{thread, time::Duration};

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;
use voronka_domain::{Fault, Refusal};
use voronka_persistence::{Answer, Error, Passing, Seen, Unit};

use super::{
    problem::{Problem, ProblemError},
    reply::Reply,
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
    pub body: Option<Box<RawValue>>,
    /// Why it was refused; null where it was not.
    pub problem: Option<BatchProblem>,
}

impl BatchItem {
    fn is_unfinished(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }
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

/// Why a command of a batch was not carried out.
pub enum Failure {
    Refused(Problem),
    /// Not the command's own fault.
    Failed(Error),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Internal(_) | Error::Database(_) => Self::Failed(error),
            error if error.passing().is_some() => Self::Failed(error),
            error => Self::Refused(error.into()),
        }
    }
}

/// Holds what the items name before the first of them, in the order in which everything is held. Where others are
/// in the way, each item is tried for itself; where they held something for as long as one waits, none waits again.
pub fn hold(
    unit: &mut Unit<'_>,
    all: impl FnOnce(&mut Unit<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    match unit.attempt(all) {
        Err(Error::Busy) => unit.hurry(),
        Err(Error::Collision | Error::TookTooLong) => Ok(()),
        held => held,
    }
}

/// Carries out the commands one after the other. What is refused leaves nothing behind. `atomic`: a refusal
/// of one refuses all, with the faults of every one. What others were in the way of is answered with 503, and
/// carried out where the same request comes again under its key.
pub fn run<T: Serialize>(
    unit: &mut Unit<'_>,
    atomic: bool,
    items: Vec<Value>,
    mut command: impl FnMut(&mut Unit<'_>, Value) -> Result<Reply<T>, Failure>,
) -> Result<Reply<BatchResult>, Error> {
    let mut answered = answered(unit.unfinished.take())?.into_iter();
    let (mut faults, mut patience) = (Vec::new(), PATIENCE);
    let mut results = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        if let Some(before) = answered.next().filter(|before| !before.is_unfinished()) {
            results.push(before);
            continue;
        }
        unit.wait_for_the_rest()?;
        let outcome = patiently(&mut patience, || {
            unit.attempt(|unit| command(unit, item.clone())?.into_item().map_err(Failure::from))
        });
        match outcome {
            Ok((status, body)) => {
                results.push(BatchItem { index, status, body, problem: None });
            }
            // Nobody else's fault, and nothing to be read item by item.
            Err(Failure::Failed(error)) if atomic || !is_of_one(&error) => return Err(error),
            Err(Failure::Failed(error)) => {
                // One item has waited for all of them: meanwhile the batch holds what others need.
                if matches!(error, Error::Busy) {
                    unit.hurry()?;
                }
                results.push(refused(index, &error.into()));
            }
            Err(Failure::Refused(problem)) if atomic => faults.extend(faults_of(index, &problem)),
            Err(Failure::Refused(problem)) => results.push(refused(index, &problem)),
        }
    }
    if !faults.is_empty() {
        return Err(Error::Refused(Refusal::Invalid(faults)));
    }
    let unfinished = results.iter().any(BatchItem::is_unfinished);
    Ok(Reply::multi_status(BatchResult { items: results }, unfinished))
}

/// What the commands were answered when the request came before.
fn answered(before: Option<Answer>) -> Result<Vec<BatchItem>, Error> {
    let Some(body) = before.and_then(|answer| answer.body) else { return Ok(Vec::new()) };
    let before: BatchResult =
        serde_json::from_str(&body).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(before.items)
}

/// How often a command that collided is tried, and how many more tries all commands of a batch have together.
const TRIES: u32 = 3;
const PATIENCE: u32 = 6;
const PAUSE: Duration = Duration::from_millis(20);

/// Others are in the way of one command, and may not be in that of the next one.
fn is_of_one(error: &Error) -> bool {
    matches!(error.passing(), Some(Passing::Collision | Passing::Locks | Passing::Time))
}

fn collided(error: &Error) -> bool {
    error.passing() == Some(Passing::Collision)
}

/// Tries a command again if others were in its way: what it had locked meanwhile was let go.
fn patiently<T>(
    patience: &mut u32,
    mut attempt: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    for tried in 1..TRIES {
        match attempt() {
            Err(Failure::Failed(error)) if collided(&error) && *patience > 0 => {
                *patience -= 1;
                thread::sleep(PAUSE * tried);
            }
            done => return done,
        }
    }
    attempt()
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

/// The version of its thing that the caller has seen.
pub fn version(item: &mut Value) -> Result<Option<Seen>, Problem> {
    Ok(take::<i32>(item, "version")?.map(Seen::from))
}

/// A field that an item cannot do without.
pub fn required<T>(field: Option<T>, name: &str) -> Result<T, Problem> {
    field.ok_or_else(|| {
        Problem::validation(&format!("/{name}"), "required", "The field is required.")
    })
}
