//! Numbers in queries that mean something where they are not given, which the specification tells.

use serde_json::json;
use utoipa::{
    PartialSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, SchemaFormat,
        schema::{Schema, Type},
    },
};
use voronka_domain::clients::duplicate::CANDIDATE;
use voronka_persistence::core::list::{DEFAULT_LIMIT, MOST};

fn of_format(kind: Type, format: KnownFormat) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind).format(Some(SchemaFormat::KnownFormat(format)))
}

/// How many there are in an answer.
#[derive(Debug, Clone, Copy)]
pub struct Limit<const DEFAULT: i64 = DEFAULT_LIMIT>;

impl Limit {
    pub fn read(text: &str) -> Option<i64> {
        text.parse().ok().filter(|limit| (1..=MOST).contains(limit))
    }
}

impl<const DEFAULT: i64> PartialSchema for Limit<DEFAULT> {
    fn schema() -> RefOr<Schema> {
        let limit = of_format(Type::Integer, KnownFormat::Int64);
        limit.minimum(Some(1)).maximum(Some(MOST)).default(Some(json!(DEFAULT))).into()
    }
}

/// Where an answer begins in the feed of events.
#[derive(Debug, Clone, Copy)]
pub struct Position;

impl PartialSchema for Position {
    fn schema() -> RefOr<Schema> {
        let position = of_format(Type::Integer, KnownFormat::Int64);
        position.minimum(Some(0)).default(Some(json!(0))).into()
    }
}

/// From which likeness on two clients are shown.
#[derive(Debug, Clone, Copy)]
pub struct Likeness;

impl PartialSchema for Likeness {
    fn schema() -> RefOr<Schema> {
        let score = of_format(Type::Number, KnownFormat::Double);
        score.minimum(Some(0)).maximum(Some(1)).default(Some(json!(CANDIDATE))).into()
    }
}
