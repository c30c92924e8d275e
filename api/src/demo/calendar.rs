//! The company's working time as one continuous axis of slots.
//!
//! A working day has a slot for each minute of its office hours; a Saturday or
//! a Sunday has a handful, so that a move at the weekend is possible but rare;
//! a public holiday has none. Whatever is laid out along this axis falls into
//! office hours, and a later slot is always a later time of the clock.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Weekday};

/// Slots of a working day: 09:00-12:30 and 13:00-17:30, a minute each.
const WORKING_DAY_SLOTS: u32 = 480;
/// Minutes before the lunch break.
const MORNING_SLOTS: u32 = 210;
/// Slots of a Saturday: 10:00-12:00, ten minutes each.
const SATURDAY_SLOTS: u32 = 12;
/// Slots of a Sunday: 16:00-16:30, ten minutes each.
const SUNDAY_SLOTS: u32 = 3;
/// Slots of an ordinary week, spread over its seven days.
pub(super) const SLOTS_PER_DAY: u32 = (5 * WORKING_DAY_SLOTS + SATURDAY_SLOTS + SUNDAY_SLOTS) / 7;

/// Days that the axis runs on behind its end, for what is planned beyond it.
const OVERRUN_DAYS: usize = 500;

/// How lively the opening of deals is in each month, January first.
const MONTH_WEIGHTS: [u32; 12] = [84, 92, 108, 106, 96, 104, 118, 92, 106, 104, 100, 78];

/// A day of the axis.
#[derive(Debug)]
struct Day {
    date: NaiveDate,
    /// The first slot of the day.
    first_slot: u32,
    /// The weight of all openings before this day.
    weight_before: u32,
}

/// One year of working time, and some time after it.
#[derive(Debug)]
pub(super) struct Calendar {
    days: Vec<Day>,
    end: u32,
    opening_weight: u32,
}

/// Public holidays with a fixed date.
fn is_holiday(date: NaiveDate) -> bool {
    matches!((date.month(), date.day()), (1, 1) | (4, 27) | (12, 25) | (12, 26))
}

/// Slots of a day.
fn slots_of(date: NaiveDate) -> u32 {
    match date.weekday() {
        _ if is_holiday(date) => 0,
        Weekday::Sat => SATURDAY_SLOTS,
        Weekday::Sun => SUNDAY_SLOTS,
        _ => WORKING_DAY_SLOTS,
    }
}

impl Calendar {
    /// The year that ends with the day `until`.
    pub(super) fn year_until(until: NaiveDate) -> Self {
        let first = until
            .checked_sub_months(Months::new(12))
            .and_then(|day| day.checked_add_days(Days::new(1)))
            .unwrap_or(until);
        let mut calendar = Self { days: Vec::new(), end: 0, opening_weight: 0 };
        let (mut slot, mut after) = (0, 0);
        for date in first.iter_days() {
            calendar.days.push(Day {
                date,
                first_slot: slot,
                weight_before: calendar.opening_weight,
            });
            slot += slots_of(date);
            if date <= until {
                calendar.end = slot;
                calendar.opening_weight +=
                    slots_of(date) * MONTH_WEIGHTS[date.month0() as usize % 12];
            } else {
                after += 1;
                if after == OVERRUN_DAYS {
                    break;
                }
            }
        }
        calendar
    }

    /// The first slot after the year.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    /// The bound of the argument of [`Calendar::opening_slot`].
    pub(super) fn opening_weight(&self) -> u32 {
        self.opening_weight
    }

    /// The slot of an opening: equal steps of `weight` are equally likely.
    pub(super) fn opening_slot(&self, weight: u32) -> u32 {
        let after = self
            .days
            .partition_point(|day| day.weight_before <= weight && day.first_slot < self.end);
        let Some(day) = self.days.get(after.saturating_sub(1)) else {
            return 0;
        };
        let within = weight.saturating_sub(day.weight_before)
            / MONTH_WEIGHTS[day.date.month0() as usize % 12];
        (day.first_slot + within).min(self.end.saturating_sub(1))
    }

    /// The day that a slot belongs to.
    fn day(&self, slot: u32) -> Option<&Day> {
        let after = self.days.partition_point(|day| day.first_slot <= slot);
        self.days.get(after.saturating_sub(1))
    }

    /// The date of a slot.
    pub(super) fn date(&self, slot: u32) -> NaiveDate {
        self.day(slot).map(|day| day.date).unwrap_or_default()
    }

    /// The local time of a slot, `second` seconds into its minute.
    pub(super) fn time(&self, slot: u32, second: u32) -> NaiveDateTime {
        let Some(day) = self.day(slot) else {
            return NaiveDateTime::default();
        };
        let within = slot.saturating_sub(day.first_slot);
        let minute = match day.date.weekday() {
            Weekday::Sat => 10 * 60 + within * 10,
            Weekday::Sun => 16 * 60 + within * 10,
            _ if within < MORNING_SLOTS => 9 * 60 + within,
            _ => 13 * 60 + within - MORNING_SLOTS,
        };
        let time = NaiveTime::from_num_seconds_from_midnight_opt(minute * 60 + second % 60, 0);
        day.date.and_time(time.unwrap_or_default())
    }
}
