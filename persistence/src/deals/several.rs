//! Several deals in one statement, each as in a statement of its own: what was decided at the same moment is
//! recorded together. A deal that is no longer as it was seen, or that somebody holds, is left as it is.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use diesel::{
    PgConnection, QueryResult, RunQueryDsl,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, Uuid as SqlUuid},
};
use uuid::Uuid;

use super::{
    one::{Changed, One, PATIENCE, written},
    record::VisitRow,
};
use crate::{
    Error, Result, Store, Unit,
    core::{
        columns::{Cell, Column, Columns, Turned, column},
        events::{EventRow, FLOOR},
        lanes::{Lanes, padded},
    },
};

/// What the statements of several deals have in common: these are recorded together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shape {
    workspace_id: Uuid,
    new: bool,
    changed: Changed,
    titled: bool,
    left: bool,
}

/// What became of a deal that was to be recorded.
enum Outcome {
    Recorded,
    Failed(Error),
    /// Nothing of it is recorded: it is for whoever wanted it, by a statement of its own, which waits.
    Left(Box<One>),
}

type RecordLanes = Lanes<Shape, One, Outcome>;

/// Records a deal, with those that others have decided on at the same moment.
pub(super) fn record(unit: &mut Unit<'_>, one: One) -> Result<()> {
    let conn = &mut *unit.tenant.conn;
    // An id in another system may have to wait for whoever has it.
    if one.row.external_id.is_some() && (one.seen.is_none() || one.changed.details) {
        return alone(conn, one);
    }
    let shape = Shape {
        workspace_id: one.row.workspace_id,
        new: one.seen.is_none(),
        changed: one.changed,
        titled: one.titled,
        left: one.left.is_some(),
    };
    let lanes = unit.store.kept::<RecordLanes>();
    match lanes.go(&shape, one, |all| together(conn, &shape, all)) {
        Some(Outcome::Recorded) => Ok(()),
        Some(Outcome::Failed(error)) => Err(error),
        Some(Outcome::Left(one)) => alone(conn, *one),
        None => Err(Error::Internal("whoever was to record a deal broke down".to_owned())),
    }
}

/// Deals that wait to be recorded.
pub fn waiting(store: &Store) -> usize {
    store.kept::<RecordLanes>().waiting()
}

pub(super) fn alone(conn: &mut PgConnection, mut one: One) -> Result<()> {
    one.waits = true;
    if (&one).execute(conn)? == 0 { Err(Error::Overtaken) } else { Ok(()) }
}

/// Longer than the patience of the statements.
const LONG: Duration = Duration::from_secs(2);

/// Nobody is waited for, or else all would wait for whoever holds one of the deals.
fn together(conn: &mut PgConnection, shape: &Shape, mut all: Vec<One>) -> Vec<Outcome> {
    let began = Instant::now();
    let recorded = match all.as_mut_slice() {
        [one] => {
            one.waits = false;
            let id = one.row.id;
            let one: &One = one;
            one.execute(conn).map(|events| if events == 0 { vec![] } else { vec![id] })
        }
        all => Several::of(shape, all).load::<Uuid>(conn),
    };
    let mut recorded: HashSet<Uuid> = match recorded.map_err(Error::from) {
        Ok(ids) => ids.into_iter().collect(),
        // Nobody knows whether it was recorded.
        Err(Error::Unavailable(cause)) => {
            let lost = || Outcome::Failed(Error::Unavailable(cause.clone()));
            return all.iter().map(|_| lost()).collect();
        }
        // For a table: all have waited for it. New deals have no patience to run out of.
        Err(Error::Busy) if shape.new || began.elapsed() > LONG => {
            return all.iter().map(|_| Outcome::Failed(Error::Busy)).collect();
        }
        Err(Error::Busy) => HashSet::new(),
        Err(error) if all.len() == 1 => return vec![Outcome::Failed(error)],
        // None of them knows whose fault it is.
        Err(_) => HashSet::new(),
    };
    // Of two who had the same deal in mind, it was the first.
    let outcome = |one: One| match recorded.remove(&one.row.id) {
        true => Outcome::Recorded,
        false => Outcome::Left(Box::new(one)),
    };
    all.into_iter().map(outcome).collect()
}

/// The statement. Its places are numbered by `i` in each of its parts: deals, visits and events.
struct Several {
    shape: Shape,
    ids: Vec<Uuid>,
    seen: Column,
    /// Of new deals.
    created: Option<Column>,
    /// Where they are new.
    titles: Option<Column>,
    parts: Vec<Turned>,
    left: Option<[Column; 3]>,
    visit_deals: Vec<Uuid>,
    visits: Turned,
    event_deals: Vec<Uuid>,
    events: Turned,
}

impl Several {
    /// A deal is in it once.
    fn of(shape: &Shape, all: &[One]) -> Self {
        let mut deals = HashSet::new();
        let all: Vec<_> = all.iter().filter(|one| deals.insert(one.row.id)).collect();
        let rows: Vec<_> = all.iter().map(|one| &one.row).collect();
        let visits: Vec<&VisitRow> = all.iter().flat_map(|one| &one.visits).collect();
        let events: Vec<&EventRow> = all.iter().flat_map(|one| &one.events).collect();
        let parts = written(shape.new, shape.changed);
        let ids = rows.iter().map(|row| row.id).collect();
        Self {
            shape: shape.clone(),
            ids: if shape.new { ids } else { padded(ids) },
            seen: Cell::column(all.iter().map(|one| one.seen).collect::<Vec<Option<i32>>>()),
            created: shape.new.then(|| column(&rows, |row| &row.created_at)),
            titles: shape.titled.then(|| column(&rows, |row| &row.title)),
            parts: parts.map(|part| (part.turned)(&rows)).collect(),
            left: shape.left.then(|| {
                let left = all.iter().filter_map(|one| one.left.clone());
                let (sequences, ends): (Vec<i32>, Vec<(DateTime<Utc>, String)>) =
                    left.map(|(sequence, at, end)| (sequence, (at, end))).unzip();
                let (times, ends): (Vec<_>, Vec<_>) = ends.into_iter().unzip();
                [Cell::column(sequences), Cell::column(times), Cell::column(ends)]
            }),
            visit_deals: visits.iter().map(|visit| visit.deal_id).collect(),
            visits: VisitRow::turned(&visits),
            event_deals: events.iter().map(|event| event.object_id).collect(),
            events: EventRow::turned(&events),
        }
    }

    fn deals<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let written = || written(self.shape.new, self.shape.changed);
        let names = |out: &mut AstPass<'_, 'b, Pg>| {
            for (index, part) in written().enumerate() {
                out.push_sql(if index == 0 { "" } else { ", " });
                out.push_sql(part.names);
            }
        };
        let values = |mut out: AstPass<'_, 'b, Pg>| {
            for (index, part) in self.parts.iter().enumerate() {
                out.push_sql(if index == 0 { "" } else { ", " });
                part.walk_ast(out.reborrow())?;
            }
            QueryResult::Ok(())
        };
        if let Some(created) = &self.created {
            out.push_sql("WITH deal AS (INSERT INTO deals (workspace_id, created_at, ");
            names(&mut out);
            out.push_sql(") SELECT ");
            out.push_bind_param::<SqlUuid, _>(&self.shape.workspace_id)?;
            out.push_sql(", ");
            created.walk_ast(out.reborrow())?;
            out.push_sql(", ");
            values(out.reborrow())?;
            out.push_sql(" FROM ");
            places(&self.ids, out.reborrow())?;
            out.push_sql(" RETURNING id)");
            return Ok(());
        }
        out.push_sql("WITH ");
        out.push_sql(PATIENCE);
        out.push_sql(", seen AS MATERIALIZED (SELECT deals.id, place.i FROM patience, ");
        places(&self.ids, out.reborrow())?;
        out.push_sql(" JOIN deals ON deals.id = place.id AND deals.workspace_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.shape.workspace_id)?;
        out.push_sql(" AND deals.sequence = ");
        self.seen.walk_ast(out.reborrow())?;
        out.push_sql(" FOR NO KEY UPDATE OF deals SKIP LOCKED), deal AS (UPDATE deals SET (");
        names(&mut out);
        out.push_sql(") = ROW(");
        values(out.reborrow())?;
        out.push_sql(") FROM seen WHERE deals.id = seen.id AND deals.workspace_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.shape.workspace_id)?;
        out.push_sql(" RETURNING deals.id)");
        Ok(())
    }
}

/// The deals of some places, in their order.
fn places<'b>(ids: &'b Vec<Uuid>, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    out.push_sql("unnest(");
    out.push_bind_param::<Array<SqlUuid>, _>(ids)?;
    out.push_sql(") WITH ORDINALITY AS place(id, i)");
    Ok(())
}

impl QueryFragment<Pg> for Several {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.deals(out.reborrow())?;
        if let Some([sequences, times, ends]) = &self.left {
            out.push_sql(", gone AS (UPDATE stage_visits SET left_at = ");
            times.walk_ast(out.reborrow())?;
            out.push_sql(", ended_by = ");
            ends.walk_ast(out.reborrow())?;
            out.push_sql(" FROM ");
            places(&self.ids, out.reborrow())?;
            out.push_sql(" JOIN deal USING (id) WHERE stage_visits.workspace_id = ");
            out.push_bind_param::<SqlUuid, _>(&self.shape.workspace_id)?;
            out.push_sql(" AND stage_visits.deal_id = place.id AND stage_visits.sequence = ");
            sequences.walk_ast(out.reborrow())?;
            out.push_sql(")");
        }
        out.push_sql(", came AS (INSERT INTO stage_visits (");
        out.push_sql(VisitRow::NAMES);
        out.push_sql(") SELECT ");
        self.visits.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        places(&self.visit_deals, out.reborrow())?;
        out.push_sql(" JOIN deal USING (id))");
        if let Some(titles) = &self.titles {
            out.push_sql(
                ", titled AS (INSERT INTO deal_titles (workspace_id, deal_id, title) SELECT ",
            );
            out.push_bind_param::<SqlUuid, _>(&self.shape.workspace_id)?;
            out.push_sql(", id, ");
            titles.walk_ast(out.reborrow())?;
            out.push_sql(" FROM ");
            places(&self.ids, out.reborrow())?;
            out.push_sql(" JOIN deal USING (id)");
            if !self.shape.new {
                out.push_sql(
                    " ON CONFLICT (workspace_id, deal_id) DO UPDATE SET title = excluded.title",
                );
            }
            out.push_sql(")");
        }
        // The floor comes after the deals and before the positions, which are drawn row by row.
        out.push_sql(", floor AS MATERIALIZED (SELECT ");
        out.push_sql(FLOOR);
        out.push_sql(
            " FROM (SELECT count(*) FROM deal) AS all_deals(n) WHERE n > 0) INSERT INTO events (",
        );
        out.push_sql(EventRow::NAMES);
        out.push_sql(") SELECT ");
        self.events.walk_ast(out.reborrow())?;
        out.push_sql(" FROM floor, ");
        places(&self.event_deals, out.reborrow())?;
        out.push_sql(" JOIN deal USING (id) ORDER BY i RETURNING object_id");
        Ok(())
    }
}

impl QueryId for Several {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Several {
    type SqlType = SqlUuid;
}

impl RunQueryDsl<PgConnection> for Several {}
