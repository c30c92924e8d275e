//! One deal in one statement: its row, its visits and its events. It is a transaction of its own where
//! none has begun, and without effect where the deal is no longer as it was seen.

use chrono::{DateTime, Utc};
use diesel::{
    PgConnection, QueryResult, RunQueryDsl,
    pg::Pg,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};

use super::{record::VisitRow, row::DealRow};
use crate::core::{
    columns::{Columns, Part, Turned, columns, parts},
    events::{EventRow, FLOOR},
    schema::{deals, stage_visits},
};

/// What is to be recorded. It answers the number of events that it has recorded: all or none.
pub(super) struct One {
    pub row: DealRow,
    /// The number of the last event that the decision knew of; none for a new deal.
    pub seen: Option<i32>,
    pub changed: Changed,
    /// Whether the title is new.
    pub titled: bool,
    /// The segment that ended: the event that began it, when it ended, and how.
    pub left: Option<(i32, DateTime<Utc>, String)>,
    pub visits: Vec<VisitRow>,
    pub events: Vec<EventRow>,
    /// Whether to wait for somebody who holds the deal. Who does not wait leaves it as it is.
    pub waits: bool,
}

columns! { VisitRow, stage_visits {
    workspace_id, deal_id, sequence, visit, deal_type_id, version_id, stage_id, position, entered_at, left_at,
    ended_by, direction, visit_entered_at, visit_held_seconds, held, owner_id, base_amount, probability, cause,
    stage_number,
} }
parts! { DealRow, deals {
    Fixed { id, deal_type_id, opened_at }
    Head { sequence, last_occurred_at, updated_at }
    Details {
        title, client_id, owner_id, amount, currency, base_amount, source_id, lead_temperature,
        expected_close_on, external_source, external_id, custom, initiated_by, from_activity_id,
    }
    Progress {
        version_id, status, stage_id, position, depth, visit, visit_entered_at, visit_held_seconds,
        segment, segment_entered_at, reopened, overrides, fired, touched, visit_stage,
    }
    Stop { hold_reason, hold_resume_on, hold_since, loss_reason_id, loss_note, competitor_id, closed_at }
    Alarm { alarm_at }
} but workspace_id, created_at, stage_path }

/// What a decision has changed of a deal. What it has not changed is not written: somebody else may have, the
/// clock's alarm above all. Of a new deal it is what is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Changed {
    pub details: bool,
    pub progress: bool,
    pub stop: bool,
    pub alarm: bool,
}

/// For the statements that nobody waits in: deals that are held are skipped, and whatever else of theirs somebody
/// holds who does not hold the deal is not waited for to speak of.
pub(super) const PATIENCE: &str =
    "patience AS MATERIALIZED (SELECT set_config('lock_timeout', '500ms', true))";

/// A part of the deal's row: its names, its values, and those of several rows.
#[derive(Clone, Copy)]
pub(super) struct RowPart {
    pub names: &'static str,
    pub values: for<'b> fn(&'b DealRow, AstPass<'_, 'b, Pg>) -> QueryResult<()>,
    pub turned: fn(&[&DealRow]) -> Turned,
}

impl RowPart {
    const fn of<P: Part<DealRow>>() -> Self {
        Self { names: P::NAMES, values: P::values, turned: P::turned }
    }
}

/// In the order of [`Changed`], after what never changes and what always does.
const PARTS: [RowPart; 6] = [
    RowPart::of::<Fixed>(),
    RowPart::of::<Head>(),
    RowPart::of::<Details>(),
    RowPart::of::<Progress>(),
    RowPart::of::<Stop>(),
    RowPart::of::<Alarm>(),
];

/// The parts that are written.
pub(super) fn written(new: bool, changed: Changed) -> impl Iterator<Item = RowPart> {
    let Changed { details, progress, stop, alarm } = changed;
    let written = [new, true, details, progress, stop, alarm];
    PARTS.into_iter().zip(written).filter_map(|(part, is)| is.then_some(part))
}

impl QueryFragment<Pg> for One {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.deal(out.reborrow())?;
        if let Some((sequence, at, end)) = &self.left {
            out.push_sql(", gone AS (UPDATE stage_visits SET left_at = ");
            out.push_bind_param::<Timestamptz, _>(at)?;
            out.push_sql(", ended_by = ");
            out.push_bind_param::<Text, _>(end)?;
            out.push_sql(" FROM deal WHERE workspace_id = ");
            out.push_bind_param::<SqlUuid, _>(&self.row.workspace_id)?;
            out.push_sql(" AND deal_id = ");
            out.push_bind_param::<SqlUuid, _>(&self.row.id)?;
            out.push_sql(" AND sequence = ");
            out.push_bind_param::<Integer, _>(sequence)?;
            out.push_sql(")");
        }
        if !self.visits.is_empty() {
            out.push_sql(", came AS (INSERT INTO stage_visits (");
            out.push_sql(VisitRow::NAMES);
            out.push_sql(")");
            for (index, visit) in self.visits.iter().enumerate() {
                out.push_sql(if index == 0 { " SELECT " } else { " UNION ALL SELECT " });
                visit.values(out.reborrow())?;
                out.push_sql(" FROM deal");
            }
            out.push_sql(")");
        }
        if self.titled {
            out.push_sql(
                ", titled AS (INSERT INTO deal_titles (workspace_id, deal_id, title) SELECT ",
            );
            out.push_bind_param::<SqlUuid, _>(&self.row.workspace_id)?;
            out.push_sql(", id, ");
            out.push_bind_param::<Text, _>(&self.row.title)?;
            out.push_sql(" FROM deal");
            if self.seen.is_some() {
                out.push_sql(
                    " ON CONFLICT (workspace_id, deal_id) DO UPDATE SET title = excluded.title",
                );
            }
            out.push_sql(")");
        }
        // The floor comes after the deal's lock and before the positions, which are drawn row by row.
        out.push_sql(", floor AS MATERIALIZED (SELECT ");
        out.push_sql(FLOOR);
        out.push_sql(" FROM deal) INSERT INTO events (");
        out.push_sql(EventRow::NAMES);
        out.push_sql(")");
        for (index, event) in self.events.iter().enumerate() {
            out.push_sql(if index == 0 { " SELECT " } else { " UNION ALL SELECT " });
            event.values(out.reborrow())?;
            out.push_sql(" FROM floor");
        }
        Ok(())
    }
}

impl One {
    fn deal<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if !self.waits && self.seen.is_some() {
            out.push_sql("WITH ");
            out.push_sql(PATIENCE);
            out.push_sql(", free AS MATERIALIZED (SELECT id FROM patience, deals");
            self.as_seen(out.reborrow())?;
            out.push_sql(" FOR NO KEY UPDATE OF deals SKIP LOCKED), deal AS (");
        } else {
            out.push_sql("WITH deal AS (");
        }
        let written = || written(self.seen.is_none(), self.changed).enumerate();
        match &self.seen {
            None => {
                out.push_sql("INSERT INTO deals (workspace_id, created_at");
                for (_, part) in written() {
                    out.push_sql(", ");
                    out.push_sql(part.names);
                }
                out.push_sql(") VALUES (");
                out.push_bind_param::<SqlUuid, _>(&self.row.workspace_id)?;
                out.push_sql(", ");
                out.push_bind_param::<Timestamptz, _>(&self.row.created_at)?;
                for (_, part) in written() {
                    out.push_sql(", ");
                    (part.values)(&self.row, out.reborrow())?;
                }
                out.push_sql(")");
            }
            Some(_) => {
                out.push_sql("UPDATE deals SET (");
                for (index, part) in written() {
                    out.push_sql(if index == 0 { "" } else { ", " });
                    out.push_sql(part.names);
                }
                out.push_sql(") = ROW(");
                for (index, part) in written() {
                    out.push_sql(if index == 0 { "" } else { ", " });
                    (part.values)(&self.row, out.reborrow())?;
                }
                out.push_sql(")");
                self.as_seen(out.reborrow())?;
                if !self.waits {
                    out.push_sql(" AND EXISTS (SELECT FROM free)");
                }
            }
        }
        out.push_sql(" RETURNING id)");
        Ok(())
    }

    /// The deal, as long as it is as it was seen.
    fn as_seen<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(" WHERE workspace_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.row.workspace_id)?;
        out.push_sql(" AND id = ");
        out.push_bind_param::<SqlUuid, _>(&self.row.id)?;
        out.push_sql(" AND sequence = ");
        out.push_bind_param::<Nullable<Integer>, _>(&self.seen)
    }
}

impl QueryId for One {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for &One {}
