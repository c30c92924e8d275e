//! Imports: their files in pieces, their progress, and the rows that were not taken.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bytea, Jsonb, Text};
use diesel::{connection::SimpleConnection, pg::PgRowByRowLoadingMode, prelude::*};
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::import::may_cancel;
use voronka_domain::{
    import::Rejection,
    people::access::{Actor, Visibility},
};

use crate::{
    Error, Passing, Result, Statement, Store, Tenant, Unit,
    core::{
        jobs::{self, Job},
        list::{Field, FieldKind, Spec},
        noun::{Noun, listed, noun},
        schema::{import_chunks, import_rejections, imports},
        unit::raw,
    },
    import::rows as import_rows,
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
    /// Rows of an event log that were put together by case.
    #[serde(skip)]
    pub rows_read: i64,
    /// The last case of an event log that was taken.
    #[serde(skip)]
    pub last_case: Option<String>,
    /// What keeps it from going on.
    pub waiting_for: Option<String>,
}

noun!(imports, Import, "import");

pub const LIST: Spec = Spec {
    table: "imports",
    fields: &[
        Field::new(
            "state",
            "imports.state",
            FieldKind::Choice(&["queued", "running", "done", "failed", "cancelled"]),
        ),
        Field::new("dry_run", "imports.dry_run", FieldKind::Bool),
        Field::new("created_at", "imports.created_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-created_at",
    search: None,
};

listed!(Import);

/// The kind of background work that carries imports out.
pub const JOB: Job = Job { name: "imports", enabled: true };

/// Takes an import in, with its file's pieces: it waits for its turn.
pub fn queue(
    unit: &mut Unit<'_>,
    row: &Import,
    pieces: impl Iterator<Item = std::io::Result<Vec<u8>>>,
) -> Result<()> {
    Import::insert(unit, row)?;
    keep_chunks(unit, row.id, pieces)?;
    let by = unit.actor;
    jobs::start(unit, JOB.name, Some(row.id), by)?;
    Ok(())
}

/// Keeps a file's pieces, in order.
fn keep_chunks(
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
            let row = serde_json::Value::from(cells);
            (0_i32..).zip(faults).map(move |(number, fault)| Refused {
                workspace_id,
                import_id,
                line: i64::try_from(fault.line).unwrap_or(i64::MAX),
                number,
                field: fault.field,
                code: fault.code,
                reason: fault.reason,
                row: row.clone(),
            })
        })
        .collect();
    if !rows.is_empty() {
        diesel::copy_from(import_rejections::table).from_insertable(rows).execute(tenant.conn)?;
    }
    Ok(())
}

#[derive(Insertable)]
#[diesel(table_name = import_rejections, treat_none_as_default_value = false)]
struct Refused {
    workspace_id: Uuid,
    import_id: Uuid,
    line: i64,
    number: i32,
    field: String,
    code: String,
    reason: String,
    row: serde_json::Value,
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

/// All faults, in order of the lines, one after the other.
pub fn each_rejection(
    tenant: &mut Tenant<'_>,
    import_id: Uuid,
    mut take: impl FnMut(Rejected) -> Result<()>,
) -> Result<()> {
    let selection = raw::<(BigInt, Text, Text, Text, Jsonb)>("line, field, code, reason, row");
    let rows = tenant
        .rows(selection, "import_rejections")
        .sql(" AND import_id = ")
        .bind(import_id)
        .sql(" ORDER BY line, number")
        .load_iter::<Rejected, PgRowByRowLoadingMode>(tenant.conn)?;
    for row in rows {
        take(row?)?;
    }
    Ok(())
}

/// An import that this server has taken on. Should another one take it over, the version tells the two apart.
pub struct Claim {
    pub workspace_id: Uuid,
    pub import: Import,
}

impl Import {
    /// A new import that waits for its turn.
    pub fn queued(
        spec: serde_json::Value,
        header: Vec<String>,
        (file_name, file_size): (Option<String>, usize),
        created_by: Actor,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            dry_run: spec["dry_run"] == true,
            spec,
            header: header.into(),
            file_name,
            file_size: i64::try_from(file_size).unwrap_or(i64::MAX),
            state: "queued".to_owned(),
            error: None,
            rows_total: None,
            rows_done: 0,
            created: 0,
            updated: 0,
            unchanged: 0,
            rejected: 0,
            notes: serde_json::json!([]),
            created_by: serde_json::to_value(created_by).unwrap_or_default(),
            started_at: None,
            finished_at: None,
            version: 1,
            created_at,
            updated_at: created_at,
            rows_read: 0,
            last_case: None,
            waiting_for: None,
        }
    }

    /// Under lock: whether the import is still where its worker left it. A claim is lost with its
    /// connection, and another server may have taken the import over.
    pub(crate) fn check_at(&self, left: &Self) -> Result<()> {
        self.check_unfinished()?;
        if self.version == left.version { Ok(()) } else { Err(Error::TakenOver) }
    }

    pub(crate) fn check_unfinished(&self) -> Result<()> {
        if self.is_unfinished() { Ok(()) } else { Err(Error::TakenOver) }
    }

    fn is_unfinished(&self) -> bool {
        self.state == "queued" || self.state == "running"
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.state == "cancelled"
    }
}

/// Stops an import: batches in progress are undone, what was counted stays.
pub fn cancel(unit: &mut Unit<'_>, id: Uuid) -> Result<Import> {
    let before = Import::lock(unit, id, None)?;
    may_cancel(!before.is_unfinished(), &before.state)?;
    jobs::call_off(unit, JOB.name, id)?;
    end(unit, before, "cancelled", None)
}

/// The run of an import has failed for the last time, for a fault of the server, and nobody waits for it any more.
pub fn give_up(unit: &mut Unit<'_>, id: Uuid) -> Result<()> {
    let before = Import::lock(unit, id, None)?;
    if before.is_unfinished() {
        end(unit, before, "failed", Some("Its run has failed and was dropped.".to_owned()))?;
    }
    Ok(())
}

fn end(unit: &mut Unit<'_>, before: Import, state: &str, error: Option<String>) -> Result<Import> {
    forget_file(unit, before.id)?;
    let (state, finished_at) = (state.to_owned(), Some(unit.now));
    let after = Import { state, error, finished_at, waiting_for: None, ..before.clone() };
    Import::save(unit, &before, after)
}

/// What was kept of a file for as long as its import ran.
fn forget_file(unit: &mut Unit<'_>, id: Uuid) -> Result<()> {
    import_rows::forget(&mut unit.tenant, id)?;
    Statement::command("DELETE FROM import_chunks WHERE workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND import_id = ")
        .bind(id)
        .execute(unit.tenant.conn)?;
    Ok(())
}

impl Store {
    /// An import whose turn it is; none if it has ended.
    pub fn claim_import(&self, workspace_id: Uuid, id: Uuid) -> Result<Option<Claim>> {
        let import = self.tenant(workspace_id, |tenant| Import::get(tenant, id))?;
        Ok(import.is_unfinished().then_some(Claim { workspace_id, import }))
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
            let before = Import::lock(unit, id, None)?;
            if before.is_cancelled() {
                return Ok(crate::Answer::default());
            }
            before.check_unfinished()?;
            end(unit, before, state, error)?;
            Ok(crate::Answer::default())
        })?;
        Ok(())
    }

    /// Notes what an import waits for, until it goes on. The feed does not tell of it.
    pub fn hold_import(&self, claim: &Claim, now: DateTime<Utc>, wanted: Passing) -> Result<()> {
        let caller = self.import_caller(claim.workspace_id, None, &claim.import)?;
        self.write(&caller, now, None, |unit| {
            let before = Import::lock(unit, claim.import.id, None)?;
            before.check_unfinished()?;
            let waiting_for = Some(wanted.word().to_owned());
            Import::save(unit, &before, Import { waiting_for, ..before.clone() })?;
            unit.events.clear();
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
        use voronka_domain::people::access::Permission;
        let (settings, calendar) = self.tenant(workspace_id, |tenant| {
            let workspace = crate::workspace::workspaces::get(tenant)?;
            Ok((workspace.settings()?, self.calendar(tenant, &workspace)?))
        })?;
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
            grant: crate::core::caller::Grant::Scopes(vec![Permission::ImportsWrite]),
            visibility: Visibility::All,
            looks_after: Visibility::All,
            settings,
            calendar,
            token_version: 0,
            ends_at: None,
        })
    }
}

/// Tables that imports fill.
const FILLED: &str = "SET LOCAL statement_timeout = 0; \
    ANALYZE deals, stage_visits, events, clients, users, import_rows";

impl Store {
    /// Brings the statistics up to date that Postgres plans queries by: it does so by itself, but late.
    pub fn analyze_imported(&self) -> Result<()> {
        let mut connection = self.connection()?;
        let done = connection.transaction(|conn| Ok(conn.batch_execute(FILLED)?));
        connection.watch(done)
    }
}
