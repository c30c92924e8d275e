//! Request bodies: read once, within limits, with a pointer to whatever is wrong.

use std::{future::Future, io::ErrorKind, pin::Pin, time::Duration};

use actix_web::{FromRequest, HttpRequest, dev::Payload, error::PayloadError, http::header, web};
use futures_util::{Stream, StreamExt, stream};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use validator::{Validate, ValidationErrorsKind};
use voronka_domain::kernel::fault::escaped;

use super::problem::Problem;
use crate::state::App;

/// Whoever logs in is a stranger, and has little to say.
const AUTH_LIMIT: usize = 16 << 10;
/// Bytes for which a body has a second more to come.
const SLOWEST: u64 = 32 << 10;

/// A JSON body that has passed its own checks, and the digest of its bytes.
pub struct Body<T> {
    pub value: T,
    pub digest: Vec<u8>,
}

impl<T: DeserializeOwned + Validate + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let json = is_json(request);
        let app = request.app_data::<web::Data<App>>();
        let (limit, patience) = app.map_or((AUTH_LIMIT, Duration::ZERO), |app| {
            let auth = request.path().starts_with("/v1/auth/");
            let limit = if auth { app.body_limit.min(AUTH_LIMIT) } else { app.body_limit };
            (limit, app.body_patience)
        });
        let announced = announced(request);
        let payload = timely(payload.take(), patience);
        Box::pin(async move {
            if !json {
                return Err(Problem::new(
                    "unsupported_media_type",
                    "The body must be application/json.",
                )
                .with("/content-type", "unsupported_media_type", "Send application/json.")
                .at("header"));
            }
            if announced.is_some_and(|length| length > limit as u64) {
                return Err(too_large(limit));
            }
            let bytes = read(payload, limit).await?;
            let value = parse::<T>(&bytes)?;
            value.validate().map_err(|errors| invalid(&errors))?;
            Ok(Self { value, digest: Sha256::digest(&bytes).to_vec() })
        })
    }
}

/// A body of any kind, as it came. It is not long.
pub struct Raw(pub Vec<u8>);

const RAW_LIMIT: usize = 256 << 10;

impl FromRequest for Raw {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let app = request.app_data::<web::Data<App>>();
        let (limit, patience) = app.map_or((AUTH_LIMIT, Duration::ZERO), |app| {
            (app.body_limit.min(RAW_LIMIT), app.body_patience)
        });
        let announced = announced(request);
        let payload = timely(payload.take(), patience);
        Box::pin(async move {
            if announced.is_some_and(|length| length > limit as u64) {
                return Err(too_large(limit));
            }
            Ok(Self(read(payload, limit).await?.to_vec()))
        })
    }
}

fn is_json(request: &HttpRequest) -> bool {
    use actix_web::HttpMessage;
    let kind = request.content_type();
    kind == "application/json" || kind == "application/merge-patch+json"
}

/// How long the body is going to be, where its sender says so.
fn announced(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A body that ends with an error when it takes too long: a while, and longer the more of it has come.
pub fn timely(
    body: impl Stream<Item = Result<web::Bytes, PayloadError>> + Unpin + 'static,
    patience: Duration,
) -> impl Stream<Item = Result<web::Bytes, PayloadError>> + Unpin + 'static {
    let begun = tokio::time::Instant::now();
    let chunks = stream::try_unfold((body, 0_u64), move |(mut body, come)| async move {
        let until = begun + patience + Duration::from_secs(come / SLOWEST);
        match tokio::time::timeout_at(until, body.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(chunk)) => {
                let chunk = chunk?;
                let come = come.saturating_add(chunk.len() as u64);
                Ok(Some((chunk, (body, come))))
            }
            Err(_) => Err(PayloadError::Io(ErrorKind::TimedOut.into())),
        }
    });
    chunks.boxed_local()
}

/// The problem of a body that did not come to its end.
pub fn unread(error: &PayloadError, otherwise: impl FnOnce(String) -> Problem) -> Problem {
    match error {
        PayloadError::Io(error) if error.kind() == ErrorKind::TimedOut => {
            Problem::of("request_timeout")
        }
        error => otherwise(error.to_string()),
    }
}

async fn read(
    mut body: impl Stream<Item = Result<web::Bytes, PayloadError>> + Unpin,
    limit: usize,
) -> Result<web::BytesMut, Problem> {
    let broken = |detail: String| {
        let problem = Problem::new("malformed_json", "The body could not be read.");
        problem.with("", "malformed_json", detail)
    };
    let mut bytes = web::BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| unread(&error, broken))?;
        if bytes.len().saturating_add(chunk.len()) > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

pub fn too_large(limit: usize) -> Problem {
    let detail = format!("A body has at most {limit} bytes.");
    Problem::new("body_too_large", &*detail).with("", "body_too_large", detail.clone())
}

/// JSON to a value; a fault of form is 400, a fault of content 422, each with its pointer.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let malformed = |detail: String| {
        Problem::new("malformed_json", "The body is not JSON.").with("", "malformed_json", detail)
    };
    if has_nul(bytes) {
        return Err(Problem::validation("", "invalid_text", "Texts must not contain NUL."));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(Object(&mut json)).map_err(|error| {
        let pointer = pointer(error.path());
        let cause = error.into_inner();
        let text = cause.to_string();
        // A null in place of a word is JSON all the same, whatever the parser calls it.
        let is_json = || serde_json::from_slice::<serde_json::Value>(bytes).is_ok();
        if !cause.is_data() && !is_json() {
            return malformed(text);
        }
        let text = text.split(" at line ").next().unwrap_or_default().to_owned();
        let named = |prefix: &str| {
            let rest = text.strip_prefix(prefix)?;
            rest.split('`').next().map(|field| format!("{pointer}/{field}"))
        };
        if let Some(pointer) = named("missing field `") {
            return Problem::validation(&pointer, "required", "The field is required.");
        }
        if let Some(field) = named("unknown field `") {
            // The path ends in the unknown field already when serde got that far.
            let doubled = pointer.rsplit_once('/').map_or("", |(_, last)| last);
            let name = field.rsplit_once('/').map_or("", |(_, last)| last);
            let at = if doubled == name { pointer.clone() } else { field.clone() };
            return Problem::validation(&at, "unknown_field", "There is no such field.");
        }
        Problem::validation(&pointer, "invalid_value", text)
    })?;
    json.end().map_err(|error| malformed(error.to_string()))?;
    Ok(value)
}

/// A part of a body, read and checked as if it were one.
pub fn parse_item<T: DeserializeOwned + Validate>(item: &serde_json::Value) -> Result<T, Problem> {
    let value = parse::<T>(item.to_string().as_bytes())?;
    value.validate().map_err(|errors| invalid(&errors))?;
    Ok(value)
}

/// Postgres has no NUL in texts. It is looked for in the raw bytes: `\u0000`, unless its backslash is itself
/// escaped.
fn has_nul(bytes: &[u8]) -> bool {
    let slashes = |at| bytes.iter().take(at).rev().take_while(|byte| **byte == b'\\').count();
    let mut windows = bytes.windows(6).enumerate();
    windows.any(|(at, six)| six == b"\\u0000" && slashes(at) % 2 == 0)
}

/// A body is an object. Serde would also take an array of its fields' values.
struct Object<D>(D);

impl<'de, D: serde::Deserializer<'de>> serde::Deserializer<'de> for Object<D> {
    type Error = D::Error;

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&escaped(key));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// Field checks by attribute. Their parameters, which hold the input, stay out of the answer.
fn invalid(errors: &validator::ValidationErrors) -> Problem {
    let problem = Problem::new("validation_failed", "The request has invalid fields.");
    invalid_within(problem, "", errors)
}

fn invalid_within(
    mut problem: Problem,
    place: &str,
    errors: &validator::ValidationErrors,
) -> Problem {
    let mut fields: Vec<_> = errors.errors().iter().collect();
    fields.sort_by(|a, b| a.0.cmp(b.0));
    for (field, kind) in fields {
        let place = format!("{place}/{field}");
        let faults = match kind {
            ValidationErrorsKind::Field(faults) => faults,
            ValidationErrorsKind::Struct(within) => {
                problem = invalid_within(problem, &place, within);
                continue;
            }
            ValidationErrorsKind::List(items) => {
                for (index, within) in items {
                    problem = invalid_within(problem, &format!("{place}/{index}"), within);
                }
                continue;
            }
        };
        for fault in faults {
            let (code, detail) = match fault.code.as_ref() {
                "length" => ("invalid_length", bounds(fault)),
                "range" => ("out_of_range", bounds(fault)),
                "email" => ("invalid_email", "Not an email address.".to_owned()),
                _ => ("invalid_value", "Not a valid value.".to_owned()),
            };
            problem = problem.with(&place, code, detail);
        }
    }
    problem
}

fn bounds(fault: &validator::ValidationError) -> String {
    let bound = |name| fault.params.get(name).map(ToString::to_string);
    match (bound("min"), bound("max")) {
        (Some(min), Some(max)) => format!("Between {min} and {max}."),
        (Some(min), None) => format!("At least {min}."),
        (None, Some(max)) => format!("At most {max}."),
        (None, None) => "Out of bounds.".to_owned(),
    }
}

/// For a field of a PATCH that cannot be cleared: absent keeps, a value sets, null is refused.
pub fn present<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A field of a PATCH: absent keeps, null clears, a value sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Absent,
    Null,
    Set(T),
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Patch<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Set))
    }
}

impl<T> Patch<T> {
    /// None keeps, `Some(None)` clears.
    pub fn into_option(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }

    pub fn apply(self, field: &mut Option<T>) {
        if let Some(value) = self.into_option() {
            *field = value;
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub fn as_set(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            _ => None,
        }
    }
}
