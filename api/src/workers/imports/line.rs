//! Batches in line: while one is being written, the next one is decided. They end in their order, so that
//! what is done of an import is always a beginning of its file.

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
};

use uuid::Uuid;
use voronka_domain::import::Plan;
use voronka_persistence::{
    Error, Store,
    import::{
        imports::Import,
        names::Names,
        run::{Batch, Before, Turn},
    },
};

/// Gives the batches one by one; none after the last.
pub(super) type Source<'a> = dyn FnMut() -> Result<Option<Batch>, Error> + Send + 'a;

pub(super) struct Line<'a> {
    store: &'a Store,
    workspace_id: Uuid,
    plan: &'a Plan,
    stopping: &'a (dyn Fn() -> bool + Sync),
    front: Mutex<Front<'a>>,
    done: Mutex<Done>,
}

/// Whoever holds it decides.
struct Front<'a> {
    source: &'a mut Source<'a>,
    names: Names,
    count: usize,
    before: Option<Before>,
}

/// What has come of the batches so far.
pub(super) struct Done {
    pub import: Import,
    /// Batches that could not be taken beside each other, with their places in the line.
    failed: Vec<(usize, Batch)>,
    pub cancelled: bool,
    pub stopped: bool,
}

impl Done {
    fn is_over(&self) -> bool {
        self.cancelled || self.stopped || !self.failed.is_empty()
    }

    /// Batches to be taken one by one, in their order.
    pub fn failed(&mut self) -> Vec<Batch> {
        let mut failed = std::mem::take(&mut self.failed);
        failed.sort_by_key(|(place, _)| *place);
        failed.into_iter().map(|(_, batch)| batch).collect()
    }
}

/// The names, as long as one is at the front.
struct Held<'l, 'a>(MutexGuard<'l, Front<'a>>);

impl Deref for Held<'_, '_> {
    type Target = Names;
    fn deref(&self) -> &Names {
        &self.0.names
    }
}

impl DerefMut for Held<'_, '_> {
    fn deref_mut(&mut self) -> &mut Names {
        &mut self.0.names
    }
}

impl<'a> Line<'a> {
    pub fn new(
        (store, workspace_id): (&'a Store, Uuid),
        plan: &'a Plan,
        (import, names): (Import, Names),
        stopping: &'a (dyn Fn() -> bool + Sync),
        source: &'a mut Source<'a>,
    ) -> Self {
        let front = Front { source, names, count: 0, before: None };
        let done = Done { import, failed: Vec::new(), cancelled: false, stopped: false };
        let (front, done) = (Mutex::new(front), Mutex::new(done));
        Self { store, workspace_id, plan, stopping, front, done }
    }

    /// Takes batches until there are no more, or one cannot be taken; so many at a time.
    pub fn run(
        self,
        abreast: usize,
        after: &(dyn Fn(&Import) -> Result<(), Error> + Sync),
    ) -> Result<(Done, Names), Error> {
        let lane = || {
            let ended = self.lane(after);
            lock(&self.done).stopped |= ended.is_err();
            ended
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..abreast).map(|_| scope.spawn(lane)).collect();
            let mut ended = lane();
            for other in others {
                let panicked = |_| Err(Error::Internal("a writer of batches panicked".to_owned()));
                ended = ended.and(other.join().unwrap_or_else(panicked));
            }
            ended
        })?;
        let front = self.front.into_inner().unwrap_or_else(PoisonError::into_inner);
        let done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((done, front.names))
    }

    fn lane(&self, after: &dyn Fn(&Import) -> Result<(), Error>) -> Result<(), Error> {
        loop {
            let mut front = lock(&self.front);
            let import = {
                let mut done = lock(&self.done);
                done.stopped |= (self.stopping)();
                if done.is_over() {
                    return Ok(());
                }
                done.import.clone()
            };
            let Some(batch) = (front.source)()? else { return Ok(()) };
            front.count += 1;
            let place = front.count;
            let (sender, left) = mpsc::sync_channel(1);
            let before = front.before.replace(Before { left, deals: batch.deals() });
            let (turn, names) = (Turn::new(import, before), Held(front));
            match self.store.import_batch(self.workspace_id, turn, self.plan, names, &batch) {
                Ok(Some(import)) => {
                    lock(&self.done).import = import.clone();
                    // Nobody may be behind.
                    let _ = sender.send(import.clone());
                    after(&import)?;
                }
                Ok(None) => lock(&self.done).cancelled = true,
                Err(error) => {
                    tracing::debug!(%error, "a batch has to be taken by itself");
                    lock(&self.done).failed.push((place, batch));
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
