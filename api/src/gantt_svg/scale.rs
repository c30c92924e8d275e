//! The days along the top, those without work, and the present moment.

use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use voronka_domain::workspace::settings::Settings;

use super::look::DAY_OFF;
use crate::{
    funnel_svg::{
        svg::{Anchor, HAIRLINE, INK, QUIET, Svg, font, n},
        text::width,
    },
    v1::work::tasks::TaskGantt,
};

/// Height of the months and days above the rows.
pub(super) const HEAD: f64 = 46.0;
const DAY_SIZE: f64 = 11.0;

struct Column {
    day: NaiveDate,
    left: f64,
    right: f64,
    off: bool,
}

/// Where instants are.
pub(super) struct Scale {
    pub left: f64,
    pub zone: Tz,
    right: f64,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
    columns: Vec<Column>,
}

impl Scale {
    pub fn new(gantt: &TaskGantt, settings: &Settings, left: f64, right: f64) -> Self {
        let (from, until) = settings.days(gantt.from, gantt.to);
        let zone = settings.time_zone;
        let mut scale =
            Self { left, zone, right, from, until, now: gantt.as_of, columns: Vec::new() };
        let mut off = gantt.days_off.iter().peekable();
        for day in gantt.from.iter_days().take_while(|day| *day <= gantt.to) {
            let (begin, end) = settings.days(day, day);
            let off = off.next_if(|off| **off == day).is_some();
            let (left, right) = (scale.x(begin), scale.x(end));
            scale.columns.push(Column { day, left, right, off });
        }
        scale
    }

    /// On the chart, however far away the instant is.
    pub fn x(&self, at: DateTime<Utc>) -> f64 {
        let seconds = |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).num_seconds() as f64;
        let share = seconds(self.from, at) / seconds(self.from, self.until).max(1.0);
        self.left + share.clamp(0.0, 1.0) * (self.right - self.left)
    }

    /// In a year, days are too narrow to be told apart.
    pub fn shows_days_off(&self) -> bool {
        self.day() >= 4.0 && self.columns.iter().any(|column| column.off)
    }

    /// Width of a day, about.
    fn day(&self) -> f64 {
        (self.right - self.left) / (self.columns.len().max(1) as f64)
    }

    pub fn draw(&self, svg: &mut Svg, top: f64, bottom: f64) {
        let first = top + HEAD;
        for stretch in self.columns.chunk_by(|one, next| one.off && next.off) {
            if let (Some(one), Some(last)) = (stretch.first(), stretch.last())
                && one.off
                && self.shows_days_off()
            {
                svg.rect(
                    one.left,
                    first - 20.0,
                    last.right - one.left,
                    bottom - first + 20.0,
                    DAY_OFF,
                );
            }
        }
        let weeks = self.columns.iter().skip(1).filter(|one| one.day.weekday() == Weekday::Mon);
        for week in weeks {
            if self.day() * 7.0 >= 18.0 {
                svg.rect(week.left - 0.5, first - 20.0, 1.0, bottom - first + 20.0, HAIRLINE);
            }
        }
        self.draw_months(svg, top + 14.0, bottom);
        svg.rect(self.left, bottom, self.right - self.left, 1.0, HAIRLINE);
        let shown = self.from <= self.now && self.now < self.until;
        self.draw_days(svg, first - 6.0, shown);
        if shown {
            let x = self.x(self.now);
            svg.rect(x - 0.75, first - 2.0, 1.5, bottom - first + 2.0, INK);
        }
    }

    fn draw_months(&self, svg: &mut Svg, base: f64, bottom: f64) {
        let months = self.columns.chunk_by(|one, next| one.day.month() == next.day.month());
        for (index, month) in months.enumerate() {
            let (Some(one), Some(last)) = (month.first(), month.last()) else { continue };
            if index > 0 {
                svg.rect(one.left - 0.5, base - 12.0, 1.0, bottom - base + 12.0, "#c3cbd3");
            }
            let bold = font(12.0, true, INK, Anchor::Start);
            let long = one.day.format("%B %Y").to_string();
            let short = one.day.format("%b").to_string();
            let inset = if index > 0 { 6.0 } else { 0.0 };
            let room = last.right - one.left - inset - 4.0;
            let fits = |text: &String| width(text, 12.0, true) <= room;
            if let Some(text) = [long, short].iter().find(|text| fits(text)) {
                svg.text(one.left + inset, base, bold, text, "");
            }
        }
    }

    /// Every day's number where there is room, else that of every Monday; today's in a dark field.
    fn draw_days(&self, svg: &mut Svg, base: f64, shown: bool) {
        let today = self.now.with_timezone(&self.zone).date_naive();
        let (every, weekly) = (self.day() >= 18.0, self.day() * 7.0 >= 18.0);
        let near = |day: NaiveDate| (day - today).num_days().abs();
        for column in &self.columns {
            let (number, x) =
                (column.day.day().to_string(), f64::midpoint(column.left, column.right));
            if shown && column.day == today {
                let wide = width(&number, DAY_SIZE, true) + 6.0;
                let at = x.clamp(self.left + wide / 2.0, self.right - wide / 2.0);
                svg.raw(format_args!(
                    "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"16\" rx=\"3\" fill=\"{INK}\"/>\n",
                    n(at - wide / 2.0),
                    n(base - 12.0),
                    n(wide)
                ));
                let bold = font(DAY_SIZE, true, "#ffffff", Anchor::Middle);
                svg.text(at, base, bold, &number, "Today");
            } else if every {
                let ink = if column.off { QUIET } else { INK };
                svg.text(x, base, font(DAY_SIZE, false, ink, Anchor::Middle), &number, "");
            } else if weekly && column.day.weekday() == Weekday::Mon {
                // Next to today's there is no room.
                let clear = !shown || self.day() * (near(column.day) as f64) >= 18.0;
                let fits = column.left + width(&number, DAY_SIZE, false) + 3.0 <= self.right;
                if clear && fits {
                    let quiet = font(DAY_SIZE, false, QUIET, Anchor::Start);
                    svg.text(column.left + 3.0, base, quiet, &number, "");
                }
            }
        }
    }
}
