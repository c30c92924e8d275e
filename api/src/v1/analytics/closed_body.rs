//! A closed funnel as JSON and as a table.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{
    Currency,
    analytics::funnel::{ClosedStage, ClosedTotals, Count},
    deals::deal::Status,
    kernel::money::{format_amount, rounded},
};
use voronka_persistence::analytics::closed::{Counted, Visits};

use super::shown::{FoldedStage, ReportNote, ReportVersion};
use crate::http::{parameters::Links, table::Cell};

/// A stage of a closed funnel. Always `reached` of a stage less that of the next is `lost` plus `open`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClosedFunnelStage {
    #[schema(example = "prospecting")]
    pub stage_key: String,
    #[schema(example = "Prospecting")]
    pub name: String,
    pub position: i16,
    /// Deals that were in this stage or a later one, or were won: skipped stages count as reached.
    pub reached: i64,
    /// Deals that were in the stage itself.
    pub touched: i64,
    /// Deals that reached the next stage, or were won.
    pub passed: i64,
    /// Lost deals whose furthest stage this was.
    pub lost: i64,
    /// Lost deals that were in this stage when they were lost.
    pub lost_from: i64,
    /// Open deals whose furthest stage this is; 0 on the basis `closed`.
    pub open: i64,
    /// Deals among the reached that were never on a version of the process that has the stage.
    pub not_applicable: i64,
    #[schema(example = "10005534.00")]
    pub reached_amount: String,
    pub passed_amount: String,
    pub lost_amount: String,
    pub open_amount: String,
    /// passed / reached; null where none reached the stage, and where more than 5 % of those that reached this
    /// stage or the next one are `not_applicable` there.
    #[schema(example = 0.631501)]
    pub conversion_to_next: Option<f64>,
    /// reached / reached of the first stage; null as before of this stage and of the first one.
    pub conversion_from_first: Option<f64>,
    /// Median length of the visits that are over, in seconds, without time on hold.
    pub median_seconds: Option<f64>,
    pub visits: i64,
    /// Visits that are over: those of the median.
    pub ended_visits: i64,
    /// Visits that are not over, and so not in the median.
    pub open_visits: i64,
    /// Visits that began by going back to this stage.
    pub back_moves: i64,
    /// For each number the list of its deals; an amount is of the deals of its number.
    pub drill_down: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClosedFunnelTotals {
    pub deals: i64,
    #[schema(example = 4238)]
    pub won: i64,
    #[schema(example = 2473)]
    pub lost: i64,
    pub open: i64,
    #[schema(example = "10005534.00")]
    pub won_amount: String,
    pub lost_amount: String,
    pub open_amount: String,
    /// won / (won + lost).
    #[schema(example = 0.631501)]
    pub win_rate: Option<f64>,
    pub win_rate_by_amount: Option<f64>,
    pub average_won_amount: Option<String>,
    /// Seconds from opening to winning, on average.
    pub mean_won_cycle_seconds: Option<f64>,
    /// For each number the list of its deals.
    pub drill_down: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClosedFunnelGroup {
    /// Id or word of the group; null for deals without one.
    pub key: Option<String>,
    #[schema(example = "Anna Vermeer")]
    pub name: String,
    pub stages: Vec<ClosedFunnelStage>,
    /// What conversions are left out, and why.
    pub notes: Vec<ReportNote>,
    pub totals: ClosedFunnelTotals,
}

/// The same funnel of another period.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClosedFunnelComparison {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub stages: Vec<ClosedFunnelStage>,
    /// What conversions are left out, and why.
    pub notes: Vec<ReportNote>,
    pub totals: ClosedFunnelTotals,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ClosedFunnel)]
pub struct ClosedFunnelBody {
    pub deal_type_id: Uuid,
    pub version: ReportVersion,
    /// First day of the period, in the workspace's time zone.
    pub from: NaiveDate,
    /// Last day of the period.
    pub to: NaiveDate,
    /// `closed`: deals closed in the period; `created`: deals opened in it, closed or not.
    #[schema(example = "closed")]
    pub basis: String,
    /// Of all amounts: the workspace's base currency.
    #[schema(example = "USD")]
    pub currency: String,
    pub stages: Vec<ClosedFunnelStage>,
    /// Stages of other versions that are counted in one of these.
    pub folded: Vec<FoldedStage>,
    /// What conversions are left out, and why.
    pub notes: Vec<ReportNote>,
    pub totals: ClosedFunnelTotals,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub groups: Option<Vec<ClosedFunnelGroup>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub comparison: Option<ClosedFunnelComparison>,
}

pub fn stage_body(stage: ClosedStage, currency: Currency, links: &Links) -> ClosedFunnelStage {
    let links = links.clone().with("stage_key", &stage.stage_key);
    let money = |amount| format_amount(amount, currency);
    ClosedFunnelStage {
        stage_key: stage.stage_key,
        name: stage.name,
        position: stage.position,
        reached: stage.reached,
        touched: stage.visits.touched,
        passed: stage.passed,
        lost: stage.lost,
        lost_from: stage.lost_from,
        open: stage.open,
        not_applicable: stage.not_applicable,
        reached_amount: money(stage.reached_amount),
        passed_amount: money(stage.passed_amount),
        lost_amount: money(stage.lost_amount),
        open_amount: money(stage.open_amount),
        conversion_to_next: stage.conversion_to_next,
        conversion_from_first: stage.conversion_from_first,
        median_seconds: stage.visits.median_seconds,
        visits: stage.visits.visits,
        ended_visits: stage.visits.visits.saturating_sub(stage.visits.open_visits),
        open_visits: stage.visits.open_visits,
        back_moves: stage.visits.back_moves,
        drill_down: links.all(STAGE_FIGURES.iter().map(|(word, _)| *word)),
    }
}

pub fn totals_body(totals: ClosedTotals, currency: Currency, links: &Links) -> ClosedFunnelTotals {
    let money = |amount| format_amount(amount, currency);
    ClosedFunnelTotals {
        deals: totals.deals,
        won: totals.won,
        lost: totals.lost,
        open: totals.open,
        won_amount: money(totals.won_amount),
        lost_amount: money(totals.lost_amount),
        open_amount: money(totals.open_amount),
        win_rate: totals.win_rate,
        win_rate_by_amount: totals.win_rate_by_amount,
        average_won_amount: totals.average_won_amount.map(|mean| money(rounded(mean, currency))),
        mean_won_cycle_seconds: totals.mean_won_cycle_seconds,
        drill_down: links.all(TOTAL_FIGURES.iter().map(|(word, _)| *word)),
    }
}

/// What a figure counts at the position of a stage.
type AtStage = fn(i16) -> Counted;

/// The numbers of a stage, by their field.
pub const STAGE_FIGURES: &[(&str, AtStage)] = &[
    ("reached", |k| Counted::Deals(Count::Reached(k))),
    ("touched", |k| Counted::Visits(Visits::Touched, k)),
    ("passed", |k| Counted::Deals(Count::Passed(k))),
    ("lost", |k| Counted::Deals(Count::At(k, Status::Lost))),
    ("lost_from", |k| Counted::Deals(Count::LostFrom(k))),
    ("open", |k| Counted::Deals(Count::At(k, Status::Open))),
    ("not_applicable", |k| Counted::Deals(Count::NotApplicable(k))),
    ("visits", |k| Counted::Visits(Visits::All, k)),
    ("ended_visits", |k| Counted::Visits(Visits::Ended, k)),
    ("open_visits", |k| Counted::Visits(Visits::Open, k)),
    ("back_moves", |k| Counted::Visits(Visits::Back, k)),
];

/// Those of the totals.
pub const TOTAL_FIGURES: &[(&str, Counted)] = &[
    ("deals", Counted::Deals(Count::Deals)),
    ("won", Counted::Deals(Count::Of(Status::Won))),
    ("lost", Counted::Deals(Count::Of(Status::Lost))),
    ("open", Counted::Deals(Count::Of(Status::Open))),
];

pub const HEADER: &[&str] = &[
    "group_key",
    "group_name",
    "stage_key",
    "name",
    "position",
    "reached",
    "touched",
    "passed",
    "lost",
    "lost_from",
    "open",
    "currency",
    "reached_amount",
    "passed_amount",
    "lost_amount",
    "open_amount",
    "conversion_to_next",
    "conversion_from_first",
    "median_seconds",
    "visits",
    "ended_visits",
    "open_visits",
    "back_moves",
    "not_applicable",
];

/// A row of the table, after the group's key and name.
pub fn cells(stage: &ClosedStage, currency: Currency) -> Vec<Cell> {
    let money = |amount| Cell::Money(amount, currency);
    let visits = &stage.visits;
    vec![
        stage.stage_key.as_str().into(),
        stage.name.as_str().into(),
        i64::from(stage.position).into(),
        stage.reached.into(),
        visits.touched.into(),
        stage.passed.into(),
        stage.lost.into(),
        stage.lost_from.into(),
        stage.open.into(),
        currency.code().into(),
        money(stage.reached_amount),
        money(stage.passed_amount),
        money(stage.lost_amount),
        money(stage.open_amount),
        Cell::ratio(stage.conversion_to_next),
        Cell::ratio(stage.conversion_from_first),
        Cell::seconds(visits.median_seconds),
        visits.visits.into(),
        visits.visits.saturating_sub(visits.open_visits).into(),
        visits.open_visits.into(),
        visits.back_moves.into(),
        stage.not_applicable.into(),
    ]
}
