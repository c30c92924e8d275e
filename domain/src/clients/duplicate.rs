//! How likely two clients are one: a score of 0 to 1, and why.
//!
//! Each thing that both have is evidence of its own weight: the chance that two clients which have it in
//! common, and of which nothing else is known, are one. Evidence adds up as independent chances do,
//! `1 - (1 - a)(1 - b)...`; of one kind only the strongest counts. Two taxpayer numbers that are not one
//! mistyped speak against it.

use serde::{Deserialize, Serialize};

use super::{ClientKind, name::Name};

/// From this score on, two clients are worth a look.
pub const CANDIDATE: f64 = 0.5;
/// From this score on, two clients are as good as certainly one.
pub const CERTAIN: f64 = 0.9;

/// A taxpayer number is given to one taxpayer; what remains are branches and copied cards.
const SAME_TAX_ID: f64 = 0.95;
/// Numbers have check digits, so that one next to another is a mistyped one.
const NEAR_TAX_ID: f64 = 0.6;
/// A mailbox is one person's or one office's.
const SAME_EMAIL: f64 = 0.9;
/// A number may be a switchboard that neighbours share.
const SAME_PHONE: f64 = 0.45;
/// Numbers next to each other are often one building's.
const NEAR_PHONE: f64 = 0.15;
/// Companies of one name exist, but in one client base they are mostly one company.
const SAME_NAME: f64 = 0.7;
/// Persons of one name are common.
const SAME_NAME_OF_PERSONS: f64 = 0.45;
/// Names that are less alike than this say nothing.
const LEAST_SIMILARITY: f64 = 0.4;
/// What is left of a score where the taxpayer numbers are of different taxpayers.
const DIFFERENT_TAX_IDS: f64 = 0.3;
/// Taxpayer numbers shorter than this lie too close to each other to be mistyped for each other.
const SHORTEST_TAX_ID: usize = 8;

/// What clients are recognised by; the phones and emails of their contacts count as their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    pub kind: ClientKind,
    pub name: String,
    pub key: Name,
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    pub tax_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ReasonKind {
    Phone,
    Email,
    TaxId,
    Name,
}

/// One thing that speaks for two clients being one, or, with a negative weight, against it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    pub kind: ReasonKind,
    /// What the first client has.
    pub value: String,
    /// What the second one has.
    pub other: String,
    /// 1 for the same.
    pub similarity: f64,
    pub weight: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Likeness {
    pub score: f64,
    /// The strongest first.
    pub reasons: Vec<Reason>,
}

/// Compares two clients. `holders` tells how many clients of the base have a phone or an email: the more
/// there are, the less it says of any two of them.
pub fn likeness(a: &Identity, b: &Identity, holders: impl Fn(&str) -> u32) -> Likeness {
    let shared = |weight: f64, value: &str| weight * (2.0 / f64::from(holders(value).max(2)));
    let email = strongest(&a.emails, &b.emails, |one, other| {
        let same = one.to_lowercase() == other.to_lowercase();
        same.then(|| (1.0, shared(SAME_EMAIL, one).max(shared(SAME_EMAIL, other))))
    });
    let phone = strongest(&a.phones, &b.phones, |one, other| match one == other {
        true => Some((1.0, shared(SAME_PHONE, one).max(NEAR_PHONE))),
        false => next_to(one, other).map(|similarity| (similarity, NEAR_PHONE)),
    });
    let (tax_id, factor) = tax_ids(a.tax_id.as_deref(), b.tax_id.as_deref());
    let found = [
        (ReasonKind::TaxId, tax_id),
        (ReasonKind::Email, email),
        (ReasonKind::Phone, phone),
        (ReasonKind::Name, names(a, b)),
    ];
    let mut doubt = 1.0;
    let mut reasons = Vec::new();
    for (kind, found) in found {
        let Some((value, other, similarity, weight)) = found else { continue };
        doubt *= 1.0 - weight.max(0.0);
        let (similarity, weight) = (rounded(similarity), rounded(weight));
        reasons.push(Reason { kind, value, other, similarity, weight });
    }
    reasons.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    Likeness { score: rounded((1.0 - doubt) * factor), reasons }
}

/// What the two have, how alike it is, and how much it weighs.
type Evidence = (String, String, f64, f64);

fn strongest(
    ours: &[String],
    theirs: &[String],
    weigh: impl Fn(&str, &str) -> Option<(f64, f64)>,
) -> Option<Evidence> {
    let pairs = ours.iter().flat_map(|one| theirs.iter().map(move |other| (one, other)));
    let weighed = pairs.filter_map(|(one, other)| {
        let (similarity, weight) = weigh(one, other)?;
        Some((one.clone(), other.clone(), similarity, weight))
    });
    weighed.max_by(|one, other| one.3.total_cmp(&other.3))
}

/// One digit or letter off, or two swapped: how alike the two are.
fn next_to(one: &str, other: &str) -> Option<f64> {
    let lengths_differ = one.len().abs_diff(other.len()) > 1;
    (!lengths_differ && strsim::osa_distance(one, other) == 1)
        .then(|| 1.0 - 1.0 / one.len().max(other.len()).max(1) as f64)
}

/// The text itself and those next to it: with two neighbours swapped, and with `replaced`, with one digit
/// replaced by another.
pub fn near(text: &str, replaced: bool) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut all = vec![text.to_owned()];
    for at in 1..chars.len() {
        let mut swapped = chars.clone();
        swapped.swap(at - 1, at);
        all.push(swapped.into_iter().collect());
    }
    for (at, char) in chars.iter().enumerate().filter(|(_, char)| replaced && char.is_ascii_digit())
    {
        for digit in ('0'..='9').filter(|digit| digit != char) {
            let with = |(here, char): (usize, &char)| if here == at { digit } else { *char };
            all.push(chars.iter().enumerate().map(with).collect());
        }
    }
    all
}

fn tax_ids(one: Option<&str>, other: Option<&str>) -> (Option<Evidence>, f64) {
    let Some((one, other)) = one.zip(other) else { return (None, 1.0) };
    let evidence =
        |similarity, weight| Some((one.to_owned(), other.to_owned(), similarity, weight));
    if one == other {
        return (evidence(1.0, SAME_TAX_ID), 1.0);
    }
    let long = one.len().min(other.len()) >= SHORTEST_TAX_ID;
    match next_to(one, other).filter(|_| long) {
        Some(similarity) => (evidence(similarity, NEAR_TAX_ID), 1.0),
        None => (evidence(0.0, DIFFERENT_TAX_IDS - 1.0), DIFFERENT_TAX_IDS),
    }
}

fn names(a: &Identity, b: &Identity) -> Option<Evidence> {
    let similarity = a.key.similarity(&b.key);
    let persons = a.kind == ClientKind::Person || b.kind == ClientKind::Person;
    let most = if persons { SAME_NAME_OF_PERSONS } else { SAME_NAME };
    let weight = most * (similarity - LEAST_SIMILARITY) / (1.0 - LEAST_SIMILARITY);
    (weight > 0.0).then(|| (a.name.clone(), b.name.clone(), similarity, weight))
}

/// To four digits, so that the order of the factors cannot be seen.
fn rounded(figure: f64) -> f64 {
    (figure * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(name: &str, phones: &[&str], emails: &[&str], tax_id: &str) -> Identity {
        let all = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Identity {
            kind: ClientKind::Organisation,
            name: name.to_owned(),
            key: Name::new(name),
            phones: all(phones),
            emails: all(emails),
            tax_id: Some(tax_id.to_owned()).filter(|text| !text.is_empty()),
        }
    }

    fn score(a: &Identity, b: &Identity, holders: u32) -> f64 {
        likeness(a, b, |_| holders).score
    }

    /// By hand: the weights are those of the documentation.
    #[test]
    fn evidence_adds_up() {
        let a = client("ООО Ромашка", &["+74951234567"], &["a@b.example"], "7701234567");
        let name_only = client("Ромашка", &[], &[], "");
        assert_eq!(score(&a, &name_only, 2), 0.7);
        let phone = client("Other", &["+74951234567"], &[], "");
        assert_eq!(score(&a, &phone, 2), 0.45);
        // A switchboard of six: 0.45 * 2 / 6, and at least 0.15.
        assert_eq!((score(&a, &phone, 6), score(&a, &phone, 60)), (0.15, 0.15));
        let both = client("Ромашка", &["+74951234567"], &[], "");
        assert_eq!(score(&a, &both, 2), 0.835);
        let mail = client("Other", &[], &["A@b.example"], "");
        assert_eq!((score(&a, &mail, 2), score(&a, &mail, 3)), (0.9, 0.6));
        let swapped = client("Other", &[], &[], "7701234576");
        assert_eq!(score(&a, &swapped, 2), 0.6);
        let same = client("Other", &[], &[], "7701234567");
        assert_eq!(score(&a, &same, 2), 0.95);
        let namesake = client("Ромашка", &["+74951234567"], &[], "5009876543");
        assert_eq!(score(&a, &namesake, 2), 0.2505);
        let found = likeness(&a, &namesake, |_| 2);
        let kinds: Vec<_> =
            found.reasons.iter().map(|reason| (reason.kind, reason.weight)).collect();
        let expected =
            [(ReasonKind::Name, 0.7), (ReasonKind::Phone, 0.45), (ReasonKind::TaxId, -0.7)];
        assert_eq!(kinds, expected);
        let person = Identity { kind: ClientKind::Person, ..name_only };
        assert_eq!(score(&a, &person, 2), 0.45);
    }

    prop_compose! {
        fn any_client()(
            name in "(ООО |)(Ромашка|Рoмашка|Romashka|Vesta|Веста|BECTA)( Плюс|)( LLC|)",
            phones in proptest::collection::vec("\\+7495123456[0-3]", 0..3),
            emails in proptest::collection::vec("[ab]@[cd]\\.example", 0..3),
            tax_id in "(770123456[0-3]|)",
            person in any::<bool>(),
        ) -> Identity {
            let phones: Vec<_> = phones.iter().map(String::as_str).collect();
            let emails: Vec<_> = emails.iter().map(String::as_str).collect();
            let kind = if person { ClientKind::Person } else { ClientKind::Organisation };
            Identity { kind, ..client(&name, &phones, &emails, &tax_id) }
        }
    }

    proptest! {
        #[test]
        fn a_score_is_symmetric_within_bounds_and_highest_for_the_same(
            a in any_client(), b in any_client(), holders in 1_u32..8,
        ) {
            let holders = |value: &str| holders + u32::try_from(value.len() % 3).unwrap_or(0);
            let both = likeness(&a, &b, holders);
            prop_assert!((0.0..=1.0).contains(&both.score));
            prop_assert_eq!(both.score, likeness(&b, &a, holders).score);
            prop_assert!(likeness(&a, &a, holders).score >= both.score);
            prop_assert!(likeness(&b, &b, holders).score >= both.score);
        }
    }
}
