//! From JSON to a condition, with a pointer to whatever is wrong.

use chrono::Datelike;
use serde_json::{Map, Value as Json};

use super::{Check, Comparison, Field, Operand, Schema, Test, Tree, ValueKind, fold};
use crate::{
    kernel::fault::{Faults, escaped},
    workspace::custom_field,
};

const DEEPEST: usize = 10;
const MOST_TESTS: usize = 100;
const MOST_VALUES: usize = 200;
const LONGEST_TEXT: usize = 500;
const MOST_DAYS: i64 = 36_500;

pub(super) struct Reader<'a, 'f> {
    schema: &'a Schema<'a>,
    faults: &'f mut Faults,
    tests: usize,
}

impl<'a, 'f> Reader<'a, 'f> {
    pub fn new(schema: &'a Schema<'a>, faults: &'f mut Faults) -> Self {
        Self { schema, faults, tests: 0 }
    }

    pub fn tree(&mut self, pointer: &str, json: &Json, depth: usize) -> Option<Tree> {
        if depth > DEEPEST {
            self.faults.add(pointer, "too_deep", format!("At most {DEEPEST} levels."));
            return None;
        }
        let Some(fields) = json.as_object() else {
            self.faults.add(pointer, "invalid_condition", FORM);
            return None;
        };
        let only = fields.iter().next().filter(|_| fields.len() == 1);
        match only.map(|(name, value)| (name.as_str(), value)) {
            Some(("all", parts)) => {
                self.list(&format!("{pointer}/all"), parts, depth).map(Tree::All)
            }
            Some(("any", parts)) => {
                self.list(&format!("{pointer}/any"), parts, depth).map(Tree::Any)
            }
            Some(("not", part)) => {
                let part = self.tree(&format!("{pointer}/not"), part, depth.saturating_add(1));
                part.map(|part| Tree::Not(Box::new(part)))
            }
            _ => self.test(pointer, fields),
        }
    }

    fn list(&mut self, pointer: &str, parts: &Json, depth: usize) -> Option<Vec<Tree>> {
        let parts = parts.as_array().filter(|parts| !parts.is_empty());
        let Some(parts) = parts else {
            self.faults.add(pointer, "invalid_condition", "A list of at least one condition.");
            return None;
        };
        let mut trees = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            if self.tests > MOST_TESTS {
                return None;
            }
            trees.extend(self.tree(&format!("{pointer}/{index}"), part, depth.saturating_add(1)));
        }
        (trees.len() == parts.len()).then_some(trees)
    }

    fn test(&mut self, pointer: &str, fields: &Map<String, Json>) -> Option<Tree> {
        self.tests = self.tests.saturating_add(1);
        if self.tests > MOST_TESTS {
            self.faults.add(pointer, "too_many", format!("At most {MOST_TESTS} tests."));
            return None;
        }
        for name in fields.keys() {
            if !["field", "op", "value"].contains(&name.as_str()) {
                let name = escaped(name);
                self.faults.add(format!("{pointer}/{name}"), "unknown_field", FORM);
            }
        }
        let text = |name: &str| fields.get(name).and_then(Json::as_str);
        let (Some(name), Some(op)) = (text("field"), text("op")) else {
            self.faults.add(pointer, "invalid_condition", FORM);
            return None;
        };
        let field = self.field(pointer, name)?;
        self.check(pointer, field, op, fields.get("value"))
    }

    /// A filter of a query string: its value is a text, several are separated by commas.
    pub fn parameter(&mut self, name: &str, op: &str, value: &str) -> Option<Tree> {
        let field = self.field("", name)?;
        let (op, value) = match (op, value) {
            ("eq", "null") => return self.check("", field, "empty", None),
            ("empty", "true") | ("filled", "false") => return self.check("", field, "empty", None),
            ("filled", "true") | ("empty", "false") => {
                return self.check("", field, "filled", None);
            }
            ("empty" | "filled", _) => {
                self.faults.add("/value", "invalid_value", "Not true or false.");
                return None;
            }
            ("eq", _) if field.kind == ValueKind::Texts => ("has_any", value),
            ("eq", _)
                if value.contains(',') && matches!(field.kind, ValueKind::Text | ValueKind::Id) =>
            {
                ("in", value)
            }
            given => given,
        };
        let parse = |text: &str| match field.kind {
            ValueKind::Bool => match text {
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                _ => Json::from(text),
            },
            ValueKind::Money => {
                let (amount, currency) = text.split_once(' ').unwrap_or((text, ""));
                serde_json::json!({ "amount": amount, "currency": currency })
            }
            _ => Json::from(text),
        };
        let json = match op {
            "in" | "not_in" | "between" | "has_any" | "has_all" => {
                value.split(',').map(parse).collect()
            }
            _ => parse(value),
        };
        self.check("", field, op, Some(&json))
    }

    fn field(&mut self, pointer: &str, name: &str) -> Option<Field> {
        let field = self.schema.field(name);
        if field.is_none() {
            let detail = format!("The fields are {}.", self.schema.names().join(", "));
            self.faults.add(format!("{pointer}/field"), "unknown_field", detail);
        }
        field
    }

    fn check(
        &mut self,
        pointer: &str,
        field: Field,
        op: &str,
        value: Option<&Json>,
    ) -> Option<Tree> {
        let known = operators(field.kind);
        if !known.contains(&op) {
            let detail = format!("The operators of {field} are {}.", known.join(", "));
            self.faults.add(format!("{pointer}/op"), "unknown_operator", detail);
            return None;
        }
        let at = format!("{pointer}/value");
        let kind = field.kind;
        let test = |check| Tree::Test(Test { field: field.clone(), check });
        let not = |tree| Tree::Not(Box::new(tree));
        if matches!(op, "empty" | "filled") {
            if value.is_some_and(|value| !value.is_null()) {
                self.faults.add(at, "not_allowed", "The operator takes no value.");
                return None;
            }
            let empty = test(Check::Empty);
            return Some(if op == "empty" { empty } else { not(empty) });
        }
        let Some(value) = value.filter(|value| !value.is_null()) else {
            self.faults.add(at, "required", "The operator needs a value; for none there is empty.");
            return None;
        };
        let compare = |comparison, operand| {
            Tree::Test(Test { field: field.clone(), check: Check::Compare(comparison, operand) })
        };
        Some(match op {
            "eq" => compare(Comparison::Equal, self.operand(&at, kind, value)?),
            "ne" => not(compare(Comparison::Equal, self.operand(&at, kind, value)?)),
            "gt" => compare(Comparison::Greater, self.operand(&at, kind, value)?),
            "gte" => compare(Comparison::GreaterOrEqual, self.operand(&at, kind, value)?),
            "lt" => compare(Comparison::Less, self.operand(&at, kind, value)?),
            "lte" => compare(Comparison::LessOrEqual, self.operand(&at, kind, value)?),
            "between" => {
                let mut ends = self.operands(&at, kind, value)?;
                let (Some(last), Some(first), true) = (ends.pop(), ends.pop(), ends.is_empty())
                else {
                    self.faults.add(at, "invalid_value", "Two values: the first and the last.");
                    return None;
                };
                Tree::All(vec![
                    compare(Comparison::GreaterOrEqual, first),
                    compare(Comparison::LessOrEqual, last),
                ])
            }
            "in" => test(Check::OneOf(self.operands(&at, kind, value)?)),
            "not_in" => not(test(Check::OneOf(self.operands(&at, kind, value)?))),
            "contains" => test(Check::Contains(fold(&self.text(&at, value)?))),
            "starts_with" => test(Check::StartsWith(fold(&self.text(&at, value)?))),
            "has" => test(Check::HasAny(vec![self.text(&at, value)?])),
            "has_any" => test(Check::HasAny(self.texts(&at, value)?)),
            _ => test(Check::HasAll(self.texts(&at, value)?)),
        })
    }

    fn text(&mut self, pointer: &str, value: &Json) -> Option<String> {
        match self.operand(pointer, ValueKind::Text, value)? {
            Operand::Text(text) => Some(text),
            _ => None,
        }
    }

    fn texts(&mut self, pointer: &str, value: &Json) -> Option<Vec<String>> {
        let operands = self.operands(pointer, ValueKind::Text, value)?;
        let texts = operands.into_iter().map(|operand| match operand {
            Operand::Text(text) => Some(text),
            _ => None,
        });
        texts.collect()
    }

    fn operands(&mut self, pointer: &str, kind: ValueKind, value: &Json) -> Option<Vec<Operand>> {
        let values = value.as_array().filter(|values| (1..=MOST_VALUES).contains(&values.len()));
        let Some(values) = values else {
            let detail = format!("A list of 1 to {MOST_VALUES} values.");
            self.faults.add(pointer, "invalid_value", detail);
            return None;
        };
        let operands: Vec<_> = values
            .iter()
            .enumerate()
            .filter_map(|(index, value)| self.operand(&format!("{pointer}/{index}"), kind, value))
            .collect();
        (operands.len() == values.len()).then_some(operands)
    }

    fn operand(&mut self, pointer: &str, kind: ValueKind, value: &Json) -> Option<Operand> {
        let text = value.as_str();
        let (operand, wanted) = match kind {
            ValueKind::Text | ValueKind::Texts => {
                let fits =
                    |text: &&str| text.chars().count() <= LONGEST_TEXT && !text.contains('\0');
                let text = text.filter(fits).map(|text| Operand::Text(text.to_owned()));
                (text, format!("a text of at most {LONGEST_TEXT} characters"))
            }
            ValueKind::Word(words) => {
                let word = text.filter(|text| words.contains(text));
                (
                    word.map(|word| Operand::Text(word.to_owned())),
                    format!("one of {}", words.join(", ")),
                )
            }
            ValueKind::Id => (custom_field::id(value).map(Operand::Id), "an id (UUID)".into()),
            ValueKind::Number => {
                let number = custom_field::number(pointer, value).ok().map(Operand::Number);
                (number, "a decimal number as text, such as \"12.5\"".into())
            }
            ValueKind::Money => {
                let money = custom_field::money(pointer, value).ok().map(Operand::Money);
                (money, "money such as {\"amount\":\"1999.95\",\"currency\":\"EUR\"}".into())
            }
            ValueKind::Bool => (value.as_bool().map(Operand::Bool), "true or false".into()),
            ValueKind::Date => {
                (day(value), "a day such as 2026-11-21, or {\"days\":-30} from today".into())
            }
            ValueKind::Instant => {
                let detail =
                    "an instant such as 2026-11-21T10:00:00Z, a day, or {\"days\":-30} from today";
                (day(value).or_else(|| instant(value)), detail.into())
            }
        };
        if operand.is_none() {
            self.faults.add(pointer, "invalid_value", format!("Not {wanted}."));
        }
        operand
    }
}

const FORM: &str = "{\"all\":[...]}, {\"any\":[...]}, {\"not\":...} or {\"field\":..., \"op\":..., \"value\":...}.";

fn day(value: &Json) -> Option<Operand> {
    if let Some(day) = custom_field::day(value) {
        return Some(Operand::Day(day));
    }
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    let days = fields.get("days")?.as_i64().filter(|days| days.abs() <= MOST_DAYS)?;
    i32::try_from(days).ok().map(Operand::DaysFromToday)
}

fn instant(value: &Json) -> Option<Operand> {
    let instant = crate::kernel::instant::read(value.as_str()?)?;
    (1970..=9999).contains(&instant.year()).then_some(Operand::Instant(instant))
}

fn operators(kind: ValueKind) -> &'static [&'static str] {
    match kind {
        ValueKind::Text => {
            &["eq", "ne", "in", "not_in", "contains", "starts_with", "empty", "filled"]
        }
        ValueKind::Word(_) | ValueKind::Id => &["eq", "ne", "in", "not_in", "empty", "filled"],
        ValueKind::Number | ValueKind::Date | ValueKind::Instant | ValueKind::Money => {
            &["eq", "ne", "gt", "gte", "lt", "lte", "between", "empty", "filled"]
        }
        ValueKind::Bool => &["eq", "ne", "empty", "filled"],
        ValueKind::Texts => &["has", "has_any", "has_all", "empty", "filled"],
    }
}
