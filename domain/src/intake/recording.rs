//! Recordings of calls: whether they are fetched, when it is tried again, and for how long they are kept.

pub mod audio;
#[cfg(test)]
mod tests;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use audio::NotAudio;

/// What becomes of the recordings that an exchange tells of.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Recordings {
    /// The link is kept, and the recording stays where it is.
    #[default]
    Link,
    /// They are fetched, and kept here.
    Fetch,
}

/// How it is with a recording that is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RecordingState {
    /// It is to be fetched, again or for the first time.
    Waiting,
    Kept,
    /// It could not be fetched, and is tried no more.
    Failed,
    /// It was kept for as long as the workspace says, or its link was taken away.
    Gone,
}

/// How it is with the recording of an activity, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Heard {
    /// Only where it can be heard elsewhere is known.
    Link,
    Waiting,
    Kept,
    Failed,
    Gone,
}

impl From<RecordingState> for Heard {
    fn from(state: RecordingState) -> Self {
        match state {
            RecordingState::Waiting => Self::Waiting,
            RecordingState::Kept => Self::Kept,
            RecordingState::Failed => Self::Failed,
            RecordingState::Gone => Self::Gone,
        }
    }
}

/// What is shown of an activity with such a link, of which that was fetched or is to be: none if there is nothing to
/// hear, and never was. A link that somebody has put in the place of the one that was fetched is only that.
pub fn heard(link: Option<&str>, fetched: Option<(&str, RecordingState)>) -> Option<Heard> {
    match (link, fetched) {
        (Some(link), Some((url, state))) if link == url => Some(state.into()),
        (Some(_), _) => Some(Heard::Link),
        (None, Some(_)) => Some(Heard::Gone),
        (None, None) => None,
    }
}

/// Recordings of calls before that are kept no more, where they are kept for so many days.
pub fn kept_since(now: DateTime<Utc>, days: i32) -> DateTime<Utc> {
    let kept = TimeDelta::try_days(i64::from(days));
    kept.and_then(|kept| now.checked_sub_signed(kept)).unwrap_or(DateTime::UNIX_EPOCH)
}

/// How long is waited after each attempt: many recordings are there a few seconds after they are told of.
pub const PAUSES: [TimeDelta; 8] = [
    TimeDelta::seconds(5),
    TimeDelta::seconds(15),
    TimeDelta::minutes(1),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(12),
    TimeDelta::hours(24),
];
/// A host that asks for more patience than that is not heard.
pub const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(24);

/// Why a recording was not fetched. Nothing of it is in the words of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The link is none that is fetched.
    BadLink,
    /// It leads to an address that nothing is fetched from.
    Refused,
    /// The name has no address, or nobody answers there.
    Unreachable,
    TookTooLong,
    /// The answer broke off.
    BrokeOff,
    TooManyRedirects,
    Status(u16),
    NoAudio(NotAudio),
    /// With the number of bytes that a file may have.
    TooLarge(u64),
    /// The workspace has no room for it.
    NoRoom,
    /// Something of our own was away.
    Ours,
}

impl Failure {
    /// Whether it may be there at another time.
    pub fn passes(&self) -> bool {
        match self {
            Self::BadLink | Self::Refused | Self::TooManyRedirects | Self::TooLarge(_) => false,
            // Who may not have it yet, and who has not written it yet, say many things; that it is gone is the last one.
            Self::Status(status) => *status != 410,
            Self::Unreachable
            | Self::TookTooLong
            | Self::BrokeOff
            | Self::NoAudio(_)
            | Self::NoRoom
            | Self::Ours => true,
        }
    }

    /// How long is waited after so many attempts; none if it is tried no more. A host may ask for more patience.
    pub fn pause(&self, attempts: i32, asked: Option<TimeDelta>) -> Option<TimeDelta> {
        if !self.passes() {
            return None;
        }
        let after = usize::try_from(attempts.max(1)).unwrap_or(usize::MAX).saturating_sub(1);
        let pause = PAUSES.get(after)?;
        Some(asked.map_or(*pause, |asked| asked.min(LONGEST_PAUSE).max(*pause)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadLink => f.write_str("The link is no address of the web."),
            Self::Refused => f.write_str(
                "The link leads to an address inside a network, from which nothing is fetched.",
            ),
            Self::Unreachable => f.write_str("Nobody answers where the link leads."),
            Self::TookTooLong => f.write_str("The recording took too long to come."),
            Self::BrokeOff => f.write_str("The recording broke off while it came."),
            Self::TooManyRedirects => f.write_str("The link leads on and on."),
            Self::Status(status) => write!(f, "The exchange answered {status}."),
            Self::NoAudio(why) => why.fmt(f),
            Self::TooLarge(most) => {
                write!(f, "The recording is larger than a file may be: {most} bytes.")
            }
            Self::NoRoom => f.write_str("The workspace has no room for more files."),
            Self::Ours => f.write_str("The server could not keep it at the moment."),
        }
    }
}
