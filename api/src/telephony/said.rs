//! What exchanges say, made fit to be kept: of the right length, without NUL, and no more than that.

use voronka_domain::intake::call::LONGEST_TALK;

use super::{LONGEST_ID, LONGEST_NUMBER, Unreadable};

/// A text without what C leaves at its end; none if it says nothing, or cannot be kept.
fn clean(text: &str, longest: usize) -> Option<&str> {
    let text = text.trim_matches(|char: char| char == '\0' || char.is_whitespace());
    let fine = !text.is_empty() && text.len() <= longest && !text.contains('\0');
    fine.then_some(text)
}

/// The same of any text.
pub fn short(text: &str, longest: usize) -> Option<String> {
    clean(text, longest).map(str::to_owned)
}

/// A number or an extension. What is too long to be one is none: the rest of the post still counts.
pub fn number(text: Option<&str>) -> Option<String> {
    text.and_then(|text| clean(text, LONGEST_NUMBER)).map(str::to_owned)
}

/// A number of an exchange that writes those outside with the country's code and without a plus, such as 31201234567.
/// Without one it would be read as a number of the line's country, which most of those abroad are not (case 11).
pub fn international(text: Option<&str>) -> Option<String> {
    let number = number(text)?;
    let digits = (11..=15).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    // As it is dialled within a country: 89161234567, 003120...
    let national = number.starts_with('0') || (number.len() == 11 && number.starts_with('8'));
    Some(if digits && !national { format!("+{number}") } else { number })
}

/// The id of a call, without which a post says nothing.
pub fn id(field: &str, text: Option<&str>) -> Result<String, Unreadable> {
    let given = text.and_then(|text| clean(text, LONGEST_ID));
    given.map(str::to_owned).ok_or_else(|| {
        Unreadable(format!("{field} is missing, or longer than {LONGEST_ID} bytes, or has a NUL."))
    })
}

/// Where a recording is. What a browser is not to be sent to stays in the post.
pub fn web(text: Option<&str>) -> Option<String> {
    let text = clean(text?, crate::http::limits::ADDRESS as usize)?;
    let web = text.starts_with("https://") || text.starts_with("http://");
    web.then(|| text.to_owned())
}

/// Seconds of a talk, or of waiting.
pub fn seconds(text: Option<&str>) -> Option<i64> {
    text?.trim().parse().ok().filter(|seconds| (0..=LONGEST_TALK).contains(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_kept_is_left_out() {
        assert_eq!(number(Some(" +31201234567\0\0")), Some("+31201234567".to_owned()));
        for none in [None, Some(""), Some("\0"), Some("1\x002"), Some(&*"1".repeat(65))] {
            assert_eq!(number(none), None, "{none:?}");
        }
        for (text, said) in [
            ("31201234567", "+31201234567"),
            ("+31201234567", "+31201234567"),
            ("8613912345678", "+8613912345678"),
            ("89161234567", "89161234567"),
            ("0031201234567", "0031201234567"),
            ("101", "101"),
            ("1234567890123456", "1234567890123456"),
            ("anonymous", "anonymous"),
        ] {
            assert_eq!(international(Some(text)).as_deref(), Some(said));
        }
        assert!(id("callid", Some(&"1".repeat(200))).is_ok());
        assert!(id("callid", Some(&"1".repeat(201))).is_err());
        assert_eq!(web(Some("javascript:alert(1)")), None);
        assert_eq!(
            web(Some("https://a.example/1.mp3")),
            Some("https://a.example/1.mp3".to_owned())
        );
        for (text, said) in [("60", Some(60)), ("-1", None), ("86401", None), ("1e3", None)] {
            assert_eq!(seconds(Some(text)), said, "{text}");
        }
    }
}
