//! Exchange rates: given by day, looked up when an amount is fixed.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    prelude::*,
    sql_types::{Date, Numeric, Text},
    upsert::excluded,
};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::{Currency, workspace::exchange::Rates};

use crate::{
    Error, Result, Statement, Tenant, Unit,
    core::{
        list::{Field, FieldKind, Spec},
        noun::{listed, noun},
        rings,
        schema::exchange_rates,
        unit::raw,
    },
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = exchange_rates, primary_key(workspace_id, id), treat_none_as_null = true)]
pub struct ExchangeRate {
    pub id: Uuid,
    pub currency: String,
    pub day: NaiveDate,
    pub rate: Decimal,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(exchange_rates, ExchangeRate, "exchange_rate", changed);

/// A deal whose gate is met may have waited for a rate.
fn changed(unit: &mut Unit<'_>, rows: &[(Option<&ExchangeRate>, &ExchangeRate)]) -> Result<()> {
    ring(unit, rows.iter().map(|(_, row)| row.currency.clone()))
}

fn ring(unit: &mut Unit<'_>, codes: impl Iterator<Item = String>) -> Result<()> {
    let codes: BTreeSet<_> = codes.collect();
    let ring = rings::Ring::Currencies(codes.into_iter().collect());
    rings::ring(&mut unit.tenant, unit.now, ring)
}

pub const LIST: Spec = Spec {
    table: "exchange_rates",
    fields: &[
        Field::new("currency", "exchange_rates.currency", FieldKind::Text).sorted(),
        Field::new("day", "exchange_rates.day", FieldKind::Date).sorted(),
        Field::new("updated_at", "exchange_rates.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-day",
    search: None,
};

listed!(ExchangeRate);

/// Postgres takes 65,535 values in a statement; a rate has 8.
const ROWS_A_STATEMENT: usize = 5_000;

/// A rate as somebody gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    pub currency: Currency,
    pub day: NaiveDate,
    pub rate: Decimal,
}

/// What became of some rates.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Put {
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
}

/// Sets rates; of several for one currency and day, the last one stands.
pub fn put(unit: &mut Unit<'_>, given: &[Given]) -> Result<Put> {
    // Two uploads of the same days would meet on their keys.
    crate::workspace::workspaces::one_at_a_time(&mut unit.tenant)?;
    let there: Vec<ExchangeRate> = unit
        .tenant
        .rows(ExchangeRate::as_select(), "exchange_rates")
        .sql(" AND (currency, day::text) IN (SELECT * FROM unnest(")
        .bind(given.iter().map(|rate| rate.currency.code().to_owned()).collect::<Vec<_>>())
        .sql(", ")
        .bind(given.iter().map(|rate| rate.day.to_string()).collect::<Vec<_>>())
        .sql("))")
        .load(unit.tenant.conn)?;
    let mut known: HashMap<_, _> =
        there.into_iter().map(|row| ((row.currency.clone(), row.day), row)).collect();
    let (mut put, mut changed) = (Put::default(), BTreeSet::new());
    for Given { currency, day, rate } in given {
        let key = (currency.code().to_owned(), *day);
        let row = match known.get(&key) {
            Some(old) if old.rate.normalize() == *rate => {
                put.unchanged = put.unchanged.saturating_add(1);
                continue;
            }
            Some(old) => {
                put.updated = put.updated.saturating_add(1);
                let version = old.version.saturating_add(1);
                ExchangeRate { rate: *rate, version, updated_at: unit.now, ..old.clone() }
            }
            None => {
                put.created = put.created.saturating_add(1);
                new(*currency, *day, *rate, unit.now)
            }
        };
        let what = if row.version == 1 { "exchange_rate.created" } else { "exchange_rate.updated" };
        unit.happened(what, row.id, row.version, &row)?;
        known.insert(key.clone(), row);
        changed.insert(key);
    }
    if !changed.is_empty() {
        ring(unit, changed.iter().map(|(code, _)| code.clone()))?;
    }
    let rows = changed.iter().filter_map(|key| known.remove(key));
    let rows: Vec<_> =
        rows.map(|row| (exchange_rates::workspace_id.eq(unit.tenant.workspace_id), row)).collect();
    for rows in rows.chunks(ROWS_A_STATEMENT) {
        diesel::insert_into(exchange_rates::table)
            .values(rows)
            .on_conflict((
                exchange_rates::workspace_id,
                exchange_rates::currency,
                exchange_rates::day,
            ))
            .do_update()
            .set((
                exchange_rates::rate.eq(excluded(exchange_rates::rate)),
                exchange_rates::version.eq(excluded(exchange_rates::version)),
                exchange_rates::updated_at.eq(excluded(exchange_rates::updated_at)),
            ))
            .execute(unit.tenant.conn)?;
    }
    Ok(put)
}

pub fn new(currency: Currency, day: NaiveDate, rate: Decimal, now: DateTime<Utc>) -> ExchangeRate {
    ExchangeRate {
        id: Uuid::now_v7(),
        currency: currency.code().to_owned(),
        day,
        rate,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// The rates that hold on some days, for amounts in other currencies than the base.
pub(crate) fn on(
    tenant: &mut Tenant<'_>,
    base: Currency,
    wanted: impl IntoIterator<Item = (Currency, NaiveDate)>,
) -> Result<Rates> {
    let (mut currencies, mut days) = (Vec::new(), Vec::new());
    for (currency, day) in wanted {
        if currency != base {
            currencies.push(currency.code().to_owned());
            days.push(day.to_string());
        }
    }
    let rates = Rates::default();
    if currencies.is_empty() {
        return Ok(rates);
    }
    let rows: Vec<(String, NaiveDate, Decimal)> = Statement::select(raw::<(Text, Date, Numeric)>(
        "rate.currency, rate.day, rate.rate FROM (SELECT DISTINCT currency, day FROM unnest(",
    ))
    .bind(currencies)
    .sql(", ")
    .bind(days)
    .sql(
        ") AS given(currency, day)) AS wanted, LATERAL (SELECT r.currency, r.day, r.rate \
         FROM exchange_rates r WHERE r.currency = wanted.currency AND r.day <= wanted.day::date \
         AND r.workspace_id = ",
    )
    .bind(tenant.workspace_id)
    .sql(" ORDER BY r.day DESC LIMIT 1) AS rate")
    .load(tenant.conn)?;
    collect(rates, rows)
}

/// All rates of some currencies, for whoever does not know the days yet.
pub(crate) fn history(
    tenant: &mut Tenant<'_>,
    base: Currency,
    currencies: impl Iterator<Item = Currency>,
) -> Result<Rates> {
    let mut codes: Vec<String> = currencies
        .filter(|currency| *currency != base)
        .map(|currency| currency.code().to_owned())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    if codes.is_empty() {
        return Ok(Rates::default());
    }
    let rows = tenant
        .rows(raw::<(Text, Date, Numeric)>("currency, day, rate"), "exchange_rates")
        .sql(" AND currency = ANY(")
        .bind(codes)
        .sql(")")
        .load(tenant.conn)?;
    collect(Rates::default(), rows)
}

fn collect(mut rates: Rates, rows: Vec<(String, NaiveDate, Decimal)>) -> Result<Rates> {
    for (currency, day, rate) in rows {
        let currency = Currency::parse(&currency)
            .map_err(|_| Error::Internal("exchange rate has a bad currency".into()))?;
        rates.add(currency, day, rate);
    }
    Ok(rates)
}
