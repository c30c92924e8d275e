//! Rows that are an exchange rate each.

use voronka_domain::import::Row;

use super::{Read, Tally};
use crate::{
    Result, Unit,
    workspace::exchange_rates::{self, Given, Put},
};

pub fn take(unit: &mut Unit<'_>, rows: &[Read], tally: &mut Tally) -> Result<()> {
    let rates = tally.sift(rows, |row| match row {
        Row::Rate(row) => Some(row),
        _ => None,
    });
    let given = rates.into_iter().map(|(row, _)| Given {
        currency: row.currency,
        day: row.day,
        rate: row.rate,
    });
    let given: Vec<_> = given.collect();
    let Put { created, updated, unchanged } = exchange_rates::put(unit, &given)?;
    tally.created += created;
    tally.updated += updated;
    tally.unchanged += unchanged;
    Ok(())
}
