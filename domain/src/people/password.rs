//! Which passwords are too weak to be set: those that are tried first.

use crate::kernel::fault::Refusal;

/// Only who may log in is given a way to a password.
pub fn may_be_set_for(active: bool) -> Result<(), Refusal> {
    if active {
        return Ok(());
    }
    Err(Refusal::conflict("user_inactive", "", "Only who is active logs in."))
}

/// Whoever comes with a one-time token sets the password of its user, while both are good.
pub fn may_be_set_by_token(holds: bool, active: bool) -> Result<(), Refusal> {
    if holds && active { Ok(()) } else { Err(token_refused()) }
}

pub fn token_refused() -> Refusal {
    Refusal::conflict("invalid_credentials", "/token", "The token is unknown, used or too old.")
}

/// In characters.
pub const SHORTEST: usize = 10;
/// Characters that differ, at least.
const DIFFERENT: usize = 5;
/// A shorter local part of an email is found in many a password by chance.
const TELLING: usize = 4;

/// The most common passwords that are long enough, in lower case.
const COMMON: &[&str] = &[
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "1qazxsw23edc",
    "123qweasdzxc",
    "123456qwerty",
    "123456789a",
    "123456789q",
    "a123456789",
    "administrator",
    "admin12345",
    "admin123456",
    "basketball",
    "changeme123",
    "chocolate1",
    "computer123",
    "correct horse battery staple",
    "correcthorsebatterystaple",
    "football123",
    "iloveyou123",
    "letmein123",
    "liverpool1",
    "manchester",
    "mypassword",
    "michelle123",
    "p@ssw0rd123",
    "pa55word123",
    "passw0rd123",
    "password01",
    "password10",
    "password11",
    "password12",
    "password123",
    "password1234",
    "password12345",
    "password!23",
    "princess123",
    "q1w2e3r4t5",
    "q1w2e3r4t5y6",
    "qazwsxedcrfv",
    "qwe123qwe123",
    "qwerty1234",
    "qwerty12345",
    "qwerty123456",
    "qwertyqwerty",
    "secret1234",
    "sunshine123",
    "superman123",
    "test123456",
    "testtest123",
    "trustno123",
    "welcome123",
    "welcome1234",
    "zaq12wsxcde3",
    "пароль1234",
    "йцукен12345",
];

/// Rows that a hand or a child goes along.
const ROWS: &[&str] = &[
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "`1234567890-=",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "йцукенгшщзхъ",
    "фывапролджэ",
    "ячсмитьбю",
];

/// Refuses a password that is tried first, of a user with this email.
pub fn check(pointer: &str, password: &str, email: Option<&str>) -> Result<(), Refusal> {
    match weakness(password, email) {
        Some(detail) => Err(Refusal::invalid(pointer, "weak_password", detail)),
        None => Ok(()),
    }
}

/// What is wrong with a password, in a sentence.
pub fn weakness(password: &str, email: Option<&str>) -> Option<&'static str> {
    let lower = password.trim().to_lowercase();
    let letters: Vec<char> = lower.chars().collect();
    if letters.iter().filter(|letter| !is_blank(**letter)).count() == 0 {
        return Some("Blanks alone are no password.");
    }
    if password.chars().count() < SHORTEST {
        return Some("At least 10 characters.");
    }
    if COMMON.contains(&&*lower) {
        return Some("One of the most common passwords.");
    }
    let mut different = letters.clone();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT || is_repetition(&letters) {
        return Some("A repetition of the same few characters.");
    }
    if is_row(&lower) {
        return Some("A row of neighbouring characters.");
    }
    let email = email.map(str::to_lowercase).unwrap_or_default();
    let local = email.split('@').next().unwrap_or_default();
    let telling = |part: &&str| part.chars().count() >= TELLING;
    let told = [&*email, local].into_iter().filter(telling).any(|part| lower.contains(part));
    told.then_some("It contains the user's email.")
}

fn is_blank(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(
            letter,
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{3164}'
        )
}

/// A part of it, again and again to its end.
fn is_repetition(letters: &[char]) -> bool {
    (1..=letters.len() / 2).any(|part| {
        letters.iter().skip(part).eq(letters.iter().take(letters.len().saturating_sub(part)))
    })
}

/// Along one row, forwards or backwards, beginning anew at its end.
fn is_row(lower: &str) -> bool {
    let reversed: String = lower.chars().rev().collect();
    let wanted = lower.chars().count();
    let mut rows = ROWS.iter().map(|row| row.repeat(wanted));
    rows.any(|row| row.contains(lower) || row.contains(&reversed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: Option<&str> = Some("Anna.Vermeer@demo.example");

    #[test]
    fn what_is_tried_first_is_refused() {
        for password in [
            "short",
            "          ",
            "\t\u{a0}\u{2003}\u{200b}       ",
            "aaaaaaaaaaaa",
            "abababababab",
            "abcdeabcdeabc",
            "passwordpassword",
            "1212121213",
            "1234567890",
            "0987654321",
            "123456789012345",
            "abcdefghijkl",
            "Qwertyuiop",
            "POIUYTREWQ",
            "йцукенгшщз",
            "Password123",
            " password123 ",
            "correct horse battery staple",
            "anna.vermeer",
            "anna.vermeer@demo.example",
            "my ANNA.VERMEER 7",
        ] {
            let refused = check("/password", password, EMAIL).unwrap_err();
            assert_eq!(refused.faults()[0].code, "weak_password", "{password}");
        }
    }

    #[test]
    fn what_is_one_s_own_is_taken() {
        for password in [
            "a long password",
            "a long enough password",
            "voronka-demo",
            "vermeer paints",
            "twelve blue herons",
            "1234567890 herons",
            "пять синих цапель",
            "五只蓝色的苍鹭飞过湖面",
        ] {
            assert_eq!(check("/password", password, EMAIL), Ok(()), "{password}");
        }
        assert!(check("/password", "ann@example.com", Some("Ann@example.com")).is_err());
        // A short name is found in many a word.
        assert_eq!(check("/password", "twelve bandannas", Some("ann@example.com")), Ok(()));
        assert_eq!(check("/password", "twelve blue herons", None), Ok(()));
    }

    #[test]
    fn a_token_is_good_for_who_may_log_in() {
        assert_eq!(may_be_set_for(false).unwrap_err().code(), "user_inactive");
        assert_eq!(may_be_set_for(true), Ok(()));
        for (holds, active) in [(false, true), (true, false), (false, false)] {
            let refused = may_be_set_by_token(holds, active).unwrap_err();
            assert_eq!(refused.code(), "invalid_credentials");
        }
        assert_eq!(may_be_set_by_token(true, true), Ok(()));
    }
}
