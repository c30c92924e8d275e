//! What exchanges post: whether it is theirs, and what it says of which call. An adapter is one file.
//!
//! Adapters read and verify, and decide nothing: what a call was is the domain's ([`voronka_domain::intake::call`]).

pub mod canonical;
pub mod standard_webhooks;

use chrono::{DateTime, Utc};
use voronka_domain::intake::call::Told;

/// Ids and numbers of exchanges are no longer than this.
pub const LONGEST_ID: usize = 200;
pub const LONGEST_NUMBER: usize = 64;
/// One post tells of so many events at most.
pub const MOST_EVENTS: usize = 100;

/// A post as it came in.
#[derive(Debug, Clone)]
pub struct Posted<'p> {
    /// Names in lower case. Of a header that came twice, the first.
    pub headers: &'p [(String, String)],
    pub body: &'p [u8],
}

impl Posted<'_> {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

/// Why a post was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{0} is missing.")]
    Missing(&'static str),
    #[error("The signature is not one of this integration's secrets.")]
    Signature,
    #[error(
        "It was sent at another time: the clocks differ, or it was sent again by somebody else."
    )]
    Stale,
}

/// Why a post says nothing that is understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// An exchange's way of telling.
pub trait Adapter: Sync {
    /// Its word in `adapter`.
    fn name(&self) -> &'static str;

    /// Whether somebody with one of the secrets sent it, now. Answers what a repetition has in common with it, if
    /// the exchange says so.
    fn verify(
        &self,
        posted: &Posted<'_>,
        secrets: &[&str],
        now: DateTime<Utc>,
    ) -> Result<Option<String>, Refused>;

    /// What a post says of calls. What it does not know it passes over.
    fn read(&self, body: &[u8]) -> Result<Vec<Told>, Unreadable>;
}

pub const ADAPTERS: [&dyn Adapter; 1] = [&canonical::Canonical];

pub fn named(name: &str) -> Option<&'static dyn Adapter> {
    ADAPTERS.into_iter().find(|adapter| adapter.name() == name)
}
