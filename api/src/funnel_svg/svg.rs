//! The few SVG elements the pictures are made of. Only presentation attributes are used: they
//! are drawn by every viewer and allowed by the strictest content security policy.

use std::fmt::Write as _;

use super::text::{ellipsis, escape};

pub(super) const INK: &str = "#1c2733";
pub(super) const QUIET: &str = "#5f6b76";

#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Clone, Copy)]
pub(super) struct Font {
    pub size: f64,
    pub bold: bool,
    pub ink: &'static str,
    pub anchor: Anchor,
}

pub(super) const fn font(size: f64, bold: bool, ink: &'static str, anchor: Anchor) -> Font {
    Font { size, bold, ink, anchor }
}

/// A coordinate with one decimal; never NaN or infinite, which would break the whole picture.
pub(super) fn n(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0" } else { text }.to_owned()
}

#[derive(Default)]
pub(super) struct Svg {
    pub out: String,
}

impl Svg {
    pub fn raw(&mut self, args: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.out.write_fmt(args);
    }

    pub fn open_text(&mut self, x: f64, y: f64, font: Font) {
        let weight = if font.bold { " font-weight=\"600\"" } else { "" };
        let anchor = match font.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.raw(format_args!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{weight}{anchor}>",
            n(x),
            n(y),
            n(font.size),
            font.ink
        ));
    }

    pub fn tip(&mut self, tip: &str) {
        if !tip.is_empty() {
            self.raw(format_args!("<title>{}</title>", escape(tip)));
        }
    }

    pub fn text(&mut self, x: f64, y: f64, font: Font, text: &str, tip: &str) {
        self.open_text(x, y, font);
        self.tip(tip);
        self.raw(format_args!("{}</text>\n", escape(text)));
    }

    /// Cut to the room there is, with the full text for whoever points at it.
    pub fn fitted(&mut self, x: f64, y: f64, font: Font, text: &str, tip: &str, room: f64) {
        let short = ellipsis(text, font.size, font.bold, room);
        let cut = tip.is_empty() && short != text;
        self.text(x, y, font, &short, if cut { text } else { tip });
    }

    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        self.raw(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"/>\n",
            n(x),
            n(y),
            n(width.max(0.0)),
            n(height.max(0.0))
        ));
    }
}
