//! Draws whole pages: headings, totals, the legend, the stages' names and their charts.

use super::chart::{Grid, Paint, Panel, Shape, draw_panel};
use super::svg::{Anchor, HAIRLINE, INK, QUIET, Svg, document, font};
use super::text::{two_lines, width};

const PAGE_WIDTH: f64 = 1200.0;
const MARGIN: f64 = 40.0;
const GUTTER: f64 = 32.0;

pub(super) struct RowHead {
    pub name: String,
    pub note: String,
    /// A figure in the column at the right end of the page.
    pub aside: Option<String>,
}

/// One of the large figures above the charts.
pub(super) struct Total {
    pub value: String,
    pub label: &'static str,
    /// Empty where the value is not rounded.
    pub exact: String,
}

pub(super) struct Section {
    pub heading: String,
    pub subtitle: String,
    pub totals: Vec<Total>,
    pub legend: Vec<(Paint, &'static str)>,
    pub remark: Option<&'static str>,
    pub shape: Shape,
    pub rows: Vec<RowHead>,
    pub panels: Vec<Panel>,
    pub aside_heading: Option<&'static str>,
}

/// Where the columns stand; the same for all sections of a page, so that they line up.
struct Columns {
    names: f64,
    panel: f64,
}

fn columns(sections: &[Section]) -> Columns {
    let names = sections
        .iter()
        .flat_map(|section| &section.rows)
        .map(|row| width(&row.name, 13.0, true).max(width(&row.note, 11.0, false)))
        .fold(0.0, f64::max)
        .clamp(120.0, 240.0);
    let aside = sections
        .iter()
        .filter_map(|section| section.aside_heading)
        .map(|heading| width(heading, 13.0, true) + GUTTER)
        .fold(0.0, f64::max);
    let panel = (PAGE_WIDTH - 2.0 * MARGIN - names - aside - 2.0 * GUTTER) / 2.0;
    Columns { names, panel }
}

/// Draws a section from `top` on and returns where it ends. What the first section of the page
/// has said already, the later ones do not say again.
fn draw_section(
    svg: &mut Svg,
    section: &Section,
    columns: &Columns,
    top: f64,
    said: Option<&Section>,
    own_scales: bool,
) -> f64 {
    let room = PAGE_WIDTH - 2.0 * MARGIN;
    let right = PAGE_WIDTH - MARGIN;
    let quiet = font(13.0, false, QUIET, Anchor::Start);
    let size = if said.is_none() { 24.0 } else { 18.0 };
    let mut y = top + size;
    let heading = font(size, true, INK, Anchor::Start);
    svg.fitted(MARGIN, y, heading, &section.heading, "", room);
    if said.is_none_or(|said| said.subtitle != section.subtitle) {
        y += 22.0;
        svg.fitted(MARGIN, y, quiet, &section.subtitle, "", room);
    }

    y += 42.0;
    let mut x = MARGIN;
    for total in &section.totals {
        let value = font(22.0, true, INK, Anchor::Start);
        let label = font(11.5, false, QUIET, Anchor::Start);
        svg.fitted(x, y, value, &total.value, &total.exact, right - x);
        svg.text(x, y + 18.0, label, total.label, "");
        let wide = width(&total.value, 22.0, true);
        x += wide.max(width(total.label, 11.5, false)) + 36.0;
    }
    y += 36.0;
    svg.rect(MARGIN, y, room, 1.0, HAIRLINE);

    let legend = said.is_none_or(|said| {
        let known: Vec<_> = said.legend.iter().map(|(_, word)| word).collect();
        !section.legend.iter().all(|(_, word)| known.contains(&word))
    });
    if legend || section.remark.is_some() {
        y += 25.0;
    }
    if legend {
        let mut x = MARGIN;
        for (paint, word) in &section.legend {
            svg.rect(x, y - 10.0, 12.0, 12.0, paint.fill);
            svg.text(x + 18.0, y, font(12.0, false, INK, Anchor::Start), word, "");
            x += 18.0 + width(word, 12.0, false) + 22.0;
        }
        if own_scales && said.is_none() {
            let style = font(12.0, false, QUIET, Anchor::Start);
            svg.text(x + 10.0, y, style, "Each funnel is drawn to its own scale", "");
        }
    }
    if let Some(remark) = section.remark {
        svg.text(right, y, font(13.0, true, INK, Anchor::End), remark, "");
    }

    y += 38.0;
    let left = MARGIN + columns.names + GUTTER;
    let lefts = [left, left + columns.panel + GUTTER];
    let grid = grid(section, columns.names);
    let chart = y + 16.0;
    for (x, panel) in lefts.into_iter().zip(&section.panels) {
        let (at, anchor) = match section.shape {
            Shape::Funnel => (x + columns.panel / 2.0, Anchor::Middle),
            Shape::Level => (x, Anchor::Start),
        };
        svg.fitted(at, y, font(13.0, true, INK, anchor), &panel.heading, "", columns.panel);
        draw_panel(svg, panel, section.shape, x, chart, columns.panel, grid);
    }
    if let Some(heading) = section.aside_heading {
        svg.text(right, y, font(13.0, true, INK, Anchor::End), heading, "");
    }
    let mut y = chart;
    for row in &section.rows {
        let middle = y + grid.bar / 2.0;
        draw_row_head(svg, row, middle, columns.names, grid);
        if let Some(aside) = &row.aside {
            svg.text(right, middle + 4.5, font(12.0, false, INK, Anchor::End), aside, "");
        }
        y += grid.pitch();
    }
    y - grid.gap
}

/// Sizes of a stage's name and of the note below it.
fn row_sizes(grid: Grid) -> (f64, f64) {
    if grid.close { (12.0, 10.5) } else { (13.0, 11.0) }
}

/// The measures of a section's charts: rows stand as far apart as their names need.
fn grid(section: &Section, names: f64) -> Grid {
    let mut grid = Grid::for_rows(section.rows.len(), section.shape);
    let (size, small) = row_sizes(grid);
    for row in &section.rows {
        let (_, second) = two_lines(&row.name, size, true, names);
        if second.is_some() {
            let note = if row.note.is_empty() { 0.0 } else { small + 3.5 };
            grid.gap = grid.gap.max(2.0 * (size + 1.5) + note + 9.0 - grid.bar);
        }
    }
    grid
}

/// The stage's name, on two lines where one is too short, and the note below it.
fn draw_row_head(svg: &mut Svg, row: &RowHead, middle: f64, room: f64, grid: Grid) {
    let (size, small) = row_sizes(grid);
    let step = size + 1.5;
    let name = font(size, true, INK, Anchor::Start);
    let (first, second) = two_lines(&row.name, size, true, room);
    let cut = second.as_ref().is_some_and(|second| second.ends_with('\u{2026}'));
    let tip = if cut { row.name.as_str() } else { "" };
    let lines = 1.0 + if second.is_some() { 1.0 } else { 0.0 };
    let note = if row.note.is_empty() { 0.0 } else { small + 3.5 };
    // The first base line that puts the block's middle on the bar's.
    let mut y = middle - (lines * step + note) / 2.0 + step - 3.0;
    svg.text(MARGIN, y, name, &first, tip);
    if let Some(second) = second {
        y += step;
        svg.text(MARGIN, y, name, &second, tip);
    }
    if !row.note.is_empty() {
        let style = font(small, false, QUIET, Anchor::Start);
        svg.fitted(MARGIN, y + note, style, &row.note, "", room);
    }
}

/// Draws sections one below another. `id` keeps apart the ids of two pictures in one web page.
pub(super) fn draw(id: &str, title: &str, sections: &[Section], description: &str) -> String {
    let columns = columns(sections);
    let mut body = Svg::default();
    let mut y = MARGIN;
    for (at, section) in sections.iter().enumerate() {
        if at > 0 {
            y += 44.0;
            body.rect(MARGIN, y, PAGE_WIDTH - 2.0 * MARGIN, 2.0, INK);
            y += 24.0;
        }
        let said = sections.first().filter(|_| at > 0);
        y = draw_section(&mut body, section, &columns, y, said, sections.len() > 1);
    }
    if sections.is_empty() {
        y += 24.0;
        body.text(MARGIN, y, font(24.0, true, INK, Anchor::Start), title, "");
        y += 22.0;
        let quiet = font(13.0, false, QUIET, Anchor::Start);
        body.text(MARGIN, y, quiet, "Nothing to show", "");
    }
    document(id, title, description, (PAGE_WIDTH, (y + MARGIN).ceil()), &body)
}
