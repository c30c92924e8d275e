//! Handing over.

use diesel::{RunQueryDsl, SelectableHelper};
use uuid::Uuid;
use voronka_domain::{
    kernel::fault::Faults,
    people::access::Permission,
    work::hand_over::{HandedOver, NewHandOver, Tally, Thing},
};

use super::{
    HandOver, require_theirs,
    things::{Named, PLACES, Place, Share, hand},
};
use crate::{
    Result, Unit,
    core::{enum_names::to_name, noun::Noun, unit::to_json},
    people::users::User,
};

/// Things of each kind that a preview names.
const MOST_SHOWN: i64 = 10;

/// What a hand-over would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    pub handed_over: Tally,
    /// The largest deals.
    pub deals: Vec<Named>,
    /// The tasks that are due first.
    pub tasks: Vec<Named>,
    pub clients: Vec<Named>,
}

/// Tells what would go over, and changes nothing.
pub fn preview(unit: &mut Unit<'_>, new: &NewHandOver) -> Result<Preview> {
    check(unit, new)?;
    let mut preview =
        Preview { handed_over: tally(&things(unit, new, false)?), ..Preview::default() };
    for place in PLACES.iter().filter(|place| new.what.contains(&place.what)) {
        let read = match place.what {
            HandedOver::Deals => Permission::DealsRead,
            HandedOver::Tasks => Permission::TasksRead,
            HandedOver::Clients => Permission::ClientsRead,
        };
        // How many there are is told anyway.
        if !unit.caller.may(read) {
            continue;
        }
        let first = place.first(unit, new.from_id, MOST_SHOWN)?;
        match place.what {
            HandedOver::Deals => preview.deals = first,
            HandedOver::Tasks => preview.tasks = first,
            HandedOver::Clients => preview.clients = first,
        }
    }
    Ok(preview)
}

/// Hands over: all of it, or nothing.
pub fn create(unit: &mut Unit<'_>, new: NewHandOver) -> Result<HandOver> {
    check(unit, &new)?;
    let things = things(unit, &new, true)?;
    let row = HandOver {
        id: Uuid::now_v7(),
        from_id: new.from_id,
        to_id: new.to_id,
        what: new.what.iter().map(to_name).collect(),
        reason: to_name(&new.reason),
        note: new.note,
        until: new.until,
        handed_over: to_json(&tally(&things))?,
        created_by: to_json(&unit.actor)?,
        returned_at: None,
        returned_by: None,
        outcome: None,
        alarm_at: new.until.map(|day| unit.caller.settings.day_start(day)),
        version: 1,
        created_at: unit.now,
        updated_at: unit.now,
    };
    HandOver::insert(unit, &row)?;
    let ids = |things: Vec<Thing>| things.into_iter().map(|thing| thing.id).collect();
    let shares: Vec<Share> =
        things.into_iter().map(|(place, things)| (place, ids(things))).collect();
    for (place, ids) in &shares {
        place.note(unit, row.id, ids.clone())?;
    }
    hand(unit, &shares, row.to_id)?;
    Ok(row)
}

fn check(unit: &mut Unit<'_>, new: &NewHandOver) -> Result<()> {
    new.check(&unit.caller.settings, unit.now)?;
    let people: Vec<User> = unit
        .tenant
        .rows(User::as_select(), "users")
        .sql(" AND id = ANY(")
        .bind(vec![new.from_id, new.to_id])
        .sql(")")
        .load(unit.tenant.conn)?;
    let person = |id| people.iter().find(|user| user.id == id);
    let from = person(new.from_id);
    let mut faults = Faults::default();
    if from.is_none() {
        faults.add("/from_id", "unknown_reference", "There is no such user.");
    }
    if !person(new.to_id).is_some_and(|user| user.active) {
        faults.add("/to_id", "unknown_reference", "There is no such user in use.");
    }
    faults.into_result()?;
    from.map_or(Ok(()), |from| require_theirs(unit, from))
}

type Things = Vec<(&'static Place, Vec<Thing>)>;

fn things(unit: &mut Unit<'_>, new: &NewHandOver, hold: bool) -> Result<Things> {
    let places = PLACES.iter().filter(|place| new.what.contains(&place.what));
    places.map(|place| Ok((place, place.of(unit, new.from_id, hold)?))).collect()
}

fn tally(things: &Things) -> Tally {
    let mut tally = Tally::default();
    for (place, things) in things {
        things.iter().for_each(|thing| tally.add(place.what, thing));
    }
    tally
}
