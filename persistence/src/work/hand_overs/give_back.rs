//! Giving back what was handed over.

use uuid::Uuid;
use voronka_domain::work::hand_over::may_return;
use voronka_domain::work::hand_over::{Outcome, Outcomes, outcome};

use super::{
    HandOver, read, require_theirs,
    things::{PLACES, Share, hand},
};
use crate::{
    Result, Unit,
    core::{noun::Noun, unit::to_json},
    people::users::User,
};

/// Gives back what is still with the one who got it; the rest stays. With `dry_run` nothing changes, and
/// `outcome` says what would.
pub fn give_back(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    dry_run: bool,
) -> Result<HandOver> {
    let from_id = read(&mut unit.tenant, unit.caller, id)?.from_id;
    let before = HandOver::lock(unit, id, if_match)?;
    let from = User::get(&mut unit.tenant, from_id)?;
    require_theirs(unit, &from)?;
    may_return(before.returned_at.is_some(), from.active)?;
    if dry_run {
        let (outcomes, _) = settle(unit, &before, false)?;
        return Ok(HandOver { outcome: Some(to_json(&outcomes)?), ..before });
    }
    give_back_held(unit, &before)
}

/// Gives back, of a hand-over that is held and that can come back.
pub(super) fn give_back_held(unit: &mut Unit<'_>, before: &HandOver) -> Result<HandOver> {
    let (outcomes, shares) = settle(unit, before, true)?;
    let row = HandOver {
        returned_at: Some(unit.now),
        returned_by: Some(to_json(&unit.actor)?),
        outcome: Some(to_json(&outcomes)?),
        alarm_at: None,
        ..before.clone()
    };
    let row = HandOver::save(unit, before, row)?;
    hand(unit, &shares, before.from_id)?;
    Ok(row)
}

/// What becomes of each thing; noted, if it is to be. And what goes back.
fn settle(unit: &mut Unit<'_>, row: &HandOver, note: bool) -> Result<(Outcomes, Vec<Share>)> {
    let (mut outcomes, mut shares) = (Outcomes::default(), Vec::new());
    for place in &PLACES {
        let things = place.gone(unit, row.id, note)?;
        let mut became = Vec::with_capacity(things.len());
        for thing in &things {
            let outcome = outcome(thing, row.from_id, row.to_id);
            outcomes.add(outcome, place.what, thing);
            became.push((thing.id, outcome));
        }
        if note {
            place.settle(unit, row.id, &became)?;
        }
        let back = became.into_iter().filter(|(_, outcome)| *outcome == Outcome::Returned);
        shares.push((place, back.map(|(id, _)| id).collect()));
    }
    Ok((outcomes, shares))
}
