//! Rows as lists of columns and values, for SQL that diesel cannot put together, or not so that it stays
//! prepared: its own `UPDATE`s and `INSERT`s of optional values are prepared anew each time.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, QueryFragment},
    serialize::ToSql,
    sql_types::{
        Array, BigInt, Binary, Bool, Date, HasSqlType, Integer, Json, Jsonb, Nullable, Numeric,
        SmallInt, Text, Timestamptz, Uuid as SqlUuid,
    },
};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::JsonText;

/// Some columns of a row, which are written together or not at all.
pub(crate) trait Part<R> {
    const NAMES: &'static str;

    /// The values in the order of the names.
    fn values<'b>(row: &'b R, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;

    /// The same of several rows.
    fn turned(rows: &[&R]) -> Turned;
}

/// A row that names its columns.
pub(crate) trait Columns {
    const NAMES: &'static str;

    /// The values in the order of the names.
    fn values<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;

    /// The same of several rows.
    fn turned(rows: &[&Self]) -> Turned;
}

/// Several rows, column by column: what stands for a value is `($1)[i]`, that of the i-th row. So a statement is the
/// same for any number of rows, and stays prepared.
pub(crate) struct Turned(pub Vec<Column>);

pub(crate) type Column = Box<dyn QueryFragment<Pg>>;

impl QueryFragment<Pg> for Turned {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for (index, column) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "" } else { ", " });
            column.walk_ast(out.reborrow())?;
        }
        Ok(())
    }
}

/// A field of several rows.
pub(crate) fn column<R, T: Cell>(rows: &[&R], field: impl Fn(&R) -> &T) -> Column {
    T::column(rows.iter().map(|row| field(row).clone()).collect())
}

/// What a field of several rows is bound as.
pub(crate) trait Cell: Clone {
    fn column(cells: Vec<Self>) -> Column;
}

struct Cells<ST, T> {
    cells: Vec<T>,
    /// Of what has no arrays of arrays that are of different lengths.
    cast: &'static str,
    sql_type: std::marker::PhantomData<ST>,
}

impl<ST, T> Cells<ST, T>
where
    Self: QueryFragment<Pg> + 'static,
{
    fn column(cells: Vec<T>, cast: &'static str) -> Column {
        Box::new(Self { cells, cast, sql_type: std::marker::PhantomData })
    }
}

impl<ST: 'static, T> QueryFragment<Pg> for Cells<ST, T>
where
    Vec<T>: ToSql<Array<ST>, Pg>,
    Pg: HasSqlType<Array<ST>>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(");
        out.push_bind_param::<Array<ST>, _>(&self.cells)?;
        out.push_sql(")[i]");
        out.push_sql(self.cast);
        Ok(())
    }
}

macro_rules! cells {
    ($($type:ty => $sql:ty),+ $(,)?) => {$(
        impl Cell for $type {
            fn column(cells: Vec<Self>) -> Column {
                Cells::<$sql, Self>::column(cells, "")
            }
        }
        impl Cell for Option<$type> {
            fn column(cells: Vec<Self>) -> Column {
                Cells::<Nullable<$sql>, Self>::column(cells, "")
            }
        }
    )+};
}
cells! {
    Uuid => SqlUuid, String => Text, &'static str => Text, i16 => SmallInt, i32 => Integer, i64 => BigInt,
    bool => Bool, Decimal => Numeric, DateTime<Utc> => Timestamptz, NaiveDate => Date,
    serde_json::Value => Jsonb, JsonText => Json, Vec<u8> => Binary,
}

impl Cell for Vec<Uuid> {
    fn column(cells: Vec<Self>) -> Column {
        let cells = cells.iter().map(|list| literal(list)).collect();
        Cells::<Text, String>::column(cells, "::uuid[]")
    }
}

impl Cell for Option<Vec<i32>> {
    fn column(cells: Vec<Self>) -> Column {
        let cells = cells.iter().map(|list| list.as_deref().map(literal)).collect();
        Cells::<Nullable<Text>, Option<String>>::column(cells, "::int4[]")
    }
}

/// An array of what needs no quotes, as text.
fn literal(list: &[impl std::fmt::Display]) -> String {
    let mut text = String::from("{");
    for (index, one) in list.iter().enumerate() {
        // A string takes whatever is written to it.
        let _ = write!(text, "{}{one}", if index == 0 { "" } else { "," });
    }
    text.push('}');
    text
}

/// `columns!(DealRow, deals { title, amount } but created_at)`: every field has to be named.
macro_rules! columns {
    ($row:ident, $table:ident { $first:ident $(, $rest:ident)* $(,)? } $(but $($other:ident),+)?) => {
        impl $crate::core::columns::Columns for $row {
            const NAMES: &'static str = concat!(stringify!($first) $(, ", ", stringify!($rest))*);

            fn values<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                let Self { $first $(, $rest)* $($(, $other: _)+)? } = self;
                out.push_bind_param::<diesel::dsl::SqlTypeOf<$table::$first>, _>($first)?;
                $(
                    out.push_sql(", ");
                    out.push_bind_param::<diesel::dsl::SqlTypeOf<$table::$rest>, _>($rest)?;
                )*
                Ok(())
            }

            fn turned(rows: &[&Self]) -> $crate::core::columns::Turned {
                use $crate::core::columns::{Turned, column};
                Turned(vec![
                    column(rows, |row| &row.$first) $(, column(rows, |row| &row.$rest))*
                ])
            }
        }
    };
}

/// `parts!(DealRow, deals { Head { sequence, updated_at } Alarm { alarm_at } } but created_at)`: the parts of a
/// row; every field has to be in one.
macro_rules! parts {
    ($row:ident, $table:ident {
        $($part:ident { $first:ident $(, $rest:ident)* $(,)? })+
    } but $($other:ident),+) => {
        const _: fn(&$row) = |row| {
            let $row { $($first: _, $($rest: _,)*)+ $($other: _,)+ } = row;
        };
        $(
            pub(super) struct $part;

            impl $crate::core::columns::Part<$row> for $part {
                const NAMES: &'static str =
                    concat!(stringify!($first) $(, ", ", stringify!($rest))*);

                fn values<'b>(
                    row: &'b $row,
                    mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
                ) -> diesel::QueryResult<()> {
                    out.push_bind_param::<diesel::dsl::SqlTypeOf<$table::$first>, _>(&row.$first)?;
                    $(
                        out.push_sql(", ");
                        out.push_bind_param::<diesel::dsl::SqlTypeOf<$table::$rest>, _>(&row.$rest)?;
                    )*
                    Ok(())
                }

                fn turned(rows: &[&$row]) -> $crate::core::columns::Turned {
                    use $crate::core::columns::{Turned, column};
                    Turned(vec![
                        column(rows, |row| &row.$first) $(, column(rows, |row| &row.$rest))*
                    ])
                }
            }
        )+
    };
}
pub(crate) use {columns, parts};
