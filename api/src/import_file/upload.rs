//! A file on its way in, with what is sent beside it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, Write},
};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{HttpMessage, HttpRequest, web};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use voronka_persistence::Error;

use crate::{
    http::{
        Problem,
        body::{timely, too_large, unread},
    },
    state::App,
};

/// A piece of a file, as it is kept.
const PIECE: u64 = 1 << 20;
/// A part that is no file.
const LONGEST_PART: usize = 1 << 20;

/// A file on disk, so that its size costs no memory.
pub struct Upload {
    pub file: File,
    pub name: Option<String>,
    pub size: usize,
    parts: BTreeMap<String, Vec<u8>>,
    digest: Sha256,
}

impl Upload {
    /// Of everything that was sent.
    pub fn digest(&self) -> Vec<u8> {
        self.digest.clone().finalize().to_vec()
    }

    /// A part that has to be there.
    pub fn part(&self, name: &str) -> Result<Vec<u8>, Problem> {
        self.parts.get(name).cloned().ok_or_else(|| missing(name))
    }

    /// A part of text that may be there.
    pub fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        let Some(bytes) = self.parts.get(name) else { return Ok(None) };
        let text = String::from_utf8(bytes.clone()).map_err(|_| {
            Problem::validation(&format!("/{name}"), "invalid_text", "The part is not UTF-8.")
        })?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    async fn take(&mut self, mut part: Field, name: &str, limit: usize) -> Result<(), Problem> {
        while let Some(bytes) = part.next().await {
            let bytes = bytes.map_err(|error| unread_part(&error))?;
            self.digest.update(&bytes);
            if let Some(part) = self.parts.get_mut(name) {
                if part.len() + bytes.len() > LONGEST_PART {
                    return Err(too_large(LONGEST_PART));
                }
                part.extend_from_slice(&bytes);
            } else {
                self.size += bytes.len();
                if self.size > limit {
                    return Err(too_large(limit));
                }
                self.file.write_all(&bytes).map_err(|error| not_kept(&error))?;
            }
        }
        Ok(())
    }
}

fn missing(name: &str) -> Problem {
    Problem::validation(&format!("/{name}"), "required", "The part is missing.")
}

fn broken(detail: String) -> Problem {
    Problem::validation("", "invalid_multipart", detail)
}

fn unread_part(error: &MultipartError) -> Problem {
    match error {
        MultipartError::Payload(error) => unread(error, broken),
        error => broken(error.to_string()),
    }
}

/// There is no room for the file while it is looked at.
fn not_kept(error: &io::Error) -> Problem {
    tracing::warn!(%error, "a file cannot be kept");
    Error::Disk(error.to_string()).into()
}

/// Takes the part `file`, and the parts that are named in `others`.
pub async fn receive(
    request: &HttpRequest,
    payload: web::Payload,
    app: &App,
    others: &[&str],
) -> Result<Upload, Problem> {
    if request.content_type() != "multipart/form-data" {
        return Err(Problem::new("unsupported_media_type", "Send multipart/form-data.")
            .with("/content-type", "unsupported_media_type", "Send multipart/form-data.")
            .at("header"));
    }
    let file = tempfile::tempfile().map_err(|error| not_kept(&error))?;
    let parts = BTreeMap::new();
    let mut upload = Upload { file, name: None, size: 0, parts, digest: Sha256::new() };
    let mut has_file = false;
    let mut sent = Multipart::new(request.headers(), timely(payload, app.body_patience));
    while let Some(part) = sent.next().await {
        let part = part.map_err(|error| unread_part(&error))?;
        let disposition = part.content_disposition();
        let name = disposition.and_then(|d| d.get_name()).unwrap_or_default().to_owned();
        let file_name = disposition.and_then(|d| d.get_filename()).map(str::to_owned);
        upload.digest.update(&name);
        if name == "file" && has_file || upload.parts.contains_key(&name) {
            let detail = "Each part is sent once.";
            return Err(Problem::validation(&format!("/{name}"), "duplicate", detail));
        }
        if name == "file" {
            has_file = true;
            upload.name = file_name.map(|name| name.replace('\0', "").chars().take(255).collect());
        } else if others.contains(&name.as_str()) {
            upload.parts.insert(name.clone(), Vec::new());
        } else {
            let detail = format!("The parts are file, {}.", others.join(", "));
            return Err(Problem::validation(&format!("/{name}"), "unknown_field", detail));
        }
        upload.take(part, &name, app.import_limit).await?;
    }
    if has_file { Ok(upload) } else { Err(missing("file")) }
}

/// The file in pieces, from its beginning.
pub fn pieces(mut file: &File) -> Result<impl Iterator<Item = io::Result<Vec<u8>>>, Error> {
    file.rewind().map_err(|error| Error::Internal(error.to_string()))?;
    Ok(std::iter::from_fn(move || {
        let mut piece = Vec::new();
        let count = Read::by_ref(&mut file).take(PIECE).read_to_end(&mut piece);
        count.map(|count| (count > 0).then_some(piece)).transpose()
    }))
}
