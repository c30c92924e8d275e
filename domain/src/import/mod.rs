//! Imports: from the columns of somebody's file to the commands that everybody else gives.

mod amount;
mod apply;
mod calls;
mod clients;
mod custom;
mod deals;
mod kind;
mod matching;
mod people;
mod products;
mod rate;
mod row;
mod spec;
mod suggest;
mod synonyms;
mod time;

pub use apply::{Defaults, Named, Outcome, apply_deal, apply_event, arrange};
pub use calls::CallRow;
pub use clients::{ClientRow, ContactRow};
pub use custom::CustomCells;
pub use deals::{DealRow, EventRow, Target};
pub use kind::ImportKind;
pub use matching::{Identities, Identity};
pub use people::UserRow;
pub use products::ProductRow;
pub use rate::RateRow;
pub use row::Row;
pub use spec::{Encoding, Mapped, Plan, Spec, StageTarget};
pub use suggest::{Suggestion, suggest};
pub use time::{DateFormat, parse_date, parse_instant};

/// A row that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Line of the file, the header being line 1.
    pub line: u64,
    /// The field of the mapping, or empty for the whole row.
    pub field: String,
    pub code: String,
    pub reason: String,
}

impl Rejection {
    pub fn new(line: u64, field: &str, code: &str, reason: impl Into<String>) -> Self {
        Self { line, field: field.to_owned(), code: code.to_owned(), reason: reason.into() }
    }
}

/// An import is stopped as long as it has not ended.
pub fn may_cancel(ended: bool, state: &str) -> Result<(), crate::Refusal> {
    if ended {
        let detail = format!("The import has ended: it is {state}.");
        return Err(crate::Refusal::conflict("import_finished", "", detail));
    }
    Ok(())
}
