//! Zadarma: a form, signed over some of its fields
//! (<https://zadarma.com/en/support/api/#api_webhooks>).
//!
//! The signature says whose post it is, and no more: it covers neither the duration nor how the call went. The only
//! time of an event is that of the call's beginning, so all that is told of a call is of one clock, and what happened
//! later is told by the duration.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use voronka_domain::{
    intake::call::{Call, Direction, Leg, LegEnd, Parties, Told},
    workspace::settings::to_instant,
};

use super::{
    Adapter, Kept, Posted, Refused, Secret, Spoken, Unreadable, field, fields, is_one, said,
};

pub struct Zadarma;

/// What Zadarma wants to hear back is no longer than this.
const LONGEST_ECHO: usize = 64;

impl Adapter for Zadarma {
    fn name(&self) -> &'static str {
        "zadarma"
    }

    fn secret(&self) -> Secret {
        Secret::Given("Secret, under Keys and API")
    }

    /// Zadarma asks for a word before it posts to an address.
    fn greeting(&self, query: &str) -> Option<Spoken> {
        let (_, echo) =
            form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "zd_echo")?;
        // Nothing that a browser could run.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fine = (1..=LONGEST_ECHO).contains(&echo.len()) && echo.bytes().all(plain);
        fine.then(|| Spoken { content_type: "text/plain", text: echo.into_owned() })
    }

    fn verify(
        &self,
        posted: &Posted<'_>,
        secrets: &[&str],
        _now: DateTime<Utc>,
    ) -> Result<Option<String>, Refused> {
        let signature = posted.header("signature").ok_or(Refused::Missing("signature"))?;
        let form = fields(posted.body);
        let event = field(&form, "event").ok_or(Refused::Missing("event"))?;
        let signed = match event {
            "NOTIFY_START" | "NOTIFY_INTERNAL" | "NOTIFY_END" | "NOTIFY_IVR" => {
                &["caller_id", "called_did", "call_start"][..]
            }
            "NOTIFY_ANSWER" => &["caller_id", "destination", "call_start"],
            "NOTIFY_OUT_START" | "NOTIFY_OUT_END" => &["internal", "destination", "call_start"],
            "NOTIFY_RECORD" => &["pbx_call_id", "call_id_with_rec"],
            // Messages, speech and the like.
            _ => &["result"],
        };
        // As they stand, and nothing for those that are not there.
        let part = |name: &&str| form.iter().find(|(one, _)| one == name).map(|(_, value)| value);
        let text: String =
            signed.iter().filter_map(part).map(String::as_str).collect::<Vec<_>>().concat();
        // The base64 of the digest's hexadecimal digits, not of the digest.
        let expected = |secret: &&str| {
            let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?;
            mac.update(text.as_bytes());
            Some(STANDARD.encode(hex::encode(mac.finalize().into_bytes())))
        };
        let expected: Vec<String> = secrets.iter().filter_map(expected).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        match is_one(signature, &expected) {
            true => Ok(None),
            false => Err(Refused::Signature),
        }
    }

    fn read(&self, kept: &Kept<'_>) -> Result<Vec<Told>, Unreadable> {
        let form = fields(kept.body);
        let event = Event { form: &form, kept };
        let call = match field(&form, "event") {
            Some("NOTIFY_START") => event.started(),
            Some("NOTIFY_IVR") => event.menu(),
            Some("NOTIFY_INTERNAL") => event.rings(),
            Some("NOTIFY_ANSWER") => event.answered(),
            Some("NOTIFY_END") => event.ended(),
            Some("NOTIFY_OUT_START") => event.calls(),
            Some("NOTIFY_OUT_END") => event.called(),
            // A recording is fetched by its id with the key of the account, and has no address.
            _ => return Ok(Vec::new()),
        };
        let root = said::id("pbx_call_id", field(&form, "pbx_call_id"))?;
        Ok(vec![Told { root, also: Vec::new(), call }])
    }
}

struct Event<'e> {
    form: &'e [(String, String)],
    kept: &'e Kept<'e>,
}

impl Event<'_> {
    fn number(&self, name: &str) -> Option<String> {
        said::international(field(self.form, name))
    }

    /// The clock of the account, which says no zone.
    fn began_at(&self) -> DateTime<Utc> {
        let text = field(self.form, "call_start").unwrap_or_default();
        let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok();
        naive.map_or(self.kept.received_at, |naive| to_instant(self.kept.zone, naive))
    }

    fn duration(&self) -> Option<i64> {
        said::seconds(field(self.form, "duration"))
    }

    fn over_at(&self) -> DateTime<Utc> {
        let began_at = self.began_at();
        let over_at = TimeDelta::try_seconds(self.duration().unwrap_or(0))
            .and_then(|duration| began_at.checked_add_signed(duration));
        over_at.unwrap_or(began_at)
    }

    fn call(&self, parties: Option<Parties>) -> Call {
        let at = Some(self.began_at());
        Call { parties, began_at: at, first_at: at, last_at: at, ..Call::default() }
    }

    fn coming(&self) -> Call {
        let to = self.number("called_did");
        self.call(Some(Parties {
            at: self.began_at(),
            from: self.number("caller_id"),
            line: to.clone(),
            to,
            direction: Some(Direction::In),
        }))
    }

    fn going(&self) -> Call {
        let internal = self.number("internal");
        let line = self.number("caller_id").filter(|line| Some(line) != internal.as_ref());
        self.call(Some(Parties {
            at: self.began_at(),
            from: internal.or_else(|| line.clone()),
            to: self.number("destination"),
            line,
            direction: Some(Direction::Out),
        }))
    }

    fn started(&self) -> Call {
        self.coming()
    }

    fn menu(&self) -> Call {
        let mut call = self.coming();
        let leg = Leg { machine: true, rang_at: Some(self.began_at()), ..Leg::default() };
        call.legs.insert("menu".to_owned(), leg);
        call
    }

    fn rings(&self) -> Call {
        let mut call = self.coming();
        let rang_at = Some(self.began_at());
        let leg = |party| Leg { party, rang_at, ..Leg::default() };
        if let Some(internal) = self.number("internal") {
            call.legs.insert(internal.clone(), leg(Some(internal)));
        }
        call
    }

    /// Says neither which line it was, nor, without a look at the id, which way.
    fn answered(&self) -> Call {
        let mut call = self.call(None);
        let (internal, destination) = (self.number("internal"), self.number("destination"));
        let root = field(self.form, "pbx_call_id").unwrap_or_default();
        let caller = self.number("caller_id");
        let goes_out = root.starts_with("out_") || (internal.is_some() && caller == internal);
        let party = if goes_out { destination } else { internal.or(destination) };
        if let Some(party) = party {
            let bridged_at = Some(self.began_at());
            call.legs
                .insert(party.clone(), Leg { party: Some(party), bridged_at, ..Leg::default() });
        }
        call
    }

    fn ended(&self) -> Call {
        let mut call = self.coming();
        let (began_at, over_at) = (Some(self.began_at()), Some(self.over_at()));
        (call.over_at, call.last_at) = (over_at, over_at);
        let first = self.number("internal");
        // Whoever talked last, after a transfer.
        let last = self.number("last_internal").or_else(|| first.clone());
        let disposition = self.disposition();
        let Some(last) = last else {
            // A menu or a mailbox had it: that one answers is no talk.
            let leg = Leg { machine: true, ended_at: over_at, ..Leg::default() };
            call.legs.insert("menu".to_owned(), leg);
            return call;
        };
        // How long each talked is not told: the whole talk is of the last one, and counted once.
        if let Some(first) = first.filter(|first| *first != last) {
            let bridged_at = began_at.filter(|_| disposition == LegEnd::HungUp);
            let leg = Leg {
                party: Some(first.clone()),
                bridged_at,
                ended_at: began_at,
                ..Leg::default()
            };
            call.legs.insert(first, leg);
        }
        let leg = self.last_leg(last.clone(), disposition);
        call.legs.insert(last, leg);
        call
    }

    fn calls(&self) -> Call {
        let mut call = self.going();
        if let Some(party) = self.number("destination") {
            let rang_at = Some(self.began_at());
            call.legs.insert(party.clone(), Leg { party: Some(party), rang_at, ..Leg::default() });
        }
        call
    }

    fn called(&self) -> Call {
        let mut call = self.going();
        let over_at = Some(self.over_at());
        (call.over_at, call.last_at) = (over_at, over_at);
        if let Some(party) = self.number("destination") {
            let leg = self.last_leg(party.clone(), self.disposition());
            call.legs.insert(party, leg);
        }
        call
    }

    fn last_leg(&self, party: String, end: LegEnd) -> Leg {
        let talked = end == LegEnd::HungUp;
        Leg {
            party: Some(party),
            bridged_at: Some(self.began_at()).filter(|_| talked),
            ended_at: Some(self.over_at()),
            talk_seconds: self.duration().filter(|_| talked),
            end: Some(end),
            ..Leg::default()
        }
    }

    fn disposition(&self) -> LegEnd {
        match field(self.form, "disposition") {
            Some("answered") => LegEnd::HungUp,
            Some("busy") => LegEnd::Busy,
            Some("cancel") => LegEnd::Cancelled,
            Some("no answer") => LegEnd::NoAnswer,
            // Failed, no money, no such number, and limits.
            Some(_) => LegEnd::Failed,
            None => LegEnd::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
