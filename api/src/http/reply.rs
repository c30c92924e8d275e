//! What an operation answers with.

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use voronka_persistence::{Answer, Error};

/// A status and a body, with what its headers tell.
pub struct Reply<T> {
    status: StatusCode,
    body: Option<T>,
    version: Option<i32>,
    location: Option<String>,
    content_location: Option<String>,
    unfinished: bool,
}

impl<T: Serialize> Reply<T> {
    pub fn ok(body: T) -> Self {
        Self {
            status: StatusCode::OK,
            body: Some(body),
            version: None,
            location: None,
            content_location: None,
            unfinished: false,
        }
    }

    /// The address of what is answered, which may be another than was asked for.
    pub fn at(self, content_location: String) -> Self {
        Self { content_location: Some(content_location), ..self }
    }

    /// A single resource: its version is its ETag.
    pub fn versioned(body: T, version: i32) -> Self {
        Self { version: Some(version), ..Self::ok(body) }
    }

    pub fn created(location: String, body: T, version: i32) -> Self {
        Self {
            status: StatusCode::CREATED,
            location: Some(location),
            ..Self::versioned(body, version)
        }
    }

    pub fn accepted(location: String, body: T) -> Self {
        Self { status: StatusCode::ACCEPTED, location: Some(location), ..Self::ok(body) }
    }

    /// What became of each of many; unfinished if a part is to be carried out by a repetition.
    pub fn multi_status(body: T, unfinished: bool) -> Self {
        Self { status: StatusCode::MULTI_STATUS, unfinished, ..Self::ok(body) }
    }

    /// The answer as a part of another one.
    pub fn into_item(self) -> Result<(u16, Option<Box<RawValue>>), Error> {
        let body = self.body.map(|body| serde_json::value::to_raw_value(&body)).transpose();
        let body = body.map_err(|error| Error::Internal(error.to_string()))?;
        Ok((self.status.as_u16(), body))
    }

    pub fn into_answer(self) -> Result<Answer, Error> {
        let body = self.body.map(|body| serde_json::to_string(&body)).transpose();
        Ok(Answer {
            status: self.status.as_u16(),
            etag: self.version.map(|version| format!("\"{version}\"")),
            location: self.location,
            content_location: self.content_location,
            body: body.map_err(|error| Error::Internal(error.to_string()))?,
            unfinished: self.unfinished,
        })
    }
}
