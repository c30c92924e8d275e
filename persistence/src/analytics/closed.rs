//! Closed funnels: deals counted by the tracks on their rows, and by the visits of their paths.

use std::collections::BTreeMap;

use diesel::{
    RunQueryDsl,
    sql_types::{Array, BigInt, Integer, Nullable, Numeric, Text},
};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{
    analytics::funnel::{Count, ProgressCount},
    deals::{
        deal::Status,
        stage_path::{Tally, VisitCount},
    },
    people::access::Visibility,
};

use super::{Alignment, Basis, Group, GroupBy, Period, Segments, behind, segmented::keys};
use crate::{
    Raw, Result, Statement, Tenant, core::enum_names::from_name,
    deals::stage_path::stage_path_of_any,
};

/// Counts of one group, or of all.
#[derive(Debug, Clone, Default)]
pub struct ClosedCounts {
    /// Id or word of the group; none for deals without one.
    pub key: Option<String>,
    pub progress: Vec<ProgressCount>,
    pub visits: Vec<VisitCount>,
    /// Deals by the stages and versions that they were in.
    pub touched: Vec<(Vec<i32>, i64)>,
}

type Types = (
    (Nullable<Text>, Array<Integer>, Nullable<Integer>, Text),
    (BigInt, Numeric, Nullable<Numeric>),
    Nullable<Text>,
);
type Row = (
    (Option<String>, Vec<i32>, Option<i32>, String),
    (i64, Decimal, Option<Decimal>),
    Option<String>,
);

/// The deals of a closed funnel, counted: in all, and by group.
pub fn counts(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: &Alignment,
    period: &Period,
    group_by: Option<GroupBy>,
) -> Result<(ClosedCounts, Vec<ClosedCounts>)> {
    let key = period.key(group_by);
    let selection = format!(
        "{}, coalesce(deals.touched, '{{}}'), deals.visit_stage, deals.status, \
         count(*), sum(deals.base_amount), \
         sum(extract(epoch FROM deals.closed_at - deals.opened_at))::numeric(30, 6), \
         string_agg({stage_path}, ',')",
        key.text,
        // Of closed deals it is kept.
        stage_path = match period.basis {
            Basis::Closed => "coalesce(deals.stage_path, '')".to_owned(),
            Basis::Created => stage_path_of_any(),
        },
    );
    let deals = Statement::select(Raw::<Types>::new(selection)).sql(" FROM deals");
    let deals = period
        .segments
        .join_sets(deals, group_by)
        .sql(" WHERE deals.workspace_id = ")
        .bind(tenant.workspace_id);
    let rows: Vec<Row> = period
        .narrow(deals, visibility, None)
        .sql(format!(" GROUP BY {}, 2, 3, 4", key.value))
        .load(tenant.conn)?;
    let stages = &alignment.stages;
    let mut all = Counting::default();
    let mut groups: BTreeMap<(bool, Option<String>), Counting> = BTreeMap::new();
    for ((key, touched, visit_stage, status), (deals, amount, cycle), stage_paths) in rows {
        let Some(status) = from_name::<Status>(&status) else { continue };
        let mut visits = Tally::default();
        visits.add(&stage_paths.unwrap_or_default(), |number| stages.place(number));
        let progress = ProgressCount {
            progress: stages.progress(&touched, visit_stage, status),
            deals,
            amount,
            cycle_seconds: cycle.unwrap_or_default(),
        };
        all.add(&progress, &touched, &visits);
        for key in keys(group_by, key) {
            // Those without a group come last.
            groups.entry((key.is_none(), key)).or_default().add(&progress, &touched, &visits);
        }
    }
    let groups = groups.into_iter().map(|((_, key), group)| group.counts(key));
    Ok((all.counts(None), groups.collect()))
}

/// Deals and their visits, as they are counted.
#[derive(Debug, Default)]
struct Counting {
    counts: ClosedCounts,
    visits: Tally,
}

impl Counting {
    fn add(&mut self, progress: &ProgressCount, touched: &[i32], visits: &Tally) {
        self.counts.progress.push(progress.clone());
        self.counts.touched.push((touched.to_owned(), progress.deals));
        self.visits.join(visits);
    }

    fn counts(self, key: Option<String>) -> ClosedCounts {
        ClosedCounts { key, visits: self.visits.counts(), ..self.counts }
    }
}

/// Visits to a stage that a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visits {
    /// Deals with any.
    Touched,
    All,
    Ended,
    Open,
    Back,
}

impl Visits {
    /// Of the segments of a visit `v`, the one that tells.
    pub(super) fn condition(self) -> &'static str {
        match self {
            Self::Touched => "true",
            Self::All => "v.ended_by IS DISTINCT FROM 'split'",
            Self::Ended => "v.ended_by <> 'split'",
            Self::Open => "v.left_at IS NULL",
            Self::Back => "v.direction = 'back'",
        }
    }
}

/// What a number of the closed funnel counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Deals(Count),
    /// At the position of a stage.
    Visits(Visits, i16),
}

/// A number of a closed funnel.
#[derive(Debug, Clone)]
pub struct ClosedFunnelFigure {
    pub alignment: Alignment,
    pub period: Period,
    pub group: Option<Group>,
    pub what: Counted,
}

impl behind::Figure for ClosedFunnelFigure {
    fn chosen_by(&self) -> (&Segments, Option<&Group>) {
        (&self.period.segments, self.group.as_ref())
    }

    fn rows<S>(
        &self,
        statement: Statement<S>,
        workspace_id: Uuid,
        visibility: &Visibility,
    ) -> Statement<S> {
        let group = self.group.as_ref();
        let by = group.map(|group| group.by);
        match self.what {
            Counted::Deals(count) => {
                let deals = statement.sql("deals.id, 1::bigint, deals.base_amount FROM deals");
                let deals = self
                    .period
                    .segments
                    .join(deals, by)
                    .sql(" WHERE deals.workspace_id = ")
                    .bind(workspace_id);
                self.alignment.counted(self.period.narrow(deals, visibility, group), count)
            }
            Counted::Visits(visits, position) => {
                let times = if visits == Visits::Touched { "1::bigint" } else { "count(*)" };
                let statement = statement.sql(format!(
                    "deals.id, {times}, deals.base_amount FROM deals JOIN stage_visits v \
                     ON v.workspace_id = deals.workspace_id AND v.deal_id = deals.id"
                ));
                let statement = self
                    .period
                    .segments
                    .join(statement, by)
                    .sql(" WHERE deals.workspace_id = ")
                    .bind(workspace_id);
                let statement = self
                    .period
                    .narrow(statement, visibility, group)
                    .sql(format!(" AND {}", visits.condition()));
                self.alignment
                    .at(statement, "v.stage_number", position)
                    .sql(" GROUP BY deals.id, deals.base_amount")
            }
        }
    }
}
