//! Cloud exchanges of MegaFon, and of other operators on the same platform (ITooLabs): a form with a shared secret.
//!
//! `event` tells while the call goes on, `history` when it is over, `contact` asks whose number it is. Events have no
//! time of their own: they are of when they came.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use voronka_domain::intake::call::{Call, Direction, Leg, LegEnd, Parties, Told};

use super::{
    Adapter, Kept, Known, Posted, Question, Refused, Spoken, Unreadable, field, fields, is_one,
    said,
};

pub struct Megafon;

const TOKEN: &str = "crm_token";

impl Adapter for Megafon {
    fn name(&self) -> &'static str {
        "megafon"
    }

    fn verify(
        &self,
        posted: &Posted<'_>,
        secrets: &[&str],
        _now: DateTime<Utc>,
    ) -> Result<Option<String>, Refused> {
        let form = fields(posted.body);
        let token = field(&form, TOKEN).ok_or(Refused::Missing(TOKEN))?;
        match is_one(token, secrets) {
            true => Ok(None),
            false => Err(Refused::Signature),
        }
    }

    fn target(&self, posted: &Posted<'_>) -> String {
        let query = fields(posted.query.as_bytes());
        let told = query.iter().filter(|(name, _)| name != TOKEN);
        form_urlencoded::Serializer::new(String::new()).extend_pairs(told).finish()
    }

    fn asks(&self, posted: &Posted<'_>) -> Option<Question> {
        let form = fields(posted.body);
        let number = said::international(field(&form, "phone"));
        number.filter(|_| is_contact(&form)).map(|number| Question::Whose { number })
    }

    fn answer(&self, posted: &Posted<'_>, known: &Known) -> Option<(Spoken, String)> {
        if !is_contact(&fields(posted.body)) {
            return None;
        }
        let mut answer = serde_json::Map::new();
        for (field, text) in [("contact_name", &known.name), ("responsible", &known.extension)] {
            if let Some(text) = text {
                answer.insert(field.to_owned(), json!(text));
            }
        }
        Some((Spoken::json(&Value::Object(answer)), String::new()))
    }

    fn read(&self, kept: &Kept<'_>) -> Result<Vec<Told>, Unreadable> {
        let form = fields(kept.body);
        let post = Post { form: &form, at: kept.received_at };
        let call = match field(&form, "cmd") {
            Some("event") => post.event(),
            Some("history") => post.history()?,
            Some("contact") => post.asked(),
            // What callers think of it, and what else may come.
            Some(_) => return Ok(Vec::new()),
            None => return Err(Unreadable("The form has no field cmd.".to_owned())),
        };
        let root = said::id("callid", field(&form, "callid"))?;
        // The call of an employee who asks another one before they pass the caller on.
        let also =
            field(&form, "second_callid").and_then(|id| said::id("second_callid", Some(id)).ok());
        let also = also.into_iter().filter(|id| *id != root).collect();
        Ok(vec![Told { root, also, call }])
    }
}

fn is_contact(form: &[(String, String)]) -> bool {
    field(form, "cmd") == Some("contact")
}

struct Post<'p> {
    form: &'p [(String, String)],
    at: DateTime<Utc>,
}

impl Post<'_> {
    fn number(&self, name: &str) -> Option<String> {
        said::international(field(self.form, name))
    }

    /// The employee's phone: the extension if they have one.
    fn phone(&self) -> Option<String> {
        ["ext", "user", "telnum"].iter().find_map(|name| said::number(field(self.form, name)))
    }

    fn call(&self, at: DateTime<Utc>, direction: Option<Direction>) -> Call {
        let (client, line) = (self.number("phone"), self.number("diversion"));
        let parties = direction.map(|direction| {
            let (from, to) = match direction {
                Direction::Out => (self.phone(), client),
                _ => (client, line.clone().or_else(|| self.phone())),
            };
            Parties { at, from, to, line, direction: Some(direction) }
        });
        Call { parties, first_at: Some(at), last_at: Some(at), ..Call::default() }
    }

    /// The leg of the employee: by the user, whom every post names, or by the phone.
    fn of_employee(&self, call: &mut Call, leg: Leg) {
        let party = self.phone();
        if let Some(id) = said::number(field(self.form, "user")).or_else(|| party.clone()) {
            call.legs.insert(id, Leg { party, ..leg });
        }
    }

    fn of_client(&self, call: &mut Call, leg: Leg) {
        if let Some(client) = self.number("phone") {
            call.legs.insert(client.clone(), Leg { party: Some(client), ..leg });
        }
    }

    fn event(&self) -> Call {
        let what = field(self.form, "type").unwrap_or_default().to_uppercase();
        let direction = match (field(self.form, "direction"), what.as_str()) {
            (Some("in"), _) | (_, "INCOMING") => Some(Direction::In),
            (Some("out"), _) | (_, "OUTGOING") => Some(Direction::Out),
            _ => None,
        };
        let at = Some(self.at);
        let mut call = self.call(self.at, direction);
        let leg = Leg::default();
        match what.as_str() {
            "INCOMING" => {
                call.began_at = at;
                self.of_employee(&mut call, Leg { rang_at: at, ..leg });
            }
            "OUTGOING" => {
                call.began_at = at;
                self.of_client(&mut call, Leg { rang_at: at, ..leg });
            }
            // Of a call out it is the client who answers; of one whose way is not said, whoever did not call.
            "ACCEPTED" => {
                let leg = Leg { bridged_at: at, ..leg };
                if direction != Some(Direction::In) {
                    self.of_client(&mut call, leg.clone());
                }
                self.of_employee(&mut call, leg);
            }
            "COMPLETED" => {
                let leg = Leg { ended_at: at, end: Some(LegEnd::HungUp), ..leg };
                self.of_client(&mut call, leg.clone());
                self.of_employee(&mut call, leg);
                call.over_at = at;
            }
            // The caller gave up, or another phone was faster: the call may go on.
            "CANCELLED" => {
                let leg = Leg { ended_at: at, end: Some(LegEnd::Cancelled), ..leg };
                match direction {
                    Some(Direction::Out) => self.of_client(&mut call, leg),
                    _ => self.of_employee(&mut call, leg),
                }
            }
            // Of a transfer the next posts tell more.
            _ => {}
        }
        call
    }

    fn asked(&self) -> Call {
        let mut call = self.call(self.at, Some(Direction::In));
        call.began_at = Some(self.at);
        call
    }

    fn history(&self) -> Result<Call, Unreadable> {
        let direction = match field(self.form, "type").map(str::to_lowercase).as_deref() {
            Some("in") => Direction::In,
            Some("out") => Direction::Out,
            _ => return Err(Unreadable("The field type of a history is in or out.".to_owned())),
        };
        let start = field(self.form, "start").unwrap_or_default();
        let start = NaiveDateTime::parse_from_str(start, "%Y%m%dT%H%M%SZ").ok();
        let began_at = start.map_or(self.at, |start| start.and_utc());
        let mut call = self.call(began_at, Some(direction));
        (call.began_at, call.last_at) = (Some(began_at), Some(self.at));
        // It is told when all is over.
        call.over_at = Some(self.at);
        call.recordings.extend(said::web(field(self.form, "link")));
        let status = field(self.form, "status").unwrap_or_default().to_lowercase();
        let end = match status.as_str() {
            "success" => LegEnd::HungUp,
            "busy" => LegEnd::Busy,
            "cancel" => LegEnd::Cancelled,
            "missed" => LegEnd::NoAnswer,
            "notavailable" | "notallowed" | "notfound" => LegEnd::Failed,
            _ => LegEnd::Unknown,
        };
        let later = |seconds: Option<i64>| {
            seconds
                .and_then(TimeDelta::try_seconds)
                .and_then(|later| began_at.checked_add_signed(later))
        };
        let duration = said::seconds(field(self.form, "duration"));
        let waited = said::seconds(field(self.form, "wait"));
        let talk_seconds = duration.filter(|_| end == LegEnd::HungUp);
        let leg = Leg {
            // Who answered first is told by the time; without the wait it is told by the events alone.
            bridged_at: later(waited).filter(|_| talk_seconds.is_some_and(|talk| talk > 0)),
            ended_at: later(Some(waited.unwrap_or(0).saturating_add(duration.unwrap_or(0)))),
            talk_seconds,
            end: Some(end),
            ..Leg::default()
        };
        match direction {
            Direction::Out => self.of_client(&mut call, leg),
            _ => self.of_employee(&mut call, leg),
        }
        Ok(call)
    }
}

#[cfg(test)]
mod tests;
