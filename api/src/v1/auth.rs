//! Logging in: a short access token, and a refresh token that is used once.

use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_persistence::{
    Error, now,
    refresh_tokens::{Redeemed, RefreshToken},
    users,
};

use crate::{
    auth::{
        password,
        secret::{REFRESH_TOKEN, Secret},
    },
    http::{
        Body, Problem, Responded,
        call::{block, no_parameters},
    },
    state::App,
};

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "admin@demo.example", "password": "correct horse battery staple"}))]
pub struct Login {
    #[validate(length(min = 3, max = 320))]
    #[schema(min_length = 3, max_length = 320)]
    pub email: String,
    #[validate(length(min = 1, max = 1024))]
    #[schema(min_length = 1, max_length = 1024)]
    pub password: String,
    /// Where the same email and password fit several workspaces: which one.
    pub workspace_id: Option<Uuid>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "vr_AZm..."}))]
pub struct Refresh {
    #[validate(length(min = 1, max = 1024))]
    #[schema(min_length = 1, max_length = 1024)]
    pub refresh_token: String,
}

/// Tokens of a login.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenPair {
    /// For the header `Authorization: Bearer`.
    #[schema(example = "eyJhbGciOiJIUzI1NiJ9...")]
    pub access_token: String,
    #[schema(example = "Bearer")]
    pub token_type: String,
    /// Seconds that the access token is good for.
    #[schema(example = 900)]
    pub expires_in: i64,
    /// Good for one exchange. A second use ends the login.
    #[schema(example = "vr_AZm...")]
    pub refresh_token: String,
    pub workspace_id: Uuid,
    pub user_id: Uuid,
}

/// Log in by email and password
///
/// Answers a short-lived access token and a refresh token. Tries are limited by email and by address.
/// An `Idempotency-Key` is taken and has no effect: secrets are not kept.
#[utoipa::path(tag = "Authentication", operation_id = "createToken",
    request_body = Login,
    responses((status = 200, description = "The tokens.", body = TokenPair)))]
#[post("/v1/auth/token")]
pub async fn create_token(
    app: web::Data<App>,
    request: HttpRequest,
    body: Body<Login>,
) -> Responded {
    no_parameters(request.query_string())?;
    let login = body.value;
    app.limits.admit_login(&login.email, request.peer_addr().map(|peer| peer.ip()))?;
    let pair = block(move || log_in(&app, &login)).await?;
    pair.map(respond).ok_or_else(|| Problem::of("invalid_credentials"))
}

/// Exchange a refresh token
///
/// Answers new tokens; the old refresh token is used up. A refresh token that comes a second time has
/// been stolen or lost: the whole login ends, for both.
#[utoipa::path(tag = "Authentication", operation_id = "refreshToken",
    request_body = Refresh,
    responses((status = 200, description = "The new tokens.", body = TokenPair)))]
#[post("/v1/auth/refresh")]
pub async fn refresh_token(
    app: web::Data<App>,
    request: HttpRequest,
    body: Body<Refresh>,
) -> Responded {
    no_parameters(request.query_string())?;
    let secret = Secret::parse(REFRESH_TOKEN, &body.value.refresh_token);
    let secret = secret.ok_or_else(|| Problem::of("invalid_credentials"))?;
    let outcome = block(move || exchange(&app, &secret)).await?;
    match outcome {
        Exchanged::Pair(pair) => Ok(respond(*pair)),
        Exchanged::Reused => Err(Problem::of("refresh_token_reused")),
        Exchanged::Refused => Err(Problem::of("invalid_credentials")),
    }
}

/// Log out
///
/// Ends the login that the refresh token belongs to. An unknown token is no error: it is ended already.
#[utoipa::path(tag = "Authentication", operation_id = "revokeToken",
    request_body = Refresh,
    responses((status = 204, description = "The login has ended.")))]
#[post("/v1/auth/revoke")]
pub async fn revoke_token(
    app: web::Data<App>,
    request: HttpRequest,
    body: Body<Refresh>,
) -> Responded {
    no_parameters(request.query_string())?;
    if let Some(secret) = Secret::parse(REFRESH_TOKEN, &body.value.refresh_token) {
        let (workspace, id, hash) = (secret.workspace_id, secret.id, secret.hash());
        block(move || app.store.revoke_refresh_token(workspace, id, &hash, now())).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

fn respond(pair: TokenPair) -> HttpResponse {
    HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(pair)
}

fn log_in(app: &App, login: &Login) -> Result<Option<TokenPair>, Error> {
    let found = users::by_email(&app.store, &login.email)?;
    let has_password = |(_, user): &(Uuid, users::User)| user.password_hash.is_some();
    if !found.iter().any(has_password) {
        password::pretend(&login.password);
    }
    let fits = |hash: &Option<String>| {
        hash.as_ref().is_some_and(|hash| password::verify(&login.password, hash))
    };
    let mut fitting: Vec<_> = found
        .into_iter()
        .filter(|(workspace, _)| login.workspace_id.is_none_or(|wanted| wanted == *workspace))
        .filter(|(_, user)| fits(&user.password_hash))
        .collect();
    if fitting.len() > 1 {
        let detail = "The login fits several workspaces; name one.";
        return Err(Error::invalid("/workspace_id", "required", detail));
    }
    let Some((workspace_id, user)) = fitting.pop() else { return Ok(None) };
    let token = Secret::generate(REFRESH_TOKEN, workspace_id, Uuid::now_v7());
    app.store.keep_refresh_token(&refresh_row(app, &token, Uuid::now_v7(), user.id))?;
    pair(app, workspace_id, user.id, token).map(Some)
}

fn refresh_row(app: &App, token: &Secret, family_id: Uuid, user_id: Uuid) -> RefreshToken {
    let created_at = now();
    RefreshToken {
        workspace_id: token.workspace_id,
        id: token.id,
        family_id,
        user_id,
        token_hash: token.hash(),
        expires_at: created_at
            .checked_add_signed(TimeDelta::seconds(app.tokens.refresh_seconds))
            .unwrap_or(created_at),
        used_at: None,
        revoked_at: None,
        created_at,
    }
}

enum Exchanged {
    Pair(Box<TokenPair>),
    Reused,
    Refused,
}

fn exchange(app: &App, old: &Secret) -> Result<Exchanged, Error> {
    let next = Secret::generate(REFRESH_TOKEN, old.workspace_id, Uuid::now_v7());
    let successor = |used: &RefreshToken| refresh_row(app, &next, used.family_id, used.user_id);
    let redeemed = app.store.redeem(old.workspace_id, old.id, &old.hash(), now(), successor)?;
    let user_id = match redeemed {
        Redeemed::Good(token) => token.user_id,
        Redeemed::Reused => return Ok(Exchanged::Reused),
        Redeemed::Unknown => return Ok(Exchanged::Refused),
    };
    if app.store.user_caller(old.workspace_id, user_id)?.is_none() {
        return Ok(Exchanged::Refused);
    }
    let pair = pair(app, old.workspace_id, user_id, next)?;
    Ok(Exchanged::Pair(Box::new(pair)))
}

fn pair(app: &App, workspace_id: Uuid, user_id: Uuid, refresh: Secret) -> Result<TokenPair, Error> {
    Ok(TokenPair {
        access_token: app.tokens.issue(workspace_id, user_id, now())?,
        token_type: "Bearer".to_owned(),
        expires_in: app.tokens.access_seconds,
        refresh_token: refresh.text,
        workspace_id,
        user_id,
    })
}
