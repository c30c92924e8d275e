//! What a batch of rows comes to.

use std::collections::BTreeMap;

use voronka_domain::{
    Fault, Refusal,
    import::{Outcome, Rejection, Row},
};

use super::Read;
use crate::{
    Result, Unit,
    core::noun::Noun,
    import::imports::{self, Import},
};

/// What a batch came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    /// Rows that were put aside, to be taken with their cases.
    pub read: i64,
    pub last_case: Option<String>,
    pub notes: BTreeMap<&'static str, i64>,
    pub rejected: Vec<(Vec<Rejection>, Vec<String>)>,
}

impl Tally {
    pub fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
    }

    pub fn note(&mut self, code: &'static str) {
        *self.notes.entry(code).or_default() += 1;
    }

    pub fn reject(&mut self, faults: &[Rejection], cells: &[String]) {
        self.rejected.push((faults.to_vec(), cells.to_vec()));
    }

    /// The rows that could be read, with their cells; the others are noted.
    pub fn sift<'r, T>(
        &mut self,
        rows: &'r [Read],
        pick: impl Fn(&'r Row) -> Option<&'r T>,
    ) -> Vec<(&'r T, &'r [String])> {
        let mut taken = Vec::new();
        for Read { row, cells } in rows {
            match row {
                Ok(row) => taken.extend(pick(row).map(|row| (row, cells.as_slice()))),
                Err(faults) => self.reject(faults, cells),
            }
        }
        taken
    }

    pub fn refuse(
        &mut self,
        cells: &[String],
        refusal: &Refusal,
        rejection: impl Fn(&Fault) -> Rejection,
    ) {
        let faults = refusal.faults();
        self.rejected.push((faults.iter().map(rejection).collect(), cells.to_vec()));
    }
}

/// The sentences of the notes, by code.
pub const NOTES: &[(&str, &str)] = &[
    ("without_client", "rows have no client"),
    ("without_amount", "rows have no amount: 0 is taken"),
    ("opened_at_import", "rows have no date: the deal is opened at the time of the import"),
    (
        "closed_at_import",
        "closed rows have no closing date: they are closed at the time of the import",
    ),
    ("overruled_outcome", "outcomes were overruled by a later one of the same case"),
    ("known_event", "events were not later than what the deal's history has already"),
    ("ignored_event", "events are of activities that the map ignores"),
    ("created_user", "users were created"),
    ("created_client", "clients were created"),
    ("created_source", "sources were created"),
    ("created_loss_reason", "loss reasons were created"),
    ("created_competitor", "competitors were created"),
];

/// Adds a batch to the import's figures.
pub(super) fn progress(unit: &mut Unit<'_>, before: Import, tally: Tally) -> Result<Import> {
    let Tally { created, updated, unchanged, read, last_case, notes, rejected } = tally;
    let refused = i64::try_from(rejected.len()).unwrap_or(i64::MAX);
    imports::reject(&mut unit.tenant, before.id, rejected)?;
    let done = created + updated + unchanged + refused;
    let after = Import {
        rows_done: before.rows_done + done,
        created: before.created + created,
        updated: before.updated + updated,
        unchanged: before.unchanged + unchanged,
        rejected: before.rejected + refused,
        rows_read: before.rows_read + read,
        last_case: last_case.or_else(|| before.last_case.clone()),
        notes: add_notes(&before.notes, &notes),
        waiting_for: None,
        ..before.clone()
    };
    // The feed tells of an import's beginning and end, and not of every batch.
    let events = unit.events.len();
    let after = Import::save(unit, &before, after)?;
    unit.events.truncate(events);
    Ok(after)
}

fn add_notes(before: &serde_json::Value, more: &BTreeMap<&'static str, i64>) -> serde_json::Value {
    let counted = |code: &str| {
        let notes = before.as_array().into_iter().flatten();
        let mut same = notes.filter(|note| note["code"] == code);
        same.next().and_then(|note| note["count"].as_i64()).unwrap_or(0)
    };
    let notes = NOTES.iter().filter_map(|(code, sentence)| {
        let count = counted(code) + more.get(code).copied().unwrap_or(0);
        (count > 0).then(|| {
            serde_json::json!({ "code": code, "count": count, "detail": format!("{count} {sentence}.") })
        })
    });
    notes.collect()
}
