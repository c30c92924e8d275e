//! When a deal is due to leave its stage: when the norm of the stage is used up, in working time.

use chrono::{DateTime, TimeDelta, Utc};

use crate::workspace::calendar::Calendar;

/// A part of a visit that was not on hold; the last one may go on.
pub type Part = (DateTime<Utc>, Option<DateTime<Utc>>);

/// How a visit stands to the norm of its stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// The instant by which the norm is used up; none while that is on hold, and without a norm.
    pub at: Option<DateTime<Utc>>,
    /// The visit has lasted longer.
    pub overdue: bool,
}

impl Due {
    /// Of the parts of a visit, in their order.
    pub fn of(parts: &[Part], norm_seconds: i64, calendar: &Calendar, now: DateTime<Utc>) -> Self {
        let norm = TimeDelta::try_seconds(norm_seconds).unwrap_or(TimeDelta::MAX);
        let (mut worked, mut at) = (TimeDelta::zero(), None);
        for (from, to) in parts {
            let left = norm.checked_sub(&worked).unwrap_or_default();
            let spent = calendar.working_time(*from, to.unwrap_or(now));
            // What goes on comes to its end some day.
            if at.is_none() && (to.is_none() || spent >= left) {
                at = Some(calendar.after(*from, left.num_seconds()));
            }
            worked = worked.checked_add(&spent).unwrap_or(TimeDelta::MAX);
        }
        Self { at, overdue: worked > norm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::fault::Faults,
        workspace::calendar::{Span, Week},
    };

    /// Monday to Friday, nine to six, in Amsterdam: nine hours a day.
    fn calendar() -> Calendar {
        let spans = [Span { from: "09:00".into(), to: "18:00".into() }];
        let days: [&[Span]; 7] = [&spans, &spans, &spans, &spans, &spans, &[], &[]];
        let week = Week::read("", days, &mut Faults::default()).unwrap();
        Calendar::new(chrono_tz::Europe::Amsterdam, &week, &[])
    }

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-06-{text}:00Z").parse().unwrap()
    }

    const DAY: i64 = 9 * 3_600;

    #[test]
    fn a_norm_runs_in_working_time() {
        let calendar = calendar();
        // Thursday noon, two days: Monday noon.
        let parts = [(at("04T10:00"), None)];
        for (now, overdue) in [("05T10:00", false), ("08T10:00", false), ("08T10:01", true)] {
            let due = Due::of(&parts, 2 * DAY, &calendar, at(now));
            assert_eq!(due, Due { at: Some(at("08T10:00")), overdue }, "{now}");
        }
        // What fills Friday's last hour is not overdue before Monday's first.
        let parts = [(at("05T15:00"), None)];
        for (now, overdue) in [("07T10:00", false), ("08T07:00", false), ("08T07:01", true)] {
            let due = Due::of(&parts, 3_600, &calendar, at(now));
            assert_eq!(due, Due { at: Some(at("05T16:00")), overdue }, "{now}");
        }
    }

    #[test]
    fn time_on_hold_moves_the_due() {
        let calendar = calendar();
        // Four hours on Monday, on hold until Wednesday at nine.
        let parts = [(at("01T07:00"), Some(at("01T11:00"))), (at("03T07:00"), None)];
        let due = Due::of(&parts, DAY, &calendar, at("03T12:00"));
        assert_eq!(due, Due { at: Some(at("03T12:00")), overdue: false });
        assert!(Due::of(&parts, DAY, &calendar, at("03T12:01")).overdue);
        // On hold, nobody knows when; what was used up before was due then.
        let held = Due::of(&parts[..1], DAY, &calendar, at("29T12:00"));
        assert_eq!(held, Due::default());
        let late = Due::of(&parts[..1], 3_600, &calendar, at("29T12:00"));
        assert_eq!(late, Due { at: Some(at("01T08:00")), overdue: true });
    }
}
