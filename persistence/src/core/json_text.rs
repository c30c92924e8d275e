//! JSON that is kept as it was written, and handed on without another look at it.

use std::io::Write;

use diesel::{
    deserialize::{FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    serialize::{IsNull, Output, ToSql},
    sql_types::Json,
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::{Error, Result};

/// A JSON value as text.
#[derive(Debug, Clone, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Json)]
#[serde(transparent)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    pub fn of(value: &impl Serialize) -> Result<Self> {
        to_raw_value(value).map(Self).map_err(|error| Error::Internal(error.to_string()))
    }
}

impl JsonText {
    /// The same object without a field.
    pub fn without(&self, field: &str) -> Result<Self> {
        let mut object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(self.0.get())
                .map_err(|error| Error::Internal(error.to_string()))?;
        object.remove(field);
        Self::of(&object)
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl ToSql<Json, Pg> for JsonText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
        out.write_all(self.0.get().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Json, Pg> for JsonText {
    fn from_sql(value: PgValue<'_>) -> diesel::deserialize::Result<Self> {
        Ok(Self(serde_json::from_slice(value.as_bytes())?))
    }
}
