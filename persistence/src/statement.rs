//! SQL that is put together at run time and still prepared once: diesel keeps a prepared statement by
//! its text, which it does not do for `sql_query`.

use std::borrow::Cow;

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

    pub(crate) fn append(mut self, pieces: impl IntoIterator<Item = Piece>) -> Self {
        self.tail.extend(pieces);
        self
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
