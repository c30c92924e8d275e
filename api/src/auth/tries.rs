//! How often a log-in may be tried. What goes well is no try.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::bucket::Buckets;
use crate::http::Problem;

/// Emails and addresses that are remembered, of each kind.
const MOST: usize = 100_000;

pub struct Tries {
    /// Of an address, over all emails: an office may share one.
    addresses: Buckets,
    /// Of an email from an address.
    pairs: Buckets,
    /// Of an email from anywhere.
    emails: Buckets,
    /// Of an email from an address, once the others are empty: only those who have logged in from there are
    /// heard.
    known: Buckets,
    /// Of a user's present password, by who has a token already.
    users: Buckets,
    /// Keys are hashed by a secret: nobody makes up one that is another's.
    hasher: RandomState,
    started: Instant,
}

/// A try that counts until it is given back.
pub struct Try {
    keys: Vec<(Kind, u64)>,
    /// In seconds, where it is one that only those may have who have logged in from there.
    pub wait: Option<u64>,
}

#[derive(Clone, Copy)]
enum Kind {
    Address,
    Pair,
    Email,
    Known,
    User,
}

impl Default for Tries {
    fn default() -> Self {
        let buckets = |at_once, seconds| Buckets::new(at_once, Duration::from_secs(seconds), MOST);
        Self {
            addresses: buckets(100, 1),
            pairs: buckets(10, 30),
            emails: buckets(50, 120),
            known: buckets(10, 30),
            users: buckets(10, 30),
            hasher: RandomState::new(),
            started: Instant::now(),
        }
    }
}

impl Tries {
    /// A try of an email from an address.
    pub fn of_login(&self, email: &str, address: IpAddr) -> Result<Try, Problem> {
        let email = email.to_lowercase();
        let pair = self.hasher.hash_one((&email, address));
        let (email, address) = (self.hasher.hash_one(email), self.hasher.hash_one(address));
        // What an address may not try leaves no trace of the emails that it makes up.
        let keys = vec![(Kind::Address, address), (Kind::Pair, pair), (Kind::Email, email)];
        match self.take(keys) {
            Ok(keys) => Ok(Try { keys, wait: None }),
            Err(wait) => {
                let keys = self.take(vec![(Kind::Known, pair)]).map_err(|_| refusal(wait))?;
                Ok(Try { keys, wait: Some(wait) })
            }
        }
    }

    /// A try from an address that names nobody.
    pub fn of_address(&self, address: IpAddr) -> Result<Try, Problem> {
        self.only(Kind::Address, self.hasher.hash_one(address))
    }

    /// A try of a user's password by who is let in already.
    pub fn of_user(&self, user_id: Uuid) -> Result<Try, Problem> {
        self.only(Kind::User, self.hasher.hash_one(user_id))
    }

    fn only(&self, kind: Kind, key: u64) -> Result<Try, Problem> {
        let keys = self.take(vec![(kind, key)]).map_err(refusal)?;
        Ok(Try { keys, wait: None })
    }

    /// It went well, or was not looked at.
    pub fn give_back(&self, taken: &Try) {
        for (kind, key) in &taken.keys {
            self.buckets(*kind).give_back(*key);
        }
    }

    /// One of each, or none and how many seconds to wait.
    fn take(&self, keys: Vec<(Kind, u64)>) -> Result<Vec<(Kind, u64)>, u64> {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        for (index, (kind, key)) in keys.iter().enumerate() {
            if let Err(wait) = self.buckets(*kind).take(*key, now) {
                let taken = keys.iter().take(index).copied().collect();
                self.give_back(&Try { keys: taken, wait: None });
                return Err(wait.div_ceil(1_000).max(1));
            }
        }
        Ok(keys)
    }

    fn buckets(&self, kind: Kind) -> &Buckets {
        match kind {
            Kind::Address => &self.addresses,
            Kind::Pair => &self.pairs,
            Kind::Email => &self.emails,
            Kind::Known => &self.known,
            Kind::User => &self.users,
        }
    }
}

impl Try {
    /// It did not go well.
    pub fn refusal(&self) -> Problem {
        self.wait.map_or_else(|| Problem::of("invalid_credentials"), refusal)
    }
}

fn refusal(wait: u64) -> Problem {
    Problem::of("too_many_login_attempts").header("Retry-After", wait.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn from(last: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(0xc000_0200 + last))
    }

    #[test]
    fn an_email_has_tries_for_each_address_and_fewer_over_all() {
        let tries = Tries::default();
        let free = |address| {
            let open =
                |_: &u32| tries.of_login("A@example.com", from(address)).unwrap().wait.is_none();
            (0..11).filter(open).count()
        };
        assert_eq!([1, 2, 3, 4, 5].map(free), [10; 5]);
        // Fifty it were; those who have logged in from there are heard all the same.
        assert!(tries.of_login("a@example.com", from(6)).unwrap().wait.is_some());
        assert!(tries.of_login("b@example.com", from(6)).unwrap().wait.is_none());
    }

    #[test]
    fn an_address_has_a_hundred_tries_of_whatever_emails() {
        let tries = Tries::default();
        let email = |number| format!("{number}@example.com");
        for number in 0..100 {
            assert!(tries.of_login(&email(number), from(1)).unwrap().wait.is_none());
        }
        assert!(tries.of_login(&email(100), from(1)).unwrap().wait.is_some());
        assert!(tries.of_address(from(1)).is_err());
        assert!(tries.of_login(&email(100), from(2)).unwrap().wait.is_none());
    }

    #[test]
    fn those_who_are_known_have_their_tries_too() {
        let tries = Tries::default();
        let known = (0..30).map_while(|_| tries.of_login("a@example.com", from(1)).ok());
        assert_eq!(known.filter(|one| one.wait.is_some()).count(), 10);
    }

    #[test]
    fn what_goes_well_is_no_try() {
        let tries = Tries::default();
        for _ in 0..500 {
            let one = tries.of_login("a@example.com", from(1)).unwrap();
            assert!(one.wait.is_none());
            tries.give_back(&one);
        }
    }
}
