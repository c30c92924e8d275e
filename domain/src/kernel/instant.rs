//! Instants as others write them.

use chrono::{DateTime, Utc};

/// By RFC 3339. An offset without a colon (`+0000`) is taken, too: Python's `%z` writes it, and clients that are
/// generated with it.
pub fn read(text: &str) -> Option<DateTime<Utc>> {
    let read = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    read.ok().map(|instant| instant.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

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
