//! Primary demand: what the clients of deals first wanted. It is written as a whole; the deal is held first,
//! and its process answers.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::Uuid as SqlUuid};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::deals::demand;
use voronka_domain::{
    Fault,
    deals::{
        automation::{Happened, Happening},
        demand::{Line, checked},
    },
    kernel::{fault::Faults, trigger::Trigger},
    people::access::Cause,
};

use crate::{
    Caller, Error, Result, Statement, Tenant, Unit,
    core::{
        noun::check_version,
        schema::{demand_lines, demands},
        unit::raw,
        visibility::deals_seen_by,
    },
    deals,
    workspace::exchange_rates,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = demands)]
pub struct Head {
    pub id: Uuid,
    pub deal_id: Uuid,
    pub version: i32,
    /// When it was first written down: the day whose exchange rates hold for it.
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = demand_lines)]
pub struct DemandLine {
    pub number: i16,
    pub item: String,
    pub product_id: Option<Uuid>,
    pub quantity: Decimal,
    pub amount: Decimal,
    pub currency: String,
    pub base_amount: Decimal,
    pub met_quantity: Decimal,
    pub unmet_reason: Option<String>,
}

/// The primary demand of a deal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Demand {
    #[serde(flatten)]
    pub head: Head,
    pub lines: Vec<DemandLine>,
}

/// The demand of a deal that the caller sees; none if it was never written down.
pub fn read(tenant: &mut Tenant<'_>, caller: &Caller, deal_id: Uuid) -> Result<Option<Demand>> {
    let rows =
        tenant.rows(raw::<SqlUuid>("deals.id"), "deals").sql(" AND deals.id = ").bind(deal_id);
    let seen: Option<Uuid> =
        deals_seen_by(rows, &caller.visibility).get_result(tenant.conn).optional()?;
    seen.ok_or(Error::NotFound("deal"))?;
    find(tenant, deal_id)
}

fn find(tenant: &mut Tenant<'_>, deal_id: Uuid) -> Result<Option<Demand>> {
    let head: Option<Head> = tenant
        .rows(Head::as_select(), "demands")
        .sql(" AND demands.deal_id = ")
        .bind(deal_id)
        .get_result(tenant.conn)
        .optional()?;
    let Some(head) = head else { return Ok(None) };
    let lines = tenant
        .rows(DemandLine::as_select(), "demand_lines")
        .sql(" AND demand_lines.demand_id = ")
        .bind(head.id)
        .sql(" ORDER BY demand_lines.number")
        .load(tenant.conn)?;
    Ok(Some(Demand { head, lines }))
}

/// Writes the demand of a deal down, in place of what was there. The deal's process answers. Faults point
/// below `pointer`.
pub fn put(
    unit: &mut Unit<'_>,
    deal_id: Uuid,
    if_match: Option<crate::Seen>,
    pointer: &str,
    lines: Vec<Line>,
) -> Result<Demand> {
    let visibility = unit.caller.visibility.clone();
    let held = deals::lock_deal(unit, deal_id, &visibility)?;
    let before = find(&mut unit.tenant, deal_id)?;
    check_version(if_match, before.as_ref().map_or(0, |demand| demand.head.version))?;
    let required = held.requires_demand() || unit.caller.settings.require_primary_demand;
    demand::may_be_empty(pointer, lines.is_empty(), required)?;
    let since = before.as_ref().map_or(unit.now, |demand| demand.head.created_at);
    let lines = kept(unit, pointer, lines, since)?;
    let demand = match before {
        None => Demand { head: head(unit, Uuid::now_v7(), deal_id), lines },
        Some(before) if before.lines == lines => return Ok(before),
        Some(before) => {
            let (version, updated_at) = (before.head.version.saturating_add(1), unit.now);
            Demand { head: Head { version, updated_at, ..before.head }, lines }
        }
    };
    write(unit, &demand)?;
    let cause = Cause {
        on: Trigger::DemandChanged,
        object_id: demand.head.id,
        sequence: demand.head.version,
    };
    deals::react(unit, held, Happening { cause, what: Happened::Plain })?;
    Ok(demand)
}

/// The demand of a deal that is being opened; none without lines. Faults point into `/demand`.
pub(crate) fn of_new(
    unit: &mut Unit<'_>,
    deal_id: Uuid,
    lines: Vec<Line>,
) -> Result<Option<Demand>> {
    if lines.is_empty() {
        return Ok(None);
    }
    let now = unit.now;
    let lines = kept(unit, "/demand", lines, now)?;
    Ok(Some(Demand { head: head(unit, Uuid::now_v7(), deal_id), lines }))
}

fn head(unit: &Unit<'_>, id: Uuid, deal_id: Uuid) -> Head {
    Head { id, deal_id, version: 1, created_at: unit.now, updated_at: unit.now }
}

/// The lines as they are kept, their amounts in the base currency by the rates of a day.
fn kept(
    unit: &mut Unit<'_>,
    pointer: &str,
    lines: Vec<Line>,
    since: DateTime<Utc>,
) -> Result<Vec<DemandLine>> {
    let mut faults = Faults::default();
    let lines = checked(pointer, lines, &mut faults);
    let (base, day) = (unit.caller.settings.currency, unit.caller.settings.day(since));
    let wanted = lines.iter().map(|line| (line.amount.currency, day));
    let rates = exchange_rates::on(&mut unit.tenant, base, wanted)?;
    let products: Vec<Uuid> = lines.iter().filter_map(|line| line.product_id).collect();
    let products: Vec<Uuid> = match products.is_empty() {
        true => products,
        false => unit
            .tenant
            .rows(raw::<SqlUuid>("products.id"), "products")
            .sql(" AND products.id = ANY(")
            .bind(products)
            .sql(")")
            .load(unit.tenant.conn)?,
    };
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(lines) {
        let at = |field: &str| format!("{pointer}/{}/{field}", rows.len());
        if line.product_id.is_some_and(|id| !products.contains(&id)) {
            faults.add(at("product_id"), "unknown_reference", "There is no such product.");
        }
        let amount = rates.to_base(line.amount, base, day);
        let amount = amount.map_err(|f| Fault::new(at("amount/currency"), f.code, f.detail));
        rows.push(DemandLine {
            number,
            item: line.item,
            product_id: line.product_id,
            quantity: line.quantity,
            amount: line.amount.amount,
            currency: line.amount.currency.code().to_owned(),
            base_amount: faults.take(amount).unwrap_or_default(),
            met_quantity: line.met_quantity,
            unmet_reason: line.unmet_reason,
        });
    }
    faults.into_result()?;
    Ok(rows)
}

pub(crate) fn write(unit: &mut Unit<'_>, demand: &Demand) -> Result<()> {
    let workspace_id = unit.tenant.workspace_id;
    if demand.head.version == 1 {
        diesel::insert_into(demands::table)
            .values((demands::workspace_id.eq(workspace_id), &demand.head))
            .execute(unit.tenant.conn)?;
    } else {
        diesel::update(demands::table.find((workspace_id, demand.head.id)))
            .set((
                demands::version.eq(demand.head.version),
                demands::updated_at.eq(demand.head.updated_at),
            ))
            .execute(unit.tenant.conn)?;
        Statement::command("DELETE FROM demand_lines WHERE workspace_id = ")
            .bind(workspace_id)
            .sql(" AND demand_id = ")
            .bind(demand.head.id)
            .execute(unit.tenant.conn)?;
    }
    let lines: Vec<_> = demand
        .lines
        .iter()
        .map(|line| {
            let key = (
                demand_lines::workspace_id.eq(workspace_id),
                demand_lines::demand_id.eq(demand.head.id),
            );
            (key.0, key.1, line)
        })
        .collect();
    diesel::insert_into(demand_lines::table).values(lines).execute(unit.tenant.conn)?;
    unit.happened("demand.changed", demand.head.id, demand.head.version, demand)
}
