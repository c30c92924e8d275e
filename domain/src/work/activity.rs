//! Activities: what was said and done between a company and its clients.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    Call,
    Email,
    Meeting,
    Message,
    Note,
}

impl ActivityKind {
    pub const ALL: [Self; 5] = [Self::Call, Self::Email, Self::Meeting, Self::Message, Self::Note];
}

/// The activities of a deal, or those of a client, in short: as conditions look at them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Touches {
    /// How many of a kind have happened, and when the last of them did.
    pub happened: BTreeMap<ActivityKind, (i64, DateTime<Utc>)>,
    /// How many have reached their goal.
    pub reached: i64,
    /// For when the first of those is planned that are yet to happen.
    pub next_at: Option<DateTime<Utc>>,
}

impl Touches {
    /// How many have happened, of a kind or of all.
    pub fn count(&self, kind: Option<ActivityKind>) -> i64 {
        self.of(kind).map(|(count, _)| *count).sum()
    }

    /// When the last one happened.
    pub fn last_at(&self, kind: Option<ActivityKind>) -> Option<DateTime<Utc>> {
        self.of(kind).map(|(_, at)| *at).max()
    }

    fn of(&self, kind: Option<ActivityKind>) -> impl Iterator<Item = &(i64, DateTime<Utc>)> {
        let all = self.happened.iter();
        all.filter(move |(one, _)| kind.is_none_or(|kind| kind == **one)).map(|(_, told)| told)
    }
}

/// Whether an activity reached its goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Reached,
    NotReached,
}
