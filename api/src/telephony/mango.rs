//! Mango Office: a form with JSON in it, signed over the JSON as it stands
//! (API of the virtual exchange, version 1.9: `events/call`, `events/summary`, `events/recording`).
//!
//! The exchange adds the event to the address that is typed in there. It tells of each leg, in parallel and out of
//! order, and sums the call up at its end. Whether somebody talked is of the time of the answer: `entry_result` is not
//! looked at.

use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use voronka_domain::intake::call::{Call, Direction, Leg, LegEnd, Parties, Told};

use super::{Adapter, Kept, LONGEST_ID, Posted, Refused, Secret, Unreadable, fields, is_one, said};

pub struct Mango;

/// Where whoever may hear a recording hears it, after they have logged in at Mango.
const RECORDINGS: &str = "https://app.mango-office.ru/vpbx/queries/recording/issa/";

impl Adapter for Mango {
    fn name(&self) -> &'static str {
        "mango"
    }

    fn secret(&self) -> Secret {
        Secret::Given("the code of the exchange and the key for signatures, as code:key")
    }

    fn takes(&self, secret: &str) -> bool {
        secret.split_once(':').is_some_and(|(key, salt)| !key.is_empty() && !salt.is_empty())
    }

    fn verify(
        &self,
        posted: &Posted<'_>,
        secrets: &[&str],
        _now: DateTime<Utc>,
    ) -> Result<Option<String>, Refused> {
        let form = fields(posted.body);
        let key = part(&form, "vpbx_api_key").ok_or(Refused::Missing("vpbx_api_key"))?;
        let sign = part(&form, "sign").ok_or(Refused::Missing("sign"))?;
        let json = part(&form, "json").ok_or(Refused::Missing("json"))?;
        let signed = |secret: &&str| {
            let Some((own, salt)) = secret.split_once(':') else { return false };
            let digest = Sha256::new().chain_update(own).chain_update(json).chain_update(salt);
            is_one(key, &[own]) & is_one(sign, &[&hex::encode(digest.finalize())])
        };
        // The same message is not told again by an id of its own.
        match secrets.iter().fold(false, |found, secret| found | signed(secret)) {
            true => Ok(None),
            false => Err(Refused::Signature),
        }
    }

    fn target(&self, posted: &Posted<'_>) -> String {
        match posted.query {
            "" => posted.rest.to_owned(),
            query => format!("{}?{query}", posted.rest),
        }
    }

    fn read(&self, kept: &Kept<'_>) -> Result<Vec<Told>, Unreadable> {
        let form = fields(kept.body);
        let json = part(&form, "json")
            .ok_or_else(|| Unreadable("The form has no field json.".to_owned()))?;
        let event = Event(
            serde_json::from_str(json)
                .map_err(|error| Unreadable(format!("The field json is no JSON: {error}.")))?,
        );
        let what = kept.target.split('?').next().unwrap_or_default().trim_matches('/');
        let what = what.strip_prefix("events/").unwrap_or(what);
        let call = match what {
            "call" => event.call(kept)?,
            "summary" => event.summary(kept)?,
            "recording" | "record/added" => event.recording(kept),
            // The address as it was typed in: the fields tell.
            "" if event.has("call_state") => event.call(kept)?,
            "" if event.has("entry_result") || event.has("talk_time") => event.summary(kept)?,
            "" if event.has("recording_id") => event.recording(kept),
            // Keys that callers pressed, messages, results of commands.
            _ => return Ok(Vec::new()),
        };
        let root = said::id("entry_id", event.text("/entry_id").as_deref())?;
        Ok(vec![Told { root, also: Vec::new(), call }])
    }
}

/// As it stands: what is signed has its blanks.
fn part<'f>(form: &'f [(String, String)], name: &str) -> Option<&'f str> {
    form.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
}

/// Unknown fields are passed over; numbers come with quotes and without.
struct Event(Value);

impl Event {
    fn has(&self, field: &str) -> bool {
        self.0.get(field).is_some()
    }

    fn text(&self, path: &str) -> Option<String> {
        match self.0.pointer(path)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn number(&self, path: &str) -> Option<String> {
        said::international(self.text(path).as_deref())
    }

    /// Seconds since 1970; 0 is never.
    fn at(&self, path: &str) -> Option<DateTime<Utc>> {
        let seconds: i64 = self.text(path)?.trim().parse().ok()?;
        DateTime::from_timestamp(seconds, 0).filter(|_| seconds > 0)
    }

    /// The extension at an end, or the number outside.
    fn end_of(&self, side: &str) -> Option<String> {
        self.number(&format!("/{side}/extension")).or(self.number(&format!("/{side}/number")))
    }

    fn line(&self) -> Option<String> {
        ["/line_number", "/to/line_number", "/from/line_number"]
            .iter()
            .find_map(|path| self.number(path))
    }

    fn reason(&self) -> Option<LegEnd> {
        Some(end(self.text("/disconnect_reason")?.trim().parse().ok()?))
    }

    fn call(&self, kept: &Kept<'_>) -> Result<Call, Unreadable> {
        let at = self.at("/timestamp").unwrap_or(kept.received_at);
        let leg_id = said::id("call_id", self.text("/call_id").as_deref())?;
        let state = self.text("/call_state");
        let mut call = Call { first_at: Some(at), last_at: Some(at), ..Call::default() };
        // The manual's own examples have it misspelt.
        let location = self.text("/location").or_else(|| self.text("/locaton"));
        let machine = matches!(location.as_deref(), Some("ivr" | "queue"));
        let of_employee = self.number("/from/extension");
        let taken = self.text("/from/taken_from_call_id").is_some_and(|id| !id.is_empty());
        // An employee asks another one while the caller waits: nobody talks with the caller.
        let consults = taken && of_employee.is_some();
        // The exchange rings the employee before it calls the client: that is no call in (case 8).
        let commanded = self.has("callback_initiator") || (self.has("command_id") && !taken);
        let clicks = commanded && of_employee.is_none() && self.number("/to/extension").is_some();
        let party = self.end_of("to").filter(|_| !machine);
        if !consults && !clicks {
            let to = self.end_of("to").or_else(|| self.line());
            call.parties = Some(Parties {
                at,
                direction: of_employee.as_ref().map(|_| {
                    let inside = self.number("/to/extension").is_some();
                    if inside { Direction::Internal } else { Direction::Out }
                }),
                from: self.end_of("from"),
                to,
                line: self.line(),
            });
        }
        let mut leg = Leg { party: party.clone(), machine, ..Leg::default() };
        match state.as_deref() {
            Some("Appeared") => {
                leg.rang_at = Some(at);
                call.began_at = Some(at);
            }
            Some("Connected") if !consults => leg.bridged_at = Some(at),
            Some("Disconnected") => {
                leg.ended_at = Some(at);
                leg.end = Some(self.reason().unwrap_or(LegEnd::Unknown));
            }
            _ => {}
        }
        // A leg is of whom it reaches: the sum at the end knows no other name of it.
        call.legs.insert(party.unwrap_or(leg_id), leg);
        Ok(call)
    }

    fn summary(&self, kept: &Kept<'_>) -> Result<Call, Unreadable> {
        let over_at = self.at("/end_time").unwrap_or(kept.received_at);
        let began_at = self.at("/create_time").unwrap_or(over_at);
        let talked_at = self.at("/talk_time");
        let direction = match self.text("/call_direction").as_deref() {
            Some("0") => Some(Direction::Internal),
            Some("1") => Some(Direction::In),
            Some("2") => Some(Direction::Out),
            _ => None,
        };
        let mut call = Call {
            parties: Some(Parties {
                at: began_at,
                from: self.end_of("from"),
                to: self.end_of("to").or_else(|| self.line()),
                line: self.line(),
                direction,
            }),
            began_at: Some(began_at),
            first_at: Some(began_at),
            last_at: Some(over_at),
            over_at: Some(over_at),
            ..Call::default()
        };
        // Whoever answered, or the first who did not. When they left is told of the leg: others may have talked on.
        if let Some(party) = self.end_of("to") {
            let mut leg = Leg { party: Some(party.clone()), ..Leg::default() };
            match talked_at {
                Some(at) => leg.bridged_at = Some(at),
                None => {
                    leg.rang_at = Some(began_at);
                    leg.ended_at = Some(over_at);
                    leg.end = self.reason();
                }
            }
            call.legs.insert(party, leg);
        }
        Ok(call)
    }

    fn recording(&self, kept: &Kept<'_>) -> Call {
        let at = self.at("/timestamp").unwrap_or(kept.received_at);
        let mut call = Call { first_at: Some(at), last_at: Some(at), ..Call::default() };
        let state = self.text("/recording_state");
        let code = self.text("/completion_code");
        // What was too short, or is only mailed, is not there to be heard.
        let there = state.is_none_or(|state| state == "Completed")
            && code.is_none_or(|code| code == "1000")
            && self.text("/recipient").is_none_or(|recipient| recipient != "Mail");
        let id = self.text("/recording_id").filter(|id| !id.is_empty() && id.len() <= LONGEST_ID);
        if let Some(id) = id.filter(|_| there) {
            let id = utf8_percent_encode(&id, NON_ALPHANUMERIC);
            call.recordings.insert(format!("{RECORDINGS}{id}/play"));
        }
        call
    }
}

/// Codes that are not known are of their class: 1129 is 1120, 1190 is 1100, 1090 is 1000.
fn end(code: u32) -> LegEnd {
    match code {
        1110 => LegEnd::Cancelled,
        1111 | 1163 => LegEnd::NoAnswer,
        1121..=1123 => LegEnd::Busy,
        1124 | 1130..=1159 => LegEnd::Failed,
        1160..=1169 => LegEnd::NoAnswer,
        1100..=1199 => LegEnd::HungUp,
        2000..=5999 => LegEnd::Failed,
        _ => LegEnd::Unknown,
    }
}

#[cfg(test)]
mod tests;
