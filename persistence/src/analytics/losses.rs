//! Lost deals by their reason, and by one thing more; and what came of reviewing them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, btree_map::Entry},
};

use diesel::{
    RunQueryDsl,
    sql_types::{BigInt, Nullable, Numeric, Text, Uuid as SqlUuid},
};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{people::access::Visibility, process::alignment::Fold};

use super::{Alignment, Group, GroupBy, Period, Segments, behind};
use crate::{
    Raw, Result, Statement, Tenant,
    core::{unit::raw, visibility::deals_seen_by},
};

/// Deals that were lost for one reason, of one group.
#[derive(Debug, Clone, diesel::Queryable)]
pub struct LossCount {
    pub key: Option<String>,
    pub loss_reason_id: Uuid,
    pub deals: i64,
    pub reviewed: i64,
    pub amount: Decimal,
}

impl LossCount {
    fn add(&mut self, other: &Self) {
        self.deals = self.deals.saturating_add(other.deals);
        self.reviewed = self.reviewed.saturating_add(other.reviewed);
        self.amount = self.amount.saturating_add(other.amount);
    }
}

/// The loss that a deal has now was reviewed.
const REVIEWED: &str = "EXISTS (SELECT FROM tasks review WHERE review.kind = 'loss_review' \
    AND review.status = 'done' AND review.workspace_id = deals.workspace_id \
    AND review.deal_id = deals.id AND review.visit = deals.visit)";

/// `FROM` the lost deals of the period that the caller sees.
fn lost<S>(
    statement: Statement<S>,
    workspace_id: Uuid,
    visibility: &Visibility,
    (alignment, period): (Option<&Alignment>, &Period),
    group_by: Option<GroupBy>,
    group: Option<&Group>,
) -> Statement<S> {
    let statement = period
        .segments
        .join(statement.sql(" FROM deals"), group_by)
        .sql(" WHERE deals.workspace_id = ")
        .bind(workspace_id);
    let (Some(alignment), Some(Group { by, key: Some(key) })) = (alignment, group) else {
        return period.narrow(statement, visibility, group).sql(" AND deals.status = 'lost'");
    };
    let statement = period.narrow(statement, visibility, None).sql(" AND deals.status = 'lost'");
    // A key that is not shown is that of no deal.
    let position = alignment.stages.by_key(key).map_or(i16::MAX, |stage| stage.position);
    match by {
        GroupBy::DeepestStage => alignment.deepest(statement, position),
        _ => alignment.at(statement, "deals.visit_stage", position),
    }
}

/// The stages that put a deal into its group, from the key that SQL groups by.
fn numbers(key: Option<&str>) -> Vec<i32> {
    key.unwrap_or_default().split(',').filter_map(|number| number.parse().ok()).collect()
}

/// Counts by the stages that are shown, in their order; and the deals that are counted in another one than
/// their own.
fn by_stage(alignment: &Alignment, counts: Vec<LossCount>) -> (Vec<LossCount>, Vec<Fold>) {
    let stages = &alignment.stages;
    let mut groups: BTreeMap<(i16, Uuid), LossCount> = BTreeMap::new();
    let mut folded = Vec::new();
    for count in counts {
        let mut there = numbers(count.key.as_deref());
        let place = stages.furthest(&there);
        there.retain(|number| stages.place(*number) == place);
        folded.push((there, count.deals));
        let key = stages.at(place).map(|stage| stage.key.clone());
        // Those without a stage come last.
        let place = if key.is_none() { i16::MAX } else { place };
        match groups.entry((place, count.loss_reason_id)) {
            Entry::Vacant(entry) => drop(entry.insert(LossCount { key, ..count })),
            Entry::Occupied(mut entry) => entry.get_mut().add(&count),
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|((place, id), count)| (*place, Reverse(count.deals), *id));
    (groups.into_iter().map(|(_, count)| count).collect(), stages.folds(folded))
}

/// Lost deals by their reason.
#[derive(Debug, Clone, Default)]
pub struct Losses {
    pub all: Vec<LossCount>,
    pub groups: Vec<LossCount>,
    /// What of the groups is folded.
    pub folds: Vec<Fold>,
}

/// The lost deals of a period, counted by reason: in all, and by group. Only groups of stages have the alignment.
pub fn counts(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: Option<&Alignment>,
    period: &Period,
    group_by: Option<GroupBy>,
) -> Result<Losses> {
    let groups = by_reason(tenant, visibility, alignment, period, group_by)?;
    let all = match group_by {
        Some(group_by) if !group_by.divides() => by_reason(tenant, visibility, None, period, None)?,
        _ => sum(&groups),
    };
    let (groups, folds) = match alignment.filter(|_| group_by.is_some()) {
        Some(alignment) => by_stage(alignment, groups),
        None => (groups, Vec::new()),
    };
    Ok(Losses { all, groups, folds })
}

/// The reasons of all groups, those of most deals first.
fn sum(groups: &[LossCount]) -> Vec<LossCount> {
    let mut reasons: BTreeMap<Uuid, LossCount> = BTreeMap::new();
    for count in groups {
        match reasons.entry(count.loss_reason_id) {
            Entry::Vacant(entry) => drop(entry.insert(LossCount { key: None, ..count.clone() })),
            Entry::Occupied(mut entry) => entry.get_mut().add(count),
        }
    }
    let mut all: Vec<_> = reasons.into_values().collect();
    all.sort_by_key(|count| (Reverse(count.deals), count.loss_reason_id));
    all
}

fn by_reason(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: Option<&Alignment>,
    period: &Period,
    group_by: Option<GroupBy>,
) -> Result<Vec<LossCount>> {
    type Types = (Nullable<Text>, SqlUuid, BigInt, BigInt, Numeric);
    let key = period.key(group_by);
    let selection = format!(
        "{}, deals.loss_reason_id, count(*), count(*) FILTER (WHERE {REVIEWED}), sum(deals.base_amount)",
        key.text
    );
    let statement = Statement::select(Raw::<Types>::new(selection));
    let counts =
        lost(statement, tenant.workspace_id, visibility, (alignment, period), group_by, None)
            .sql(format!(" GROUP BY {}, 2 ORDER BY 1, 3 DESC, 2", key.value))
            .load(tenant.conn)?;
    Ok(counts)
}

/// `FROM` the reviews that brought a deal back in the period, of the deals that the caller sees.
fn reopenings<S>(
    statement: Statement<S>,
    workspace_id: Uuid,
    visibility: &Visibility,
    period: &Period,
) -> Statement<S> {
    let statement = statement.sql(
        " FROM tasks review JOIN deals ON deals.workspace_id = review.workspace_id \
         AND deals.id = review.deal_id",
    );
    let statement = statement
        .sql(" WHERE review.workspace_id = ")
        .bind(workspace_id)
        .sql(" AND review.reopened_at >= ")
        .bind(period.from)
        .sql(" AND review.reopened_at < ")
        .bind(period.until);
    let statement = match period.deal_type_id {
        Some(id) => statement.sql(" AND deals.deal_type_id = ").bind(id),
        None => statement,
    };
    deals_seen_by(period.segments.narrow(statement), visibility)
}

/// How often a review has brought a deal back in the period.
pub fn reopened(tenant: &mut Tenant<'_>, visibility: &Visibility, period: &Period) -> Result<i64> {
    let statement = Statement::select(raw::<BigInt>("count(*)"));
    let statement = reopenings(statement, tenant.workspace_id, visibility, period);
    Ok(statement.get_result(tenant.conn)?)
}

/// Which of the deals a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Deals,
    /// Those whose loss was reviewed.
    Reviewed,
    /// Those that a review has brought back, as often as it has.
    ReopenedFromReview,
}

/// A number of the report: of all reasons or of one, of all groups or of one.
#[derive(Debug, Clone)]
pub struct LossFigure {
    pub alignment: Option<Alignment>,
    pub period: Period,
    pub loss_reason_id: Option<Uuid>,
    pub group: Option<Group>,
    pub what: Counted,
}

impl behind::Figure for LossFigure {
    fn chosen_by(&self) -> (&Segments, Option<&Group>) {
        (&self.period.segments, self.group.as_ref())
    }

    fn rows<S>(
        &self,
        statement: Statement<S>,
        workspace_id: Uuid,
        visibility: &Visibility,
    ) -> Statement<S> {
        if self.what == Counted::ReopenedFromReview {
            let statement = statement.sql("deals.id, count(*), deals.base_amount");
            return reopenings(statement, workspace_id, visibility, &self.period)
                .sql(" GROUP BY deals.id, deals.base_amount");
        }
        let statement = statement.sql("deals.id, 1::bigint, deals.base_amount");
        let group = self.group.as_ref();
        let by = group.map(|group| group.by);
        let of = (self.alignment.as_ref(), &self.period);
        let statement = lost(statement, workspace_id, visibility, of, by, group);
        let statement = match self.loss_reason_id {
            Some(id) => statement.sql(" AND deals.loss_reason_id = ").bind(id),
            None => statement,
        };
        match self.what {
            Counted::Reviewed => statement.sql(format!(" AND {REVIEWED}")),
            _ => statement,
        }
    }
}

/// Names of loss reasons.
pub fn names(tenant: &mut Tenant<'_>, ids: Vec<Uuid>) -> Result<Vec<(Uuid, String)>> {
    let names = tenant
        .rows(raw::<(SqlUuid, Text)>("id, name"), "loss_reasons")
        .sql(" AND id = ANY(")
        .bind(ids)
        .sql(")")
        .load(tenant.conn)?;
    Ok(names)
}
