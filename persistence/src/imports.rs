//! Imports: their files in pieces, their progress, and the rows that were not taken.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Bytea, Jsonb, Text, Uuid as SqlUuid};
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::{access::Visibility, import::Rejection};

use crate::{
    Error, Result, Statement, Store, Tenant, Unit,
    list::{Field, Kind, Page, Query, Spec},
    noun::noun,
    schema::{import_chunks, import_rejections, imports},
    unit::raw,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = imports, treat_none_as_null = true)]
pub struct Import {
    pub id: Uuid,
    pub spec: serde_json::Value,
    pub header: serde_json::Value,
    pub file_name: Option<String>,
    pub file_size: i64,
    pub state: String,
    pub error: Option<String>,
    pub dry_run: bool,
    pub rows_total: Option<i64>,
    pub rows_done: i64,
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub rejected: i64,
    pub notes: serde_json::Value,
    pub created_by: serde_json::Value,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(imports, Import, "import");

pub const LIST: Spec = Spec {
    table: "imports",
    fields: &[
        Field::new(
            "state",
            "imports.state",
            Kind::Choice(&["queued", "running", "done", "failed", "cancelled"]),
        ),
        Field::new("dry_run", "imports.dry_run", Kind::Bool),
        Field::new("created_at", "imports.created_at", Kind::Instant).sorted(),
    ],
    default_sort: "-created_at",
    search: None,
};

pub fn list(tenant: &mut Tenant<'_>, query: Query) -> Result<Page<Import>> {
    tenant.page(&LIST, query, Import::as_select(), |list| list, |row: &Import| row.id)
}

/// Keeps a file's pieces, in order.
pub fn keep_chunks(
    unit: &mut Unit<'_>,
    import_id: Uuid,
    pieces: impl Iterator<Item = std::io::Result<Vec<u8>>>,
) -> Result<()> {
    for (number, bytes) in (0_i32..).zip(pieces) {
        let bytes = bytes.map_err(|error| Error::Internal(error.to_string()))?;
        diesel::insert_into(import_chunks::table)
            .values((
                import_chunks::workspace_id.eq(unit.tenant.workspace_id),
                import_chunks::import_id.eq(import_id),
                import_chunks::number.eq(number),
                import_chunks::bytes.eq(bytes),
            ))
            .execute(unit.tenant.conn)?;
    }
    Ok(())
}

/// A piece of an import's file; none after the last.
pub fn chunk(tenant: &mut Tenant<'_>, import_id: Uuid, number: i32) -> Result<Option<Vec<u8>>> {
    let bytes = tenant
        .rows(raw::<Bytea>("bytes"), "import_chunks")
        .sql(" AND import_id = ")
        .bind(import_id)
        .sql(" AND number = ")
        .bind(number)
        .get_result(tenant.conn)
        .optional()?;
    Ok(bytes)
}

pub(crate) fn reject(
    tenant: &mut Tenant<'_>,
    import_id: Uuid,
    rejected: Vec<(Vec<Rejection>, Vec<String>)>,
) -> Result<()> {
    let workspace_id = tenant.workspace_id;
    let rows: Vec<_> = rejected
        .into_iter()
        .flat_map(|(faults, cells)| {
            let cells = serde_json::Value::from(cells);
            (0_i32..).zip(faults).map(move |(number, fault)| {
                (
                    import_rejections::workspace_id.eq(workspace_id),
                    import_rejections::import_id.eq(import_id),
                    import_rejections::line.eq(i64::try_from(fault.line).unwrap_or(i64::MAX)),
                    import_rejections::number.eq(number),
                    import_rejections::field.eq(fault.field),
                    import_rejections::code.eq(fault.code),
                    import_rejections::reason.eq(fault.reason),
                    import_rejections::row.eq(cells.clone()),
                )
            })
        })
        .collect();
    for rows in rows.chunks(1_000) {
        diesel::insert_into(import_rejections::table).values(rows).execute(tenant.conn)?;
    }
    Ok(())
}

/// A fault of a row that was not taken.
#[derive(Debug, Clone, Queryable)]
pub struct Rejected {
    pub line: i64,
    pub field: String,
    pub code: String,
    pub reason: String,
    pub row: serde_json::Value,
}

/// Faults after a line, in order of the lines.
pub fn rejections(
    tenant: &mut Tenant<'_>,
    import_id: Uuid,
    after_line: i64,
    limit: i64,
) -> Result<Vec<Rejected>> {
    let selection = raw::<(BigInt, Text, Text, Text, Jsonb)>("line, field, code, reason, row");
    let rows = tenant
        .rows(selection, "import_rejections")
        .sql(" AND import_id = ")
        .bind(import_id)
        .sql(" AND line > ")
        .bind(after_line)
        .sql(" ORDER BY line, number LIMIT ")
        .bind(limit)
        .load(tenant.conn)?;
    Ok(rows)
}

/// An import that this server has taken on: nobody else runs it while the connection lives.
pub struct Claim {
    pub workspace_id: Uuid,
    pub import: Import,
    lock: crate::Connection,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Back in the pool, its session would go on holding the import.
        self.lock.close();
    }
}

impl Import {
    /// Under lock: whether the import is still where its worker left it. A claim is lost with its
    /// connection, and another server may have taken the import over.
    pub(crate) fn check_at(&self, rows_done: i64) -> Result<()> {
        self.check_unfinished()?;
        if self.rows_done == rows_done { Ok(()) } else { Err(superseded()) }
    }

    pub(crate) fn check_unfinished(&self) -> Result<()> {
        if self.state == "queued" || self.state == "running" { Ok(()) } else { Err(superseded()) }
    }
}

fn superseded() -> Error {
    Error::Unavailable("another server carries the import out".to_owned())
}

impl Store {
    /// The oldest import that waits, or that a server left behind when it died.
    pub fn claim_import(&self) -> Result<Option<Claim>> {
        let mut connection = self.connection()?;
        let waiting: Result<Vec<(Uuid, Uuid)>> = Statement::select(raw::<(SqlUuid, SqlUuid)>(
            "workspace_id, id FROM imports WHERE state IN ('queued', 'running') \
                 ORDER BY created_at LIMIT 100",
        ))
        .load(&mut *connection)
        .map_err(Error::from);
        // A later file may build on an earlier one: a workspace's imports run one after the other.
        let mut busy = HashSet::new();
        for (workspace_id, id) in connection.watch(waiting)? {
            if busy.contains(&workspace_id) {
                continue;
            }
            let free = Statement::select(raw::<Bool>("pg_try_advisory_lock(hashtextextended("))
                .bind(id.to_string())
                .sql(", 21))")
                .get_result::<bool>(&mut *connection);
            if connection.watch(free.map_err(Error::from))? {
                let mut tenant = Tenant { conn: &mut connection, workspace_id };
                let import = get(&mut tenant, id)?;
                if import.check_unfinished().is_ok() {
                    return Ok(Some(Claim { workspace_id, import, lock: connection }));
                }
                release(&mut connection, id)?;
            } else {
                busy.insert(workspace_id);
            }
        }
        Ok(None)
    }

    /// An import has ended, well or not.
    pub fn finish_import(
        &self,
        claim: Claim,
        now: DateTime<Utc>,
        error: Option<String>,
    ) -> Result<()> {
        let id = claim.import.id;
        let state = if error.is_some() { "failed" } else { "done" };
        let caller = self.import_caller(claim.workspace_id, None, &claim.import)?;
        self.write(&caller, now, None, |unit| {
            let before = lock(unit, id, None)?;
            before.check_unfinished()?;
            let after =
                Import { state: state.to_owned(), error, finished_at: Some(now), ..before.clone() };
            save(unit, &before, after)?;
            Statement::command("DELETE FROM import_chunks WHERE workspace_id = ")
                .bind(unit.tenant.workspace_id)
                .sql(" AND import_id = ")
                .bind(id)
                .execute(unit.tenant.conn)?;
            Ok(crate::Answer::default())
        })?;
        Ok(())
    }

    /// Who an import acts as: the one who started it, seeing everything, overriding nothing.
    pub fn import_caller(
        &self,
        workspace_id: Uuid,
        line: Option<u64>,
        import: &Import,
    ) -> Result<crate::Caller> {
        use voronka_domain::access::{Actor, Permission};
        let settings = self.tenant(workspace_id, |t| crate::workspaces::get(t)?.settings())?;
        let starter: Option<Actor> = serde_json::from_value(import.created_by.clone()).ok();
        let user_id = match starter {
            Some(Actor::User { id }) => Some(id),
            _ => None,
        };
        let line = line.unwrap_or(0);
        Ok(crate::Caller {
            workspace_id,
            id: import.id,
            actor: Actor::Import { id: import.id, user_id, line },
            grant: crate::access::Grant::Scopes(vec![Permission::ImportsWrite]),
            visibility: Visibility::All,
            settings,
        })
    }
}

fn release(connection: &mut crate::Connection, id: Uuid) -> Result<()> {
    let released = Statement::select(raw::<Bool>("pg_advisory_unlock(hashtextextended("))
        .bind(id.to_string())
        .sql(", 21))")
        .get_result::<bool>(&mut **connection)
        .map_err(Error::from);
    connection.watch(released.map(|_| ()))
}
