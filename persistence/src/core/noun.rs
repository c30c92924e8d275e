//! What the modules of people and clients have in common: get, lock, insert, save.

use super::error::{Error, Result};

/// Postgres takes 65,535 values in a statement.
pub(crate) const ROWS_A_STATEMENT: usize = 1_000;

/// The versions of a thing that a caller has seen, one of which it is to have still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen([i32; Self::MOST]);

impl Seen {
    pub const MOST: usize = 8;

    /// Of at least one version, and not too many.
    pub fn any_of(versions: &[i32]) -> Option<Self> {
        let last = versions.last().filter(|_| versions.len() <= Self::MOST)?;
        let mut seen = [*last; Self::MOST];
        seen.iter_mut().zip(versions).for_each(|(place, version)| *place = *version);
        Some(Self(seen))
    }
}

impl From<i32> for Seen {
    fn from(version: i32) -> Self {
        Self([version; Self::MOST])
    }
}

/// `If-Match` holds, or is absent.
pub fn check_version(if_match: Option<Seen>, version: i32) -> Result<()> {
    if if_match.is_some_and(|Seen(seen)| !seen.contains(&version)) {
        return Err(Error::VersionMismatch);
    }
    Ok(())
}

/// Implements the four for a row type that has `id` and `version`. `also` is done with the rows that are
/// written, each with the one before it.
macro_rules! noun {
    ($table:ident, $row:ty, $what:literal $(, $also:path)?) => {
        pub fn get(tenant: &mut crate::Tenant<'_>, id: uuid::Uuid) -> crate::Result<$row> {
            find(tenant, id, "")
        }

        /// For a change: nobody else changes it meanwhile, and the caller saw this version. Rows that refer
        /// to it can be written all the same.
        pub fn lock(
            unit: &mut crate::Unit<'_>,
            id: uuid::Uuid,
            if_match: Option<crate::Seen>,
        ) -> crate::Result<$row> {
            let row = find(&mut unit.tenant, id, " FOR NO KEY UPDATE")?;
            crate::core::noun::check_version(if_match, row.version)?;
            Ok(row)
        }

        fn find(
            tenant: &mut crate::Tenant<'_>,
            id: uuid::Uuid,
            lock: &'static str,
        ) -> crate::Result<$row> {
            use diesel::{OptionalExtension, RunQueryDsl, SelectableHelper};
            tenant
                .rows(<$row>::as_select(), stringify!($table))
                .sql(" AND id = ")
                .bind(id)
                .sql(lock)
                .get_result(tenant.conn)
                .optional()?
                .ok_or(crate::Error::NotFound($what))
        }

        pub fn insert(unit: &mut crate::Unit<'_>, row: &$row) -> crate::Result<()> {
            use diesel::{ExpressionMethods, RunQueryDsl};
            diesel::insert_into(crate::core::schema::$table::table)
                .values((crate::core::schema::$table::workspace_id.eq(unit.tenant.workspace_id), row))
                .execute(unit.tenant.conn)?;
            $($also(unit, &[(None, row)])?;)?
            unit.happened(concat!($what, ".created"), row.id, row.version, row)
        }

        /// Inserts many rows in few statements.
        #[allow(dead_code)]
        pub(crate) fn insert_all(unit: &mut crate::Unit<'_>, rows: Vec<$row>) -> crate::Result<()> {
            use diesel::{ExpressionMethods, RunQueryDsl};
            let workspace_id = unit.tenant.workspace_id;
            for rows in rows.chunks(crate::core::noun::ROWS_A_STATEMENT) {
                let values: Vec<_> = rows
                    .iter()
                    .map(|row| (crate::core::schema::$table::workspace_id.eq(workspace_id), row))
                    .collect();
                diesel::insert_into(crate::core::schema::$table::table)
                    .values(values)
                    .execute(unit.tenant.conn)?;
            }
            $($also(unit, &rows.iter().map(|row| (None, row)).collect::<Vec<_>>())?;)?
            for row in &rows {
                unit.happened(concat!($what, ".created"), row.id, row.version, row)?;
            }
            Ok(())
        }

        /// Saves the row as its next version, unless nothing has changed.
        pub fn save(
            unit: &mut crate::Unit<'_>,
            before: &$row,
            mut row: $row,
        ) -> crate::Result<$row> {
            use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
            if row == *before {
                return Ok(row);
            }
            row.version = before.version.saturating_add(1);
            row.updated_at = unit.now;
            diesel::update(
                crate::core::schema::$table::table
                    .filter(crate::core::schema::$table::workspace_id.eq(unit.tenant.workspace_id))
                    .filter(crate::core::schema::$table::id.eq(row.id)),
            )
            .set(&row)
            .execute(unit.tenant.conn)?;
            $($also(unit, &[(Some(before), &row)])?;)?
            unit.happened(concat!($what, ".updated"), row.id, row.version, &row)?;
            Ok(row)
        }
    };
}

/// Saves many rows, each with the one before it, as their next versions in few statements; those that have
/// not changed stay as they are. The columns are all that can change.
macro_rules! save_all {
    ($table:ident, $row:ident, $what:literal, [$($column:ident),+ $(,)?] $(, $also:path)?) => {
        pub(crate) fn save_all(
            unit: &mut crate::Unit<'_>,
            mut rows: Vec<($row, $row)>,
        ) -> crate::Result<()> {
            use diesel::{ExpressionMethods, RunQueryDsl};
            use crate::core::schema::$table;
            rows.retain(|(before, row)| before != row);
            for (before, row) in &mut rows {
                row.version = before.version.saturating_add(1);
                row.updated_at = unit.now;
            }
            for rows in rows.chunks(crate::core::noun::ROWS_A_STATEMENT) {
                let values: Vec<_> = rows
                    .iter()
                    .map(|(_, row)| ($table::workspace_id.eq(unit.tenant.workspace_id), row))
                    .collect();
                diesel::insert_into($table::table)
                    .values(values)
                    .on_conflict(($table::workspace_id, $table::id))
                    .do_update()
                    .set(crate::core::noun::excluded_columns!(
                        $table, $row, [id, created_at], [$($column),+]
                    ))
                    .execute(unit.tenant.conn)?;
            }
            $($also(
                unit,
                &rows.iter().map(|(before, row)| (Some(before), row)).collect::<Vec<_>>(),
            )?;)?
            for (_, row) in &rows {
                unit.happened(concat!($what, ".updated"), row.id, row.version, row)?;
            }
            Ok(())
        }
    };
}

/// What an upsert sets: each column to the value that was to be inserted. It does not compile without all
/// columns of the row: those that stay, and those that are set.
macro_rules! excluded_columns {
    ($table:ident, $row:ident, [$($stays:ident),+], [$($column:ident),+ $(,)?]) => {{
        let _ = |$row { $($stays: _,)+ $($column: _,)+ }: &$row| {};
        ($($table::$column.eq(diesel::upsert::excluded($table::$column)),)+)
    }};
}

pub(crate) use excluded_columns;
pub(crate) use noun;
pub(crate) use save_all;
