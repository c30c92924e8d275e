//! The closed funnel: what became of the deals at each stage.

use rust_decimal::Decimal;

use super::chart::{Bar, Paint, Panel, Part, Shape, Side};
use super::page::{RowHead, Section, Total};
use super::text::{count, deals, exact, percent};
use super::{
    ClosedFunnel, ClosedStage, LOST, OPEN, PASSED, WON, amount_heading, amounted, counted, float,
    length, money, quiet_if_zero, share, total_amount, total_deals,
};

pub(super) fn section(funnel: &ClosedFunnel<'_>) -> Section {
    let currency = funnel.currency;
    let closed = funnel.won.saturating_add(funnel.lost);
    let all = closed.saturating_add(funnel.open);
    let any_open = funnel.open > 0 || funnel.stages.iter().any(|stage| stage.open > 0);

    let mut totals = vec![
        total_deals(all, if any_open { "deals" } else { "deals closed" }),
        total_deals(funnel.won, "won"),
        total_deals(funnel.lost, "lost"),
    ];
    if any_open {
        totals.push(total_deals(funnel.open, "still open"));
    }
    totals.push(Total { value: percent(funnel.win_rate), label: "win rate", exact: String::new() });
    totals.push(total_amount(funnel.won_amount, currency, "won amount"));

    let mut legend = vec![(PASSED, "Passed the stage"), (LOST, "Lost at the stage")];
    if any_open {
        legend.push((OPEN, "Still open at the stage"));
    }
    legend.push((WON, "Won"));

    let mut rows = Vec::new();
    let mut by_deals = Vec::new();
    let mut by_amount = Vec::new();
    for stage in &funnel.stages {
        rows.push(RowHead {
            name: stage.name.to_owned(),
            note: note(stage, currency),
            aside: None,
        });
        by_deals.push(bar_of_deals(stage));
        by_amount.push(bar_of_amount(stage, currency));
    }
    rows.push(RowHead {
        name: "Won".to_owned(),
        note: format!("{} · {}", deals(funnel.won), money(funnel.won_amount, currency)),
        aside: None,
    });
    by_deals.push(Bar {
        parts: vec![Part {
            value: length(funnel.won),
            paint: quiet_if_zero(WON, funnel.won == 0),
            figure: Some(counted(funnel.won, "")),
            side: Side::Right,
            tip: format!("Won: {}", count(funnel.won)),
        }],
        total: None,
        step: None,
    });
    by_amount.push(Bar {
        parts: vec![Part {
            value: float(funnel.won_amount),
            paint: quiet_if_zero(WON, funnel.won_amount.is_zero()),
            figure: Some(amounted(funnel.won_amount, currency, "")),
            side: Side::Right,
            tip: format!("Won: {}", exact(funnel.won_amount, currency)),
        }],
        total: None,
        step: None,
    });
    let nothing = all == 0 && funnel.stages.iter().all(|stage| stage.reached == 0);
    Section {
        heading: funnel.heading.to_owned(),
        subtitle: funnel.period.clone(),
        totals,
        legend,
        remark: nothing.then_some("No deals in this period"),
        shape: Shape::Funnel,
        rows,
        panels: vec![
            Panel { heading: "Deals by stage".to_owned(), bars: by_deals },
            Panel { heading: amount_heading(currency), bars: by_amount },
        ],
        aside_heading: None,
    }
}

/// Below a stage's name.
fn note(stage: &ClosedStage<'_>, currency: &str) -> String {
    let mut note = format!("{} · {}", deals(stage.reached), money(stage.reached_amount, currency));
    if stage.not_applicable > 0 {
        note.push_str(&format!(" · {} n/a", count(stage.not_applicable)));
    }
    note
}

fn bar_of_deals(stage: &ClosedStage<'_>) -> Bar {
    let part = |deals: u64, paint: Paint, side: Side, word: &'static str| Part {
        value: length(deals),
        paint: quiet_if_zero(paint, deals == 0),
        figure: Some(counted(deals, word)),
        side,
        tip: format!(
            "{}: {} {word} of {} reached ({})",
            stage.name,
            count(deals),
            count(stage.reached),
            percent(share(length(deals), length(stage.reached)))
        ),
    };
    let mut parts = vec![
        part(stage.passed, PASSED, Side::Left, "passed"),
        part(stage.lost, LOST, Side::Right, "lost"),
    ];
    if stage.open > 0 {
        parts.push(part(stage.open, OPEN, Side::Right, "open"));
    }
    let step = match stage.conversion_to_next.filter(|rate| rate.is_finite()) {
        Some(rate) => {
            let rate = percent(Some(rate));
            let tip = format!("{}: {rate} went on to the next step", stage.name);
            Some((rate, tip))
        }
        // Known, but of deals that never had the stage or the next one.
        None if stage.reached > 0 => {
            let tip = format!("{}: too many deals never had this stage or the next", stage.name);
            Some(("n/a".to_owned(), tip))
        }
        None => None,
    };
    Bar { parts, total: None, step }
}

fn bar_of_amount(stage: &ClosedStage<'_>, currency: &str) -> Bar {
    let part = |amount: Decimal, paint: Paint, side: Side, word: &'static str| Part {
        value: float(amount),
        paint: quiet_if_zero(paint, amount.is_zero()),
        figure: Some(amounted(amount, currency, word)),
        side,
        tip: format!(
            "{}: {} {word} of {} reached ({})",
            stage.name,
            exact(amount, currency),
            exact(stage.reached_amount, currency),
            percent(share(float(amount), float(stage.reached_amount)))
        ),
    };
    let mut parts = vec![
        part(stage.passed_amount, PASSED, Side::Left, "passed"),
        part(stage.lost_amount, LOST, Side::Right, "lost"),
    ];
    if stage.open > 0 || !stage.open_amount.is_zero() {
        parts.push(part(stage.open_amount, OPEN, Side::Right, "open"));
    }
    Bar { parts, total: None, step: None }
}

/// The picture in words, for those who do not see it.
pub(super) fn describe(funnel: &ClosedFunnel<'_>) -> String {
    let mut words = format!(
        "{}, {}: {} won ({}), {} lost, {} open, win rate {}.",
        funnel.heading,
        funnel.period,
        count(funnel.won),
        exact(funnel.won_amount, funnel.currency),
        count(funnel.lost),
        count(funnel.open),
        percent(funnel.win_rate)
    );
    for stage in &funnel.stages {
        words.push_str(&format!(
            " {}: {} reached, {} passed, {} lost, {} open.",
            stage.name,
            count(stage.reached),
            count(stage.passed),
            count(stage.lost),
            count(stage.open)
        ));
        if stage.not_applicable > 0 {
            let never = count(stage.not_applicable);
            words.push_str(&format!(" {never} of them never had the stage."));
        }
    }
    words
}
