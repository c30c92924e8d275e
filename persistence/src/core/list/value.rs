//! The values that a field is compared with, read from texts.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::kernel::{contact_point, instant};

use super::FieldKind;
use crate::Bind;

/// In a query string, a plus that is not encoded is a blank.
fn international(number: &str) -> String {
    format!("+{}", number.trim_start_matches(['+', ' ']))
}

pub(super) fn array(binds: Vec<Bind>) -> Bind {
    let mut uuids = Vec::new();
    let mut texts = Vec::new();
    for bind in binds {
        match bind {
            Bind::Uuid(uuid) => uuids.push(uuid),
            Bind::Text(text) => texts.push(text),
            _ => {}
        }
    }
    if uuids.is_empty() { Bind::Texts(texts) } else { Bind::Uuids(uuids) }
}

pub(super) fn bind(kind: FieldKind, text: &str) -> std::result::Result<Bind, String> {
    let read = match kind {
        FieldKind::Uuid | FieldKind::Member => Uuid::from_str(text).ok().map(Bind::Uuid),
        FieldKind::Phone => contact_point::phone(&international(text), None).map(Bind::Text),
        FieldKind::Email => {
            contact_point::email(text).map(|email| Bind::Text(email.to_lowercase()))
        }
        FieldKind::Text | FieldKind::Tag | FieldKind::Key => Some(Bind::Text(text.to_owned())),
        FieldKind::Instant => instant::read(text).filter(|t| storable(*t)).map(Bind::Instant),
        FieldKind::Date => NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .filter(|day| day.and_hms_opt(0, 0, 0).is_some_and(|t| storable(t.and_utc())))
            .map(Bind::Date),
        FieldKind::Decimal => Decimal::from_str_exact(text).ok().map(Bind::Decimal),
        FieldKind::Integer => text.parse().ok().map(Bind::Integer),
        FieldKind::Bool | FieldKind::Asked => text.parse().ok().map(Bind::Bool),
        FieldKind::Choice(words) if words.contains(&text) => Some(Bind::Text(text.to_owned())),
        FieldKind::Choice(words) => return Err(format!("One of {}.", words.join(", "))),
    };
    read.ok_or_else(|| {
        let wanted = match kind {
            FieldKind::Uuid | FieldKind::Member => "an id (UUID)",
            FieldKind::Instant => "an instant such as 2026-11-21T10:00:00Z",
            FieldKind::Date => "a day such as 2026-11-21",
            FieldKind::Decimal => "a decimal number",
            FieldKind::Integer => "a whole number",
            FieldKind::Bool | FieldKind::Asked => "true or false",
            FieldKind::Phone => "a phone number in E.164, such as %2B31201234567",
            FieldKind::Email => "an email address",
            FieldKind::Text | FieldKind::Tag | FieldKind::Key | FieldKind::Choice(_) => "a text",
        };
        format!("Not {wanted}.")
    })
}

/// Of the years 1 to 9999, in whatever zone they are written.
fn storable(instant: DateTime<Utc>) -> bool {
    const DAY: i64 = 86_400;
    (-62_135_596_800 - DAY..=253_402_300_799 + DAY).contains(&instant.timestamp())
}
