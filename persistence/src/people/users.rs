//! Users: everybody who takes part in a sale.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use strum::VariantNames;
use uuid::Uuid;

use voronka_domain::people::access::{Role, another_admin};

use crate::{
    Result, Statement, Store, Tenant,
    core::{
        enum_names::from_name,
        list::{Field, FieldKind, Spec},
        noun::{listed, noun, overwritten},
        schema::users,
    },
    people::password_resets,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
pub struct User {
    pub id: Uuid,
    pub name: String,
    pub email: Option<String>,
    pub role: String,
    pub position: Option<String>,
    pub department_id: Option<Uuid>,
    pub active: bool,
    #[serde(skip)]
    pub password_hash: Option<String>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(users, User, "user");
overwritten!(
    users,
    User,
    [name, email, role, position, department_id, active, password_hash, version, updated_at]
);

pub const LIST: Spec = Spec {
    table: "users",
    fields: &[
        Field::new("name", "users.name", FieldKind::Text).sorted(),
        Field::new("email", "users.email", FieldKind::Text).nullable(),
        Field::new("role", "users.role", FieldKind::Choice(Role::VARIANTS)),
        Field::new("department_id", "users.department_id", FieldKind::Uuid).nullable(),
        Field::new("active", "users.active", FieldKind::Bool),
        Field::new("created_at", "users.created_at", FieldKind::Instant).sorted(),
        Field::new("updated_at", "users.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "name",
    search: Some("users.name"),
};

listed!(User);

impl User {
    pub fn role(&self) -> Option<Role> {
        from_name(&self.role)
    }
}

/// A user who may log in.
#[derive(Debug, Clone, Queryable)]
pub struct Account {
    pub workspace_id: Uuid,
    /// Tokens of an earlier one have ended.
    pub token_version: i32,
    pub user: User,
}

/// Everybody with this email who may log in, in any workspace: the login does not know its workspace yet.
pub fn by_email(store: &Store, email: &str) -> Result<Vec<Account>> {
    accounts(store, email, None)
}

/// Those of them who have logged in from the address.
pub fn by_email_and_address(
    store: &Store,
    email: &str,
    address_hash: &[u8],
) -> Result<Vec<Account>> {
    accounts(store, email, Some(address_hash))
}

fn accounts(store: &Store, email: &str, address_hash: Option<&[u8]>) -> Result<Vec<Account>> {
    let columns = (users::workspace_id, users::token_version, User::as_select());
    let mut found = Statement::select(columns)
        .sql(" FROM users WHERE users.active AND lower(users.email) = lower(")
        .bind(email)
        .sql(")");
    if let Some(hash) = address_hash {
        found = found
            .sql(" AND (users.workspace_id, users.id) IN (SELECT workspace_id, user_id ")
            .sql("FROM login_addresses WHERE address_hash = ")
            .bind(hash.to_vec())
            .sql(")");
    }
    let mut connection = store.connection()?;
    let found = found
        .sql(" ORDER BY users.workspace_id LIMIT 20")
        .load(&mut *connection)
        .map_err(Into::into);
    connection.watch(found)
}

/// A user, if there is one, with the version of the tokens that hold.
pub fn with_token_version(tenant: &mut Tenant<'_>, user_id: Uuid) -> Result<Option<(User, i32)>> {
    let found = tenant
        .rows((User::as_select(), users::token_version), "users")
        .sql(" AND id = ")
        .bind(user_id)
        .get_result(tenant.conn)
        .optional()?;
    Ok(found)
}

/// Ends all tokens of a user, one for a password too: the password changed, or the user left. The answer is
/// the version of those that come.
pub fn end_tokens(tenant: &mut Tenant<'_>, user_id: Uuid) -> Result<i32> {
    password_resets::end(tenant, user_id)?;
    let user = diesel::update(users::table.find((tenant.workspace_id, user_id)));
    let raised = user.set(users::token_version.eq(users::token_version + 1));
    Ok(raised.returning(users::token_version).get_result(tenant.conn)?)
}

/// The active administrators, until the transaction ends. Two who step down at once are two in turn.
pub(crate) fn admins(unit: &mut crate::Unit<'_>) -> Result<Vec<Uuid>> {
    crate::workspace::workspaces::one_at_a_time(&mut unit.tenant)?;
    let admins = unit
        .tenant
        .rows(crate::core::unit::raw::<diesel::sql_types::Uuid>("id"), "users")
        .sql(" AND active AND role = 'admin'")
        .load(unit.tenant.conn)?;
    Ok(admins)
}

/// A workspace keeps at least one administrator who can log in.
pub fn require_another_admin(unit: &mut crate::Unit<'_>, user_id: Uuid) -> Result<()> {
    Ok(another_admin(admins(unit)?, user_id)?)
}
