//! Primary demand: what was wanted, and what of it was not met.

use diesel::{
    RunQueryDsl,
    sql_types::{BigInt, Nullable, Numeric, Text},
};
use rust_decimal::Decimal;
use voronka_domain::people::access::Visibility;

use super::{Group, GroupBy, Period, Segments, behind};
use crate::{Raw, Result, Statement, Tenant};

/// What the deals of a group, or all of them, wanted.
#[derive(Debug, Clone, Default, diesel::Queryable)]
pub struct DemandCount {
    pub key: Option<String>,
    /// What an item or a reason is called.
    pub label: Option<String>,
    /// Deals with a line.
    pub deals: i64,
    pub amount: Decimal,
    /// Deals with a line that was not wholly met.
    pub unmet: i64,
    pub unmet_amount: Decimal,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Deals,
    Unmet,
}

/// What an open deal wants may be met yet, unless somebody has said why not.
macro_rules! unmet {
    () => {
        "(l.met_quantity < l.quantity AND (deals.status <> 'open' OR l.unmet_reason IS NOT NULL))"
    };
}
const UNMET: &str = unmet!();
/// Of a line, in the base currency.
const UNMET_AMOUNT: &str = concat!(
    "CASE WHEN ",
    unmet!(),
    " THEN round(l.base_amount * (l.quantity - l.met_quantity) / l.quantity, 4) ELSE 0 END"
);

/// `FROM` the lines of the period's deals that the caller sees.
fn lines<S>(
    statement: Statement<S>,
    workspace_id: uuid::Uuid,
    visibility: &Visibility,
    period: &Period,
    group_by: Option<GroupBy>,
    group: Option<&Group>,
) -> Statement<S> {
    let statement = statement.sql(
        " FROM deals JOIN demands m ON m.workspace_id = deals.workspace_id AND m.deal_id = deals.id \
         JOIN demand_lines l ON l.workspace_id = m.workspace_id AND l.demand_id = m.id \
         LEFT JOIN products p ON p.workspace_id = l.workspace_id AND p.id = l.product_id",
    );
    let statement = period
        .segments
        .join(statement, group_by)
        .sql(" WHERE deals.workspace_id = ")
        .bind(workspace_id);
    let statement = period.narrow(statement, visibility, group);
    // A reason is one for what was not met.
    match group_by {
        Some(GroupBy::UnmetReason) => statement.sql(format!(" AND {UNMET}")),
        _ => statement,
    }
}

/// The demand of the deals that were opened in a period, in all or by group, the least met first.
pub fn counts(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    period: &Period,
    group_by: Option<GroupBy>,
) -> Result<Vec<DemandCount>> {
    type Types = (Nullable<Text>, Nullable<Text>, BigInt, Numeric, BigInt, Numeric);
    let label = match group_by {
        Some(GroupBy::Item) => "min(coalesce(p.name, l.item))",
        Some(GroupBy::UnmetReason) => "min(l.unmet_reason)",
        _ => "NULL::text",
    };
    let key = period.key(group_by);
    let statement = Statement::select(Raw::<Types>::new(format!(
        "{}, {label}, count(DISTINCT deals.id), sum(l.base_amount), \
         count(DISTINCT deals.id) FILTER (WHERE {UNMET}), sum({UNMET_AMOUNT})",
        key.text
    )));
    let statement = lines(statement, tenant.workspace_id, visibility, period, group_by, None);
    let order = "ORDER BY 6 DESC, 4 DESC, 1";
    Ok(statement.sql(format!(" GROUP BY {} {order}", key.value)).load(tenant.conn)?)
}

/// A number of the report: of all groups or of one.
#[derive(Debug, Clone)]
pub struct DemandFigure {
    pub period: Period,
    pub group: Option<Group>,
    pub what: Counted,
}

impl behind::Figure for DemandFigure {
    fn chosen_by(&self) -> (&Segments, Option<&Group>) {
        (&self.period.segments, self.group.as_ref())
    }

    fn rows<S>(
        &self,
        statement: Statement<S>,
        workspace_id: uuid::Uuid,
        visibility: &Visibility,
    ) -> Statement<S> {
        let amount = match self.what {
            Counted::Deals => "l.base_amount",
            Counted::Unmet => UNMET_AMOUNT,
        };
        let statement = statement.sql(format!("deals.id, 1::bigint, sum({amount})"));
        let group = self.group.as_ref();
        let by = group.map(|group| group.by);
        let statement = lines(statement, workspace_id, visibility, &self.period, by, group);
        let statement = match self.what {
            Counted::Deals => statement,
            Counted::Unmet => statement.sql(format!(" AND {UNMET}")),
        };
        statement.sql(" GROUP BY deals.id")
    }
}
