//! Rows as lists of columns and values, for SQL that diesel cannot put together, or not so that it stays
//! prepared: its own `UPDATE`s and `INSERT`s of optional values are prepared anew each time.

use diesel::{QueryResult, pg::Pg, query_builder::AstPass};

/// Some columns of a row, which are written together or not at all.
pub(crate) trait Part<R> {
    const NAMES: &'static str;

    /// The values in the order of the names.
    fn values<'b>(row: &'b R, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

/// A row that names its columns.
pub(crate) trait Columns {
    const NAMES: &'static str;

    /// The values in the order of the names.
    fn values<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
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
            }
        )+
    };
}
pub(crate) use {columns, parts};
