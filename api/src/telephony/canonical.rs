//! Voronka's own form: JSON, signed by Standard Webhooks. What an exchange without an adapter is made to post.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use voronka_domain::intake::call::{Call, Direction, LONGEST_TALK, Leg, LegEnd, Parties, Told};

use super::{
    Adapter, Kept, LONGEST_ID, LONGEST_NUMBER, MOST_EVENTS, Posted, Refused, Secret, Unreadable,
    standard_webhooks,
};

pub struct Canonical;

/// What has happened in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// Somebody calls.
    Started,
    /// A phone rings.
    Ringing,
    /// A phone is bridged to the caller.
    Answered,
    /// A leg has ended.
    Left,
    /// The call has ended.
    Ended,
    /// It can be heard.
    Recording,
}

/// Unknown fields are passed over.
#[derive(Debug, Deserialize)]
struct Event {
    call_id: String,
    #[serde(rename = "type")]
    what: What,
    at: DateTime<Utc>,
    from: Option<String>,
    to: Option<String>,
    line: Option<String>,
    direction: Option<Direction>,
    leg_id: Option<String>,
    /// The phone of the leg: an extension, or a number outside.
    party: Option<String>,
    machine: Option<bool>,
    talk_seconds: Option<i64>,
    reason: Option<String>,
    recording_url: Option<String>,
}

impl Adapter for Canonical {
    fn name(&self) -> &'static str {
        "canonical"
    }

    fn verify(
        &self,
        posted: &Posted<'_>,
        secrets: &[&str],
        now: DateTime<Utc>,
    ) -> Result<Option<String>, Refused> {
        standard_webhooks::verify(posted, secrets, now).map(Some)
    }

    fn secret(&self) -> Secret {
        Secret::Made(standard_webhooks::secret)
    }

    fn read(&self, kept: &Kept<'_>) -> Result<Vec<Told>, Unreadable> {
        let value: serde_json::Value = serde_json::from_slice(kept.body)
            .map_err(|error| Unreadable(format!("Not JSON: {error}.")))?;
        let events = match value.get("events") {
            Some(events) => serde_json::from_value::<Vec<Event>>(events.clone()),
            None => serde_json::from_value::<Event>(value).map(|event| vec![event]),
        };
        let events = events.map_err(|error| Unreadable(format!("No event of a call: {error}.")))?;
        if events.len() > MOST_EVENTS {
            return Err(Unreadable(format!("At most {MOST_EVENTS} events at a time.")));
        }
        events.into_iter().map(Event::told).collect()
    }
}

fn short(field: &str, text: Option<&str>, longest: usize) -> Result<(), Unreadable> {
    match text {
        Some(text) if text.len() > longest || text.contains('\0') => {
            Err(Unreadable(format!("{field} is longer than {longest} bytes, or has a NUL.")))
        }
        _ => Ok(()),
    }
}

fn end(reason: Option<&str>) -> LegEnd {
    match reason {
        Some("hung_up") => LegEnd::HungUp,
        Some("no_answer") => LegEnd::NoAnswer,
        Some("busy") => LegEnd::Busy,
        Some("cancelled") => LegEnd::Cancelled,
        Some("failed") => LegEnd::Failed,
        Some("answered_elsewhere") => LegEnd::AnsweredElsewhere,
        _ => LegEnd::Unknown,
    }
}

impl Event {
    fn told(self) -> Result<Told, Unreadable> {
        if self.call_id.is_empty() {
            return Err(Unreadable("call_id is empty.".to_owned()));
        }
        short("call_id", Some(&self.call_id), LONGEST_ID)?;
        short("leg_id", self.leg_id.as_deref(), LONGEST_ID)?;
        for (field, text) in
            [("from", &self.from), ("to", &self.to), ("line", &self.line), ("party", &self.party)]
        {
            short(field, text.as_deref(), LONGEST_NUMBER)?;
        }
        short(
            "recording_url",
            self.recording_url.as_deref(),
            crate::http::limits::ADDRESS as usize,
        )?;
        let at = Some(self.at);
        let mut call = Call { first_at: at, last_at: at, ..Call::default() };
        if self.from.is_some() || self.to.is_some() {
            call.parties = Some(Parties {
                at: self.at,
                from: self.from,
                to: self.to,
                line: self.line,
                direction: self.direction,
            });
        }
        let mut leg = Leg {
            party: self.party.clone(),
            machine: self.machine.unwrap_or(false),
            talk_seconds: self.talk_seconds.filter(|seconds| (0..=LONGEST_TALK).contains(seconds)),
            ..Leg::default()
        };
        match self.what {
            What::Started => call.began_at = at,
            What::Ringing => leg.rang_at = at,
            What::Answered => leg.bridged_at = at,
            What::Left => (leg.ended_at, leg.end) = (at, Some(end(self.reason.as_deref()))),
            What::Ended => call.over_at = at,
            What::Recording => {}
        }
        if matches!(self.what, What::Ringing | What::Answered | What::Left) {
            let id = self.leg_id.or(self.party);
            let id = id.ok_or_else(|| Unreadable("A leg has leg_id or party.".to_owned()))?;
            call.legs.insert(id, leg);
        }
        // What a browser is not to be sent to stays in the post.
        let web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        call.recordings.extend(self.recording_url.filter(web));
        Ok(Told { root: self.call_id, also: Vec::new(), call })
    }
}
