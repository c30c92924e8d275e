//! Departments: the company's tree.

use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{people::department, workspace::catalogue};
use voronka_persistence::{
    Error, Noun, Unit,
    people::{
        departments::{self, Department},
        users::User,
    },
};

use crate::{
    http::{
        Body, Call, Id, Patch, Resource, Responded,
        call::{UsersRead, UsersWrite},
    },
    page_of,
    state::App,
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Department)]
pub struct DepartmentBody {
    pub id: Uuid,
    #[schema(example = "Amsterdam office")]
    pub name: String,
    /// The department above; null at the top.
    pub parent_id: Option<Uuid>,
    /// Who leads it: a head sees its deals and those of everything below.
    pub head_id: Option<Uuid>,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<Department> for DepartmentBody {
    fn from(row: Department) -> Self {
        let Department { id, name, parent_id, head_id, archived, version, created_at, updated_at } =
            row;
        Self { id, name, parent_id, head_id, archived, version, created_at, updated_at }
    }
}

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Amsterdam office"}))]
pub struct NewDepartment {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    pub parent_id: Option<Uuid>,
    pub head_id: Option<Uuid>,
}

impl NewDepartment {
    fn into_row(self, unit: &mut Unit<'_>) -> Result<Department, Error> {
        check(unit, self.parent_id, self.head_id)?;
        Ok(Department {
            id: Uuid::now_v7(),
            name: catalogue::name("/name", &self.name)?,
            parent_id: self.parent_id,
            head_id: self.head_id,
            archived: false,
            version: 1,
            created_at: unit.now,
            updated_at: unit.now,
        })
    }
}

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Amsterdam office", "head_id": null}))]
pub struct DepartmentPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub parent_id: Patch<Uuid>,
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub head_id: Patch<Uuid>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub archived: Option<bool>,
}

impl DepartmentPatch {
    fn apply(self, unit: &mut Unit<'_>, mut row: Department) -> Result<Department, Error> {
        let parent_id = self.parent_id.as_set().copied();
        check(unit, parent_id, self.head_id.as_set().copied())?;
        if let Some(parent_id) = parent_id {
            department::may_be_above(departments::would_loop(unit, row.id, parent_id)?)?;
        }
        if let Some(name) = self.name {
            row.name = catalogue::name("/name", &name)?;
        }
        self.parent_id.apply(&mut row.parent_id);
        self.head_id.apply(&mut row.head_id);
        row.archived = self.archived.unwrap_or(row.archived);
        Ok(row)
    }
}

fn check(unit: &mut Unit<'_>, parent: Option<Uuid>, head: Option<Uuid>) -> Result<(), Error> {
    if let Some(parent) = parent {
        let found = Department::get(&mut unit.tenant, parent)
            .map_err(|error| error.or_unknown("/parent_id", "department"))?;
        department::may_have("/parent_id", found.archived)?;
    }
    if let Some(head) = head {
        let found = User::get(&mut unit.tenant, head)
            .map_err(|error| error.or_unknown("/head_id", "user"))?;
        department::may_be_led_by(found.active)?;
    }
    Ok(())
}

impl Resource for Department {
    type Body = DepartmentBody;
    const PATH: &'static str = "/v1/departments";

    /// Callers are kept for some seconds, and a change may be of what one may do or see.
    fn forget(app: &App, _workspace_id: Uuid) {
        app.store.forget_callers();
    }
}

page_of!(DepartmentPage, DepartmentBody);

/// List departments
///
/// The tree is flat here: each department names the one above it.
#[utoipa::path(tag = "Departments", operation_id = "listDepartments", security(("bearer" = ["users:read"])),
    responses((status = 200, description = "A page of the list.", body = DepartmentPage)))]
#[get("/v1/departments")]
pub async fn list(call: Call<UsersRead>) -> Responded {
    call.list_of::<Department>().await
}

/// Create a department
#[utoipa::path(tag = "Departments", operation_id = "createDepartment", security(("bearer" = ["users:write"])),
    request_body = NewDepartment,
    responses((status = 201, description = "The new department.", body = DepartmentBody)))]
#[post("/v1/departments")]
pub async fn create(call: Call<UsersWrite>, body: Body<NewDepartment>) -> Responded {
    let new = body.value;
    call.create(body.digest, |unit: &mut Unit<'_>| new.into_row(unit)).await
}

/// Read a department
#[utoipa::path(tag = "Departments", operation_id = "getDepartment", security(("bearer" = ["users:read"])),
    params(("id" = Uuid, Path, description = "Id of the department.")),
    responses((status = 200, description = "The department.", body = DepartmentBody)))]
#[get("/v1/departments/{id}")]
pub async fn read(call: Call<UsersRead>, id: Id) -> Responded {
    call.one_of::<Department>(id).await
}

/// Change a department
///
/// Absent fields stay as they are; null clears a field.
#[utoipa::path(tag = "Departments", operation_id = "updateDepartment", security(("bearer" = ["users:write"])),
    request_body = DepartmentPatch,
    params(("id" = Uuid, Path, description = "Id of the department.")),
    responses((status = 200, description = "The department after the change.", body = DepartmentBody)))]
#[patch("/v1/departments/{id}")]
pub async fn update(call: Call<UsersWrite>, id: Id, body: Body<DepartmentPatch>) -> Responded {
    let patch = body.value;
    call.update(body.digest, id, |unit: &mut Unit<'_>, row| patch.apply(unit, row)).await
}
