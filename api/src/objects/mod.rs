//! The store of files: a directory, or a bucket that speaks S3. Objects come and go in pieces and are never whole in
//! memory. Which of them there are is said by the database (`stored_objects`); the store is never searched.

mod marker;
mod place;
mod write;

use std::{
    future::Future,
    io,
    ops::Range,
    path::PathBuf,
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, path::Path};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
};
use uuid::Uuid;
use voronka_persistence::Error;

use crate::{Failure, http::Problem};

pub use place::Place;

/// The name of an object: nobody chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub workspace_id: Uuid,
    pub id: Uuid,
}

impl Key {
    fn path(self) -> Path {
        Path::from_iter([self.workspace_id.to_string(), self.id.to_string()])
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub bytes: u64,
    pub sha256: Vec<u8>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Failed<E> {
    /// It is more than these.
    #[error("It has more than {0} bytes.")]
    TooLarge(u64),
    /// What was to be written could not be read.
    #[error("{0}")]
    Source(E),
    #[error("{0}")]
    Store(Fault),
}

/// What the store refused, or that it did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the store of files: {0}")]
pub struct Fault(#[from] object_store::Error);

impl Fault {
    /// There is no room in it.
    pub fn is_full(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&self.0);
        while let Some(error) = cause {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        tracing::warn!(error = %fault, "the store of files failed");
        match fault.is_full() {
            true => Error::Disk(fault.to_string()).into(),
            false => Self::new("unavailable", "The store of files cannot be reached.")
                .header("Retry-After", "5"),
        }
    }
}

/// The store. A copy is the same store.
#[derive(Clone)]
pub struct Objects(Arc<Inner>);

struct Inner {
    store: Arc<dyn ObjectStore>,
    /// Of a store that is a directory.
    directory: Option<PathBuf>,
    /// The store that it was when the server started.
    is: OnceLock<Uuid>,
    runtime: Own,
}

/// Threads on which the store is written and asked, whoever waits for it: what has begun comes to an end.
struct Own(Option<Runtime>);

impl Drop for Own {
    fn drop(&mut self) {
        // Dropped among others, it must not wait for what goes on.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Objects {
    /// The store at a place. Nothing is asked of it yet.
    pub fn at(place: &Place) -> Result<Self, Failure> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("files")
            .enable_all()
            .build()?;
        let store = place.open(runtime.handle())?;
        let directory = place.directory().map(PathBuf::from);
        Ok(Self(Arc::new(Inner {
            store,
            directory,
            is: OnceLock::new(),
            runtime: Own(Some(runtime)),
        })))
    }

    fn runtime(&self) -> Result<&Runtime, Fault> {
        let stopped = || object_store::Error::NotSupported { source: "the server stops".into() };
        self.0.runtime.0.as_ref().ok_or_else(|| Fault(stopped()))
    }

    /// Waits for something of the store, on a thread that serves nobody else meanwhile.
    pub fn wait<T: Send, F: Future<Output = T> + Send>(&self, work: F) -> Result<T, Fault> {
        let runtime = self.runtime()?;
        let waited = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join());
        let broken = |_| object_store::Error::NotSupported { source: "its thread died".into() };
        waited.map_err(|error| Fault(broken(error)))
    }

    /// Writes what comes, piece by piece, and stops if it is more than `most`. It is all there, for good, or nothing
    /// is. If whoever waits goes away before the last piece has come, nothing is there either. `came` counts what was
    /// handed to the store, however it ends.
    pub async fn keep<E>(
        &self,
        key: Key,
        source: impl Stream<Item = Result<Bytes, E>>,
        most: u64,
        came: &AtomicU64,
    ) -> Result<Written, Failed<E>> {
        self.is_still_there().await.map_err(Failed::Store)?;
        let (pieces, come) = mpsc::channel(1);
        let write = write::write(self.0.store.clone(), key.path(), come);
        let writing = self.runtime().map_err(Failed::Store)?.spawn(write);
        let mut source = pin!(source);
        let (mut left, mut fault) = (most, None);
        while let Some(bytes) = source.next().await {
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(error) => {
                    fault = Some(Failed::Source(error));
                    break;
                }
            };
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let Some(rest) = left.checked_sub(length) else {
                fault = Some(Failed::TooLarge(most));
                break;
            };
            left = rest;
            came.fetch_add(length, Ordering::Relaxed);
            // Nobody takes it: writing has failed, and says why.
            if pieces.send(write::Piece::Bytes(bytes)).await.is_err() {
                break;
            }
        }
        if fault.is_none() {
            let _ = pieces.send(write::Piece::End).await;
        }
        drop(pieces);
        let written = writing.await;
        match (fault, written) {
            (Some(fault), _) => Err(fault),
            (None, Ok(Ok(written))) => {
                self.is_still_there().await.map_err(Failed::Store)?;
                Ok(written)
            }
            (None, Ok(Err(error))) => Err(Failed::Store(error.into())),
            (None, Err(_)) => Err(Failed::Store(Fault(write::cut_off()))),
        }
    }

    /// An object, or a stretch of it, as it comes.
    pub async fn read(
        &self,
        key: Key,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, Fault>>, Fault> {
        let range = range.map(GetRange::Bounded);
        let options = GetOptions { range, ..GetOptions::default() };
        let found = self.0.store.get_opts(&key.path(), options).await?;
        Ok(found.into_stream().map_err(Fault).boxed())
    }

    /// Removes an object; it is well if it is gone. What was cut off while it was written is removed, too.
    pub async fn remove(&self, key: Key) -> Result<(), Fault> {
        self.is_still_there().await?;
        match self.0.store.delete(&key.path()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(directory) = self.0.directory.clone() else { return Ok(()) };
        let cleared = tokio::task::spawn_blocking(move || place::clear(&directory, key)).await;
        let failed = |source| object_store::Error::Generic { store: "directory", source };
        match cleared {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Fault(failed(error.into()))),
            Err(error) => Err(Fault(failed(error.into()))),
        }
    }
}

#[cfg(test)]
mod tests;
