//! Tasks over the days of a period as an SVG picture: a row a task, by whoever is to do it or by deal.
//! Like the funnels it has no scripts, and refers to nothing outside.

mod look;
mod scale;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use voronka_domain::workspace::settings::Settings;

use crate::{
    funnel_svg::{
        svg::{Anchor, HAIRLINE, INK, QUIET, Svg, document, font, n},
        text::{count, width},
    },
    v1::work::tasks::{TaskBar, TaskBars, TaskGantt},
};
use look::Look;
use scale::Scale;

const PAGE_WIDTH: f64 = 1200.0;
const MARGIN: f64 = 40.0;
const RIGHT: f64 = PAGE_WIDTH - MARGIN;
const GUTTER: f64 = 20.0;
/// A bar is seen, however short the task is.
const SHORTEST: f64 = 4.0;
/// Less says nothing.
const LEAST_LABEL: f64 = 60.0;
const MOST_LABEL: f64 = 260.0;
const GROUP: f64 = 30.0;

/// Vertical measures: many tasks are set closer.
#[derive(Clone, Copy)]
struct Rows {
    pitch: f64,
    bar: f64,
    size: f64,
}

impl Rows {
    fn of(tasks: usize) -> Self {
        match tasks {
            0..=40 => Self { pitch: 26.0, bar: 14.0, size: 12.5 },
            _ => Self { pitch: 21.0, bar: 12.0, size: 11.5 },
        }
    }
}

/// Draws a chart with the workspace's days.
#[must_use]
pub fn draw(gantt: &TaskGantt, settings: &Settings) -> String {
    let bars = || gantt.groups.iter().flat_map(|group| &group.bars);
    let rows = Rows::of(bars().count());
    let names = names_width(gantt, rows);
    let scale = Scale::new(gantt, settings, MARGIN + names + GUTTER, RIGHT);
    let mut svg = Svg::default();
    let mut y = draw_head(&mut svg, gantt, &subtitle(gantt));
    y = draw_legend(&mut svg, gantt, &scale, y + 25.0);

    let top = y + 24.0;
    let first = top + scale::HEAD;
    let tall = bars().fold(0.0, |tall, _| tall + rows.pitch)
        + gantt.groups.iter().fold(0.0, |tall, _| tall + GROUP);
    let bottom = first + if gantt.groups.is_empty() { 90.0 } else { tall + 8.0 };
    scale.draw(&mut svg, top, bottom);
    let mut y = first;
    for group in &gantt.groups {
        y = draw_group(&mut svg, group, gantt, &scale, (y, rows, names));
    }
    if gantt.groups.is_empty() {
        let bold = font(13.0, true, INK, Anchor::Start);
        svg.text(MARGIN, first + 50.0, bold, "No tasks in this period", "");
    }
    let mut bottom = bottom;
    if gantt.more > 0 {
        bottom += 26.0;
        let and = format!(
            "And {} more: a shorter period, a filter or a higher limit shows them.",
            tasks(gantt.more)
        );
        svg.text(MARGIN, bottom, font(13.0, true, INK, Anchor::Start), &and, "");
    }
    let size = (PAGE_WIDTH, (bottom + MARGIN).ceil());
    document("task-gantt", "Tasks", &describe(gantt, settings.time_zone), size, &svg)
}

fn subtitle(gantt: &TaskGantt) -> String {
    let by = if gantt.group_by == "deal" { "by deal" } else { "by responsible" };
    format!("{} – {}, {by}", gantt.from.format("%-d %b %Y"), gantt.to.format("%-d %b %Y"))
}

fn number(value: i64) -> String {
    count(u64::try_from(value).unwrap_or_default())
}

fn tasks(value: i64) -> String {
    format!("{} {}", number(value), if value == 1 { "task" } else { "tasks" })
}

fn size_of<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}

/// The heading with the large figures; returns where it ends.
fn draw_head(svg: &mut Svg, gantt: &TaskGantt, subtitle: &str) -> f64 {
    let mut y = MARGIN + 24.0;
    svg.text(MARGIN, y, font(24.0, true, INK, Anchor::Start), "Tasks", "");
    y += 22.0;
    svg.text(MARGIN, y, font(13.0, false, QUIET, Anchor::Start), subtitle, "");
    y += 42.0;
    let totals = &gantt.totals;
    let mut x = MARGIN;
    for (value, label) in
        [(totals.tasks, "tasks"), (totals.done, "done"), (totals.overdue, "overdue")]
    {
        let value = number(value);
        svg.text(x, y, font(22.0, true, INK, Anchor::Start), &value, "");
        svg.text(x, y + 18.0, font(11.5, false, QUIET, Anchor::Start), label, "");
        x += width(&value, 22.0, true).max(width(label, 11.5, false)) + 36.0;
    }
    if gantt.more > 0 {
        let shown = gantt.totals.tasks.saturating_sub(gantt.more);
        let remark = format!("The first {} of {}", number(shown), tasks(totals.tasks));
        svg.text(RIGHT, y + 18.0, font(13.0, true, INK, Anchor::End), &remark, "");
    }
    y += 36.0;
    svg.rect(MARGIN, y, RIGHT - MARGIN, 1.0, HAIRLINE);
    y
}

/// What the colours mean that the chart has; returns where it ends.
fn draw_legend(svg: &mut Svg, gantt: &TaskGantt, scale: &Scale, y: f64) -> f64 {
    let mut x = MARGIN;
    let text = font(12.0, false, INK, Anchor::Start);
    for (mark, word) in look::legend(gantt, scale.shows_days_off()) {
        mark.draw(svg, x, y);
        svg.text(x + mark.width() + 6.0, y, text, word, "");
        x += mark.width() + 6.0 + width(word, 12.0, false) + 22.0;
    }
    y
}

fn names_width(gantt: &TaskGantt, rows: Rows) -> f64 {
    let group = |group: &TaskBars| width(group_name(group, gantt), 13.0, true) + 80.0;
    let bars = gantt.groups.iter().flat_map(|group| &group.bars);
    let names = bars.map(|bar| width(&bar.title, rows.size, false) + 16.0);
    names.chain(gantt.groups.iter().map(group)).fold(0.0, f64::max).clamp(180.0, 330.0)
}

fn group_name<'a>(group: &'a TaskBars, gantt: &TaskGantt) -> &'a str {
    match &group.name {
        Some(name) => name,
        None if gantt.group_by == "deal" && group.key.is_none() => "Without a deal",
        None => "A deal of somebody else",
    }
}

/// A group's name and its bars; returns where it ends.
fn draw_group(
    svg: &mut Svg,
    group: &TaskBars,
    gantt: &TaskGantt,
    scale: &Scale,
    (top, rows, names): (f64, Rows, f64),
) -> f64 {
    svg.rect(MARGIN, top, RIGHT - MARGIN, 1.0, HAIRLINE);
    let base = top + 20.0;
    let many = number(size_of(&group.bars));
    let room = names - width(&many, 11.5, false) - 10.0;
    svg.fitted(
        MARGIN,
        base,
        font(13.0, true, INK, Anchor::Start),
        group_name(group, gantt),
        "",
        room,
    );
    svg.text(MARGIN + names, base, font(11.5, false, QUIET, Anchor::End), &many, "");
    let mut y = top + GROUP;
    for bar in &group.bars {
        let middle = y + rows.pitch / 2.0 - 2.0;
        let base = middle + rows.size * 0.36;
        if bar.priority == "high" {
            let high = font(rows.size, true, look::LATE_INK, Anchor::Start);
            svg.text(MARGIN, base, high, "!", "High priority");
        }
        let title = font(rows.size, false, INK, Anchor::Start);
        svg.fitted(MARGIN + 12.0, base, title, &bar.title, "", names - 12.0);
        draw_bar(svg, bar, gantt, scale, (middle, rows));
        y += rows.pitch;
    }
    y
}

/// Where a task has come to, or is to come to.
fn end(bar: &TaskBar, now: DateTime<Utc>) -> DateTime<Utc> {
    let end = match bar.status.as_str() {
        "done" => bar.done_at,
        "cancelled" => bar.due_at,
        _ => bar.due_at.max(Some(now)),
    };
    end.unwrap_or(bar.begins_at).max(bar.begins_at)
}

fn draw_bar(
    svg: &mut Svg,
    bar: &TaskBar,
    gantt: &TaskGantt,
    scale: &Scale,
    (middle, rows): (f64, Rows),
) {
    let end = end(bar, gantt.as_of);
    let (top, tall) = (middle - rows.bar / 2.0, rows.bar);
    let left = scale.x(bar.begins_at).min(RIGHT - SHORTEST);
    let right = scale.x(end).max(left + SHORTEST);
    let is_open = !matches!(bar.status.as_str(), "done" | "cancelled");
    // What lies beyond its due is late; of a cancelled one nothing is.
    let due = bar.due_at.filter(|due| *due < end && bar.status != "cancelled");
    let late = due.map_or(right, |due| scale.x(due).clamp(left, right));
    // So that lateness is seen where the due is a moment ago.
    let late = if due.is_some() { late.min(right - 2.0) } else { late };
    let look = Look::of(&bar.status);
    svg.raw(format_args!("<g>"));
    svg.tip(&tip(bar, scale.zone));
    if late > left {
        look.draw(svg, left, top, late - left, tall);
    }
    if right > late {
        let paint = if is_open { look::OVERDUE } else { look::DONE_LATE };
        paint.draw(svg, late, top, right - late, tall);
    }
    let mut after = right;
    if is_open && bar.due_at.is_none() {
        // Nobody has said where it is to end.
        after = (right + tall / 2.0).min(RIGHT);
        svg.raw(format_args!(
            "<path d=\"M{} {}L{} {}L{} {}Z\" fill=\"{}\"/>",
            n(right),
            n(top),
            n(after),
            n(middle),
            n(right),
            n(top + tall),
            look.edge()
        ));
    }
    svg.raw(format_args!("</g>\n"));
    draw_label(svg, label(bar, gantt), (left, after), middle, scale);
}

/// What the group does not say of a task.
fn label<'a>(bar: &'a TaskBar, gantt: &TaskGantt) -> &'a str {
    match gantt.group_by.as_str() {
        "deal" => &bar.responsible.name,
        _ => bar.deal.as_ref().and_then(|deal| deal.title.as_deref()).unwrap_or_default(),
    }
}

/// Beside the bar, where there is room.
fn draw_label(svg: &mut Svg, text: &str, (left, right): (f64, f64), middle: f64, scale: &Scale) {
    let (base, gap) = (middle + 3.8, 6.0);
    let wanted = width(text, 10.5, false).min(MOST_LABEL);
    let (after, before) = (RIGHT - right - gap, left - scale.left - gap);
    let quiet = |anchor| font(10.5, false, QUIET, anchor);
    if text.is_empty() {
        return;
    }
    // Set off from the lines that it crosses.
    svg.raw(format_args!(
        "<g stroke=\"#ffffff\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\">"
    ));
    if after >= wanted || after >= before && after >= LEAST_LABEL {
        svg.fitted(right + gap, base, quiet(Anchor::Start), text, "", after.min(MOST_LABEL));
    } else if before >= LEAST_LABEL.min(wanted) {
        svg.fitted(left - gap, base, quiet(Anchor::End), text, "", before.min(MOST_LABEL));
    }
    svg.raw(format_args!("</g>\n"));
}

fn day(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%-d %b %Y, %H:%M").to_string()
}

fn tip(bar: &TaskBar, zone: Tz) -> String {
    let mut words = format!("{}: {}", bar.title, bar.status.replace('_', " "));
    if bar.overdue {
        words.push_str(", overdue");
    }
    words.push_str(&format!(". {}", bar.responsible.name));
    if let Some(title) = bar.deal.as_ref().and_then(|deal| deal.title.as_ref()) {
        words.push_str(&format!("; {title}"));
    }
    words.push_str(&format!(". From {}", day(bar.begins_at, zone)));
    match (bar.done_at, bar.due_at) {
        (Some(done), Some(due)) => {
            words.push_str(&format!(" to {}; due {}.", day(done, zone), day(due, zone)));
        }
        (Some(done), None) => words.push_str(&format!(" to {}.", day(done, zone))),
        (None, Some(due)) => words.push_str(&format!(", due {}.", day(due, zone))),
        (None, None) => words.push_str(", without a due."),
    }
    words
}

/// The picture in words, for those who do not see it.
fn describe(gantt: &TaskGantt, zone: Tz) -> String {
    let totals = &gantt.totals;
    let mut words = format!(
        "{}: {}, {} done, {} overdue.",
        subtitle(gantt),
        tasks(totals.tasks),
        number(totals.done),
        number(totals.overdue)
    );
    for group in &gantt.groups {
        words.push_str(&format!(" {}:", group_name(group, gantt)));
        for bar in &group.bars {
            words.push_str(&format!(" {}", tip(bar, zone)));
        }
    }
    if gantt.more > 0 {
        words.push_str(&format!(" And {} more.", tasks(gantt.more)));
    }
    words
}
