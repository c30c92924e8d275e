//! Visits to stages that began in a period, and how long they lasted.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    pg::PgRowByRowLoadingMode,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz},
};
use uuid::Uuid;
use voronka_domain::{access::Visibility, alignment::Fold, calendar::Calendar};

use super::{Alignment, Group, GroupBy, Period, behind, closed::Visits};
use crate::{Raw, Result, Statement, Tenant, deals::seen_by, unit::raw};

/// A visit, without its time on hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stay {
    pub seconds: f64,
    pub working_seconds: f64,
    pub over: bool,
}

/// The visits of one group, or of all, by position.
#[derive(Debug, Clone, Default)]
pub struct Stays {
    pub key: Option<String>,
    pub stages: BTreeMap<i16, Vec<Stay>>,
}

fn key(period: &Period, group_by: Option<GroupBy>) -> String {
    group_by.map_or("NULL::text".to_owned(), |by| {
        // The owner is whoever led the deal when the visit ended, or leads it.
        by.sql("v", "v.visit_entered_at", period.time_zone.name())
    })
}

/// `FROM` the segments of the visits that began in the period, of deals that the caller sees.
fn segments<S>(
    statement: Statement<S>,
    workspace_id: Uuid,
    visibility: &Visibility,
    alignment: &Alignment,
    period: &Period,
    group_by: Option<GroupBy>,
) -> Statement<S> {
    let statement = statement.sql(
        " FROM stage_visits v \
         JOIN deals ON deals.workspace_id = v.workspace_id AND deals.id = v.deal_id",
    );
    let statement = alignment.join(statement, "JOIN", "v.stage_number");
    let statement = period
        .segments
        .join(statement, group_by)
        .sql(" WHERE v.workspace_id = ")
        .bind(workspace_id)
        .sql(" AND v.deal_type_id = ")
        .bind(alignment.deal_type_id)
        // No segment begins before its visit: the index is by the segments.
        .sql(" AND v.entered_at >= ")
        .bind(period.from)
        .sql(" AND v.visit_entered_at >= ")
        .bind(period.from)
        .sql(" AND v.visit_entered_at < ")
        .bind(period.until);
    seen_by(period.segments.narrow(statement), visibility)
}

/// When a part of a visit began, and when it ended.
type Part = (DateTime<Utc>, Option<DateTime<Utc>>);

/// A visit that consists of these parts, up to `now`.
fn stay(
    parts: impl Iterator<Item = Part>,
    over: bool,
    calendar: &Calendar,
    now: DateTime<Utc>,
) -> Stay {
    let (mut seconds, mut working_seconds) = (0.0, 0.0);
    for (from, to) in parts {
        let to = to.unwrap_or(now).max(from);
        seconds += (to - from).as_seconds_f64();
        working_seconds += calendar.working_time(from, to).as_seconds_f64();
    }
    Stay { seconds, working_seconds, over }
}

/// Of the segments of a visit, the last one tells of all. Whether the visit was ever on hold:
const LAST: &str = " AND v.ended_by IS DISTINCT FROM 'split'";
const PAUSED: &str = "(v.held OR v.visit_held_seconds > 0)";

type Times = Array<Timestamptz>;
type OpenTimes = Array<Nullable<Timestamptz>>;
type Whole = (Option<String>, i16, Vec<DateTime<Utc>>, Vec<Option<DateTime<Utc>>>);
type Paused = (Whole, bool);

/// The visits that began in the period, up to `now`: in all, or by group.
pub fn stays(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: &Alignment,
    period: &Period,
    group_by: Option<GroupBy>,
    (calendar, now): (&Calendar, DateTime<Utc>),
) -> Result<Vec<Stays>> {
    let key = key(period, group_by);
    let mut groups: BTreeMap<(bool, Option<String>), BTreeMap<i16, Vec<Stay>>> = BTreeMap::new();
    let mut stages = |key: Option<String>, place, stays: &mut dyn Iterator<Item = Stay>| {
        let stages = groups.entry((key.is_none(), key)).or_default();
        stages.entry(place).or_default().extend(stays);
    };
    // Most visits were never on hold: a few long rows tell of them all.
    let selection =
        format!("{key}, stage.place, array_agg(v.visit_entered_at), array_agg(v.left_at)");
    let statement =
        Statement::select(Raw::<(Nullable<Text>, SmallInt, Times, OpenTimes)>::new(selection));
    let rows = segments(statement, tenant.workspace_id, visibility, alignment, period, group_by)
        .sql(format!("{LAST} AND NOT {PAUSED} GROUP BY 1, 2"))
        .load_iter::<Whole, PgRowByRowLoadingMode>(tenant.conn)?;
    for row in rows {
        let (key, place, from, to) = row?;
        let visits = from.into_iter().zip(to);
        let mut stays =
            visits.map(|part| stay(std::iter::once(part), part.1.is_some(), calendar, now));
        stages(key, place, &mut stays);
    }
    // Of the others, the parts between.
    let parts = |column: &str| {
        format!(
            "ARRAY(SELECT part.{column} FROM stage_visits part WHERE part.workspace_id = v.workspace_id \
             AND part.deal_id = v.deal_id AND part.visit = v.visit AND NOT part.held ORDER BY part.sequence)"
        )
    };
    let selection = format!(
        "{key}, stage.place, {}, {}, v.left_at IS NOT NULL",
        parts("entered_at"),
        parts("left_at")
    );
    let statement = Statement::select(
        Raw::<((Nullable<Text>, SmallInt, Times, OpenTimes), Bool)>::new(selection),
    );
    let rows = segments(statement, tenant.workspace_id, visibility, alignment, period, group_by)
        .sql(format!("{LAST} AND {PAUSED}"))
        .load_iter::<Paused, PgRowByRowLoadingMode>(tenant.conn)?;
    for row in rows {
        let ((key, place, from, to), over) = row?;
        let stay = stay(from.into_iter().zip(to), over, calendar, now);
        stages(key, place, &mut std::iter::once(stay));
    }
    Ok(groups.into_iter().map(|((_, key), stages)| Stays { key, stages }).collect())
}

/// The deals whose visits are counted in another stage than that which they were to.
pub fn folds(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: &Alignment,
    period: &Period,
) -> Result<Vec<Fold>> {
    let folded = alignment.stages.folded();
    if folded.is_empty() {
        return Ok(Vec::new());
    }
    let statement = Statement::select(raw::<(Array<Integer>, BigInt)>(
        "numbers, count(*) FROM (SELECT array_agg(DISTINCT v.stage_number) AS numbers",
    ));
    let deals: Vec<(Vec<i32>, i64)> =
        segments(statement, tenant.workspace_id, visibility, alignment, period, None)
            .sql(" AND v.stage_number = ANY(")
            .bind(folded)
            .sql(") GROUP BY v.deal_id) AS folded GROUP BY numbers")
            .load(tenant.conn)?;
    Ok(alignment.stages.folds(deals))
}

/// A number of the report: visits to a stage, of all groups or of one.
#[derive(Debug, Clone)]
pub struct Figure {
    pub alignment: Alignment,
    pub period: Period,
    pub position: i16,
    pub visits: Visits,
    pub group: Option<Group>,
}

impl behind::Figure for Figure {
    fn rows<S>(
        &self,
        statement: Statement<S>,
        workspace_id: Uuid,
        visibility: &Visibility,
    ) -> Statement<S> {
        let statement = statement.sql("deals.id, count(*), deals.base_amount");
        let by = self.group.as_ref().map(|group| group.by);
        let statement =
            segments(statement, workspace_id, visibility, &self.alignment, &self.period, by)
                .sql(format!(" AND {}", self.visits.condition()));
        let statement = self.alignment.at(statement, "v.stage_number", self.position);
        let statement = match &self.group {
            Some(group) => group.narrow(statement, &key(&self.period, Some(group.by))),
            None => statement,
        };
        statement.sql(" GROUP BY deals.id, deals.base_amount")
    }
}
