//! Lays out and draws one chart: bars of coloured parts, each with its figures where they fit.

use super::svg::{Anchor, Font, INK, QUIET, Svg, font, n};
use super::text::{NBSP, escape, width};

/// The band between two bars of a funnel.
const BAND: &str = "#eff2f5";
/// What stands for an empty bar.
const TICK: &str = "#aab4be";
/// The share between two bars.
const STEP: &str = "#3a4653";

/// Room between a bar's edge and the figure inside or beside it.
const PAD: f64 = 6.0;

/// How a part of a bar and the figures about it are coloured.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    pub fill: &'static str,
    /// Of a figure on the fill.
    pub on: &'static str,
    /// Of a figure on the page.
    pub beside: &'static str,
}

/// A number and, set more quietly after it, its unit and what it counts.
#[derive(Clone, Default)]
pub(super) struct Figure {
    pub number: String,
    pub unit: String,
    /// Said only beside the bar: on it the colour says the same.
    pub word: &'static str,
}

/// On which side of the bar a figure goes that finds no room inside.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Side {
    Left,
    Right,
}

pub(super) struct Part {
    pub value: f64,
    pub paint: Paint,
    /// None for a part which needs no figure of its own.
    pub figure: Option<Figure>,
    pub side: Side,
    /// The exact figures in words, shown on pointing at the part.
    pub tip: String,
}

pub(super) struct Bar {
    pub parts: Vec<Part>,
    /// A figure for the whole bar, always beside its end.
    pub total: Option<Figure>,
    /// Shown between this bar and the next one, with what it means.
    pub step: Option<(String, String)>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// Bars centred one under another with a pale band between: narrows as a funnel does.
    Funnel,
    /// Bars from a common base line, where nothing flows from one to the next.
    Level,
}

pub(super) struct Panel {
    pub heading: String,
    pub bars: Vec<Bar>,
}

/// Vertical measures of a chart: many stages are set closer.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    pub bar: f64,
    pub gap: f64,
    /// Many rows: names are set a little smaller.
    pub close: bool,
}

impl Grid {
    pub fn for_rows(rows: usize, shape: Shape) -> Self {
        let (bar, gap) = match (shape, rows) {
            (Shape::Level, 0..=12) => (28.0, 14.0),
            (Shape::Level, _) => (24.0, 9.0),
            (Shape::Funnel, 0..=9) => (28.0, 26.0),
            (Shape::Funnel, 10..=16) => (25.0, 21.0),
            (Shape::Funnel, _) => (23.0, 17.0),
        };
        let close = bar + gap < 44.0 && rows > 12;
        Self { bar, gap, close }
    }

    pub fn pitch(self) -> f64 {
        self.bar + self.gap
    }
}

/// How much is said at the bars.
#[derive(Clone, Copy)]
struct Detail {
    /// The heading of a chart names the unit too, so that figures may do without.
    units: bool,
    words: bool,
}

struct Label {
    x: f64,
    dy: f64,
    font: Font,
    number: String,
    rest: String,
    tip: String,
}

/// One bar laid out: where it begins, how wide its parts are, and every figure.
struct Placed {
    start: f64,
    widths: Vec<f64>,
    labels: Vec<Label>,
    /// How far the figures reach.
    left: f64,
    right: f64,
    /// How many of the figures found no room inside.
    beside: usize,
}

impl Placed {
    fn width(&self) -> f64 {
        self.widths.iter().sum()
    }
}

struct Laid {
    /// The length of the longest bar.
    full: f64,
    bars: Vec<Placed>,
}

impl Laid {
    fn beside(&self) -> usize {
        self.bars.iter().map(|bar| bar.beside).sum()
    }
}

const SIZE: f64 = 12.0;
/// Of figures set one over another beside a bar.
const SIZE_STACKED: f64 = 10.5;

fn label_width(number: &str, rest: &str, size: f64) -> f64 {
    let gap = if rest.is_empty() { 0.0 } else { 0.36 * size };
    width(number, size, true) + gap + width(rest, size, false)
}

/// What follows the number: its unit on the bar, and beside it also what it counts.
fn rest_of(figure: &Figure, detail: Detail, beside: bool) -> String {
    let unit = if detail.units { figure.unit.as_str() } else { "" };
    let word = if beside && detail.words { figure.word } else { "" };
    match (unit, word) {
        ("", rest) | (rest, "") => rest.to_owned(),
        _ => format!("{unit}{NBSP}{word}"),
    }
}

/// Lays one bar out in a panel `room` wide: x runs from 0 to `room`.
fn place(bar: &Bar, shape: Shape, detail: Detail, scale: f64, room: f64) -> Placed {
    let widths: Vec<f64> = bar
        .parts
        .iter()
        // What exists is seen, however little it is beside the rest.
        .map(|part| if part.value > 0.0 { (part.value * scale).max(1.0) } else { 0.0 })
        .collect();
    let total: f64 = widths.iter().sum();
    let start = match shape {
        Shape::Funnel => (room - total) / 2.0,
        Shape::Level => 0.0,
    };
    let mut placed =
        Placed { start, widths, labels: Vec::new(), left: start, right: start + total, beside: 0 };
    let mut at = start;
    let mut beside: Vec<(Side, &'static str, Figure, String)> = Vec::new();
    if let Some(figure) = &bar.total {
        beside.push((Side::Right, INK, figure.clone(), String::new()));
    }
    for (part, part_width) in bar.parts.iter().zip(placed.widths.iter().copied()) {
        if let Some(figure) = &part.figure {
            let rest = rest_of(figure, detail, false);
            if label_width(&figure.number, &rest, SIZE) + 2.0 * PAD <= part_width {
                placed.labels.push(Label {
                    x: at + part_width / 2.0,
                    dy: 0.0,
                    font: font(SIZE, true, part.paint.on, Anchor::Middle),
                    number: figure.number.clone(),
                    rest,
                    tip: part.tip.clone(),
                });
            } else {
                beside.push((part.side, part.paint.beside, figure.clone(), part.tip.clone()));
            }
        }
        at += part_width;
    }
    placed.beside = beside.len();
    for side in [Side::Left, Side::Right] {
        let lines: Vec<_> = beside.iter().filter(|(on, ..)| *on == side).collect();
        let (size, step) = if lines.len() > 1 { (SIZE_STACKED, 12.5) } else { (SIZE, 0.0) };
        let mut dy = -step / 2.0;
        for (_, ink, figure, tip) in lines {
            let rest = rest_of(figure, detail, true);
            let label = label_width(&figure.number, &rest, size);
            let (x, anchor) = match side {
                Side::Left => (start - PAD, Anchor::End),
                Side::Right => (start + total + PAD, Anchor::Start),
            };
            match side {
                Side::Left => placed.left = placed.left.min(x - label),
                Side::Right => placed.right = placed.right.max(x + label),
            }
            placed.labels.push(Label {
                x,
                dy,
                font: font(size, true, ink, anchor),
                number: figure.number.clone(),
                rest,
                tip: tip.clone(),
            });
            dy += step;
        }
    }
    placed
}

fn place_all(panel: &Panel, shape: Shape, detail: Detail, scale: f64, room: f64) -> Vec<Placed> {
    let bars = panel.bars.iter();
    bars.map(|bar| place(bar, shape, detail, scale, room)).collect()
}

/// Lays out all bars of a panel at the largest common scale at which every figure fits; none
/// where that would leave the longest bar less than `least` of the room.
fn fit(panel: &Panel, shape: Shape, detail: Detail, room: f64, least: f64) -> Option<Laid> {
    let longest = panel
        .bars
        .iter()
        .map(|bar| bar.parts.iter().map(|part| part.value.max(0.0)).sum::<f64>())
        .fold(0.0, f64::max);
    let mut full = room;
    while full >= room * least {
        let scale = if longest > 0.0 { full / longest } else { 0.0 };
        let bars = place_all(panel, shape, detail, scale, room);
        if bars.iter().all(|bar| bar.left >= -0.1 && bar.right <= room + 0.1) {
            return Some(Laid { full, bars });
        }
        full -= 4.0;
    }
    None
}

/// Lays a panel out saying as much as fits well.
fn lay_out(panel: &Panel, shape: Shape, room: f64) -> Vec<Placed> {
    let quiet = Detail { units: false, words: true };
    let Some(plain) = fit(panel, shape, quiet, room, 0.3) else {
        let bare = Detail { units: false, words: false };
        return match fit(panel, shape, bare, room, 0.02) {
            Some(laid) => laid.bars,
            // No figure is that long; but were it, it is better cut than left out.
            None => place_all(panel, shape, bare, 0.0, room),
        };
    };
    // Units are said where they cost next to nothing: neither the bars' length nor figures
    // pushed off the bars. All of a chart's figures are treated alike.
    let full = Detail { units: true, words: true };
    match fit(panel, shape, full, room, 0.9 * plain.full / room) {
        Some(rich) if rich.beside() <= plain.beside() => rich.bars,
        _ => plain.bars,
    }
}

pub(super) fn draw_panel(
    svg: &mut Svg,
    panel: &Panel,
    shape: Shape,
    x: f64,
    top: f64,
    room: f64,
    grid: Grid,
) {
    let placed = lay_out(panel, shape, room);
    if shape == Shape::Funnel {
        let mut y = top + grid.bar;
        for (upper, lower) in placed.iter().zip(placed.iter().skip(1)) {
            let below = y + grid.gap;
            if upper.width() + lower.width() > 0.0 {
                svg.raw(format_args!(
                    "<path d=\"M{} {}H{}L{} {}H{}Z\" fill=\"{BAND}\"/>\n",
                    n(x + upper.start),
                    n(y),
                    n(x + upper.start + upper.width()),
                    n(x + lower.start + lower.width()),
                    n(below),
                    n(x + lower.start)
                ));
            }
            y += grid.pitch();
        }
    }
    let mut y = top;
    for (bar, place) in panel.bars.iter().zip(placed) {
        if place.width() <= 0.0 {
            svg.rect(x + place.start - 0.5, y, 1.0, grid.bar, TICK);
        }
        let mut at = x + place.start;
        for (part, part_width) in bar.parts.iter().zip(&place.widths) {
            if *part_width > 0.0 {
                svg.raw(format_args!("<g>"));
                svg.tip(&part.tip);
                svg.rect(at, y, *part_width, grid.bar, part.paint.fill);
                svg.raw(format_args!("</g>\n"));
            }
            at += part_width;
        }
        for label in place.labels {
            let base = y + grid.bar / 2.0 + label.font.size * 0.36 + label.dy;
            svg.open_text(x + label.x, base, label.font);
            svg.tip(&label.tip);
            svg.raw(format_args!("{}", escape(&label.number)));
            if !label.rest.is_empty() {
                let rest = escape(&label.rest);
                svg.raw(format_args!("{NBSP}<tspan font-weight=\"400\">{rest}</tspan>"));
            }
            svg.raw(format_args!("</text>\n"));
        }
        if let Some((step, tip)) = &bar.step {
            draw_step(svg, x + room / 2.0, y + grid.bar + grid.gap / 2.0, step, tip);
        }
        y += grid.pitch();
    }
}

/// A small arrow and the share that went on, about (`x`, `y`).
fn draw_step(svg: &mut Svg, x: f64, y: f64, step: &str, tip: &str) {
    let size = 12.0;
    let left = x - width(step, size, false) / 2.0 - 6.0;
    svg.raw(format_args!(
        "<path d=\"M{} {}h7l-3.5 5z\" fill=\"{QUIET}\"/>\n",
        n(left - 3.5),
        n(y - 2.5)
    ));
    svg.text(x + 5.0, y + size * 0.36, font(size, false, STEP, Anchor::Middle), step, tip);
}
