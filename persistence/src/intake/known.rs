//! What an exchange asks in the same breath.

use chrono::NaiveDate;
use diesel::{
    prelude::*,
    sql_types::{BigInt, Text},
};
use uuid::Uuid;
use voronka_domain::{intake::candidate, kernel::contact_point::phone};

use super::{candidates, integrations::Integration};
use crate::{Result, Statement, Tenant, core::unit::raw, workspace::workspaces};

/// Whose number it is, as far as one knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub client_id: Option<Uuid>,
    /// Of the contact, or of the client.
    pub name: Option<String>,
    /// Who looks after them.
    pub owner_id: Option<Uuid>,
}

/// The number is as the exchange has it.
pub fn of_number(
    tenant: &mut Tenant<'_>,
    integration: &Integration,
    number: &str,
) -> Result<Known> {
    let country = integration.read_by(workspaces::get(tenant)?.settings()?.country);
    let read = |text: &str| phone(text, country);
    let Some(e164) = integration.exchange().outside(number, &read) else {
        return Ok(Known::default());
    };
    let found = candidates::of_number(tenant, &e164)?;
    let Some(taken) = candidate::taken(found, None) else { return Ok(Known::default()) };
    let one = taken.candidate;
    let mut named = |table: &'static str, id: Uuid| {
        tenant
            .rows(raw::<Text>("name"), table)
            .sql(" AND id = ")
            .bind(id)
            .get_result::<String>(tenant.conn)
            .optional()
    };
    let name = match one.contact_id {
        Some(id) => named("contacts", id)?,
        None => named("clients", one.client_id)?,
    };
    let deal_owner = one.open_deals.first().map(|(_, owner)| *owner);
    Ok(Known { client_id: Some(one.client_id), name, owner_id: deal_owner.or(one.owner_id) })
}

/// More calls of one key in a day are not told apart.
const MOST_OF_A_DAY: usize = 200;

/// Calls of one key that end while none is interpreted.
const AHEAD: usize = 20;

/// Which of the calls of a key, `key.day-0`, `key.day-1` and so on, goes on, or is the next: what stands behind the key.
pub fn which(
    tenant: &mut Tenant<'_>,
    integration_id: Uuid,
    key: &str,
    day: NaiveDate,
) -> Result<String> {
    let which = |n: usize| format!("{}-{n}", day.format("%y%m%d"));
    let over = tenant
        .rows(raw::<BigInt>("count(*)"), "calls")
        .sql(" AND integration_id = ")
        .bind(integration_id)
        .sql(" AND status IS NOT NULL AND root = ANY(")
        .bind((0..MOST_OF_A_DAY).map(|n| format!("{key}.{}", which(n))).collect::<Vec<_>>())
        .sql(")");
    let over: i64 = over.get_result(tenant.conn)?;
    let over = usize::try_from(over).unwrap_or(MOST_OF_A_DAY);
    // What ends the next ones may be acknowledged and not interpreted yet.
    let next = (over..over.saturating_add(AHEAD)).map(|n| format!("{key}.{}", which(n)));
    let ending = Statement::select(raw::<BigInt>("count(*) FROM unnest("))
        .bind(next.collect::<Vec<_>>())
        .sql(") AS one(root) WHERE EXISTS (SELECT FROM raw_events r WHERE r.state = 'waiting' AND r.workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" AND r.integration_id = ")
        .bind(integration_id)
        .sql(" AND r.target ILIKE '%finish%' AND position(convert_to(one.root, 'UTF8') IN r.body) > 0)");
    let ending: i64 = ending.get_result(tenant.conn)?;
    Ok(which(over.saturating_add(usize::try_from(ending).unwrap_or(0))))
}
