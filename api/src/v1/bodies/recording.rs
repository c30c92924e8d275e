//! The recording of a call, as activities show it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use voronka_domain::intake::recording::{Heard, heard};
use voronka_persistence::{Error, core::enum_names::to_name, intake::recordings::Recording};

use crate::http::words;

/// How it is with the recording of a call.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ActivityRecording)]
pub struct RecordingBody {
    /// `link`: `recording_url` is all that is known of it. Of an exchange whose recordings are fetched: `waiting`, it is
    /// to be fetched, again or for the first time; `kept`, `GET /v1/activities/{id}/recording` plays it; `failed`, it
    /// could not be fetched, and is tried no more; `gone`, it was kept for as long as the workspace says, or its link
    /// was taken away.
    #[schema(value_type = words::RecordingState, example = "kept")]
    pub state: String,
    /// Why it was not fetched the last time.
    pub reason: Option<String>,
    /// When it is tried next, of one that waits.
    pub next_at: Option<DateTime<Utc>>,
    /// What it is, of one that is kept.
    #[schema(example = "audio/wav")]
    pub content_type: Option<String>,
    /// How long it is, of one that is kept.
    #[schema(example = 482_044)]
    pub bytes: Option<i64>,
}

impl RecordingBody {
    /// Of an activity with such a link.
    pub fn of(link: Option<&str>, row: Option<&Recording>) -> Result<Option<Self>, Error> {
        let state = row.map(Recording::state).transpose()?;
        let Some(state) = heard(link, row.map(|row| row.url.as_str()).zip(state)) else {
            return Ok(None);
        };
        // What is known of another link is not of this one.
        let row = row.filter(|_| state != Heard::Link);
        Ok(Some(Self {
            state: to_name(&state),
            reason: row.and_then(|row| row.reason.clone()),
            next_at: row.and_then(|row| row.next_at),
            content_type: row.and_then(|row| row.content_type.clone()),
            bytes: row.and_then(|row| row.bytes),
        }))
    }

    /// Why there is nothing to play, for people.
    pub fn why_not(shown: Option<&Self>) -> String {
        let Some(shown) = shown else { return "The activity has no recording.".to_owned() };
        let reason = shown.reason.as_deref().unwrap_or_default();
        let next = shown.next_at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        let says = match (shown.state.as_str(), next) {
            ("link", _) => "Recordings of this exchange are not fetched: recording_url says where it can be heard.".to_owned(),
            ("waiting", Some(at)) => format!("It is to be fetched: at {at}. {reason}"),
            ("failed", _) => format!("It could not be fetched. {reason}"),
            ("gone", _) => "It was kept for as long as the workspace keeps recordings, or its link was taken away.".to_owned(),
            _ => "It is to be fetched.".to_owned(),
        };
        says.trim_end().to_owned()
    }
}
