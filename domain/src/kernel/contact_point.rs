//! How people are reached: phone numbers as E.164, email addresses, each in one spelling.

use std::str::FromStr;

use phonenumber::{Mode, country};
use serde::{Deserialize, Serialize};

use crate::kernel::fault::Faults;

/// More than anybody has.
pub const MOST: usize = 50;
/// No number is longer, however it is spaced.
const LONGEST_PHONE: usize = 40;
/// RFC 5321.
const LONGEST_EMAIL: usize = 254;
const LONGEST_LOCAL_PART: usize = 64;

/// A country by its ISO 3166 code: how numbers without a `+` are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Country(country::Id);

impl Country {
    pub fn parse(code: &str) -> Option<Self> {
        country::Id::from_str(code).ok().map(Self)
    }

    pub fn code(&self) -> &str {
        self.0.as_ref()
    }
}

/// The number as E.164. A national number is read as one of the country's. None for what is no number
/// that could be dialled.
pub fn phone(text: &str, country: Option<Country>) -> Option<String> {
    if text.len() > LONGEST_PHONE {
        return None;
    }
    let number = phonenumber::parse(country.map(|country| country.0), text.trim()).ok()?;
    number.is_valid().then(|| number.format().mode(Mode::E164).to_string())
}

/// The address without blanks around it, its domain in lower case. None for what is no address.
pub fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let local_is_fine = (1..=LONGEST_LOCAL_PART).contains(&local.chars().count())
        && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(may_stand_in_atom));
    let labels_are_fine = domain.split('.').all(|label| {
        (1..=63).contains(&label.chars().count())
            && label.chars().all(|char| char.is_alphanumeric() || char == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    });
    (text.len() <= LONGEST_EMAIL && local_is_fine && labels_are_fine)
        .then(|| format!("{local}@{}", domain.to_lowercase()))
}

/// RFC 5322, with the letters of RFC 6531.
fn may_stand_in_atom(char: char) -> bool {
    char.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(char)
}

/// The numbers in one spelling, each once, in their order.
pub fn phones(
    faults: &mut Faults,
    pointer: &str,
    values: &[String],
    country: Option<Country>,
) -> Vec<String> {
    let detail = match country {
        Some(country) => format!("Not a phone number, neither E.164 nor of {}.", country.code()),
        None => "Not a phone number in E.164, such as +31201234567.".to_owned(),
    };
    each_once(faults, pointer, values, ("invalid_phone", &detail), |text| phone(text, country))
}

/// The addresses in one spelling, each once, in their order.
pub fn emails(faults: &mut Faults, pointer: &str, values: &[String]) -> Vec<String> {
    each_once(faults, pointer, values, ("invalid_email", "Not an email address."), email)
}

fn each_once(
    faults: &mut Faults,
    pointer: &str,
    values: &[String],
    (code, detail): (&'static str, &str),
    read: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    if values.len() > MOST {
        faults.add(pointer, "too_many", format!("At most {MOST}."));
    }
    let mut all: Vec<String> = Vec::new();
    for (index, text) in values.iter().enumerate().take(MOST) {
        match read(text) {
            Some(value) if all.contains(&value) => {}
            Some(value) => all.push(value),
            None => faults.add(format!("{pointer}/{index}"), code, detail),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Examples of the numbering plans, in the spellings that people use.
    #[test]
    fn a_number_has_one_spelling() {
        let read = |text, country| phone(text, Country::parse(country));
        for (text, country, expected) in [
            ("+7 (495) 123-45-67", "", "+74951234567"),
            ("8 (495) 123-45-67", "RU", "+74951234567"),
            ("84951234567", "RU", "+74951234567"),
            ("8 495 1234567", "KZ", "+74951234567"),
            ("020 123 4567", "NL", "+31201234567"),
            ("0031 20 123 4567", "NL", "+31201234567"),
            ("tel:+31-20-123-4567", "", "+31201234567"),
            ("030/12345678", "DE", "+493012345678"),
            ("(650) 253-0000", "US", "+16502530000"),
            ("07911 123456", "GB", "+447911123456"),
        ] {
            assert_eq!(read(text, country).as_deref(), Some(expected), "{text} in {country}");
        }
        for (text, country) in [
            ("020 123 4567", ""),
            ("123", "NL"),
            ("", "NL"),
            ("call me", "NL"),
            ("+999 123456", "NL"),
            ("+31", ""),
            ("+3120123456789012345", "NL"),
        ] {
            assert_eq!(read(text, country), None, "{text} in {country}");
        }
        assert_eq!(
            (Country::parse("nl"), Country::parse("XX"), Country::parse("")),
            (None, None, None)
        );
    }

    #[test]
    fn an_address_has_one_spelling() {
        for (text, expected) in [
            (" Joris.de.Wit@Isdom.EXAMPLE ", Some("Joris.de.Wit@isdom.example")),
            ("a+b@sub.example.org", Some("a+b@sub.example.org")),
            ("почта@Пример.РФ", Some("почта@пример.рф")),
            ("a@localhost", Some("a@localhost")),
            ("", None),
            ("@", None),
            ("a@", None),
            ("@b", None),
            ("a b@c.example", None),
            ("a..b@c.example", None),
            (".a@c.example", None),
            ("a@b@c.example", None),
            ("a@-c.example", None),
            ("a@c..example", None),
            ("a@c.example,b@c.example", None),
        ] {
            assert_eq!(email(text).as_deref(), expected, "{text}");
        }
        assert_eq!(email(&format!("{}@c.example", "a".repeat(65))), None);
    }

    proptest! {
        #[test]
        fn reading_again_changes_nothing(text in "\\PC{0,20}", digits in "[+0-9() -]{3,20}") {
            for text in [&text, &digits] {
                for country in [None, Country::parse("NL"), Country::parse("RU")] {
                    if let Some(once) = phone(text, country) {
                        prop_assert_eq!(phone(&once, None), Some(once.clone()));
                    }
                }
            }
            let address = format!("{text}@Example.org");
            if let Some(once) = email(&address) {
                prop_assert_eq!(email(&once), Some(once.clone()));
            }
        }
    }
}
