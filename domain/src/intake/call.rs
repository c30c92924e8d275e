//! Calls, as exchanges tell them: a call is the set of legs under one root.
//!
//! What is told is put together by operations that give the same for every order and repetition: earliest, latest,
//! union, and the furthest that something has come. So a call can be told in any order, twice, or in part, and nothing
//! that is told later takes back that somebody talked.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::work::activity::CallStatus;

/// No call has more legs: those that rang in vain make room for those that were bridged.
pub const MOST_LEGS: usize = 200;
const MOST_RECORDINGS: usize = 20;
/// Ids and numbers of exchanges are no longer than this, in bytes.
pub const LONGEST_ID: usize = 200;
pub const LONGEST_NUMBER: usize = 64;
/// A day: nobody talks for longer, in seconds.
pub const LONGEST_TALK: i64 = 86_400;

/// How a leg ended. The later of two is what is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegEnd {
    /// Nobody knows why.
    Unknown,
    NoAnswer,
    /// Whoever called hung up before.
    Cancelled,
    Failed,
    Busy,
    /// Another phone that rang was faster.
    AnsweredElsewhere,
    /// Somebody hung up after they had talked.
    HungUp,
}

/// What is told of a leg, and what all that was told adds up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Leg {
    /// The phone at its end: an extension, or a number outside. Of several the first in order.
    pub party: Option<String>,
    /// Its end is a machine: a queue, a menu, a mailbox.
    pub machine: bool,
    pub rang_at: Option<DateTime<Utc>>,
    /// Bridged to the caller.
    pub bridged_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// As told, where the exchange counts itself.
    pub talk_seconds: Option<i64>,
    pub end: Option<LegEnd>,
}

/// Which way a call goes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Direction {
    In,
    Out,
    /// Between employees.
    Internal,
}

/// Who called whom, as the exchange has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Parties {
    pub at: DateTime<Utc>,
    /// None: the caller hides.
    pub from: Option<String>,
    pub to: Option<String>,
    /// The company's number that it came in by, or goes out by.
    pub line: Option<String>,
    pub direction: Option<Direction>,
}

/// A call as far as it was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// Who called whom, as it was first told.
    pub parties: Option<Parties>,
    pub began_at: Option<DateTime<Utc>>,
    /// When it was last told to be over.
    pub over_at: Option<DateTime<Utc>>,
    /// The earliest and the latest moment that anything is told of.
    pub first_at: Option<DateTime<Utc>>,
    pub last_at: Option<DateTime<Utc>>,
    /// Nothing more will be told, as far as one knows.
    pub closed: bool,
    pub legs: BTreeMap<String, Leg>,
    /// Where it can be heard.
    pub recordings: BTreeSet<String>,
    /// What lists of calls have of it: it stands where nothing finer was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<Listed>,
}

/// A call that is over, as lists have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub parties: Parties,
    pub began_at: DateTime<Utc>,
    pub over_at: DateTime<Utc>,
    /// By phone.
    pub legs: BTreeMap<String, Leg>,
}

impl Listed {
    fn with(mut self, told: Self) -> Self {
        for (phone, leg) in told.legs {
            let before = self.legs.remove(&phone);
            if before.is_some() || self.legs.len() < MOST_LEGS {
                self.legs.insert(phone, before.unwrap_or_default().with(leg));
            }
        }
        Self {
            parties: self.parties.min(told.parties),
            began_at: self.began_at.min(told.began_at),
            over_at: self.over_at.max(told.over_at),
            legs: self.legs,
        }
    }
}

/// What is told of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The exchange's id of the call.
    pub root: String,
    /// Other ids that it had before, or gets: exchanges change them in mid-call.
    pub also: Vec<String>,
    pub call: Call,
}

impl Told {
    /// The same with all that is told of a call together.
    pub fn together(told: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut calls: Vec<Self> = Vec::new();
        for one in told {
            match calls.iter_mut().find(|call| call.root == one.root) {
                Some(call) => {
                    call.call = std::mem::take(&mut call.call).with(one.call);
                    call.also.extend(one.also);
                }
                None => calls.push(one),
            }
        }
        calls
    }
}

fn earliest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl Leg {
    fn with(self, told: Self) -> Self {
        Self {
            party: earliest(self.party, told.party),
            machine: self.machine || told.machine,
            rang_at: earliest(self.rang_at, told.rang_at),
            bridged_at: earliest(self.bridged_at, told.bridged_at),
            ended_at: self.ended_at.max(told.ended_at),
            talk_seconds: self.talk_seconds.max(told.talk_seconds),
            end: self.end.max(told.end),
        }
    }

    /// Somebody talked.
    fn was_bridged(&self) -> bool {
        !self.machine && (self.bridged_at.is_some() || self.talk_seconds.is_some_and(|s| s > 0))
    }

    fn talked(&self, over_at: Option<DateTime<Utc>>) -> i64 {
        let ended_at = self.ended_at.filter(|at| self.bridged_at <= Some(*at));
        let to = ended_at.or(over_at);
        let between = self.bridged_at.zip(to).map(|(from, to)| (to - from).num_seconds());
        self.talk_seconds.max(between).unwrap_or(0).max(0)
    }

    fn began_at(&self) -> Option<DateTime<Utc>> {
        self.rang_at.max(self.bridged_at)
    }
}

impl Call {
    /// The call after more was told of it.
    pub fn with(mut self, told: Self) -> Self {
        for (id, leg) in told.legs {
            let before = self.legs.remove(&id);
            if before.is_some() || self.has_room(&leg) {
                self.legs.insert(id, before.unwrap_or_default().with(leg));
            }
        }
        let room = MOST_RECORDINGS.saturating_sub(self.recordings.len());
        self.recordings.extend(told.recordings.into_iter().take(room));
        Self {
            parties: earliest(self.parties, told.parties),
            began_at: earliest(self.began_at, told.began_at),
            over_at: self.over_at.max(told.over_at),
            first_at: earliest(self.first_at, told.first_at),
            last_at: self.last_at.max(told.last_at),
            closed: self.closed || told.closed,
            legs: self.legs,
            recordings: self.recordings,
            listed: match (self.listed, told.listed) {
                (Some(listed), Some(told)) => Some(listed.with(told)),
                (listed, told) => listed.or(told),
            },
        }
    }

    /// When it began, as far as is known.
    pub fn began(&self) -> Option<DateTime<Utc>> {
        let listed = self.listed.as_ref().map(|listed| listed.began_at);
        self.began_at.or(listed).or(self.first_at)
    }

    /// The earliest and the latest moments that it is told of.
    pub fn times(&self) -> impl Iterator<Item = DateTime<Utc>> {
        let listed = self.listed.iter().flat_map(|listed| [listed.began_at, listed.over_at]);
        self.first_at.into_iter().chain(self.last_at).chain(listed)
    }

    /// The legs that say how it went: those of a list where nobody has told of a talk.
    fn telling(&self) -> &BTreeMap<String, Leg> {
        let talked = |legs: &BTreeMap<String, Leg>| legs.values().any(Leg::was_bridged);
        match &self.listed {
            Some(listed) if self.legs.is_empty() => &listed.legs,
            Some(listed) if talked(&listed.legs) && !talked(&self.legs) => &listed.legs,
            _ => &self.legs,
        }
    }

    fn has_room(&mut self, leg: &Leg) -> bool {
        if self.legs.len() < MOST_LEGS {
            return true;
        }
        let vain = self.legs.iter().find(|(_, other)| !other.was_bridged());
        match vain.map(|(id, _)| id.clone()).filter(|_| leg.was_bridged()) {
            Some(vain) => self.legs.remove(&vain).is_some(),
            None => false,
        }
    }

    /// Nobody talks any more, and no phone rings. What begins after the end was told goes on: a transfer may be told
    /// as an end while the talk goes on with somebody else.
    pub fn is_over(&self) -> bool {
        if self.listed.is_some() {
            return true;
        }
        let Some(over_at) = self.over_at else { return false };
        let goes_on = |leg: &Leg| leg.ended_at.is_none() && leg.began_at() > Some(over_at);
        !self.legs.values().any(goes_on)
    }
}

/// What a company knows of its exchange: its own phones and lines.
#[derive(Debug, Clone, Default)]
pub struct Exchange<U> {
    /// Whose phones they are, by extension. A phone without an employee is the company's all the same.
    pub extensions: BTreeMap<String, Option<U>>,
    /// The company's own numbers, as E.164: never a client's.
    pub lines: BTreeSet<String>,
    /// What is dialled before a number outside.
    pub access_digit: Option<char>,
}

impl<U: Copy + PartialEq> Exchange<U> {
    /// A number as the exchange has it, as E.164 if it is one.
    pub fn outside(&self, text: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let stripped = self.access_digit.and_then(|digit| text.strip_prefix(digit));
        // A number that is one as it stands has no digit before it.
        read(text).or_else(|| stripped.and_then(read))
    }

    fn is_ours(&self, text: &str, read: &dyn Fn(&str) -> Option<String>) -> bool {
        self.extensions.contains_key(text)
            || self.outside(text, read).is_some_and(|number| self.lines.contains(&number))
    }

    fn user(&self, party: Option<&String>) -> Option<U> {
        self.extensions.get(party?).copied().flatten()
    }
}

/// A call as a company sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged<U> {
    pub direction: Direction,
    /// The client's number as the exchange has it; none of a caller who hides.
    pub number: Option<String>,
    /// The same as E.164, if it is one.
    pub e164: Option<String>,
    /// None while it goes on.
    pub status: Option<CallStatus>,
    /// Who talked last; of a call that nobody answered, whose phone rang first.
    pub user: Option<U>,
    /// Who else talked.
    pub others: Vec<U>,
    /// The sum of bridges.
    pub talk_seconds: i64,
}

/// Numbers of those who hide theirs.
const HIDDEN: [&str; 9] =
    ["", "-1", "-2", "anonymous", "restricted", "unknown", "private", "unavailable", "asterisk"];

impl Call {
    /// How it went. `read` reads a number as E.164, by the country of the line.
    pub fn judged<U: Copy + PartialEq>(
        &self,
        exchange: &Exchange<U>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Judged<U> {
        let listed = self.listed.as_ref();
        let parties = self.parties.as_ref().or(listed.map(|listed| &listed.parties));
        let from =
            parties.and_then(|parties| parties.from.as_deref()).filter(|from| !is_hidden(from));
        let to = parties.and_then(|parties| parties.to.as_deref());
        let ours = |party: Option<&str>| party.is_some_and(|party| exchange.is_ours(party, read));
        let is_extension = |party: Option<&str>| {
            party.is_some_and(|party| exchange.extensions.contains_key(party))
        };
        let told = parties.and_then(|parties| parties.direction);
        // What is known of the phones goes before what the exchange says: it takes a click to call for a call in.
        let direction = match (ours(from), ours(to)) {
            // From one phone to the other; a line of ours may stand for somebody outside.
            (true, true) if is_extension(from) && is_extension(to) => Direction::Internal,
            (true, true) => told.unwrap_or(Direction::Internal),
            (true, false) => Direction::Out,
            (false, true) => Direction::In,
            (false, false) => told.unwrap_or(Direction::In),
        };
        let number = match direction {
            Direction::In => from,
            Direction::Out => to,
            Direction::Internal => None,
        };
        let number = number.filter(|number| !exchange.is_ours(number, read));
        let e164 = number.and_then(|number| exchange.outside(number, read));
        let over_at = self.over_at.or(listed.map(|listed| listed.over_at)).or(self.last_at);
        let legs = || self.telling().values().filter(|leg| !leg.machine);
        let party = |leg: &Leg| leg.party.clone();
        let is_phone = |leg: &Leg| {
            leg.party.as_ref().is_some_and(|party| exchange.extensions.contains_key(party))
        };
        let is_client = |leg: &Leg| leg.party.is_some() && leg.party.as_deref() == number;
        // Of a call out it is the client who answers: an employee's phone rings first when they click to call.
        let answers = |leg: &&Leg| match direction {
            Direction::Out => !is_phone(leg),
            _ => !is_client(leg),
        };
        let bridged: Vec<&Leg> = legs().filter(|leg| leg.was_bridged()).collect();
        let talks: Vec<&Leg> = bridged.iter().copied().filter(|leg| answers(leg)).collect();
        let mut people = bridged;
        people.retain(|leg| is_phone(leg));
        people.sort_by_key(|leg| (leg.bridged_at, leg.ended_at, party(leg)));
        let by_list = || listed.iter().flat_map(|listed| listed.legs.values());
        let mut rang: Vec<&Leg> = legs().filter(|leg| is_phone(leg)).collect();
        if rang.is_empty() {
            rang = by_list().filter(|leg| is_phone(leg)).collect();
        }
        rang.sort_by_key(|leg| (leg.rang_at.is_none(), leg.rang_at, party(leg)));
        let of = |leg: &&Leg| exchange.user(leg.party.as_ref());
        let caller = from.filter(|_| direction != Direction::In);
        let caller = caller.and_then(|from| exchange.extensions.get(from).copied().flatten());
        let talked = caller.into_iter().chain(people.iter().filter_map(of));
        let talked: Vec<U> = talked.filter(|_| !talks.is_empty()).collect();
        let user = talked.last().copied().or(caller).or_else(|| rang.iter().find_map(of));
        let mut others: Vec<U> = Vec::new();
        for one in talked {
            if Some(one) != user && !others.contains(&one) {
                others.push(one);
            }
        }
        let status = match talks.is_empty() {
            // Before the end nobody knows whether it was the last word, nor without the parties whose call it was.
            _ if !self.is_over() || (parties.is_none() && !self.closed) => None,
            false => Some(CallStatus::Answered),
            true => Some(unanswered(direction, legs().chain(by_list()).filter(answers))),
        };
        let sum = |legs: &BTreeMap<String, Leg>| {
            let talks = legs.values().filter(|leg| !leg.machine && leg.was_bridged());
            let seconds = talks.filter(answers).map(|leg| leg.talked(over_at));
            seconds.fold(0, i64::saturating_add)
        };
        let talk_by_list = listed.map_or(0, |listed| sum(&listed.legs));
        Judged {
            direction,
            number: number.map(str::to_owned),
            e164,
            status,
            user,
            others,
            talk_seconds: sum(&self.legs).max(talk_by_list),
        }
    }
}

/// Why nobody answered, of those who should have.
fn unanswered<'l>(direction: Direction, legs: impl Iterator<Item = &'l Leg>) -> CallStatus {
    if direction == Direction::In {
        // That is ours: whoever called was missed.
        return CallStatus::Missed;
    }
    match legs.filter_map(|leg| leg.end).filter(|end| *end != LegEnd::HungUp).max() {
        Some(LegEnd::Busy) => CallStatus::Busy,
        Some(LegEnd::Cancelled) => CallStatus::Cancelled,
        Some(LegEnd::Failed) => CallStatus::Failed,
        _ => CallStatus::Missed,
    }
}

/// The caller hides.
pub fn is_hidden(number: &str) -> bool {
    HIDDEN.contains(&number.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests;
