//! What is in the store, or may be. Each object has its row before its first byte is written, and until it is removed:
//! whatever is cut off leaves nothing behind for good, and what hangs on something is never removed.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{RunQueryDsl, sql_types::Uuid as SqlUuid};
use uuid::Uuid;

use crate::{Error, Result, Statement, Store, Tenant, Unit, core::unit::raw};

/// How long an object may be written: what is still being written then is nobody's.
pub const LONGEST_WRITE: TimeDelta = TimeDelta::hours(24);
/// How long something that was given up may still arrive in the store.
const ARRIVING: TimeDelta = TimeDelta::minutes(10);
const AT_ONCE: i64 = 100;

/// What has become of an object that was written.
#[derive(Debug, Clone)]
pub struct Written {
    pub bytes: u64,
    pub sha256: Vec<u8>,
    /// What it was said to be.
    pub content_type: Option<String>,
}

fn figure(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl Store {
    /// Takes room for an object of at most so many bytes, of all that the workspace may have. Its row is there before
    /// anything is written.
    pub fn begin_object(
        &self,
        workspace_id: Uuid,
        (most, share): (u64, u64),
        now: DateTime<Utc>,
    ) -> Result<Uuid> {
        let id = Uuid::now_v7();
        // The workspace's sum is held by whoever raises it.
        let begun = Statement::command(
            "WITH room AS (INSERT INTO stored_bytes AS had (workspace_id, bytes) \
             SELECT it.workspace_id, it.most FROM (SELECT ",
        )
        .bind(workspace_id)
        .sql(" AS workspace_id, ")
        .bind(figure(most))
        .sql(" AS most, ")
        .bind(figure(share))
        .sql(
            " AS share) AS it WHERE it.most <= it.share \
             ON CONFLICT (workspace_id) DO UPDATE SET bytes = had.bytes + excluded.bytes \
             WHERE had.bytes + excluded.bytes <= ",
        )
        .bind(figure(share))
        .sql(
            " RETURNING workspace_id) \
             INSERT INTO stored_objects (workspace_id, id, state, bytes, remove_at, created_at) SELECT workspace_id, ",
        )
        .bind(id)
        .sql(", 'writing', ")
        .bind(figure(most))
        .sql(", ")
        .bind(now.checked_add_signed(LONGEST_WRITE).unwrap_or(now))
        .sql(", ")
        .bind(now)
        .sql(" FROM room");
        match self.tenant(workspace_id, |tenant| Ok(begun.execute(tenant.conn)?))? {
            0 => Err(Error::conflict("files_full", "", full(share))),
            _ => Ok(id),
        }
    }

    /// Gives up an object that is not kept. If some of it may be under way to the store, that is waited for before it is
    /// removed, and takes as much room as came of it. What is kept stays, so this may be said of anything.
    pub fn abandon_object(
        &self,
        workspace_id: Uuid,
        id: Uuid,
        under_way: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let wait = if under_way.is_some() { ARRIVING } else { TimeDelta::zero() };
        let came = figure(under_way.unwrap_or(0));
        let abandoned = Statement::command(
            "WITH had AS (SELECT workspace_id, id, bytes FROM stored_objects WHERE state = 'writing' AND workspace_id = ",
        )
        .bind(workspace_id)
        .sql(" AND id = ")
        .bind(id)
        .sql(" FOR UPDATE), freed AS (UPDATE stored_bytes b SET bytes = b.bytes - had.bytes + least(had.bytes, ")
        .bind(came)
        .sql(
            ") FROM had WHERE b.workspace_id = had.workspace_id) UPDATE stored_objects o \
             SET state = 'gone', bytes = least(o.bytes, ",
        )
        .bind(came)
        .sql("), remove_at = ")
        .bind(now.checked_add_signed(wait).unwrap_or(now))
        .sql(" FROM had WHERE o.workspace_id = had.workspace_id AND o.id = had.id");
        self.tenant(workspace_id, |tenant| Ok(abandoned.execute(tenant.conn).map(|_| ())?))
    }

    /// The workspaces of the first objects that are to be removed.
    pub fn workspaces_of_objects_to_remove(&self, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let due = Statement::select(raw::<SqlUuid>(
            "DISTINCT workspace_id FROM (SELECT workspace_id FROM stored_objects WHERE remove_at <= ",
        ))
        .bind(now)
        .sql(" ORDER BY remove_at LIMIT 10000) AS due")
        .load(&mut *connection)
        .map_err(Error::from);
        connection.watch(due)
    }

    /// Some objects that are to be removed. From then on none of them can be kept.
    pub fn objects_to_remove(&self, workspace_id: Uuid, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let due = Statement::with(
            "WITH due AS MATERIALIZED (SELECT workspace_id, id FROM stored_objects WHERE workspace_id = ",
            raw::<SqlUuid>(""),
        )
        .bind(workspace_id)
        .sql(" AND remove_at <= ")
        .bind(now)
        .sql(" ORDER BY remove_at LIMIT ")
        .bind(AT_ONCE)
        .sql(
            " FOR UPDATE SKIP LOCKED) UPDATE stored_objects o SET state = 'gone' FROM due \
             WHERE o.workspace_id = due.workspace_id AND o.id = due.id RETURNING o.id",
        );
        self.tenant(workspace_id, |tenant| Ok(due.load(tenant.conn)?))
    }

    /// Forgets an object that is no longer in the store; its room is free.
    pub fn forget_object(&self, workspace_id: Uuid, id: Uuid) -> Result<()> {
        let forgotten = Statement::command(
            "WITH freed AS (DELETE FROM stored_objects WHERE state = 'gone' AND workspace_id = ",
        )
        .bind(workspace_id)
        .sql(" AND id = ")
        .bind(id)
        .sql(
            " RETURNING workspace_id, bytes) UPDATE stored_bytes b SET bytes = b.bytes - freed.bytes \
             FROM freed WHERE b.workspace_id = freed.workspace_id",
        );
        self.tenant(workspace_id, |tenant| Ok(forgotten.execute(tenant.conn).map(|_| ())?))
    }
}

fn full(share: u64) -> String {
    format!(
        "The workspace may have {share} bytes of files, and has too many for another one. Delete some; their room is \
         free a moment later."
    )
}

/// Keeps an object that was written, in the transaction of what hangs on it. What took longer than it may is not there
/// any more.
pub fn keep(unit: &mut Unit<'_>, id: Uuid, written: &Written) -> Result<()> {
    let kept = Statement::command(
        "WITH had AS (SELECT workspace_id, id, bytes FROM stored_objects WHERE state = 'writing' AND workspace_id = ",
    )
    .bind(unit.tenant.workspace_id)
    .sql(" AND id = ")
    .bind(id)
    .sql(
        " FOR UPDATE), freed AS (UPDATE stored_bytes b SET bytes = b.bytes - had.bytes + ",
    )
    .bind(figure(written.bytes))
    .sql(
        " FROM had WHERE b.workspace_id = had.workspace_id) UPDATE stored_objects o \
         SET state = 'kept', remove_at = NULL, bytes = ",
    )
    .bind(figure(written.bytes))
    .sql(", sha256 = ")
    .bind(written.sha256.clone())
    .sql(", content_type = nullif(")
    .bind(written.content_type.clone().unwrap_or_default())
    .sql(", '') FROM had WHERE o.workspace_id = had.workspace_id AND o.id = had.id");
    match kept.execute(unit.tenant.conn)? {
        0 => Err(Error::conflict("upload_expired", "", EXPIRED)),
        _ => Ok(()),
    }
}

const EXPIRED: &str = "The upload took too long, and what came of it is not kept. Send it again.";

/// What hung on some objects is removed in this transaction: so will they be.
pub fn let_go(unit: &mut Unit<'_>, ids: &[Uuid]) -> Result<()> {
    let gone = Statement::command("UPDATE stored_objects SET state = 'gone', remove_at = ")
        .bind(unit.now)
        .sql(" WHERE state = 'kept' AND workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND id = ANY(")
        .bind(ids.to_vec())
        .sql(")");
    gone.execute(unit.tenant.conn)?;
    Ok(())
}

/// The bytes that a workspace has in the store, what is being written with its limit.
pub fn bytes(tenant: &mut Tenant<'_>) -> Result<i64> {
    use diesel::OptionalExtension;
    let rows = tenant.rows(raw::<diesel::sql_types::BigInt>("bytes"), "stored_bytes");
    Ok(rows.get_result(tenant.conn).optional()?.unwrap_or(0))
}
