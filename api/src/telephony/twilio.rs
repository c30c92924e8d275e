//! Status callbacks of Twilio, and of what speaks like it: a form for each state of each leg
//! (<https://www.twilio.com/docs/voice/api/call-resource#statuscallback>).
//!
//! The first leg is the call, and those that it dials have it as their parent. A client's first leg is whoever calls
//! or is called; one that goes to `client:` or `sip:` is a phone of the company, whose way to the client is told by the
//! leg behind it.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use voronka_domain::intake::call::{Call, Direction, LONGEST_TALK, Leg, LegEnd, Parties, Told};

use super::{
    Adapter, Kept, LONGEST_ID, LONGEST_NUMBER, MOST_FIELDS, Posted, Refused, Secret, Unreadable,
    field, fields,
    said::{short, web},
};

pub struct Twilio;

impl Adapter for Twilio {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn secret(&self) -> Secret {
        Secret::Given("Auth Token")
    }

    fn takes(&self, secret: &str) -> bool {
        !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// There is nothing that a repetition has in common with it: the header that says so is not signed.
    fn verify(
        &self,
        posted: &Posted<'_>,
        secrets: &[&str],
        _now: DateTime<Utc>,
    ) -> Result<Option<String>, Refused> {
        let signature =
            posted.header("x-twilio-signature").ok_or(Refused::Missing("x-twilio-signature"))?;
        // Never what the request says of itself: whoever is between could have said it.
        let url = posted.url.ok_or(Refused::Missing("external_url"))?;
        let signature = STANDARD.decode(signature.trim()).map_err(|_| Refused::Signature)?;
        let said = signed(posted).ok_or(Refused::Signature)?;
        let settings = posted.header("x-twilio-webhooks-signature-settings").unwrap_or_default();
        let newer = settings.split(',').any(|setting| {
            setting.split_once('=').is_some_and(|(name, value)| {
                name.trim() == "algorithm" && value.trim().eq_ignore_ascii_case("HMAC_SHA256")
            })
        });
        let mut found = false;
        for url in with_and_without_port(url) {
            for secret in secrets {
                let parts = [url.as_str(), said.as_str()];
                found |= match newer {
                    true => is_signed::<Hmac<Sha256>>(secret, parts, &signature),
                    false => is_signed::<Hmac<Sha1>>(secret, parts, &signature),
                };
            }
        }
        if found { Ok(None) } else { Err(Refused::Signature) }
    }

    fn read(&self, kept: &Kept<'_>) -> Result<Vec<Told>, Unreadable> {
        let fields = said(kept)?;
        let get = |name| field(&fields, name);
        if get("CallStatus").is_none() && get("RecordingUrl").is_none() {
            return Ok(Vec::new());
        }
        let id = get("CallSid").and_then(|id| short(id, LONGEST_ID)).ok_or_else(|| {
            Unreadable(format!("CallSid is missing, or longer than {LONGEST_ID} bytes."))
        })?;
        let parent = get("ParentCallSid").and_then(|id| short(id, LONGEST_ID));
        let at = match get("Timestamp").or_else(|| get("RecordingStartTime")) {
            None => kept.received_at,
            Some(text) => moment(text).ok_or_else(|| {
                Unreadable("Timestamp is no time like Sat, 28 Nov 2026 09:00:00 +0000.".to_owned())
            })?,
        };
        let mut call = Call { first_at: Some(at), last_at: Some(at), ..Call::default() };
        if matches!(get("RecordingStatus"), None | Some("completed")) {
            call.recordings.extend(get("RecordingUrl").and_then(|url| web(Some(url))));
        }
        let state = get("CallStatus").map_or(State::Other, State::of);
        let leg = Ended { at, state, seconds: get("CallDuration").and_then(seconds) };
        match parent.is_some() {
            true => child(&mut call, &fields, id.clone(), &leg),
            false => first(&mut call, &fields, id.clone(), &leg),
        }
        Ok(vec![Told { root: parent.unwrap_or(id), also: Vec::new(), call }])
    }
}

/// What is signed behind the address: the fields of a form, in order and each once. What is no form is told by its
/// digest, which stands in the address.
fn signed(posted: &Posted<'_>) -> Option<String> {
    let mut query = form_urlencoded::parse(posted.query.as_bytes());
    let digest = query.find(|(name, _)| name == "bodySHA256").map(|(_, digest)| digest);
    let is_form = is_form(posted.header("content-type"));
    match digest {
        Some(digest) if !is_form => {
            let whole = hex::decode(digest.as_bytes()).ok()?;
            // What it must be is in the address, and no secret.
            (whole[..] == Sha256::digest(posted.body)[..]).then(String::new)
        }
        None if !is_form && !posted.body.is_empty() => None,
        _ => {
            let mut fields = fields(posted.body);
            fields.sort_unstable();
            fields.dedup();
            Some(fields.into_iter().map(|(name, value)| name + &value).collect())
        }
    }
}

fn is_signed<M: Mac + hmac::digest::KeyInit>(
    secret: &str,
    parts: [&str; 2],
    signature: &[u8],
) -> bool {
    let Ok(mut mac) = <M as Mac>::new_from_slice(secret.as_bytes()) else { return false };
    parts.iter().for_each(|part| mac.update(part.as_bytes()));
    mac.verify_slice(signature).is_ok()
}

/// Twilio signs the address now with the port and now without it.
fn with_and_without_port(url: &str) -> Vec<String> {
    let mut urls = vec![url.to_owned()];
    let Some((scheme, behind)) = url.split_once("://") else { return urls };
    let end = behind.find(['/', '?', '#']).unwrap_or(behind.len());
    let Some((host, path)) = behind.split_at_checked(end) else { return urls };
    let port = host
        .rsplit_once(':')
        .filter(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    urls.push(match port {
        Some((host, _)) => format!("{scheme}://{host}{path}"),
        None => format!("{scheme}://{host}:{}{path}", if scheme == "https" { 443 } else { 80 }),
    });
    urls
}

fn is_form(content_type: Option<&str>) -> bool {
    content_type.is_none_or(|kind| {
        kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
    })
}

fn said(kept: &Kept<'_>) -> Result<Vec<(String, String)>, Unreadable> {
    if is_form(kept.content_type) {
        return Ok(fields(kept.body));
    }
    let value: Value = serde_json::from_slice(kept.body)
        .map_err(|error| Unreadable(format!("Neither a form nor JSON: {error}.")))?;
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let Value::Object(fields) = value else { return Ok(Vec::new()) };
    let fields = fields.into_iter().take(MOST_FIELDS);
    Ok(fields.filter_map(|(name, value)| Some((name, text(value)?))).collect())
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc2822(text).or_else(|_| DateTime::parse_from_rfc3339(text));
    at.ok().map(|at| at.to_utc())
}

fn seconds(text: &str) -> Option<i64> {
    text.parse().ok().filter(|seconds| (0..=LONGEST_TALK).contains(seconds))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Queued,
    Ringing,
    Answered,
    /// It was answered, and has ended.
    Completed,
    InVain(LegEnd),
    Other,
}

impl State {
    fn of(text: &str) -> Self {
        match text {
            "queued" | "initiated" => Self::Queued,
            "ringing" => Self::Ringing,
            "in-progress" | "answered" => Self::Answered,
            "completed" => Self::Completed,
            "busy" => Self::InVain(LegEnd::Busy),
            "no-answer" => Self::InVain(LegEnd::NoAnswer),
            "failed" => Self::InVain(LegEnd::Failed),
            "canceled" | "cancelled" => Self::InVain(LegEnd::Cancelled),
            _ => Self::Other,
        }
    }

    fn is_last(self) -> bool {
        matches!(self, Self::Completed | Self::InVain(_))
    }
}

struct Ended {
    at: DateTime<Utc>,
    state: State,
    seconds: Option<i64>,
}

impl Ended {
    /// When it was answered, as its end tells: there may be no other callback.
    fn answered_at(&self) -> DateTime<Utc> {
        let seconds = TimeDelta::seconds(self.seconds.unwrap_or(0));
        self.at.checked_sub_signed(seconds).unwrap_or(self.at)
    }

    fn leg(&self, party: Option<String>) -> Leg {
        let mut leg = Leg { party, ..Leg::default() };
        match self.state {
            State::Ringing => leg.rang_at = Some(self.at),
            State::Answered => leg.bridged_at = Some(self.at),
            State::Completed => {
                leg.bridged_at = Some(self.answered_at());
                leg.talk_seconds = self.seconds;
                (leg.ended_at, leg.end) = (Some(self.at), Some(LegEnd::HungUp));
            }
            State::InVain(end) => (leg.ended_at, leg.end) = (Some(self.at), Some(end)),
            State::Queued | State::Other => {}
        }
        leg
    }
}

/// Who is at an end: `client:101` and `sip:101@pbx.example` are the phone 101.
fn party(text: &str) -> (Option<String>, bool) {
    let (text, is_phone) = match text.split_once(':') {
        Some(("client" | "sip" | "sips", rest)) => {
            (rest.split(['@', ';']).next().unwrap_or(rest), true)
        }
        _ => (text, false),
    };
    (short(text, LONGEST_NUMBER), is_phone)
}

fn first(call: &mut Call, fields: &[(String, String)], id: String, leg: &Ended) {
    let (at, get) = (leg.at, |name| field(fields, name));
    match leg.state {
        State::Queued | State::Ringing => call.began_at = Some(at),
        State::Completed => call.began_at = Some(leg.answered_at()),
        _ => {}
    }
    call.over_at = leg.state.is_last().then_some(at);
    let (from, is_from_phone) = get("From").map_or((None, false), party);
    let (to, is_to_phone) = get("To").map_or((None, false), party);
    if from.is_none() && to.is_none() {
        return;
    }
    let is_in = get("Direction").is_none_or(|direction| direction.starts_with("inbound"));
    let parties = |from: Option<String>, to, line, direction| {
        Some(Parties { at, from, to, line, direction: Some(direction) })
    };
    // Where a phone of ours comes first, the client's number is told by the leg behind it: what knows less waits
    // until the end, since of parties the first that were told are believed.
    call.parties = match (is_in, is_from_phone, is_to_phone) {
        (true, false, _) => parties(from, to.clone(), to, Direction::In),
        (true, true, _) if to.is_some() => {
            call.legs.insert(id, leg.leg(from.clone()));
            parties(from, to, None, Direction::Out)
        }
        (true, true, _) => {
            call.legs.insert(id, leg.leg(from.clone()));
            parties(from, None, None, Direction::Out).filter(|_| leg.state.is_last())
        }
        (false, _, true) => {
            call.legs.insert(id, leg.leg(to.clone()));
            parties(to, None, from, Direction::Out).filter(|_| leg.state.is_last())
        }
        (false, _, false) => {
            call.legs.insert(id, leg.leg(to.clone()));
            parties(from.clone(), to, from, Direction::Out)
        }
    };
}

fn child(call: &mut Call, fields: &[(String, String)], id: String, leg: &Ended) {
    let get = |name| field(fields, name);
    let (from, _) = get("From").map_or((None, false), party);
    let (to, is_to_phone) = get("To").map_or((None, false), party);
    call.legs.insert(id, leg.leg(to.clone()));
    // Of a call that is passed on in the name of a line, both ends are the company's.
    let direction = is_to_phone.then_some(Direction::In);
    call.parties = to.map(|to| Parties { at: leg.at, from, to: Some(to), line: None, direction });
}

#[cfg(test)]
mod tests;
