//! Users: everybody who takes part in a sale.

use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::{Validate, ValidateEmail};
use voronka_domain::{
    kernel::fault::Faults,
    people::{access::Role, department, password},
    workspace::catalogue,
};
use voronka_persistence::{
    Error, Noun, Unit,
    core::enum_names::to_name,
    people::{
        departments::Department,
        users::{self, User},
    },
};

use crate::http::words;
use crate::{
    http::{
        Body, Call, Id, Patch, Reply, Resource, Responded,
        call::{UsersRead, UsersWrite},
    },
    page_of,
    state::App,
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    pub id: Uuid,
    #[schema(example = "Anna Vermeer")]
    pub name: String,
    /// Null for somebody who was imported and never logs in.
    #[schema(example = "anna.vermeer@demo.example")]
    pub email: Option<String>,
    /// `admin`, `head`, `seller` or `analyst`.
    #[schema(value_type = words::Role)]
    #[schema(example = "seller")]
    pub role: String,
    /// Job title.
    #[schema(example = "Account executive")]
    pub position: Option<String>,
    pub department_id: Option<Uuid>,
    /// False bars the user from logging in.
    pub active: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<User> for UserBody {
    fn from(row: User) -> Self {
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            role: row.role,
            position: row.position,
            department_id: row.department_id,
            active: row.active,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Anna Vermeer", "email": "anna.vermeer@demo.example", "role": "seller"}))]
pub struct NewUser {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    #[validate(email)]
    pub email: Option<String>,
    #[schema(value_type = words::Role)]
    pub role: Role,
    #[validate(length(max = crate::http::limits::NAME))]
    #[schema(max_length = 200)]
    pub position: Option<String>,
    pub department_id: Option<Uuid>,
    #[validate(length(min = crate::http::limits::SHORTEST_PASSWORD, max = crate::http::limits::SECRET))]
    #[schema(min_length = 10, max_length = 1024)]
    pub password: Option<String>,
}

impl NewUser {
    fn into_row(self, unit: &mut Unit<'_>, password_hash: Option<String>) -> Result<User, Error> {
        check_department(unit, self.department_id)?;
        Ok(User {
            id: Uuid::now_v7(),
            name: catalogue::name("/name", &self.name)?,
            email: self.email,
            role: to_name(&self.role),
            position: self.position,
            department_id: self.department_id,
            active: true,
            password_hash,
            version: 1,
            created_at: unit.now,
            updated_at: unit.now,
        })
    }
}

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "head", "active": true}))]
pub struct UserPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub email: Patch<String>,
    #[schema(value_type = Option<words::Role>)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub role: Option<Role>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub position: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub department_id: Patch<Uuid>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub active: Option<bool>,
    /// Sets a new password, and ends the user's tokens.
    #[validate(length(min = crate::http::limits::SHORTEST_PASSWORD, max = crate::http::limits::SECRET))]
    #[schema(min_length = 10, max_length = 1024)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub password: Option<String>,
}

impl UserPatch {
    fn apply(
        self,
        unit: &mut Unit<'_>,
        mut row: User,
        password_hash: Option<String>,
    ) -> Result<User, Error> {
        check_department(unit, self.department_id.as_set().copied())?;
        let mut faults = Faults::default();
        if let Patch::Set(email) = &self.email
            && !email.validate_email()
        {
            faults.add("/email", "invalid_email", "Not an email address.");
        }
        if let Patch::Set(position) = &self.position {
            faults.text("/position", position, catalogue::NAME_LENGTH);
        }
        faults.into_result()?;
        if let Some(name) = self.name {
            row.name = catalogue::name("/name", &name)?;
        }
        self.email.apply(&mut row.email);
        self.position.apply(&mut row.position);
        self.department_id.apply(&mut row.department_id);
        let was_admin = row.active && row.role() == Some(Role::Admin);
        row.role = self.role.map_or(row.role, |role| to_name(&role));
        row.active = self.active.unwrap_or(row.active);
        if was_admin && !(row.active && row.role() == Some(Role::Admin)) {
            users::require_another_admin(unit, row.id)?;
        }
        if let Some(password) = &self.password {
            password::check("/password", password, row.email.as_deref())?;
        }
        if self.password.is_some() || !row.active {
            users::end_tokens(&mut unit.tenant, row.id)?;
        }
        row.password_hash = password_hash.or(row.password_hash);
        Ok(row)
    }
}

fn check_department(unit: &mut Unit<'_>, department: Option<Uuid>) -> Result<(), Error> {
    let Some(department) = department else { return Ok(()) };
    let found = Department::get(&mut unit.tenant, department)
        .map_err(|error| error.or_unknown("/department_id", "department"))?;
    Ok(department::may_have("/department_id", found.archived)?)
}

impl Resource for User {
    type Body = UserBody;
    const PATH: &'static str = "/v1/users";

    /// Callers are kept for some seconds, and a change may be of what one may do or see.
    fn forget(app: &App, _workspace_id: Uuid) {
        app.store.forget_callers();
    }
}

page_of!(UserPage, UserBody);

/// List users
///
/// Users are never deleted: history names them. Who has left is inactive.
#[utoipa::path(tag = "Users", operation_id = "listUsers", security(("bearer" = ["users:read"])),
    responses((status = 200, description = "A page of the list.", body = UserPage)))]
#[get("/v1/users")]
pub async fn list(call: Call<UsersRead>) -> Responded {
    call.list_of::<User>().await
}

/// Create a user
///
/// Without a password the user cannot log in by password; an external issuer's token still lets them in.
#[utoipa::path(tag = "Users", operation_id = "createUser", security(("bearer" = ["users:write"])),
    request_body = NewUser,
    responses((status = 201, description = "The new user.", body = UserBody)))]
#[post("/v1/users")]
pub async fn create(call: Call<UsersWrite>, body: Body<NewUser>) -> Responded {
    call.no_parameters()?;
    let new = body.value;
    let app = call.app.clone();
    if let Some(password) = &new.password {
        password::check("/password", password, new.email.as_deref()).map_err(Error::from)?;
    }
    let hash = app.turns.hash_of(call.caller.workspace_id, new.password.clone()).await?;
    call.create(body.digest, |unit: &mut Unit<'_>| new.into_row(unit, hash)).await
}

/// Read a user
#[utoipa::path(tag = "Users", operation_id = "getUser", security(("bearer" = ["users:read"])),
    params(("id" = Uuid, Path, description = "Id of the user.")),
    responses((status = 200, description = "The user.", body = UserBody)))]
#[get("/v1/users/{id}")]
pub async fn read(call: Call<UsersRead>, id: Id) -> Responded {
    call.one_of::<User>(id).await
}

/// Change a user
///
/// Absent fields stay as they are; null clears a field.
#[utoipa::path(tag = "Users", operation_id = "updateUser", security(("bearer" = ["users:write"])),
    request_body = UserPatch,
    params(("id" = Uuid, Path, description = "Id of the user.")),
    responses((status = 200, description = "The user after the change.", body = UserBody)))]
#[patch("/v1/users/{id}")]
pub async fn update(call: Call<UsersWrite>, id: Id, body: Body<UserPatch>) -> Responded {
    call.no_parameters()?;
    let patch = body.value;
    let app = call.app.clone();
    let hash = app.turns.hash_of(call.caller.workspace_id, patch.password.clone()).await?;
    call.update(body.digest, id, |unit: &mut Unit<'_>, row| patch.apply(unit, row, hash)).await
}

/// Read oneself
///
/// The user behind the token, to show who is logged in. An API key is no user: 404.
#[utoipa::path(tag = "Users", operation_id = "getMe", security(("bearer" = ["users:read"])),
    responses((status = 200, description = "The caller.", body = UserBody)))]
#[get("/v1/me")]
pub async fn me(call: Call<UsersRead>) -> Responded {
    call.no_parameters()?;
    call.read(|tenant, _, caller| {
        let row = User::get(tenant, caller.user_id().unwrap_or_default())?;
        let version = row.version;
        Ok(Reply::versioned(UserBody::from(row), version))
    })
    .await
}
