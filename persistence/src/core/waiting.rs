//! Who waits for what is read. Once he has gone away, it ends, and its connection is free for others.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use diesel::{Connection as _, PgConnection, QueryResult, RunQueryDsl, sql_types::Integer};

use crate::{Error, Result};

thread_local! {
    /// For whom this thread works. Whatever connection it takes meanwhile, it takes for him.
    static PRESENT: RefCell<Option<Waiting>> = const { RefCell::new(None) };
}

/// Somebody who waits for work that only reads.
#[derive(Debug, Clone, Default)]
pub struct Waiting(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    gone: bool,
    sessions: Vec<Session>,
}

/// A session of the database, which may be told to end its statement.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub process_id: i32,
    pub canceller: Arc<Canceller>,
}

/// Between two statements there is nothing to end: the next one is.
const AGAIN: Duration = Duration::from_millis(50);
const TRIES: usize = 100;

impl Waiting {
    /// Works for him.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let _before = Before(PRESENT.replace(Some(self.clone())));
        work()
    }

    /// He has gone away: no statement is begun for him any more, and those in progress end.
    pub fn end(&self) {
        self.state().gone = true;
        for _ in 0..TRIES {
            // Under the lock, so that no session is given to somebody else and ended for him.
            let state = self.state();
            if state.sessions.is_empty() {
                return;
            }
            for session in &state.sessions {
                session.canceller.cancel(session.process_id);
            }
            drop(state);
            thread::sleep(AGAIN);
        }
    }

    /// For whom the thread works, if he is still there.
    pub(crate) fn present() -> Result<Option<Self>> {
        match PRESENT.with_borrow(Clone::clone) {
            Some(waiting) if waiting.state().gone => Err(Error::Busy),
            present => Ok(present),
        }
    }

    pub(crate) fn takes(&self, session: Session) -> Result<()> {
        let mut state = self.state();
        if state.gone {
            return Err(Error::Busy);
        }
        state.sessions.push(session);
        Ok(())
    }

    pub(crate) fn gives_back(&self, process_id: i32) {
        self.state().sessions.retain(|session| session.process_id != process_id);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For whom the thread worked before; it goes on for him whatever becomes of the work.
struct Before(Option<Waiting>);

impl Drop for Before {
    fn drop(&mut self) {
        PRESENT.set(self.0.take());
    }
}

/// A connection of its own, opened at the first need: those of the pool may all be busy with what is to end.
pub(crate) struct Canceller {
    url: String,
    connection: Mutex<Option<PgConnection>>,
}

impl Canceller {
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), connection: Mutex::default() }
    }

    /// Tells a session to end its statement. Where that fails, the statement has its limit.
    fn cancel(&self, process_id: i32) {
        let mut kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = kept.take().or_else(|| PgConnection::establish(&self.url).ok());
        let Some(mut connection) = connection else { return };
        let told: QueryResult<_> = diesel::sql_query("SELECT pg_cancel_backend($1)")
            .bind::<Integer, _>(process_id)
            .execute(&mut connection);
        match told {
            Ok(_) => *kept = Some(connection),
            Err(error) => tracing::warn!(%error, "a statement could not be ended"),
        }
    }
}

impl std::fmt::Debug for Canceller {
    // The address has a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canceller")
    }
}
