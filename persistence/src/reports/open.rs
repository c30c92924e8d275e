//! Open funnels: the segments of visits that held at an instant.

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{BigInt, Double, Nullable, Numeric, SmallInt, Text},
};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{access::Visibility, funnel::OpenCount};

use super::{Alignment, GroupBy};
use crate::{Raw, Result, Statement, Tenant, deals::owned_by};

type OpenTypes = (
    (Nullable<Text>, SmallInt),
    (BigInt, Numeric, Nullable<Numeric>),
    (BigInt, BigInt),
    Nullable<Double>,
);
type OpenRow = ((Option<String>, i16), (i64, Decimal, Option<Decimal>), (i64, i64), Option<f64>);

/// Open deals by stage at an instant: what they were then, not what they are.
pub fn counts(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: &Alignment,
    deal_type_id: Uuid,
    as_of: DateTime<Utc>,
    group_by: Option<GroupBy>,
) -> Result<Vec<(Option<String>, Vec<OpenCount>)>> {
    let key =
        group_by.map_or("NULL::text".to_owned(), |group| group.sql("v", "v.entered_at", "UTC"));
    let selection = format!(
        "{key}, coalesce(stage.place, 0::smallint), count(*), sum(v.base_amount), \
         sum(v.base_amount * v.probability)::numeric(30, 4), count(*) FILTER (WHERE age.seconds > \
         stage.norm::float8), count(*) FILTER (WHERE v.held), \
         percentile_cont(0.5) WITHIN GROUP (ORDER BY age.seconds)"
    );
    let statement = Statement::select(Raw::<OpenTypes>::new(selection)).sql(
        " FROM stage_visits v JOIN deals ON deals.workspace_id = v.workspace_id AND deals.id = v.deal_id",
    );
    // A deal of an untracked type is in no stage; it is open all the same.
    let statement = alignment
        .join(statement, "LEFT JOIN", "v.version_id", "v.position")
        .sql(", LATERAL (SELECT extract(epoch FROM ")
        .bind(as_of)
        .sql(" - v.visit_entered_at)::float8 - v.visit_held_seconds - CASE WHEN v.held THEN extract(epoch FROM ")
        .bind(as_of)
        .sql(" - v.entered_at)::float8 ELSE 0 END AS seconds) AS age WHERE v.workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" AND v.deal_type_id = ")
        .bind(deal_type_id)
        .sql(" AND v.entered_at <= ")
        .bind(as_of)
        .sql(" AND (v.left_at IS NULL OR v.left_at > ")
        .bind(as_of)
        .sql(")");
    let rows: Vec<OpenRow> = owned_by(statement, visibility, "v")
        .sql(" GROUP BY 1, 2 ORDER BY 1, 2")
        .load(tenant.conn)?;
    let mut groups: Vec<(Option<String>, Vec<OpenCount>)> = Vec::new();
    for ((key, position), (deals, amount, weighted), (overdue, held), median_age_seconds) in rows {
        let count = OpenCount {
            position,
            deals,
            amount,
            weighted_amount: weighted.unwrap_or_default(),
            overdue,
            held,
            median_age_seconds,
        };
        match groups.last_mut().filter(|group| group.0 == key) {
            Some(group) => group.1.push(count),
            None => groups.push((key, vec![count])),
        }
    }
    Ok(groups)
}
