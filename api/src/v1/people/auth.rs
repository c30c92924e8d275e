//! Logging in: a short access token, and a refresh token that is used once.

use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_persistence::{
    Error, now,
    people::{
        refresh_tokens::{Redeemed, RefreshToken},
        users,
    },
};

use crate::{
    auth::{
        password,
        secret::{REFRESH_TOKEN, Secret},
    },
    http::{Body, Problem, Responded, call::no_parameters, work::block},
    state::App,
};

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "admin@demo.example", "password": "correct horse battery staple"}))]
pub struct Login {
    #[validate(length(min = 3, max = 320))]
    #[schema(min_length = 3, max_length = 320)]
    pub email: String,
    #[validate(length(min = 1, max = crate::http::limits::SECRET))]
    #[schema(min_length = 1, max_length = 1024)]
    pub password: String,
    /// Where the same email and password fit several workspaces: which one.
    pub workspace_id: Option<Uuid>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "vr_AZm..."}))]
pub struct Refresh {
    #[validate(length(min = 1, max = crate::http::limits::SECRET))]
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
/// Answers a short-lived access token and a refresh token. Tries that fail are limited by email and address.
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
    let address = app.addresses.client(&request);
    let attempt = app.tries.of_login(&body.value.email, address)?;
    let hash = app.addresses.hash(address);
    let outcome = log_in(&app, body.value, hash, attempt.wait.is_some()).await;
    if !matches!(outcome, Ok(None)) {
        app.tries.give_back(&attempt);
    }
    outcome?.map(respond).ok_or_else(|| attempt.refusal())
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

pub(super) fn respond(pair: TokenPair) -> HttpResponse {
    HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(pair)
}

/// Of no account, none. `only_known` are those who have logged in from the address before.
async fn log_in(
    app: &web::Data<App>,
    login: Login,
    address_hash: Vec<u8>,
    only_known: bool,
) -> Result<Option<TokenPair>, Problem> {
    let Login { email, password, workspace_id } = login;
    let (theirs, hash) = (app.clone(), address_hash.clone());
    let accounts = block(move || match only_known {
        true => users::by_email_and_address(&theirs.store, &email, &hash),
        false => users::by_email(&theirs.store, &email),
    })
    .await?;
    if only_known && accounts.is_empty() {
        return Ok(None);
    }
    let turn = app.turns.turn(waiter(&accounts, only_known, &address_hash)).await?;
    let opened = block(move || {
        let fits = |hash: &str| password::verify(&password, hash, &turn);
        Ok(password::opened(accounts, workspace_id, fits))
    });
    let mut opened = opened.await?;
    if opened.len() > 1 {
        let detail = "The login fits several workspaces; name one.";
        return Err(Problem::validation("/workspace_id", "required", detail));
    }
    let (Some(account), app) = (opened.pop(), app.clone()) else { return Ok(None) };
    block(move || {
        let (token, row) =
            new_login(&app, account.workspace_id, account.user.id, account.token_version);
        app.store.keep_login(&row, &address_hash)?;
        pair(&app, &row, token)
    })
    .await
    .map(Some)
}

/// For whom a turn is taken: for the workspace, where they have logged in from the address before, and otherwise for
/// the address.
fn waiter(accounts: &[users::Account], known: bool, address_hash: &[u8]) -> Uuid {
    let workspace = accounts.first().filter(|_| known).map(|account| account.workspace_id);
    let address = || address_hash.first_chunk().map_or(Uuid::nil(), |half| Uuid::from_bytes(*half));
    workspace.unwrap_or_else(address)
}

/// The first refresh token of a login, and what is kept of it.
pub(super) fn new_login(
    app: &App,
    workspace_id: Uuid,
    user_id: Uuid,
    token_version: i32,
) -> (Secret, RefreshToken) {
    let token = Secret::generate(REFRESH_TOKEN, workspace_id, Uuid::now_v7());
    let row = refresh_row(app, &token, Uuid::now_v7(), user_id, token_version);
    (token, row)
}

fn refresh_row(
    app: &App,
    token: &Secret,
    family_id: Uuid,
    user_id: Uuid,
    token_version: i32,
) -> RefreshToken {
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
        token_version,
    }
}

enum Exchanged {
    Pair(Box<TokenPair>),
    Reused,
    Refused,
}

fn exchange(app: &App, old: &Secret) -> Result<Exchanged, Error> {
    let next = Secret::generate(REFRESH_TOKEN, old.workspace_id, Uuid::now_v7());
    let successor = |used: &RefreshToken| {
        refresh_row(app, &next, used.family_id, used.user_id, used.token_version)
    };
    let redeemed = app.store.redeem(old.workspace_id, old.id, &old.hash(), now(), successor)?;
    let used = match redeemed {
        Redeemed::Good(token) => token,
        Redeemed::Reused => return Ok(Exchanged::Reused),
        Redeemed::Unknown => return Ok(Exchanged::Refused),
    };
    if app.store.user_caller(old.workspace_id, used.user_id)?.is_none() {
        return Ok(Exchanged::Refused);
    }
    Ok(Exchanged::Pair(Box::new(pair(app, &used, next)?)))
}

/// The tokens of a login, one of whose refresh tokens is kept.
pub(super) fn pair(app: &App, login: &RefreshToken, refresh: Secret) -> Result<TokenPair, Error> {
    let RefreshToken { workspace_id, user_id, token_version, .. } = *login;
    Ok(TokenPair {
        access_token: app.tokens.issue(workspace_id, user_id, token_version, now())?,
        token_type: "Bearer".to_owned(),
        expires_in: app.tokens.access_seconds,
        refresh_token: refresh.text,
        workspace_id,
        user_id,
    })
}
