//! Hand-overs: what one person has goes to another one, for good or for a time.

use chrono::{DateTime, Days, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    kernel::{
        fault::{Faults, Refusal},
        limits,
    },
    people::access::Visibility,
    workspace::settings::Settings,
};

const LONGEST_NOTE: usize = limits::NOTE;
/// How far ahead a return may be: three years.
const MOST_DAYS: u64 = 1_096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    Holiday,
    Illness,
    Dismissal,
    Other,
}

/// What goes over. Only what is open: of deals those that are neither won nor lost, of tasks those that are
/// neither done nor cancelled, of clients those in use.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum HandedOver {
    Deals,
    Tasks,
    Clients,
}

/// A hand-over comes back once, to somebody who is in use.
pub fn may_return(returned: bool, active: bool) -> Result<(), Refusal> {
    if returned {
        let detail = "The hand-over has come back already.";
        return Err(Refusal::conflict("hand_over_returned", "", detail));
    }
    if !active {
        let detail = "The person whom it came from is not in use.";
        return Err(Refusal::conflict("user_inactive", "", detail));
    }
    Ok(())
}

/// What somebody has is given away by those who look after them: their heads and administrators.
pub fn may_give(
    looks_after: &Visibility,
    user_id: Uuid,
    department_id: Option<Uuid>,
) -> Result<(), Refusal> {
    let theirs = match looks_after {
        Visibility::All => true,
        Visibility::Own { user_id: own } => user_id == *own,
        Visibility::Departments { user_id: own, departments } => {
            user_id == *own || department_id.is_some_and(|id| departments.contains(&id))
        }
    };
    if theirs {
        return Ok(());
    }
    let detail = "A head hands over what people of their own departments have.";
    Err(Refusal::conflict("forbidden", "/from_id", detail))
}

/// A hand-over as somebody orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHandOver {
    pub from_id: Uuid,
    pub to_id: Uuid,
    pub what: Vec<HandedOver>,
    pub reason: Reason,
    pub note: Option<String>,
    /// The day on which it comes back.
    pub until: Option<NaiveDate>,
}

impl NewHandOver {
    pub fn check(&self, settings: &Settings, now: DateTime<Utc>) -> Result<(), Refusal> {
        let mut faults = Faults::default();
        if self.from_id == self.to_id {
            faults.add("/to_id", "same_person", "Must be another person.");
        }
        if self.what.is_empty() {
            faults.add("/what", "required", "Something has to go over.");
        }
        let twice =
            |(at, what): (usize, &HandedOver)| self.what.iter().take(at).any(|one| one == what);
        if self.what.iter().enumerate().any(twice) {
            faults.add("/what", "duplicate", "Something is named twice.");
        }
        if self.note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
            faults.add("/note", "too_long", format!("At most {LONGEST_NOTE} characters."));
        }
        let today = settings.day(now);
        let last = today.checked_add_days(Days::new(MOST_DAYS)).unwrap_or(today);
        match self.until {
            Some(day) if day <= today => {
                faults.add("/until", "in_the_past", "Must be a day after today.");
            }
            Some(day) if day > last => {
                faults.add("/until", "out_of_range", "At most three years ahead.");
            }
            _ => {}
        }
        faults.into_result()
    }
}

/// A deal, a task or a client as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thing {
    pub id: Uuid,
    /// Who has it, if anybody does.
    pub holder_id: Option<Uuid>,
    pub open: bool,
    /// Of a deal, in base currency.
    pub amount: Decimal,
}

/// How much it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub deals: i64,
    /// Of the deals, in base currency.
    pub amount: Decimal,
    pub tasks: i64,
    pub clients: i64,
}

impl Tally {
    pub fn add(&mut self, what: HandedOver, thing: &Thing) {
        let count = match what {
            HandedOver::Deals => &mut self.deals,
            HandedOver::Tasks => &mut self.tasks,
            HandedOver::Clients => &mut self.clients,
        };
        *count = count.saturating_add(1);
        self.amount = self.amount.saturating_add(thing.amount);
    }
}

/// What becomes of a thing when its hand-over comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It goes back.
    Returned,
    /// Somebody gave it back already.
    AlreadyBack,
    /// It is over: whoever ended it keeps it.
    Closed,
    /// It was given on, and stays where it is.
    PassedOn,
}

/// Only what is open and still with the one who got it goes back.
pub fn outcome(thing: &Thing, from_id: Uuid, to_id: Uuid) -> Outcome {
    match thing.holder_id {
        _ if !thing.open => Outcome::Closed,
        Some(holder_id) if holder_id == to_id => Outcome::Returned,
        Some(holder_id) if holder_id == from_id => Outcome::AlreadyBack,
        _ => Outcome::PassedOn,
    }
}

/// How much became of a hand-over what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    pub returned: Tally,
    pub already_back: Tally,
    pub closed: Tally,
    pub passed_on: Tally,
}

impl Outcomes {
    pub fn add(&mut self, outcome: Outcome, what: HandedOver, thing: &Thing) {
        let tally = match outcome {
            Outcome::Returned => &mut self.returned,
            Outcome::AlreadyBack => &mut self.already_back,
            Outcome::Closed => &mut self.closed,
            Outcome::PassedOn => &mut self.passed_on,
        };
        tally.add(what, thing);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::VariantArray;

    use super::*;
    use crate::{kernel::money::Currency, workspace::settings::DealVisibility};

    const FROM: Uuid = Uuid::from_u128(1);
    const TO: Uuid = Uuid::from_u128(2);

    fn thing(holder: Option<u128>, open: bool, amount: i64) -> Thing {
        let holder_id = holder.map(Uuid::from_u128);
        Thing { id: Uuid::from_u128(9), holder_id, open, amount: Decimal::from(amount) }
    }

    #[test]
    fn what_is_open_and_still_there_goes_back() {
        for (holder, open, expected) in [
            (Some(2), true, Outcome::Returned),
            (Some(1), true, Outcome::AlreadyBack),
            (Some(3), true, Outcome::PassedOn),
            (None, true, Outcome::PassedOn),
            (Some(2), false, Outcome::Closed),
            (Some(1), false, Outcome::Closed),
            (Some(3), false, Outcome::Closed),
        ] {
            assert_eq!(outcome(&thing(holder, open, 0), FROM, TO), expected, "{holder:?} {open}");
        }
    }

    #[test]
    fn a_hand_over_is_checked_in_the_workspaces_own_day() {
        let settings = Settings {
            currency: Currency::parse("EUR").unwrap(),
            time_zone: chrono_tz::Europe::Amsterdam,
            deal_visibility: DealVisibility::ByRole,
            country: None,
            require_primary_demand: false,
        };
        // In Amsterdam it is the 3rd of December already.
        let now = "2026-12-02T23:30:00Z".parse().unwrap();
        let good = NewHandOver {
            from_id: FROM,
            to_id: TO,
            what: HandedOver::VARIANTS.to_vec(),
            reason: Reason::Holiday,
            note: None,
            until: None,
        };
        let faults = |new: NewHandOver| match new.check(&settings, now) {
            Ok(()) => Vec::new(),
            Err(refusal) => {
                refusal.faults().into_iter().map(|f| (f.pointer, f.code)).collect::<Vec<_>>()
            }
        };
        let until = |day: &str| NewHandOver { until: day.parse().ok(), ..good.clone() };
        assert_eq!(faults(good.clone()), []);
        assert_eq!(faults(until("2026-12-04")), []);
        assert_eq!(faults(until("2026-12-03")), [("/until".into(), "in_the_past")]);
        assert_eq!(faults(until("2029-12-03")), []);
        assert_eq!(faults(until("2029-12-04")), [("/until".into(), "out_of_range")]);
        let bad = NewHandOver {
            to_id: FROM,
            what: vec![HandedOver::Deals, HandedOver::Deals],
            note: Some("n".repeat(4_001)),
            ..good.clone()
        };
        let expected = [("/to_id", "same_person"), ("/what", "duplicate"), ("/note", "too_long")];
        assert_eq!(faults(bad), expected.map(|(at, code)| (at.to_owned(), code)));
        let nothing = NewHandOver { what: Vec::new(), ..good };
        assert_eq!(faults(nothing), [("/what".into(), "required")]);
    }

    fn things() -> impl Strategy<Value = Vec<(HandedOver, Thing)>> {
        let what = prop::sample::select(HandedOver::VARIANTS.to_vec());
        let holder = prop::option::of(1_u128..5);
        let thing = (what, holder, any::<bool>(), 0_i64..1_000)
            .prop_map(|(what, holder, open, amount)| (what, thing(holder, open, amount)));
        prop::collection::vec(thing, 0..50)
    }

    proptest! {
        #[test]
        fn everything_has_one_outcome(things in things()) {
            let (mut outcomes, mut whole) = (Outcomes::default(), Tally::default());
            for (what, thing) in &things {
                outcomes.add(outcome(thing, FROM, TO), *what, thing);
                whole.add(*what, thing);
            }
            let Outcomes { returned, already_back, closed, passed_on } = outcomes;
            let parts = [returned, already_back, closed, passed_on];
            let count = |of: fn(&Tally) -> i64| parts.iter().map(of).sum::<i64>();
            prop_assert_eq!(count(|part| part.deals), whole.deals);
            prop_assert_eq!(count(|part| part.tasks), whole.tasks);
            prop_assert_eq!(count(|part| part.clients), whole.clients);
            prop_assert_eq!(parts.iter().map(|part| part.amount).sum::<Decimal>(), whole.amount);
            let back = things.iter().filter(|(_, one)| one.open && one.holder_id == Some(TO));
            let back = i64::try_from(back.count()).unwrap();
            prop_assert_eq!(returned.deals + returned.tasks + returned.clients, back);
        }
    }
}
