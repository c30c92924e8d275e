//! What exchanges post: whether it is theirs, and what it says of which call. An adapter is one file.
//!
//! Adapters read and verify, and decide nothing: what a call was is the domain's ([`voronka_domain::intake::call`]).

pub mod asterisk;
pub mod bitrix24;
pub mod canonical;
pub mod freeswitch;
pub mod mango;
pub mod megafon;
mod said;
pub mod standard_webhooks;
#[cfg(test)]
mod testing;
pub mod twilio;
pub mod zadarma;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rand::RngCore;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use voronka_domain::intake::call::Told;
pub use voronka_domain::intake::call::{LONGEST_ID, LONGEST_NUMBER};

/// One post tells of so many events at most, and a form has so many fields.
pub const MOST_EVENTS: usize = 100;
pub const MOST_FIELDS: usize = 200;

/// A post as it came in.
#[derive(Debug, Clone)]
pub struct Posted<'p> {
    /// What stands behind the integration's address: what the exchange adds to it, and the query.
    pub rest: &'p str,
    pub query: &'p str,
    /// The address that the exchange posted to, if the integration says how it is seen from outside.
    pub url: Option<&'p str>,
    /// Names in lower case. Of a header that came twice, the first.
    pub headers: &'p [(String, String)],
    pub body: &'p [u8],
}

impl Posted<'_> {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

/// A post as it was kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'p> {
    /// [`Adapter::target`] of the post.
    pub target: &'p str,
    pub content_type: Option<&'p str>,
    pub body: &'p [u8],
    pub received_at: DateTime<Utc>,
    /// Of times that say none.
    pub zone: Tz,
}

/// What is answered in the same breath.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    pub content_type: &'static str,
    pub text: String,
}

impl Spoken {
    pub fn json(value: &serde_json::Value) -> Self {
        Self { content_type: "application/json", text: value.to_string() }
    }
}

/// What an exchange asks while it posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Whose number it is.
    Whose { number: String },
    /// Which call it is to name from now on: that of the key that goes on, or the next one.
    Which { key: String, number: Option<String> },
}

/// What is known when it is asked; nothing, where it cannot be found in time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub client_id: Option<Uuid>,
    /// Of the contact whose number it is, or of the client.
    pub name: Option<String>,
    /// The phone of whoever looks after them.
    pub extension: Option<String>,
    /// Which of the calls of the key it is: the same until that one is over.
    pub which: String,
}

/// Why a post was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{0} is missing.")]
    Missing(&'static str),
    #[error("The signature is not one of this integration's secrets.")]
    Signature,
    #[error(
        "It was sent at another time: the clocks differ, or it was sent again by somebody else."
    )]
    Stale,
}

/// Why a post says nothing that is understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Where an integration's secret comes from.
#[derive(Debug, Clone, Copy)]
pub enum Secret {
    /// It is made here, and typed into the exchange.
    Made(fn() -> String),
    /// The exchange has it, and it is typed in here: what it is called there.
    Given(&'static str),
}

/// An exchange's way of telling.
pub trait Adapter: Sync {
    /// Its word in `adapter`.
    fn name(&self) -> &'static str;

    fn secret(&self) -> Secret {
        Secret::Made(secret)
    }

    /// Whether a secret that is given can be one.
    fn takes(&self, secret: &str) -> bool {
        !secret.is_empty()
    }

    /// What is answered to a stranger who looks whether somebody is there; nothing is kept.
    fn greeting(&self, _query: &str) -> Option<Spoken> {
        None
    }

    /// Whether somebody with one of the secrets sent it, now. Answers what a repetition has in common with it, if
    /// the exchange says so.
    fn verify(
        &self,
        posted: &Posted<'_>,
        secrets: &[&str],
        now: DateTime<Utc>,
    ) -> Result<Option<String>, Refused>;

    /// What is kept of the address, without secrets.
    fn target(&self, posted: &Posted<'_>) -> String {
        posted.query.to_owned()
    }

    /// What the exchange waits for.
    fn asks(&self, _posted: &Posted<'_>) -> Option<Question> {
        None
    }

    /// What is answered, where an empty answer will not do; and what is kept of it behind the target.
    fn answer(&self, _posted: &Posted<'_>, _known: &Known) -> Option<(Spoken, String)> {
        None
    }

    /// What a post says of calls. What it does not know it passes over.
    fn read(&self, kept: &Kept<'_>) -> Result<Vec<Told>, Unreadable>;
}

pub const ADAPTERS: [&dyn Adapter; 8] = [
    &canonical::Canonical,
    &asterisk::Asterisk,
    &freeswitch::Freeswitch,
    &mango::Mango,
    &zadarma::Zadarma,
    &twilio::Twilio,
    &megafon::Megafon,
    &bitrix24::Bitrix24,
];

pub fn named(name: &str) -> Option<&'static dyn Adapter> {
    ADAPTERS.into_iter().find(|adapter| adapter.name() == name)
}

/// A new secret that may stand in an address.
pub fn secret() -> String {
    let mut bytes = [0_u8; 24];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

/// Whether a text is one of the secrets, in constant time.
pub fn is_one(text: &str, secrets: &[&str]) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    let given = digest(text);
    // Digests are of one length, and near ones tell nothing of the texts.
    secrets.iter().fold(false, |found, secret| found | (digest(secret) == given))
}

/// The fields of a form, in their order.
pub fn fields(form: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(form).into_owned().take(MOST_FIELDS).collect()
}

/// The first field of the name, if it says something.
pub fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    let found = fields.iter().find(|(one, _)| one == name).map(|(_, value)| value.trim());
    found.filter(|value| !value.is_empty())
}

/// The user and the password of HTTP Basic.
pub fn basic(posted: &Posted<'_>) -> Option<(String, String)> {
    let (scheme, encoded) = posted.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
