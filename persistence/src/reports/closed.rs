//! Closed funnels: deals counted by the depth on their rows, and by the visits of their trails.

use std::collections::BTreeMap;

use diesel::{
    RunQueryDsl,
    sql_types::{BigInt, Nullable, Numeric, SmallInt, Text, Uuid as SqlUuid},
};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{
    access::Visibility,
    deal::Status,
    funnel::{ProgressCount, VisitCount},
    trail::Tally,
};

use super::{Alignment, GroupBy, Period};
use crate::{Raw, Result, Tenant, deals::trail::trail_of_any, words::from_word};

/// Counts of one group, or of all.
#[derive(Debug, Clone, Default)]
pub struct ClosedCounts {
    /// Id or word of the group; none for deals without one.
    pub key: Option<String>,
    pub progress: Vec<ProgressCount>,
    pub visits: Vec<VisitCount>,
}

type Types = (
    (Nullable<Text>, SqlUuid, SmallInt, SmallInt, Text),
    (BigInt, Numeric, Nullable<Numeric>),
    Nullable<Text>,
);
type Row =
    ((Option<String>, Uuid, i16, i16, String), (i64, Decimal, Option<Decimal>), Option<String>);

/// The deals of a closed funnel, counted: in all, or by group.
pub fn counts(
    tenant: &mut Tenant<'_>,
    visibility: &Visibility,
    alignment: &Alignment,
    period: &Period,
    group_by: Option<GroupBy>,
) -> Result<Vec<ClosedCounts>> {
    let selection = format!(
        "{key}, deals.version_id, deals.depth, coalesce(deals.position, 0::smallint), deals.status, \
         count(*), sum(deals.base_amount), \
         sum(extract(epoch FROM deals.closed_at - deals.opened_at))::numeric(30, 6), \
         string_agg({trail}, ',')",
        key = period.key(group_by),
        trail = trail_of_any(),
    );
    let deals = tenant.rows(Raw::<Types>::new(selection), "deals");
    let rows: Vec<Row> = period
        .narrow(deals, visibility, None)
        .sql(" GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5")
        .load(tenant.conn)?;
    let mut groups: BTreeMap<(bool, Option<String>), (Vec<ProgressCount>, Tally)> = BTreeMap::new();
    for ((key, version, depth, position, status), (deals, amount, cycle), trails) in rows {
        let Some(status) = from_word::<Status>(&status) else { continue };
        // Those without a group come last.
        let (progress, tally) = groups.entry((key.is_none(), key)).or_default();
        tally.add(&trails.unwrap_or_default(), |position| alignment.place(version, position));
        progress.push(ProgressCount {
            progress: alignment.progress(version, depth, position, status),
            deals,
            amount,
            cycle_seconds: cycle.unwrap_or_default(),
        });
    }
    let groups = groups.into_iter().map(|((_, key), (progress, tally))| ClosedCounts {
        key,
        progress,
        visits: tally.counts(),
    });
    Ok(groups.collect())
}
