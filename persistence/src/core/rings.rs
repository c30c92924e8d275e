//! Rings: something has changed beside deals that their gates or the clock look at. The change rings in its own
//! transaction, and waits for no deal; deals hear it later (`deals/rings.rs`).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::RunQueryDsl;
use uuid::Uuid;

use super::{error::Result, statement::Statement, unit::Tenant};

/// For how long another server may go by a calendar that it has kept, and more.
const KEPT_CALENDAR: TimeDelta = TimeDelta::seconds(10);

/// For which deals something has changed beside them.
#[derive(Debug, Clone)]
pub(crate) enum Ring {
    /// Those of some clients, where a process leads them.
    Clients(Vec<Uuid>),
    /// The same of those in some currencies: one may have waited for a rate.
    Currencies(Vec<String>),
    /// All for which the clock is set: working time is another one now.
    Calendar,
}

/// Has the clock look at the deals, once this transaction is there.
pub(crate) fn ring(tenant: &mut Tenant<'_>, now: DateTime<Utc>, ring: Ring) -> Result<()> {
    let insert = |column: &'static str| {
        Statement::command("INSERT INTO rings (workspace_id, rung_at")
            .sql(format!("{column}) SELECT "))
            .bind(tenant.workspace_id)
            .sql(", ")
    };
    let rung = match ring {
        Ring::Clients(ids) => insert(", client_id").bind(now).sql(", id FROM unnest(").bind(ids),
        Ring::Currencies(codes) => {
            insert(", currency").bind(now).sql(", id FROM unnest(").bind(codes)
        }
        Ring::Calendar => {
            let later = now.checked_add_signed(KEPT_CALENDAR).unwrap_or(now);
            let both = insert("").sql("id FROM unnest(").bind(vec![now, later]);
            both.sql(") AS id").execute(tenant.conn)?;
            return Ok(());
        }
    };
    // Where people move deals, none waits to be looked at.
    rung.sql(
        ") AS id WHERE EXISTS (SELECT FROM deal_types WHERE mode = 'automatic' AND workspace_id = ",
    )
    .bind(tenant.workspace_id)
    .sql(")")
    .execute(tenant.conn)?;
    Ok(())
}

/// Has the clock look at all that is to come back: the days of the workspace begin at other instants now.
pub(crate) fn ring_for_hand_overs(tenant: &mut Tenant<'_>, now: DateTime<Utc>) -> Result<()> {
    Statement::command("UPDATE hand_overs SET alarm_at = ")
        .bind(now)
        .sql(" WHERE alarm_at IS NOT NULL AND workspace_id = ")
        .bind(tenant.workspace_id)
        .execute(tenant.conn)?;
    Ok(())
}
