//! Names of files, as strangers give them.

use crate::kernel::limits::NAME;

/// What a file without a name is called.
const NAMELESS: &str = "file";
/// Longer endings are none.
const ENDING: usize = 20;

/// Characters that turn the direction of a text, and so show another ending than the name has; and those that are not
/// seen.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The name as it is kept: the last part of a path, of what is seen, not too long and not empty. Its ending stays.
pub fn cleaned(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String = last.chars().filter(|letter| !is_hidden(*letter)).collect();
    let trimmed = seen.trim().trim_end_matches(['.', ' ']);
    if trimmed.is_empty() { NAMELESS.to_owned() } else { shortened(trimmed) }
}

fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= NAME {
        return name.to_owned();
    }
    let ending = name.rfind('.').and_then(|at| name.get(at..)).unwrap_or_default();
    let ending = if ending.chars().count() <= ENDING { ending } else { "" };
    let stem = NAME.saturating_sub(ending.chars().count());
    name.chars().take(stem).chain(ending.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned() {
        for (given, kept) in [
            ("offer.pdf", "offer.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\anna\\offer.pdf", "offer.pdf"),
            ("a\r\nSet-Cookie: b.txt", "aSet-Cookie: b.txt"),
            ("nul\0.txt", "nul.txt"),
            ("  spaced .txt. ", "spaced .txt"),
            ("..", NAMELESS),
            ("/", NAMELESS),
            ("", NAMELESS),
            ("договор «№ 5».pdf", "договор «№ 5».pdf"),
            ("a\"b'c.txt", "a\"b'c.txt"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            (".gitignore", ".gitignore"),
        ] {
            assert_eq!(cleaned(given), kept, "{given:?}");
        }
    }

    #[test]
    fn long_names_keep_their_endings() {
        let (long, wide) = (format!("{}.pdf", "a".repeat(300)), "ж".repeat(300));
        assert_eq!(cleaned(&long), format!("{}.pdf", "a".repeat(196)));
        assert_eq!(cleaned(&wide), "ж".repeat(200));
        let no_ending = format!("a.{}", "b".repeat(300));
        assert_eq!(cleaned(&no_ending).chars().count(), 200);
    }
}
