//! The company's people and clients.

use std::collections::BTreeSet;

use super::generator::User;
use super::names::{ENDINGS, FAMILY_NAMES, GIVEN_NAMES, STEMS, TRADES};
use super::outline::{HEAD_OFFICE, OFFICES, SELLERS_PER_OFFICE};
use super::random::Rng;

/// Client organisations.
const ORGANISATIONS: usize = 132;
/// Clients who are persons.
const PERSONS: usize = 28;
/// The domain of the company's e-mail addresses.
const DOMAIN: &str = "demo.example";

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) is_person: bool,
    pub(super) is_current: bool,
    /// The class: `A`, `B` or `C`.
    pub(super) class: &'static str,
    /// The position of the office that serves it.
    pub(super) office: usize,
    /// How much it buys, compared with others.
    pub(super) weight: u32,
}

/// Hands out people's names, none twice.
#[derive(Debug)]
pub(super) struct People {
    given: [(&'static str, &'static str); 64],
    family: [(&'static str, &'static str); 64],
    taken: usize,
}

impl People {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let (mut given, mut family) = (GIVEN_NAMES, FAMILY_NAMES);
        rng.shuffle(&mut given);
        rng.shuffle(&mut family);
        Self { given, family, taken: 0 }
    }

    /// A person's name, and its spelling in an e-mail address. The family names
    /// move on against the given names with each round, so that pairs only
    /// repeat after every pair was handed out.
    fn next(&mut self) -> (String, String) {
        let (round, place) = (self.taken / self.given.len(), self.taken % self.given.len());
        self.taken += 1;
        let given = self.given[place];
        let family = self.family[(place + round * 7) % self.family.len()];
        (format!("{} {}", given.0, family.0), format!("{}.{}", given.1, family.1))
    }

    fn user(
        &mut self,
        role: &'static str,
        position: &'static str,
        department: &'static str,
    ) -> User {
        let (name, address) = self.next();
        User {
            name,
            email: format!("{address}@{DOMAIN}"),
            role,
            position,
            department: Some(department),
        }
    }
}

/// The company's users: those of the head office first, then of each office its
/// head and its sellers.
pub(super) fn users(people: &mut People) -> Vec<User> {
    let mut admin = people.user("admin", "Administrator", HEAD_OFFICE);
    admin.email = format!("admin@{DOMAIN}");
    let mut users = vec![
        admin,
        people.user("head", "Sales director", HEAD_OFFICE),
        people.user("analyst", "Sales analyst", HEAD_OFFICE),
    ];
    for office in OFFICES {
        users.push(people.user("head", "Head of office", office.key));
        for place in 0..SELLERS_PER_OFFICE {
            let position = match place {
                0..3 => "Senior account executive",
                _ => "Account executive",
            };
            users.push(people.user("seller", position, office.key));
        }
    }
    users
}

/// An invented organisation's name.
fn organisation_name(rng: &mut Rng) -> String {
    let trade = rng.pick(&TRADES);
    match rng.below(10) {
        0..6 => format!("{}{} {trade}", rng.pick(&STEMS), rng.pick(&ENDINGS)),
        6..8 => format!("{} {trade}", capitalised(rng.pick(&FAMILY_NAMES).0)),
        8 => format!(
            "{} & {}",
            capitalised(rng.pick(&FAMILY_NAMES).0),
            capitalised(rng.pick(&FAMILY_NAMES).0)
        ),
        _ => format!("{}{} Group", rng.pick(&STEMS), rng.pick(&ENDINGS)),
    }
}

/// The text with a capital first letter.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The company's clients, organisations first. No two organisations' names
/// begin with the same word.
pub(super) fn clients(rng: &mut Rng, people: &mut People) -> Vec<Client> {
    let mut clients = Vec::with_capacity(ORGANISATIONS + PERSONS);
    let mut known = BTreeSet::new();
    while known.len() < ORGANISATIONS {
        let name = organisation_name(rng);
        let first_word = name.split(' ').next().unwrap_or_default().to_owned();
        if known.insert(first_word) {
            clients.push(client(rng, name, false));
        }
    }
    for _ in 0..PERSONS {
        let (name, _) = people.next();
        clients.push(client(rng, name, true));
    }
    clients
}

fn client(rng: &mut Rng, name: String, is_person: bool) -> Client {
    let shares: &[u32] = if is_person { &[0, 15, 85] } else { &[16, 36, 48] };
    let (class, usual) = match rng.weighted(shares) {
        0 => ("A", 60),
        1 => ("B", 30),
        _ => ("C", 16),
    };
    let usual = if is_person { usual / 3 } else { usual };
    Client {
        name,
        is_person,
        is_current: rng.chance(if is_person { 350 } else { 620 }),
        class,
        office: rng.weighted(&[44, 33, 23]),
        weight: usual * rng.between(60, 140) / 10,
    }
}
