//! What an import is told about its file.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{custom::CUSTOM, kind::ImportKind, time::DateFormat};
use crate::{
    kernel::{
        fault::{Faults, Refusal, escaped},
        money::Currency,
    },
    people::access::Permission,
    workspace::{
        custom_field::{CustomField, FieldType},
        settings::Settings,
    },
};

const LONGEST_SOURCE: usize = 100;

/// Where a field comes from: a column of the file, or one value for every row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Mapped {
    Column(String),
    Value(String),
}

/// What a value of the stage or activity column means.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StageTarget {
    /// Key of the stage; beside `won` or `lost`, the stage that it was closed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub won: bool,
    /// Name of the loss reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore: bool,
}

/// How a file's text is written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "utf-16le")]
    Utf16Le,
    #[serde(rename = "utf-16be")]
    Utf16Be,
    #[serde(rename = "windows-1251")]
    Windows1251,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub kind: ImportKind,
    /// Of deals and their events only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deal_type_id: Option<Uuid>,
    /// Of calls only: whose exchange lists them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<Uuid>,
    pub mapping: BTreeMap<String, Mapped>,
    #[serde(default)]
    pub stage_map: BTreeMap<String, StageTarget>,
    /// Names the system that the external ids belong to.
    #[serde(default = "default_source")]
    pub external_source: String,
    /// Currency of the amounts; the workspace's if absent.
    #[serde(default)]
    pub currency: Option<Currency>,
    #[serde(default)]
    pub date_format: Option<String>,
    /// Zone of times without an offset; the workspace's if absent.
    #[serde(default)]
    pub time_zone: Option<Tz>,
    #[serde(default)]
    pub delimiter: Option<char>,
    /// What the file shows by itself, if absent.
    #[serde(default)]
    pub encoding: Option<Encoding>,
    /// Sheet of a workbook; the first one if absent.
    #[serde(default)]
    pub sheet: Option<String>,
    /// `.` or `,`; if absent, either where it cannot be taken for anything else.
    #[serde(default)]
    pub decimal: Option<char>,
    /// Create users, clients, sources, competitors and loss reasons that do not exist.
    #[serde(default)]
    pub create_missing: bool,
    /// Say what would happen, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

fn default_source() -> String {
    "import".to_owned()
}

/// A spec that fits a file: every field with its column.
#[derive(Debug, Clone)]
pub struct Plan {
    pub spec: Spec,
    pub zone: Tz,
    pub currency: Currency,
    pub(super) settings: Settings,
    pub(super) format: Option<DateFormat>,
    /// Those that are mapped.
    pub(super) custom_fields: Vec<CustomField>,
    /// Field, and its column or its value.
    columns: Vec<(String, Result<usize, String>)>,
}

impl Plan {
    /// What whoever starts the import needs beside the permission to import: that to write what the rows are, and
    /// what they may make.
    pub fn permissions(&self) -> Vec<Permission> {
        let mut needed = vec![self.spec.kind.permission()];
        if self.spec.create_missing {
            let made = self.columns.iter().filter_map(|(field, _)| made_by(field));
            let custom = self.custom_fields.iter().filter_map(|field| match field.field_type {
                FieldType::User => Some(Permission::UsersWrite),
                FieldType::Client => Some(Permission::ClientsWrite),
                _ => None,
            });
            let lost = self.spec.stage_map.values().any(|target| target.lost.is_some());
            let reasons = lost.then_some(Permission::CataloguesWrite);
            needed.extend(made.chain(custom).chain(reasons));
        }
        needed
    }
}

/// What a name in a field may make.
fn made_by(field: &str) -> Option<Permission> {
    match field {
        "owner" | "user" => Some(Permission::UsersWrite),
        "client" => Some(Permission::ClientsWrite),
        "source" | "competitor" | "loss_reason" => Some(Permission::CataloguesWrite),
        _ => None,
    }
}

impl Spec {
    /// Checks the spec against the file's header. `stage_keys` are the stages of the deal type, `custom_fields`
    /// those of the workspace.
    pub fn plan(
        self,
        header: &[String],
        stage_keys: &[&str],
        custom_fields: &[CustomField],
        settings: Settings,
    ) -> Result<Plan, Refusal> {
        let mut faults = Faults::default();
        faults.text("/external_source", &self.external_source, LONGEST_SOURCE);
        for field in self.kind.required() {
            if !self.mapping.contains_key(*field) {
                faults.add(format!("/mapping/{field}"), "required", "This kind needs the field.");
            }
        }
        if self.kind == ImportKind::Calls {
            for (one, other, detail) in [
                ("status", "talk_seconds", "How a call went is said by status or talk_seconds."),
                ("from", "to", "Who called whom is said by from and to."),
            ] {
                if !self.mapping.contains_key(one) && !self.mapping.contains_key(other) {
                    faults.add(format!("/mapping/{one}"), "required", detail);
                }
            }
        }
        let (mut columns, mut custom) = (Vec::new(), Vec::new());
        for (field, mapped) in &self.mapping {
            match self.find_field(field, custom_fields) {
                Ok(found) => custom.extend(found.cloned()),
                Err((code, detail)) => {
                    faults.add(pointer("/mapping", field, ""), code, detail);
                    continue;
                }
            }
            match mapped {
                Mapped::Value(value) => columns.push((field.clone(), Err(value.clone()))),
                Mapped::Column(name) => match find_column(header, name) {
                    Some(index) => columns.push((field.clone(), Ok(index))),
                    None => {
                        let detail = format!("The file has no such column; it has {header:?}.");
                        faults.add(pointer("/mapping", field, "/column"), "unknown_column", detail);
                    }
                },
            }
        }
        self.check_process(&mut faults, stage_keys);
        let format = self.date_format.as_deref().map(DateFormat::parse);
        if matches!(format, Some(None)) {
            let detail = "Write it with YYYY, M or MM, D or DD, HH, mm, ss; e.g. M/D/YYYY.";
            faults.add("/date_format", "invalid_format", detail);
        }
        let separates = |c: char| {
            c == '\t'
                || c.is_ascii() && !c.is_ascii_alphanumeric() && !c.is_ascii_control() && c != '"'
        };
        if self.delimiter.is_some_and(|c| !separates(c)) {
            faults.add("/delimiter", "invalid_format", "One ASCII character, such as , or ;.");
        }
        if self.decimal.is_some_and(|c| c != '.' && c != ',') {
            faults.add("/decimal", "invalid_value", "A point or a comma.");
        }
        faults.into_result()?;
        Ok(Plan {
            zone: self.time_zone.unwrap_or(settings.time_zone),
            currency: self.currency.unwrap_or(settings.currency),
            settings,
            format: format.flatten(),
            custom_fields: custom,
            columns,
            spec: self,
        })
    }

    /// A field of the kind, or the custom field that is meant; or why it is neither.
    fn find_field<'f>(
        &self,
        name: &str,
        custom_fields: &'f [CustomField],
    ) -> Result<Option<&'f CustomField>, (&'static str, String)> {
        if self.kind.fields().contains(&name) {
            return Ok(None);
        }
        if let Some((key, entity)) = name.strip_prefix(CUSTOM).zip(self.kind.entity()) {
            let mut fields = custom_fields.iter().filter(|field| field.entity == entity);
            return match fields.find(|field| field.key == key) {
                Some(field) if field.archived => {
                    Err(("field_archived", "The custom field is archived.".to_owned()))
                }
                Some(field) => Ok(Some(field)),
                None => Err(("unknown_field", "There is no such custom field.".to_owned())),
            };
        }
        let known = self.kind.fields().join(", ");
        Err(("unknown_field", format!("Not a field of this kind; the fields are {known}.")))
    }

    fn check_process(&self, faults: &mut Faults, stage_keys: &[&str]) {
        match (self.kind == ImportKind::Calls, self.integration_id) {
            (true, None) => {
                faults.add("/integration_id", "required", "This kind needs an integration.");
            }
            (false, Some(_)) => {
                faults.add("/integration_id", "not_allowed", "Rows of this kind are not calls.");
            }
            _ => {}
        }
        if self.kind.is_of_deals() {
            if self.deal_type_id.is_none() {
                faults.add("/deal_type_id", "required", "This kind needs a deal type.");
                return;
            }
            for (activity, target) in &self.stage_map {
                check_target(faults, activity, target, stage_keys);
            }
            return;
        }
        for (pointer, given) in [
            ("/deal_type_id", self.deal_type_id.is_some()),
            ("/stage_map", !self.stage_map.is_empty()),
        ] {
            if given {
                faults.add(pointer, "not_allowed", "Rows of this kind are not of deals.");
            }
        }
    }

    /// Columns of the file that no field uses.
    pub fn unused_columns(&self, header: &[String]) -> Vec<String> {
        let used: Vec<usize> = self
            .mapping
            .values()
            .filter_map(|mapped| match mapped {
                Mapped::Column(name) => find_column(header, name),
                Mapped::Value(_) => None,
            })
            .collect();
        let unused = header.iter().enumerate().filter(|(index, _)| !used.contains(index));
        unused.map(|(_, name)| name.clone()).collect()
    }
}

impl Plan {
    /// The field's text in a row, trimmed; none where it is not mapped or blank.
    pub(super) fn field<'a>(&'a self, record: &'a [String], field: &str) -> Option<&'a str> {
        let (_, column) = self.columns.iter().find(|(name, _)| name == field)?;
        let text = match column {
            Ok(index) => record.get(*index)?,
            Err(value) => value,
        };
        Some(text.trim()).filter(|text| !text.is_empty())
    }

    pub fn maps_custom(&self) -> bool {
        !self.custom_fields.is_empty()
    }

    pub fn maps(&self, field: &str) -> bool {
        self.spec.mapping.contains_key(field)
    }
}

fn check_target(faults: &mut Faults, activity: &str, target: &StageTarget, stage_keys: &[&str]) {
    let at = |field| pointer("/stage_map", activity, field);
    if let Some(stage) = &target.stage
        && !stage_keys.contains(&stage.as_str())
    {
        let detail = format!("The deal type has no such stage; it has {}.", stage_keys.join(", "));
        faults.add(at("/stage"), "stage_not_in_process", detail);
    }
    if let Some(reason) = &target.lost {
        faults.text(&at("/lost"), reason, crate::workspace::catalogue::NAME_LENGTH);
    }
    let outcomes =
        [target.won, target.lost.is_some(), target.ignore].iter().filter(|b| **b).count();
    if outcomes > 1 || (outcomes == 0 && target.stage.is_none()) {
        faults.add(at(""), "invalid_target", "Give a stage, or one of won, lost and ignore.");
    }
}

/// Header cells are compared as they are, then without regard to case and outer blanks.
fn find_column(header: &[String], name: &str) -> Option<usize> {
    let folded = name.trim().to_lowercase();
    let exact = header.iter().position(|column| column == name);
    exact.or_else(|| header.iter().position(|column| column.trim().to_lowercase() == folded))
}

fn pointer(parent: &str, key: &str, rest: &str) -> String {
    format!("{parent}/{}{rest}", escaped(key))
}
