//! The store that a database's files are in. It is noted once, and never changes by itself.

use diesel::{
    Connection, OptionalExtension, RunQueryDsl,
    connection::SimpleConnection,
    sql_types::{Bool, Uuid as SqlUuid},
};
use uuid::Uuid;

use crate::{Error, Raw, Result, Statement, Store, core::unit::raw};

impl Store {
    /// The store that is noted; none before the first server has served, or on a schema that has no stores yet.
    pub fn file_store(&self) -> Result<Option<Uuid>> {
        let mut connection = self.connection()?;
        let there: Result<bool> =
            Statement::select(raw::<Bool>("to_regclass('file_stores') IS NOT NULL"))
                .get_result(&mut *connection)
                .map_err(Error::from);
        let found = there.and_then(|there| match there {
            true => Ok(noted().get_result(&mut *connection).optional()?),
            false => Ok(None),
        });
        connection.watch(found)
    }

    /// The store that is noted, or else the one that `find` finds or makes, which is noted from then on. Servers that
    /// start at once follow each other, so that one of them makes it.
    pub fn file_store_or<E: From<Error> + From<diesel::result::Error>>(
        &self,
        find: impl FnOnce() -> std::result::Result<Uuid, E>,
    ) -> std::result::Result<Uuid, E> {
        let mut connection = self.connection()?;
        connection.transaction(|conn| {
            // Long enough for a store that takes its time.
            conn.batch_execute(
                "SET LOCAL lock_timeout = '120s'; SET LOCAL statement_timeout = '120s'",
            )?;
            Statement::select(raw::<Bool>("pg_advisory_xact_lock("))
                .bind(LOCK)
                .sql(") IS NOT NULL")
                .get_result::<bool>(conn)?;
            let noted: Option<Uuid> = noted().get_result(conn).optional()?;
            if let Some(noted) = noted {
                return Ok(noted);
            }
            let id = find()?;
            Statement::command("INSERT INTO file_stores (id) VALUES (")
                .bind(id)
                .sql(")")
                .execute(conn)?;
            Ok(id)
        })
    }
}

/// Any number that no other program on the database uses: "files".
const LOCK: i64 = 0x0066_696c_6573;

fn noted() -> Statement<Raw<SqlUuid>> {
    Statement::select(raw("id FROM file_stores"))
}
