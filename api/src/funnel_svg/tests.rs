//! The pictures are checked as texts here: their structure, their figures and their geometry.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

pub(crate) mod xml;

use super::text::{compact, ellipsis, escape, exact, percent, short_count, two_lines, width};
use super::*;
use xml::{Element, read};

fn stage(name: &str, passed: u64, lost: u64, open: u64, each: i64) -> ClosedStage<'_> {
    let amount = |deals: u64| Decimal::from(deals) * Decimal::from(each);
    let reached = passed.saturating_add(lost).saturating_add(open);
    ClosedStage {
        name,
        reached,
        passed,
        lost,
        open,
        not_applicable: 0,
        reached_amount: amount(reached),
        passed_amount: amount(passed),
        lost_amount: amount(lost),
        open_amount: amount(open),
        conversion_to_next: share(length(passed), length(reached)),
    }
}

fn funnel<'a>(stages: Vec<ClosedStage<'a>>, won: u64, lost: u64, open: u64) -> ClosedFunnel<'a> {
    ClosedFunnel {
        heading: "Typical sale: closed funnel",
        period: "1 Jan 2017 – 31 Dec 2017, by close date".to_owned(),
        currency: "USD",
        won_amount: stages.last().map_or(Decimal::ZERO, |last| last.passed_amount),
        stages,
        won,
        lost,
        open,
        win_rate: share(length(won), length(won) + length(lost)),
    }
}

fn real() -> ClosedFunnel<'static> {
    let won = Decimal::from(10_005_534);
    let mut prospecting = stage("Prospecting", 6711, 0, 0, 0);
    let mut engaging = stage("Engaging", 4238, 2473, 0, 0);
    let all = won + Decimal::from(5_946_468);
    (prospecting.reached_amount, prospecting.passed_amount) = (all, all);
    (engaging.reached_amount, engaging.passed_amount) = (all, won);
    engaging.lost_amount = all - won;
    funnel(vec![prospecting, engaging], 4238, 2473, 0)
}

fn open_stage(name: &str, deals: u64, overdue: u64, amount: i64) -> OpenStage<'_> {
    OpenStage {
        name,
        deals,
        amount: Decimal::from(amount),
        weighted_amount: Decimal::from(amount) / Decimal::from(4),
        overdue,
        median_age_days: Some(23.0),
    }
}

fn open_funnel<'a>(stages: Vec<OpenStage<'a>>) -> OpenFunnel<'a> {
    OpenFunnel {
        heading: "Typical sale: open funnel",
        as_of: "as of 31 Dec 2017".to_owned(),
        currency: "USD",
        deals: stages.iter().fold(0, |sum, stage| sum.saturating_add(stage.deals)),
        amount: stages.iter().map(|stage| stage.amount).sum(),
        weighted_amount: stages.iter().map(|stage| stage.weighted_amount).sum(),
        stages,
    }
}

/// Reads a picture and checks what holds for every one: well formed, no number that is none, and
/// everything inside the page, with figures estimated by the same table the layout uses.
pub(crate) fn checked(svg: &str) -> Vec<Element> {
    let elements = match read(svg) {
        Ok(elements) => elements,
        Err(error) => panic!("{error} in {svg}"),
    };
    let root = &elements[0];
    assert!(root.name == "svg" && root.is("role", "img"));
    let (page, tall) = (root.number("width").unwrap(), root.number("height").unwrap());
    assert!(elements[1].name == "title" && elements[2].name == "desc");
    for element in &elements {
        for (name, value) in &element.attributes {
            assert!(!value.contains("NaN") && !value.contains("inf"), "{name}={value}");
            assert!(!name.starts_with("on") && !name.contains("href") && name != "style");
        }
        match element.name.as_str() {
            "rect" => {
                let [x, y] = ["x", "y"].map(|name| element.number(name).unwrap_or(0.0));
                let [w, h] = ["width", "height"].map(|name| element.number(name).unwrap());
                assert!(w >= 0.0 && h >= 0.0);
                assert!(x >= 0.0 && y >= 0.0 && x + w <= page && y + h <= tall);
            }
            "text" => {
                let x = element.number("x").unwrap();
                let size = element.number("font-size").unwrap();
                let bold = element.is("font-weight", "600");
                let room = width(&element.text, size, bold);
                let left = if element.is("text-anchor", "middle") {
                    x - room / 2.0
                } else if element.is("text-anchor", "end") {
                    x - room
                } else {
                    x
                };
                assert!(left >= 0.0 && left + room <= page, "{:?} is cut", element.text);
                assert!(element.number("y").unwrap() <= tall);
            }
            name => {
                assert!(["svg", "title", "desc", "g", "path", "tspan"].contains(&name), "{name}")
            }
        }
    }
    elements
}

fn texts(svg: &str) -> Vec<String> {
    let plain = |element: Element| element.text.replace(text::NBSP, " ");
    checked(svg).into_iter().filter(|element| element.name == "text").map(plain).collect()
}

#[track_caller]
fn shows(svg: &str, wanted: &[&str]) {
    let texts = texts(svg);
    for wanted in wanted {
        assert!(texts.iter().any(|text| text == wanted), "{wanted:?} is not in {texts:?}");
    }
}

#[test]
fn the_real_closed_funnel_shows_its_figures() {
    let svg = closed(&[real()]);
    shows(&svg, &["Typical sale: closed funnel", "1 Jan 2017 – 31 Dec 2017, by close date"]);
    shows(&svg, &["6,711", "4,238", "2,473", "0 lost", "10.0 M USD", "5.95 M USD", "16.0 M USD"]);
    shows(&svg, &["Prospecting", "Engaging", "Won", "100 %", "63 %", "6,711 deals · 16.0 M USD"]);
    shows(&svg, &["Passed the stage", "Lost at the stage", "Deals by stage", "win rate"]);
    assert!(!texts(&svg).iter().any(|text| text.contains("open")));
    let exact = "Engaging: 5,946,468\u{a0}USD lost of 15,952,002\u{a0}USD reached (37\u{a0}%)";
    assert!(svg.contains(exact));
}

#[test]
fn bars_are_as_long_as_what_they_show() {
    let elements = checked(&closed(&[real()]));
    let bars = |paint: Paint| -> Vec<f64> {
        let rects = elements.iter().filter(|element| element.is("fill", paint.fill));
        // The legend has a square of each colour too.
        rects.filter_map(|rect| rect.number("width")).filter(|width| *width != 12.0).collect()
    };
    let [prospecting, engaging] = bars(PASSED)[..2] else { panic!("two bars") };
    assert!((engaging / prospecting - 4238.0 / 6711.0).abs() < 0.001);
    assert!((bars(LOST)[0] / prospecting - 2473.0 / 6711.0).abs() < 0.001);
    assert!((bars(WON)[0] - engaging).abs() < 0.11);
}

#[test]
fn open_deals_of_a_cohort_are_a_third_part() {
    let stages = vec![stage("Lead", 60, 30, 30, 100), stage("Offer", 20, 25, 15, 100)];
    let svg = closed(&[funnel(stages, 20, 55, 45)]);
    shows(&svg, &["120", "60", "30", "45", "still open", "Still open at the stage", "27 %"]);
    assert!(svg.contains("Offer: 15 open of 60 reached (25\u{a0}%)"));
}

#[test]
fn groups_stand_below_the_total_without_repeating_it() {
    let mut group = real();
    group.heading = "Central";
    let texts = texts(&closed(&[real(), group]));
    let times = |wanted: &str| texts.iter().filter(|text| *text == wanted).count();
    assert_eq!((times("Central"), times("Engaging")), (1, 2));
    assert_eq!((times("Passed the stage"), times("Each funnel is drawn to its own scale")), (1, 1));
    assert_eq!(times("1 Jan 2017 – 31 Dec 2017, by close date"), 1);
}

#[test]
fn an_empty_period_is_said_to_be_empty() {
    let stages = vec![stage("Lead", 0, 0, 0, 0), stage("Offer", 0, 0, 0, 0)];
    let svg = closed(&[funnel(stages, 0, 0, 0)]);
    shows(&svg, &["No deals in this period", "Lead", "0 passed", "0 lost", "Won", "0 USD", "–"]);
    shows(&closed(&[funnel(Vec::new(), 0, 0, 0)]), &["No deals in this period", "Won"]);
    shows(&open(&[open_funnel(vec![open_stage("Lead", 0, 0, 0)])]), &["No open deals", "Lead"]);
    shows(&closed(&[]), &["Closed funnel", "Nothing to show"]);
    shows(&open(&[]), &["Open funnel", "Nothing to show"]);
}

#[test]
fn the_open_funnel_shows_overdue_weighted_and_age() {
    let stages = vec![open_stage("Lead", 500, 140, 1_000_000), open_stage("Offer", 50, 1, 90_000)];
    let svg = open(&[open_funnel(stages)]);
    shows(&svg, &["550", "141", "1.09 M USD", "273 K USD", "Lead", "500", "140", "23 days"]);
    shows(&svg, &["50", "1 overdue", "Median age", "Overdue deals", "Weighted amount"]);
    assert!(svg.contains("Lead: 1,000,000\u{a0}USD, weighted by probability 250,000\u{a0}USD"));
}

#[test]
fn every_size_and_number_can_be_drawn() {
    let long = "Согласование условий договора с юридическим отделом и службой безопасности";
    for names in [[long, "見積もりと提案の作成および社内承認手続きの完了"], ["a", ""]]
    {
        for count in [1, 2, 6, 9, 13, 30] {
            for top in [1, 7, 12_345, 9_999_999, 1_000_000_000_000_000, u64::MAX / 4] {
                let mut stages = Vec::new();
                for at in 0..count {
                    let name = names[usize::try_from(at % 2).unwrap()];
                    let left = top / (at + 1);
                    stages.push(stage(name, left, left / 3, at % 3 * left / 50, 1));
                }
                let won = stages.last().map_or(0, |stage| stage.passed);
                let svg = closed(&[funnel(stages.clone(), won, top, top / 9)]);
                assert!(texts(&svg).len() > usize::try_from(count).unwrap() * 6);
                let stages = stages.iter().map(|stage| OpenStage {
                    name: stage.name,
                    deals: stage.reached,
                    amount: stage.reached_amount,
                    weighted_amount: stage.lost_amount,
                    overdue: stage.lost,
                    median_age_days: share(length(stage.lost), length(stage.open)),
                });
                checked(&open(&[open_funnel(stages.collect())]));
            }
        }
    }
}

#[test]
fn absurd_figures_do_no_harm() {
    let mut odd = stage("odd", u64::MAX, u64::MAX, u64::MAX, 0);
    odd.reached_amount = Decimal::MAX;
    odd.passed_amount = Decimal::MAX;
    odd.lost_amount = Decimal::MIN;
    odd.open_amount = Decimal::new(1, 28);
    odd.conversion_to_next = Some(f64::NAN);
    let mut tiny = stage("tiny", 1, 1, 1, 1);
    tiny.conversion_to_next = Some(f64::INFINITY);
    let mut absurd = funnel(vec![odd, tiny], u64::MAX, u64::MAX, u64::MAX);
    absurd.win_rate = Some(f64::NEG_INFINITY);
    absurd.won_amount = Decimal::MIN;
    absurd.currency = "a currency with an unreasonably long name that nobody has ever heard of";
    checked(&closed(&[absurd]));
    let mut more = open_stage("more overdue than there are", 3, 50, -100);
    more.median_age_days = Some(f64::NAN);
    checked(&open(&[open_funnel(vec![more])]));
}

#[test]
fn texts_are_escaped() {
    let evil = "<script>alert('&\"')</script>\u{0}\u{1b}\u{202e}]]>\u{ffff}\n";
    let mut funnel = funnel(vec![stage(evil, 1, 1, 0, 1)], 1, 1, 0);
    funnel.heading = evil;
    funnel.currency = "<&>";
    funnel.period = evil.to_owned();
    let svg = closed(&[funnel]);
    assert!(!svg.contains("<script"));
    assert_eq!(checked(&svg)[1].text, "<script>alert('&\"')</script>]]> ");
    let mut open_one = open_funnel(vec![open_stage(evil, 1, 1, 1)]);
    open_one.heading = evil;
    open_one.as_of = evil.to_owned();
    assert!(!open(&[open_one]).contains("<script"));
    assert_eq!(escape("a\tb\r\u{7f}\u{85}c&amp;"), "a b c&amp;amp;");
}

#[test]
fn a_long_name_is_cut_and_told_in_full_on_pointing() {
    let name = "A stage whose name goes on and on without ever saying what is to be done in it";
    let svg = closed(&[funnel(vec![stage(name, 1, 0, 0, 1)], 1, 0, 0)]);
    assert!(svg.contains(&format!("<title>{name}</title>")));
    assert!(texts(&svg).iter().any(|text| text.ends_with('…')));
    assert_eq!(ellipsis("Engaging", 12.0, true, 200.0), "Engaging");
    assert_eq!(ellipsis("Engaging", 12.0, true, 0.0), "…");
    assert_eq!(two_lines("Lead", 13.0, true, 200.0), ("Lead".to_owned(), None));
    let (first, second) = two_lines("Needs analysis with the customer", 13.0, true, 160.0);
    assert_eq!((first.as_str(), second.as_deref()), ("Needs analysis with", Some("the customer")));
    let (first, second) = two_lines("漏斗第一阶段潜在客户", 10.0, false, 55.0);
    assert_eq!((first.as_str(), second.as_deref()), ("漏斗第一阶", Some("段潜在客户")));
    assert_eq!(two_lines("漏漏", 10.0, false, 1.0), ("漏".to_owned(), Some("…".to_owned())));
}

#[test]
fn numbers_are_set_as_people_read_them() {
    let plain = |text: String| text.replace(text::NBSP, " ");
    for (value, wanted) in [
        (0.0, "0"),
        (0.004, "<0.01"),
        (0.5, "0.50"),
        (54.0, "54"),
        (99.999, "100"),
        (999.6, "1,000"),
        (9_999.0, "9,999"),
        (9_999.9, "10.0 K"),
        (12_345.0, "12.3 K"),
        (99_960.0, "100 K"),
        (999_499.0, "999 K"),
        (999_500.0, "1.00 M"),
        (10_005_534.0, "10.0 M"),
        (1e12, "1.00 T"),
        (1e15, "1,000 T"),
        (1e18, "1.00e18"),
        (-5_946_468.0, "−5.95 M"),
        (f64::NAN, "–"),
    ] {
        assert_eq!(plain(compact(value)), wanted, "{value}");
    }
    for (share, wanted) in [
        (Some(0.0), "0 %"),
        (Some(0.0001), "<0.1 %"),
        (Some(0.05), "5 %"),
        (Some(0.0625), "6.3 %"),
        (Some(0.125), "13 %"),
        (Some(0.6315), "63 %"),
        (Some(0.997), "99.7 %"),
        (Some(0.99999), ">99.9 %"),
        (Some(1.0), "100 %"),
        (Some(47.5), "4,750 %"),
        (Some(f64::INFINITY), "–"),
        (Some(-1.0), "–"),
        (None, "–"),
    ] {
        assert_eq!(plain(percent(share)), wanted, "{share:?}");
    }
    assert_eq!(short_count(9_999_999), "9,999,999");
    assert_eq!(plain(short_count(10_000_000)), "10.0 M");
    assert_eq!(plain(exact(Decimal::new(100_055_345, 1), "USD")), "10,005,534.50 USD");
    assert_eq!(exact(Decimal::new(-1_234_000, 3), ""), "−1,234");
    assert!(width("漏斗", 10.0, false) >= 20.0 && width("Щ", 10.0, false) > width("i", 10.0, true));
}
