//! What browsers are told about every answer.

use actix_web::{
    body::BoxBody,
    dev::ServiceResponse,
    http::header::{self, HeaderName, HeaderValue},
};

const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_FRAMES: HeaderValue = HeaderValue::from_static("DENY");
/// The page of the documentation, with the styles that Swagger UI writes into it.
const DOCS: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Whatever else is shown by itself, a picture above all, runs nothing and is part of no other page.
const NOTHING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
);

/// Adds the headers that an answer does not have yet.
pub fn add(response: &mut ServiceResponse<BoxBody>) {
    let path = response.request().path();
    let (docs, private) = (path.starts_with("/docs"), path.starts_with("/v1/"));
    let name = file_name(response);
    let headers = response.headers_mut();
    let mut add = |name: HeaderName, value: HeaderValue| {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    };
    add(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    add(header::X_FRAME_OPTIONS, NO_FRAMES);
    add(header::CONTENT_SECURITY_POLICY, if docs { DOCS } else { NOTHING });
    if private {
        add(header::CACHE_CONTROL, NO_STORE);
    }
    let disposition = name.map(|name| format!("attachment; filename=\"{name}\""));
    if let Some(value) = disposition.and_then(|text| HeaderValue::from_str(&text).ok()) {
        add(header::CONTENT_DISPOSITION, value);
    }
}

/// The name by which a sheet is saved, after its path: `funnel-closed.csv`.
fn file_name(response: &ServiceResponse<BoxBody>) -> Option<String> {
    let kind = response.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let extension = if kind.starts_with("text/csv") {
        "csv"
    } else if kind.contains("spreadsheetml") {
        "xlsx"
    } else {
        return None;
    };
    let pattern = response.request().match_pattern()?;
    let own =
        |part: &&str| !part.is_empty() && !part.contains('{') && !["v1", "reports"].contains(part);
    let parts: Vec<_> =
        pattern.split('/').filter(own).map(|part| part.trim_end_matches(".csv")).collect();
    Some(format!("{}.{extension}", parts.join("-")))
}
