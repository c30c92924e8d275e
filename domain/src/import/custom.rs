//! Custom fields in files: a cell is read by the type of its field.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{amount::plain, row::Reader};
use crate::{
    kernel::money::{Currency, parse_amount},
    workspace::custom_field::{Choice, CustomField, FieldType, number},
};

/// Begins the names of custom fields in a mapping.
pub(super) const CUSTOM: &str = "custom.";
const LONGEST: usize = 4_000;

/// What a row says of custom fields: values, and names of users and clients, by the keys of the fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CustomCells {
    pub values: BTreeMap<String, Json>,
    pub users: BTreeMap<String, String>,
    pub clients: BTreeMap<String, String>,
}

impl Reader<'_> {
    pub(super) fn custom(&mut self) -> CustomCells {
        let mut cells = CustomCells::default();
        let plan = self.plan;
        for field in &plan.custom_fields {
            let name = format!("{CUSTOM}{}", field.key);
            let Some(text) = self.bounded(&name, LONGEST) else { continue };
            let key = field.key.clone();
            match field.field_type {
                FieldType::User => drop(cells.users.insert(key, text)),
                FieldType::Client => drop(cells.clients.insert(key, text)),
                _ => {
                    if let Some(value) = self.custom_value(field, &name, &text) {
                        cells.values.insert(key, value);
                    }
                }
            }
        }
        cells
    }

    fn custom_value(&mut self, field: &CustomField, name: &str, text: &str) -> Option<Json> {
        let decimal = self.plan.spec.decimal;
        match field.field_type {
            FieldType::Number => match number("", &plain(text, decimal).as_ref().into()) {
                Ok(number) => Some(Json::from(number.to_string())),
                Err(fault) => self.refuse(name, fault.code, fault.detail),
            },
            FieldType::Money => self.custom_money(name, text),
            FieldType::Date => self.date(name).map(|day| Json::from(day.to_string())),
            FieldType::Boolean => match truth(text) {
                Some(value) => Some(Json::from(value)),
                None => self.refuse(name, "invalid_value", "true or false, yes or no, 1 or 0."),
            },
            FieldType::Choice => self.choice(field, name, text).map(Json::from),
            FieldType::MultiChoice => {
                let parts = split_list(text);
                let keys: Option<Vec<_>> =
                    parts.into_iter().map(|part| self.choice(field, name, part)).collect();
                keys.map(Json::from)
            }
            FieldType::Text | FieldType::User | FieldType::Client => Some(Json::from(text)),
        }
    }

    /// `1999.95` in the row's currency, or `1999.95 USD`.
    fn custom_money(&mut self, name: &str, text: &str) -> Option<Json> {
        let coded = text.rsplit_once(char::is_whitespace);
        let coded = coded.and_then(|(amount, code)| Some((amount, Currency::parse(code).ok()?)));
        let (amount, currency) = match coded {
            Some((amount, currency)) => (amount.trim_end(), currency),
            None => (text, self.currency()?),
        };
        match parse_amount("", &plain(amount, self.plan.spec.decimal)) {
            Ok(amount) => {
                Some(json!({ "amount": amount.to_string(), "currency": currency.code() }))
            }
            Err(fault) => self.refuse(name, fault.code, fault.detail),
        }
    }

    /// The key of a choice, by its key or its name.
    fn choice(&mut self, field: &CustomField, name: &str, text: &str) -> Option<String> {
        let folded = text.to_lowercase();
        let by_name = |choice: &&Choice| choice.name.to_lowercase() == folded;
        let found = field.choice(text).or_else(|| field.choices.iter().find(by_name));
        match found {
            Some(choice) => Some(choice.key.clone()),
            None => {
                let reason = format!("\"{text}\" is not a choice of the field.");
                self.refuse(name, "unknown_choice", reason)
            }
        }
    }
}

/// Several values in one cell: set apart by semicolons, or else by line breaks or commas.
pub(super) fn split_list(text: &str) -> Vec<&str> {
    let separators: &[char] = if text.contains(';') { &[';'] } else { &[',', '\n'] };
    text.split(separators).map(str::trim).filter(|part| !part.is_empty()).collect()
}

pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "1" | "да" => Some(true),
        "false" | "no" | "0" | "нет" => Some(false),
        _ => None,
    }
}
