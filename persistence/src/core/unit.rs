//! The unit of work: one transaction with the change, its events and the request's idempotency key.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use diesel::{
    Connection, PgConnection,
    connection::{SimpleConnection, TransactionManager},
};
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::{people::access::Actor, process::Process};

use crate::{
    Caller, Error, JsonText, Raw, Result, Statement, Store,
    core::{events, idempotency},
};

/// A connection that speaks for one workspace. Queries begin here, so none can leave the tenant out.
pub struct Tenant<'c> {
    pub(crate) conn: &'c mut PgConnection,
    pub workspace_id: Uuid,
}

impl Tenant<'_> {
    /// `SELECT … FROM table WHERE table.workspace_id = …`, to be continued with ` AND`.
    pub(crate) fn select<S>(&self, selection: S, from: &str, table: &str) -> Statement<S> {
        Statement::select(selection)
            .sql(format!(" FROM {from} WHERE {table}.workspace_id = "))
            .bind(self.workspace_id)
    }

    /// The same over one table.
    pub(crate) fn rows<S>(&self, selection: S, table: &str) -> Statement<S> {
        self.select(selection, table, table)
    }
}

/// Names the request, so that its repetition does not repeat the work.
#[derive(Debug, Clone)]
pub struct Idempotency {
    pub key: String,
    pub request_hash: Vec<u8>,
}

/// What a request is answered with, as it is kept for a repetition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub etag: Option<String>,
    pub location: Option<String>,
    /// Of reads only: it is not kept.
    pub content_location: Option<String>,
    pub body: Option<String>,
    /// A part of the command met what passes. A repetition by key carries that part out.
    pub unfinished: bool,
}

#[derive(Debug)]
pub struct Written {
    pub answer: Answer,
    pub replayed: bool,
}

/// How far a unit of work reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// A transaction that has begun: all that is recorded stands or falls together.
    Transaction,
    /// One statement, which is a transaction of its own. What takes more begins one.
    Statement,
}

/// A transaction in progress on behalf of a caller, or the single statement that will be one.
pub struct Unit<'c> {
    pub tenant: Tenant<'c>,
    pub caller: &'c Caller,
    pub actor: Actor,
    pub now: DateTime<Utc>,
    pub store: &'c Store,
    /// The kept answer to the same command, a part of which is still to be carried out.
    pub unfinished: Option<Answer>,
    pub(crate) events: Vec<events::NewEvent>,
    began: Instant,
    pub(crate) extent: Extent,
}

impl<'c> Unit<'c> {
    pub(crate) fn new(
        conn: &'c mut PgConnection,
        store: &'c Store,
        caller: &'c Caller,
        now: DateTime<Utc>,
    ) -> Self {
        let tenant = Tenant { conn, workspace_id: caller.workspace_id };
        Self {
            tenant,
            caller,
            actor: caller.actor,
            now,
            store,
            unfinished: None,
            events: Vec::new(),
            began: Instant::now(),
            extent: Extent::Transaction,
        }
    }

    /// Does in a transaction what takes more than one statement.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Unit<'_>) -> Result<T>,
    ) -> Result<T> {
        if self.extent == Extent::Transaction {
            return work(self);
        }
        let Self { caller, actor, now, store, .. } = *self;
        self.tenant.conn.transaction(|conn| {
            let mut unit = Unit { actor, ..Unit::new(conn, store, caller, now) };
            let done = work(&mut unit)?;
            unit.flush()?;
            Ok(done)
        })
    }

    pub fn process(&mut self, version_id: Uuid) -> Result<Arc<Process>> {
        self.store.process(&mut self.tenant, version_id)
    }

    /// Notes that something happened to a thing other than a deal; `version` is the thing's new one.
    pub fn happened(
        &mut self,
        event_type: &'static str,
        object_id: Uuid,
        version: i32,
        object: &impl Serialize,
    ) -> Result<()> {
        let object = JsonText::of(object)?;
        self.events.push(events::NewEvent {
            event_type,
            object_id,
            sequence: version,
            occurred_at: self.now,
            actor: self.actor,
            change: JsonText::of(&serde_json::Map::new())?,
            object,
        });
        Ok(())
    }

    /// Carries out a part of the command; nothing of it remains if it fails, and the rest goes on.
    pub fn attempt<T, E: From<Error>>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        type Savepoints = <PgConnection as Connection>::TransactionManager;
        let before = self.events.len();
        Savepoints::begin_transaction(self.tenant.conn).map_err(Error::from)?;
        let result = part(self);
        match &result {
            Ok(_) => Savepoints::commit_transaction(self.tenant.conn).map_err(Error::from)?,
            Err(_) => {
                self.events.truncate(before);
                Savepoints::rollback_transaction(self.tenant.conn).map_err(Error::from)?;
            }
        }
        result
    }

    /// All that follows in the transaction is looked up by keys. A plan that was made while a table was small is kept
    /// for as long as the connection, and would read the whole table when it has grown.
    pub(crate) fn looks_up_by_keys(&mut self) -> Result<()> {
        Ok(self.tenant.conn.batch_execute("SET LOCAL enable_seqscan = off")?)
    }

    /// What is done one after the other waits for all that others hold no longer than for one thing: they wait for
    /// what this holds meanwhile.
    pub fn wait_for_the_rest(&mut self) -> Result<()> {
        let waited = self.began.elapsed();
        if waited < UNNOTICED {
            return Ok(());
        }
        let left = LONGEST_WAIT.saturating_sub(waited).max(SHORTEST_WAIT).as_millis();
        Ok(self.tenant.conn.batch_execute(&format!(
            "SELECT set_config('lock_timeout', '{left}ms', true) \
             WHERE current_setting('lock_timeout')::interval > '{left}ms'"
        ))?)
    }

    /// Has waited long enough: until the transaction ends, whatever others hold is waited for no more.
    pub fn hurry(&mut self) -> Result<()> {
        let shortest = SHORTEST_WAIT.as_millis();
        Ok(self.tenant.conn.batch_execute(&format!("SET LOCAL lock_timeout = '{shortest}ms'"))?)
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.events);
        events::record(&mut self.tenant, pending, self.now)
    }
}

/// How long one waits for what others hold, as every session is told; and how long at least, when it is over.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
/// Nobody has waited for anything to speak of.
const UNNOTICED: Duration = Duration::from_secs(1);

pub(crate) fn to_json(value: &impl Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|error| Error::Internal(error.to_string()))
}

impl Store {
    /// Carries out a command in a transaction; nothing of it remains if it fails. With a key, the
    /// first answer is kept in the same transaction and given again to a repetition; one that is
    /// unfinished is given to the command, and what comes of both is kept.
    pub fn write(
        &self,
        caller: &Caller,
        now: DateTime<Utc>,
        key: Option<&Idempotency>,
        command: impl FnOnce(&mut Unit<'_>) -> Result<Answer>,
    ) -> Result<Written> {
        let mut connection = self.connection()?;
        let result = connection.transaction(|conn| {
            let mut unit = Unit::new(conn, self, caller, now);
            if let Some(key) = key {
                match idempotency::reserve(&mut unit, key)? {
                    Some(answer) if !answer.unfinished => {
                        return Ok(Written { answer, replayed: true });
                    }
                    unfinished => unit.unfinished = unfinished,
                }
            }
            let answer = command(&mut unit)?;
            unit.flush()?;
            if let Some(key) = key {
                idempotency::keep(&mut unit, key, &answer)?;
            }
            Ok(Written { answer, replayed: false })
        });
        connection.watch(result)
    }

    /// Carries out a command that records one deal and writes nothing else. Without a key that is one
    /// statement, and no transaction is begun for it.
    pub fn write_deal(
        &self,
        caller: &Caller,
        now: DateTime<Utc>,
        key: Option<&Idempotency>,
        command: impl FnOnce(&mut Unit<'_>) -> Result<Answer>,
    ) -> Result<Written> {
        if key.is_some() {
            return self.write(caller, now, key, command);
        }
        let mut connection = self.connection()?;
        let mut unit =
            Unit { extent: Extent::Statement, ..Unit::new(&mut connection, self, caller, now) };
        let result = command(&mut unit).map(|answer| Written { answer, replayed: false });
        connection.watch(result)
    }

    /// Reads on behalf of a caller.
    pub fn read<T>(
        &self,
        caller: &Caller,
        query: impl FnOnce(&mut Tenant<'_>) -> Result<T>,
    ) -> Result<T> {
        self.tenant(caller.workspace_id, query)
    }

    /// Reads in a workspace, before there is a caller.
    pub fn tenant<T>(
        &self,
        workspace_id: Uuid,
        query: impl FnOnce(&mut Tenant<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut connection = self.connection()?;
        let mut tenant = Tenant { conn: &mut connection, workspace_id };
        let result = query(&mut tenant).map_err(Error::of_read);
        connection.watch(result)
    }

    /// Several reads that see one and the same state of the database, and may take long.
    pub fn snapshot<T>(
        &self,
        caller: &Caller,
        query: impl FnOnce(&mut Tenant<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut connection = self.connection()?;
        let workspace_id = caller.workspace_id;
        let result = connection.build_transaction().repeatable_read().read_only().run(|conn| {
            conn.batch_execute(HEAVY)?;
            query(&mut Tenant { conn, workspace_id })
        });
        connection.watch(result.map_err(Error::of_read))
    }
}

/// Within a transaction: what a heavy read may take. There are few at a time, and each is worth a plan of its own.
const HEAVY: &str = "SET LOCAL statement_timeout = '120s'; SET LOCAL work_mem = '32MB'; \
    SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_memoize = off";

/// A `SELECT` that names its types itself.
pub(crate) fn raw<ST>(sql: &'static str) -> Raw<ST> {
    Raw::new(sql)
}
