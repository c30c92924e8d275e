//! When work is done: the working hours of a workspace, and the working time between two instants.
//!
//! An instant is worked if the clock of the workspace's zone then shows a time within the working hours of
//! the date that it shows. So an hour that is skipped in spring is not worked, though it is among the
//! hours; one that the clock shows twice in autumn is worked twice, if it is among them. From 1970 on;
//! earlier times are read with the zone's clock of 1970.

pub mod holidays;
mod hours;
#[cfg(test)]
mod tests;
mod zone;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use crate::Refusal;

pub use hours::{Hours, Interval, Span, WEEKDAYS, Week};

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
const SECOND: i64 = 1_000_000;
const MONDAY: i64 = 4 * DAY;

/// Holidays and working days by exception of one calendar: more than a hundred years have.
const MOST_HOLIDAYS: i64 = 2_000;

pub fn may_have_holidays(count: i64) -> Result<(), Refusal> {
    if count <= MOST_HOLIDAYS {
        return Ok(());
    }
    let detail = format!("A calendar has at most {MOST_HOLIDAYS} such days.");
    Err(Refusal::invalid("/holidays", "too_many", detail))
}

/// The working time of a workspace. No function takes longer for instants that are further apart.
///
/// Inside, times are microseconds, the precision of what is stored; times of the clock count from a
/// Monday, 1970-01-05.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    week: Vec<Day>,
    /// Working time of a week.
    week_length: i64,
    /// Days with other hours than their weekday's, in their order.
    special: Vec<Special>,
    /// When the clock changes, in order; the first one holds for all of the time before, too.
    shifts: Vec<Shift>,
    day_seconds: i64,
}

/// A day's hours in microseconds from its beginning.
#[derive(Debug, Clone, PartialEq)]
struct Day {
    /// Working time of the week before this day.
    before: i64,
    length: i64,
    hours: Vec<(i64, i64)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Special {
    number: i64,
    day: Day,
    /// How much more is worked up to the end of this day than weekdays alone would make it.
    more: i64,
}

#[derive(Debug, Clone, PartialEq)]
struct Shift {
    /// The instant.
    at: i64,
    /// What the clock then shows more than UTC.
    offset: i64,
    /// Added to the working time by the clock, it is the working time.
    base: i64,
    /// Working time up to the instant.
    before: i64,
}

impl Day {
    fn new(hours: &Hours, before: i64) -> Self {
        let hours = hours.intervals().iter();
        let hours: Vec<_> =
            hours.map(|one| (i64::from(one.from) * MINUTE, i64::from(one.to) * MINUTE)).collect();
        Self { before, length: hours.iter().map(|(from, to)| to - from).sum(), hours }
    }

    /// Working time from the day's beginning up to a time.
    fn worked(&self, time: i64) -> i64 {
        self.hours.iter().map(|(from, to)| time.clamp(*from, *to) - from).sum()
    }

    /// The first time at which that much has been worked; more than nothing, and at most the day's length.
    fn first(&self, mut worked: i64) -> i64 {
        for (from, to) in &self.hours {
            if worked <= to - from {
                return from + worked;
            }
            worked -= to - from;
        }
        DAY
    }
}

/// The day's number from the Monday on.
fn number(day: NaiveDate) -> i64 {
    i64::from(day.num_days_from_ce()) - 719_167
}

fn weekday(number: i64) -> usize {
    usize::try_from(number.rem_euclid(7)).unwrap_or(0)
}

impl Calendar {
    /// The calendar of some weekdays' hours, and of the days that have other ones, each given once.
    pub fn new(zone: Tz, week: &Week, holidays: &[(NaiveDate, Hours)]) -> Self {
        let (mut days, mut week_length) = (Vec::new(), 0);
        for hours in week.days() {
            let day = Day::new(hours, week_length);
            week_length += day.length;
            days.push(day);
        }
        let worked = days.iter().filter(|day| day.length > 0).count();
        let worked = i64::try_from(worked).unwrap_or(7).max(1);
        let day_seconds = week_length / worked / SECOND;
        let (special, shifts) = (Vec::new(), Vec::new());
        let mut calendar = Self { week: days, week_length, special, shifts, day_seconds };
        calendar.set_holidays(holidays);
        calendar.set_zone(zone);
        calendar
    }

    fn set_holidays(&mut self, holidays: &[(NaiveDate, Hours)]) {
        let mut holidays: Vec<_> =
            holidays.iter().map(|(day, hours)| (number(*day), hours)).collect();
        holidays.sort_unstable_by_key(|(number, _)| *number);
        let mut more = 0;
        for (number, hours) in holidays {
            let ordinary = self.week.get(weekday(number)).map_or(0, |day| day.length);
            let day = Day::new(hours, self.ordinary(number * DAY) + more);
            more += day.length - ordinary;
            self.special.push(Special { number, day, more });
        }
    }

    fn set_zone(&mut self, zone: Tz) {
        for (second, offset) in zone::changes(zone) {
            let (at, offset) = (second * SECOND, offset * SECOND);
            let by_clock = self.by_clock(at + offset - MONDAY);
            let before = match self.shifts.last() {
                Some(last) => last.base + self.by_clock(at + last.offset - MONDAY),
                None => by_clock,
            };
            self.shifts.push(Shift { at, offset, base: before - by_clock, before });
        }
    }

    /// Working time up to a time of the clock, if there were weekdays only.
    fn ordinary(&self, clock: i64) -> i64 {
        let number = clock.div_euclid(DAY);
        let weeks = number.div_euclid(7).saturating_mul(self.week_length);
        let day = self.week.get(weekday(number));
        weeks + day.map_or(0, |day| day.before + day.worked(clock.rem_euclid(DAY)))
    }

    /// Working time up to a time of the clock, if the clock never changed.
    fn by_clock(&self, clock: i64) -> i64 {
        let number = clock.div_euclid(DAY);
        let upto = self.special.partition_point(|special| special.number <= number);
        match upto.checked_sub(1).and_then(|index| self.special.get(index)) {
            Some(Special { number: at, day, .. }) if *at == number => {
                day.before + day.worked(clock.rem_euclid(DAY))
            }
            Some(Special { more, .. }) => self.ordinary(clock) + more,
            None => self.ordinary(clock),
        }
    }

    /// Working time up to an instant.
    fn worked(&self, at: DateTime<Utc>) -> i64 {
        let at = at.timestamp_micros();
        let upto = self.shifts.partition_point(|shift| shift.at <= at).max(1);
        let shift = self.shifts.get(upto - 1);
        shift.map_or(0, |shift| shift.base + self.by_clock(at + shift.offset - MONDAY))
    }

    /// The first time of the clock, if there were weekdays only, up to which that much has been worked.
    fn first_ordinary(&self, worked: i64) -> i64 {
        let last = worked.saturating_sub(1);
        let weeks = last.div_euclid(self.week_length.max(1));
        let within = last.rem_euclid(self.week_length.max(1)) + 1;
        let upto = self.week.partition_point(|day| day.before < within);
        let index = upto.saturating_sub(1);
        let time = self.week.get(index).map_or(0, |day| day.first(within - day.before));
        let day = i64::try_from(index).unwrap_or(0) * DAY;
        weeks.saturating_mul(7 * DAY).saturating_add(day + time)
    }

    /// The first time of the clock, if the clock never changed, up to which that much has been worked.
    fn first_by_clock(&self, worked: i64) -> i64 {
        let upto = self.special.partition_point(|special| special.day.before < worked);
        match upto.checked_sub(1).and_then(|index| self.special.get(index)) {
            Some(Special { number, day, .. })
                if worked.saturating_sub(day.before) <= day.length =>
            {
                number * DAY + day.first(worked - day.before)
            }
            Some(Special { more, .. }) => self.first_ordinary(worked.saturating_sub(*more)),
            None => self.first_ordinary(worked),
        }
    }

    /// The first instant up to which that much has been worked.
    fn first(&self, worked: i64) -> DateTime<Utc> {
        let upto = self.shifts.partition_point(|shift| shift.before < worked).max(1);
        let (base, offset) =
            self.shifts.get(upto - 1).map_or((0, 0), |shift| (shift.base, shift.offset));
        let clock = self.first_by_clock(worked.saturating_sub(base));
        let latest = if worked < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        let at = clock.saturating_add(MONDAY).saturating_sub(offset);
        DateTime::from_timestamp_micros(at).unwrap_or(latest)
    }

    /// Working time from one instant to another; none if the other is not later.
    pub fn working_time(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> TimeDelta {
        TimeDelta::microseconds((self.worked(to) - self.worked(from)).max(0))
    }

    /// The same in whole seconds.
    pub fn working_seconds(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
        self.working_time(from, to).num_seconds()
    }

    /// The first instant by which that much has been worked since `from`: of 0 seconds, `from` itself. What
    /// begins outside of working hours begins at the next opening, and what fills a day ends as it closes.
    pub fn after(&self, from: DateTime<Utc>, working_seconds: i64) -> DateTime<Utc> {
        if working_seconds <= 0 {
            return from;
        }
        let more = working_seconds.saturating_mul(SECOND);
        self.first(self.worked(from).saturating_add(more)).max(from)
    }

    /// The first instant from which no more than that is worked up to `to`: what began earlier, and
    /// nothing else, has lasted longer by then.
    pub fn before(&self, to: DateTime<Utc>, working_seconds: i64) -> DateTime<Utc> {
        let less = working_seconds.max(0).saturating_mul(SECOND);
        self.first(self.worked(to).saturating_sub(less)).min(to)
    }

    /// The length of a working day: the mean of the weekdays that are worked.
    pub fn day_seconds(&self) -> i64 {
        self.day_seconds
    }

    /// Seconds of so many working days.
    pub fn days(&self, days: Decimal) -> Option<i64> {
        let seconds = days.checked_mul(Decimal::from(self.day_seconds))?;
        i64::try_from(seconds.trunc()).ok()
    }
}
