//! Conditions: one small JSON language for gates, searches and segments.
//!
//! `{"all":[...]}`, `{"any":[...]}`, `{"not":...}` and tests such as
//! `{"field":"deal.amount","op":"gte","value":"100000"}`. A condition is read once against the fields
//! that there are, and then means the same in memory and as SQL: every test is true or false. A test of a
//! value that is missing is false, but for `empty`; `ne` and `not_in` are the negations of `eq` and
//! `in`, and so true of a missing value.

mod check;
mod field;
mod read;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

pub use check::{Check, Comparison, Operand};
pub use field::{ActivityField, BUILT_IN, BuiltIn, Field, Name, Schema, ValueKind};

use crate::{
    kernel::fault::{Fault, Faults},
    people::access::Permission,
    workspace::{custom_field::Entity, settings::Settings},
};

/// A text without regard to case, as comparisons that ignore it see it. At the end of a word a capital sigma has
/// another small letter than within: parts of words are looked for, so both are one.
pub fn fold(text: &str) -> String {
    text.to_lowercase().replace('ς', "σ")
}

/// When and where a condition is looked at: what its days are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub now: DateTime<Utc>,
    pub settings: Settings,
}

impl Moment {
    /// The day that lies so many days after today, in the workspace's zone.
    pub fn day_after(&self, days: i32) -> NaiveDate {
        let today = self.settings.day(self.now);
        today.checked_add_signed(TimeDelta::days(i64::from(days))).unwrap_or(today)
    }
}

/// One test of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    pub field: Field,
    pub check: Check,
}

/// A condition as it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
    Test(Test),
}

impl Tree {
    /// Whether some test looks at a thing of this kind.
    pub fn looks_at(&self, entity: Entity) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.looks_at(entity)),
            Self::Not(part) => part.looks_at(entity),
            Self::Test(test) => test.field.entity == entity,
        }
    }

    /// Whether some test looks at the activities of a thing of this kind.
    pub fn looks_at_activities(&self, entity: Entity) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().any(|part| part.looks_at_activities(entity))
            }
            Self::Not(part) => part.looks_at_activities(entity),
            Self::Test(test) => test.field.entity == entity && test.field.activity().is_some(),
        }
    }

    /// What somebody who is told of which deals or clients it holds has to be allowed to read: he learns of it.
    pub fn needs(&self, over: Entity) -> impl Iterator<Item = Permission> {
        let of_client = over == Entity::Client || self.looks_at(Entity::Client);
        let of_activities =
            self.looks_at_activities(Entity::Deal) || self.looks_at_activities(Entity::Client);
        [
            (over == Entity::Deal, Permission::DealsRead),
            (of_client, Permission::ClientsRead),
            (of_activities, Permission::ActivitiesRead),
        ]
        .into_iter()
        .filter_map(|(looked, permission)| looked.then_some(permission))
    }

    /// Whether it may hold tomorrow though nothing happens: some test compares with a day from today.
    pub fn turns_with_the_day(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::turns_with_the_day),
            Self::Not(part) => part.turns_with_the_day(),
            Self::Test(Test { check, .. }) => match check {
                Check::Compare(_, operand) => matches!(operand, Operand::DaysFromToday(_)),
                Check::OneOf(operands) => {
                    operands.iter().any(|operand| matches!(operand, Operand::DaysFromToday(_)))
                }
                _ => false,
            },
        }
    }

    /// The names of the fields that are looked at, in order.
    pub fn fields(&self) -> Vec<String> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::fields).collect(),
            Self::Not(part) => part.fields(),
            Self::Test(test) => vec![test.field.to_string()],
        }
    }
}

/// A condition that fits the fields of its workspace: the JSON that it came from, and what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    json: Json,
    tree: Tree,
}

impl Condition {
    /// Reads a condition. Every fault is listed, with a pointer that begins with `pointer`.
    pub fn read(pointer: &str, json: &Json, schema: &Schema<'_>) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let tree = read::Reader::new(schema, &mut faults).tree(pointer, json, 0);
        match tree {
            Some(tree) if faults.is_empty() => Ok(Self { json: json.clone(), tree }),
            _ => Err(faults.into_inner()),
        }
    }

    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    pub fn json(&self) -> &Json {
        &self.json
    }
}

/// One test, its value a text as it stands in a query string. Faults point at `pointer`.
pub fn read_parameter(
    pointer: &str,
    field: &str,
    op: &str,
    value: &str,
    schema: &Schema<'_>,
) -> Result<Tree, Fault> {
    let mut faults = Faults::default();
    let test = read::Reader::new(schema, &mut faults).parameter(field, op, value);
    let fault = faults.into_inner().into_iter().next();
    match (test, fault) {
        (Some(tree), None) => Ok(tree),
        (_, fault) => {
            let detail = fault.map_or_else(|| "Not a filter.".to_owned(), |fault| fault.detail);
            Err(Fault::new(pointer, "invalid_parameter", detail))
        }
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}
