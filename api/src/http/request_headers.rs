//! Headers of requests: the key of a command, and the versions that a caller has seen.

use std::str::FromStr;

use actix_web::{
    HttpRequest,
    http::header::{self, EntityTag},
};
use voronka_domain::Fault;
use voronka_persistence::Seen;

use super::problem::Problem;

pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub fn header_text(request: &HttpRequest, name: &str) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get(name) else { return Ok(None) };
    value
        .to_str()
        .map(|text| Some(text.to_owned()))
        .map_err(|_| invalid_header(name, "Only visible ASCII characters are taken."))
}

fn invalid_header(name: &str, detail: &str) -> Problem {
    let fault = Fault::new(format!("/{name}"), "invalid_header", detail);
    Problem::invalid_parameters(vec![fault]).at("header")
}

pub fn check_key(key: String) -> Result<String, Problem> {
    if key.trim().is_empty() || key.len() > 255 {
        return Err(invalid_header(IDEMPOTENCY_KEY, "1 to 255 characters."));
    }
    Ok(key)
}

/// `"3"`, `W/"3"` and 3 are version 3, `*` is any; of a list, any will do.
pub fn versions(tags: &str) -> Result<Option<Seen>, Problem> {
    if tags.trim() == "*" {
        return Ok(None);
    }
    let version = |tag: &str| {
        let tag = tag.trim();
        let known = EntityTag::from_str(tag).map(|tag| tag.tag().to_owned());
        // An ETag that we never gave is that of no version.
        known.as_deref().unwrap_or(tag).parse().unwrap_or(-1)
    };
    let versions: Vec<i32> = tags.split(',').map(version).collect();
    let seen = Seen::any_of(&versions);
    let detail = format!("At most {} ETags.", Seen::MOST);
    seen.map(Some).ok_or_else(|| invalid_header(header::IF_MATCH.as_str(), &detail))
}

/// `If-None-Match` lists the ETag, weak or not, or is `*`.
pub fn is_known(etag: &str, if_none_match: Option<&str>) -> bool {
    let mut tags = if_none_match.unwrap_or_default().split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}
