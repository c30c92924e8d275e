//! Instants as others write them.

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::{Serialize, Serializer};

/// By RFC 3339. An offset without a colon (`+0000`) is taken, too: Python's `%z` writes it, and clients that are
/// generated with it.
pub fn read(text: &str) -> Option<DateTime<Utc>> {
    let read = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    read.ok().map(|instant| instant.to_utc())
}

/// Writes an instant as chrono does, for what has many of them, without its way through `core::fmt`.
pub fn serialize<S: Serializer>(instant: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    match spelled(instant, &mut [0; LONGEST]) {
        Some(text) => serializer.serialize_str(text),
        None => instant.serialize(serializer),
    }
}

/// The same of one that may be missing.
pub mod option {
    use super::{DateTime, Serializer, Utc};

    pub fn serialize<S: Serializer>(
        instant: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match instant {
            Some(instant) => super::serialize(instant, serializer),
            None => serializer.serialize_none(),
        }
    }
}

/// `2020-01-01T12:00:00.123456Z`.
const LONGEST: usize = 27;

/// Of the years that have four digits, to the microsecond at most.
fn spelled<'t>(instant: &DateTime<Utc>, text: &'t mut [u8; LONGEST]) -> Option<&'t str> {
    let (day, nanoseconds) = (instant.date_naive(), instant.nanosecond());
    // A leap second is 60.
    if !(0..=9999).contains(&day.year()) || nanoseconds % 1_000 != 0 || nanoseconds >= 1_000_000_000
    {
        return None;
    }
    text.copy_from_slice(b"0000-00-00T00:00:00.000000Z");
    let micros = nanoseconds / 1_000;
    let numbers = [
        (0, 4, day.year().unsigned_abs()),
        (5, 2, day.month()),
        (8, 2, day.day()),
        (11, 2, instant.hour()),
        (14, 2, instant.minute()),
        (17, 2, instant.second()),
        (20, 6, micros),
    ];
    for (at, digits, number) in numbers {
        let mut rest = number;
        for place in text.get_mut(at..at + digits)?.iter_mut().rev() {
            *place = b'0' + u8::try_from(rest % 10).ok()?;
            rest /= 10;
        }
    }
    let length = match (micros, micros % 1_000) {
        (0, _) => 20,
        (_, 0) => 24,
        _ => LONGEST,
    };
    *text.get_mut(length - 1)? = b'Z';
    std::str::from_utf8(text.get(..length)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_instant_is_written_as_chrono_writes_it(
            seconds in -70_000_000_000_i64..300_000_000_000,
            fraction in prop_oneof![
                Just(0), 0_u32..1_000_000_000,
                (0_u32..1_000).prop_map(|millis| millis * 1_000_000),
                (0_u32..1_000_000).prop_map(|micros| micros * 1_000),
            ],
        ) {
            let instant = DateTime::from_timestamp(seconds, fraction).unwrap();
            let ours = serialize(&instant, serde_json::value::Serializer).unwrap();
            prop_assert_eq!(ours, serde_json::to_value(instant).unwrap());
        }
    }

    #[test]
    fn an_offset_needs_no_colon() {
        let noon = "2020-01-01T12:00:00Z".parse().ok();
        for text in [
            "2020-01-01T12:00:00Z",
            "2020-01-01T13:00:00+01:00",
            "2020-01-01T13:00:00+0100",
            "2020-01-01T12:00:00.000000+0000",
        ] {
            assert_eq!(read(text), noon, "{text}");
        }
        for text in ["", "2020-01-01", "2020-01-01T12:00:00", "2020-01-01T12:00:00 CET"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
