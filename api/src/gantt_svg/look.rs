//! How bars look, and what the legend says of it.

use crate::{
    funnel_svg::svg::{Anchor, INK, Svg, font, n},
    v1::work::tasks::{TaskBar, TaskGantt},
};

/// Colours differ for every kind of colour vision, and in lightness; what is not begun is outlined.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Look {
    fill: &'static str,
    edge: Option<&'static str>,
    dashed: bool,
}

const fn solid(fill: &'static str) -> Look {
    Look { fill, edge: None, dashed: false }
}

const BLUE: &str = "#2f6fa7";
const NEW: Look = Look { fill: "#dbe8f4", edge: Some(BLUE), dashed: false };
const IN_PROGRESS: Look = solid(BLUE);
const DEFERRED: Look = Look { fill: "#ffffff", edge: Some(BLUE), dashed: true };
const DONE: Look = solid("#aeb9c4");
const CANCELLED: Look = Look { fill: "#ffffff", edge: Some("#aeb9c4"), dashed: false };
pub(super) const OVERDUE: Look = solid("#e58b36");
pub(super) const DONE_LATE: Look = solid("#f3cda5");
/// Of words about lateness.
pub(super) const LATE_INK: &str = "#9a4d00";
/// Days without working hours.
pub(super) const DAY_OFF: &str = "#f0f2f5";

impl Look {
    pub fn of(status: &str) -> Self {
        match status {
            "in_progress" => IN_PROGRESS,
            "deferred" => DEFERRED,
            "done" => DONE,
            "cancelled" => CANCELLED,
            _ => NEW,
        }
    }

    /// The colour of what goes on from it.
    pub fn edge(self) -> &'static str {
        self.edge.unwrap_or(self.fill)
    }

    pub fn draw(self, svg: &mut Svg, x: f64, y: f64, width: f64, height: f64) {
        let Some(edge) = self.edge else {
            svg.rect(x, y, width, height, self.fill);
            return;
        };
        // The line lies inside.
        let dashes = if self.dashed { " stroke-dasharray=\"3 2\"" } else { "" };
        svg.raw(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\" stroke=\"{edge}\"{dashes}/>\n",
            n(x + 0.5),
            n(y + 0.5),
            n((width - 1.0).max(0.5)),
            n((height - 1.0).max(0.5)),
            self.fill
        ));
    }
}

/// What the legend shows before a word.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    Bar(Look),
    /// A bar that goes on.
    Open(Look),
    Word(&'static str),
    /// The line of the present moment.
    Now,
}

impl Mark {
    pub fn width(self) -> f64 {
        match self {
            Self::Bar(_) => 18.0,
            Self::Open(_) => 24.0,
            Self::Word(_) => 4.0,
            Self::Now => 2.0,
        }
    }

    pub fn draw(self, svg: &mut Svg, x: f64, base: f64) {
        let top = base - 10.0;
        match self {
            Self::Bar(look) => look.draw(svg, x, top, 18.0, 12.0),
            Self::Open(look) => {
                look.draw(svg, x, top, 18.0, 12.0);
                svg.raw(format_args!(
                    "<path d=\"M{} {}l6 6l-6 6Z\" fill=\"{}\"/>\n",
                    n(x + 18.0),
                    n(top),
                    look.edge()
                ));
            }
            Self::Word(word) => {
                svg.text(x, base, font(12.0, true, LATE_INK, Anchor::Start), word, "");
            }
            Self::Now => svg.rect(x, top, 1.5, 12.0, INK),
        }
    }
}

/// What the chart has, and what it means.
pub(super) fn legend(gantt: &TaskGantt, days_off: bool) -> Vec<(Mark, &'static str)> {
    let has = |test: &dyn Fn(&TaskBar) -> bool| {
        gantt.groups.iter().flat_map(|group| &group.bars).any(test)
    };
    let is = |status: &'static str| has(&move |bar: &TaskBar| bar.status == status);
    let mut legend = Vec::new();
    let mut say = |there: bool, mark: Mark, word: &'static str| {
        if there {
            legend.push((mark, word));
        }
    };
    say(is("done"), Mark::Bar(DONE), "Done");
    let late = |bar: &TaskBar| bar.done_at.zip(bar.due_at).is_some_and(|(done, due)| done > due);
    say(has(&late), Mark::Bar(DONE_LATE), "Done late");
    say(is("in_progress"), Mark::Bar(IN_PROGRESS), "In progress");
    say(is("new"), Mark::Bar(NEW), "To do");
    say(is("deferred"), Mark::Bar(DEFERRED), "Put off");
    say(has(&|bar: &TaskBar| bar.overdue), Mark::Bar(OVERDUE), "Overdue");
    let endless = |bar: &TaskBar| {
        bar.due_at.is_none() && !matches!(bar.status.as_str(), "done" | "cancelled")
    };
    say(has(&endless), Mark::Open(NEW), "No due date");
    say(is("cancelled"), Mark::Bar(CANCELLED), "Cancelled");
    say(has(&|bar: &TaskBar| bar.priority == "high"), Mark::Word("!"), "High priority");
    say(days_off, Mark::Bar(solid(DAY_OFF)), "Days off");
    say(true, Mark::Now, "Now");
    legend
}
