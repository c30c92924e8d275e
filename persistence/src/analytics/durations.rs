//! Visits to stages that began in a period, and how long they lasted.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::{
    people::access::Visibility, process::alignment::Fold, workspace::calendar::Calendar,
};

use super::{Alignment, Group, GroupBy, Key, Period, Segments, behind, closed::Visits};
use crate::{
    Raw, Result, Statement, Tenant,
    core::{unit::raw, visibility::deals_seen_by},
};

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

fn key(period: &Period, group_by: Option<GroupBy>) -> Key {
    // The owner is whoever led the deal when the visit ended, or leads it.
    Key::of(group_by, "v", "v.visit_entered_at", period.time_zone.name())
}

/// `FROM` the last segments of the visits that began in the period, of deals that the caller sees.
fn segments<S>(
    statement: Statement<S>,
    workspace_id: Uuid,
    visibility: &Visibility,
    alignment: &Alignment,
    period: &Period,
    group_by: Option<GroupBy>,
) -> Statement<S> {
    // Every visit has its deal: Postgres leaves the join out where nobody looks at the deals.
    let statement = statement.sql(
        " FROM stage_visits v \
         LEFT JOIN deals ON deals.workspace_id = v.workspace_id AND deals.id = v.deal_id",
    );
    let statement = period
        .segments
        .join(statement, group_by)
        .sql(" WHERE v.workspace_id = ")
        .bind(workspace_id)
        .sql(" AND v.deal_type_id = ")
        .bind(alignment.deal_type_id)
        // Of the segments of a visit, the last one tells of all.
        .sql(" AND v.ended_by IS DISTINCT FROM 'split' AND v.visit_entered_at >= ")
        .bind(period.from)
        .sql(" AND v.visit_entered_at < ")
        .bind(period.until);
    deals_seen_by(period.segments.narrow(statement), visibility)
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
    // Visits of one length are of one length, however they were split.
    let (mut whole, mut working) = (TimeDelta::zero(), TimeDelta::zero());
    for (from, to) in parts {
        let to = to.unwrap_or(now).max(from);
        whole += to - from;
        working += calendar.working_time(from, to);
    }
    let (seconds, working_seconds) = (whole.as_seconds_f64(), working.as_seconds_f64());
    Stay { seconds, working_seconds, over }
}

/// Whether the visit was ever on hold.
const PAUSED: &str = "(v.held OR v.visit_held_seconds > 0)";

type Times = Array<Timestamptz>;
type OpenTimes = Array<Nullable<Timestamptz>>;
/// Group, stage, when the visits that were never on hold began and ended, and deal and number of the others.
type Types =
    ((Nullable<Text>, Nullable<Integer>), (Times, OpenTimes), (Array<SqlUuid>, Array<Integer>));
type Row = (
    (Option<String>, Option<i32>),
    (Vec<DateTime<Utc>>, Vec<Option<DateTime<Utc>>>),
    (Vec<Uuid>, Vec<i32>),
);

/// The visits that began in the period, up to `now`: in all, or by group.
pub fn stays(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: &Alignment,
    period: &Period,
    group_by: Option<GroupBy>,
    (calendar, now): (&Calendar, DateTime<Utc>),
) -> Result<Vec<Stays>> {
    let all = |column: &str, which: &str| {
        format!("coalesce(array_agg(v.{column}) FILTER (WHERE {which}), '{{}}')")
    };
    let never = format!("NOT {PAUSED}");
    let key = key(period, group_by);
    let selection = format!(
        "{}, v.stage_number, {}, {}, {}, {}",
        key.text,
        all("visit_entered_at", &never),
        all("left_at", &never),
        all("deal_id", PAUSED),
        all("visit", PAUSED)
    );
    let statement = Statement::select(Raw::<Types>::new(selection));
    // A few long rows tell of them all.
    let rows: Vec<Row> =
        segments(statement, tenant.workspace_id, visibility, alignment, period, group_by)
            .sql(format!(" GROUP BY {}, 2", key.value))
            .load(tenant.conn)?;
    let ids = rows.iter().flat_map(|(.., (deals, visits))| deals.iter().zip(visits));
    let paused = paused(tenant, ids.map(|(deal, visit)| (*deal, *visit)).collect(), calendar, now)?;
    let places: BTreeMap<i32, i16> =
        alignment.stages.places().map(|(number, place, _)| (number, place)).collect();
    let mut groups: BTreeMap<(bool, Option<String>), BTreeMap<i16, Vec<Stay>>> = BTreeMap::new();
    for ((key, number), (from, to), (deals, visits)) in rows {
        let Some(place) = number.and_then(|number| places.get(&number)) else { continue };
        let stages = groups.entry((key.is_none(), key)).or_default();
        let stays = stages.entry(*place).or_default();
        let whole = from.into_iter().zip(to);
        stays
            .extend(whole.map(|part| stay(std::iter::once(part), part.1.is_some(), calendar, now)));
        stays.extend(deals.into_iter().zip(visits).filter_map(|visit| paused.get(&visit)));
    }
    Ok(groups.into_iter().map(|((_, key), stages)| Stays { key, stages }).collect())
}

/// Visits that have been on hold, by deal and number: their parts between.
fn paused(
    tenant: &mut Tenant<'_>,
    ids: HashSet<(Uuid, i32)>,
    calendar: &Calendar,
    now: DateTime<Utc>,
) -> Result<HashMap<(Uuid, i32), Stay>> {
    type Types = ((SqlUuid, Integer), (Times, OpenTimes), Bool);
    type Row = ((Uuid, i32), (Vec<DateTime<Utc>>, Vec<Option<DateTime<Utc>>>), bool);
    let (deals, visits): (Vec<Uuid>, Vec<i32>) = ids.into_iter().unzip();
    if deals.is_empty() {
        return Ok(HashMap::new());
    }
    let all = |column: &str| {
        format!(
            "coalesce(array_agg(part.{column} ORDER BY part.sequence) FILTER (WHERE NOT part.held), '{{}}')"
        )
    };
    let selection = format!(
        "part.deal_id, part.visit, {}, {}, bool_and(part.left_at IS NOT NULL) FROM unnest(",
        all("entered_at"),
        all("left_at")
    );
    let rows: Vec<Row> = Statement::select(Raw::<Types>::new(selection))
        .bind(deals)
        .sql(", ")
        .bind(visits)
        .sql(
            ") AS wanted(deal_id, visit) JOIN stage_visits part ON part.deal_id = wanted.deal_id \
             AND part.visit = wanted.visit AND part.workspace_id = ",
        )
        .bind(tenant.workspace_id)
        .sql(" GROUP BY 1, 2")
        .load(tenant.conn)?;
    let read = |(visit, (from, to), over): Row| {
        (visit, stay(from.into_iter().zip(to), over, calendar, now))
    };
    Ok(rows.into_iter().map(read).collect())
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
pub struct DurationFigure {
    pub alignment: Alignment,
    pub period: Period,
    pub position: i16,
    pub visits: Visits,
    pub group: Option<Group>,
}

impl behind::Figure for DurationFigure {
    fn chosen_by(&self) -> (&Segments, Option<&Group>) {
        (&self.period.segments, self.group.as_ref())
    }

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
            Some(group) => group.narrow(statement, &key(&self.period, Some(group.by)).text),
            None => statement,
        };
        statement.sql(" GROUP BY deals.id, deals.base_amount")
    }
}

#[cfg(test)]
mod tests {
    use voronka_domain::workspace::calendar::Week;

    use super::*;

    /// Lengths are compared: a visit that was split must not seem shorter than one of its length.
    #[test]
    fn splits_take_nothing_from_a_visit() {
        let at = |micros: i64| DateTime::from_timestamp_micros(micros).unwrap();
        let (from, to) = (at(1_000_000_000_000_001), at(1_000_000_000_700_003));
        let calendar = Calendar::new(chrono_tz::UTC, &Week::default(), &[]);
        let whole = stay([(from, Some(to))].into_iter(), true, &calendar, to);
        let step = TimeDelta::microseconds(9_973);
        let mut starts: Vec<_> = std::iter::successors(Some(from), |at| Some(*at + step))
            .take_while(|at| *at < to)
            .collect();
        starts.push(to);
        let parts = starts.windows(2).map(|part| (part[0], Some(part[1])));
        assert_eq!(stay(parts, true, &calendar, to), whole);
    }
}
