//! `format` and, on the next line, `date`: an instant that is read is one that is kept, and is read again from
//! what is printed.
#![no_main]

use chrono::SecondsFormat;
use libfuzzer_sys::fuzz_target;
use voronka_domain::import::{DateFormat, parse_date, parse_instant};

fuzz_target!(|text: &str| {
    let (format, date) = text.split_once('\n').unwrap_or(("", text));
    let format = DateFormat::parse(format);
    for zone in [chrono_tz::UTC, chrono_tz::Europe::Amsterdam, chrono_tz::Pacific::Apia] {
        for format in [format.as_ref(), None] {
            let Some(instant) = parse_instant(date, format, zone) else { continue };
            assert!((0..=253_402_300_799).contains(&instant.timestamp()), "{instant}");
            let printed = instant.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            assert_eq!(parse_instant(&printed, None, zone), Some(instant), "{printed}");
            let day = parse_date(date, format, zone);
            assert_eq!(day, Some(instant.with_timezone(&zone).date_naive()));
        }
    }
});
