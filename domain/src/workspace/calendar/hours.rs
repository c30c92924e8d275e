//! Working hours as people write them: from one time of the clock to another.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use crate::kernel::fault::Faults;

/// More pieces than any working day has.
const MOST_INTERVALS: usize = 24;
const MINUTES: u16 = 24 * 60;

/// The weekdays as they are named outside, Monday first.
pub const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// An interval as somebody gives it: times of the clock such as `09:00`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    pub from: String,
    /// `24:00` is the end of the day.
    pub to: String,
}

/// Minutes of a day, `from` before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    pub from: u16,
    pub to: u16,
}

/// The working hours of a day: intervals in their order that do not overlap. None: the day is free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours(Vec<Interval>);

/// The working hours of the seven weekdays, Monday first. At least one of them is worked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week([Hours; 7]);

/// A time of the clock as the minute of its day.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |text: &str| text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit());
    if !two(hours) || !two(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= MINUTES).then_some(minute)
}

impl Interval {
    fn read(at: &str, span: &Span, faults: &mut Faults) -> Option<Self> {
        let mut time = |name: &str, text: &str| {
            let minute = minute(text);
            if minute.is_none() {
                let detail = "A time of the clock from 00:00 to 24:00, such as 09:30.";
                faults.add(format!("{at}/{name}"), "invalid_time", detail);
            }
            minute
        };
        let (from, to) = (time("from", &span.from), time("to", &span.to));
        let interval = Self { from: from?, to: to? };
        if interval.from >= interval.to {
            faults.add(format!("{at}/to"), "out_of_order", "After `from`, on the same day.");
            return None;
        }
        Some(interval)
    }
}

impl Hours {
    /// Reads the hours of a day, given in any order. `at` points to them.
    pub fn read(at: &str, spans: &[Span], faults: &mut Faults) -> Self {
        if spans.len() > MOST_INTERVALS {
            faults.add(at, "too_many", format!("At most {MOST_INTERVALS} intervals."));
            return Self::default();
        }
        let mut found: Vec<(Interval, usize)> = Vec::new();
        for (index, span) in spans.iter().enumerate() {
            let interval = Interval::read(&format!("{at}/{index}"), span, faults);
            found.extend(interval.map(|interval| (interval, index)));
        }
        found.sort_unstable();
        for (one, next) in found.iter().zip(found.iter().skip(1)) {
            if next.0.from < one.0.to {
                let detail = "Overlaps another interval of the day.";
                faults.add(format!("{at}/{}", next.1), "overlapping", detail);
            }
        }
        Self(found.into_iter().map(|(interval, _)| interval).collect())
    }

    pub fn intervals(&self) -> &[Interval] {
        &self.0
    }

    pub fn is_free(&self) -> bool {
        self.0.is_empty()
    }

    pub fn spans(&self) -> Vec<Span> {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let span = |one: &Interval| Span { from: time(one.from), to: time(one.to) };
        self.0.iter().map(span).collect()
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.spans())
    }
}

impl Default for Week {
    /// Monday to Friday, 09:00 to 18:00.
    fn default() -> Self {
        let worked = || Hours(vec![Interval { from: 9 * 60, to: 18 * 60 }]);
        Self([worked(), worked(), worked(), worked(), worked(), Hours::default(), Hours::default()])
    }
}

impl Week {
    /// Reads the hours of the weekdays, Monday first. `at` points to the object that names them.
    pub fn read(at: &str, days: [&[Span]; 7], faults: &mut Faults) -> Option<Self> {
        let mut names = WEEKDAYS.into_iter();
        let given = days.iter().any(|spans| !spans.is_empty());
        let days = days.map(|spans| {
            let name = names.next().unwrap_or_default();
            Hours::read(&format!("{at}/{name}"), spans, faults)
        });
        if !given {
            faults.add(at, "no_working_time", "At least one weekday has working hours.");
        }
        days.iter().any(|hours| !hours.is_free()).then_some(Self(days))
    }

    pub fn days(&self) -> &[Hours; 7] {
        &self.0
    }
}

impl Serialize for Week {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(7))?;
        for (name, hours) in WEEKDAYS.iter().zip(&self.0) {
            map.serialize_entry(name, hours)?;
        }
        map.end()
    }
}
