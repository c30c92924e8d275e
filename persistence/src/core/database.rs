//! The pool of connections, the migrations, and what every server keeps in memory.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, SubsecRound, Utc};
use diesel::{
    PgConnection, RunQueryDsl,
    connection::SimpleConnection,
    dsl::{select, sql},
    r2d2::{ConnectionManager, ManageConnection, Pool, PooledConnection},
    sql_types::Integer,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use moka::sync::Cache;
use uuid::Uuid;
use voronka_domain::{
    process::Process,
    workspace::{calendar::Calendar, custom_field::CustomField},
};

use crate::{
    Caller, Error, Result,
    core::waiting::{Canceller, Session, Waiting},
};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations");
/// Any number that no other program on the database uses: "voronka".
const MIGRATION_LOCK: i64 = 0x0076_6f72_6f6e_6b61;

/// What every session begins with. Who has set other timeouts, for the user or in the URL, keeps them. Heavy reads
/// and imports have a limit of their own.
/// While Postgres compiles a statement it hears of no limit and of nobody who gives it up: it does not compile.
/// Errors are known by their English texts; only superusers, and who was granted it, may ask for them.
const SESSION: &str = "SET TIME ZONE 'UTC';
    SELECT set_config('lock_timeout', '10s', false) WHERE current_setting('lock_timeout') = '0';
    SELECT set_config('statement_timeout', '15s', false) WHERE current_setting('statement_timeout') = '0';
    SELECT set_config('jit', 'off', false);
    DO $$ BEGIN
        PERFORM set_config('lc_messages', 'C', false);
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END $$";

/// Now, to the microsecond that Postgres keeps, so that what is stored equals what was answered.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// A connection that leaves the pool when its server has gone away.
#[derive(Debug)]
pub struct Manager(ConnectionManager<PgConnection>);

pub struct Link {
    connection: PgConnection,
    /// Of the database's server.
    process_id: i32,
    lost: bool,
}

impl ManageConnection for Manager {
    type Connection = Link;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Link, Self::Error> {
        let mut connection = self.0.connect()?;
        let process_id = connection
            .batch_execute(SESSION)
            .and_then(|()| select(sql::<Integer>("pg_backend_pid()")).get_result(&mut connection))
            .map_err(diesel::r2d2::Error::QueryError)?;
        Ok(Link { connection, process_id, lost: false })
    }

    fn is_valid(&self, link: &mut Link) -> Result<(), Self::Error> {
        self.0.is_valid(&mut link.connection)
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        link.lost || self.0.has_broken(&mut link.connection)
    }
}

/// A connection on loan from the pool, and for whom.
pub struct Connection(PooledConnection<Manager>, Option<Waiting>);

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(waiting) = &self.1 {
            waiting.gives_back(self.0.process_id);
        }
    }
}

impl Deref for Connection {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.0.connection
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0.connection
    }
}

impl Connection {
    /// Looks at a result on its way out, so that a lost connection is not lent again.
    pub fn watch<T>(&mut self, result: Result<T>) -> Result<T> {
        match result {
            Err(Error::Unavailable(cause)) => {
                self.0.lost = true;
                Err(Error::Unavailable(cause))
            }
            result => result,
        }
    }

    /// Does not give the connection back: its session ends, with all that it holds.
    pub(crate) fn close(&mut self) {
        self.0.lost = true;
    }
}

/// The database, with the caches in front of it.
#[derive(Clone)]
pub struct Store {
    pool: Pool<Manager>,
    canceller: Arc<Canceller>,
    pub(crate) processes: Cache<(Uuid, Uuid), Arc<Process>>,
    /// By the version of a workspace's calendar: no such entry is ever out of date.
    pub(crate) calendars: Cache<(Uuid, i32), Arc<Calendar>>,
    pub callers: Cache<Uuid, Arc<Caller>>,
    pub(crate) fields: Cache<Uuid, Arc<Vec<CustomField>>>,
    kept: Arc<Kept>,
}

/// What contexts keep in memory beside the database, one of each type.
type Kept = Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>;

impl Store {
    /// A pool of at most `size` connections; none is opened yet, and one more than are in use is kept ready.
    pub fn new(url: &str, size: u32) -> Self {
        Self::with_idle(url, size, 1)
    }

    /// The same for a command that is soon at its end: no connection is opened that nobody asked for, for the process
    /// would end in the midst of it, and the database's library with it.
    pub fn of_command(url: &str, size: u32) -> Self {
        Self::with_idle(url, size, 0)
    }

    fn with_idle(url: &str, size: u32, idle: u32) -> Self {
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(idle))
            .connection_timeout(Duration::from_secs(5))
            // A round trip before every request; lost connections are found when they are used.
            .test_on_check_out(false)
            .error_handler(Box::new(Silent))
            .build_unchecked(Manager(ConnectionManager::new(url)));
        Self {
            pool,
            canceller: Arc::new(Canceller::new(url)),
            processes: Cache::new(10_000),
            calendars: Cache::new(10_000),
            callers: Cache::builder().max_capacity(10_000).time_to_live(CALLER_LIFE).build(),
            fields: Cache::builder().max_capacity(10_000).time_to_live(CALLER_LIFE).build(),
            kept: Arc::default(),
        }
    }

    /// What a context keeps in memory.
    pub(crate) fn kept<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let one = kept.entry(TypeId::of::<T>()).or_insert_with(|| Arc::<T>::default());
        one.clone().downcast().unwrap_or_default()
    }

    /// A connection, for whom the thread works.
    pub fn connection(&self) -> Result<Connection> {
        let waiting = Waiting::present()?;
        let connection = self.pool.get().map_err(|error| match self.pool.state().connections {
            // The database is there: others use all that may be opened.
            all if all >= self.pool.max_size() => Error::Busy,
            _ => Error::Unavailable(error.to_string()),
        })?;
        if let Some(waiting) = &waiting {
            let (process_id, canceller) = (connection.process_id, self.canceller.clone());
            waiting.takes(Session { process_id, canceller })?;
        }
        Ok(Connection(connection, waiting))
    }

    /// Brings the schema up to date. Of many servers that start at once, one does the work.
    pub fn migrate(url: &str) -> Result<Vec<String>> {
        let mut connection = <PgConnection as diesel::Connection>::establish(url)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        let lock = format!("SELECT pg_advisory_lock({MIGRATION_LOCK})");
        diesel::sql_query(lock).execute(&mut connection)?;
        let run = connection
            .run_pending_migrations(MIGRATIONS)
            .map_err(|error| Error::Internal(format!("migration failed: {error}")))?;
        let run = run.iter().map(ToString::to_string).collect();
        Self::fill_name_keys(&mut connection)?;
        Ok(run)
        // The lock goes with the connection.
    }

    /// The database answers.
    pub fn ping(&self) -> Result<()> {
        let mut connection = self.connection()?;
        let answer = diesel::sql_query("SELECT 1").execute(&mut *connection).map_err(Error::from);
        connection.watch(answer.map(|_| ()))
    }

    /// Connections that the pool may open.
    pub fn most_connections(&self) -> u32 {
        self.pool.max_size()
    }

    /// Connections in the pool, and those of them that are idle.
    pub fn pool_state(&self) -> (u32, u32) {
        let state = self.pool.state();
        (state.connections, state.idle_connections)
    }
}

/// How long a change of somebody's role, or a new custom field, may stay unknown to another server.
const CALLER_LIFE: Duration = Duration::from_secs(5);

/// The pool's own complaints; whoever asked for a connection is told anyway.
#[derive(Debug)]
struct Silent;

impl<E: std::fmt::Display> diesel::r2d2::HandleError<E> for Silent {
    fn handle_error(&self, error: E) {
        tracing::debug!(%error, "no connection to the database");
    }
}

impl Store {
    /// Gives a database with all that is in it to a role, a plain word, which is made if need be: whoever comes as
    /// that role can do what he likes with his data, and nothing with the machine.
    pub fn give_database(superusers_url: &str, role: &str) -> Result<()> {
        let mut connection = <PgConnection as diesel::Connection>::establish(superusers_url)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(connection.batch_execute(&include_str!("ownership.sql").replace("{role}", role))?)
    }

    /// Makes a database on a server, unless it is there.
    pub fn create_database(server_url: &str, name: &str) -> Result<()> {
        let mut connection = <PgConnection as diesel::Connection>::establish(server_url)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        let there: bool =
            crate::Statement::select(crate::core::unit::raw::<diesel::sql_types::Bool>(
                "EXISTS (SELECT FROM pg_database WHERE datname = ",
            ))
            .bind(name)
            .sql(")")
            .get_result(&mut connection)?;
        if !there {
            let quoted = name.replace('"', "\"\"");
            match diesel::sql_query(format!("CREATE DATABASE \"{quoted}\""))
                .execute(&mut connection)
            {
                Ok(_) => {}
                // Another server was faster.
                Err(error) if error.to_string().contains("already exists") => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
