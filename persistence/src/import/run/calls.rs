//! Rows that are a call each, as the exchange of an integration lists them.

use voronka_domain::{
    Refusal,
    import::{CallRow, Outcome, Plan, Rejection, Row},
    kernel::contact_point::phone,
    people::access::Actor,
};

use super::{Read, Tally};
use crate::{
    Error, Result, Unit,
    core::noun::Noun,
    intake::{
        calls::{self, Heard},
        integrations::Integration,
    },
};

/// Calls that were told of meanwhile are met by their ids: what is told twice is one call.
pub fn take(unit: &mut Unit<'_>, plan: &Plan, rows: &[Read], tally: &mut Tally) -> Result<()> {
    let rows = tally.sift(rows, |row| match row {
        Row::Call(row) => Some(row.as_ref()),
        _ => None,
    });
    unit.looks_up_by_keys()?;
    let id = plan.spec.integration_id.unwrap_or_default();
    let integration = Integration::get(&mut unit.tenant, id)?;
    // It is the exchange that tells of them, whoever brings its list.
    let actor = std::mem::replace(&mut unit.actor, Actor::Integration { id });
    for (row, cells) in rows {
        match unit.attempt(|unit| one(unit, &integration, row)) {
            Ok(Heard::First) => tally.count(Outcome::Created),
            Ok(Heard::More) => tally.count(Outcome::Updated),
            Ok(Heard::Again) => tally.count(Outcome::Unchanged),
            Err(Error::Refused(refusal)) => tally.reject(&rejections(row, &refusal), cells),
            Err(error) => return Err(error),
        }
    }
    unit.actor = actor;
    Ok(())
}

fn one(unit: &mut Unit<'_>, integration: &Integration, row: &CallRow) -> Result<Heard> {
    let exchange = integration.exchange();
    let country = integration.read_by(unit.caller.settings.country);
    let told = row.call.clone().told(&exchange, &|text| phone(text, country));
    calls::tell(unit, integration, told)
}

fn rejections(row: &CallRow, refusal: &Refusal) -> Vec<Rejection> {
    refusal.faults().iter().map(|fault| row.rejection(fault)).collect()
}
