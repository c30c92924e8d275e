//! The domain's words as the database keeps them: the same as in JSON.

use serde::{
    Serialize,
    de::{DeserializeOwned, IntoDeserializer, value::Error},
};
use serde_json::Value;

/// `Role::Head` becomes `head`.
pub fn to_name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

pub fn from_name<T: DeserializeOwned>(word: &str) -> Option<T> {
    T::deserialize(IntoDeserializer::<Error>::into_deserializer(word)).ok()
}
