//! In which form a report is answered, and the parameters that reports share.

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use uuid::Uuid;
use voronka_domain::Fault;
use voronka_persistence::{
    Error, Tenant,
    reports::{self, GroupBy},
};

use crate::http::{Problem, call::unknown};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Svg,
}

impl Format {
    pub fn respond(self, body: Vec<u8>) -> HttpResponse {
        let kind = match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Svg => "image/svg+xml",
        };
        HttpResponse::Ok().content_type(kind).insert_header(("Vary", "Accept")).body(body)
    }

    /// By `?format=`, or else the first of ours that the Accept header names.
    fn choose(parameter: Option<&str>, accept: &str) -> Result<Self, Problem> {
        let by_name = |name: &str| match name {
            "json" | "application/json" | "application/*" | "*/*" | "" => Some(Self::Json),
            "csv" | "text/csv" | "text/*" => Some(Self::Csv),
            "svg" | "image/svg+xml" | "image/*" => Some(Self::Svg),
            _ => None,
        };
        if let Some(name) = parameter {
            return by_name(name).filter(|_| !name.contains(['/', '*'])).ok_or_else(|| {
                let fault = Fault::new("/format", "invalid_parameter", "One of json, csv and svg.");
                Problem::invalid_parameters(vec![fault])
            });
        }
        let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or("").trim());
        kinds.filter_map(by_name).next().ok_or_else(|| {
            Problem::new(
                "not_acceptable",
                "Reports are application/json, text/csv or image/svg+xml.",
            )
        })
    }
}

/// Parameters as they are read, each with its faults.
pub struct Parameters {
    pairs: Vec<(String, String)>,
    faults: Vec<Fault>,
}

impl Parameters {
    pub fn new(pairs: Vec<(String, String)>, known: &[&str]) -> Self {
        let mut faults: Vec<_> = pairs
            .iter()
            .filter(|(name, _)| !known.contains(&name.as_str()))
            .map(|(name, _)| unknown(name))
            .collect();
        for (index, (name, _)) in pairs.iter().enumerate() {
            if pairs.iter().take(index).any(|(other, _)| other == name) {
                faults.push(Fault::new(format!("/{name}"), "duplicate_parameter", "Given twice."));
            }
        }
        Self { pairs, faults }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub fn fault(&mut self, name: &str, code: &'static str, detail: &str) {
        self.faults.push(Fault::new(format!("/{name}"), code, detail));
    }

    /// The parameter's value, if it is given and valid.
    pub fn read<T>(
        &mut self,
        name: &str,
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(name)?;
        let read = parse(value);
        if read.is_none() {
            self.fault(name, "invalid_parameter", &format!("Not {wanted}."));
        }
        read
    }

    pub fn deal_type_id(&mut self) -> Uuid {
        if self.get("deal_type_id").is_none() {
            self.fault("deal_type_id", "required", "The parameter is required.");
        }
        let id = self.read("deal_type_id", "an id (UUID)", |text| text.parse().ok());
        id.unwrap_or_default()
    }

    pub fn instant(&mut self, name: &str) -> Option<DateTime<Utc>> {
        self.read(name, "an instant such as 2026-11-21T10:00:00Z", |text| {
            let instant = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
            (0..=253_402_300_799).contains(&instant.timestamp()).then_some(instant)
        })
    }

    pub fn group_by(&mut self, known: &'static [(&'static str, GroupBy)]) -> Option<GroupBy> {
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        self.read("group_by", &format!("one of {}", words.join(", ")), |text| {
            known.iter().find(|(word, _)| *word == text).map(|(_, group)| *group)
        })
    }

    pub fn format(&mut self, accept: &str) -> Result<Format, Problem> {
        Format::choose(self.get("format"), accept)
    }

    pub fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::invalid_parameters(self.faults)) }
    }
}

/// What to call the groups: names of people and sources, and the word itself otherwise.
pub fn name_groups(
    tenant: &mut Tenant<'_>,
    group_by: GroupBy,
    keys: &[Option<String>],
) -> Result<Vec<String>, Error> {
    let ids = keys.iter().flatten().filter_map(|key| key.parse().ok()).collect();
    let names = reports::names(tenant, group_by, ids)?;
    let name = |key: &Option<String>| match key {
        None => "(none)".to_owned(),
        Some(key) => {
            let named = names.iter().find(|(id, _)| id.to_string() == *key);
            named.map_or_else(|| key.clone(), |(_, name)| name.clone())
        }
    };
    Ok(keys.iter().map(name).collect())
}

pub fn csv_error(error: csv::Error) -> Error {
    Error::Internal(format!("report as CSV: {error}"))
}

/// Rows as CSV with a header line.
pub fn csv(rows: impl Iterator<Item = Vec<String>>, header: &[&str]) -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).map_err(csv_error)?;
    for row in rows {
        writer.write_record(row).map_err(csv_error)?;
    }
    writer.into_inner().map_err(|error| Error::Internal(error.to_string()))
}

pub fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

pub fn json(body: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|error| Error::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::Format::{self, Csv, Json, Svg};

    #[test]
    fn the_parameter_goes_before_the_header() {
        for (parameter, accept, expected) in [
            (None, "", Some(Json)),
            (None, "*/*", Some(Json)),
            (None, "text/html, image/svg+xml;q=0.9", Some(Svg)),
            (None, "text/csv", Some(Csv)),
            (Some("svg"), "text/csv", Some(Svg)),
            (None, "text/html", None),
            (Some("pdf"), "", None),
            (Some("*/*"), "", None),
        ] {
            assert_eq!(Format::choose(parameter, accept).ok(), expected, "{parameter:?} {accept}");
        }
    }
}
