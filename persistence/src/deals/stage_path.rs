//! The visits of closed deals in short, so that closed funnels need not read them one by one.

use diesel::RunQueryDsl;
use uuid::Uuid;

use crate::{Result, Statement, Unit};

/// Length of a visit in seconds without time on hold, of the last segment of a visit that is over.
pub(crate) const LENGTH: &str = "extract(epoch FROM v.left_at - v.visit_entered_at)::float8 \
    - v.visit_held_seconds \
    - CASE WHEN v.held THEN extract(epoch FROM v.left_at - v.entered_at)::float8 ELSE 0 END";

/// The visits of a row of `deals`, as `voronka_domain::deals::stage_path` reads them.
pub(crate) fn stage_path() -> String {
    format!(
        "(SELECT coalesce(string_agg(stay.word, ' ' ORDER BY stay.visit), '') FROM \
         (SELECT v.visit, max(v.stage_number)::text \
         || CASE WHEN bool_or(v.direction = 'back') THEN '-' ELSE '+' END \
         || coalesce(max(round(1000 * ({LENGTH}))::bigint) FILTER (WHERE v.ended_by <> 'split')::text, '') \
         AS word FROM stage_visits v \
         WHERE v.workspace_id = deals.workspace_id AND v.deal_id = deals.id GROUP BY v.visit) AS stay)"
    )
}

/// The path of a row of `deals`, whether it is closed or not: that of an open deal is not kept, and one
/// that is kept from before a reopening is out of date.
pub(crate) fn stage_path_of_any() -> String {
    format!(
        "coalesce(CASE WHEN deals.status <> 'open' THEN deals.stage_path END, {})",
        stage_path()
    )
}

/// Keeps the paths of deals that have just been closed, their visits being recorded.
pub(crate) fn keep(unit: &mut Unit<'_>, closed: Vec<Uuid>) -> Result<()> {
    if closed.is_empty() {
        return Ok(());
    }
    Statement::command("UPDATE deals SET stage_path = ")
        .sql(stage_path())
        .sql(" WHERE workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND id = ANY(")
        .bind(closed)
        .sql(")")
        .execute(unit.tenant.conn)?;
    Ok(())
}
