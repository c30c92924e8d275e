//! Names as they are compared: without case, accents, punctuation and legal form, and, where two scripts
//! meet, without regard to which of them a letter is from.

use std::{collections::BTreeSet, sync::OnceLock};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Legal forms, as they are written in names. Dots and slashes do not matter.
const LEGAL_FORMS: &[&str] = &[
    "ооо",
    "оао",
    "зао",
    "пао",
    "ао",
    "нао",
    "ип",
    "гк",
    "тоо",
    "чп",
    "чуп",
    "фгуп",
    "муп",
    "гуп",
    "нко",
    "ano",
    "llc",
    "ltd",
    "limited",
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "co",
    "company",
    "llp",
    "lp",
    "plc",
    "pllc",
    "gmbh",
    "ag",
    "kg",
    "kgaa",
    "ohg",
    "ug",
    "mbh",
    "gbr",
    "ev",
    "bv",
    "nv",
    "vof",
    "sa",
    "sas",
    "sarl",
    "sasu",
    "eurl",
    "sl",
    "slu",
    "srl",
    "spa",
    "snc",
    "scrl",
    "oy",
    "oyj",
    "ab",
    "as",
    "asa",
    "aps",
    "oü",
    "uab",
    "sia",
    "kft",
    "zrt",
    "sro",
    "doo",
    "spzoo",
    "pty",
    "pte",
    "pjsc",
    "ojsc",
    "cjsc",
    "jsc",
    "ooo",
    "oao",
    "zao",
    "pao",
];

/// The same in words.
const LEGAL_PHRASES: &[&str] = &[
    "общество с ограниченной ответственностью",
    "публичное акционерное общество",
    "открытое акционерное общество",
    "закрытое акционерное общество",
    "акционерное общество",
    "индивидуальный предприниматель",
    "limited liability company",
    "joint stock company",
    "gesellschaft mit beschränkter haftung",
    "sp z o o",
    "s r o",
    "d o o",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Cyrillic,
    Mixed,
}

/// A name, ready to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    script: Script,
    /// The words in Latin letters, sorted.
    plain: Vec<String>,
    /// The same with look-alikes of the two scripts made one.
    skeleton: Vec<String>,
}

impl Name {
    pub fn new(name: &str) -> Self {
        let (mut plain, mut skeleton) = (significant(name), Vec::new());
        let script = script(&plain);
        for word in &mut plain {
            *word = latin(word);
            skeleton.push(look(word));
        }
        plain.sort();
        skeleton.sort();
        Self { script, plain, skeleton }
    }

    /// One text for names that may be the same.
    pub fn key(&self) -> String {
        self.skeleton.join(" ")
    }

    /// How alike two names are: 1 for the same, 0 for nothing in common. Where both are of one script,
    /// letters count as what they are; otherwise look-alikes, and letters that are written for each
    /// other in transliteration, count as one.
    pub fn similarity(&self, other: &Self) -> f64 {
        let one_script = self.script == other.script && self.script != Script::Mixed;
        let (a, b) = match one_script {
            true => (&self.plain, &other.plain),
            false => (&self.skeleton, &other.skeleton),
        };
        if a.is_empty() || b.is_empty() {
            return 0.0;
        }
        edited(&a.join(" "), &b.join(" ")).max(shared(a, b))
    }
}

/// See [`Name::key`].
pub fn key(name: &str) -> String {
    Name::new(name).key()
}

/// 1 less twice the share of letters that differ: a typing error in a long name is little, in a short one
/// much.
fn edited(a: &str, b: &str) -> f64 {
    (2.0 * strsim::normalized_damerau_levenshtein(a, b) - 1.0).max(0.0)
}

/// The share of letters that are in words which both names have (Dice's coefficient).
fn shared(a: &[String], b: &[String]) -> f64 {
    let length = |word: &String| word.chars().count();
    let mut rest: Vec<&String> = b.iter().collect();
    let mut both = 0;
    for word in a {
        if let Some(at) = rest.iter().position(|other| *other == word) {
            rest.swap_remove(at);
            both += length(word);
        }
    }
    let all: usize = a.iter().chain(b).map(length).sum();
    if all == 0 { 0.0 } else { (2 * both) as f64 / all as f64 }
}

/// The words of a name in lower case, without its legal form unless there is nothing else.
fn significant(name: &str) -> Vec<String> {
    let lower = plain_letters(name);
    let all = words(&lower);
    let mut text = format!(" {} ", all.join(" "));
    for phrase in legal().1.iter() {
        text = text.replace(phrase, " ");
    }
    let kept: Vec<String> = text
        .split(' ')
        .filter(|word| !word.is_empty() && !is_legal(word))
        .map(str::to_owned)
        .collect();
    if kept.is_empty() { all } else { kept }
}

/// Splits at whatever is no letter and no digit. A legal form with dots or slashes in it is one word, and
/// so is a word with an apostrophe.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for chunk in text.split_whitespace() {
        let solid: String = chunk.chars().filter(|char| char.is_alphanumeric()).collect();
        if is_legal(&solid) {
            words.push(solid);
            continue;
        }
        let chunk = chunk.replace(['\'', '\u{2019}', '`'], "");
        let parts = chunk.split(|char: char| !char.is_alphanumeric());
        words.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
    }
    words
}

/// In lower case, in the compatible form (full-width letters and ligatures are letters), without accents.
fn plain_letters(text: &str) -> String {
    text.nfkd().filter(|char| !is_combining_mark(*char)).flat_map(char::to_lowercase).collect()
}

fn legal() -> &'static (BTreeSet<String>, Vec<String>) {
    static LEGAL: OnceLock<(BTreeSet<String>, Vec<String>)> = OnceLock::new();
    LEGAL.get_or_init(|| {
        let forms = LEGAL_FORMS.iter().map(|form| look(&latin(&plain_letters(form))));
        let phrases = LEGAL_PHRASES.iter().map(|phrase| format!(" {} ", plain_letters(phrase)));
        (forms.collect(), phrases.collect())
    })
}

/// In whichever script it is typed.
fn is_legal(word: &str) -> bool {
    word.chars().count() <= 12 && legal().0.contains(&look(&latin(word)))
}

fn script(words: &[String]) -> Script {
    let letters = || words.iter().flat_map(|word| word.chars()).filter(|char| char.is_alphabetic());
    let cyrillic = letters().filter(|char| is_cyrillic(*char)).count();
    match cyrillic {
        0 => Script::Latin,
        count if count == letters().count() => Script::Cyrillic,
        _ => Script::Mixed,
    }
}

fn is_cyrillic(char: char) -> bool {
    ('\u{400}'..='\u{52f}').contains(&char)
}

/// In Latin letters, by the usual transliteration.
fn latin(word: &str) -> String {
    let mut latin = String::with_capacity(word.len());
    for char in word.chars() {
        let letters = match char {
            'а' => "a",
            'б' => "b",
            'в' => "v",
            'г' | 'ґ' => "g",
            'д' => "d",
            'е' | 'э' | 'є' => "e",
            'ж' => "zh",
            'з' => "z",
            'и' | 'і' | 'ы' => "i",
            'к' => "k",
            'л' => "l",
            'м' => "m",
            'н' => "n",
            'о' => "o",
            'п' => "p",
            'р' => "r",
            'с' => "s",
            'т' => "t",
            'у' => "u",
            'ф' => "f",
            'х' => "h",
            'ц' => "ts",
            'ч' => "ch",
            'ш' => "sh",
            'щ' => "shch",
            'ъ' | 'ь' => "",
            'ю' => "yu",
            'я' => "ya",
            'ß' => "ss",
            'ø' => "o",
            'ł' => "l",
            'đ' => "d",
            'æ' => "ae",
            'œ' => "oe",
            'ı' => "i",
            other => {
                latin.push(other);
                continue;
            }
        };
        latin.push_str(letters);
    }
    latin
}

/// Latin letters that look like a Cyrillic one (c, x, y, b, p, h) stand for it, as the Cyrillic one stands
/// for its own sound: с, х, у, в, р, н.
fn look(word: &str) -> String {
    let word = word.replace("kh", "h");
    word.chars()
        .map(|char| match char {
            'c' => 's',
            'x' | 'h' => 'n',
            'y' => 'u',
            'b' => 'v',
            'p' => 'r',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        for spellings in [
            &[
                "ООО «Ромашка»",
                "Ромашка, ООО",
                "ромашка",
                "OOO \"Poмaшкa\"",
                "Romashka LLC",
                "Общество с ограниченной ответственностью \"Ромашка\"",
            ][..],
            &["АО Веста", "BECTA", "ЗАО «Bестa»", "Vesta"],
            &[
                "Isdom Engineering B.V.",
                "ISDOM ENGINEERING BV",
                "Engineering Isdom",
                "Isdom-Engineering N.V.",
            ],
            &["Müller GmbH & Co. KG", "MULLER", "Muller GmbH"],
            &["Nordisk A/S", "Nordisk"],
            &["O'Neill plc", "ONEILL", "O’Neill Ltd."],
            &["Пётр Семёнов", "Петр Семенов", "ИП Семенов Петр"],
        ] {
            let keys: BTreeSet<String> = spellings.iter().map(|name| key(name)).collect();
            assert_eq!(keys.len(), 1, "{spellings:?}: {keys:?}");
        }
        // Nothing but a legal form is a name, too.
        assert_ne!(key("ООО"), "");
        assert_eq!(key("«»"), "");
    }

    #[test]
    fn similarity_falls_with_every_difference() {
        let alike = |a, b| Name::new(a).similarity(&Name::new(b));
        assert_eq!(alike("ООО Ромашка", "Ромашка"), 1.0);
        let typed = alike("Северная торговая компания", "Северная торговя компания");
        assert!((0.9..1.0).contains(&typed), "{typed}");
        let short = alike("Альфа", "Альта");
        assert!(short < 0.7, "{short}");
        let more = alike("Isdom", "Isdom Engineering");
        assert!((0.4..0.7).contains(&more), "{more}");
        assert!(alike("Ромашка", "Газпром") < 0.3);
        // In one script, letters are what they are.
        assert!(alike("Hansa", "Nansa") < 1.0);
        assert_eq!(alike("", "Ромашка"), 0.0);
    }

    proptest! {
        #[test]
        fn similarity_is_symmetric_and_bounded(a in "\\PC{0,24}", b in "[а-яa-zА-Я «».]{0,24}") {
            let (a, b) = (Name::new(&a), Name::new(&b));
            let alike = a.similarity(&b);
            prop_assert!((0.0..=1.0).contains(&alike));
            prop_assert_eq!(alike, b.similarity(&a));
            prop_assert!(a.similarity(&a) >= alike);
        }
    }
}
