//! Amounts as they stand in files.

use std::borrow::Cow;

/// Blanks that set thousands apart: the common one, and those that do not break.
const BLANKS: [char; 4] = [' ', '\u{a0}', '\u{2009}', '\u{202f}'];

/// An amount as `1999.95`, as far as it is clear what is meant; else as it stands, to be refused.
/// `decimal` is the sign before the decimals. Where it is not told, a comma is it if it is alone and one,
/// two or four digits follow: three could be a thousand.
pub fn plain(text: &str, decimal: Option<char>) -> Cow<'_, str> {
    let (whole, decimals) = match split(text, decimal) {
        Some(parts) => parts,
        None => return Cow::Borrowed(text),
    };
    let separators: &[char] =
        if decimal == Some(',') { &[' ', '\u{a0}', '\u{2009}', '\u{202f}', '.'] } else { &BLANKS };
    let Some(whole) = joined(whole, separators) else { return Cow::Borrowed(text) };
    match decimals {
        Some(decimals) => Cow::Owned(format!("{whole}.{decimals}")),
        None => whole,
    }
}

/// Before the decimal sign, and after it.
fn split(text: &str, decimal: Option<char>) -> Option<(&str, Option<&str>)> {
    match decimal {
        Some(sign) => Some(text.rsplit_once(sign).map_or((text, None), |(w, d)| (w, Some(d)))),
        None => match text.split_once(',') {
            Some((whole, decimals))
                if !text.contains('.') && matches!(decimals.len(), 1 | 2 | 4) =>
            {
                Some((whole, Some(decimals)))
            }
            Some(_) => None,
            None => Some(text.split_once('.').map_or((text, None), |(w, d)| (w, Some(d)))),
        },
    }
}

/// The digits of groups of three. None if the groups are others.
fn joined<'t>(whole: &'t str, separators: &[char]) -> Option<Cow<'t, str>> {
    if !whole.contains(separators) {
        return Some(Cow::Borrowed(whole));
    }
    let mut groups = whole.split(separators);
    let first = groups.next()?;
    let first_fits = (1..=3).contains(&first.trim_start_matches('-').len());
    let fits = first_fits && groups.all(|group| group.len() == 3);
    fits.then(|| Cow::Owned(whole.replace(separators, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_the_world_are_read() {
        for (text, decimal, expected) in [
            ("1999.95", None, "1999.95"),
            ("1999,95", None, "1999.95"),
            ("1999,5", None, "1999.5"),
            ("0,1234", None, "0.1234"),
            ("1 999,95", None, "1999.95"),
            ("1\u{a0}234\u{202f}567,00", None, "1234567.00"),
            ("12\u{2009}500", None, "12500"),
            ("12 500.5", Some('.'), "12500.5"),
            ("1.234.567,89", Some(','), "1234567.89"),
            ("1.234", Some(','), "1234"),
            ("1,234", Some(','), "1.234"),
            ("-5", None, "-5"),
            // What could be two things is left as it is.
            ("1,234", None, "1,234"),
            ("1,234,567", None, "1,234,567"),
            ("1,200.00", None, "1,200.00"),
            ("1.234,56", None, "1.234,56"),
            ("12 34", None, "12 34"),
            ("1234 567", None, "1234 567"),
            ("1 2345", None, "1 2345"),
            (" ", None, " "),
            ("", None, ""),
        ] {
            assert_eq!(plain(text, decimal), expected, "{text:?} {decimal:?}");
        }
    }
}
