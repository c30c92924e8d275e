//! Which visits to a stage have been longer than its norm, in working time.

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{Nullable, SmallInt, Timestamptz, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::{deals::due::Due, workspace::calendar::Calendar};

use super::Alignment;
use crate::{Result, Statement, Tenant, core::unit::raw};

/// Of the segments `v` that held at an instant, those of visits that were overdue then.
pub(super) const OVERDUE: &str = "CASE WHEN v.held OR v.visit_held_seconds > 0 \
    THEN paused.deal_id IS NOT NULL ELSE v.visit_entered_at < late.since END";

/// What was overdue at an instant: of the visits that were never on hold, those that began before an
/// instant that depends on the stage; of the others, these ones.
#[derive(Debug, Clone)]
pub struct Overdue {
    /// Version, position, and the norm in seconds.
    norms: Vec<(Uuid, i16, i64)>,
    /// From when on the norm was not used up.
    since: Vec<DateTime<Utc>>,
    /// Deals that have been on hold in their visit.
    paused: Vec<Uuid>,
}

type PartTypes = (SqlUuid, SqlUuid, SmallInt, Timestamptz, Nullable<Timestamptz>);
type Part = (Uuid, Uuid, i16, DateTime<Utc>, Option<DateTime<Utc>>);

impl Overdue {
    pub fn load(
        tenant: &mut Tenant<'_>,
        alignment: &Alignment,
        calendar: &Calendar,
        as_of: DateTime<Utc>,
    ) -> Result<Self> {
        let norms = alignment.norms(calendar);
        let since = norms.iter().map(|(.., norm)| calendar.before(as_of, *norm)).collect();
        let mut overdue = Self { norms, since, paused: Vec::new() };
        if overdue.norms.is_empty() {
            return Ok(overdue);
        }
        let parts = overdue.parts(tenant, alignment.deal_type_id, as_of)?;
        for visit in parts.chunk_by(|one, next| one.0 == next.0) {
            let until = |to: Option<DateTime<Utc>>| to.filter(|to| *to <= as_of);
            let parts: Vec<_> = visit.iter().map(|(.., from, to)| (*from, until(*to))).collect();
            let Some((deal, version, position, ..)) = visit.first() else { continue };
            let mut norms = overdue.norms.iter();
            let norm = norms.find(|(of, at, _)| of == version && at == position);
            if norm.is_some_and(|(.., norm)| Due::of(&parts, *norm, calendar, as_of).overdue) {
                overdue.paused.push(*deal);
            }
        }
        Ok(overdue)
    }

    /// The parts that were not on hold of the visits that were, as far as these can be overdue.
    fn parts(
        &self,
        tenant: &mut Tenant<'_>,
        deal_type_id: Uuid,
        as_of: DateTime<Utc>,
    ) -> Result<Vec<Part>> {
        let statement = Statement::select(raw::<PartTypes>(
            "v.deal_id, v.version_id, v.position, part.entered_at, part.left_at",
        ));
        let statement = present(statement, tenant.workspace_id, deal_type_id, as_of);
        let parts = self
            .late(statement, "JOIN")
            .sql(
                " JOIN stage_visits part ON part.workspace_id = v.workspace_id \
                 AND part.deal_id = v.deal_id AND part.visit = v.visit AND NOT part.held \
                 AND part.sequence <= v.sequence \
                 WHERE (v.held OR v.visit_held_seconds > 0) AND v.visit_entered_at < late.since \
                 ORDER BY v.deal_id",
            )
            .load(tenant.conn)?;
        Ok(parts)
    }

    fn late<S>(&self, statement: Statement<S>, join: &str) -> Statement<S> {
        statement
            .sql(format!(" {join} unnest("))
            .bind(self.norms.iter().map(|(version, ..)| *version).collect::<Vec<_>>())
            .sql(", ")
            .bind(self.norms.iter().map(|(_, position, _)| *position).collect::<Vec<_>>())
            .sql(", ")
            .bind(self.since.clone())
            .sql(
                ") AS late(version_id, position, since) \
                 ON late.version_id = v.version_id AND late.position = v.position",
            )
    }

    /// Joins what [`OVERDUE`] looks at.
    pub(super) fn join<S>(&self, statement: Statement<S>) -> Statement<S> {
        self.late(statement, "LEFT JOIN")
            .sql(" LEFT JOIN unnest(")
            .bind(self.paused.clone())
            .sql("::uuid[]) AS paused(deal_id) ON paused.deal_id = v.deal_id")
    }
}

/// `FROM` the segments `v` of a deal type's visits that held at an instant: those that still do, and those that
/// ended after it. Said in one condition, Postgres would read all segments that there ever were.
pub(super) fn present<S>(
    statement: Statement<S>,
    workspace_id: Uuid,
    deal_type_id: Uuid,
    as_of: DateTime<Utc>,
) -> Statement<S> {
    let begun = |statement: Statement<S>| {
        statement
            .sql("SELECT * FROM stage_visits WHERE workspace_id = ")
            .bind(workspace_id)
            .sql(" AND deal_type_id = ")
            .bind(deal_type_id)
            .sql(" AND entered_at <= ")
            .bind(as_of)
    };
    let still = begun(statement.sql(" FROM (")).sql(" AND left_at IS NULL UNION ALL ");
    begun(still).sql(" AND left_at > ").bind(as_of).sql(") v")
}
