//! The event feed. It never skips: a position is taken under a shared lock that names the highest
//! position handed out before it, and a reader stops at the lowest such floor still held. So whatever
//! a running transaction may yet commit lies above everything that has been read.

use chrono::{DateTime, Utc};
use diesel::{
    ExecuteCopyFromDsl, Insertable, OptionalExtension, RunQueryDsl,
    pg::Pg,
    sql_types::{BigInt, Binary, Integer, Json, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::people::access::Actor;

use crate::{
    JsonText, Result, Statement, Tenant,
    core::{
        columns::columns,
        packing::{packed, unpacked},
        schema::events,
        unit::raw,
    },
};

/// What is to be recorded.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent {
    pub event_type: &'static str,
    pub object_id: Uuid,
    pub sequence: i32,
    pub occurred_at: DateTime<Utc>,
    pub actor: Actor,
    pub change: JsonText,
    pub object: JsonText,
}

/// An event as it was recorded.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: Uuid,
    pub position: i64,
    pub event_type: String,
    pub object_id: Uuid,
    pub sequence: i32,
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    pub actor: JsonText,
    pub change: JsonText,
    pub object: JsonText,
}

/// Those from before events were packed have the three in columns of their own.
type Parts = (Option<JsonText>, Option<JsonText>, Option<JsonText>);
type Json3 = (Nullable<Json>, Nullable<Json>, Nullable<Json>);
type Head = (Uuid, i64, String, Uuid, i32, DateTime<Utc>, DateTime<Utc>);
type EventTypes =
    ((SqlUuid, BigInt, Text, SqlUuid, Integer, Timestamptz, Timestamptz), Json3, Nullable<Binary>);
const EVENT: &str = "id, position, event_type, object_id, sequence, occurred_at, recorded_at, \
                     actor, change, object, packed";

impl diesel::Queryable<EventTypes, Pg> for Event {
    type Row = (Head, Parts, Option<Vec<u8>>);

    fn build((head, parts, packed): Self::Row) -> diesel::deserialize::Result<Self> {
        let (actor, change, object) = match (parts, packed) {
            // Whoever mends it has to know which it is.
            (_, Some(packed)) => unpacked(&packed)
                .map_err(|error| format!("event {} at {}: {error}", head.0, head.1))?,
            ((Some(actor), Some(change), Some(object)), None) => (actor, change, object),
            _ => return Err(format!("event {} at {} says nothing", head.0, head.1).into()),
        };
        let (id, position, event_type, object_id, sequence, occurred_at, recorded_at) = head;
        Ok(Self {
            id,
            position,
            event_type,
            object_id,
            sequence,
            occurred_at,
            recorded_at,
            actor,
            change,
            object,
        })
    }
}

/// High bits of the advisory locks that mark the floors: "VK". The low 48 bits are the floor.
const TAG: i64 = 22_091;

/// Takes the floor: before the positions, which are drawn as rows that are joined with it are inserted.
pub(crate) const FLOOR: &str = "pg_advisory_xact_lock_shared((22091::bigint << 48) | \
                                (SELECT last_value FROM events_position_seq))";

/// From here on COPY is faster than INSERT.
const MANY: usize = 50;

pub(crate) fn record(
    tenant: &mut Tenant<'_>,
    events: Vec<NewEvent>,
    now: DateTime<Utc>,
) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    if events.len() >= MANY {
        return record_many(tenant, events, now);
    }
    let rows = rows(tenant, events, now)?;
    // The floor is taken before the positions: they are drawn as the joined rows are inserted.
    Statement::command("WITH floor AS MATERIALIZED (SELECT ")
        .sql(FLOOR)
        .sql(
            ") INSERT INTO events (workspace_id, recorded_at, id, event_type, object_id, sequence, \
             occurred_at, packed) SELECT ",
        )
        .bind(tenant.workspace_id)
        .sql(", ")
        .bind(now)
        .sql(", event.* FROM floor, unnest(")
        .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
        .sql("::uuid[], ")
        .bind(rows.iter().map(|row| row.event_type.to_owned()).collect::<Vec<_>>())
        .sql("::text[], ")
        .bind(rows.iter().map(|row| row.object_id).collect::<Vec<_>>())
        .sql("::uuid[], ")
        .bind(rows.iter().map(|row| row.sequence).collect::<Vec<_>>())
        .sql("::int[], ")
        .bind(rows.iter().map(|row| row.occurred_at).collect::<Vec<_>>())
        .sql("::timestamptz[], ")
        .bind(rows.into_iter().map(|row| row.packed.unwrap_or_default()).collect::<Vec<_>>())
        .sql("::bytea[]) AS event")
        .execute(tenant.conn)?;
    Ok(())
}

fn rows(tenant: &Tenant<'_>, events: Vec<NewEvent>, now: DateTime<Utc>) -> Result<Vec<EventRow>> {
    events.into_iter().map(|event| event.row(tenant.workspace_id, now)).collect()
}

#[derive(Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
pub(crate) struct EventRow {
    pub workspace_id: Uuid,
    pub id: Uuid,
    pub event_type: &'static str,
    pub object_id: Uuid,
    pub sequence: i32,
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    pub packed: Option<Vec<u8>>,
}

columns! { EventRow, events {
    workspace_id, recorded_at, id, event_type, object_id, sequence, occurred_at, packed,
} }

impl NewEvent {
    pub(crate) fn row(self, workspace_id: Uuid, now: DateTime<Utc>) -> Result<EventRow> {
        Ok(EventRow {
            workspace_id,
            id: Uuid::now_v7(),
            event_type: self.event_type,
            object_id: self.object_id,
            sequence: self.sequence,
            occurred_at: self.occurred_at,
            recorded_at: now,
            packed: Some(packed(&self.actor, &self.change, &self.object)?),
        })
    }
}

/// The same by COPY.
fn record_many(tenant: &mut Tenant<'_>, events: Vec<NewEvent>, now: DateTime<Utc>) -> Result<()> {
    // The floor comes first: COPY draws the positions row by row.
    Statement::command("SELECT ").sql(FLOOR).execute(tenant.conn)?;
    let rows = rows(tenant, events, now)?;
    diesel::copy_from(events::table).from_insertable(rows).execute(tenant.conn)?;
    Ok(())
}

/// A stretch of the feed.
#[derive(Debug)]
pub struct Stretch {
    pub events: Vec<Event>,
    /// Read on from here; everything up to it has been seen.
    pub position: i64,
    /// There is more than the limit let through, or than was looked at.
    pub more: bool,
}

/// Events after a position, in order. `types` narrows by event type, `object_id` to one object.
pub fn after(
    tenant: &mut Tenant<'_>,
    position: i64,
    limit: i64,
    types: Option<Vec<String>>,
    object_id: Option<Uuid>,
) -> Result<Stretch> {
    // The order of these three reads is what makes it right; each has a snapshot of its own.
    let handed_out: i64 = Statement::select(raw::<BigInt>("last_value FROM events_position_seq"))
        .get_result(tenant.conn)?;
    let floor: Option<i64> = Statement::select(raw::<Nullable<BigInt>>(
        "min(((classid::bigint << 32) | objid::bigint) & ((1::bigint << 48) - 1)) FROM pg_locks \
         WHERE locktype = 'advisory' AND objsubid = 1 AND database = \
         (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND (classid::bigint >> 16) = ",
    ))
    .bind(TAG)
    .get_result(tenant.conn)?;
    let ceiling = floor.unwrap_or(i64::MAX).min(handed_out);
    let narrowed = types.is_some() || object_id.is_some();
    // Of a rare type there may be none for long: a stretch looks at so many events, and then it is a short one.
    let looked_at = match object_id {
        None if narrowed => most_looked_at(tenant, position, ceiling)?,
        _ => None,
    };
    let ceiling = looked_at.unwrap_or(ceiling);
    let mut statement = tenant
        .rows(raw::<EventTypes>(EVENT), "events")
        .sql(" AND position > ")
        .bind(position)
        .sql(" AND position <= ")
        .bind(ceiling);
    if let Some(types) = types {
        statement = statement.sql(" AND event_type = ANY(").bind(types).sql(")");
    }
    if let Some(object_id) = object_id {
        statement = statement.sql(" AND object_id = ").bind(object_id);
    }
    let mut events: Vec<Event> = statement
        .sql(" ORDER BY position LIMIT ")
        .bind(limit.saturating_add(1))
        .load(tenant.conn)?;
    let keep = usize::try_from(limit).unwrap_or(0);
    let cut = events.len() > keep;
    events.truncate(keep);
    let last = events.last().map(|event| event.position);
    // To where everything was seen, but no further than to an event: a position that was drawn and not
    // used may be drawn again after a crash of the database.
    let seen = if cut || !narrowed { last } else { last_up_to(tenant, ceiling)? };
    let position = position.max(seen.unwrap_or(position));
    Ok(Stretch { events, position, more: cut || looked_at.is_some() })
}

/// Most events that a stretch of some types looks at.
const MOST_LOOKED_AT: i64 = 10_000;

/// Up to which position a stretch looks, where there are events beyond.
fn most_looked_at(tenant: &mut Tenant<'_>, position: i64, ceiling: i64) -> Result<Option<i64>> {
    let beyond: Option<i64> = tenant
        .rows(raw::<BigInt>("position"), "events")
        .sql(" AND position > ")
        .bind(position)
        .sql(" AND position <= ")
        .bind(ceiling)
        .sql(" ORDER BY position LIMIT 1 OFFSET ")
        .bind(MOST_LOOKED_AT)
        .get_result(tenant.conn)
        .optional()?;
    Ok(beyond.map(|beyond| beyond.saturating_sub(1)))
}

/// The workspace's last event up to a position.
fn last_up_to(tenant: &mut Tenant<'_>, ceiling: i64) -> Result<Option<i64>> {
    let last = tenant
        .rows(raw::<Nullable<BigInt>>("max(position)"), "events")
        .sql(" AND position <= ")
        .bind(ceiling)
        .get_result(tenant.conn)?;
    Ok(last)
}

/// The history of one object, oldest first.
pub fn history(
    tenant: &mut Tenant<'_>,
    object_id: Uuid,
    after: i32,
    limit: i64,
) -> Result<Vec<Event>> {
    let events = tenant
        .rows(raw::<EventTypes>(EVENT), "events")
        .sql(" AND object_id = ")
        .bind(object_id)
        .sql(" AND sequence > ")
        .bind(after)
        .sql(" ORDER BY sequence LIMIT ")
        .bind(limit)
        .load(tenant.conn)?;
    Ok(events)
}

/// What happened to some objects, in the order of recording.
pub fn of_all(
    tenant: &mut Tenant<'_>,
    object_ids: Vec<Uuid>,
    after: i64,
    limit: i64,
) -> Result<Vec<Event>> {
    let events = tenant
        .rows(raw::<EventTypes>(EVENT), "events")
        .sql(" AND object_id = ANY(")
        .bind(object_ids)
        .sql(") AND position > ")
        .bind(after)
        .sql(" ORDER BY position LIMIT ")
        .bind(limit)
        .load(tenant.conn)?;
    Ok(events)
}
