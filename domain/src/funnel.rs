//! Funnel mathematics. A deal **reached** stage k if it ever was in k or a later stage, or was won;
//! it **passed** k if it reached k + 1 or was won; it was **lost at** k if k was the furthest stage of
//! a lost deal. Hence reached(k) - reached(k + 1) = lost(k) + open(k), always.

use rust_decimal::Decimal;
use serde::Serialize;

use crate::{deal::Status, process::Process};

/// Deals of one outcome and one depth, counted.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthCount {
    /// Furthest position ever entered.
    pub depth: i16,
    pub status: Status,
    pub deals: i64,
    pub amount: Decimal,
    /// Sum of the seconds from opening to closing, over the deals.
    pub cycle_seconds: Decimal,
}

/// Visits to one stage, counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VisitCount {
    pub position: i16,
    /// Deals that were in the stage.
    pub touched: i64,
    pub visits: i64,
    /// Visits that are not over: censored, and not in the median.
    pub open_visits: i64,
    pub back_moves: i64,
    /// Deals that were lost from the stage, wherever they had been before.
    pub lost_from: i64,
    pub median_seconds: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ClosedStage {
    pub stage_key: String,
    pub name: String,
    pub position: i16,
    pub reached: i64,
    pub passed: i64,
    pub lost: i64,
    pub open: i64,
    pub reached_amount: Decimal,
    pub passed_amount: Decimal,
    pub lost_amount: Decimal,
    pub open_amount: Decimal,
    pub conversion_to_next: Option<f64>,
    pub conversion_from_first: Option<f64>,
    pub visits: VisitCount,
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

/// The funnel of a set of deals from their counts by depth and outcome.
pub fn closed(process: &Process, depths: &[DepthCount], visits: &[VisitCount]) -> ClosedFunnel {
    let totals = totals(depths);
    // A deal that was opened without stages counts in the first.
    let depth = |row: &DepthCount| row.depth.max(1);
    let reached =
        |position: i16| tally(depths, |row| row.status == Status::Won || depth(row) >= position);
    let at = |position: i16, status: Status| {
        tally(depths, |row| row.status == status && depth(row) == position)
    };
    let first = reached(1).0;
    let stages = process
        .stages
        .iter()
        .map(|stage| {
            let here = reached(stage.position);
            // Past the last stage there are only won deals.
            let next = reached(stage.position.saturating_add(1));
            let (lost, lost_amount) = at(stage.position, Status::Lost);
            let (open, open_amount) = at(stage.position, Status::Open);
            ClosedStage {
                stage_key: stage.key.clone(),
                name: stage.name.clone(),
                position: stage.position,
                reached: here.0,
                passed: next.0,
                lost,
                open,
                reached_amount: here.1,
                passed_amount: next.1,
                lost_amount,
                open_amount,
                conversion_to_next: ratio(next.0, here.0),
                conversion_from_first: ratio(here.0, first),
                visits: visits
                    .iter()
                    .find(|row| row.position == stage.position)
                    .cloned()
                    .unwrap_or_default(),
            }
        })
        .collect();
    ClosedFunnel { stages, totals }
}

fn totals(depths: &[DepthCount]) -> ClosedTotals {
    let of = |status: Status| tally(depths, |row| row.status == status);
    let ((won, won_amount), (lost, lost_amount)) = (of(Status::Won), of(Status::Lost));
    let (open, open_amount) = of(Status::Open);
    let won_rows = depths.iter().filter(|row| row.status == Status::Won);
    let cycles = won_rows.fold(Decimal::ZERO, |sum, row| sum.saturating_add(row.cycle_seconds));
    let closed = won.saturating_add(lost);
    ClosedTotals {
        deals: closed.saturating_add(open),
        won,
        lost,
        open,
        won_amount,
        lost_amount,
        open_amount,
        win_rate: ratio(won, closed),
        win_rate_by_amount: decimal_ratio(won_amount, won_amount.saturating_add(lost_amount)),
        average_won_amount: won_amount.checked_div(Decimal::from(won)).map(|d| d.round_dp(4)),
        mean_won_cycle_seconds: decimal_ratio(cycles, Decimal::from(won)),
    }
}

fn tally(depths: &[DepthCount], keep: impl Fn(&DepthCount) -> bool) -> (i64, Decimal) {
    depths.iter().filter(|row| keep(row)).fold((0, Decimal::ZERO), |(deals, amount), row| {
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
pub fn open<'p>(
    process: &'p Process,
    counts: &[OpenCount],
) -> Vec<(&'p crate::process::Stage, OpenCount)> {
    process
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

fn decimal_ratio(a: Decimal, b: Decimal) -> Option<f64> {
    a.checked_div(b)?.round_dp(6).try_into().ok()
}
