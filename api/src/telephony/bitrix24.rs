//! What exchanges know that were made for Bitrix24: its REST methods `telephony.externalcall.*`
//! (<https://apidocs.bitrix24.com/api-reference/telephony/index.html>), called as those of an incoming webhook there,
//! with the secret in the address.
//!
//! A call is registered, and gets its id from us; then it is finished. What happens in between is not told.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use voronka_domain::{
    intake::call::{Call, Direction, Leg, LegEnd, Parties, Told},
    workspace::settings::to_instant,
};

use super::{
    Adapter, Kept, Known, MOST_FIELDS, Posted, Question, Refused, Spoken, Unreadable, fields,
    is_one, said,
};

pub struct Bitrix24;

/// What tells calls apart. Without the last two the same number may call the same phone again.
const APART: [&str; 7] = [
    "TYPE",
    "PHONE_NUMBER",
    "USER_ID",
    "USER_PHONE_INNER",
    "LINE_NUMBER",
    "EXTERNAL_CALL_ID",
    "CALL_START_DATE",
];
/// Of those, what is said of no other call.
const UNIQUE: [&str; 2] = ["EXTERNAL_CALL_ID", "CALL_START_DATE"];
/// The leg of whoever answers a call out.
const WHOLE: &str = "call";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Register,
    Finish,
    Attach,
    /// Shows or hides a card, which is there anyway.
    Card,
    /// Looks for whose number it is among objects that we do not have.
    Search,
}

impl Method {
    fn named(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let name = [".json", ".xml"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        match name.strip_prefix("telephony.externalcall.")? {
            "register" => Some(Self::Register),
            "finish" => Some(Self::Finish),
            "attachrecord" => Some(Self::Attach),
            "show" | "hide" => Some(Self::Card),
            "searchcrmentities" => Some(Self::Search),
            _ => None,
        }
    }
}

impl Adapter for Bitrix24 {
    fn name(&self) -> &'static str {
        "bitrix24"
    }

    fn verify(
        &self,
        posted: &Posted<'_>,
        secrets: &[&str],
        _now: DateTime<Utc>,
    ) -> Result<Option<String>, Refused> {
        let (secret, _) = posted.rest.split_once('/').ok_or(Refused::Missing("The secret"))?;
        match is_one(secret, secrets) {
            true => Ok(None),
            false => Err(Refused::Signature),
        }
    }

    /// The method, and the query without what stands for a secret in it.
    fn target(&self, posted: &Posted<'_>) -> String {
        let query = fields(posted.query.as_bytes());
        let told = query.iter().filter(|(name, _)| {
            let name = name.to_lowercase();
            name != "auth" && !name.starts_with("auth[") && name != "access_token"
        });
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(told).finish();
        format!("{}?{query}", method(posted))
    }

    fn asks(&self, posted: &Posted<'_>) -> Option<Question> {
        let said = Fields::of(posted.body, posted.query);
        // Whose number it is would be told as an object of Bitrix24, by a number that we do not have.
        let asks = Method::named(method(posted)) == Some(Method::Register) && !said.is_unique();
        asks.then(|| Question::Which { key: said.key(), number: None })
    }

    fn answer(&self, posted: &Posted<'_>, known: &Known) -> Option<(Spoken, String)> {
        let said = Fields::of(posted.body, posted.query);
        let (answer, kept) = match Method::named(method(posted)) {
            Some(Method::Register) => {
                let id = said.call_id(&known.which);
                (json!({ "result": said.registered(&id) }), format!("&call_id={id}"))
            }
            Some(Method::Finish) => (said.finished(), String::new()),
            Some(Method::Attach) => (said.attached(), String::new()),
            Some(Method::Card) => (json!({ "result": true }), String::new()),
            Some(Method::Search) => (json!({ "result": [] }), String::new()),
            None => (error("ERROR_METHOD_NOT_FOUND", "Method not found!"), String::new()),
        };
        Some((Spoken::json(&answer), kept))
    }

    fn read(&self, kept: &Kept<'_>) -> Result<Vec<Told>, Unreadable> {
        let (name, query) = kept.target.split_once('?').unwrap_or((kept.target, ""));
        let said = Fields::of(kept.body, query);
        let root = |text: Option<&str>| said::id("CALL_ID", text);
        let (root, call) = match Method::named(name) {
            Some(Method::Register) => {
                // The last one is ours.
                let query = fields(query.as_bytes());
                let given = query.iter().rev().find(|(name, _)| name == "call_id");
                let id = given.map_or_else(|| said.call_id("0"), |(_, id)| id.clone());
                (root(Some(&id))?, said.register(kept))
            }
            Some(Method::Finish) => (root(said.text("CALL_ID"))?, said.finish(kept)),
            Some(Method::Attach) => (root(said.text("CALL_ID"))?, said.attach(kept)),
            Some(Method::Card | Method::Search) => return Ok(Vec::new()),
            None => return Err(Unreadable(format!("There is no method {name:?} of telephony."))),
        };
        Ok(vec![Told { root, also: Vec::new(), call }])
    }
}

fn method<'p>(posted: &Posted<'p>) -> &'p str {
    posted.rest.split_once('/').map_or("", |(_, method)| method)
}

fn direction(kind: &str) -> Option<Direction> {
    match kind {
        // With a callback and an announcement it is the client who is called.
        "1" | "4" | "5" => Some(Direction::Out),
        "2" | "3" => Some(Direction::In),
        _ => None,
    }
}

fn error(error: &str, description: &str) -> Value {
    json!({ "error": error, "error_description": description })
}

/// The fields of a method, of the body and then of the query, with their names in capitals as Bitrix24 reads them.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(body: &[u8], query: &str) -> Self {
        let mut said = match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => object
                .into_iter()
                .take(MOST_FIELDS)
                .filter_map(|(name, value)| match value {
                    Value::String(text) => Some((name, text)),
                    Value::Number(number) => Some((name, number.to_string())),
                    Value::Bool(flag) => Some((name, u8::from(flag).to_string())),
                    _ => None,
                })
                .collect(),
            _ => fields(body),
        };
        said.extend(fields(query.as_bytes()));
        Self(said.into_iter().map(|(name, value)| (name.to_uppercase(), value)).collect())
    }

    fn text(&self, name: &str) -> Option<&str> {
        super::field(&self.0, name)
    }

    fn number(&self, name: &str) -> Option<String> {
        said::number(self.text(name))
    }

    /// The extension, or the id of a user there: both may stand in the integration's `extensions`.
    fn user(&self) -> Option<String> {
        self.number("USER_PHONE_INNER").or_else(|| self.number("USER_ID"))
    }

    fn is_unique(&self) -> bool {
        UNIQUE.iter().any(|name| self.text(name).is_some())
    }

    fn key(&self) -> String {
        let mut digest = Sha256::new();
        for name in APART {
            let text = self.text(name).unwrap_or_default();
            // No two lists of texts are one.
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
        let digest = hex::encode(digest.finalize());
        // The type in front: an end says nothing of the way that the call went.
        let kind = self.text("TYPE").filter(|kind| matches!(*kind, "1" | "2" | "3" | "4" | "5"));
        format!("externalCall.{}{}", kind.unwrap_or("0"), digest.get(..32).unwrap_or_default())
    }

    /// The same until the call is over, for the same call.
    fn call_id(&self, which: &str) -> String {
        format!("{}.{}", self.key(), if self.is_unique() { "0" } else { which })
    }

    fn registered(&self, call_id: &str) -> Value {
        // Exchanges expect these, and null where there is nothing; no lead is no failure (case 5).
        let wanted = self.text("CRM_CREATE") == Some("1");
        let reason = wanted.then_some("A call makes no lead here: it is kept with its number.");
        json!({
            "CALL_ID": call_id,
            "CRM_CREATED_LEAD": null,
            "CRM_CREATED_ENTITIES": [],
            "CRM_ENTITY_TYPE": null,
            "CRM_ENTITY_ID": null,
            "LEAD_CREATION_ERROR": reason,
        })
    }

    fn finished(&self) -> Value {
        let Some(call_id) = self.text("CALL_ID") else {
            return error("INVALID_ARGUMENT", "CALL_ID must be a string");
        };
        let talk = self.talk();
        json!({ "result": {
            "CALL_ID": call_id,
            "EXTERNAL_CALL_ID": null,
            "PORTAL_USER_ID": self.text("USER_ID").and_then(|id| id.parse::<u32>().ok()),
            "CALL_DURATION": said::seconds(self.text("DURATION")).unwrap_or(0),
            "CALL_STATUS": i32::from(talk.is_some()),
            "CALL_FAILED_CODE": self.text("STATUS_CODE").unwrap_or(if talk.is_some() { "200" } else { "304" }),
            "CALL_FAILED_REASON": self.text("FAILED_REASON").unwrap_or_default(),
            "CRM_ACTIVITY_ID": null,
            "CRM_ENTITY_TYPE": null,
            "CRM_ENTITY_ID": null,
        }})
    }

    fn attached(&self) -> Value {
        match (self.text("CALL_ID"), said::web(self.text("RECORD_URL"))) {
            (None, _) => error("INVALID_ARGUMENT", "CALL_ID must be a string"),
            (_, Some(_)) => json!({ "result": { "FILE_ID": null } }),
            _ => error("ERROR_CORE", "Recordings are taken by RECORD_URL only"),
        }
    }

    /// The time at which it began, of the exchange's clock.
    fn start(&self, kept: &Kept<'_>) -> Option<DateTime<Utc>> {
        let text = self.text("CALL_START_DATE")?;
        let exact =
            DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%+"));
        if let Ok(exact) = exact {
            return Some(exact.to_utc());
        }
        let forms = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"];
        let naive = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        naive.map(|naive| to_instant(kept.zone, naive))
    }

    fn register(&self, kept: &Kept<'_>) -> Call {
        // What is still to come would keep the call open after its end: the clocks differ.
        let at = self.start(kept).map_or(kept.received_at, |start| start.min(kept.received_at));
        let direction = self.text("TYPE").and_then(direction);
        let (client, user) = (self.number("PHONE_NUMBER"), self.user());
        let (from, to) = match direction {
            Some(Direction::Out) => (user.clone(), client),
            _ => (client, user.clone()),
        };
        let mut call = Call {
            parties: Some(Parties { at, from, to, line: self.number("LINE_NUMBER"), direction }),
            began_at: Some(at),
            first_at: Some(at),
            last_at: Some(at),
            ..Call::default()
        };
        if let Some(user) = user.filter(|_| direction != Some(Direction::Out)) {
            call.legs.insert(
                user.clone(),
                Leg { party: Some(user), rang_at: Some(at), ..Leg::default() },
            );
        }
        call
    }

    /// How long somebody talked: a call that was not answered may have lasted while it rang.
    fn talk(&self) -> Option<i64> {
        let duration = said::seconds(self.text("DURATION")).unwrap_or(0);
        let answered = self.text("STATUS_CODE").is_none_or(|code| code == "200");
        Some(duration).filter(|duration| answered && *duration > 0)
    }

    fn finish(&self, kept: &Kept<'_>) -> Call {
        let at = Some(kept.received_at);
        let talk = self.talk();
        let mut call = Call { first_at: at, last_at: at, over_at: at, ..Call::default() };
        call.recordings.extend(said::web(self.text("RECORD_URL")));
        let end = match (talk, self.text("STATUS_CODE")) {
            (Some(_), _) => LegEnd::HungUp,
            (_, Some("486" | "603")) => LegEnd::Busy,
            (_, Some("603-S")) => LegEnd::Cancelled,
            (_, Some("304" | "480") | None) => LegEnd::NoAnswer,
            (_, Some("402" | "403" | "404" | "423" | "484" | "503")) => LegEnd::Failed,
            _ => LegEnd::Unknown,
        };
        let kind = self.text("CALL_ID").and_then(|id| id.strip_prefix("externalCall."));
        let goes_out =
            kind.and_then(|kind| kind.get(..1)).and_then(direction) == Some(Direction::Out);
        let mut talked = Leg { talk_seconds: talk, ended_at: at, end: Some(end), ..Leg::default() };
        match self.user() {
            // The talk is the client's, whose number is not told again. The employee was there.
            Some(user) if goes_out => {
                let bridged_at = at.filter(|_| talk.is_some());
                let leg =
                    Leg { party: Some(user.clone()), bridged_at, ended_at: at, ..Leg::default() };
                call.legs.insert(user, leg);
                call.legs.insert(WHOLE.to_owned(), talked);
            }
            Some(user) => {
                talked.party = Some(user.clone());
                call.legs.insert(user, talked);
            }
            None => {
                call.legs.insert(WHOLE.to_owned(), talked);
            }
        }
        call
    }

    fn attach(&self, kept: &Kept<'_>) -> Call {
        let at = Some(kept.received_at);
        let mut call = Call { first_at: at, last_at: at, ..Call::default() };
        call.recordings.extend(said::web(self.text("RECORD_URL")));
        call
    }
}

#[cfg(test)]
mod tests;
