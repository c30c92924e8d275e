//! Reports: which deals they are of, how these are grouped, and what is counted of them.

mod alignment;
pub mod behind;
pub mod closed;
pub mod demand;
pub mod durations;
pub mod losses;
pub mod open;
pub mod overdue;
mod segmented;

use chrono::{DateTime, Utc};
use diesel::{RunQueryDsl, sql_types::Text, sql_types::Uuid as SqlUuid};
use uuid::Uuid;
use voronka_domain::people::access::Visibility;

pub use alignment::{Alignment, Why};
pub use segmented::{Segments, Wanted};

use crate::{Raw, Result, Statement, Tenant, core::visibility::deals_seen_by};

/// What dates a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// When it was closed; open deals have no such date.
    Closed,
    /// When it was opened.
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
    Competitor,
    /// The stage that a deal is in or was closed in.
    Stage,
    /// The furthest stage that a deal ever was in.
    DeepestStage,
    /// The segments that hold for a deal or its client: none, one or several.
    Segment,
    /// What was wanted: of the primary demand alone.
    Item,
    /// Why a demand was not met.
    UnmetReason,
}

/// A group of a report. The key is an id or a word; none for deals without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub by: GroupBy,
    pub key: Option<String>,
}

/// The deals of a report: those of a period, of a type or of all, and of a segment if need be.
#[derive(Debug, Clone)]
pub struct Period {
    pub deal_type_id: Option<Uuid>,
    pub from: DateTime<Utc>,
    /// The first instant after the period.
    pub until: DateTime<Utc>,
    pub basis: Basis,
    pub time_zone: chrono_tz::Tz,
    pub segments: Segments,
}

impl Period {
    fn time(&self) -> &'static str {
        match self.basis {
            Basis::Closed => "deals.closed_at",
            Basis::Created => "deals.opened_at",
        }
    }

    /// The group's key of a row of `deals`.
    fn key(&self, group_by: Option<GroupBy>) -> Key {
        Key::of(group_by, "deals", self.time(), self.time_zone.name())
    }

    /// Adds to a statement over `deals` which of them the report is of: those that the caller sees.
    fn narrow<S>(
        &self,
        statement: Statement<S>,
        visibility: &Visibility,
        group: Option<&Group>,
    ) -> Statement<S> {
        let time = self.time();
        let statement = match self.deal_type_id {
            Some(id) => statement.sql(" AND deals.deal_type_id = ").bind(id),
            // For the index, which begins with the deal type.
            None => statement.sql(
                " AND deals.deal_type_id IN (SELECT t.id FROM deal_types t \
                 WHERE t.workspace_id = deals.workspace_id)",
            ),
        };
        let statement = statement
            .sql(format!(" AND {time} >= "))
            .bind(self.from)
            .sql(format!(" AND {time} < "))
            .bind(self.until);
        let statement = match group {
            Some(group) => group.narrow(statement, &self.key(Some(group.by)).text),
            None => statement,
        };
        deals_seen_by(self.segments.narrow(statement), visibility)
    }
}

/// What a row's group is found by.
struct Key {
    /// What rows are grouped by: ids are compared sooner than their texts.
    value: String,
    /// What the group is called outside.
    text: String,
}

impl Key {
    /// Of a row of `owned`, the table with the owner. `time` dates the month.
    fn of(group_by: Option<GroupBy>, owned: &str, time: &str, zone: &str) -> Self {
        let text = |value: &str| Self { value: value.to_owned(), text: value.to_owned() };
        let id = |value: String| Self { text: format!("({value})::text"), value };
        match group_by {
            None => text("NULL::text"),
            Some(GroupBy::Owner) => id(format!("{owned}.owner_id")),
            Some(GroupBy::Source) => id("deals.source_id".to_owned()),
            Some(GroupBy::ClientType) => text("grouped.client_type"),
            Some(GroupBy::Region) => text("grouped.region"),
            Some(GroupBy::Month) => {
                let value = format!("date_trunc('month', {time} AT TIME ZONE '{zone}')");
                Self { text: format!("to_char({value}, 'YYYY-MM')"), value }
            }
            Some(GroupBy::Competitor) => id("deals.competitor_id".to_owned()),
            Some(GroupBy::Stage) => id("deals.visit_stage".to_owned()),
            // None of a deal without stages.
            Some(GroupBy::DeepestStage) => text("nullif(array_to_string(deals.touched, ','), '')"),
            Some(GroupBy::Segment) => text("segment.key"),
            Some(GroupBy::Item) => text("coalesce(l.product_id::text, lower(l.item))"),
            Some(GroupBy::UnmetReason) => text("lower(l.unmet_reason)"),
        }
    }
}

impl Group {
    /// Adds that the expression gives this group's key.
    fn narrow<S>(&self, statement: Statement<S>, expression: &str) -> Statement<S> {
        match &self.key {
            Some(key) => statement.sql(format!(" AND {expression} = ")).bind(key.as_str()),
            None => statement.sql(format!(" AND {expression} IS NULL")),
        }
    }
}

impl GroupBy {
    /// Each deal is in one group: the groups add up to the whole, which need not be counted for itself.
    pub fn divides(self) -> bool {
        !matches!(self, Self::Segment | Self::Item | Self::UnmetReason)
    }
}

/// Names of the groups that have ids.
pub fn names(
    tenant: &mut Tenant<'_>,
    group_by: GroupBy,
    ids: Vec<Uuid>,
) -> Result<Vec<(Uuid, String)>> {
    let table = match group_by {
        GroupBy::Owner => "users",
        GroupBy::Source => "sources",
        GroupBy::Competitor => "competitors",
        GroupBy::Segment => "segments",
        _ => return Ok(Vec::new()),
    };
    let names = tenant
        .rows(Raw::<(SqlUuid, Text)>::new("id, name"), table)
        .sql(" AND id = ANY(")
        .bind(ids)
        .sql(")")
        .load(tenant.conn)?;
    Ok(names)
}
