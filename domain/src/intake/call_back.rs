//! Calling back: what a call that is over asks for.

use chrono::{DateTime, Utc};

use super::call::Direction;
use crate::{work::activity::CallStatus, workspace::calendar::Calendar};

/// What is known of a number when a call of it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    pub direction: Direction,
    pub status: CallStatus,
    /// What the call was judged before more was told of it.
    pub before: Option<CallStatus>,
    /// Somebody has talked with whoever has the number after this call began.
    pub reached_since: bool,
    /// Whoever has the number has called in vain since anybody last talked with them.
    pub still_missed: bool,
    /// A task to call the number back is open.
    pub is_open: bool,
    /// It is of this very call, and nobody has begun it.
    pub is_untouched: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    Nothing,
    /// Somebody is to call back.
    Create,
    /// Whoever was to be called back was reached.
    Complete,
    /// The call was answered after all.
    Cancel,
}

impl Circumstances {
    pub fn follows(self) -> Follows {
        let changed = self.before != Some(self.status);
        match (self.status, self.direction) {
            _ if !changed => Follows::Nothing,
            // The talk was before they called in vain: they are to be called back all the same.
            (CallStatus::Answered, _) if !self.is_open || self.still_missed => Follows::Nothing,
            (CallStatus::Answered, _) if self.before.is_some() && self.is_untouched => {
                Follows::Cancel
            }
            (CallStatus::Answered, Direction::In | Direction::Out) => Follows::Complete,
            (CallStatus::Missed, Direction::In) if !self.is_open && !self.reached_since => {
                Follows::Create
            }
            _ => Follows::Nothing,
        }
    }
}

/// When whoever called in vain is to be called back: so many working minutes from now on.
pub fn due(calendar: &Calendar, now: DateTime<Utc>, minutes: i32) -> DateTime<Utc> {
    calendar.after(now, i64::from(minutes).saturating_mul(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSED: Circumstances = Circumstances {
        direction: Direction::In,
        status: CallStatus::Missed,
        before: None,
        reached_since: false,
        still_missed: true,
        is_open: false,
        is_untouched: false,
    };

    #[test]
    fn a_miss_makes_one_task_until_somebody_is_reached() {
        assert_eq!(MISSED.follows(), Follows::Create);
        let not = |change: fn(&mut Circumstances)| {
            let mut one = MISSED;
            change(&mut one);
            assert_eq!(one.follows(), Follows::Nothing, "{one:?}");
        };
        not(|one| one.is_open = true);
        not(|one| one.reached_since = true);
        not(|one| one.direction = Direction::Out);
        not(|one| one.before = Some(CallStatus::Missed));
        not(|one| one.status = CallStatus::Answered);
        let answered = Circumstances {
            status: CallStatus::Answered,
            is_open: true,
            still_missed: false,
            ..MISSED
        };
        // Told late, of a talk before the miss.
        let late = Circumstances { still_missed: true, ..answered };
        assert_eq!(late.follows(), Follows::Nothing);
        assert_eq!(answered.follows(), Follows::Complete);
        let out = Circumstances { direction: Direction::Out, ..answered };
        assert_eq!(out.follows(), Follows::Complete);
        let busy = Circumstances { status: CallStatus::Busy, ..out };
        assert_eq!(busy.follows(), Follows::Nothing);
    }

    #[test]
    fn a_miss_that_was_none_takes_its_task_back() {
        let told = Circumstances {
            status: CallStatus::Answered,
            before: Some(CallStatus::Missed),
            is_open: true,
            is_untouched: true,
            still_missed: false,
            ..MISSED
        };
        // They have called in vain once more since.
        let again = Circumstances { still_missed: true, ..told };
        assert_eq!(again.follows(), Follows::Nothing);
        assert_eq!(told.follows(), Follows::Cancel);
        // Somebody has begun it, or it is of another call: they were reached.
        assert_eq!(Circumstances { is_untouched: false, ..told }.follows(), Follows::Complete);
    }
}
