//! Integrations: an exchange that posts its events, and what the company says of its phones and lines.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use uuid::Uuid;

use super::recording::Recordings;
use crate::kernel::{
    contact_point::{Country, phone},
    fault::Faults,
    limits,
};

/// An exchange has no more phones, and no more lines, than this.
pub const MOST_EXTENSIONS: usize = 5_000;
pub const MOST_LINES: usize = 500;
/// An extension is no longer, in characters.
pub const LONGEST_EXTENSION: usize = 64;

/// Who called in vain is called back in so many working minutes, where nothing else is said; and at most.
pub const CALL_BACK_MINUTES: i32 = 60;
pub const MOST_CALL_BACK_MINUTES: i32 = 60 * 24 * 30;

/// What is given of an integration: none keeps a field, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegrationChange {
    pub name: Option<String>,
    pub enabled: Option<bool>,
    /// ISO 3166: how numbers are read that have no country. The workspace's, if there is none.
    pub country: Option<Option<String>>,
    pub access_digit: Option<Option<String>>,
    /// The company's own numbers.
    pub lines: Option<Vec<String>>,
    /// How the exchange sees the address that it posts to.
    pub external_url: Option<Option<String>>,
    /// Of times that say none. The workspace's, if there is none.
    pub time_zone: Option<Option<Tz>>,
    /// Of the deal that the first call of an unknown number opens.
    pub deal_type_id: Option<Option<Uuid>>,
    /// Working minutes; none: no tasks to call back are made.
    pub call_back_minutes: Option<Option<i32>>,
    pub recordings: Option<Recordings>,
    /// Whose phones they are, by extension; none of a phone that is nobody's, such as a meeting room's.
    pub extensions: Option<BTreeMap<String, Option<Uuid>>>,
}

impl IntegrationChange {
    /// The change as it is kept; notes what is wrong with it. `country` is the one that holds if none is given.
    pub fn read(self, faults: &mut Faults, country: Option<Country>) -> Self {
        if let Some(name) = &self.name {
            faults.text("/name", name, limits::NAME);
        }
        let country = match self.country.as_ref().and_then(|country| country.as_deref()) {
            Some(code) => {
                let given = Country::parse(code);
                if given.is_none() {
                    let detail = "Not an ISO 3166 country code, such as NL.";
                    faults.add("/country", "unknown_country", detail);
                }
                given
            }
            None => country,
        };
        let digit = self.access_digit.as_ref().and_then(|digit| digit.as_deref());
        if digit.is_some_and(|text| text.len() != 1 || !text.bytes().all(|b| b.is_ascii_digit())) {
            faults.add("/access_digit", "invalid_format", "One digit, such as 9.");
        }
        let url = self.external_url.as_ref().and_then(|url| url.as_deref());
        if url.is_some_and(|url| !is_address(url)) {
            let detail =
                "An address such as https://crm.example/webhooks/v1/telephony/…, without a query.";
            faults.add("/external_url", "invalid_format", detail);
        }
        let minutes = self.call_back_minutes.flatten();
        if minutes.is_some_and(|minutes| !(1..=MOST_CALL_BACK_MINUTES).contains(&minutes)) {
            let detail = format!("From 1 to {MOST_CALL_BACK_MINUTES} working minutes, or null.");
            faults.add("/call_back_minutes", "out_of_range", detail);
        }
        Self {
            name: self.name.map(|name| name.trim().to_owned()),
            lines: self.lines.map(|lines| read_lines(faults, &lines, country)),
            extensions: self.extensions.inspect(|extensions| check(faults, extensions)),
            ..self
        }
    }
}

fn is_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_odd = |character: char| {
        character.is_whitespace() || character.is_control() || "?#".contains(character)
    };
    url.len() <= limits::ADDRESS
        && rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(is_odd))
}

fn read_lines(faults: &mut Faults, lines: &[String], country: Option<Country>) -> Vec<String> {
    if lines.len() > MOST_LINES {
        faults.add("/lines", "too_many", format!("At most {MOST_LINES}."));
    }
    let mut read = BTreeSet::new();
    for (index, line) in lines.iter().enumerate().take(MOST_LINES) {
        match phone(line, country) {
            Some(line) => drop(read.insert(line)),
            None => {
                let detail = "Not a phone number, such as +31201234567.";
                faults.add(format!("/lines/{index}"), "invalid_phone", detail);
            }
        }
    }
    read.into_iter().collect()
}

fn check(faults: &mut Faults, extensions: &BTreeMap<String, Option<Uuid>>) {
    if extensions.len() > MOST_EXTENSIONS {
        faults.add("/extensions", "too_many", format!("At most {MOST_EXTENSIONS}."));
    }
    for extension in extensions.keys() {
        let length = extension.chars().count();
        let fine = length <= LONGEST_EXTENSION && !extension.contains(char::is_control);
        if length == 0 || extension.trim() != extension || !fine {
            let pointer = format!("/extensions/{}", crate::kernel::fault::escaped(extension));
            let detail = format!(
                "An extension has 1 to {LONGEST_EXTENSION} characters, without blanks around it."
            );
            faults.add(pointer, "invalid_format", detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbers_and_extensions_have_no_blanks() {
        let mut faults = Faults::default();
        let change = IntegrationChange {
            name: Some(" Office ".into()),
            country: Some(Some("NL".into())),
            access_digit: Some(Some("9".into())),
            external_url: Some(Some("https://crm.example/hooks/1".into())),
            lines: Some(vec!["020 111 0000".into(), "+31201110000".into()]),
            extensions: Some([("101".to_owned(), None)].into()),
            ..IntegrationChange::default()
        };
        let read = change.clone().read(&mut faults, None);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(read.lines, Some(vec!["+31201110000".to_owned()]));
        assert_eq!(read.name.as_deref(), Some("Office"));
        let wrong = IntegrationChange {
            name: Some(" ".into()),
            country: Some(Some("XX".into())),
            access_digit: Some(Some("12".into())),
            external_url: Some(Some("https://crm.example/hooks?a=1".into())),
            lines: Some(vec!["101".into()]),
            extensions: Some([(" 1".to_owned(), None), (String::new(), None)].into()),
            ..change
        };
        wrong.read(&mut faults, None);
        let places: Vec<_> = faults.into_inner().into_iter().map(|fault| fault.pointer).collect();
        let expected = [
            "/name",
            "/country",
            "/access_digit",
            "/external_url",
            "/lines/0",
            "/extensions/",
            "/extensions/ 1",
        ];
        assert_eq!(places, expected);
    }
}
