//! Words and figures for the pictures: XML escaping, width estimates and number formats.

use std::fmt::Write as _;

use rust_decimal::Decimal;

/// A space that neither breaks nor collapses, for "63 %" and "10.0 M".
pub(crate) const NBSP: char = '\u{a0}';
const MINUS: char = '\u{2212}';
/// What stands for a figure that does not exist, such as the win rate of nothing.
pub(crate) const NONE: &str = "\u{2013}";

/// Advance widths of ASCII 32..=126 in hundredths of an em: the wider of DejaVu Sans and Arial.
/// DejaVu is about the widest face a reader will have, so real text is rarely wider than this.
const ASCII_WIDTHS: [u8; 95] = [
    32, 40, 46, 84, 64, 95, 78, 28, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 56, 102, 69, 69, 73, 77, 67, 61, 78, 76, 30, 50, 67, 56, 87, 75,
    79, 67, 79, 73, 67, 61, 74, 69, 99, 69, 67, 69, 39, 34, 39, 84, 56, 50, 62, 64, 55, 64, 62, 36,
    64, 64, 28, 28, 58, 28, 98, 64, 62, 64, 64, 42, 52, 40, 64, 60, 82, 60, 60, 53, 64, 34, 64, 84,
];

/// One character's width in hundredths of an em, rounded up.
fn char_width(c: char) -> u32 {
    let ascii =
        u32::from(c).checked_sub(32).and_then(|at| ASCII_WIDTHS.get(usize::try_from(at).ok()?));
    if let Some(width) = ascii {
        return u32::from(*width);
    }
    match c {
        NBSP => 32,
        // Combining marks, joiners and variation selectors take no room of their own.
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{b7}' => 32,
        '\u{2013}' => 56,
        'ж' | 'м' | 'ш' | 'щ' | 'ы' | 'ю' | 'ф' => 95,
        'Ж' | 'М' | 'Ш' | 'Щ' | 'Ы' | 'Ю' | 'Ф' => 109,
        'а'..='я' | 'ё' => 71,
        'А'..='Я' | 'Ё' => 84,
        'Æ' | 'æ' | 'Œ' | 'œ' | '\u{2014}' | '\u{2026}' | '№' => 108,
        '\u{a1}'..='\u{24f}' => 80,
        // Hangul, kana, ideographs, full-width forms and emoji are an em or a little more.
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7ff}' => 102,
        '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff60}' => 102,
        '\u{1f000}'..='\u{1faff}' => 130,
        '\u{20000}'..='\u{3ffff}' => 102,
        _ => 90,
    }
}

/// A cautious estimate, in pixels, of the room a text needs.
pub(crate) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let hundredths: u32 = text.chars().map(char_width).fold(0, u32::saturating_add);
    f64::from(hundredths) / 100.0 * size * if bold { 1.12 } else { 1.0 }
}

/// The text itself, or as much of its beginning as fits in `room` with an ellipsis after it.
pub(crate) fn ellipsis(text: &str, size: f64, bold: bool, room: f64) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let room = room - width("\u{2026}", size, bold);
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width(&kept, size, bold) > room {
            kept.pop();
            break;
        }
    }
    let kept = kept.trim_end_matches(|c: char| c.is_whitespace() || c == '\u{200d}');
    format!("{kept}\u{2026}")
}

/// The text on one line where it fits, else on two, broken between words where that is possible
/// (it is not in Chinese or Japanese), with an ellipsis when two lines are not enough.
pub(crate) fn two_lines(text: &str, size: f64, bold: bool, room: f64) -> (String, Option<String>) {
    let text = text.trim();
    if width(text, size, bold) <= room {
        return (text.to_owned(), None);
    }
    let mut used = 0.0;
    let mut space = None;
    let mut fits = 0;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            space = Some(at);
        }
        used += width(c.encode_utf8(&mut [0; 4]), size, bold);
        // The first character is taken in any case, so that the break is never at the start.
        if used > room && at > 0 {
            break;
        }
        fits = at + c.len_utf8();
    }
    // A break far to the left would waste the first line on a short word.
    let at = space.filter(|at| *at * 3 >= fits).unwrap_or(fits);
    let (first, second) = text.split_at_checked(at).unwrap_or((text, ""));
    let second = ellipsis(second.trim_start(), size, bold, room);
    (first.trim_end().to_owned(), Some(second))
}

/// Text made safe for XML: line breaks become spaces; characters XML forbids, other control
/// characters and those that reverse the reading order of what follows are left out.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            _ if c.is_control() => {}
            _ => safe.push(c),
        }
    }
    safe
}

/// Digits in threes: "6,711".
fn group(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(c);
    }
    grouped
}

/// A whole number in full: "6,711".
pub(crate) fn count(value: u64) -> String {
    group(&value.to_string())
}

/// "1 deal", "6,711 deals".
pub(crate) fn deals(value: u64) -> String {
    let noun = if value == 1 { "deal" } else { "deals" };
    format!("{}{NBSP}{noun}", short_count(value))
}

/// A whole number for a bar: in full while that is short, else as "12.3 M".
pub(crate) fn short_count(value: u64) -> String {
    if value < 10_000_000 {
        count(value)
    } else {
        // Three significant digits are shown, so the rounding of this conversion is not seen.
        #[allow(clippy::cast_precision_loss)]
        compact(value as f64)
    }
}

/// Three significant digits with a K, M, B or T: "10.0 M"; small numbers as they are.
pub(crate) fn compact(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let size = value.abs();
    let text = if size == 0.0 {
        return "0".to_owned();
    } else if size < 0.01 {
        "<0.01".to_owned()
    } else if size < 100.0 && size.fract() != 0.0 {
        let text = fixed(size, 2);
        text.strip_suffix(".00").unwrap_or(&text).to_owned()
    } else if size.round() < 10_000.0 {
        group(&fixed(size, 0))
    } else {
        scaled(size)
    };
    if value < 0.0 { format!("{MINUS}{text}") } else { text }
}

/// Rounds a half up, as people do; the formatter alone would make 272 of 272.5.
fn fixed(value: f64, decimals: usize) -> String {
    format!("{:.decimals$}", value * (1.0 + 1e-12))
}

fn scaled(size: f64) -> String {
    for (unit, suffix) in [(1e3, 'K'), (1e6, 'M'), (1e9, 'B')] {
        let in_units = size / unit;
        if in_units < 999.5 {
            return format!("{}{NBSP}{suffix}", three_digits(in_units));
        }
    }
    let in_units = size / 1e12;
    if in_units < 99_999.5 {
        return format!("{}{NBSP}T", three_digits(in_units));
    }
    format!("{size:.2e}")
}

fn three_digits(value: f64) -> String {
    if value < 9.995 {
        fixed(value, 2)
    } else if value < 99.95 {
        fixed(value, 1)
    } else {
        group(&fixed(value, 0))
    }
}

/// An amount in full with its currency: "10,005,534.50 USD".
pub(crate) fn exact(amount: Decimal, currency: &str) -> String {
    let digits = amount.abs().normalize().to_string();
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut text = String::new();
    if amount.is_sign_negative() && !amount.is_zero() {
        text.push(MINUS);
    }
    text.push_str(&group(whole));
    if !fraction.is_empty() {
        let _ = write!(text, ".{fraction:0<2}");
    }
    if !currency.is_empty() {
        let _ = write!(text, "{NBSP}{currency}");
    }
    text
}

/// A share as "63 %". What is not quite nothing or not quite all never rounds to 0 or 100.
pub(crate) fn percent(share: Option<f64>) -> String {
    let Some(share) = share.filter(|share| share.is_finite() && *share >= 0.0) else {
        return NONE.to_owned();
    };
    let value = share * 100.0;
    if value > 0.0 && value < 0.1 {
        format!("<0.1{NBSP}%")
    } else if value > 99.9 && value < 100.0 {
        format!(">99.9{NBSP}%")
    } else if value != 0.0 && (value < 9.95 || (value > 99.4 && value < 100.0)) {
        let text = fixed(value, 1);
        format!("{}{NBSP}%", text.strip_suffix(".0").unwrap_or(&text))
    } else if value < 100_000.0 {
        format!("{}{NBSP}%", group(&fixed(value, 0)))
    } else {
        format!("{}{NBSP}%", compact(value))
    }
}
