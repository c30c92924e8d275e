//! SQL that is put together at run time and still prepared once: diesel keeps a prepared statement by
//! its text, which it does not do for `sql_query`.

use std::{
    borrow::Cow,
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{LazyLock, PoisonError, RwLock},
};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    Expression, PgConnection, QueryResult, RunQueryDsl,
    expression::{ValidGrouping, is_aggregate},
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{
        Array, BigInt, Bool, Bytea, Date, Double, Integer, Json, Jsonb, Numeric, SmallInt, Text,
        Timestamptz, Uuid as SqlUuid,
    },
};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::JsonText;

/// A value of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Bind {
    Uuid(Uuid),
    Text(String),
    SmallInt(i16),
    Integer(i32),
    BigInt(i64),
    Bool(bool),
    Double(f64),
    Decimal(Decimal),
    Instant(DateTime<Utc>),
    Date(NaiveDate),
    Bytes(Vec<u8>),
    Json(serde_json::Value),
    Uuids(Vec<Uuid>),
    Texts(Vec<String>),
    Integers(Vec<i32>),
    BigInts(Vec<i64>),
    SmallInts(Vec<i16>),
    Doubles(Vec<f64>),
    Instants(Vec<DateTime<Utc>>),
    Jsons(Vec<JsonText>),
    ByteStrings(Vec<Vec<u8>>),
}

macro_rules! bind_from {
    ($($type:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$type> for Bind {
            fn from(value: $type) -> Self { Self::$variant(value) }
        })+
    };
}
bind_from! {
    Uuid => Uuid, String => Text, i16 => SmallInt, i32 => Integer, i64 => BigInt, bool => Bool, f64 => Double, Vec<f64> => Doubles,
    Decimal => Decimal, DateTime<Utc> => Instant, NaiveDate => Date, Vec<u8> => Bytes,
    serde_json::Value => Json, Vec<Uuid> => Uuids, Vec<String> => Texts, Vec<i32> => Integers,
    Vec<i64> => BigInts, Vec<i16> => SmallInts, Vec<DateTime<Utc>> => Instants, Vec<JsonText> => Jsons,
    Vec<Vec<u8>> => ByteStrings,
}
impl From<&str> for Bind {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Sql(Cow<'static, str>),
    Bind(Bind),
    /// The text is one of too many to be prepared for good.
    Unkept,
}

/// `SELECT` of some columns, then SQL and values in turn.
#[derive(Debug, Clone)]
pub struct Statement<S> {
    head: &'static str,
    selection: S,
    tail: Vec<Piece>,
}

impl<S> Statement<S> {
    pub(crate) fn select(selection: S) -> Self {
        Self { head: "SELECT ", selection, tail: Vec::new() }
    }

    /// A statement that begins with a `WITH`: the selection only says what its rows are.
    pub(crate) fn with(head: &'static str, selection: S) -> Self {
        Self { head, selection, tail: Vec::new() }
    }

    pub fn sql(mut self, sql: impl Into<Cow<'static, str>>) -> Self {
        self.tail.push(Piece::Sql(sql.into()));
        self
    }

    pub fn bind(mut self, value: impl Into<Bind>) -> Self {
        self.tail.push(Piece::Bind(value.into()));
        self
    }

    /// Of a shape that callers choose, by filters and sorts: it is prepared for good while there are few such shapes.
    pub(crate) fn of_some_shape(self) -> Self {
        let mut hasher = DefaultHasher::new();
        for piece in &self.tail {
            if let Piece::Sql(sql) = piece {
                sql.hash(&mut hasher);
            }
        }
        if SHAPES.admits(hasher.finish()) { self } else { self.unkept() }
    }

    /// Of a shape of its own: it is not prepared for good.
    pub(crate) fn unkept(mut self) -> Self {
        self.tail.push(Piece::Unkept);
        self
    }

    pub(crate) fn append(mut self, pieces: impl IntoIterator<Item = Piece>) -> Self {
        self.tail.extend(pieces);
        self
    }
}

/// Shapes that are prepared for good: a connection keeps each of them as long as it lives.
struct Shapes(RwLock<HashSet<u64>>);

const MOST_SHAPES: usize = 1_000;
static SHAPES: LazyLock<Shapes> = LazyLock::new(|| Shapes(RwLock::default()));

impl Shapes {
    /// It is one of the first.
    fn admits(&self, shape: u64) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&shape) || known.len() >= MOST_SHAPES {
            return known.contains(&shape);
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_SHAPES {
            known.insert(shape);
        }
        known.contains(&shape)
    }
}

impl Statement<Raw<()>> {
    /// A statement that answers no rows.
    pub(crate) fn command(sql: &'static str) -> Self {
        Self { head: "", selection: Raw::new(sql), tail: Vec::new() }
    }

    /// A part of other statements.
    pub(crate) fn part() -> Self {
        Self::command("")
    }

    pub(crate) fn into_pieces(self) -> Vec<Piece> {
        self.tail
    }
}

/// Selected expressions as text, with the SQL types that the text promises.
#[derive(Debug, Clone)]
pub struct Raw<ST> {
    sql: Cow<'static, str>,
    types: std::marker::PhantomData<ST>,
}

impl<ST> Raw<ST> {
    pub fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self { sql: sql.into(), types: std::marker::PhantomData }
    }
}

impl<ST> QueryFragment<Pg> for Raw<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(&self.sql);
        Ok(())
    }
}

impl<ST: diesel::expression::TypedExpressionType> Expression for Raw<ST> {
    type SqlType = ST;
}

impl<ST> ValidGrouping<()> for Raw<ST> {
    type IsAggregate = is_aggregate::Never;
}

impl<ST> QueryId for Raw<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S: QueryFragment<Pg>> QueryFragment<Pg> for Statement<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.head);
        self.selection.walk_ast(out.reborrow())?;
        for piece in &self.tail {
            match piece {
                Piece::Sql(sql) => out.push_sql(sql),
                Piece::Bind(bind) => push(bind, &mut out)?,
                Piece::Unkept => out.unsafe_to_cache_prepared(),
            }
        }
        Ok(())
    }
}

fn push<'b>(bind: &'b Bind, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    match bind {
        Bind::Uuid(value) => out.push_bind_param::<SqlUuid, _>(value),
        Bind::Text(value) => out.push_bind_param::<Text, _>(value),
        Bind::SmallInt(value) => out.push_bind_param::<SmallInt, _>(value),
        Bind::Integer(value) => out.push_bind_param::<Integer, _>(value),
        Bind::BigInt(value) => out.push_bind_param::<BigInt, _>(value),
        Bind::Bool(value) => out.push_bind_param::<Bool, _>(value),
        Bind::Double(value) => out.push_bind_param::<Double, _>(value),
        Bind::Decimal(value) => out.push_bind_param::<Numeric, _>(value),
        Bind::Instant(value) => out.push_bind_param::<Timestamptz, _>(value),
        Bind::Date(value) => out.push_bind_param::<Date, _>(value),
        Bind::Bytes(value) => out.push_bind_param::<Bytea, _>(value),
        Bind::Json(value) => out.push_bind_param::<Jsonb, _>(value),
        Bind::Uuids(value) => out.push_bind_param::<Array<SqlUuid>, _>(value),
        Bind::Texts(value) => out.push_bind_param::<Array<Text>, _>(value),
        Bind::Integers(value) => out.push_bind_param::<Array<Integer>, _>(value),
        Bind::BigInts(value) => out.push_bind_param::<Array<BigInt>, _>(value),
        Bind::SmallInts(value) => out.push_bind_param::<Array<SmallInt>, _>(value),
        Bind::Doubles(value) => out.push_bind_param::<Array<Double>, _>(value),
        Bind::Instants(value) => out.push_bind_param::<Array<Timestamptz>, _>(value),
        Bind::Jsons(value) => out.push_bind_param::<Array<Json>, _>(value),
        Bind::ByteStrings(value) => out.push_bind_param::<Array<Bytea>, _>(value),
    }
}

impl<S> QueryId for Statement<S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S: Expression> Query for Statement<S> {
    type SqlType = S::SqlType;
}

impl<S> RunQueryDsl<PgConnection> for Statement<S> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_so_many_and_no_more() {
        let shapes = Shapes(RwLock::default());
        let many = u64::try_from(MOST_SHAPES).unwrap() + 10;
        let admitted: Vec<u64> = (0..many).filter(|shape| shapes.admits(*shape)).collect();
        assert_eq!(admitted.len(), MOST_SHAPES);
        assert!(admitted.iter().all(|shape| shapes.admits(*shape)) && !shapes.admits(many - 1));
    }
}
