//! The open funnel: the deals at each stage now.

use super::chart::{Bar, Panel, Part, Shape, Side};
use super::page::{RowHead, Section};
use super::text::{self, compact, count, deals, exact};
use super::{
    LOST, OPEN, OpenFunnel, OpenStage, PASSED, amount_heading, amounted, counted, float, length,
    total_amount, total_deals,
};

pub(super) fn section(funnel: &OpenFunnel<'_>) -> Section {
    let currency = funnel.currency;
    let overdue = funnel.stages.iter().fold(0_u64, |sum, stage| sum.saturating_add(stage.overdue));
    let totals = vec![
        total_deals(funnel.deals, "open deals"),
        total_deals(overdue, "overdue"),
        total_amount(funnel.amount, currency, "amount"),
        total_amount(funnel.weighted_amount, currency, "weighted amount"),
    ];
    let mut rows = Vec::new();
    let mut by_deals = Vec::new();
    let mut by_amount = Vec::new();
    for stage in &funnel.stages {
        rows.push(RowHead {
            name: stage.name.to_owned(),
            note: String::new(),
            aside: Some(days(stage.median_age_days)),
        });
        by_deals.push(bar_of_deals(stage));
        by_amount.push(bar_of_amount(stage, currency));
    }
    let nothing = funnel.deals == 0 && funnel.stages.iter().all(|stage| stage.deals == 0);
    Section {
        heading: funnel.heading.to_owned(),
        subtitle: funnel.as_of.clone(),
        totals,
        legend: vec![
            (LOST, "Overdue deals"),
            (PASSED, "Weighted amount"),
            (OPEN, "Other deals, rest of the amount"),
        ],
        remark: nothing.then_some("No open deals"),
        shape: Shape::Level,
        rows,
        panels: vec![
            Panel { heading: "Deals by stage".to_owned(), bars: by_deals },
            Panel { heading: amount_heading(currency), bars: by_amount },
        ],
        aside_heading: Some("Median age"),
    }
}

/// "23 days"; an age that is not known is a dash.
fn days(age: Option<f64>) -> String {
    match age.filter(|age| age.is_finite()) {
        Some(age) if (age - 1.0).abs() < 0.05 => format!("1{}day", text::NBSP),
        Some(age) if age.abs() < 10.0 => {
            let figure = format!("{age:.1}");
            let figure = figure.strip_suffix(".0").unwrap_or(&figure);
            format!("{figure}{}days", text::NBSP)
        }
        Some(age) => format!("{}{}days", compact(age.round()), text::NBSP),
        None => text::NONE.to_owned(),
    }
}

fn bar_of_deals(stage: &OpenStage<'_>) -> Bar {
    // More overdue than there are would draw a bar longer than its total.
    let overdue = stage.overdue.min(stage.deals);
    let tip = format!(
        "{}: {} open, of them {} overdue",
        stage.name,
        count(stage.deals),
        count(stage.overdue)
    );
    Bar {
        parts: vec![
            Part {
                value: length(overdue),
                paint: LOST,
                figure: (overdue > 0).then(|| counted(overdue, "overdue")),
                side: Side::Right,
                tip: tip.clone(),
            },
            Part {
                value: length(stage.deals - overdue),
                paint: OPEN,
                figure: None,
                side: Side::Right,
                tip,
            },
        ],
        total: Some(counted(stage.deals, "")),
        step: None,
    }
}

fn bar_of_amount(stage: &OpenStage<'_>, currency: &str) -> Bar {
    let amount = float(stage.amount).max(0.0);
    let weighted = float(stage.weighted_amount).clamp(0.0, amount);
    let tip = format!(
        "{}: {}, weighted by probability {}",
        stage.name,
        exact(stage.amount, currency),
        exact(stage.weighted_amount, currency)
    );
    Bar {
        parts: vec![
            Part {
                value: weighted,
                paint: PASSED,
                figure: (!stage.weighted_amount.is_zero())
                    .then(|| amounted(stage.weighted_amount, currency, "weighted")),
                side: Side::Right,
                tip: tip.clone(),
            },
            Part { value: amount - weighted, paint: OPEN, figure: None, side: Side::Right, tip },
        ],
        total: Some(amounted(stage.amount, currency, "")),
        step: None,
    }
}

/// The picture in words, for those who do not see it.
pub(super) fn describe(funnel: &OpenFunnel<'_>) -> String {
    let mut words = format!(
        "{}, {}: {} open, {}, weighted {}.",
        funnel.heading,
        funnel.as_of,
        deals(funnel.deals),
        exact(funnel.amount, funnel.currency),
        exact(funnel.weighted_amount, funnel.currency)
    );
    for stage in &funnel.stages {
        words.push_str(&format!(
            " {}: {}, {} overdue, {}, median age {}.",
            stage.name,
            deals(stage.deals),
            count(stage.overdue),
            exact(stage.amount, funnel.currency),
            days(stage.median_age_days)
        ));
    }
    words
}
