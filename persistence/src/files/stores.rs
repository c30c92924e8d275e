//! The store that a database's files are in. It is noted once, and never changes by itself.

use diesel::{
    OptionalExtension, RunQueryDsl,
    sql_types::{Bool, Uuid as SqlUuid},
};
use uuid::Uuid;

use crate::{Error, Result, Statement, Store, core::unit::raw};

impl Store {
    /// The store that is noted; none before the first server has served, or on a schema that has no stores yet.
    pub fn file_store(&self) -> Result<Option<Uuid>> {
        let mut connection = self.connection()?;
        let there: Result<bool> =
            Statement::select(raw::<Bool>("to_regclass('file_stores') IS NOT NULL"))
                .get_result(&mut *connection)
                .map_err(Error::from);
        let noted = there.and_then(|there| match there {
            true => Ok(Statement::select(raw::<SqlUuid>("id FROM file_stores"))
                .get_result(&mut *connection)
                .optional()?),
            false => Ok(None),
        });
        connection.watch(noted)
    }

    /// Notes a store, unless one is noted, and answers the one that is. Servers that start at once agree.
    pub fn note_file_store(&self, id: Uuid) -> Result<Uuid> {
        let mut connection = self.connection()?;
        let noted = Statement::command("INSERT INTO file_stores (id) VALUES (")
            .bind(id)
            .sql(") ON CONFLICT DO NOTHING")
            .execute(&mut *connection)
            .and_then(|_| {
                Statement::select(raw::<SqlUuid>("id FROM file_stores"))
                    .get_result(&mut *connection)
            });
        connection.watch(noted.map_err(Error::from))
    }
}
