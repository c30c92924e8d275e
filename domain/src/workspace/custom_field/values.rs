//! Values of custom fields, as a deal or a client has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{CustomField, FieldType, id};
use crate::kernel::fault::{Fault, escaped};

/// Values by the keys of their fields, each as it stands in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Custom(BTreeMap<String, Json>);

impl Custom {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.get(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Json)> {
        self.0.iter()
    }

    /// Sets a value; null clears it.
    pub fn set(&mut self, key: &str, value: Json) {
        if value.is_null() {
            self.0.remove(key);
        } else {
            self.0.insert(key.to_owned(), value);
        }
    }

    pub fn insert(&mut self, key: String, value: Json) {
        self.0.insert(key, value);
    }

    /// These values where there are such, and else those of another: of two that become one.
    pub fn or(mut self, other: Self) -> Self {
        for (key, value) in other.0 {
            self.0.entry(key).or_insert(value);
        }
        self
    }
}

/// A user or client that a value names, and that has to be in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub pointer: String,
    pub to_user: bool,
    pub id: Uuid,
}

/// Changes values: null clears one, absent fields keep theirs. Every fault is listed, by the pointers
/// `/custom/<key>`.
pub fn change(
    fields: &[CustomField],
    current: &Custom,
    patch: BTreeMap<String, Json>,
) -> Result<(Custom, Vec<Reference>), Vec<Fault>> {
    let (mut faults, mut references) = (Vec::new(), Vec::new());
    let mut values = current.clone();
    for (key, value) in patch {
        let pointer = format!("/custom/{}", escaped(&key));
        let Some(field) = fields.iter().find(|field| field.key == key) else {
            faults.push(Fault::new(pointer, "unknown_field", "There is no such custom field."));
            continue;
        };
        if value.is_null() {
            values.0.remove(&key);
            continue;
        }
        if field.archived {
            let detail = "The custom field is archived: its values can only be cleared.";
            faults.push(Fault::new(pointer, "field_archived", detail));
            continue;
        }
        match field.check(&pointer, value, current.get(&key)) {
            Err(fault) => faults.push(fault),
            // A multiple choice of nothing is no value.
            Ok(Json::Array(keys)) if keys.is_empty() => {
                values.0.remove(&key);
            }
            Ok(value) => {
                let to_user = field.field_type == FieldType::User;
                if let Some(id) =
                    id(&value).filter(|_| to_user || field.field_type == FieldType::Client)
                    && current.get(&key) != Some(&value)
                {
                    references.push(Reference { pointer, to_user, id });
                }
                values.0.insert(key, value);
            }
        }
    }
    if faults.is_empty() { Ok((values, references)) } else { Err(faults) }
}
