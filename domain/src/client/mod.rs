//! Clients: organisations and persons, new and current.

pub mod duplicate;
pub mod merge;
pub mod name;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    Organisation,
    Person,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientType {
    /// Has bought nothing yet.
    New,
    /// Has bought before.
    Current,
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
