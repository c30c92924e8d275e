//! When work is done: the seconds of working time between two instants.

use crate::workspace::Settings;
use chrono::{DateTime, Datelike, Days, Utc, Weekday};

/// Working time over a stretch of days. Today that is Monday to Friday, whole days in the workspace's
/// zone; there are no working hours and no holidays yet.
#[derive(Debug, Clone)]
pub struct Calendar {
    days: Vec<Day>,
}

#[derive(Debug, Clone, Copy)]
struct Day {
    start: DateTime<Utc>,
    /// Working seconds of all days before.
    before: i64,
    works: bool,
}

impl Calendar {
    /// The calendar of the days of `[first, last]`. Time outside of them is no working time.
    pub fn monday_to_friday(
        settings: &Settings,
        first: DateTime<Utc>,
        last: DateTime<Utc>,
    ) -> Self {
        let (mut days, mut day) = (Vec::new(), settings.day(first));
        let (mut before, mut start) = (0, settings.day_start(day));
        while start <= last {
            let works = !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
            days.push(Day { start, before, works });
            let Some(next) = day.checked_add_days(Days::new(1)) else { break };
            let end = settings.day_start(next);
            if works {
                before = before.saturating_add((end - start).num_seconds());
            }
            (day, start) = (next, end);
        }
        // Nothing is worked after the last day.
        days.push(Day { start, before, works: false });
        Self { days }
    }

    /// Working seconds from one instant to another.
    pub fn working_seconds(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
        self.worked(to).saturating_sub(self.worked(from)).max(0)
    }

    /// Working seconds from the calendar's beginning.
    fn worked(&self, at: DateTime<Utc>) -> i64 {
        let after = self.days.partition_point(|day| day.start <= at);
        let Some(day) = after.checked_sub(1).and_then(|index| self.days.get(index)) else {
            return 0;
        };
        let today = if day.works { (at - day.start).num_seconds() } else { 0 };
        day.before.saturating_add(today)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use chrono_tz::Tz;
    use proptest::prelude::*;

    use super::*;
    use crate::{money::Currency, workspace::DealVisibility};

    fn settings(time_zone: Tz) -> Settings {
        let currency = Currency::parse("EUR").unwrap();
        let deal_visibility = DealVisibility::ByRole;
        Settings { currency, time_zone, deal_visibility, country: None }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn weekends_are_free_through_both_clock_changes() {
        let (first, last) = (at("2026-01-01T00:00:00Z"), at("2026-12-31T00:00:00Z"));
        let calendar =
            Calendar::monday_to_friday(&settings(chrono_tz::Europe::Amsterdam), first, last);
        for (from, to, hours) in [
            // Thursday noon to Friday noon.
            ("2026-02-05T11:00:00Z", "2026-02-06T11:00:00Z", 24),
            // Friday 18:00 to Monday 09:00, there.
            ("2026-02-06T17:00:00Z", "2026-02-09T08:00:00Z", 6 + 9),
            // The same over the night in which summer time begins: the hour is lost on a Sunday.
            ("2026-03-27T17:00:00Z", "2026-03-30T07:00:00Z", 6 + 9),
            ("2026-10-23T16:00:00Z", "2026-10-26T08:00:00Z", 6 + 9),
            // A Saturday and Sunday, there.
            ("2026-02-06T23:00:00Z", "2026-02-08T23:00:00Z", 0),
            // Two weeks.
            ("2026-02-02T00:00:00Z", "2026-02-16T00:00:00Z", 240),
            ("2026-02-16T00:00:00Z", "2026-02-02T00:00:00Z", 0),
        ] {
            assert_eq!(calendar.working_seconds(at(from), at(to)), hours * 3_600, "{from} {to}");
        }
    }

    proptest! {
        /// Second by second would take too long; hour by hour from a full hour is the same.
        #[test]
        fn working_time_is_the_sum_of_its_hours(start in 0..2_000_i64, first in 0..900_i64, more in 0..900_i64) {
            let settings = settings(chrono_tz::America::New_York);
            let epoch = at("2025-01-01T00:00:00Z") + TimeDelta::hours(start);
            let (from, to) = (epoch + TimeDelta::hours(first), epoch + TimeDelta::hours(first + more));
            let calendar = Calendar::monday_to_friday(&settings, epoch, to);
            let works = |hour: &i64| {
                let day = settings.day(from + TimeDelta::hours(*hour));
                !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
            };
            let hours = i64::try_from((0..more).filter(works).count()).unwrap();
            prop_assert_eq!(calendar.working_seconds(from, to), hours * 3_600);
        }
    }
}
