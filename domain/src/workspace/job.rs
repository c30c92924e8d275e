//! Background work of a workspace: when a kind of it runs, and when a run that has failed is tried again.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::settings::to_instant;
use crate::{Refusal, kernel::fault::Fault};

/// A run is tried so often before it stays failed.
pub const MOST_ATTEMPTS: i32 = 5;
/// Runs of a workspace that may wait, of all kinds.
const MOST_WAITING: i64 = 1_000;
/// Runs of a kind that are kept after they have ended.
pub const MOST_KEPT: i64 = 100;
/// Longer ones are no schedule.
pub const LONGEST_SCHEDULE: usize = 100;
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(10);
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// When work begins: five fields of cron (minute, hour, day of the month, month, day of the week), by the clock of
/// the workspace. Days of the week are 0 (Sunday) to 6, 7 is Sunday too; where both kinds of days are given, both
/// have to fit.
#[derive(Debug, Clone)]
pub struct Schedule(cron::Schedule);

const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Schedule {
    /// None of what is no schedule.
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else { return None };
        if text.len() > LONGEST_SCHEDULE {
            return None;
        }
        let weekdays: Option<Vec<_>> = weekday.split(',').map(weekdays).collect();
        let text = format!("0 {minute} {hour} {day} {month} {}", weekdays?.join(","));
        cron::Schedule::from_str(&text).ok().map(Self)
    }

    /// The first time after an instant. A time that the clock skips in spring is as much later; one that it shows
    /// twice in autumn is its first showing.
    pub fn after(&self, instant: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        // By the clock on the wall, which knows of no summer.
        let wall = instant.with_timezone(&zone).naive_local();
        let times = self.0.after(&wall.checked_sub_signed(TimeDelta::hours(1))?.and_utc());
        times.map(|time| to_instant(zone, time.naive_utc())).find(|time| *time > instant)
    }
}

/// Numbers of days as names: the parser counts them from 1, as nobody else does.
fn weekdays(part: &str) -> Option<String> {
    let (days, step) = part.split_once('/').map_or((part, None), |(days, step)| (days, Some(step)));
    let number = |text: &str| text.parse::<usize>().ok().filter(|day| *day <= 7);
    let name = |day: usize| DAYS.get(day % 7).copied();
    let days = match days.split_once('-') {
        Some((from, to)) => match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => {
                let step =
                    step.map_or(Some(1), |step| step.parse().ok().filter(|step| *step > 0))?;
                let days: Option<Vec<_>> = (from..=to).step_by(step).map(name).collect();
                return Some(days?.join(","));
            }
            (None, None) => days.to_owned(),
            _ => return None,
        },
        None => match number(days) {
            Some(day) => name(day)?.to_owned(),
            None => days.to_owned(),
        },
    };
    Some(step.map_or(days.clone(), |step| format!("{days}/{step}")))
}

/// How a workspace has set a kind of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub enabled: bool,
    /// None: as soon as there is something to do.
    pub schedule: Option<String>,
}

/// A change of it: `None` keeps, `Some(None)` clears.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub enabled: Option<bool>,
    pub schedule: Option<Option<String>>,
}

impl Setting {
    pub fn changed(self, change: Change) -> Result<Self, Refusal> {
        let schedule = change.schedule.unwrap_or(self.schedule);
        if schedule.as_deref().is_some_and(|text| Schedule::parse(text).is_none()) {
            let detail = "Five fields of cron, such as \"30 2 * * 1-5\": minute, hour, day, month, day of the week.";
            return Err(Refusal::Invalid(vec![Fault::new("/schedule", "invalid_format", detail)]));
        }
        Ok(Self { enabled: change.enabled.unwrap_or(self.enabled), schedule })
    }

    /// The next time by the schedule, where there is one and the work is not switched off.
    pub fn next(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let schedule = Schedule::parse(self.schedule.as_deref().filter(|_| self.enabled)?)?;
        schedule.after(now, zone)
    }
}

/// A workspace has so many runs waiting, and no more.
pub fn may_wait(waiting: i64) -> Result<(), Refusal> {
    if waiting < MOST_WAITING {
        return Ok(());
    }
    let detail = format!("{MOST_WAITING} runs wait already, the most that may.");
    Err(Refusal::conflict("too_many_jobs", "", detail))
}

/// What has failed for the last time is started again or dropped, and nothing else.
pub fn has_failed(state: &str) -> Result<(), Refusal> {
    if state == "failed" {
        return Ok(());
    }
    let detail = format!("The run is {state}: it has not failed.");
    Err(Refusal::conflict("run_not_failed", "", detail))
}

/// How long a run waits that has failed so many times: twice as long each time, and by lot up to half of that less,
/// so that those that failed together do not come back together. `lot` is from 0 to 1.
pub fn pause(failed: i32, lot: f64) -> TimeDelta {
    let doubled = (1..failed).try_fold(FIRST_PAUSE, |pause, _| {
        pause.checked_mul(2).filter(|pause| *pause < LONGEST_PAUSE)
    });
    let pause = doubled.unwrap_or(LONGEST_PAUSE);
    let less = pause.as_seconds_f64() * lot.clamp(0.0, 1.0) / 2.0;
    // Of at most an hour.
    #[allow(clippy::cast_possible_truncation)]
    let less = TimeDelta::milliseconds((less * 1_000.0) as i64);
    pause - less
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn times(schedule: &str, from: &str, zone: Tz, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(schedule).unwrap();
        let mut times = Vec::new();
        let mut time = at(from);
        for _ in 0..count {
            time = schedule.after(time, zone).unwrap();
            times.push(time.with_timezone(&zone).format("%a %d %H:%M %:z").to_string());
        }
        times
    }

    #[test]
    fn days_of_the_week_are_those_of_cron() {
        let zone = chrono_tz::UTC;
        for (text, days) in [
            ("0 6 * * 0", ["Sun", "Sun"]),
            ("0 6 * * 7", ["Sun", "Sun"]),
            ("0 6 * * 1", ["Mon", "Mon"]),
            ("0 6 * * 5-7", ["Fri", "Sat"]),
            ("0 6 * * 1-5/3", ["Mon", "Thu"]),
            ("0 6 * * tue,4", ["Tue", "Thu"]),
        ] {
            let found = times(text, "2026-11-29T07:00:00Z", zone, 2);
            let found: Vec<_> = found.iter().map(|time| time.split(' ').next().unwrap()).collect();
            assert_eq!(found, days, "{text}");
        }
    }

    #[test]
    fn both_clock_changes_have_one_run_a_day() {
        let zone = chrono_tz::Europe::Amsterdam;
        assert_eq!(
            times("30 2 * * *", "2026-03-27T22:00:00Z", zone, 3),
            ["Sat 28 02:30 +01:00", "Sun 29 03:30 +02:00", "Mon 30 02:30 +02:00"]
        );
        assert_eq!(
            times("30 2 * * *", "2026-10-23T22:00:00Z", zone, 3),
            ["Sat 24 02:30 +02:00", "Sun 25 02:30 +02:00", "Mon 26 02:30 +01:00"]
        );
        assert_eq!(times("0 * * * *", "2026-03-28T23:30:00Z", zone, 3).len(), 3);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in
            ["", "* * * *", "* * * * * *", "61 * * * *", "* * * * 8", "* * * * 5-3", "a b c d e"]
        {
            assert!(Schedule::parse(text).is_none(), "{text}");
        }
        let kept = Setting { enabled: true, schedule: None };
        let change = Change { schedule: Some(Some("at noon".into())), ..Change::default() };
        assert!(kept.clone().changed(change).is_err());
        let off = Change { enabled: Some(false), schedule: Some(Some("0 6 * * *".into())) };
        let off = kept.changed(off).unwrap();
        assert_eq!(off.next(at("2026-01-01T00:00:00Z"), chrono_tz::UTC), None);
        let on = off.changed(Change { enabled: Some(true), ..Change::default() }).unwrap();
        let next = on.next(at("2026-01-01T00:00:00Z"), chrono_tz::UTC);
        assert_eq!(next, Some(at("2026-01-01T06:00:00Z")));
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        let seconds = |failed, lot| pause(failed, lot).num_seconds();
        assert_eq!(
            [1, 2, 3, 9, 10, 90].map(|failed| seconds(failed, 0.0)),
            [10, 20, 40, 2_560, 3_600, 3_600]
        );
        assert_eq!((seconds(1, 1.0), seconds(10, 1.0)), (5, 1_800));
    }
}
