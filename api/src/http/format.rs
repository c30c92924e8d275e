//! In which form a report is answered.

use actix_web::{
    HttpResponse,
    http::header::{Accept, Quality, QualityItem},
};
use mime::Mime;
use utoipa::ToSchema;
use voronka_domain::Fault;

use crate::http::{Problem, parameters::Choice};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Xlsx,
    Svg,
}

/// A workbook of Excel, for the specification.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Workbook(#[allow(dead_code)] Vec<u8>);

/// What every report and every list behind a figure is answered in.
pub const TABLES: &[Format] = &[Format::Json, Format::Csv, Format::Xlsx];
/// Funnels are pictures as well.
pub const FUNNELS: &[Format] = &[Format::Json, Format::Csv, Format::Xlsx, Format::Svg];
/// What is a picture and no table.
pub const CHARTS: &[Format] = &[Format::Json, Format::Svg];

impl Format {
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Svg => "svg",
        }
    }

    /// As a parameter.
    pub fn choice(known: &[Self]) -> Choice {
        let words = known.iter().map(|format| format.word()).collect();
        Choice { parameter: "format", words, default: None }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Svg => "image/svg+xml",
        }
    }

    pub fn respond(self, body: Vec<u8>) -> HttpResponse {
        self.response().body(body)
    }

    pub fn response(self) -> actix_web::HttpResponseBuilder {
        let mut response = HttpResponse::Ok();
        response.content_type(self.media_type()).insert_header(("Vary", "Accept"));
        response
    }

    /// By `?format=`, or else the one of ours that the Accept header likes best (RFC 9110, 12.5.1).
    pub fn choose(known: &[Self], parameter: Option<&str>, accept: &str) -> Result<Self, Problem> {
        if let Some(word) = parameter {
            return known.iter().copied().find(|format| format.word() == word).ok_or_else(|| {
                let words: Vec<_> = known.iter().map(|format| format.word()).collect();
                let detail = format!("One of {}.", words.join(", "));
                Problem::invalid_parameters(vec![Fault::new(
                    "/format",
                    "invalid_parameter",
                    detail,
                )])
            });
        }
        let accept = if accept.trim().is_empty() { "*/*" } else { accept };
        let ranges = accept.split(',').filter_map(|range| range.trim().parse().ok());
        let (wanted, unwanted): (Vec<QualityItem<Mime>>, Vec<_>) =
            ranges.partition(|range: &QualityItem<Mime>| range.quality > Quality::ZERO);
        let is_wanted = |format: &Self| !unwanted.iter().any(|range| format.is(&range.item));
        let liked = Accept(wanted).ranked();
        let mut liked = liked.iter().filter_map(|range| {
            known.iter().copied().find(|format| format.is_within(range) && is_wanted(format))
        });
        liked.next().ok_or_else(|| {
            let kinds: Vec<_> = known.iter().map(|format| format.media_type()).collect();
            Problem::new("not_acceptable", format!("It is {}.", kinds.join(", ")))
        })
    }

    fn is(self, kind: &Mime) -> bool {
        self.media_type().split(';').next() == Some(kind.essence_str())
    }

    fn is_within(self, range: &Mime) -> bool {
        let group = self.media_type().split('/').next().unwrap_or_default();
        match (range.type_().as_str(), range.subtype().as_str()) {
            ("*", "*") => true,
            (wanted, "*") => wanted == group,
            _ => self.is(range),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        FUNNELS,
        Format::{self, Csv, Json, Svg, Xlsx},
        TABLES,
    };

    #[test]
    fn the_parameter_goes_before_the_header() {
        let sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
        for (known, parameter, accept, expected) in [
            (FUNNELS, None, "", Some(Json)),
            (FUNNELS, None, "*/*", Some(Json)),
            (FUNNELS, None, "text/html, image/svg+xml;q=0.9", Some(Svg)),
            (FUNNELS, None, "text/csv", Some(Csv)),
            (FUNNELS, None, sheet, Some(Xlsx)),
            (FUNNELS, Some("svg"), "text/csv", Some(Svg)),
            (FUNNELS, Some("xlsx"), "text/csv", Some(Xlsx)),
            (FUNNELS, None, "text/html", None),
            (FUNNELS, Some("pdf"), "", None),
            (FUNNELS, Some("*/*"), "", None),
            (TABLES, Some("svg"), "", None),
            (TABLES, None, "image/svg+xml", None),
            (TABLES, None, "image/svg+xml, text/csv", Some(Csv)),
            (FUNNELS, None, "application/json;q=0.5, text/csv", Some(Csv)),
            (FUNNELS, None, "*/*;q=0.1, image/svg+xml;q=0.2", Some(Svg)),
            (FUNNELS, None, "text/*;q=0.3, */*;q=0.1", Some(Csv)),
            (FUNNELS, None, "application/json;q=0, */*", Some(Csv)),
            (TABLES, None, "text/csv;q=0", None),
            (TABLES, None, "nonsense, text/csv", Some(Csv)),
        ] {
            let chosen = Format::choose(known, parameter, accept).ok();
            assert_eq!(chosen, expected, "{parameter:?} {accept}");
        }
    }
}
