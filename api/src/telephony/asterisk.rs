//! Asterisk posts nothing by itself: a dialplan posts a form for each thing that happens, by `CURL()`.
//!
//! | Field | What it says |
//! |---|---|
//! | `event` | `started`, `ringing`, `answered`, `left`, `ended`; `queue_join`, `queue_leave`, `voicemail`; `recording`; `cdr` |
//! | `linkedid`, `uniqueid`, `channel` | of the channel that it happens to; the call is `linkedid` |
//! | `transferred_from` | the `linkedid` that the call had when it began, or another call's that it came from |
//! | `at` | seconds since 1970, with or without a fraction |
//! | `caller`, `called`, `line`, `direction` | who calls whom, by which of the company's numbers |
//! | `party` | the phone or number of a leg; by default that of its channel. Of a queue or a mailbox its name |
//! | `cause`, `answered` | of `left`: `HANGUPCAUSE`, and whether it had been answered |
//! | `dialstatus`, `dialled` | of `ended`: what `Dial()` came to, and which phones it was to ring |
//! | `recording` | where it can be heard |

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use voronka_domain::{
    intake::call::{Call, Direction, LONGEST_TALK, Leg, LegEnd, Parties, Told},
    workspace::settings::to_instant,
};

use super::{
    Adapter, Kept, LONGEST_ID, LONGEST_NUMBER, Posted, Refused, Unreadable, basic, field, fields,
    is_one,
    said::{short, web},
};

pub struct Asterisk;

/// Phones that one `Dial()` rings, as far as they are looked at.
const MOST_DIALLED: usize = 20;

impl Adapter for Asterisk {
    fn name(&self) -> &'static str {
        "asterisk"
    }

    /// The password of HTTP Basic, which stands in the address that the dialplan posts to; or, where that cannot be,
    /// a field of the form.
    fn verify(
        &self,
        posted: &Posted<'_>,
        secrets: &[&str],
        _now: DateTime<Utc>,
    ) -> Result<Option<String>, Refused> {
        let secret = match basic(posted) {
            Some((_, password)) => password,
            None => {
                let form = fields(posted.body);
                let secret = form.into_iter().find(|(name, _)| name == "secret");
                secret.ok_or(Refused::Missing("The password (HTTP Basic, or secret)"))?.1
            }
        };
        if is_one(&secret, secrets) { Ok(None) } else { Err(Refused::Signature) }
    }

    fn read(&self, kept: &Kept<'_>) -> Result<Vec<Told>, Unreadable> {
        let form = fields(kept.body);
        let event = Event { form: &form, kept };
        let Some(what) = field(&form, "event") else {
            return Err(Unreadable("event is missing: started, ringing, answered...".to_owned()));
        };
        let mut call = match what {
            "started" => event.began()?,
            "ringing" => event.leg(|leg, at| leg.rang_at = Some(at))?,
            "answered" => event.answered()?,
            "left" => event.left()?,
            "ended" => event.ended()?,
            "queue_join" | "voicemail" => {
                event.machine(what, |leg, at| leg.bridged_at = Some(at))?
            }
            "queue_leave" => event.machine("queue_join", |leg, at| leg.ended_at = Some(at))?,
            "recording" => event.call()?,
            "cdr" => event.row()?,
            _ => return Ok(Vec::new()),
        };
        call.recordings.extend(event.get("recording").and_then(|url| web(Some(url))));
        let root = event.root()?;
        Ok(vec![Told { also: event.was(&root).into_iter().collect(), root, call }])
    }
}

struct Event<'e> {
    form: &'e [(String, String)],
    kept: &'e Kept<'e>,
}

impl Event<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        field(self.form, name)
    }

    fn number(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|text| short(text, LONGEST_NUMBER))
    }

    fn root(&self) -> Result<String, Unreadable> {
        let id = self.get("linkedid").or_else(|| self.get("uniqueid"));
        id.and_then(|id| short(id, LONGEST_ID)).ok_or_else(|| {
            Unreadable(format!("linkedid is missing, or longer than {LONGEST_ID} bytes."))
        })
    }

    /// What the call was before: it has another id after a transfer.
    fn was(&self, root: &str) -> Option<String> {
        let was = self.get("transferred_from").and_then(|id| short(id, LONGEST_ID));
        was.filter(|was| was != root)
    }

    /// Seconds since 1970, or a time on the wall of the exchange.
    fn moment(&self, name: &str) -> Result<Option<DateTime<Utc>>, Unreadable> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wall = || {
            let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
            Some(to_instant(self.kept.zone, local))
        };
        epoch(text).or_else(wall).map(Some).ok_or_else(|| {
            Unreadable(format!(
                "{name} is neither seconds since 1970 nor a time like 2026-11-28 12:00:00."
            ))
        })
    }

    fn at(&self) -> Result<DateTime<Utc>, Unreadable> {
        Ok(self.moment("at")?.unwrap_or(self.kept.received_at))
    }

    fn call(&self) -> Result<Call, Unreadable> {
        let at = self.at()?;
        let mut call = Call { first_at: Some(at), last_at: Some(at), ..Call::default() };
        call.parties = self.parties(at, "caller", "called");
        Ok(call)
    }

    fn parties(&self, at: DateTime<Utc>, caller: &str, called: &str) -> Option<Parties> {
        let direction = match self.get("direction") {
            Some("in") => Some(Direction::In),
            Some("out") => Some(Direction::Out),
            Some("internal") => Some(Direction::Internal),
            _ => None,
        };
        let line = self.number("line").or_else(|| self.number("did"));
        let from = self.number(caller);
        let to = self.number(called).or_else(|| line.clone());
        (from.is_some() || to.is_some()).then_some(Parties { at, from, to, line, direction })
    }

    fn began(&self) -> Result<Call, Unreadable> {
        let call = self.call()?;
        Ok(Call { began_at: call.first_at, ..call })
    }

    /// The leg of the event's channel: who it is, and what is told of it.
    fn leg(&self, tell: impl FnOnce(&mut Leg, DateTime<Utc>)) -> Result<Call, Unreadable> {
        let mut call = self.call()?;
        let channel = self.get("channel");
        let party = self.number("party").or_else(|| channel.and_then(party));
        let id = channel.or_else(|| self.get("uniqueid")).and_then(|id| short(id, LONGEST_ID));
        let id = id.or_else(|| party.clone()).ok_or_else(|| {
            Unreadable("A leg has channel, or at least uniqueid or party.".to_owned())
        })?;
        let mut leg = Leg { party, ..Leg::default() };
        tell(&mut leg, self.at()?);
        call.legs.insert(id, leg);
        Ok(call)
    }

    fn answered(&self) -> Result<Call, Unreadable> {
        self.leg(|leg, at| {
            leg.bridged_at = Some(at);
            if self.is_local() {
                leg.ended_at = Some(at);
            }
        })
    }

    /// Behind a local channel there is a phone with a leg of its own, of which the same talk is told.
    fn is_local(&self) -> bool {
        self.get("channel").is_some_and(|channel| channel.starts_with("Local/"))
    }

    fn left(&self) -> Result<Call, Unreadable> {
        let was_answered = self.get("answered").is_some_and(|answered| answered != "0");
        let cause = self.get("cause").and_then(|cause| cause.parse().ok());
        let is_local = self.is_local();
        self.leg(|leg, at| {
            // Since when it talked was told, unless that was lost.
            leg.bridged_at = was_answered.then_some(at);
            leg.ended_at = (!is_local || !was_answered).then_some(at);
            leg.end = Some(match was_answered {
                true => LegEnd::HungUp,
                false => cause.map_or(LegEnd::Unknown, of_cause),
            });
        })
    }

    /// The channel that the call began with has hung up. If it has become part of another call, that one goes on.
    fn ended(&self) -> Result<Call, Unreadable> {
        let mut call = self.call()?;
        let at = self.at()?;
        if self.was(&self.root()?).is_none() {
            call.over_at = Some(at);
        }
        // Of phones that cannot be reached there is no channel.
        let end = match self.get("dialstatus") {
            Some("BUSY") => LegEnd::Busy,
            Some("NOANSWER") => LegEnd::NoAnswer,
            Some("CANCEL") => LegEnd::Cancelled,
            Some("CHANUNAVAIL" | "CONGESTION" | "INVALIDARGS") => LegEnd::Failed,
            _ => return Ok(call),
        };
        let dialled = self.get("dialled").unwrap_or_default().split('&').take(MOST_DIALLED);
        let parties = dialled.filter_map(|phone| match phone.contains('/') {
            true => party(phone),
            false => short(phone, LONGEST_NUMBER),
        });
        for party in parties {
            let leg = Leg { ended_at: Some(at), end: Some(end), ..Leg::default() };
            call.legs.insert(format!("dialled {party}"), Leg { party: Some(party), ..leg });
        }
        Ok(call)
    }

    fn machine(
        &self,
        what: &str,
        tell: impl FnOnce(&mut Leg, DateTime<Utc>),
    ) -> Result<Call, Unreadable> {
        let mut call = self.call()?;
        let party = self.number("party");
        let mut leg = Leg { party: party.clone(), machine: true, ..Leg::default() };
        tell(&mut leg, self.at()?);
        call.legs.insert(format!("{what} {}", party.unwrap_or_default()), leg);
        Ok(call)
    }

    /// A row of the call detail records. Of a call it may tell less than half: of a ring group that of another phone.
    fn row(&self) -> Result<Call, Unreadable> {
        let start = self.moment("start")?;
        let answer = self.moment("answer")?;
        let end = self.moment("end")?.or(start).map_or_else(|| self.at(), Ok)?;
        let first = start.unwrap_or(end);
        let mut call = Call {
            parties: self.parties(first, "src", "dst"),
            began_at: start,
            first_at: Some(first),
            last_at: Some(end),
            ..Call::default()
        };
        let seconds = |name| {
            let seconds: Option<i64> = self.get(name).and_then(|text| text.parse().ok());
            seconds.filter(|seconds| (0..=LONGEST_TALK).contains(seconds))
        };
        // The channel that the call began with.
        let is_first = self.get("uniqueid").is_some_and(|id| self.get("linkedid") == Some(id));
        call.over_at = is_first.then_some(end);
        // Whoever hangs up in a queue or a menu was answered by it, and by nobody at the other end.
        let other = self.get("dstchannel");
        let was_answered = self.get("disposition") == Some("ANSWERED");
        let party = match other {
            Some(channel) => self.number("party").or_else(|| party(channel)),
            None => self.number("dst"),
        };
        let mut leg = Leg { party, ended_at: Some(end), ..Leg::default() };
        if was_answered {
            // Dial() counts the talk, of all that it was passed on to; a row from the first answer, if only by a menu.
            let talk = seconds("billsec");
            let talk = seconds("talk").map_or(talk, |dial| talk.map(|row| row.min(dial)));
            let since = talk.and_then(|talk| end.checked_sub_signed(TimeDelta::seconds(talk)));
            leg.bridged_at = since.or(answer).or(Some(end));
            leg.talk_seconds = talk;
            leg.machine = other.is_none();
            if other.is_some_and(|channel| channel.starts_with("Local/")) {
                (leg.talk_seconds, leg.bridged_at) = (None, Some(end));
            }
        }
        leg.end = Some(match self.get("disposition") {
            Some("ANSWERED") => LegEnd::HungUp,
            Some("BUSY") => LegEnd::Busy,
            Some("FAILED" | "CONGESTION") => LegEnd::Failed,
            Some("NO ANSWER") => LegEnd::NoAnswer,
            _ => LegEnd::Unknown,
        });
        let id = other.map_or_else(
            || format!("dst {}", leg.party.as_deref().unwrap_or_default()),
            str::to_owned,
        );
        call.legs.extend(short(&id, LONGEST_ID).map(|id| (id, leg)));
        // The row is of a phone that was slower: another one answered, and nobody says which.
        if !was_answered && self.get("dialstatus") == Some("ANSWER") {
            let leg = Leg { bridged_at: Some(end), ended_at: Some(end), ..Leg::default() };
            call.legs.insert("dial".to_owned(), leg);
        }
        Ok(call)
    }
}

fn epoch(text: &str) -> Option<DateTime<Utc>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = digits.fold(0_u32, |nanos, digit| {
        nanos.wrapping_mul(10).wrapping_add(u32::from(digit.wrapping_sub(b'0')))
    });
    DateTime::from_timestamp(whole.parse().ok()?, nanos)
}

/// The phone of a channel: 101 of `PJSIP/101-00000012` and of `Local/101@from-queue-00000001;1`.
fn party(channel: &str) -> Option<String> {
    let (_, name) = channel.split_once('/')?;
    let name = name.split('@').next().unwrap_or(name);
    let is_count = |count: &str| count.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b';');
    let phone = match name.rsplit_once('-') {
        Some((phone, count)) if is_count(count) => phone,
        _ => name,
    };
    short(phone, LONGEST_NUMBER)
}

/// By Q.850, which `HANGUPCAUSE` is.
fn of_cause(cause: i64) -> LegEnd {
    match cause {
        17 | 21 => LegEnd::Busy,
        18 | 19 => LegEnd::NoAnswer,
        26 => LegEnd::AnsweredElsewhere,
        1..=3 | 20 | 22 | 27..=58 | 88 => LegEnd::Failed,
        _ => LegEnd::Unknown,
    }
}

#[cfg(test)]
mod tests;
