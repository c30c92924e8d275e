//! Idempotency keys: reserved and answered in the transaction of the write itself.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    OptionalExtension, RunQueryDsl,
    sql_types::{Bool, Bytea, Nullable, SmallInt, Text, Uuid as SqlUuid},
};
use uuid::Uuid;

use crate::{
    Answer, Error, Idempotency, Result, Statement, Store, Tenant, Unit,
    core::{schema::idempotency_keys, unit::raw},
};

const KEPT_HOURS: i64 = 24;

type Kept = (Bytea, SmallInt, Nullable<Text>, Nullable<Text>, Nullable<Text>, Bool);
type KeptRow = (Vec<u8>, i16, Option<String>, Option<String>, Option<String>, bool);

/// The first answer to the key, or none and the key is ours until the transaction ends.
pub(crate) fn reserve(unit: &mut Unit<'_>, key: &Idempotency) -> Result<Option<Answer>> {
    let name = format!("{}/{}/{}", unit.caller.workspace_id, unit.caller.id, key.key);
    let lock = Statement::select(raw::<Bool>("pg_try_advisory_xact_lock(hashtextextended("))
        .bind(name)
        .sql(", 20))");
    if !lock.get_result::<bool>(unit.tenant.conn)? {
        return Err(Error::KeyInFlight);
    }
    let kept: Option<KeptRow> = unit
        .tenant
        .rows(
            raw::<Kept>("request_hash, status, etag, location, body, unfinished"),
            "idempotency_keys",
        )
        .sql(" AND caller_id = ")
        .bind(unit.caller.id)
        .sql(" AND key = ")
        .bind(key.key.as_str())
        .sql(" AND created_at > ")
        .bind(unit.now - TimeDelta::hours(KEPT_HOURS))
        .get_result(unit.tenant.conn)
        .optional()?;
    let Some((hash, status, etag, location, body, unfinished)) = kept else { return Ok(None) };
    if hash != key.request_hash {
        return Err(Error::KeyReused);
    }
    let status = u16::try_from(status).unwrap_or(200);
    Ok(Some(Answer { status, etag, location, content_location: None, body, unfinished }))
}

pub(crate) fn keep(unit: &mut Unit<'_>, key: &Idempotency, answer: &Answer) -> Result<()> {
    let values = (
        idempotency_keys::request_hash.eq(&key.request_hash),
        idempotency_keys::status.eq(i16::try_from(answer.status).unwrap_or(200)),
        idempotency_keys::etag.eq(&answer.etag),
        idempotency_keys::location.eq(&answer.location),
        idempotency_keys::body.eq(&answer.body),
        idempotency_keys::unfinished.eq(answer.unfinished),
        idempotency_keys::created_at.eq(unit.now),
    );
    use diesel::ExpressionMethods;
    diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::workspace_id.eq(unit.caller.workspace_id),
            idempotency_keys::caller_id.eq(unit.caller.id),
            idempotency_keys::key.eq(&key.key),
            values,
        ))
        .on_conflict((
            idempotency_keys::workspace_id,
            idempotency_keys::caller_id,
            idempotency_keys::key,
        ))
        .do_update()
        .set(values)
        .execute(unit.tenant.conn)?;
    Ok(())
}

impl Store {
    /// The workspaces that have keys which are older than a day, of the oldest ones.
    pub fn workspaces_of_old_keys(&self, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let found = Statement::select(raw::<SqlUuid>(
            "DISTINCT workspace_id FROM (SELECT workspace_id FROM idempotency_keys WHERE created_at < ",
        ))
        .bind(now - TimeDelta::hours(KEPT_HOURS))
        .sql(" ORDER BY created_at LIMIT 10000) AS oldest")
        .load(&mut *connection)
        .map_err(Error::from);
        connection.watch(found)
    }
}

/// Forgets keys that are older than a day.
pub fn forget(tenant: &mut Tenant<'_>, now: DateTime<Utc>) -> Result<usize> {
    let forgotten = Statement::command("DELETE FROM idempotency_keys WHERE created_at < ")
        .bind(now - TimeDelta::hours(KEPT_HOURS))
        .sql(" AND workspace_id = ")
        .bind(tenant.workspace_id)
        .execute(tenant.conn)?;
    Ok(forgotten)
}
