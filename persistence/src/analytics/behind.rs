//! The deals behind a figure of a report.

use diesel::{
    Queryable, RunQueryDsl,
    pg::PgRowByRowLoadingMode,
    sql_types::{BigInt, Numeric},
};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::people::access::Visibility;

use crate::{
    Caller, Raw, Result, Statement, Store, Tenant,
    analytics::{Group, Segments},
    core::{
        list::{Field, FieldKind, Page, Query, Spec},
        unit::raw,
        visibility::deals_seen_by,
    },
    deals::{Line, LineTypes, Stored, columns, listed::ListedDeal},
};

/// A figure of a report, as the deals that it counts.
pub trait Figure {
    /// Goes on after `SELECT` with the rows that the figure counts: the deal's id, how often it
    /// counts, and its amount in the figure.
    fn rows<S>(
        &self,
        statement: Statement<S>,
        workspace_id: Uuid,
        visibility: &Visibility,
    ) -> Statement<S>;

    /// By which segments the deals are chosen, and of which group they are.
    fn chosen_by(&self) -> (&Segments, Option<&Group>);

    /// Who is told which deals they are learns of what they are chosen by, and has to be allowed to read that.
    fn require(&self, caller: &Caller) -> Result<()> {
        let (segments, group) = self.chosen_by();
        caller.require_to_read("/segment_id", segments.needs())?;
        let needs = group.map(|group| segments.needs_of(group));
        caller.require_to_read("/group_by", needs.into_iter().flatten())
    }
}

/// How such a list is sorted.
pub const LIST: Spec = Spec {
    table: "deals",
    fields: &[
        Field::new("title", "deals.title", FieldKind::Text).sorted(),
        Field::new("amount", "deals.base_amount", FieldKind::Decimal).sorted(),
        Field::new("opened_at", "deals.opened_at", FieldKind::Instant).sorted(),
        Field::new("closed_at", "deals.closed_at", FieldKind::Instant).nullable().sorted(),
        Field::new("updated_at", "deals.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-opened_at",
    search: None,
};

/// A deal of a figure, how often it counts there, and with which amount.
#[derive(Debug)]
pub struct Counted {
    pub stored: Stored,
    pub times: i64,
    pub amount: Decimal,
}

/// The deals of a figure that the caller sees: in an open funnel of the past, a deal may have gone to
/// somebody else since.
fn deals<S>(
    tenant: &Tenant<'_>,
    visibility: &Visibility,
    figure: &impl Figure,
    selection: S,
) -> Statement<S> {
    let workspace_id = tenant.workspace_id;
    let statement = Statement::select(selection).sql(" FROM (SELECT ");
    let statement = figure
        .rows(statement, workspace_id, visibility)
        .sql(
            ") AS counted (deal_id, times, amount) \
             JOIN deals ON deals.id = counted.deal_id WHERE deals.workspace_id = ",
        )
        .bind(workspace_id);
    deals_seen_by(statement, visibility)
}

impl Store {
    /// A page of the deals that a figure counts.
    pub fn deals_behind(
        &self,
        tenant: &mut Tenant<'_>,
        visibility: &Visibility,
        figure: &impl Figure,
        query: Query,
    ) -> Result<Page<Counted>> {
        type Row = (ListedDeal, (i64, Decimal));
        let counted = raw::<(BigInt, Numeric)>("counted.times, counted.amount");
        let selection = (ListedDeal::columns(), counted);
        let from = |tenant: &Tenant<'_>, selection| deals(tenant, visibility, figure, selection);
        let page = tenant.page_from(&LIST, query, selection, from, |row: &Row| row.0.id)?;
        let items = page.items.into_iter().map(|(row, (times, amount))| {
            Ok(Counted { stored: self.stored(tenant, row.into())?, times, amount })
        });
        Ok(Page { items: items.collect::<Result<_>>()?, next: page.next })
    }
}

/// A line of the whole list.
#[derive(Debug, Clone, Queryable)]
pub struct CountedLine {
    pub line: Line,
    pub times: i64,
    pub amount: Decimal,
}

/// All deals that a figure counts, one after the other.
pub fn each<E: From<crate::Error>>(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    figure: &impl Figure,
    query: &Query,
    mut take: impl FnMut(CountedLine) -> Result<(), E>,
) -> Result<(), E> {
    let selection = format!("{}, counted.times, counted.amount", columns());
    let selection = Raw::<(LineTypes, BigInt, Numeric)>::new(selection);
    let statement = deals(tenant, visibility, figure, selection);
    let lines = statement
        .sql(query.order(LIST.table))
        .load_iter::<CountedLine, PgRowByRowLoadingMode>(tenant.conn)
        .map_err(crate::Error::from)?;
    for line in lines {
        take(line.map_err(crate::Error::from)?)?;
    }
    Ok(())
}
