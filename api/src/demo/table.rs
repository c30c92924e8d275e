//! Writing the CSV files, and counting what they say.

use std::collections::BTreeMap;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::generator::{Company, LOST_PREFIX, WON};
use super::outline;

/// A CSV file (RFC 4180 with LF line ends) in the making.
///
/// It is written by hand, so that no release of a library can quote otherwise
/// and thereby change the files.
#[derive(Debug)]
pub(super) struct Table {
    text: String,
}

impl Table {
    /// A file that begins with its header line.
    pub(super) fn new(header: &[&str]) -> Self {
        let mut table = Self { text: String::new() };
        table.row(header);
        table
    }

    /// Adds a line.
    pub(super) fn row(&mut self, fields: &[&str]) {
        for (position, field) in fields.iter().enumerate() {
            if position > 0 {
                self.text.push(',');
            }
            if field.contains([',', '"', '\r', '\n']) {
                self.text.push('"');
                self.text.push_str(&field.replace('"', "\"\""));
                self.text.push('"');
            } else {
                self.text.push_str(field);
            }
        }
        self.text.push('\n');
    }

    /// The finished file.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// What the files of a company add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Deals in all.
    pub deals: usize,
    /// Deals without an outcome.
    pub open: usize,
    /// Deals won.
    pub won: usize,
    /// Deals lost.
    pub lost: usize,
    /// The amount of the deals won, in the company's currency.
    pub won_amount: Decimal,
    /// Moves that passed over one stage or more.
    pub skips: usize,
    /// Moves to an earlier stage.
    pub back_moves: usize,
}

/// A deal as it is read back from the files.
#[derive(Debug, Default)]
struct Tally {
    amount: Decimal,
    stage: usize,
    won: bool,
    lost: bool,
}

/// Counts the deals and moves of a company's CSV files.
///
/// Only the files are read, so that this is a check on the generator and on
/// whoever loads them. Lines that cannot be read count for nothing.
pub fn summary(company: &Company) -> Summary {
    let stages: Vec<&str> = company
        .deal_types
        .iter()
        .filter(|deal_type| deal_type.key == outline::MAIN_DEAL_TYPE)
        .flat_map(|deal_type| deal_type.stages.iter().map(|stage| stage.name))
        .collect();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for row in csv::Reader::from_reader(company.deals_csv.as_bytes()).records().flatten() {
        let amount = row.get(6).map(Decimal::from_str);
        tallies.insert(
            row.get(0).unwrap_or_default().to_owned(),
            Tally { amount: amount.and_then(Result::ok).unwrap_or_default(), ..Tally::default() },
        );
    }
    let (mut skips, mut back_moves) = (0, 0);
    for row in csv::Reader::from_reader(company.stage_events_csv.as_bytes()).records().flatten() {
        let (Some(deal_no), Some(activity)) = (row.get(0), row.get(1)) else {
            continue;
        };
        let Some(tally) = tallies.get_mut(deal_no) else {
            continue;
        };
        if activity == WON {
            tally.won = true;
        } else if activity.starts_with(LOST_PREFIX) {
            tally.lost = true;
        } else if let Some(stage) = stages.iter().position(|name| *name == activity) {
            skips += usize::from(stage > tally.stage + 1);
            back_moves += usize::from(stage < tally.stage);
            tally.stage = stage;
        }
    }
    Summary {
        deals: tallies.len(),
        open: tallies.values().filter(|t| !t.won && !t.lost).count(),
        won: tallies.values().filter(|t| t.won).count(),
        lost: tallies.values().filter(|t| t.lost).count(),
        won_amount: tallies.values().filter(|t| t.won).map(|t| t.amount).sum(),
        skips,
        back_moves,
    }
}
