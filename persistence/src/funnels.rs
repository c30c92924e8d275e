//! Funnel reports. A closed funnel counts deals by the depth on their rows; an open one counts the
//! segments of visits that held at an instant.

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{BigInt, Double, Nullable, Numeric, SmallInt, Text, Uuid as SqlUuid},
};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{
    access::Visibility,
    deal::Status,
    funnel::{DepthCount, OpenCount, VisitCount},
    process::Process,
};

use crate::{
    Raw, Result, Statement, Store, Tenant,
    deals::{owned_by, seen_by},
    words::from_word,
};

/// Which deals a closed funnel is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Those that were closed in the period.
    Closed,
    /// Those that were opened in the period, closed or not.
    Created,
}

/// What a report is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    Owner,
    Source,
    ClientType,
    Region,
    Month,
}

#[derive(Debug, Clone)]
pub struct ClosedQuery {
    pub deal_type_id: Uuid,
    pub from: DateTime<Utc>,
    /// The first instant after the period.
    pub until: DateTime<Utc>,
    pub basis: Basis,
    pub time_zone: chrono_tz::Tz,
}

/// Counts of one group, or of all.
#[derive(Debug, Clone, Default)]
pub struct ClosedCounts {
    /// Id or word of the group; none for deals without one.
    pub key: Option<String>,
    pub depths: Vec<DepthCount>,
    pub visits: Vec<VisitCount>,
}

/// A deal type's current process, and where the stages of all its versions are in it.
pub struct Alignment {
    pub process: std::sync::Arc<Process>,
    versions: Vec<Uuid>,
    positions: Vec<i16>,
    aligned: Vec<i16>,
    norms: Vec<i64>,
}

impl Alignment {
    pub fn load(store: &Store, tenant: &mut Tenant<'_>, deal_type_id: Uuid) -> Result<Self> {
        let deal_type = crate::deal_types::get(tenant, deal_type_id)?;
        let process = store.process(tenant, deal_type.current_version_id)?;
        let (mut versions, mut positions) = (Vec::new(), Vec::new());
        let (mut aligned, mut norms) = (Vec::new(), Vec::new());
        for version in store.processes_of(tenant, deal_type_id)? {
            for (stage, place) in version.stages.iter().zip(version.align_to(&process)) {
                versions.push(version.version_id);
                positions.push(stage.position);
                aligned.push(place);
                norms.push(stage.norm_seconds().unwrap_or(i64::MAX));
            }
        }
        Ok(Self { process, versions, positions, aligned, norms })
    }

    fn place(&self, version: Uuid, position: i16) -> i16 {
        let rows = self.versions.iter().zip(&self.positions).zip(&self.aligned);
        rows.into_iter()
            .find(|((v, p), _)| **v == version && **p == position)
            .map_or(position, |(_, aligned)| *aligned)
    }

    /// `stage(version_id, position, aligned, norm)` as a table of the statement.
    fn join<S>(&self, statement: Statement<S>, join: &str, table: &str) -> Statement<S> {
        statement
            .sql(format!(" {join} unnest("))
            .bind(self.versions.clone())
            .sql(", ")
            .bind(self.positions.clone())
            .sql(", ")
            .bind(self.aligned.clone())
            .sql(", ")
            .bind(
                self.norms.iter().map(|norm| Decimal::from(*norm).to_string()).collect::<Vec<_>>(),
            )
            .sql(format!(
                "::text[]) AS stage(version_id, position, aligned, norm) \
                 ON stage.version_id = {table}.version_id AND stage.position = {table}.position"
            ))
    }
}

impl GroupBy {
    /// The group's key of a row of `owned`, the table with the owner. `time` dates the month.
    fn sql(self, owned: &str, time: &str, zone: &str) -> String {
        match self {
            Self::Owner => format!("{owned}.owner_id::text"),
            Self::Source => "deals.source_id::text".to_owned(),
            Self::ClientType => client("client_type"),
            Self::Region => client("region"),
            Self::Month => format!("to_char({time} AT TIME ZONE '{zone}', 'YYYY-MM')"),
        }
    }
}

fn client(column: &str) -> String {
    format!(
        "(SELECT c.{column} FROM clients c \
         WHERE c.workspace_id = deals.workspace_id AND c.id = deals.client_id)"
    )
}

type DepthTypes =
    ((Nullable<Text>, SqlUuid, SmallInt, SmallInt, Text), BigInt, Numeric, Nullable<Numeric>);
type DepthRow = ((Option<String>, Uuid, i16, i16, String), i64, Decimal, Option<Decimal>);

type VisitTypes = ((Nullable<Text>, SmallInt), (BigInt, BigInt, BigInt, BigInt), Nullable<Double>);
type VisitRow = ((Option<String>, i16), (i64, i64, i64, i64), Option<f64>);

/// The deals of a closed funnel, counted: in all, or by group.
pub fn closed(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: &Alignment,
    query: &ClosedQuery,
    group_by: Option<GroupBy>,
) -> Result<Vec<ClosedCounts>> {
    let time = match query.basis {
        Basis::Closed => "deals.closed_at",
        Basis::Created => "deals.opened_at",
    };
    let zone = query.time_zone.name();
    let key = group_by.map_or("NULL::text".to_owned(), |group| group.sql("deals", time, zone));
    let in_period = |statement: Statement<Raw<_>>| period(statement, query, time);
    let selection = format!(
        "{key}, deals.version_id, deals.depth, coalesce(deals.position, 0::smallint), deals.status, \
         count(*), sum(deals.base_amount), \
         sum(extract(epoch FROM deals.closed_at - deals.opened_at))::numeric(30, 6)"
    );
    let counted = in_period(tenant.rows(Raw::<DepthTypes>::new(selection), "deals"));
    let depths: Vec<DepthRow> = seen_by(counted, visibility)
        .sql(" GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5")
        .load(tenant.conn)?;
    let selection = format!(
        "{key}, stage.aligned, count(DISTINCT v.deal_id), \
         count(*) FILTER (WHERE v.direction IS NOT NULL), count(*) FILTER (WHERE v.left_at IS NULL), \
         count(*) FILTER (WHERE v.direction = 'back'), {MEDIAN}"
    );
    let statement = Statement::select(Raw::<VisitTypes>::new(selection)).sql(
        " FROM deals JOIN stage_visits v ON v.workspace_id = deals.workspace_id AND v.deal_id = deals.id",
    );
    let statement = alignment
        .join(statement, "JOIN", "v")
        .sql(" WHERE deals.workspace_id = ")
        .bind(tenant.workspace_id);
    let visits: Vec<VisitRow> = seen_by(period(statement, query, time), visibility)
        .sql(" GROUP BY 1, 2 ORDER BY 1, 2")
        .load(tenant.conn)?;
    Ok(gather(alignment, depths, visits))
}

/// Median of the visits that are over, without the time on hold.
const MEDIAN: &str = "percentile_cont(0.5) WITHIN GROUP (ORDER BY \
    extract(epoch FROM v.left_at - v.visit_entered_at)::float8 - v.visit_held_seconds - \
    CASE WHEN v.held THEN extract(epoch FROM v.left_at - v.entered_at)::float8 ELSE 0 END) \
    FILTER (WHERE v.ended_by <> 'split')";

fn period<S>(statement: Statement<S>, query: &ClosedQuery, time: &str) -> Statement<S> {
    statement
        .sql(" AND deals.deal_type_id = ")
        .bind(query.deal_type_id)
        .sql(format!(" AND {time} >= "))
        .bind(query.from)
        .sql(format!(" AND {time} < "))
        .bind(query.until)
}

fn gather(
    alignment: &Alignment,
    depths: Vec<DepthRow>,
    visits: Vec<VisitRow>,
) -> Vec<ClosedCounts> {
    let mut groups: Vec<ClosedCounts> = Vec::new();
    for ((key, version, depth, position, status), deals, amount, cycle) in depths {
        let Some(status) = from_word::<Status>(&status) else { continue };
        let group = group(&mut groups, key);
        if status == Status::Lost {
            visit(group, alignment.place(version, position)).lost_from += deals;
        }
        let depth = alignment.place(version, depth);
        let cycle_seconds = cycle.unwrap_or_default();
        group.depths.push(DepthCount { depth, status, deals, amount, cycle_seconds });
    }
    for ((key, position), (touched, visits, open_visits, back_moves), median) in visits {
        let row = visit(group(&mut groups, key), position);
        row.touched = touched;
        row.visits = visits;
        row.open_visits = open_visits;
        row.back_moves = back_moves;
        row.median_seconds = median;
    }
    groups
}

fn group(groups: &mut Vec<ClosedCounts>, key: Option<String>) -> &mut ClosedCounts {
    let place = groups.iter().position(|group| group.key == key).unwrap_or_else(|| {
        groups.push(ClosedCounts { key, ..ClosedCounts::default() });
        groups.len().saturating_sub(1)
    });
    &mut groups[place]
}

fn visit(group: &mut ClosedCounts, position: i16) -> &mut VisitCount {
    let visits = &mut group.visits;
    let place = visits.iter().position(|row| row.position == position).unwrap_or_else(|| {
        visits.push(VisitCount { position, ..VisitCount::default() });
        visits.len().saturating_sub(1)
    });
    &mut visits[place]
}

type OpenTypes = (
    (Nullable<Text>, SmallInt),
    (BigInt, Numeric, Nullable<Numeric>),
    (BigInt, BigInt),
    Nullable<Double>,
);
type OpenRow = ((Option<String>, i16), (i64, Decimal, Option<Decimal>), (i64, i64), Option<f64>);

/// Open deals by stage at an instant: what they were then, not what they are.
pub fn open(
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
        "{key}, coalesce(stage.aligned, 0::smallint), count(*), sum(v.base_amount), \
         sum(v.base_amount * v.probability)::numeric(30, 4), count(*) FILTER (WHERE age.seconds > \
         stage.norm::float8), count(*) FILTER (WHERE v.held), \
         percentile_cont(0.5) WITHIN GROUP (ORDER BY age.seconds)"
    );
    let statement = Statement::select(Raw::<OpenTypes>::new(selection)).sql(
        " FROM stage_visits v JOIN deals ON deals.workspace_id = v.workspace_id AND deals.id = v.deal_id",
    );
    // A deal of an untracked type is in no stage; it is open all the same.
    let statement = alignment
        .join(statement, "LEFT JOIN", "v")
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

/// Names of groups that have ids: users and sources.
pub fn names(
    tenant: &mut Tenant<'_>,
    group_by: GroupBy,
    ids: Vec<Uuid>,
) -> Result<Vec<(Uuid, String)>> {
    let table = match group_by {
        GroupBy::Owner => "users",
        GroupBy::Source => "sources",
        GroupBy::ClientType | GroupBy::Region | GroupBy::Month => return Ok(Vec::new()),
    };
    let names = tenant
        .rows(Raw::<(SqlUuid, Text)>::new("id, name"), table)
        .sql(" AND id = ANY(")
        .bind(ids)
        .sql(")")
        .load(tenant.conn)?;
    Ok(names)
}
