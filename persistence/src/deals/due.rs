//! When deals are due to leave their stages, and which of them are overdue.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{Nullable, Numeric, SmallInt, Timestamptz, Uuid as SqlUuid},
};
use rust_decimal::Decimal;
use uuid::Uuid;
pub use voronka_domain::deals::due::Due;
use voronka_domain::{
    deals::{deal::Deal, due::Part},
    workspace::calendar::Calendar,
};

use super::Stored;
use crate::{Result, Statement, Tenant, core::unit::raw};

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
    /// By version and position of the stages with a norm.
    since: BTreeMap<(Uuid, i16), DateTime<Utc>>,
    held: Vec<Uuid>,
    /// All of them, where these are few: they need not be looked for among all deals.
    few: Option<Vec<Uuid>>,
}

type NormRow = (Uuid, i16, Decimal);
type HeldTypes = (SqlUuid, Numeric, Timestamptz, Nullable<Timestamptz>);
type HeldRow = (Uuid, Decimal, DateTime<Utc>, Option<DateTime<Utc>>);

/// More deals than that are found soon enough where they are looked for.
const MOST_FEW: i64 = 1_000;

/// A deal `d` that has been on hold in its visit.
const PAUSED: &str = "(d.hold_since IS NOT NULL OR d.visit_held_seconds > 0)";

impl Overdue {
    pub fn load(tenant: &mut Tenant<'_>, calendar: &Calendar, now: DateTime<Utc>) -> Result<Self> {
        let norms: Vec<NormRow> = tenant
            .rows(raw::<(SqlUuid, SmallInt, Numeric)>("version_id, position, norm_days"), "stages")
            .sql(" AND norm_days IS NOT NULL")
            .load(tenant.conn)?;
        let since = norms.into_iter().filter_map(|(version, position, days)| {
            Some(((version, position), calendar.before(now, calendar.days(days)?)))
        });
        let mut overdue = Self { since: since.collect(), held: Vec::new(), few: None };
        let rows = overdue.held_parts(tenant)?;
        for visit in rows.chunk_by(|one, next| one.0 == next.0) {
            let Some((deal_id, days, ..)) = visit.first() else { continue };
            let parts: Vec<Part> = visit.iter().map(|(.., from, to)| (*from, *to)).collect();
            let norm = calendar.days(*days);
            if norm.is_some_and(|norm| Due::of(&parts, norm, calendar, now).overdue) {
                overdue.held.push(*deal_id);
            }
        }
        overdue.few = overdue.found(tenant)?;
        Ok(overdue)
    }

    /// The parts that were not on hold of the present visits that were, as far as these can be overdue.
    fn held_parts(&self, tenant: &mut Tenant<'_>) -> Result<Vec<HeldRow>> {
        let statement = Statement::select(raw::<HeldTypes>(
            "d.id, s.norm_days, v.entered_at, v.left_at FROM deals d \
             JOIN stages s ON s.workspace_id = d.workspace_id AND s.id = d.stage_id \
             JOIN stage_visits v ON v.workspace_id = d.workspace_id AND v.deal_id = d.id \
             AND v.visit = d.visit AND NOT v.held",
        ));
        let statement = self.late(statement, tenant.workspace_id);
        Ok(statement.sql(format!(" AND {PAUSED} ORDER BY d.id, v.sequence")).load(tenant.conn)?)
    }

    /// All, unless these are too many.
    fn found(&self, tenant: &mut Tenant<'_>) -> Result<Option<Vec<Uuid>>> {
        let statement = Statement::select(raw::<SqlUuid>("d.id FROM deals d"));
        let mut found: Vec<Uuid> = self
            .late(statement, tenant.workspace_id)
            .sql(format!(" AND NOT {PAUSED} LIMIT "))
            .bind(MOST_FEW.saturating_add(1))
            .load(tenant.conn)?;
        found.extend(&self.held);
        Ok(i64::try_from(found.len()).is_ok_and(|found| found <= MOST_FEW).then_some(found))
    }

    /// Joins the instants to open deals `d` that entered before theirs.
    fn late<S>(&self, statement: Statement<S>, workspace_id: Uuid) -> Statement<S> {
        let (stages, since): (Vec<_>, Vec<_>) = self.since.iter().unzip();
        let (versions, positions): (Vec<Uuid>, Vec<i16>) = stages.into_iter().copied().unzip();
        let since: Vec<DateTime<Utc>> = since.into_iter().copied().collect();
        let latest = since.iter().max().copied().unwrap_or(DateTime::UNIX_EPOCH);
        statement
            .sql(" JOIN unnest(")
            .bind(versions)
            .sql(", ")
            .bind(positions)
            .sql(", ")
            .bind(since)
            .sql(
                ") AS late(version_id, position, since) ON late.version_id = d.version_id \
                 AND late.position = d.position AND d.visit_entered_at < late.since \
                 WHERE d.status = 'open' AND d.workspace_id = ",
            )
            .bind(workspace_id)
            // For the index.
            .sql(" AND d.visit_entered_at < ")
            .bind(latest)
    }

    /// Adds to a statement over `deals` that they are overdue, or that they are not.
    pub(super) fn narrow<S>(&self, statement: Statement<S>, overdue: bool) -> Statement<S> {
        if let Some(few) = self.few.as_ref().filter(|_| overdue) {
            return statement.sql(" AND deals.id = ANY(").bind(few.clone()).sql(")");
        }
        let stage = |((version, position), since): (&(Uuid, i16), &DateTime<Utc>)| {
            (format!("{version} {position}"), since.to_rfc3339().into())
        };
        let since: serde_json::Map<String, serde_json::Value> =
            self.since.iter().map(stage).collect();
        // Said by itself, it is that of the index.
        let statement =
            if overdue { statement.sql(" AND deals.status = 'open'") } else { statement };
        statement
            .sql(
                " AND (deals.status = 'open' AND CASE \
                 WHEN deals.hold_since IS NOT NULL OR deals.visit_held_seconds > 0 THEN deals.id = ANY(",
            )
            .bind(self.held.clone())
            .sql(") ELSE deals.visit_entered_at < (")
            .bind(serde_json::Value::Object(since))
            .sql(" ->> (deals.version_id || ' ' || deals.position))::timestamptz END) IS ")
            .sql(if overdue { "TRUE" } else { "NOT TRUE" })
    }
}
