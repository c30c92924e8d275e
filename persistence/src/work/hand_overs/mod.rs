//! Hand-overs: what a person has goes to another one in one transaction, and comes back in one.

mod clock;
mod give;
mod give_back;
mod things;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value as Json;
use strum::VariantNames;
use uuid::Uuid;
use voronka_domain::people::access::Visibility;
use voronka_domain::work::hand_over::Reason;
use voronka_domain::work::hand_over::may_give;

pub use give::{Preview, create, preview};
pub use give_back::give_back;
pub use things::Named;

use crate::{
    Caller, Error, Result, Statement, Tenant, Unit,
    core::{
        list::{Field, FieldKind, Page, Query, Spec},
        noun::noun,
        schema::hand_overs,
    },
    people::users::User,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = hand_overs, treat_none_as_null = true)]
pub struct HandOver {
    pub id: Uuid,
    pub from_id: Uuid,
    pub to_id: Uuid,
    pub what: Vec<String>,
    pub reason: String,
    pub note: Option<String>,
    pub until: Option<NaiveDate>,
    /// A `Tally`.
    pub handed_over: Json,
    pub created_by: Json,
    pub returned_at: Option<DateTime<Utc>>,
    pub returned_by: Option<Json>,
    /// `Outcomes`, once it has come back.
    pub outcome: Option<Json>,
    #[serde(skip)]
    pub alarm_at: Option<DateTime<Utc>>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(hand_overs, HandOver, "hand_over");

pub const LIST: Spec = Spec {
    table: "hand_overs",
    fields: &[
        Field::new("from_id", "hand_overs.from_id", FieldKind::Uuid),
        Field::new("to_id", "hand_overs.to_id", FieldKind::Uuid),
        Field::new("reason", "hand_overs.reason", FieldKind::Choice(Reason::VARIANTS)),
        Field::new("returned", "(hand_overs.returned_at IS NOT NULL)", FieldKind::Bool),
        Field::new("until", "hand_overs.until", FieldKind::Date).nullable().sorted(),
        Field::new("created_at", "hand_overs.created_at", FieldKind::Instant).sorted(),
        Field::new("updated_at", "hand_overs.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-created_at",
    search: None,
};

/// Those from or to the caller, or the people that the caller looks after.
fn seen_by<S>(statement: Statement<S>, looks_after: &Visibility) -> Statement<S> {
    const PARTS: &str = " IN (hand_overs.from_id, hand_overs.to_id)";
    match looks_after {
        Visibility::All => statement,
        Visibility::Own { user_id } => statement.sql(" AND ").bind(*user_id).sql(PARTS),
        Visibility::Departments { user_id, departments } => statement
            .sql(" AND (")
            .bind(*user_id)
            .sql(PARTS)
            .sql(format!(
                " OR EXISTS (SELECT FROM users u WHERE u.workspace_id = hand_overs.workspace_id \
                 AND u.id{PARTS} AND u.department_id = ANY("
            ))
            .bind(departments.clone())
            .sql(")))"),
    }
}

pub fn list(tenant: &mut Tenant<'_>, caller: &Caller, query: Query) -> Result<Page<HandOver>> {
    let narrow = |list| seen_by(list, &caller.looks_after);
    tenant.page(&LIST, query, HandOver::as_select(), narrow, |row: &HandOver| row.id)
}

pub fn read(tenant: &mut Tenant<'_>, caller: &Caller, id: Uuid) -> Result<HandOver> {
    let rows =
        tenant.rows(HandOver::as_select(), "hand_overs").sql(" AND hand_overs.id = ").bind(id);
    let row = seen_by(rows, &caller.looks_after).get_result(tenant.conn).optional()?;
    row.ok_or(Error::NotFound("hand_over"))
}

/// What somebody has is given away by those who look after them.
fn require_theirs(unit: &Unit<'_>, user: &User) -> Result<()> {
    Ok(may_give(&unit.caller.looks_after, user.id, user.department_id)?)
}
