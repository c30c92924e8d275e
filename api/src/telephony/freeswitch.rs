//! What `mod_json_cdr` of FreeSWITCH posts: a record of each leg, when it has ended
//! (<https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_json_cdr_4653124>).
//!
//! The first leg is the call. It is no leg of anybody that the caller comes in by; its record tells of who was bridged
//! to it as well, so that the call was answered though the other record is lost.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode;
use serde_json::{Map, Value};
use voronka_domain::intake::call::{Call, Direction, Leg, LegEnd, Parties, Told};

use super::{
    Adapter, Kept, LONGEST_ID, LONGEST_NUMBER, Posted, Refused, Unreadable, basic, is_one,
    said::{short, web},
};

pub struct Freeswitch;

impl Adapter for Freeswitch {
    fn name(&self) -> &'static str {
        "freeswitch"
    }

    /// The password of HTTP Basic, which is all that the module can do.
    fn verify(
        &self,
        posted: &Posted<'_>,
        secrets: &[&str],
        _now: DateTime<Utc>,
    ) -> Result<Option<String>, Refused> {
        let (_, password) = basic(posted).ok_or(Refused::Missing("The password (HTTP Basic)"))?;
        if is_one(&password, secrets) { Ok(None) } else { Err(Refused::Signature) }
    }

    fn read(&self, kept: &Kept<'_>) -> Result<Vec<Told>, Unreadable> {
        let body = unwrapped(kept)?;
        let record: Value = serde_json::from_slice(&body).map_err(|error| {
            Unreadable(format!(
                "Not JSON: {error}. With encode and encode-values both on the module breaks it: set them to false."
            ))
        })?;
        let Some(variables) = record.get("variables").and_then(Value::as_object) else {
            return Ok(Vec::new());
        };
        let record = Record {
            variables,
            is_encoded: is_encoded(variables),
            profiles: match record.get("callflow") {
                Some(Value::Array(profiles)) => profiles.iter().collect(),
                Some(profile @ Value::Object(_)) => vec![profile],
                _ => Vec::new(),
            },
            kept,
        };
        record.told().map(|told| vec![told])
    }
}

/// The JSON as it is, behind `cdr=` as in an address, or behind `cdr=` as base64. Which of them the module says is not
/// always so.
fn unwrapped<'k>(kept: &Kept<'k>) -> Result<Cow<'k, [u8]>, Unreadable> {
    let body = kept.body.trim_ascii();
    let Some(wrapped) = body.strip_prefix(b"cdr=") else { return Ok(Cow::Borrowed(body)) };
    if wrapped.starts_with(b"%") || wrapped.starts_with(b"{") {
        // A plus is one: the module writes spaces as %20.
        return Ok(percent_decode(wrapped).into());
    }
    let text = |byte: &u8| !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'\0');
    let base64: Vec<u8> = wrapped.iter().copied().filter(text).collect();
    let mut decoded = STANDARD_NO_PAD
        .decode(base64)
        .map_err(|error| Unreadable(format!("Neither JSON nor base64 behind cdr=: {error}.")))?;
    while decoded.last() == Some(&0) {
        decoded.pop();
    }
    Ok(Cow::Owned(decoded))
}

/// By `encode-values` each variable is encoded as in an address. Nothing says so, but a record has times on the wall or
/// addresses of SIP, whose spaces and colons would be seen.
fn is_encoded(variables: &Map<String, Value>) -> bool {
    let is_plain = |value: &Value| {
        value.as_str().is_some_and(|text| text.contains([' ', ':', '@', '"', '<', '+']))
    };
    !variables.values().any(is_plain)
}

struct Record<'r> {
    variables: &'r Map<String, Value>,
    is_encoded: bool,
    /// The latest goes first.
    profiles: Vec<&'r Value>,
    kept: &'r Kept<'r>,
}

/// Another leg that a record tells of.
struct Other {
    id: String,
    party: Option<String>,
    is_machine: bool,
}

impl Record<'_> {
    fn var(&self, name: &str) -> Option<String> {
        let text = match self.variables.get(name)? {
            Value::String(text) if self.is_encoded => {
                percent_decode(text.as_bytes()).decode_utf8_lossy().into_owned()
            }
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        short(&text, usize::MAX)
    }

    fn id(&self, name: &str) -> Option<String> {
        self.var(name).and_then(|id| short(&id, LONGEST_ID))
    }

    fn number(&self, name: &str) -> Option<String> {
        self.var(name).and_then(|number| short(&number, LONGEST_NUMBER))
    }

    /// A moment of the record; zero where it was not.
    fn moment(&self, variable: &str, time: &str) -> Option<DateTime<Utc>> {
        let micros = |text: &str| text.parse().ok().filter(|micros: &i64| *micros > 0);
        let of_profile = |profile: &&Value| {
            let time = profile.get("times")?.get(time)?;
            time.as_i64().filter(|micros| *micros > 0).or_else(|| micros(time.as_str()?))
        };
        let told = self.profiles.iter().filter_map(of_profile).min();
        let told = told.or_else(|| micros(&self.var(&format!("{variable}_uepoch"))?));
        let seconds = || {
            let seconds = micros(&self.var(&format!("{variable}_epoch"))?)?;
            DateTime::from_timestamp(seconds, 0)
        };
        told.and_then(DateTime::from_timestamp_micros).or_else(seconds)
    }

    fn told(&self) -> Result<Told, Unreadable> {
        let id = self.id("uuid").ok_or_else(|| {
            Unreadable(format!("variables.uuid is missing, or longer than {LONGEST_ID} bytes."))
        })?;
        let began_at = self.moment("start", "created_time");
        let ended_at = self.moment("end", "hangup_time").unwrap_or(self.kept.received_at);
        let first_at = began_at.unwrap_or(ended_at).min(ended_at);
        let mut call =
            Call { first_at: Some(first_at), last_at: Some(ended_at), ..Call::default() };
        for name in ["recording_url", "record_url", "record_path", "cc_record_filename"] {
            call.recordings.extend(self.var(name).and_then(|url| web(Some(&url))));
        }
        let roots = self.roots(&id);
        let Some(root) = roots.first().cloned() else {
            call.began_at = began_at;
            call.over_at = Some(ended_at);
            self.first(&mut call, &id, first_at, ended_at);
            return Ok(Told { root: id, also: Vec::new(), call });
        };
        let (from, to) = self.caller();
        call.parties = self.parties(first_at, from, to);
        call.legs.insert(id.clone(), self.leg(self.called(), ended_at));
        // Its own, by which legs may call it that it has made; and another's that was bridged and may have been a call
        // of its own before.
        let mut also: Vec<String> = Vec::new();
        for other in roots.into_iter().chain([id]).chain(self.id("bridge_uuid")) {
            if other != root && !also.contains(&other) {
                also.push(other);
            }
        }
        Ok(Told { root, also, call })
    }

    /// The leg that this one belongs to, the surest word for it first. A first leg belongs to none.
    fn roots(&self, id: &str) -> Vec<String> {
        let member = self.id("cc_member_session_uuid");
        let member = member.filter(|_| self.var("cc_side").as_deref() != Some("member"));
        let words = [
            member,
            // Goes on from leg to leg, so that it is the first one's behind a transfer too.
            self.id("call_uuid"),
            self.id("ent_originate_aleg_uuid"),
            self.id("originating_leg_uuid"),
            self.originator().and_then(|profile| text(profile, "uuid", LONGEST_ID)),
            self.id("originator"),
        ];
        let mut roots: Vec<String> = Vec::new();
        for word in words.into_iter().flatten().filter(|word| word != id) {
            if !roots.contains(&word) {
                roots.push(word);
            }
        }
        roots
    }

    fn profile(&self) -> Option<&Value> {
        self.profiles.last().and_then(|profile| profile.get("caller_profile"))
    }

    fn originator(&self) -> Option<&Value> {
        let profiles = self.profiles.iter().filter_map(|profile| profile.get("caller_profile"));
        let mut originators = profiles.filter_map(|profile| {
            profile.get("originator")?.get("originator_caller_profiles")?.get(0)
        });
        originators.next()
    }

    /// The phone or the number at the end of a leg that was dialled.
    fn called(&self) -> Option<String> {
        let number =
            self.profile().and_then(|profile| text(profile, "destination_number", LONGEST_NUMBER));
        // Phones in browsers are registered by names that are made up.
        self.number("dialed_user").or(number).or_else(|| self.number("sip_to_user")).or_else(|| {
            let agent = self.number("cc_agent")?;
            agent.split('@').next().map(str::to_owned)
        })
    }

    /// Who called whom, as a leg that was dialled has it.
    fn caller(&self) -> (Option<String>, Option<String>) {
        let profile = self.originator().or_else(|| self.profile());
        let get = |name| profile.and_then(|profile| text(profile, name, LONGEST_NUMBER));
        let from = get("caller_id_number");
        match get("destination_number") {
            // A leg that the exchange made is turned around when it is answered.
            to if to.is_some() && to == from => (from, self.called()),
            _ if self.originator().is_none() => (from, None),
            to => (from, to),
        }
    }

    fn parties(
        &self,
        at: DateTime<Utc>,
        from: Option<String>,
        to: Option<String>,
    ) -> Option<Parties> {
        let direction = match self.var("call_direction").as_deref() {
            Some("inbound") => Some(Direction::In),
            Some("outbound") => Some(Direction::Out),
            Some("local") => Some(Direction::Internal),
            _ => None,
        };
        let is_told = from.is_some() || to.is_some();
        is_told.then_some(Parties { at, from, to, line: None, direction })
    }

    fn bridged_at(&self) -> Option<DateTime<Utc>> {
        let bridged_at = self.moment("bridge", "bridged_time");
        bridged_at.or_else(|| {
            let other = self.var("bridge_uuid").or_else(|| self.var("last_bridge_to"));
            self.moment("answer", "answered_time").filter(|_| other.is_some())
        })
    }

    fn leg(&self, party: Option<String>, ended_at: DateTime<Utc>) -> Leg {
        let channel = self.var("channel_name").unwrap_or_default();
        let bridged_at = self.bridged_at();
        let cause = self.var("hangup_cause").unwrap_or_default();
        Leg {
            party,
            // What is behind it has a leg of its own, unless it is a mailbox.
            machine: channel.starts_with("loopback/"),
            rang_at: self.moment("progress", "progress_time").or(bridged_at),
            bridged_at,
            ended_at: Some(ended_at),
            talk_seconds: None,
            end: Some(if bridged_at.is_some() { LegEnd::HungUp } else { of_cause(&cause) }),
        }
    }

    fn first(&self, call: &mut Call, id: &str, first_at: DateTime<Utc>, ended_at: DateTime<Utc>) {
        let text = |profile: Option<&Value>, name| {
            profile.and_then(|profile| text(profile, name, LONGEST_NUMBER))
        };
        let other = self.other();
        if self.var("direction").as_deref() == Some("outbound") {
            // A click to call: a phone of ours rings first.
            let phone = self.called();
            let latest = self.profiles.first().and_then(|profile| profile.get("caller_profile"));
            let dialled = text(latest, "destination_number").filter(|_| self.profiles.len() > 1);
            let to = dialled.or_else(|| other.as_ref().and_then(|other| other.party.clone()));
            let to = to.filter(|to| Some(to) != phone.as_ref());
            let line = self.number("origination_caller_id_number");
            let mut leg = self.leg(phone.clone(), ended_at);
            if leg.bridged_at.is_none() {
                leg.bridged_at = self.moment("answer", "answered_time");
            }
            if leg.bridged_at.is_some() {
                leg.end = Some(LegEnd::HungUp);
            }
            call.legs.insert(id.to_owned(), leg);
            let is_phone = self.var("dialed_user").is_some() || to.is_some();
            // What knows less of the client gives way to what the next leg tells.
            let at = if to.is_some() || !is_phone { first_at } else { ended_at };
            let (from, to) = if is_phone { (phone, to) } else { (line.clone(), phone) };
            call.parties = self.parties(at, from, to).map(|parties| Parties {
                direction: Some(Direction::Out),
                line,
                ..parties
            });
        } else {
            let from = text(self.profile(), "caller_id_number");
            let from = from.or_else(|| self.number("sip_from_user"));
            let to = text(self.profile(), "destination_number");
            let to = to.or_else(|| self.number("sip_req_user"));
            call.parties = self.parties(first_at, from, to);
        }
        self.waited(call);
        let bridged_at = self.moment("bridge", "bridged_time");
        match (bridged_at, other) {
            (Some(bridged_at), other) => {
                // Since when is told by the other leg; this one was bridged last then.
                let id = self.id("bridge_uuid").or_else(|| self.id("last_bridge_to"));
                let other = other.filter(|other| id.as_ref().is_none_or(|id| *id == other.id));
                let leg = Leg {
                    party: other.as_ref().and_then(|other| other.party.clone()),
                    machine: other.as_ref().is_some_and(|other| other.is_machine),
                    bridged_at: Some(bridged_at),
                    ..Leg::default()
                };
                let id = id.or_else(|| other.map(|other| other.id));
                call.legs.insert(id.unwrap_or_else(|| "bridge".to_owned()), leg);
            }
            (None, other) => {
                // Of a phone that is not registered there is no record.
                let disposition = self.var("originate_disposition");
                let party = self
                    .number("dialed_user")
                    .filter(|_| self.var("direction").as_deref() != Some("outbound"));
                let party = party.or_else(|| other.and_then(|other| other.party));
                let party = party.or_else(|| text(self.profile(), "destination_number"));
                let Some((cause, party)) = disposition.zip(party) else { return };
                let end = Some(of_cause(&cause));
                let id = format!("dialled {party}");
                let leg =
                    Leg { party: Some(party), ended_at: Some(ended_at), end, ..Leg::default() };
                call.legs.insert(id, leg);
            }
        }
    }

    /// In a queue of `mod_callcenter`.
    fn waited(&self, call: &mut Call) {
        let Some(queue) = self.number("cc_queue") else { return };
        let seconds = |name| {
            let seconds: i64 = self.var(name)?.parse().ok().filter(|seconds| *seconds > 0)?;
            DateTime::from_timestamp(seconds, 0)
        };
        let left_at = ["cc_queue_terminated_epoch", "cc_queue_canceled_epoch"].map(seconds);
        let leg = Leg {
            party: Some(queue.clone()),
            machine: true,
            bridged_at: seconds("cc_queue_joined_epoch"),
            ended_at: left_at.into_iter().flatten().max(),
            ..Leg::default()
        };
        call.legs.insert(format!("queue {queue}"), leg);
    }

    /// The leg that this one made, as far as it is told.
    fn other(&self) -> Option<Other> {
        let profiles = self.profiles.iter().filter_map(|profile| profile.get("caller_profile"));
        let originatee = profiles
            .filter_map(|profile| {
                profile.get("originatee")?.get("originatee_caller_profiles")?.get(0)
            })
            .find_map(|profile| {
                let channel = text(profile, "chan_name", usize::MAX).unwrap_or_default();
                Some(Other {
                    id: text(profile, "uuid", LONGEST_ID)?,
                    party: text(profile, "destination_number", LONGEST_NUMBER),
                    is_machine: channel.starts_with("loopback/"),
                })
            });
        originatee.or_else(|| {
            // Each is `id;name;number`, and several are `ARRAY::one|:other`.
            let legs = self.var("originated_legs")?;
            let first = legs.trim_start_matches("ARRAY::").split("|:").next()?;
            let mut parts = first.split(';');
            let id = short(parts.next()?, LONGEST_ID)?;
            let party = parts.nth(1).and_then(|number| short(number, LONGEST_NUMBER));
            Some(Other { id, party, is_machine: false })
        })
    }
}

fn text(profile: &Value, name: &str, longest: usize) -> Option<String> {
    profile.get(name).and_then(Value::as_str).and_then(|text| short(text, longest))
}

fn of_cause(cause: &str) -> LegEnd {
    match cause {
        "LOSE_RACE" | "PICKED_OFF" => LegEnd::AnsweredElsewhere,
        "ORIGINATOR_CANCEL" => LegEnd::Cancelled,
        "USER_BUSY" | "CALL_REJECTED" => LegEnd::Busy,
        "NO_ANSWER" | "NO_USER_RESPONSE" | "ALLOTTED_TIMEOUT" | "PROGRESS_TIMEOUT" => {
            LegEnd::NoAnswer
        }
        "NORMAL_CLEARING" | "NORMAL_UNSPECIFIED" | "SUCCESS" | "NONE" | "" => LegEnd::Unknown,
        "BLIND_TRANSFER" | "ATTENDED_TRANSFER" | "MANAGER_REQUEST" => LegEnd::Unknown,
        _ => LegEnd::Failed,
    }
}

#[cfg(test)]
mod tests;
