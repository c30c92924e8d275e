//! Deals that follow their client into another one.

use chrono::{DateTime, Utc};
use diesel::{RunQueryDsl, SelectableHelper};
use uuid::Uuid;
use voronka_domain::{client::merge, ledger::Ledger};

use super::{DealRow, record::note};
use crate::{Result, Statement, Unit};

/// Makes every deal of a client one of another client, whoever sees the deals; answers how many. The caller
/// holds both clients, so that no deal is added meanwhile.
pub(crate) fn follow(unit: &mut Unit<'_>, from: Uuid, to: Uuid) -> Result<usize> {
    let rows: Vec<DealRow> = unit
        .tenant
        .rows(DealRow::as_select(), "deals")
        .sql(" AND client_id = ")
        .bind(from)
        .sql(" ORDER BY id FOR UPDATE")
        .load(unit.tenant.conn)?;
    let (mut ids, mut sequences) = (Vec::new(), Vec::new());
    let mut times: Vec<DateTime<Utc>> = Vec::new();
    for row in rows {
        let mut ledger = Ledger::stored(unit.store.stored(&mut unit.tenant, row)?.deal);
        merge::follow(&mut ledger, to, unit.now);
        let actors = vec![unit.actor; ledger.events.len()];
        note(unit, &ledger, &actors)?;
        ids.push(ledger.deal.id);
        sequences.push(ledger.deal.sequence);
        times.push(ledger.deal.last_occurred_at);
    }
    if ids.is_empty() {
        return Ok(0);
    }
    // Nothing else of a deal changes with its client: no stay in a stage, no amount.
    let moved = Statement::command("UPDATE deals SET sequence = followed.sequence, \
        last_occurred_at = followed.last_occurred_at, client_id = ")
        .bind(to)
        .sql(", updated_at = ")
        .bind(unit.now)
        .sql(" FROM unnest(")
        .bind(ids)
        .sql(", ")
        .bind(sequences)
        .sql(", ")
        .bind(times)
        .sql(") AS followed(id, sequence, last_occurred_at) WHERE deals.id = followed.id AND deals.workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .execute(unit.tenant.conn)?;
    Ok(moved)
}
