//! What nouns have in common: they are read, locked, made, saved as their next versions, and listed, and each change
//! is told.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{
    error::{Error, Result},
    list::{Page, Query, Spec},
    unit::{Tenant, Unit},
};

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

/// What is given takes the place of what is there.
pub(crate) fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}

/// Rows that were written, each with the one before it.
pub type Changes<'r, N> = &'r [(Option<&'r N>, &'r N)];

pub(crate) mod table {
    use super::*;

    /// The statements of a noun's table, which [`noun!`](super::noun) writes down. Nothing is decided here.
    pub trait Row: Sized {
        fn id(&self) -> Uuid;
        fn version(&self) -> i32;
        fn set_version(&mut self, version: i32, now: DateTime<Utc>);
        fn select(tenant: &mut Tenant<'_>, id: Uuid, lock: &'static str) -> Result<Option<Self>>;
        fn insert_rows(tenant: &mut Tenant<'_>, rows: &[Self]) -> Result<()>;
        fn update_row(&self, tenant: &mut Tenant<'_>) -> Result<()>;
        /// What else follows from rows that were written.
        fn written(unit: &mut Unit<'_>, changes: Changes<'_, Self>) -> Result<()>;
    }

    /// The same of rows that are overwritten many at a time.
    pub trait Rows: Row {
        fn overwrite(tenant: &mut Tenant<'_>, rows: &[(Self, Self)]) -> Result<()>;
    }
}

/// A row of a table with an id and a version, all of whose changes are told.
pub trait Noun: table::Row + Clone + PartialEq + Serialize {
    /// What it is called in faults and events.
    const WHAT: &'static str;
    const CREATED: &'static str;
    const UPDATED: &'static str;

    fn get(tenant: &mut Tenant<'_>, id: Uuid) -> Result<Self> {
        Self::find(tenant, id, "")
    }

    /// For a change: nobody else changes it meanwhile, and the caller saw this version. Rows that refer
    /// to it can be written all the same.
    fn lock(unit: &mut Unit<'_>, id: Uuid, if_match: Option<Seen>) -> Result<Self> {
        let row = Self::find(&mut unit.tenant, id, " FOR NO KEY UPDATE")?;
        check_version(if_match, row.version())?;
        Ok(row)
    }

    fn find(tenant: &mut Tenant<'_>, id: Uuid, lock: &'static str) -> Result<Self> {
        Self::select(tenant, id, lock)?.ok_or(Error::NotFound(Self::WHAT))
    }

    fn insert(unit: &mut Unit<'_>, row: &Self) -> Result<()> {
        Self::insert_rows(&mut unit.tenant, std::slice::from_ref(row))?;
        Self::written(unit, &[(None, row)])?;
        unit.happened(Self::CREATED, row.id(), row.version(), row)
    }

    /// Inserts many rows in few statements.
    fn insert_all(unit: &mut Unit<'_>, rows: Vec<Self>) -> Result<()> {
        for rows in rows.chunks(ROWS_A_STATEMENT) {
            Self::insert_rows(&mut unit.tenant, rows)?;
        }
        Self::written(unit, &rows.iter().map(|row| (None, row)).collect::<Vec<_>>())?;
        for row in &rows {
            unit.happened(Self::CREATED, row.id(), row.version(), row)?;
        }
        Ok(())
    }

    /// Saves the row as its next version, unless nothing has changed.
    fn save(unit: &mut Unit<'_>, before: &Self, mut row: Self) -> Result<Self> {
        if row == *before {
            return Ok(row);
        }
        row.set_version(before.version().saturating_add(1), unit.now);
        row.update_row(&mut unit.tenant)?;
        Self::written(unit, &[(Some(before), &row)])?;
        unit.happened(Self::UPDATED, row.id(), row.version(), &row)?;
        Ok(row)
    }

    /// Saves many rows, each with the one before it, as their next versions in few statements; those that have
    /// not changed stay as they are.
    fn save_all(unit: &mut Unit<'_>, mut rows: Vec<(Self, Self)>) -> Result<()>
    where
        Self: table::Rows,
    {
        rows.retain(|(before, row)| before != row);
        for (before, row) in &mut rows {
            row.set_version(before.version().saturating_add(1), unit.now);
        }
        for rows in rows.chunks(ROWS_A_STATEMENT) {
            Self::overwrite(&mut unit.tenant, rows)?;
        }
        let changes: Vec<_> = rows.iter().map(|(before, row)| (Some(before), row)).collect();
        Self::written(unit, &changes)?;
        for (_, row) in &rows {
            unit.happened(Self::UPDATED, row.id(), row.version(), row)?;
        }
        Ok(())
    }
}

/// A noun whose list is the same for everybody who may read it.
pub trait Listed: Noun {
    const LIST: &'static Spec;

    fn list(tenant: &mut Tenant<'_>, query: Query) -> Result<Page<Self>>;
}

/// The table of a noun. `also` is done with the rows that are written.
macro_rules! noun {
    ($table:ident, $row:ty, $what:literal $(, $also:path)?) => {
        impl crate::core::noun::Noun for $row {
            const WHAT: &'static str = $what;
            const CREATED: &'static str = concat!($what, ".created");
            const UPDATED: &'static str = concat!($what, ".updated");
        }

        impl crate::core::noun::table::Row for $row {
            fn id(&self) -> uuid::Uuid {
                self.id
            }

            fn version(&self) -> i32 {
                self.version
            }

            fn set_version(&mut self, version: i32, now: chrono::DateTime<chrono::Utc>) {
                self.version = version;
                self.updated_at = now;
            }

            fn select(
                tenant: &mut crate::Tenant<'_>,
                id: uuid::Uuid,
                lock: &'static str,
            ) -> crate::Result<Option<Self>> {
                use diesel::{OptionalExtension, RunQueryDsl, SelectableHelper};
                let rows = tenant.rows(<$row>::as_select(), stringify!($table));
                let rows = rows.sql(" AND id = ").bind(id).sql(lock);
                Ok(rows.get_result(tenant.conn).optional()?)
            }

            fn insert_rows(tenant: &mut crate::Tenant<'_>, rows: &[Self]) -> crate::Result<()> {
                use crate::core::schema::$table::{table, workspace_id};
                use diesel::{ExpressionMethods, RunQueryDsl};
                let workspace = tenant.workspace_id;
                match rows {
                    // One of them is prepared for good.
                    [row] => diesel::insert_into(table)
                        .values((workspace_id.eq(workspace), row))
                        .execute(tenant.conn)?,
                    rows => diesel::insert_into(table)
                        .values(
                            rows.iter()
                                .map(|row| (workspace_id.eq(workspace), row))
                                .collect::<Vec<_>>(),
                        )
                        .execute(tenant.conn)?,
                };
                Ok(())
            }

            fn update_row(&self, tenant: &mut crate::Tenant<'_>) -> crate::Result<()> {
                use crate::core::schema::$table::{id, table, workspace_id};
                use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
                let rows = table.filter(workspace_id.eq(tenant.workspace_id)).filter(id.eq(self.id));
                diesel::update(rows).set(self).execute(tenant.conn)?;
                Ok(())
            }

            #[allow(unused_variables)]
            fn written(
                unit: &mut crate::Unit<'_>,
                changes: crate::core::noun::Changes<'_, Self>,
            ) -> crate::Result<()> {
                $($also(unit, changes)?;)?
                Ok(())
            }
        }
    };
}

/// Its list, which is [`LIST`](crate::core::list::Spec) of the module.
macro_rules! listed {
    ($row:ty) => {
        impl crate::core::noun::Listed for $row {
            const LIST: &'static crate::core::list::Spec = &LIST;

            fn list(
                tenant: &mut crate::Tenant<'_>,
                query: crate::core::list::Query,
            ) -> crate::Result<crate::core::list::Page<Self>> {
                use diesel::SelectableHelper;
                tenant.page(&LIST, query, <$row>::as_select(), |list| list, |row: &Self| row.id)
            }
        }
    };
}

/// Its rows can be overwritten many at a time. The columns are all that can change.
macro_rules! overwritten {
    ($table:ident, $row:ident, [$($column:ident),+ $(,)?]) => {
        impl crate::core::noun::table::Rows for $row {
            fn overwrite(
                tenant: &mut crate::Tenant<'_>,
                rows: &[(Self, Self)],
            ) -> crate::Result<()> {
                use crate::core::schema::$table;
                use diesel::{ExpressionMethods, RunQueryDsl};
                let workspace_id = tenant.workspace_id;
                let values: Vec<_> =
                    rows.iter().map(|(_, row)| ($table::workspace_id.eq(workspace_id), row)).collect();
                diesel::insert_into($table::table)
                    .values(values)
                    .on_conflict(($table::workspace_id, $table::id))
                    .do_update()
                    .set(crate::core::noun::excluded_columns!(
                        $table, $row, [id, created_at], [$($column),+]
                    ))
                    .execute(tenant.conn)?;
                Ok(())
            }
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
pub(crate) use listed;
pub(crate) use noun;
pub(crate) use overwritten;
