//! A call as a list of calls has it: all of it in a line, told when it was over.

use chrono::{DateTime, TimeDelta, Utc};

use super::call::{Call, Direction, Exchange, Leg, LegEnd, Listed, Parties, Told};
use crate::work::activity::CallStatus;

/// A line of a list; of a call that was transferred a list may have several, one for each phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCall {
    /// The exchange's id of the whole call.
    pub root: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub direction: Option<Direction>,
    /// None: the caller hides.
    pub from: Option<String>,
    pub to: Option<String>,
    pub line: Option<String>,
    /// The employee's phone.
    pub extension: Option<String>,
    pub status: CallStatus,
    /// Of a call that was answered; the whole call where it is not told.
    pub talk_seconds: Option<i64>,
    pub recording: Option<String>,
}

impl ListedCall {
    /// What it tells of the call. What the exchange itself has told of who talked is finer, and goes before it.
    pub fn told<U: Copy + PartialEq>(
        self,
        exchange: &Exchange<U>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Told {
        let Self { from, to, extension, .. } = self;
        let between = |from: &Option<String>, to: &Option<String>, line: &Option<String>| Parties {
            at: self.started_at,
            from: from.clone(),
            to: to.clone(),
            line: line.clone(),
            direction: self.direction,
        };
        let as_it_stands = Call { parties: Some(between(&from, &to, &None)), ..Call::default() };
        let direction = as_it_stands.judged(exchange, read).direction;
        // Lists have the phone, the line, or both: the phone says who it was.
        let line = self.line.or_else(|| {
            let outer = if direction == Direction::Out { &from } else { &to };
            outer.clone().filter(|_| extension.is_some())
        });
        let (from, to, answers) = match direction {
            Direction::Out => (extension.clone().or(from), to.clone(), to),
            Direction::In => (from, to.clone().or(extension.clone()), extension.clone().or(to)),
            Direction::Internal => (from, to.clone(), to),
        };
        let answered = self.status == CallStatus::Answered;
        let ended_at = self.ended_at.or_else(|| {
            let talk = TimeDelta::try_seconds(self.talk_seconds.filter(|_| answered)?)?;
            self.started_at.checked_add_signed(talk)
        });
        let ended_at = ended_at.unwrap_or(self.started_at).max(self.started_at);
        let whole = (ended_at - self.started_at).num_seconds();
        let leg = Leg {
            party: answers.clone(),
            rang_at: Some(self.started_at),
            // Before they talked it rang.
            bridged_at: answered.then(|| {
                let talk = TimeDelta::try_seconds(self.talk_seconds.unwrap_or(whole));
                let since = talk.and_then(|talk| ended_at.checked_sub_signed(talk));
                since.unwrap_or(self.started_at).max(self.started_at)
            }),
            ended_at: Some(ended_at),
            talk_seconds: answered.then(|| self.talk_seconds.unwrap_or(whole)),
            end: Some(match self.status {
                CallStatus::Answered => LegEnd::HungUp,
                CallStatus::Missed => LegEnd::NoAnswer,
                CallStatus::Busy => LegEnd::Busy,
                CallStatus::Cancelled => LegEnd::Cancelled,
                CallStatus::Failed => LegEnd::Failed,
            }),
            ..Leg::default()
        };
        let phone = extension.or(answers).unwrap_or_default();
        let listed = Listed {
            parties: between(&from, &to, &line),
            began_at: self.started_at,
            over_at: ended_at,
            legs: [(phone, leg)].into(),
        };
        let recordings = self.recording.into_iter().collect();
        let call = Call { listed: Some(listed), recordings, ..Call::default() };
        Told { root: self.root, also: Vec::new(), call }
    }
}
