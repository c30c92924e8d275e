//! The few SVG elements the pictures are made of. Only presentation attributes are used: they
//! are drawn by every viewer and allowed by the strictest content security policy.

use std::fmt::Write as _;

use super::text::{ellipsis, escape};

pub(crate) const INK: &str = "#1c2733";
pub(crate) const QUIET: &str = "#5f6b76";
pub(crate) const HAIRLINE: &str = "#d9dfe5";

/// The faces the systems of this world set their own windows in; nothing is downloaded.
const FONTS: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, 'DejaVu Sans', sans-serif";

#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Clone, Copy)]
pub(crate) struct Font {
    pub size: f64,
    pub bold: bool,
    pub ink: &'static str,
    pub anchor: Anchor,
}

pub(crate) const fn font(size: f64, bold: bool, ink: &'static str, anchor: Anchor) -> Font {
    Font { size, bold, ink, anchor }
}

/// A coordinate with one decimal; never NaN or infinite, which would break the whole picture.
pub(crate) fn n(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0" } else { text }.to_owned()
}

#[derive(Default)]
pub(crate) struct Svg {
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

/// A whole picture of a size. `id` keeps apart the ids of two pictures in one web page.
pub(crate) fn document(
    id: &str,
    title: &str,
    description: &str,
    (width, height): (f64, f64),
    body: &Svg,
) -> String {
    let (width, height) = (n(width), n(height));
    let mut out = String::with_capacity(body.out.len() + description.len() + 1024);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-desc\" font-family=\"{FONTS}\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{}</svg>\n",
        escape(title),
        escape(description),
        body.out
    );
    out
}
