//! The visits of a deal to its stages.

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{BigInt, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use uuid::Uuid;

use crate::{Result, Statement, Tenant, unit::raw};

type VisitTypes = (
    (Nullable<SqlUuid>, SmallInt, Integer),
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Text>,
    BigInt,
);

/// A whole visit of a deal to a stage, its segments put together.
#[derive(Debug, Clone, diesel::Queryable)]
pub struct DealVisit {
    pub stage: (Option<Uuid>, i16, i32),
    pub entered_at: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
    pub direction: Option<String>,
    pub held_seconds: i64,
}

/// The visits of a deal, the first one first.
pub fn visits(
    tenant: &mut Tenant<'_>,
    deal_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<DealVisit>> {
    let selection = raw::<VisitTypes>(
        "max(stage_id::text)::uuid, max(position), visit, min(entered_at), \
         CASE WHEN bool_and(left_at IS NOT NULL) THEN max(left_at) END, max(direction), \
         coalesce(sum(extract(epoch FROM coalesce(left_at, ",
    );
    let visits = Statement::select(selection)
        .bind(now)
        .sql(") - entered_at)) FILTER (WHERE held), 0)::bigint FROM stage_visits WHERE workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" AND deal_id = ")
        .bind(deal_id)
        .sql(" GROUP BY visit ORDER BY visit")
        .load(tenant.conn)?;
    Ok(visits)
}
