//! Passwords: one's own, and those that are set by a one-time token.

use std::sync::Arc;

use actix_web::{HttpRequest, post, put, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::people::password;
use voronka_persistence::{
    Answer, Caller, Error, Noun, Tenant, Unit, again, now,
    people::{
        password_resets::{self, PasswordReset},
        refresh_tokens,
        users::{self, User},
    },
};

use crate::{
    auth::{
        password::verify,
        secret::{PASSWORD_TOKEN, Secret},
    },
    http::{
        Body, Call, Id, Problem, Reply, Responded,
        call::{UsersRead, UsersWrite, no_parameters, with_secret},
        work::block,
    },
    state::App,
    v1::people::auth::{TokenPair, new_login, pair, respond},
};

/// How long a one-time token is good for.
const RESET_HOURS: i64 = 72;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"current_password": "twelve blue herons", "new_password": "eleven grey geese"}))]
pub struct PasswordChange {
    #[validate(length(min = 1, max = crate::http::limits::SECRET))]
    #[schema(min_length = 1, max_length = 1024)]
    pub current_password: String,
    #[validate(length(min = crate::http::limits::SHORTEST_PASSWORD, max = crate::http::limits::SECRET))]
    #[schema(min_length = 10, max_length = 1024)]
    pub new_password: String,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "vp_AZm...", "new_password": "eleven grey geese"}))]
pub struct PasswordByToken {
    #[validate(length(min = 1, max = crate::http::limits::SECRET))]
    #[schema(min_length = 1, max_length = 1024)]
    pub token: String,
    #[validate(length(min = crate::http::limits::SHORTEST_PASSWORD, max = crate::http::limits::SECRET))]
    #[schema(min_length = 10, max_length = 1024)]
    pub new_password: String,
}

/// A one-time token by which a user sets a password.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PasswordReset)]
pub struct PasswordResetBody {
    pub user_id: Uuid,
    /// For `POST /v1/auth/password`. Shown once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "vp_AZm...", nullable = false)]
    pub token: Option<String>,
    /// When the token stops being taken.
    pub expires_at: DateTime<Utc>,
}

/// What is kept of a one-time token.
pub fn new_reset(token: &Secret, unit: &Unit<'_>) -> PasswordReset {
    let now = unit.now;
    PasswordReset {
        user_id: token.id,
        token_hash: token.hash(),
        expires_at: now.checked_add_signed(TimeDelta::hours(RESET_HOURS)).unwrap_or(now),
        created_at: now,
        made_by: serde_json::to_value(unit.actor).ok(),
    }
}

/// Change one's own password
///
/// Ends all tokens of the user; the answer has new ones. An API key is no user: 404.
#[utoipa::path(tag = "Users", operation_id = "changePassword", security(("bearer" = ["users:read"])),
    request_body = PasswordChange,
    responses((status = 200, description = "The new tokens.", body = TokenPair)))]
#[put("/v1/me/password")]
pub async fn change(call: Call<UsersRead>, body: Body<PasswordChange>) -> Responded {
    call.no_parameters()?;
    let PasswordChange { current_password, new_password } = body.value;
    let (app, caller) = (call.app, call.caller);
    let user_id = caller.user_id().ok_or_else(Problem::not_found)?;
    let user = user(&app, &caller, user_id).await?;
    check(&new_password, &user)?;
    let attempt = app.tries.of_user(user_id)?;
    if !is_password(&app, (&caller, &user), current_password).await? {
        return Err(not_present().into());
    }
    app.tries.give_back(&attempt);
    let hash = app.turns.hash_of(caller.workspace_id, Some(new_password)).await?;
    let unchanged =
        move |_: &mut Unit<'_>, now: &User| match now.password_hash == user.password_hash {
            true => Ok(()),
            false => Err(not_present()),
        };
    set(&app, caller, user_id, hash, unchanged).await.map(respond)
}

/// Let a user set a password
///
/// Makes a one-time token, for an invitation or a forgotten password, which is good for 72 hours and takes
/// the place of an earlier one. Give it to the user: whoever has it sets the password by
/// `POST /v1/auth/password`. It is in this answer only; a repetition by `Idempotency-Key` answers without it.
#[utoipa::path(tag = "Users", operation_id = "createPasswordReset", security(("bearer" = ["users:write"])),
    params(("id" = Uuid, Path, description = "Id of the user.")),
    responses((status = 200, description = "The token.", body = PasswordResetBody)))]
#[post("/v1/users/{id}/password-reset")]
pub async fn create_reset(call: Call<UsersWrite>, id: Id) -> Responded {
    call.no_parameters()?;
    let token = Secret::generate(PASSWORD_TOKEN, call.caller.workspace_id, id.0);
    let shown = token.text.clone();
    let response = call
        .write(Vec::new(), move |unit, _| {
            password::may_be_set_for(User::lock(unit, id.0, None)?.active)?;
            let reset = new_reset(&token, unit);
            password_resets::put(unit, &reset)?;
            let PasswordReset { user_id, expires_at, .. } = reset;
            Ok(Reply::ok(PasswordResetBody { user_id, token: None, expires_at }))
        })
        .await?;
    with_secret(response, "token", shown).await
}

/// Set a password by a one-time token
///
/// The token is used up, all other tokens of the user end, and the answer logs in. An `Idempotency-Key` is
/// taken and has no effect: secrets are not kept.
#[utoipa::path(tag = "Authentication", operation_id = "setPassword",
    request_body = PasswordByToken,
    responses((status = 200, description = "The tokens.", body = TokenPair)))]
#[post("/v1/auth/password")]
pub async fn set_by_token(
    app: web::Data<App>,
    request: HttpRequest,
    body: Body<PasswordByToken>,
) -> Responded {
    no_parameters(request.query_string())?;
    let PasswordByToken { token, new_password } = body.value;
    let attempt = app.tries.of_address(app.addresses.client(&request))?;
    let token = Secret::parse(PASSWORD_TOKEN, &token).ok_or_else(refused)?;
    let caller = meant(&app, &token).await?.ok_or_else(refused)?;
    app.tries.give_back(&attempt);
    check(&new_password, &user(&app, &caller, token.id).await?)?;
    let hash = app.turns.hash_of(caller.workspace_id, Some(new_password)).await?;
    let (user_id, token_hash) = (token.id, token.hash());
    let holds = move |unit: &mut Unit<'_>, now: &User| {
        let holds = password_resets::holds(&mut unit.tenant, user_id, &token_hash, unit.now)?;
        Ok(password::may_be_set_by_token(holds, now.active)?)
    };
    set(&app, caller, user_id, hash, holds).await.map(respond)
}

fn not_present() -> Error {
    Error::invalid("/current_password", "wrong_password", "Not the present password.")
}

fn refused() -> Error {
    password::token_refused().into()
}

fn check(new_password: &str, user: &User) -> Result<(), Error> {
    Ok(password::check("/new_password", new_password, user.email.as_deref())?)
}

async fn user(app: &web::Data<App>, caller: &Arc<Caller>, id: Uuid) -> Result<User, Problem> {
    let (app, caller) = (app.clone(), caller.clone());
    block(move || app.store.read(&caller, |tenant| User::get(tenant, id))).await
}

async fn is_password(
    app: &web::Data<App>,
    (caller, user): (&Caller, &User),
    password: String,
) -> Result<bool, Problem> {
    let turn = app.turns.turn(caller.workspace_id).await?;
    let hash = user.password_hash.clone();
    block(move || Ok(hash.is_some_and(|hash| verify(&password, &hash, &turn)))).await
}

/// Whose password the token sets, if it is good.
async fn meant(app: &web::Data<App>, token: &Secret) -> Result<Option<Arc<Caller>>, Problem> {
    let (app, workspace_id, user_id) = (app.clone(), token.workspace_id, token.id);
    let hash = token.hash();
    block(move || {
        let holds = |tenant: &mut Tenant<'_>| password_resets::holds(tenant, user_id, &hash, now());
        match app.store.tenant(workspace_id, holds)? {
            true => app.store.user_caller(workspace_id, user_id),
            false => Ok(None),
        }
    })
    .await
}

/// Sets a user's password, ends all tokens, and begins a login; unless, once the user is held, it is refused.
async fn set(
    app: &web::Data<App>,
    caller: Arc<Caller>,
    user_id: Uuid,
    hash: Option<String>,
    guard: impl Fn(&mut Unit<'_>, &User) -> Result<(), Error> + Send + 'static,
) -> Result<TokenPair, Problem> {
    let app = app.clone();
    block(move || {
        let mut made = None;
        again(|| {
            app.store.write(&caller, now(), None, |unit| {
                let before = User::lock(unit, user_id, None)?;
                guard(unit, &before)?;
                let row = User { password_hash: hash.clone(), ..before.clone() };
                User::save(unit, &before, row)?;
                let version = users::end_tokens(&mut unit.tenant, user_id)?;
                let (token, row) = new_login(&app, caller.workspace_id, user_id, version);
                refresh_tokens::insert(&mut unit.tenant, &row)?;
                made = Some(pair(&app, &row, token)?);
                Ok(Answer::default())
            })
        })?;
        // Callers are kept for some seconds, and tokens of before are to end at once.
        app.store.forget_callers();
        made.ok_or_else(|| Error::Internal("no tokens".to_owned()))
    })
    .await
}
