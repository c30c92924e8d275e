//! Texts that a spreadsheet would take for formulas when it opens CSV: they are written behind an apostrophe, which
//! an import takes off again.

use std::borrow::Cow;

/// Whether a spreadsheet would calculate it. Numbers and phones it may well calculate: they do no harm.
fn is_formula(text: &str) -> bool {
    let begins = text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    begins && !is_number(text)
}

/// A sign and a number, or a phone as people write it: with blanks between, or dashes between digits after a plus and
/// a blank or parenthesis, which is no sum to anybody.
fn is_number(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['+', '-']) else { return false };
    let number = |c: char| c.is_ascii_digit() || ".,".contains(c);
    let phone = |c: char| c.is_ascii_digit() || "(). -/".contains(c);
    let spaced = text.starts_with('+') && rest.contains([' ', '(']) && !rest.contains('/');
    let digits = rest.starts_with(|c: char| c.is_ascii_digit());
    digits && (rest.chars().all(number) || spaced && rest.chars().all(phone))
}

/// As it stands in CSV. What would look as if it had been written so is written so, too.
pub fn harmless(text: &str) -> Cow<'_, str> {
    match is_formula(text.trim_start_matches('\'')) {
        true => format!("'{text}").into(),
        false => text.into(),
    }
}

/// A cell of CSV as it was before.
pub fn restored(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_formula(text.trim_start_matches('\'')) => text,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_written_behind_an_apostrophe() {
        for (text, written) in [
            ("=1+2", "'=1+2"),
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3+cmd", "'-2+3+cmd"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("+31 (20) 123-45.67", "+31 (20) 123-45.67"),
            ("-1,999.95", "-1,999.95"),
            ("+31201234567", "+31201234567"),
            ("-2+3", "'-2+3"),
            ("+1+1", "'+1+1"),
            ("-1-1", "'-1-1"),
            ("+1/0", "'+1/0"),
            ("-(1+1)", "'-(1+1)"),
            ("--1", "'--1"),
            ("+1-1", "'+1-1"),
            ("'s-Hertogenbosch", "'s-Hertogenbosch"),
            ("a = b", "a = b"),
            ("", ""),
        ] {
            assert_eq!(harmless(text), written);
            assert_eq!(restored(written), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "['=+@\\-\t0-9 a]{0,6}") {
            let written = harmless(&text);
            prop_assert_eq!(restored(&written), &text);
        }
    }
}
