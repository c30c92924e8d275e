//! Clients: organisations and persons, new and current.

pub mod change;
pub mod duplicate;
pub mod merge;
pub mod name;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    kernel::fault::Faults,
    work::activity::ActivitySummary,
    workspace::{catalogue::NAME_LENGTH, custom_field::Custom},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ClientKind {
    Organisation,
    Person,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ClientType {
    /// Has bought nothing yet.
    New,
    /// Has bought before.
    Current,
}

/// How warm the lead was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LeadTemperature {
    Cold,
    Warm,
    Hot,
}

/// Who began a sale: who came to whom first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Initiator {
    /// Our employees.
    Us,
    Client,
}

/// What conditions look at in a client.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientFacts {
    pub id: Uuid,
    pub name: String,
    pub kind: String,
    pub client_type: String,
    pub class: Option<String>,
    pub region: Option<String>,
    pub tags: Vec<String>,
    pub consent: Option<bool>,
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    pub tax_id: Option<String>,
    pub external_source: Option<String>,
    pub external_id: Option<String>,
    pub archived: bool,
    pub created_at: DateTime<Utc>,
    pub custom: Custom,
    /// The activities with it, where something looks at them.
    pub activity_summary: ActivitySummary,
}

const MOST_TAGS: usize = 100;

/// Notes the faults of segment tags.
pub fn check_tags(faults: &mut Faults, pointer: &str, tags: &[String]) {
    if tags.len() > MOST_TAGS {
        faults.add(pointer, "too_many", format!("At most {MOST_TAGS} tags."));
    }
    for (index, tag) in tags.iter().enumerate().take(MOST_TAGS) {
        faults.text(&format!("{pointer}/{index}"), tag, NAME_LENGTH);
    }
}

/// More letters and digits than any taxpayer number has.
const LONGEST_TAX_ID: usize = 32;

/// A taxpayer number as it is kept: letters and digits only, in upper case. None for what is none.
pub fn tax_id(text: &str) -> Option<String> {
    let punctuated = |char: char| char.is_whitespace() || ".-/".contains(char);
    let kept: String = text.chars().filter(|char| !punctuated(*char)).collect();
    let fine = (1..=LONGEST_TAX_ID).contains(&kept.len())
        && kept.chars().all(|char| char.is_ascii_alphanumeric());
    fine.then(|| kept.to_ascii_uppercase())
}
