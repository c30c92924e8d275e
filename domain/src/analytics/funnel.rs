//! Funnel mathematics. A deal **reached** stage k if it ever was in k or a later stage, or was won;
//! it **passed** k if it reached k + 1 or was won; it was **lost at** k if k was the furthest stage of
//! a lost deal. Hence reached(k) - reached(k + 1) = lost(k) + open(k), always. Where k is, the version of
//! the process says that the report shows.

use rust_decimal::Decimal;
use serde::Serialize;

use crate::{
    deals::{deal::Status, stage_path::VisitCount},
    process::alignment::{Alignment, Positions, Shown},
};

/// How far a deal has come: all that a closed funnel tells deals apart by. Positions are those of the
/// process that the report shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Furthest position ever entered; 0 where the deal was opened without stages.
    pub depth: i16,
    /// Position of the stage that it is in, or was closed in.
    pub position: i16,
    /// Stages that no version had which it was on.
    pub lacks: Positions,
    pub status: Status,
}

impl Alignment {
    /// How far a deal has come that has touched these stages and versions.
    pub fn progress(&self, touched: &[i32], visit_stage: Option<i32>, status: Status) -> Progress {
        Progress {
            depth: self.furthest(touched),
            position: visit_stage.map_or(0, |number| self.place(number)),
            lacks: self.lacking(touched),
            status,
        }
    }
}

/// Which deals a number of the closed funnel counts: the report and the list behind it both ask here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Deals,
    Of(Status),
    Reached(i16),
    Passed(i16),
    /// Of this outcome, with this as the furthest stage.
    At(i16, Status),
    LostFrom(i16),
    /// Of those that reached it, those that it was never there for.
    NotApplicable(i16),
}

impl Count {
    pub fn holds(self, deal: Progress) -> bool {
        // A deal that was opened without stages counts in the first.
        let depth = deal.depth.max(1);
        match self {
            Self::Deals => true,
            Self::Of(status) => deal.status == status,
            Self::Reached(position) => deal.status == Status::Won || depth >= position,
            // Past the last stage there are only won deals.
            Self::Passed(position) => Self::Reached(position.saturating_add(1)).holds(deal),
            Self::At(position, status) => deal.status == status && depth == position,
            Self::LostFrom(position) => deal.status == Status::Lost && deal.position == position,
            Self::NotApplicable(position) => {
                deal.lacks.has(position) && Self::Reached(position).holds(deal)
            }
        }
    }
}

/// Deals that have come equally far, counted.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressCount {
    pub progress: Progress,
    pub deals: i64,
    pub amount: Decimal,
    /// Sum of the seconds from opening to closing, over the deals.
    pub cycle_seconds: Decimal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ClosedStage {
    pub stage_key: String,
    pub name: String,
    pub position: i16,
    pub reached: i64,
    pub passed: i64,
    pub lost: i64,
    /// Deals that were lost from the stage, wherever they had been before.
    pub lost_from: i64,
    pub open: i64,
    /// Deals among the reached none of whose versions had the stage.
    pub not_applicable: i64,
    pub reached_amount: Decimal,
    pub passed_amount: Decimal,
    pub lost_amount: Decimal,
    pub open_amount: Decimal,
    pub conversion_to_next: Option<f64>,
    pub conversion_from_first: Option<f64>,
    pub visits: VisitCount,
}

impl ClosedStage {
    /// So many of the deals never had the stage that shares of them say nothing: more than 5 % of them.
    pub fn is_blurred(&self) -> bool {
        self.not_applicable.saturating_mul(20) > self.reached
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClosedTotals {
    pub deals: i64,
    pub won: i64,
    pub lost: i64,
    pub open: i64,
    pub won_amount: Decimal,
    pub lost_amount: Decimal,
    pub open_amount: Decimal,
    pub win_rate: Option<f64>,
    pub win_rate_by_amount: Option<f64>,
    pub average_won_amount: Option<Decimal>,
    pub mean_won_cycle_seconds: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClosedFunnel {
    pub stages: Vec<ClosedStage>,
    pub totals: ClosedTotals,
}

/// The funnel of a set of deals from their counts by progress.
pub fn closed(
    alignment: &Alignment,
    counts: &[ProgressCount],
    visits: &[VisitCount],
) -> ClosedFunnel {
    let tally = |count| tally(counts, count);
    let first = tally(Count::Reached(1)).0;
    let stages = alignment
        .stages
        .iter()
        .map(|stage| {
            let position = stage.position;
            let (reached, reached_amount) = tally(Count::Reached(position));
            let (passed, passed_amount) = tally(Count::Passed(position));
            let (lost, lost_amount) = tally(Count::At(position, Status::Lost));
            let (open, open_amount) = tally(Count::At(position, Status::Open));
            ClosedStage {
                stage_key: stage.key.clone(),
                name: stage.name.clone(),
                position,
                not_applicable: tally(Count::NotApplicable(position)).0,
                reached,
                passed,
                lost,
                lost_from: tally(Count::LostFrom(position)).0,
                open,
                reached_amount,
                passed_amount,
                lost_amount,
                open_amount,
                conversion_to_next: ratio(passed, reached),
                conversion_from_first: ratio(reached, first),
                visits: visits
                    .iter()
                    .find(|row| row.position == position)
                    .cloned()
                    .unwrap_or_default(),
            }
        })
        .collect();
    let mut funnel = ClosedFunnel { stages, totals: totals(counts) };
    blur(&mut funnel.stages);
    funnel
}

/// Leaves out the conversions into and out of stages that many of the deals never had.
fn blur(stages: &mut [ClosedStage]) {
    let blurred: Vec<_> = stages.iter().map(ClosedStage::is_blurred).collect();
    let is = |index: usize| blurred.get(index).copied().unwrap_or(false);
    for (index, stage) in stages.iter_mut().enumerate() {
        if is(index) || is(index.saturating_add(1)) {
            stage.conversion_to_next = None;
        }
        if is(index) || is(0) {
            stage.conversion_from_first = None;
        }
    }
}

fn totals(counts: &[ProgressCount]) -> ClosedTotals {
    let of = |status: Status| tally(counts, Count::Of(status));
    let ((won, won_amount), (lost, lost_amount)) = (of(Status::Won), of(Status::Lost));
    let (open, open_amount) = of(Status::Open);
    let won_rows = counts.iter().filter(|row| row.progress.status == Status::Won);
    let cycles = won_rows.fold(Decimal::ZERO, |sum, row| sum.saturating_add(row.cycle_seconds));
    let closed = won.saturating_add(lost);
    ClosedTotals {
        deals: tally(counts, Count::Deals).0,
        won,
        lost,
        open,
        won_amount,
        lost_amount,
        open_amount,
        win_rate: ratio(won, closed),
        win_rate_by_amount: decimal_ratio(won_amount, won_amount.saturating_add(lost_amount)),
        average_won_amount: won_amount.checked_div(Decimal::from(won)),
        mean_won_cycle_seconds: decimal_ratio(cycles, Decimal::from(won)),
    }
}

fn tally(counts: &[ProgressCount], count: Count) -> (i64, Decimal) {
    let rows = counts.iter().filter(|row| count.holds(row.progress));
    rows.fold((0, Decimal::ZERO), |(deals, amount), row| {
        (deals.saturating_add(row.deals), amount.saturating_add(row.amount))
    })
}

/// Open deals of one stage at an instant, counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OpenCount {
    pub position: i16,
    pub deals: i64,
    pub amount: Decimal,
    pub weighted_amount: Decimal,
    pub overdue: i64,
    pub held: i64,
    pub median_age_seconds: Option<f64>,
}

/// A row for every stage, those without deals included.
pub fn open<'p>(alignment: &'p Alignment, counts: &[OpenCount]) -> Vec<(&'p Shown, OpenCount)> {
    alignment
        .stages
        .iter()
        .map(|stage| {
            let count = counts.iter().find(|row| row.position == stage.position).cloned();
            (stage, count.unwrap_or(OpenCount { position: stage.position, ..OpenCount::default() }))
        })
        .collect()
}

/// `a / b` with 6 decimals; none where `b` is zero.
pub fn ratio(a: i64, b: i64) -> Option<f64> {
    decimal_ratio(Decimal::from(a), Decimal::from(b))
}

/// The same of amounts.
pub fn decimal_ratio(a: Decimal, b: Decimal) -> Option<f64> {
    a.checked_div(b)?.round_dp(6).try_into().ok()
}
