//! Departments: the company's tree.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use uuid::Uuid;

use diesel::sql_types::{Bool, Uuid as SqlUuid};

use crate::{
    Result, Statement, Tenant, Unit,
    core::{
        list::{Field, FieldKind, Spec},
        noun::{listed, noun},
        schema::departments,
        unit::raw,
    },
    workspace::workspaces,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = departments, treat_none_as_null = true)]
pub struct Department {
    pub id: Uuid,
    pub name: String,
    pub parent_id: Option<Uuid>,
    pub head_id: Option<Uuid>,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(departments, Department, "department");

pub const LIST: Spec = Spec {
    table: "departments",
    fields: &[
        Field::new("name", "departments.name", FieldKind::Text).sorted(),
        Field::new("parent_id", "departments.parent_id", FieldKind::Uuid).nullable(),
        Field::new("head_id", "departments.head_id", FieldKind::Uuid).nullable(),
        Field::new("archived", "departments.archived", FieldKind::Bool),
        Field::new("created_at", "departments.created_at", FieldKind::Instant).sorted(),
        Field::new("updated_at", "departments.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "name",
    search: Some("departments.name"),
};

listed!(Department);

/// The departments that a user leads or belongs to, with everything below them.
pub fn led_by(tenant: &mut Tenant<'_>, user_id: Uuid) -> Result<Vec<Uuid>> {
    let ids = Statement::select(raw::<SqlUuid>(
        "below.id FROM (WITH RECURSIVE below AS (SELECT d.id FROM departments d WHERE d.workspace_id = ",
    ))
    .bind(tenant.workspace_id)
    .sql(" AND (d.head_id = ")
    .bind(user_id)
    .sql(" OR d.id = (SELECT u.department_id FROM users u WHERE u.workspace_id = d.workspace_id AND u.id = ")
    .bind(user_id)
    .sql(
        ")) UNION SELECT d.id FROM departments d JOIN below ON d.parent_id = below.id \
         WHERE d.workspace_id = ",
    )
    .bind(tenant.workspace_id)
    .sql(") SELECT id FROM below) AS below")
    .load(tenant.conn)?;
    Ok(ids)
}

/// Putting a department there would make it its own ancestor. Two that are put below each other at once
/// are two in turn.
pub fn would_loop(unit: &mut Unit<'_>, id: Uuid, parent_id: Uuid) -> Result<bool> {
    let tenant = &mut unit.tenant;
    workspaces::one_at_a_time(tenant)?;
    let loops = Statement::select(raw::<Bool>(
        "EXISTS (WITH RECURSIVE above AS (SELECT d.id, d.parent_id FROM departments d \
         WHERE d.workspace_id = ",
    ))
    .bind(tenant.workspace_id)
    .sql(" AND d.id = ")
    .bind(parent_id)
    .sql(
        " UNION SELECT d.id, d.parent_id FROM departments d JOIN above ON d.id = above.parent_id \
         WHERE d.workspace_id = ",
    )
    .bind(tenant.workspace_id)
    .sql(") SELECT 1 FROM above WHERE id = ")
    .bind(id)
    .sql(")")
    .get_result(tenant.conn)?;
    Ok(loops)
}
