//! The visits of a deal to its stages.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{
        Array, BigInt, Integer, Json, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
    },
};
use uuid::Uuid;
use voronka_domain::workspace::calendar::Calendar;

use crate::{JsonText, Result, Statement, Tenant, core::unit::raw};

type VisitTypes = (
    (Nullable<SqlUuid>, SmallInt, Integer),
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Text>,
    BigInt,
    Json,
    (Nullable<Array<Timestamptz>>, Nullable<Array<Timestamptz>>),
);

type Instants = Option<Vec<DateTime<Utc>>>;

/// A whole visit of a deal to a stage, its segments put together.
#[derive(Debug, Clone, diesel::Queryable)]
pub struct DealVisit {
    pub stage: (Option<Uuid>, i16, i32),
    pub entered_at: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
    pub direction: Option<String>,
    pub held_seconds: i64,
    /// Who or what brought the deal there.
    pub cause: JsonText,
    /// The parts of it that were not on hold: when they began, and when they ended or now.
    parts: (Instants, Instants),
}

impl DealVisit {
    /// The length of the visit up to now, without time on hold.
    pub fn time(&self) -> TimeDelta {
        self.parts().map(|(from, to)| to - from).sum()
    }

    /// The same in working time.
    pub fn working_time(&self, calendar: &Calendar) -> TimeDelta {
        self.parts().map(|(from, to)| calendar.working_time(from, to)).sum()
    }

    fn parts(&self) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
        let (from, to) = &self.parts;
        from.iter().flatten().copied().zip(to.iter().flatten().copied())
    }
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
         floor(coalesce(sum(extract(epoch FROM coalesce(left_at, ",
    );
    let visits = Statement::select(selection)
        .bind(now)
        .sql(
            ") - entered_at)) FILTER (WHERE held), 0))::bigint, \
             (array_agg(cause ORDER BY sequence))[1], array_agg(entered_at ORDER BY sequence) FILTER (WHERE NOT held), \
             array_agg(coalesce(left_at, ",
        )
        .bind(now)
        .sql(") ORDER BY sequence) FILTER (WHERE NOT held) FROM stage_visits WHERE workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" AND deal_id = ")
        .bind(deal_id)
        .sql(" GROUP BY visit ORDER BY visit")
        .load(tenant.conn)?;
    Ok(visits)
}
