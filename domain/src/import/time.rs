//! Dates as they stand in files.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use crate::workspace::settings::to_instant;

/// How a file writes its days and times: `M/D/YYYY`, `DD.MM.YYYY HH:mm`, `YYYY-MM-DD HH:mm:ss`.
/// Without a format, ISO 8601 and RFC 3339 are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateFormat {
    pattern: String,
    has_time: bool,
}

impl DateFormat {
    /// None if the text has other letters than those of `YYYY YY M MM D DD HH mm ss`, or no full date.
    pub fn parse(text: &str) -> Option<Self> {
        let tokens = [
            ("YYYY", "%Y"),
            ("YY", "%y"),
            ("MM", "%m"),
            ("M", "%m"),
            ("DD", "%d"),
            ("D", "%d"),
            ("HH", "%H"),
            ("H", "%H"),
            ("mm", "%M"),
            ("ss", "%S"),
        ];
        let (mut rest, mut pattern, mut seen) = (text, String::new(), Vec::new());
        while let Some(c) = rest.chars().next() {
            if let Some((token, chrono)) = tokens.iter().find(|(t, _)| rest.starts_with(t)) {
                if seen.contains(chrono) {
                    return None;
                }
                seen.push(chrono);
                pattern.push_str(chrono);
                rest = rest.get(token.len()..)?;
            } else if c.is_alphanumeric() && c != 'T' || c == '%' {
                return None;
            } else {
                pattern.push(c);
                rest = rest.get(c.len_utf8()..)?;
            }
        }
        let has = |wanted: &str| seen.iter().any(|token| **token == *wanted);
        let dated = (has("%Y") || has("%y")) && has("%m") && has("%d");
        (dated && has("%H") == has("%M")).then_some(Self { pattern, has_time: has("%H") })
    }
}

/// An instant, from a day (its beginning in the zone), a local time, or a time with an offset. ISO 8601 is
/// read beside a format that cannot be taken for it: cells of a workbook that hold dates come so.
pub fn parse_instant(text: &str, format: Option<&DateFormat>, zone: Tz) -> Option<DateTime<Utc>> {
    let local = format.and_then(|format| {
        if format.has_time {
            with_time(text, &format.pattern)
        } else {
            NaiveDate::parse_from_str(text, &format.pattern)
                .ok()
                .map(|day| day.and_time(NaiveTime::MIN))
        }
    });
    let like_iso = format.is_some_and(|format| format.pattern.starts_with("%Y-%d"));
    let instant = match local {
        Some(local) => Some(to_instant(zone, local)),
        None if like_iso => None,
        None => iso(text, zone),
    };
    instant.filter(in_range)
}

fn iso(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let instant = DateTime::parse_from_rfc3339(text).map(|t| t.to_utc()).ok();
    instant
        .or_else(|| {
            let patterns = [
                "%Y-%m-%d %H:%M:%S%.f",
                "%Y-%m-%dT%H:%M:%S%.f",
                "%Y-%m-%d %H:%M",
                "%Y-%m-%dT%H:%M",
            ];
            let local = patterns.iter().find_map(|pattern| with_time(text, pattern));
            local.map(|local| to_instant(zone, local))
        })
        .or_else(|| {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            Some(to_instant(zone, day.and_time(NaiveTime::MIN)))
        })
}

/// A day; a time of day after it is left out.
pub fn parse_date(text: &str, format: Option<&DateFormat>, zone: Tz) -> Option<NaiveDate> {
    parse_instant(text, format, zone).map(|instant| instant.with_timezone(&zone).date_naive())
}

fn with_time(text: &str, pattern: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, pattern).ok()
}

/// A two-digit slip in a year is a typing error and not the Middle Ages.
fn in_range(instant: &DateTime<Utc>) -> bool {
    (0..=253_402_300_799).contains(&instant.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_the_world_are_read() {
        let zone = chrono_tz::Europe::Amsterdam;
        for (text, format, expected) in [
            ("3/1/2017", "M/D/YYYY", "2017-02-28T23:00:00Z"),
            ("10/20/2016", "M/D/YYYY", "2016-10-19T22:00:00Z"),
            ("20.10.2016 09:05", "DD.MM.YYYY HH:mm", "2016-10-20T07:05:00Z"),
            ("2016-10-20 09:05", "", "2016-10-20T07:05:00Z"),
            ("2016-10-20 09:05:06", "", "2016-10-20T07:05:06Z"),
            ("2016-10-20T09:05:06Z", "", "2016-10-20T09:05:06Z"),
            ("2011-10-01T10:44:40.725+02:00", "", "2011-10-01T08:44:40.725Z"),
            ("2016-10-20", "", "2016-10-19T22:00:00Z"),
        ] {
            let format = DateFormat::parse(format);
            let expected = DateTime::parse_from_rfc3339(expected).ok().map(|t| t.to_utc());
            assert_eq!(parse_instant(text, format.as_ref(), zone), expected, "{text}");
        }
        for text in ["", "13/13/2017", "2017-02-30", "yesterday", "0017-01-01"] {
            let format = DateFormat::parse("M/D/YYYY").filter(|_| text.contains('/'));
            assert_eq!(parse_instant(text, format.as_ref(), zone), None, "{text}");
        }
        for bad in ["", "M/D", "M/D/YYYY HH", "%Y-%m-%d", "D/M/M/YYYY", "foo"] {
            assert_eq!(DateFormat::parse(bad), None, "{bad}");
        }
    }
}
