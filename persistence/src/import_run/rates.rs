//! Rows that are an exchange rate each.

use voronka_domain::import::RateRow;

use super::{Read, Tally};
use crate::{
    Result, Unit,
    exchange_rates::{self, Given, Put},
};

pub fn take(unit: &mut Unit<'_>, rows: &[Read<RateRow>], tally: &mut Tally) -> Result<()> {
    let mut given = Vec::new();
    for Read { row, cells } in rows {
        match row {
            Ok(row) => given.push(Given { currency: row.currency, day: row.day, rate: row.rate }),
            Err(faults) => tally.reject(faults, cells),
        }
    }
    let Put { created, updated, unchanged } = exchange_rates::put(unit, &given)?;
    tally.created += created;
    tally.updated += updated;
    tally.unchanged += unchanged;
    Ok(())
}
