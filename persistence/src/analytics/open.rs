//! Open funnels: the segments of visits that held at an instant.

use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, Numeric, SmallInt, Text},
};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{
    analytics::funnel::OpenCount, people::access::Visibility, process::alignment::Fold,
};

use super::{
    Alignment, Group, GroupBy, Key, Segments, behind,
    overdue::{OVERDUE, Overdue, present},
};
use crate::{
    Raw, Result, Statement, Tenant,
    core::{unit::raw, visibility::owned_by},
};

type OpenTypes = (
    (Nullable<Text>, SmallInt, Bool),
    (BigInt, Numeric, Nullable<Numeric>),
    (BigInt, BigInt),
    Nullable<Double>,
);
type OpenRow =
    ((Option<String>, i16, bool), (i64, Decimal, Option<Decimal>), (i64, i64), Option<f64>);

const HELD: &str = "v.held";

/// Which deals, and when.
#[derive(Debug, Clone)]
pub struct Moment {
    pub deal_type_id: Uuid,
    pub as_of: DateTime<Utc>,
    /// They hold now or not, whatever the instant.
    pub segments: Segments,
    pub overdue: Overdue,
}

fn key(group_by: Option<GroupBy>) -> Key {
    Key::of(group_by, "v", "v.entered_at", "UTC")
}

/// `FROM` the segments that held at the instant, of deals that the caller saw then.
fn segments<S>(
    statement: Statement<S>,
    workspace_id: Uuid,
    visibility: &Visibility,
    alignment: &Alignment,
    moment: &Moment,
    group_by: Option<GroupBy>,
) -> Statement<S> {
    let &Moment { deal_type_id, as_of, ref segments, ref overdue } = moment;
    // Every visit has its deal: Postgres leaves the join out where nobody looks at the deals.
    let statement = present(statement, workspace_id, deal_type_id, as_of)
        .sql(" LEFT JOIN deals ON deals.workspace_id = v.workspace_id AND deals.id = v.deal_id");
    // A deal of an untracked type is in no stage; it is open all the same.
    let statement = alignment.join(statement, "LEFT JOIN", "v.stage_number");
    let statement = overdue.join(segments.join(statement, group_by));
    let statement = statement
        // `extract` counts in decimals, which is a tenth of the whole report.
        .sql(", LATERAL (SELECT date_part('epoch', ")
        .bind(as_of)
        .sql(" - v.visit_entered_at) - v.visit_held_seconds - CASE WHEN v.held THEN date_part('epoch', ")
        .bind(as_of)
        .sql(" - v.entered_at) ELSE 0 END AS seconds) AS age WHERE true");
    owned_by(segments.narrow(statement), visibility, "v")
}

/// Open deals by stage.
#[derive(Debug, Clone, Default)]
pub struct OpenCounts {
    pub all: Vec<OpenCount>,
    pub groups: Vec<(Option<String>, Vec<OpenCount>)>,
}

/// Open deals by stage at an instant, in all and by group: what they were then, not what they are.
pub fn counts(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: &Alignment,
    moment: &Moment,
    group_by: Option<GroupBy>,
) -> Result<OpenCounts> {
    // A median is no sum: what the groups add up to is counted beside them, in the same pass.
    let Key { value, text } = key(group_by);
    let (whole, of_all, sets) = match group_by {
        None => (None, "true".to_owned(), "2".to_owned()),
        Some(group_by) if group_by.divides() => {
            let sets = format!("GROUPING SETS (({value}, 2), (2))");
            (None, format!("grouping({value}) = 1"), sets)
        }
        Some(_) => {
            let whole = counts(tenant, visibility, alignment, moment, None)?;
            (Some(whole.all), "false".to_owned(), format!("{value}, 2"))
        }
    };
    let selection = format!(
        "{text}, coalesce(stage.place, 0::smallint), {of_all}, count(*), sum(v.base_amount), \
         sum(v.base_amount * v.probability)::numeric(30, 8), count(*) FILTER (WHERE {OVERDUE}), \
         count(*) FILTER (WHERE {HELD}), percentile_cont(0.5) WITHIN GROUP (ORDER BY age.seconds)",
    );
    let statement = Statement::select(Raw::<OpenTypes>::new(selection));
    let rows: Vec<OpenRow> =
        segments(statement, tenant.workspace_id, visibility, alignment, moment, group_by)
            .sql(format!(" GROUP BY {sets} ORDER BY 1, 2"))
            .load(tenant.conn)?;
    let mut found = OpenCounts::default();
    for ((key, position, of_all), (deals, amount, weighted), (overdue, held), median_age_seconds) in
        rows
    {
        let count = OpenCount {
            position,
            deals,
            amount,
            weighted_amount: weighted.unwrap_or_default(),
            overdue,
            held,
            median_age_seconds,
        };
        if of_all {
            found.all.push(count);
            continue;
        }
        match found.groups.last_mut().filter(|group| group.0 == key) {
            Some(group) => group.1.push(count),
            None => found.groups.push((key, vec![count])),
        }
    }
    Ok(match whole {
        Some(all) => OpenCounts { all, ..found },
        None => found,
    })
}

/// The deals that are counted in another stage than the one that they were in.
pub fn folds(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: &Alignment,
    moment: &Moment,
) -> Result<Vec<Fold>> {
    let folded = alignment.stages.folded();
    if folded.is_empty() {
        return Ok(Vec::new());
    }
    let statement =
        Statement::select(raw::<(Array<Integer>, BigInt)>("ARRAY[v.stage_number], count(*)"));
    let deals: Vec<(Vec<i32>, i64)> =
        segments(statement, tenant.workspace_id, visibility, alignment, moment, None)
            .sql(" AND v.stage_number = ANY(")
            .bind(folded)
            .sql(") GROUP BY v.stage_number")
            .load(tenant.conn)?;
    Ok(alignment.stages.folds(deals))
}

/// Which of the deals a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Deals,
    Overdue,
    Held,
}

/// A number of an open funnel: of a stage or of all, of a group or of all.
#[derive(Debug, Clone)]
pub struct OpenFunnelFigure {
    pub alignment: Alignment,
    pub moment: Moment,
    pub position: Option<i16>,
    pub group: Option<Group>,
    pub what: Counted,
}

impl behind::Figure for OpenFunnelFigure {
    fn chosen_by(&self) -> (&Segments, Option<&Group>) {
        (&self.moment.segments, self.group.as_ref())
    }

    fn rows<S>(
        &self,
        statement: Statement<S>,
        workspace_id: Uuid,
        visibility: &Visibility,
    ) -> Statement<S> {
        let condition = match self.what {
            Counted::Deals => "true",
            Counted::Overdue => OVERDUE,
            Counted::Held => HELD,
        };
        let statement = statement.sql("deals.id, 1::bigint, v.base_amount");
        let by = self.group.as_ref().map(|group| group.by);
        let statement =
            segments(statement, workspace_id, visibility, &self.alignment, &self.moment, by)
                .sql(format!(" AND {condition}"));
        let statement = match self.position {
            Some(position) => self.alignment.at(statement, "v.stage_number", position),
            None => statement,
        };
        match &self.group {
            Some(group) => group.narrow(statement, &key(Some(group.by)).text),
            None => statement,
        }
    }
}
