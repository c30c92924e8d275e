//! The funnel reports as SVG pictures to print or to put in a page: no scripts, no references
//! to anything outside the picture, and every text escaped.

mod chart;
mod closed_funnel;
mod open_funnel;
mod page;
pub(crate) mod svg;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod text;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use chart::{Figure, Paint};
use page::{Section, Total};
use text::{compact, count, exact, short_count};

// Blue, orange and grey differ for every kind of colour vision, and, as they also differ in
// lightness, on a black-and-white printer. Figures contrast with what they stand on by 4.5 or more.
const PASSED: Paint = Paint { fill: "#2f6fa7", on: "#ffffff", beside: "#245a8a" };
const WON: Paint = Paint { fill: "#123f68", on: "#ffffff", beside: "#123f68" };
const LOST: Paint = Paint { fill: "#eda35e", on: "#3a2408", beside: "#9a4d00" };
const OPEN: Paint = Paint { fill: "#c6d1dc", on: "#33404d", beside: "#5f6b76" };
const ZERO: &str = "#5f6b76";

/// A stage of a closed funnel: what became of the deals that reached it.
#[derive(Debug, Clone)]
pub struct ClosedStage<'a> {
    pub name: &'a str,
    /// Deals that reached the stage: passed, lost and open together.
    pub reached: u64,
    pub passed: u64,
    pub lost: u64,
    /// Deals still at the stage; drawn only where there are any.
    pub open: u64,
    /// Deals among the reached that the stage was never there for.
    pub not_applicable: u64,
    pub reached_amount: Decimal,
    pub passed_amount: Decimal,
    pub lost_amount: Decimal,
    pub open_amount: Decimal,
    /// The share (0 to 1) of these deals that went on to the next stage, or was won.
    pub conversion_to_next: Option<f64>,
}

/// A closed funnel of all deals or of one group of them.
#[derive(Debug, Clone)]
pub struct ClosedFunnel<'a> {
    pub heading: &'a str,
    /// In words, such as "1 Jan 2017 – 31 Dec 2017, by close date".
    pub period: String,
    pub currency: &'a str,
    pub stages: Vec<ClosedStage<'a>>,
    pub won: u64,
    pub lost: u64,
    pub open: u64,
    pub won_amount: Decimal,
    /// A share from 0 to 1.
    pub win_rate: Option<f64>,
}

/// A stage of an open funnel: the deals that are there now.
#[derive(Debug, Clone)]
pub struct OpenStage<'a> {
    pub name: &'a str,
    pub deals: u64,
    pub amount: Decimal,
    /// The amount times the probability of winning.
    pub weighted_amount: Decimal,
    /// Those of the deals whose time is over.
    pub overdue: u64,
    pub median_age_days: Option<f64>,
}

/// An open funnel of all deals or of one group of them.
#[derive(Debug, Clone)]
pub struct OpenFunnel<'a> {
    pub heading: &'a str,
    /// In words, such as "as of 31 Dec 2017".
    pub as_of: String,
    pub currency: &'a str,
    pub stages: Vec<OpenStage<'a>>,
    pub deals: u64,
    pub amount: Decimal,
    pub weighted_amount: Decimal,
}

/// Draws closed funnels one below another: per stage the deals that passed it and those lost,
/// by number and by amount. Each funnel has its own scale.
#[must_use]
pub fn closed(sections: &[ClosedFunnel<'_>]) -> String {
    let title = sections.first().map_or("Closed funnel", |section| section.heading);
    let description: Vec<String> = sections.iter().map(closed_funnel::describe).collect();
    let sections: Vec<Section> = sections.iter().map(closed_funnel::section).collect();
    page::draw("closed-funnel", title, &sections, &description.join(" "))
}

/// Draws open funnels one below another: per stage the deals there now, with the overdue
/// marked, and their amount, with the weighted amount marked. Each funnel has its own scale.
#[must_use]
pub fn open(sections: &[OpenFunnel<'_>]) -> String {
    let title = sections.first().map_or("Open funnel", |section| section.heading);
    let description: Vec<String> = sections.iter().map(open_funnel::describe).collect();
    let sections: Vec<Section> = sections.iter().map(open_funnel::section).collect();
    page::draw("open-funnel", title, &sections, &description.join(" "))
}

fn float(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or(0.0)
}

/// Bars only: three significant digits of a length are more than a pixel shows.
#[allow(clippy::cast_precision_loss)]
fn length(deals: u64) -> f64 {
    deals as f64
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn money(amount: Decimal, currency: &str) -> String {
    let figure = compact(float(amount));
    if currency.is_empty() {
        return figure;
    }
    format!("{figure}{}{currency}", text::NBSP)
}

fn counted(deals: u64, word: &'static str) -> Figure {
    Figure { number: short_count(deals), unit: String::new(), word }
}

fn amounted(amount: Decimal, currency: &str, word: &'static str) -> Figure {
    // "0 lost" needs no currency.
    let unit = if amount.is_zero() { "" } else { currency };
    Figure { number: compact(float(amount)), unit: unit.to_owned(), word }
}

/// A figure of zero is there to be looked up, not to be seen first.
fn quiet_if_zero(paint: Paint, zero: bool) -> Paint {
    if zero { Paint { beside: ZERO, ..paint } } else { paint }
}

fn amount_heading(currency: &str) -> String {
    if currency.is_empty() {
        "Amount by stage".to_owned()
    } else {
        format!("Amount by stage, {currency}")
    }
}

fn total_deals(deals: u64, label: &'static str) -> Total {
    Total { value: short_count(deals), label, exact: count(deals) }
}

fn total_amount(amount: Decimal, currency: &str, label: &'static str) -> Total {
    Total { value: money(amount, currency), label, exact: exact(amount, currency) }
}
