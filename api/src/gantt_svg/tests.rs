//! The pictures are checked as texts here: their structure, their words and their geometry.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use chrono::NaiveDate;
use uuid::Uuid;
use voronka_domain::{Currency, workspace::settings::DealVisibility};

use super::*;
use crate::{
    funnel_svg::tests::{checked, xml::Element},
    v1::work::tasks::{TaskBarDeal, TaskBarPerson, TaskGanttTotals},
};

fn settings() -> Settings {
    Settings {
        currency: Currency::parse("EUR").unwrap(),
        time_zone: chrono_tz::Europe::Amsterdam,
        deal_visibility: DealVisibility::Everyone,
        country: None,
        require_primary_demand: false,
    }
}

fn at(text: &str) -> DateTime<Utc> {
    format!("{text}:00Z").parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn bar(title: &str, status: &str, begins: &str, due: Option<&str>, done: Option<&str>) -> TaskBar {
    TaskBar {
        id: Uuid::nil(),
        title: title.to_owned(),
        responsible: TaskBarPerson { id: Uuid::nil(), name: "Anna".to_owned() },
        deal: Some(TaskBarDeal { id: Uuid::nil(), title: Some("Servers".to_owned()) }),
        status: status.to_owned(),
        priority: "normal".to_owned(),
        begins_at: at(begins),
        due_at: due.map(at),
        done_at: done.map(at),
        overdue: false,
    }
}

/// Ten days in June, on the sixth of them.
fn chart(bars: Vec<TaskBar>) -> TaskGantt {
    let tasks = size_of(&bars);
    let group = TaskBars { key: Some(Uuid::nil()), name: Some("Anna".to_owned()), bars };
    TaskGantt {
        from: date("2026-06-01"),
        to: date("2026-06-10"),
        as_of: at("2026-06-06T10:00"),
        group_by: "responsible".to_owned(),
        days_off: vec![date("2026-06-06"), date("2026-06-07")],
        totals: TaskGanttTotals { tasks, done: 0, overdue: 0 },
        more: 0,
        groups: if tasks > 0 { vec![group] } else { Vec::new() },
    }
}

/// Left end and width of the rectangles of a colour, those of the legend left out.
fn bars(elements: &[Element], fill: &str) -> Vec<(f64, f64)> {
    let found = elements.iter().filter(|one| one.name == "rect" && one.is("fill", fill));
    let found = found.map(|one| (one.number("x").unwrap(), one.number("width").unwrap()));
    found.filter(|(_, width)| *width != 18.0).collect()
}

#[test]
fn a_bar_is_as_long_as_its_task() {
    let svg = draw(
        &chart(vec![
            bar("Two days", "done", "2026-06-01T22:00", None, Some("2026-06-03T22:00")),
            bar("Four", "done", "2026-06-02T22:00", None, Some("2026-06-06T22:00")),
            bar("From before", "done", "2026-01-02T22:00", None, Some("2026-06-01T22:00")),
            bar("A moment", "done", "2026-06-02T22:00", None, Some("2026-06-02T22:00")),
        ]),
        &settings(),
    );
    let found = bars(&checked(&svg), "#aeb9c4");
    let (left, day) = (found[2].0, found[2].1);
    let days: Vec<_> = found.iter().map(|(x, width)| ((x - left) / day, width / day)).collect();
    for (found, expected) in days.iter().zip([(1.0, 2.0), (2.0, 4.0), (0.0, 1.0)]) {
        assert!((found.0 - expected.0).abs() < 0.01 && (found.1 - expected.1).abs() < 0.01);
    }
    assert_eq!(found[3].1, SHORTEST);
    assert!((left + 10.0 * day - RIGHT).abs() < 1.0);
}

#[test]
fn what_lies_beyond_the_due_is_late() {
    let mut late = bar("Late", "in_progress", "2026-06-02T10:00", Some("2026-06-04T10:00"), None);
    late.overdue = true;
    let done = Some("2026-06-05T10:00");
    let done = bar("Done late", "done", "2026-06-02T10:00", Some("2026-06-03T10:00"), done);
    let svg = draw(&chart(vec![late, done]), &settings());
    let elements = checked(&svg);
    let only = |fill| bars(&elements, fill)[0];
    // Two days in time and two days up to now; one in time and two late.
    let (progress, overdue) = (only("#2f6fa7"), only("#e58b36"));
    assert!((progress.0 + progress.1 - overdue.0).abs() < 0.2);
    assert!((progress.1 - overdue.1).abs() < 0.2);
    assert!((only("#f3cda5").1 - 2.0 * only("#aeb9c4").1).abs() < 0.3);
    for word in ["Overdue", "Done late", "In progress", "Days off", "Now"] {
        assert!(elements.iter().any(|one| one.name == "text" && one.text == word), "{word}");
    }
    assert!(!svg.contains("Put off"));
}

#[test]
fn days_off_lie_behind_the_bars_and_today_is_marked() {
    let svg = draw(&chart(vec![bar("A", "new", "2026-06-02T10:00", None, None)]), &settings());
    let elements = checked(&svg);
    // Two days in one stretch.
    let off = bars(&elements, look::DAY_OFF);
    assert_eq!(off.len(), 1);
    let numbers = |ink: &str| -> Vec<String> {
        let texts = elements.iter().filter(|one| one.name == "text" && one.is("fill", ink));
        texts.map(|one| one.text.clone()).collect()
    };
    assert_eq!(numbers("#ffffff"), ["6"]);
    let first = elements.iter().position(|one| one.is("fill", "#dbe8f4") && one.is("height", "13"));
    let behind = elements.iter().rposition(|one| one.is("fill", look::DAY_OFF));
    assert!(behind < first);
}

#[test]
fn any_title_stays_in_its_column() {
    let long = "Согласовать коммерческое предложение на поставку серверного оборудования с отделом закупок";
    let nasty = "<script>alert(\"x\")</script> & 'more'\u{202e}";
    let mut bars: Vec<_> = (0..60)
        .map(|_| bar(long, "new", "2026-06-09T10:00", Some("2026-06-10T10:00"), None))
        .collect();
    bars.push(bar(nasty, "deferred", "2026-06-02T10:00", None, None));
    bars[0].deal = Some(TaskBarDeal { id: Uuid::nil(), title: Some(long.to_owned()) });
    bars[0].priority = "high".to_owned();
    let svg = draw(&TaskGantt { more: 1_234, ..chart(bars) }, &settings());
    let elements = checked(&svg);
    assert!(!svg.contains("<script") && !svg.contains('\u{202e}'));
    let cut = |one: &&Element| one.name == "text" && one.text.ends_with('\u{2026}');
    assert!(elements.iter().filter(cut).count() >= 61);
    assert!(svg.contains("And 1,234 tasks more"));
}

#[test]
fn a_chart_of_nothing_and_those_of_any_length_are_whole() {
    let none = draw(&chart(Vec::new()), &settings());
    assert!(checked(&none).iter().any(|one| one.text == "No tasks in this period"));
    let one = || bar("A", "in_progress", "2026-01-02T10:00", None, None);
    for (from, to) in [
        ("2026-06-06", "2026-06-06"),
        ("2026-05-28", "2026-06-30"),
        ("2026-03-01", "2026-06-30"),
        ("2026-01-01", "2026-12-31"),
        ("9998-01-01", "9998-12-31"),
        ("1970-01-01", "1970-03-31"),
    ] {
        let period = TaskGantt { from: date(from), to: date(to), ..chart(vec![one()]) };
        let days_off = from[..4].parse::<i32>().unwrap() > 2000;
        let days_off = if days_off { vec![date(from)] } else { Vec::new() };
        checked(&draw(&TaskGantt { days_off, ..period }, &settings()));
    }
}
