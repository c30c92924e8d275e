//! Texts that a spreadsheet would take for formulas when it opens CSV: they are written behind an apostrophe, which
//! an import takes off again.

use std::borrow::Cow;

/// Whether a spreadsheet would calculate it. Numbers and phones it may well calculate: they do no harm.
fn is_formula(text: &str) -> bool {
    let begins = text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let harmless = |c: char| c.is_ascii_digit() || "+-(). ,/".contains(c);
    begins && !(text.starts_with(['+', '-']) && text.chars().all(harmless))
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
