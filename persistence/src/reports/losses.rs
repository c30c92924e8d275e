//! Lost deals by their reason, and by one thing more.

use diesel::{
    RunQueryDsl,
    sql_types::{BigInt, Nullable, Numeric, Text, Uuid as SqlUuid},
};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::access::Visibility;

use super::{Alignment, Group, GroupBy, Period, behind};
use crate::{Raw, Result, Statement, Tenant, unit::raw};

/// Deals that were lost for one reason, of one group.
#[derive(Debug, Clone, diesel::Queryable)]
pub struct LossCount {
    pub key: Option<String>,
    pub loss_reason_id: Uuid,
    pub deals: i64,
    pub amount: Decimal,
}

/// `FROM` the lost deals of the period that the caller sees.
fn lost<S>(
    statement: Statement<S>,
    workspace_id: Uuid,
    visibility: &Visibility,
    (alignment, period): (Option<&Alignment>, &Period),
    group_by: Option<GroupBy>,
    group: Option<&Group>,
) -> Statement<S> {
    let statement = statement.sql(" FROM deals");
    let position = match group_by {
        Some(GroupBy::DeepestStage) => "greatest(deals.depth, 1::smallint)",
        _ => "deals.position",
    };
    let statement = match alignment {
        Some(alignment) => alignment.join(statement, "LEFT JOIN", "deals.version_id", position),
        None => statement,
    };
    let statement = period
        .segments
        .join(statement, group_by)
        .sql(" WHERE deals.workspace_id = ")
        .bind(workspace_id);
    period.narrow(statement, visibility, group).sql(" AND deals.status = 'lost'")
}

/// The lost deals of a period, counted by reason, in all or by group as well. Groups of stages need the
/// alignment.
pub fn counts(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: Option<&Alignment>,
    period: &Period,
    group_by: Option<GroupBy>,
) -> Result<Vec<LossCount>> {
    type Types = (Nullable<Text>, SqlUuid, BigInt, Numeric);
    let selection =
        format!("{}, deals.loss_reason_id, count(*), sum(deals.base_amount)", period.key(group_by));
    let statement = Statement::select(Raw::<Types>::new(selection));
    let counts =
        lost(statement, tenant.workspace_id, visibility, (alignment, period), group_by, None)
            .sql(" GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2")
            .load(tenant.conn)?;
    Ok(counts)
}

/// A number of the report: of all reasons or of one, of all groups or of one.
#[derive(Debug, Clone)]
pub struct Figure {
    pub alignment: Option<Alignment>,
    pub period: Period,
    pub loss_reason_id: Option<Uuid>,
    pub group: Option<Group>,
}

impl behind::Figure for Figure {
    fn rows<S>(
        &self,
        statement: Statement<S>,
        workspace_id: Uuid,
        visibility: &Visibility,
    ) -> Statement<S> {
        let statement = statement.sql("deals.id, 1::bigint, deals.base_amount");
        let group = self.group.as_ref();
        let by = group.map(|group| group.by);
        let of = (self.alignment.as_ref(), &self.period);
        let statement = lost(statement, workspace_id, visibility, of, by, group);
        match self.loss_reason_id {
            Some(id) => statement.sql(" AND deals.loss_reason_id = ").bind(id),
            None => statement,
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
