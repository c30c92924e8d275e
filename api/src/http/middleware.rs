//! Around every request: its id, its log line and figures, its caller, and the body of its problem.

use std::{sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Uri,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use uuid::Uuid;
use voronka_persistence::{Caller, now};

use super::{headers, problem::Problem, unread::Kept, work::block};
use crate::{
    auth::{
        secret::{API_KEY, Secret},
        token::Subject,
    },
    openapi::sheets,
    state::App,
};

/// The id of a request: the caller's own, if it is presentable, or ours.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

fn request_id(request: &HttpRequest) -> String {
    let given = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
    let presentable = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b'"')
    };
    given.filter(presentable).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Outermost: gives the request an id, writes problems, logs and counts.
pub async fn observe(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = request_id(request.request());
    request.extensions_mut().insert(RequestId(id.clone()));
    let kept = Kept::of(&mut request);
    let unanswered = Unanswered { id: &id, method: method(request.request()), started };
    let mut response = next.call(request).await?.map_into_boxed_body();
    std::mem::forget(unanswered);
    if let Some(problem) = problem_of(&response) {
        response = rewrite(response, &problem, &id);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    headers::add(&mut response);
    report(&response, &id, started);
    Ok(response.map_body(|_, body| kept.until_answered(body)))
}

/// A request whose caller has gone before it was answered; by nginx's number for it.
struct Unanswered<'r> {
    id: &'r str,
    method: &'static str,
    started: Instant,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let (request_id, method) = (self.id, self.method);
        let milliseconds = self.started.elapsed().as_secs_f64() * 1_000.0;
        let labels = [("method", method), ("path", "unanswered"), ("status", "499")];
        metrics::counter!("voronka_http_requests_total", &labels).increment(1);
        tracing::info!(request_id, method, status = 499, milliseconds, "request");
    }
}

/// The problem that an error is: ours, or one of the framework's put in our words.
fn problem_of(response: &ServiceResponse<BoxBody>) -> Option<Problem> {
    let error = response.response().error()?;
    if let Some(problem) = error.as_error::<Problem>() {
        return Some(problem.clone());
    }
    Some(match error.as_response_error().status_code().as_u16() {
        413 => Problem::of("body_too_large"),
        415 => Problem::of("unsupported_media_type"),
        404 => Problem::not_found(),
        400..=499 => Problem::new("invalid_parameters", "The request could not be read."),
        _ => {
            tracing::error!(%error, "error of the framework");
            Problem::of("internal_error")
        }
    })
}

/// The problem's own response, with the headers that other middleware has set.
fn rewrite(
    response: ServiceResponse<BoxBody>,
    problem: &Problem,
    id: &str,
) -> ServiceResponse<BoxBody> {
    let mut written = problem.response(id);
    for (name, value) in response.headers() {
        if !written.headers().contains_key(name) && name != header::CONTENT_LENGTH {
            written.headers_mut().append(name.clone(), value.clone());
        }
    }
    response.into_response(written)
}

/// A label stays as long as the process: of methods that somebody makes up, there is one.
fn method(request: &HttpRequest) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let method = request.method().as_str();
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}

fn report(response: &ServiceResponse<BoxBody>, id: &str, started: Instant) {
    let request = response.request();
    let path = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let method = method(request);
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    let labels =
        [("method", method.to_owned()), ("path", path.clone()), ("status", status.to_string())];
    metrics::counter!("voronka_http_requests_total", &labels).increment(1);
    let labels = [("method", method.to_owned()), ("path", path.clone())];
    metrics::histogram!("voronka_http_request_seconds", &labels).record(elapsed.as_secs_f64());
    let extensions = request.extensions();
    let caller = extensions.get::<Arc<Caller>>();
    tracing::info!(
        request_id = id,
        method,
        path,
        status,
        milliseconds = elapsed.as_secs_f64() * 1_000.0,
        workspace_id = caller.map(|caller| caller.workspace_id.to_string()),
        caller_id = caller.map(|caller| caller.id.to_string()),
        "request"
    );
}

/// A path with the ending of a sheet or a picture is that of its operation, with `format`.
pub async fn by_ending(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let meant = sheets::meant(request.method().as_str(), request.path());
    if let Some((path, format)) = meant {
        let query = request.query_string();
        let and = if query.is_empty() { "" } else { "&" };
        let meant = format!("{path}?{query}{and}format={format}");
        let Ok(uri) = meant.parse::<Uri>() else {
            return Ok(request.error_response(Problem::not_found()));
        };
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
    next.call(request).await
}

/// Finds the caller and counts the request against its limit. Who has no token goes on without a
/// caller, and is turned away by the operation.
pub async fn authenticate(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // A frontend may send its expired token along when it exchanges its refresh token.
    if !request.path().starts_with("/v1/") || request.path().starts_with("/v1/auth/") {
        return next.call(request).await;
    }
    let caller = match find_caller(&request).await {
        Ok(caller) => caller,
        Err(problem) => return Ok(request.error_response(problem)),
    };
    let Some(caller) = caller else { return next.call(request).await };
    let allowance = match request.app_data::<web::Data<App>>() {
        Some(app) => app.limits.admit(caller.id),
        None => return Ok(request.error_response(Problem::of("internal_error"))),
    };
    request.extensions_mut().insert(caller);
    let allowance = match allowance {
        Ok(allowance) => allowance,
        Err(problem) => return Ok(request.error_response(problem)),
    };
    let mut response = next.call(request).await?;
    for (name, value) in [("ratelimit-policy", allowance.policy), ("ratelimit", allowance.state)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}

async fn find_caller(request: &ServiceRequest) -> Result<Option<Arc<Caller>>, Problem> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim().to_owned());
    let (Some(token), Some(app)) = (token, request.app_data::<web::Data<App>>().cloned()) else {
        return Err(super::call::unauthenticated());
    };
    if let Some(caller) = kept_caller(&app, &token) {
        return Ok(Some(caller));
    }
    let found = block(move || caller_of(&app, &token)).await?;
    found.map(Some).ok_or_else(super::call::unauthenticated)
}

/// A caller who was here a moment ago is known without waiting for the database.
fn kept_caller(app: &App, token: &str) -> Option<Arc<Caller>> {
    if token.starts_with(API_KEY) {
        return app.store.kept_key(&Secret::parse(API_KEY, token)?.hash(), now());
    }
    let (workspace_id, user_id, version) = app.tokens.verify_own(token)?;
    app.store.kept_user(workspace_id, user_id).filter(|caller| caller.token_version == version)
}

fn caller_of(app: &App, token: &str) -> Result<Option<Arc<Caller>>, voronka_persistence::Error> {
    if token.starts_with(API_KEY) {
        let Some(key) = Secret::parse(API_KEY, token) else { return Ok(None) };
        return app.store.key_caller(key.workspace_id, key.id, &key.hash(), now());
    }
    match app.tokens.verify(token) {
        None => Ok(None),
        Some(Subject::User { workspace_id, user_id, token_version }) => {
            let kept = app.store.kept_user(workspace_id, user_id);
            // Another server has ended the tokens before this one.
            if kept.is_some_and(|kept| token_version.is_some_and(|own| own > kept.token_version)) {
                app.store.forget_user(user_id);
            }
            let caller = app.store.user_caller(workspace_id, user_id)?;
            Ok(caller.filter(|one| token_version.is_none_or(|own| own == one.token_version)))
        }
        Some(Subject::Email { workspace_id, email }) => {
            let users = voronka_persistence::people::users::by_email(&app.store, &email)?;
            let account = users.into_iter().find(|one| one.workspace_id == workspace_id);
            match account {
                Some(account) => app.store.user_caller(workspace_id, account.user.id),
                None => Ok(None),
            }
        }
    }
}
