//! Activities in short: as conditions look at them, in memory and as SQL.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::{
    process::condition::ActivityField, work::activity::ActivitySummary,
    workspace::custom_field::Entity,
};

use crate::{
    Error, Result, Statement, Tenant,
    core::{
        enum_names::{from_name, to_name},
        statement::Piece,
        unit::raw,
        visibility::{Sight, activities_seen_by},
    },
};

const HAPPENED: &str = "a.happened_at IS NOT NULL";
const PLANNED: &str = "a.happened_at IS NULL AND NOT a.cancelled";

/// What names the thing in `activities`.
fn column(entity: Entity) -> &'static str {
    match entity {
        Entity::Deal => "deal_id",
        Entity::Client => "client_id",
    }
}

/// A field that tells of the activities that somebody sees, as SQL over `deals` or `clients`.
pub(crate) fn sql(entity: Entity, field: ActivityField, sight: Sight<'_>) -> Vec<Piece> {
    let of = |kind| match kind {
        Some(kind) => format!(" AND a.kind = '{}'", to_name(&kind)),
        None => String::new(),
    };
    let (what, which) = match field {
        ActivityField::Count(kind) => ("count(*)::numeric", format!("{HAPPENED}{}", of(kind))),
        ActivityField::Last(kind) => ("max(a.happened_at)", format!("{HAPPENED}{}", of(kind))),
        ActivityField::Reached => {
            ("count(*)::numeric", format!("{HAPPENED} AND a.outcome = 'reached'"))
        }
        ActivityField::Next => ("min(a.planned_at)", PLANNED.to_owned()),
    };
    let (table, column) = match entity {
        Entity::Deal => ("deals", column(entity)),
        Entity::Client => ("clients", column(entity)),
    };
    let all = Statement::part().sql(format!(
        "(SELECT {what} FROM activities a WHERE a.workspace_id = {table}.workspace_id \
         AND a.{column} = {table}.id AND {which}"
    ));
    activities_seen_by(all, sight, "a").sql(")").into_pieces()
}

type Types = (SqlUuid, Text, BigInt, Nullable<Timestamptz>, BigInt, Nullable<Timestamptz>);
type Row = (Uuid, String, i64, Option<DateTime<Utc>>, i64, Option<DateTime<Utc>>);

/// The activities of some deals, or those with some clients; none, where there were none.
pub fn load(
    tenant: &mut Tenant<'_>,
    entity: Entity,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, ActivitySummary>> {
    let column = column(entity);
    let selection = format!(
        "a.{column}, a.kind, count(a.happened_at), max(a.happened_at), \
         count(*) FILTER (WHERE {HAPPENED} AND a.outcome = 'reached'), min(a.planned_at) FILTER (WHERE {PLANNED}) \
         FROM activities a WHERE a.workspace_id = "
    );
    let rows: Vec<Row> = Statement::with("SELECT ", raw::<Types>(""))
        .sql(selection)
        .bind(tenant.workspace_id)
        .sql(format!(" AND a.{column} = ANY("))
        .bind(ids)
        .sql(") GROUP BY 1, 2")
        .load(tenant.conn)?;
    let mut all: HashMap<Uuid, ActivitySummary> = HashMap::new();
    for (id, kind, count, last_at, reached, next_at) in rows {
        let kind = from_name(&kind)
            .ok_or_else(|| Error::Internal("activity has a bad kind".to_owned()))?;
        let activity_summary = all.entry(id).or_default();
        activity_summary.happened.extend(last_at.map(|at| (kind, (count, at))));
        activity_summary.reached = activity_summary.reached.saturating_add(reached);
        activity_summary.next_at = activity_summary.next_at.into_iter().chain(next_at).min();
    }
    Ok(all)
}
