//! When deals are due to leave their stages, and which of them are overdue.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{Nullable, Numeric, SmallInt, Timestamptz, Uuid as SqlUuid},
};
use rust_decimal::Decimal;
use uuid::Uuid;
pub use voronka_domain::due::Due;
use voronka_domain::{calendar::Calendar, deal::Deal, due::Part};

use super::Stored;
use crate::{Result, Statement, Tenant, unit::raw};

/// A deal's present visit has been on hold.
pub(super) fn was_held(deal: &Deal) -> bool {
    deal.hold.is_some() || deal.visit.held_seconds > 0
}

/// How deals stand to the norms of their stages; closed ones are not due.
pub fn dues(
    tenant: &mut Tenant<'_>,
    calendar: &Calendar,
    now: DateTime<Utc>,
    deals: &[Stored],
) -> Result<Vec<Due>> {
    let norm = |stored: &Stored| {
        let stage = stored.deal.stage_in(&stored.process).filter(|_| stored.deal.is_open())?;
        stage.norm_seconds(calendar)
    };
    let held = deals.iter().filter(|stored| was_held(&stored.deal) && norm(stored).is_some());
    let mut parts = parts(tenant, held.map(|stored| &stored.deal))?;
    let due = |stored: &Stored| {
        let Some(norm) = norm(stored) else { return Due::default() };
        let deal = &stored.deal;
        match parts.remove(&deal.id).filter(|_| was_held(deal)) {
            Some(parts) => Due::of(&present(deal, parts), norm, calendar, now),
            None => Due::of(&[(deal.visit.entered_at, None)], norm, calendar, now),
        }
    };
    Ok(deals.iter().map(due).collect())
}

/// The parts as they are of the deal, which may be one that is only tried.
fn present(deal: &Deal, mut parts: Vec<Part>) -> Vec<Part> {
    match (&deal.hold, parts.last_mut()) {
        (Some(hold), Some((_, to @ None))) => *to = Some(hold.since),
        (None, Some((_, Some(_)))) => parts.push((deal.visit.segment_entered_at, None)),
        _ => {}
    }
    parts
}

type PartTypes = (SqlUuid, Timestamptz, Nullable<Timestamptz>);
type PartRow = (Uuid, DateTime<Utc>, Option<DateTime<Utc>>);

/// The parts of their present visits that were not on hold.
pub(super) fn parts<'d>(
    tenant: &mut Tenant<'_>,
    deals: impl Iterator<Item = &'d Deal>,
) -> Result<HashMap<Uuid, Vec<Part>>> {
    let (ids, visits): (Vec<Uuid>, Vec<i32>) =
        deals.map(|deal| (deal.id, deal.visit.number)).unzip();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = Statement::select(raw::<PartTypes>(
        "v.deal_id, v.entered_at, v.left_at FROM stage_visits v JOIN unnest(",
    ));
    let rows: Vec<PartRow> = statement
        .bind(ids)
        .sql(", ")
        .bind(visits)
        .sql(
            ") AS wanted(deal_id, visit) ON v.deal_id = wanted.deal_id AND v.visit = wanted.visit \
             WHERE NOT v.held AND v.workspace_id = ",
        )
        .bind(tenant.workspace_id)
        .sql(" ORDER BY v.deal_id, v.sequence")
        .load(tenant.conn)?;
    let mut parts: HashMap<Uuid, Vec<Part>> = HashMap::new();
    for (deal_id, from, to) in rows {
        parts.entry(deal_id).or_default().push((from, to));
    }
    Ok(parts)
}

/// The deals that are overdue at a moment: of those that were never on hold in their visit, those that
/// entered before an instant that depends on the stage; of the others, these ones.
#[derive(Debug, Clone)]
pub struct Overdue {
    workspace_id: Uuid,
    /// Of the stages with a norm: their version and position, and the instant.
    versions: Vec<Uuid>,
    positions: Vec<i16>,
    since: Vec<DateTime<Utc>>,
    held: Vec<Uuid>,
}

type NormRow = (Uuid, i16, Decimal);
type HeldTypes = (SqlUuid, Numeric, Timestamptz, Nullable<Timestamptz>);
type HeldRow = (Uuid, Decimal, DateTime<Utc>, Option<DateTime<Utc>>);

impl Overdue {
    pub fn load(tenant: &mut Tenant<'_>, calendar: &Calendar, now: DateTime<Utc>) -> Result<Self> {
        let norms: Vec<NormRow> = tenant
            .rows(raw::<(SqlUuid, SmallInt, Numeric)>("version_id, position, norm_days"), "stages")
            .sql(" AND norm_days IS NOT NULL")
            .load(tenant.conn)?;
        let (mut versions, mut positions, mut since) = (Vec::new(), Vec::new(), Vec::new());
        for (version, position, days) in norms {
            let Some(norm) = calendar.days(days) else { continue };
            versions.push(version);
            positions.push(position);
            since.push(calendar.before(now, norm));
        }
        let workspace_id = tenant.workspace_id;
        let mut overdue = Self { workspace_id, versions, positions, since, held: Vec::new() };
        let rows = overdue.held_parts(tenant)?;
        for visit in rows.chunk_by(|one, next| one.0 == next.0) {
            let Some((deal_id, days, ..)) = visit.first() else { continue };
            let parts: Vec<Part> = visit.iter().map(|(.., from, to)| (*from, *to)).collect();
            let norm = calendar.days(*days);
            if norm.is_some_and(|norm| Due::of(&parts, norm, calendar, now).overdue) {
                overdue.held.push(*deal_id);
            }
        }
        Ok(overdue)
    }

    /// The parts that were not on hold of the present visits that were, as far as these can be overdue.
    fn held_parts(&self, tenant: &mut Tenant<'_>) -> Result<Vec<HeldRow>> {
        let statement = Statement::select(raw::<HeldTypes>(
            "d.id, s.norm_days, v.entered_at, v.left_at FROM deals d",
        ));
        let rows = self
            .late(statement)
            .sql(
                " JOIN stages s ON s.workspace_id = d.workspace_id AND s.id = d.stage_id \
                 JOIN stage_visits v ON v.workspace_id = d.workspace_id AND v.deal_id = d.id \
                 AND v.visit = d.visit AND NOT v.held \
                 WHERE (d.hold_since IS NOT NULL OR d.visit_held_seconds > 0) \
                 AND d.status = 'open' AND d.visit_entered_at < late.since AND d.workspace_id = ",
            )
            .bind(self.workspace_id)
            .sql(" ORDER BY d.id, v.sequence")
            .load(tenant.conn)?;
        Ok(rows)
    }

    fn late<S>(&self, statement: Statement<S>) -> Statement<S> {
        statement
            .sql(" JOIN unnest(")
            .bind(self.versions.clone())
            .sql(", ")
            .bind(self.positions.clone())
            .sql(", ")
            .bind(self.since.clone())
            .sql(
                ") AS late(version_id, position, since) \
                 ON late.version_id = d.version_id AND late.position = d.position",
            )
    }

    /// Adds to a statement over `deals` that they are overdue, or that they are not.
    pub(super) fn narrow<S>(&self, statement: Statement<S>, overdue: bool) -> Statement<S> {
        let is = if overdue { "IN" } else { "NOT IN" };
        self.late(statement.sql(format!(" AND deals.id {is} (SELECT d.id FROM deals d")))
            .sql(
                " WHERE d.hold_since IS NULL AND d.visit_held_seconds = 0 AND d.status = 'open' \
                 AND d.visit_entered_at < late.since AND d.workspace_id = ",
            )
            .bind(self.workspace_id)
            .sql(" UNION ALL SELECT unnest(")
            .bind(self.held.clone())
            .sql("))")
    }
}
