//! Activities: what was said and done between a company and its clients.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::kernel::fault::{Faults, Refusal};

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ActivityKind {
    Call,
    Email,
    Meeting,
    Message,
    Note,
}

/// The activities of a deal, or those of a client, in short: as conditions look at them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActivitySummary {
    /// How many of a kind have happened, and when the last of them did.
    pub happened: BTreeMap<ActivityKind, (i64, DateTime<Utc>)>,
    /// How many have reached their goal.
    pub reached: i64,
    /// For when the first of those is planned that are yet to happen.
    pub next_at: Option<DateTime<Utc>>,
}

impl ActivitySummary {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    Reached,
    NotReached,
}

/// How a call went that an exchange told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CallStatus {
    /// Somebody talked with the client.
    Answered,
    /// Nobody did, of whoever was called.
    Missed,
    Busy,
    /// We hung up before it was answered.
    Cancelled,
    Failed,
}

/// What an exchange told of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallFact {
    pub status: CallStatus,
    pub talk_seconds: i64,
}

/// Whether a call is one of those that are asked for. One in which nobody talked counts only where its status is asked
/// for; one that somebody wrote down only where nothing is asked of it that an exchange alone can tell.
pub fn is_such_a_call(
    call: Option<CallFact>,
    status: Option<CallStatus>,
    talk_seconds: Option<u32>,
) -> bool {
    match call {
        Some(call) => {
            call.status == status.unwrap_or(CallStatus::Answered)
                && call.talk_seconds >= i64::from(talk_seconds.unwrap_or(0))
        }
        None => status.is_none() && talk_seconds.is_none(),
    }
}

/// How an activity goes: planned or not, happened or not, called off, and with which outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Course {
    pub planned_at: Option<DateTime<Utc>>,
    pub happened_at: Option<DateTime<Utc>>,
    pub cancelled: bool,
    pub outcome: Option<Outcome>,
}

/// What becomes known of it: none keeps, `Some(None)` clears.
#[derive(Debug, Clone, Copy, Default)]
pub struct CourseChange {
    pub planned_at: Option<Option<DateTime<Utc>>>,
    pub happened_at: Option<DateTime<Utc>>,
    pub cancelled: Option<bool>,
    pub outcome: Option<Outcome>,
}

impl Course {
    /// One that is written down: it is planned, or else it has happened, now if nothing is said.
    pub fn begun(mut change: CourseChange, now: DateTime<Utc>) -> Result<Self, Refusal> {
        if !matches!(change.planned_at, Some(Some(_))) {
            change.happened_at = change.happened_at.or(Some(now));
        }
        Self::default().changed(change, now)
    }

    pub fn changed(self, change: CourseChange, now: DateTime<Utc>) -> Result<Self, Refusal> {
        let course = Self {
            planned_at: change.planned_at.unwrap_or(self.planned_at),
            // How it went is known of what has happened.
            happened_at: change.happened_at.or(self.happened_at).or(change.outcome.and(Some(now))),
            cancelled: change.cancelled.unwrap_or(self.cancelled),
            outcome: change.outcome.or(self.outcome),
        };
        let mut faults = Faults::default();
        if course.happened_at.is_some_and(|at| at > now) {
            let detail = "Must not be in the future; what is planned has planned_at.";
            faults.add("/happened_at", "in_the_future", detail);
        }
        if course.cancelled && course.happened_at.is_some() {
            faults.add("/cancelled", "not_allowed", "What has happened is not cancelled.");
        }
        faults.into_result()?;
        Ok(course)
    }

    /// Whether it has happened since, or has become known how it went: that counts for the deal's present visit.
    pub fn is_news(self, before: Self) -> bool {
        let known = before.happened_at.is_none() || before.outcome != self.outcome;
        self.happened_at.is_some() && known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_nobody_answered_counts_where_it_is_asked_for() {
        let told = |status, talk_seconds| Some(CallFact { status, talk_seconds });
        let (answered, missed) = (told(CallStatus::Answered, 30), told(CallStatus::Missed, 0));
        let is = is_such_a_call;
        assert!(is(None, None, None) && is(answered, None, None) && !is(missed, None, None));
        assert!(is(missed, Some(CallStatus::Missed), None));
        assert!(!is(answered, Some(CallStatus::Missed), None));
        assert!(!is(None, Some(CallStatus::Answered), None) && !is(None, None, Some(1)));
        assert!(is(answered, None, Some(30)) && !is(answered, None, Some(31)));
    }

    #[test]
    fn an_activity_is_planned_happens_and_is_not_called_off_then() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let now = at(100);
        let begun = |change| Course::begun(change, now).unwrap();
        let told = CourseChange::default();
        assert_eq!(begun(told).happened_at, Some(now));
        let planned = begun(CourseChange { planned_at: Some(Some(at(900))), ..told });
        assert_eq!((planned.planned_at, planned.happened_at), (Some(at(900)), None));
        let off = CourseChange { cancelled: Some(true), ..told };
        assert!(planned.changed(off, now).unwrap().cancelled && !planned.is_news(planned));
        let held = planned.changed(CourseChange { outcome: Some(Outcome::Reached), ..told }, now);
        let held = held.unwrap();
        assert!(held.happened_at == Some(now) && held.is_news(planned) && !held.is_news(held));
        let other = held.changed(CourseChange { outcome: Some(Outcome::NotReached), ..told }, now);
        assert!(other.unwrap().is_news(held));
        let codes = |result: Result<Course, Refusal>| match result {
            Err(Refusal::Invalid(faults)) => faults.iter().map(|fault| fault.code).collect(),
            _ => vec![],
        };
        let wrong = CourseChange { happened_at: Some(at(101)), cancelled: Some(true), ..told };
        assert_eq!(codes(planned.changed(wrong, now)), ["in_the_future", "not_allowed"]);
        assert_eq!(codes(held.changed(off, now)), ["not_allowed"]);
    }
}
