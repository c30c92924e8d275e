//! Custom fields: what a workspace adds to its deals and clients. A field's key and type never change
//! and a field is never deleted, so a value that was taken once stays readable.

mod values;

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    kernel::{
        fault::{Fault, Faults},
        limits,
        money::{Currency, Money, parse_amount},
    },
    workspace::catalogue::NAME_LENGTH,
};

pub use values::{Custom, Reference, change};

const LONGEST_TEXT: usize = 500;
const LONGEST_KEY: usize = limits::KEY;
const LONGEST_DESCRIPTION: usize = 2_000;
pub const MOST_CHOICES: usize = 500;
/// More fields on one thing than any form shows.
pub const MOST_FIELDS: usize = 200;
const NUMBER_LIMIT: i64 = 1_000_000_000_000_000;
const NUMBER_DECIMALS: u32 = 6;

/// What has custom fields.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Entity {
    Deal,
    Client,
}

impl Entity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Deal => "deal",
            Self::Client => "client",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FieldType {
    /// At most 500 characters.
    Text,
    /// A decimal number, as text: at most 15 digits before the point and 6 after it.
    Number,
    /// An amount with its currency.
    Money,
    /// A day.
    Date,
    Boolean,
    /// The key of one of the field's choices.
    Choice,
    /// Keys of some of the field's choices.
    MultiChoice,
    /// The id of a user.
    User,
    /// The id of a client.
    Client,
}

/// One value that a field of type choice or multi-choice can have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Name for programs; never changes.
    pub key: String,
    pub name: String,
    /// No longer offered; values that have it keep it.
    #[serde(default)]
    pub archived: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomField {
    pub id: Uuid,
    pub entity: Entity,
    pub key: String,
    pub name: String,
    pub field_type: FieldType,
    pub choices: Vec<Choice>,
    pub archived: bool,
}

/// A value as indexes keep it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub text: Option<String>,
    pub number: Option<Decimal>,
}

impl CustomField {
    pub fn choice(&self, key: &str) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.key == key)
    }

    /// The value in the form that is kept, or what is wrong with it. `old` is the value that it replaces.
    fn check(&self, pointer: &str, value: Json, old: Option<&Json>) -> Result<Json, Fault> {
        let wrong = |detail: &str| Fault::new(pointer, "invalid_value", detail);
        match (self.field_type, &value) {
            (FieldType::Text, Json::String(text)) => {
                let mut faults = Faults::default();
                faults.text(pointer, text, LONGEST_TEXT);
                match faults.into_inner().pop() {
                    None => Ok(Json::from(text.trim())),
                    Some(fault) => Err(fault),
                }
            }
            (FieldType::Text, _) => Err(wrong("A text.")),
            (FieldType::Number, _) => number(pointer, &value).map(|n| Json::from(n.to_string())),
            (FieldType::Money, _) => {
                money(pointer, &value).map(|money| serde_json::to_value(money).unwrap_or_default())
            }
            (FieldType::Date, _) => day(&value)
                .map(|day| Json::from(day.to_string()))
                .ok_or_else(|| wrong("A day such as 2026-11-21, between 1970 and 9999.")),
            (FieldType::Boolean, Json::Bool(_)) => Ok(value),
            (FieldType::Boolean, _) => Err(wrong("true or false.")),
            (FieldType::Choice, Json::String(key)) => {
                self.offered(pointer, key, old).map(|()| value)
            }
            (FieldType::MultiChoice, Json::Array(keys)) => {
                let mut kept: Vec<&str> = Vec::new();
                for (index, key) in keys.iter().enumerate() {
                    let pointer = format!("{pointer}/{index}");
                    let key = key.as_str();
                    let key =
                        key.ok_or_else(|| Fault::new(&*pointer, "invalid_value", "A key."))?;
                    self.offered(&pointer, key, old)?;
                    if !kept.contains(&key) {
                        kept.push(key);
                    }
                }
                // In the order of the choices, so that the same set is the same value.
                kept.sort_by_key(|key| self.choices.iter().position(|choice| choice.key == **key));
                Ok(Json::from(kept))
            }
            (FieldType::Choice, _) => Err(wrong("The key of a choice.")),
            (FieldType::MultiChoice, _) => Err(wrong("A list of keys of choices.")),
            (FieldType::User | FieldType::Client, _) => id(&value)
                .map(|id| Json::from(id.to_string()))
                .ok_or_else(|| wrong("An id (UUID).")),
        }
    }

    /// The choice is there and, unless the value has it already, not archived.
    fn offered(&self, pointer: &str, key: &str, old: Option<&Json>) -> Result<(), Fault> {
        let had = match old {
            Some(Json::Array(keys)) => keys.iter().any(|old| old == key),
            Some(old) => old == key,
            None => false,
        };
        match self.choice(key) {
            Some(choice) if had || !choice.archived => Ok(()),
            _ => {
                let offered = self.choices.iter().filter(|choice| !choice.archived);
                let keys: Vec<_> = offered.map(|choice| choice.key.as_str()).take(20).collect();
                let detail = format!("Not a choice of the field; it has {}.", keys.join(", "));
                Err(Fault::new(pointer, "unknown_choice", detail))
            }
        }
    }

    /// The value as indexes keep it.
    pub fn entries(&self, value: &Json) -> Vec<Entry> {
        let text = |text: &str| Entry { text: Some(text.to_owned()), number: None };
        match (self.field_type, value) {
            (FieldType::Number, _) => number("", value)
                .map(|n| Entry { text: None, number: Some(n) })
                .into_iter()
                .collect(),
            (FieldType::Money, _) => money("", value)
                .map(|money| Entry {
                    text: Some(money.currency.code().to_owned()),
                    number: Some(money.amount),
                })
                .into_iter()
                .collect(),
            (FieldType::Date, _) => day(value)
                .map(|day| Entry { text: None, number: Some(Decimal::from(day_number(day))) })
                .into_iter()
                .collect(),
            (_, Json::Bool(value)) => vec![text(if *value { "true" } else { "false" })],
            (_, Json::String(value)) => vec![text(value)],
            (_, Json::Array(values)) => values.iter().filter_map(Json::as_str).map(text).collect(),
            _ => Vec::new(),
        }
    }
}

/// Days since 1970-01-01.
pub fn day_number(day: NaiveDate) -> i64 {
    (day - NaiveDate::default()).num_days()
}

pub(crate) fn number(pointer: &str, value: &Json) -> Result<Decimal, Fault> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let number = Decimal::from_str_exact(&text).map(|number| number.normalize());
    match number {
        Ok(number)
            if number.abs() < Decimal::from(NUMBER_LIMIT) && number.scale() <= NUMBER_DECIMALS =>
        {
            Ok(number)
        }
        Ok(_) => {
            let detail = "At most 15 digits before the point and 6 after it.";
            Err(Fault::new(pointer, "out_of_range", detail))
        }
        Err(_) => Err(Fault::new(pointer, "invalid_value", "A decimal number such as \"12.5\".")),
    }
}

pub(crate) fn money(pointer: &str, value: &Json) -> Result<Money, Fault> {
    let whole = value.as_object().filter(|fields| fields.len() == 2);
    let parts = whole.and_then(|fields| {
        Some((fields.get("amount")?.as_str()?, fields.get("currency")?.as_str()?))
    });
    let Some((amount, currency)) = parts else {
        let detail =
            "An amount and a currency, such as {\"amount\":\"1999.95\",\"currency\":\"EUR\"}.";
        return Err(Fault::new(pointer, "invalid_value", detail));
    };
    let amount = parse_amount(&format!("{pointer}/amount"), amount)?;
    let currency = Currency::parse(currency).map_err(|error| {
        Fault::new(format!("{pointer}/currency"), "unknown_currency", error.to_string())
    })?;
    Ok(Money { amount, currency })
}

pub(crate) fn day(value: &Json) -> Option<NaiveDate> {
    let text = value.as_str().filter(|text| text.len() == 10)?;
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (1970..=9999).contains(&day.year()).then_some(day)
}

pub(crate) fn id(value: &Json) -> Option<Uuid> {
    value.as_str().and_then(|text| Uuid::parse_str(text).ok())
}

/// A definition as somebody gives it, checked.
pub fn define(field: CustomField, faults: &mut Faults) -> CustomField {
    if !is_key(&field.key) {
        let detail = "1 to 64 characters of a-z, 0-9 and _, beginning with a letter.";
        faults.add("/key", "invalid_key", detail);
    }
    faults.text("/name", &field.name, NAME_LENGTH);
    check_choices(field.field_type, &field.choices, faults);
    CustomField { name: field.name.trim().to_owned(), ..field }
}

/// The choices of a field after a change: those that were there stay, if archived.
pub fn rechoose(before: &CustomField, choices: Vec<Choice>, faults: &mut Faults) -> Vec<Choice> {
    check_choices(before.field_type, &choices, faults);
    for old in &before.choices {
        if !choices.iter().any(|choice| choice.key == old.key) {
            let detail = format!("The choice \"{}\" cannot be deleted; archive it.", old.key);
            faults.add("/choices", "choice_missing", detail);
        }
    }
    choices
}

pub fn check_description(description: Option<&String>, faults: &mut Faults) {
    if description.is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        let detail = format!("At most {LONGEST_DESCRIPTION} characters.");
        faults.add("/description", "too_long", detail);
    }
}

fn check_choices(field_type: FieldType, choices: &[Choice], faults: &mut Faults) {
    let chooses = matches!(field_type, FieldType::Choice | FieldType::MultiChoice);
    if chooses && choices.is_empty() {
        faults.add("/choices", "required", "The field needs at least one choice.");
    }
    if !chooses && !choices.is_empty() {
        faults.add(
            "/choices",
            "not_allowed",
            "Only fields of type choice and multi_choice have them.",
        );
    }
    if choices.len() > MOST_CHOICES {
        faults.add("/choices", "too_many", format!("At most {MOST_CHOICES} choices."));
        return;
    }
    for (index, choice) in choices.iter().enumerate() {
        let at = |field: &str| format!("/choices/{index}/{field}");
        if !is_key(&choice.key) {
            let detail = "1 to 64 characters of a-z, 0-9 and _, beginning with a letter.";
            faults.add(at("key"), "invalid_key", detail);
        }
        faults.text(&at("name"), &choice.name, NAME_LENGTH);
        if choices.iter().take(index).any(|other| other.key == choice.key) {
            faults.add(at("key"), "duplicate", "Another choice has this key.");
        }
    }
}

fn is_key(key: &str) -> bool {
    (1..=LONGEST_KEY).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && key.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn field(key: &str, field_type: FieldType) -> CustomField {
        let choice = |key: &str, archived| Choice { key: key.into(), name: key.into(), archived };
        CustomField {
            id: Uuid::nil(),
            entity: Entity::Deal,
            key: key.into(),
            name: key.into(),
            field_type,
            choices: vec![choice("a", false), choice("b", false), choice("old", true)],
            archived: key == "gone",
        }
    }

    fn changed(field_type: FieldType, value: Json) -> Result<Json, (String, &'static str)> {
        let fields = [field("f", field_type)];
        match change(&fields, &Custom::default(), BTreeMap::from([("f".into(), value)])) {
            Ok((custom, _)) => Ok(custom.get("f").cloned().unwrap_or(Json::Null)),
            Err(faults) => Err((faults[0].pointer.clone(), faults[0].code)),
        }
    }

    #[test]
    fn values_are_taken_in_one_form_or_refused_with_a_pointer() {
        use FieldType as T;
        let money = json!({ "amount": "5", "currency": "EUR" });
        for (field_type, value, kept) in [
            (T::Text, json!(" a "), json!("a")),
            (T::Number, json!("12.50"), json!("12.5")),
            (T::Number, json!(12.5), json!("12.5")),
            (T::Number, json!(-3), json!("-3")),
            (T::Money, money, json!({ "amount": "5.00", "currency": "EUR" })),
            (T::Date, json!("2024-02-29"), json!("2024-02-29")),
            (T::Boolean, json!(false), json!(false)),
            (T::Choice, json!("b"), json!("b")),
            (T::MultiChoice, json!(["b", "a", "b"]), json!(["a", "b"])),
            (T::MultiChoice, json!([]), Json::Null),
        ] {
            assert_eq!(changed(field_type, value.clone()), Ok(kept), "{value}");
        }
        for (field_type, value, pointer, code) in [
            (T::Text, json!(""), "/custom/f", "required"),
            (T::Text, json!(1), "/custom/f", "invalid_value"),
            (T::Text, json!("x".repeat(501)), "/custom/f", "too_long"),
            (T::Number, json!("1e3"), "/custom/f", "invalid_value"),
            (T::Number, json!("1000000000000000"), "/custom/f", "out_of_range"),
            (T::Number, json!("0.1234567"), "/custom/f", "out_of_range"),
            (T::Number, json!(true), "/custom/f", "invalid_value"),
            (T::Money, json!("5"), "/custom/f", "invalid_value"),
            (
                T::Money,
                json!({"amount": "5", "currency": "EURO"}),
                "/custom/f/currency",
                "unknown_currency",
            ),
            (
                T::Money,
                json!({"amount": "-5", "currency": "EUR"}),
                "/custom/f/amount",
                "negative_amount",
            ),
            (T::Date, json!("2023-02-29"), "/custom/f", "invalid_value"),
            (T::Date, json!("1969-12-31"), "/custom/f", "invalid_value"),
            (T::Boolean, json!("true"), "/custom/f", "invalid_value"),
            (T::Choice, json!("c"), "/custom/f", "unknown_choice"),
            (T::Choice, json!("old"), "/custom/f", "unknown_choice"),
            (T::MultiChoice, json!(["a", 1]), "/custom/f/1", "invalid_value"),
            (T::MultiChoice, json!("a"), "/custom/f", "invalid_value"),
            (T::User, json!("me"), "/custom/f", "invalid_value"),
        ] {
            assert_eq!(changed(field_type, value.clone()), Err((pointer.into(), code)), "{value}");
        }
    }

    #[test]
    fn archived_choices_and_fields_keep_what_is_there() {
        let fields = [field("f", FieldType::Choice), field("gone", FieldType::Text)];
        let mut current = Custom::default();
        current.insert("f".into(), json!("old"));
        current.insert("gone".into(), json!("x"));
        let patch = |key: &str, value| BTreeMap::from([(key.to_owned(), value)]);
        assert!(change(&fields, &current, patch("f", json!("old"))).is_ok());
        let (cleared, _) = change(&fields, &current, patch("gone", Json::Null)).unwrap();
        assert_eq!(cleared.get("gone"), None);
        let faults = change(&fields, &current, patch("gone", json!("y"))).unwrap_err();
        assert_eq!(faults[0].code, "field_archived");
        let faults = change(&fields, &current, patch("a/b", json!("y"))).unwrap_err();
        assert_eq!((faults[0].pointer.as_str(), faults[0].code), ("/custom/a~1b", "unknown_field"));
    }

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(day_number("1970-01-02".parse().unwrap()), 1);
        let entry = field("f", FieldType::Date).entries(&json!("2024-02-29"));
        assert_eq!(entry[0].number, Some(Decimal::from(19_782)));
    }
}
