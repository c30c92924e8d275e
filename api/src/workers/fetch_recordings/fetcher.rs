//! Places in which recordings are fetched: so many at once for a workspace, and for the server.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
};
use uuid::Uuid;
use voronka_persistence::{Error, Store, again, intake::recordings::Recording, now};

use super::attempt;
use crate::{Failure, objects::Objects, outgoing::client::Outgoing};

/// Recordings that are fetched at once.
const OF_A_WORKSPACE: usize = 4;
const OF_THE_SERVER: usize = 64;
/// Connections to the database, of all places.
const CONNECTIONS: usize = 2;
/// A place is another's after that, if others wait.
const TURN: Duration = Duration::from_secs(30);
/// After the time that a recording may take, for what comes after it.
const GRACE: TimeDelta = TimeDelta::minutes(2);
/// How long what goes on has to come to an end when the server stops.
const STOP: Duration = Duration::from_secs(2);

/// What a recording may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a file, and of all that a workspace has.
    pub bytes: (u64, u64),
    /// From the beginning to the end.
    pub time: Duration,
}

pub(super) struct Inner {
    pub store: Store,
    pub objects: Objects,
    pub outgoing: Outgoing,
    pub limits: Limits,
    database: Semaphore,
    /// Places that are taken, by workspaces.
    taken: Mutex<HashMap<Uuid, usize>>,
    /// Recordings that are being fetched, by their ids.
    under_way: Mutex<HashMap<Uuid, (Uuid, Recording)>>,
    stopping: AtomicBool,
}

pub struct Fetcher {
    inner: Arc<Inner>,
    runtime: Mutex<Option<Runtime>>,
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        // Dropped among others, it must not wait for what goes on.
        if let Some(runtime) = lock(&self.runtime).take() {
            runtime.shutdown_background();
        }
    }
}

impl Fetcher {
    pub fn new(
        store: &Store,
        objects: &Objects,
        outgoing: Outgoing,
        limits: Limits,
    ) -> Result<Self, Failure> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("recordings")
            .enable_all()
            .build()?;
        let runtime = Mutex::new(Some(runtime));
        let inner = Inner {
            store: store.clone(),
            objects: objects.clone(),
            outgoing,
            limits,
            database: Semaphore::new(CONNECTIONS),
            taken: Mutex::default(),
            under_way: Mutex::default(),
            stopping: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner), runtime })
    }

    /// Begins to fetch what waits in a workspace, as far as there are places, and answers how many; none if there is
    /// no place. Each place goes on with what waits then.
    pub fn begin(&self, workspace_id: Uuid, now: DateTime<Utc>) -> Result<Option<usize>, Error> {
        let runtime = lock(&self.runtime);
        let Some(runtime) = runtime.as_ref() else { return Ok(None) };
        let places = self.inner.places(workspace_id);
        if places.is_empty() {
            return Ok(None);
        }
        let due = self.inner.take_up(workspace_id, places.len(), now)?;
        let begun = due.len();
        for (place, recording) in places.into_iter().zip(due) {
            runtime.spawn(go_on(place, recording));
        }
        Ok(Some(begun))
    }

    /// Ends what goes on, and gives back what was not fetched, so that another server has it at once.
    pub fn stop(&self) {
        self.inner.stopping.store(true, Ordering::Relaxed);
        let Some(runtime) = lock(&self.runtime).take() else { return };
        // Not on a thread of a runtime, which must not wait.
        let _ = std::thread::spawn(move || runtime.shutdown_timeout(STOP)).join();
        for (_, (workspace_id, recording)) in lock(&self.inner.under_way).drain() {
            let back = self.inner.store.give_back_recording(workspace_id, &recording, now());
            if let Err(error) = back {
                tracing::warn!(%error, %workspace_id, "a recording is fetched again later");
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place, as long as it is held.
struct Place {
    inner: Arc<Inner>,
    workspace_id: Uuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.inner.taken);
        if let Some(places) = taken.get_mut(&self.workspace_id) {
            *places = places.saturating_sub(1);
            if *places == 0 {
                taken.remove(&self.workspace_id);
            }
        }
    }
}

/// Fetches one after the other, until nothing waits or the turn is over.
async fn go_on(place: Place, first: Recording) {
    let (inner, workspace_id, began) = (&place.inner, place.workspace_id, Instant::now());
    let mut next = Some(first);
    while let Some(recording) = next.take() {
        attempt::attempt(inner, workspace_id, &recording).await;
        lock(&inner.under_way).remove(&recording.id);
        if began.elapsed() >= TURN {
            return;
        }
        let theirs = inner.clone();
        next = inner
            .with_database(move || theirs.take_up(workspace_id, 1, now()))
            .await
            .and_then(|mut due| due.pop());
    }
}

impl Inner {
    /// All places that a workspace may have now.
    fn places(self: &Arc<Self>, workspace_id: Uuid) -> Vec<Place> {
        let mut taken = lock(&self.taken);
        let of_all: usize = taken.values().sum();
        let own = taken.get(&workspace_id).copied().unwrap_or(0);
        let free = OF_A_WORKSPACE.saturating_sub(own).min(OF_THE_SERVER.saturating_sub(of_all));
        if free > 0 {
            taken.insert(workspace_id, own.saturating_add(free));
        }
        (0..free).map(|_| Place { inner: self.clone(), workspace_id }).collect()
    }

    fn take_up(
        &self,
        workspace_id: Uuid,
        most: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Recording>, Error> {
        if self.stopping.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let time = TimeDelta::from_std(self.limits.time).unwrap_or(GRACE);
        let until = now.checked_add_signed(time + GRACE).unwrap_or(now);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let due = again(|| self.store.take_up_recordings(workspace_id, (most, until), now))?;
        let under_way = due.iter().map(|one| (one.id, (workspace_id, one.clone())));
        lock(&self.under_way).extend(under_way);
        Ok(due)
    }

    /// Something that waits for the database. What it fails with is told to the operator.
    pub(super) async fn with_database<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Option<T> {
        let _connection = self.database.acquire().await.ok()?;
        match tokio::task::spawn_blocking(work).await.ok()? {
            Ok(done) => Some(done),
            Err(error) => {
                tracing::warn!(%error, "a recording is fetched again later");
                None
            }
        }
    }
}
