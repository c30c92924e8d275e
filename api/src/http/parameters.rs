//! The parameters that reports share, read with all their faults; and links that carry them on.

use chrono::{DateTime, Months, NaiveDate, Utc};
use std::collections::BTreeMap;
use uuid::Uuid;
use voronka_domain::Fault;
use voronka_persistence::{
    Caller, Error, Look, Tenant, analytics as reports,
    analytics::{Group, GroupBy, Wanted, behind},
    core::list,
    now,
};

use super::format::Format;
use crate::http::{Problem, call::unknown};

/// Parameters as they are read, each with its faults.
pub struct Parameters {
    pairs: Vec<(String, String)>,
    faults: Vec<Fault>,
}

/// A parameter that takes one of some words, and which of them goes without being said.
#[derive(Debug, Clone)]
pub struct Choice {
    pub parameter: &'static str,
    pub words: Vec<&'static str>,
    pub default: Option<&'static str>,
}

impl Choice {
    /// By the table that reads it.
    pub fn of<T>(parameter: &'static str, known: &[(&'static str, T)]) -> Self {
        Self { parameter, words: known.iter().map(|(word, _)| *word).collect(), default: None }
    }

    pub fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }
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

    /// Of what is filtered as a list is, and neither paged nor sorted like one.
    pub fn filtered(
        pairs: Vec<(String, String)>,
        known: &[&str],
        spec: &list::Spec,
    ) -> (Self, Option<list::Query>) {
        let is_own = |name: &str| known.contains(&name) || LIST_PARAMETERS.contains(&name);
        let (own, filters): (Vec<_>, Vec<_>) =
            pairs.into_iter().partition(|(name, _)| is_own(name));
        let mut parameters = Self::new(own, known);
        let query = spec.parse(&filters).map_err(|faults| parameters.faults.extend(faults)).ok();
        (parameters, query)
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
        // What is unknown has no value to be wrong.
        let pointer = format!("/{name}");
        let unknown = |fault: &Fault| fault.pointer == pointer && fault.code == "unknown_parameter";
        if self.faults.iter().any(unknown) {
            return None;
        }
        let read = parse(value);
        if read.is_none() {
            self.fault(name, "invalid_parameter", &format!("Not {wanted}."));
        }
        read
    }

    /// One of some words. None where it is missing or wrong.
    pub fn word<T: Copy>(&mut self, name: &str, known: &[(&'static str, T)]) -> Option<T> {
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        self.read(name, &format!("one of {}", words.join(", ")), |text| {
            known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
        })
    }

    pub fn require(&mut self, name: &str) {
        if self.get(name).is_none() {
            self.fault(name, "required", "The parameter is required.");
        }
    }

    pub fn id(&mut self, name: &str) -> Option<Uuid> {
        self.read(name, "an id (UUID)", |text| text.parse().ok())
    }

    pub fn deal_type_id(&mut self) -> Uuid {
        self.require("deal_type_id");
        self.id("deal_type_id").unwrap_or_default()
    }

    pub fn instant(&mut self, name: &str) -> Option<DateTime<Utc>> {
        self.read(name, "an instant such as 2026-11-21T10:00:00Z", |text| {
            let instant = voronka_domain::kernel::instant::read(text)?;
            (0..=253_402_300_799).contains(&instant.timestamp()).then_some(instant)
        })
    }

    /// The days `from` and `to`: by default the year up to today.
    pub fn days(&mut self, caller: &Caller) -> (NaiveDate, NaiveDate) {
        let to = self.day("to").unwrap_or_else(|| caller.settings.day(now()));
        let from = self.day("from").unwrap_or_else(|| year_before(to));
        if from > to {
            self.fault("from", "out_of_range", "Must not be after `to`.");
        }
        (from, to)
    }

    pub fn day(&mut self, name: &str) -> Option<NaiveDate> {
        self.read(name, "a day such as 2017-12-31", |text| {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            let (first, last) =
                (NaiveDate::from_ymd_opt(1970, 1, 1)?, NaiveDate::from_ymd_opt(9998, 12, 31)?);
            (first..=last).contains(&day).then_some(day)
        })
    }

    /// The segments that a report looks at.
    pub fn segments(&mut self, caller: &Caller, group_by: Option<GroupBy>) -> Wanted {
        Wanted { only: self.id("segment_id"), group_by, look: Look::of(caller, now()) }
    }

    /// The group whose deals are asked for: without a key, that of the deals that have none.
    pub fn group(&mut self, group_by: Option<GroupBy>) -> Option<Group> {
        let key = self.get("group").map(str::to_owned);
        if key.is_some() && group_by.is_none() {
            self.fault("group", "not_allowed", "Goes with `group_by`.");
        }
        group_by.map(|by| Group { by, key })
    }

    pub fn format(&mut self, known: &[Format], accept: &str) -> Result<Format, Problem> {
        Format::choose(known, self.get("format"), accept)
    }

    /// Paging and sorting of the list behind a figure.
    pub fn list(&mut self) -> Option<list::Query> {
        let own = |(name, _): &&(String, String)| LIST_PARAMETERS.contains(&name.as_str());
        let pairs: Vec<_> = self.pairs.iter().filter(own).cloned().collect();
        behind::LIST.parse(&pairs).map_err(|faults| self.faults.extend(faults)).ok()
    }

    /// All is well, or every fault is told.
    pub fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::invalid_parameters(self.faults)) }
    }

    /// The same for a list, whose query is there where it has no faults.
    pub fn finish_with(self, query: Option<list::Query>) -> Result<list::Query, Problem> {
        match query {
            Some(query) if self.faults.is_empty() => Ok(query),
            _ => Err(Problem::invalid_parameters(self.faults)),
        }
    }
}

pub fn json(body: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|error| Error::Internal(error.to_string()))
}

/// Those that the list behind a figure has beside the report's.
pub const LIST_PARAMETERS: &[&str] = &["limit", "cursor", "sort"];

fn year_before(day: NaiveDate) -> NaiveDate {
    day.checked_sub_months(Months::new(12)).and_then(|day| day.succ_opt()).unwrap_or(day)
}

/// Links from the figures of a report to the deals behind them.
#[derive(Debug, Clone)]
pub struct Links {
    path: &'static str,
    pairs: Vec<(&'static str, String)>,
}

impl Links {
    pub fn new(path: &'static str) -> Self {
        Self { path, pairs: Vec::new() }
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.pairs.push((name, value.to_string()));
        self
    }

    /// Where the report is narrowed to a segment, so are they.
    pub fn segment(self, segments: &Wanted) -> Self {
        match segments.only {
            Some(id) => self.with("segment_id", id),
            None => self,
        }
    }

    /// To a group's deals.
    pub fn group(&self, group_by: &'static str, key: Option<&str>) -> Self {
        let links = self.clone().with("group_by", group_by);
        match key {
            Some(key) => links.with("group", key),
            None => links,
        }
    }

    pub fn to(&self, figure: &str) -> String {
        let pairs = self.pairs.iter().map(|(name, value)| (*name, value.as_str()));
        let pairs: Vec<_> = pairs.chain([("figure", figure)]).collect();
        format!("{}?{}", self.path, serde_urlencoded::to_string(pairs).unwrap_or_default())
    }

    pub fn all<'a>(&self, figures: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, String> {
        figures.into_iter().map(|figure| (figure.to_owned(), self.to(figure))).collect()
    }
}

/// What to call the groups: names of people and things, and the word itself otherwise.
pub fn name_groups(
    tenant: &mut Tenant<'_>,
    group_by: GroupBy,
    keys: &[Option<String>],
) -> Result<Vec<String>, Error> {
    let ids = keys.iter().flatten().filter_map(|key| key.parse().ok()).collect();
    let names = reports::names(tenant, group_by, ids)?;
    let name = |key: &Option<String>| match key {
        None => NO_GROUP.to_owned(),
        Some(key) => {
            let named = names.iter().find(|(id, _)| id.to_string() == *key);
            named.map_or_else(|| key.clone(), |(_, name)| name.clone())
        }
    };
    Ok(keys.iter().map(name).collect())
}

/// What the group of those without one is called.
pub const NO_GROUP: &str = "(none)";
