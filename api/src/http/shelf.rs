//! Sheets that lie on the disk until they are read: so much of one workspace, so much in all, and not for ever.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::{rt, web, web::Bytes};
use uuid::Uuid;

use crate::http::Problem;

/// So many times the longest sheet may lie there in all; of one workspace, another sheet is written while there is
/// less than one.
const SHEETS_OF_ALL: u64 = 8;
/// After so long a sheet that was not read to its end is thrown away.
const LIFE: Duration = Duration::from_secs(900);
const PIECE: usize = 1 << 16;

#[derive(Debug, Clone)]
pub struct Shelf {
    lying: Arc<Mutex<HashMap<Uuid, u64>>>,
    life: Duration,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { lying: Arc::default(), life: LIFE }
    }
}

/// A sheet, which takes its place until it is dropped.
struct Sheet {
    file: File,
    bytes: u64,
    workspace_id: Uuid,
    shelf: Shelf,
}

impl Shelf {
    /// Whether there is room for another sheet, each of which may be as long as `limit`.
    pub fn check(&self, workspace_id: Uuid, limit: u64) -> Result<(), Problem> {
        let lying = self.lying();
        let own = lying.get(&workspace_id).copied().unwrap_or(0);
        let all: u64 = lying.values().fold(0, |sum, bytes| sum.saturating_add(*bytes));
        if own >= limit || all >= limit.saturating_mul(SHEETS_OF_ALL) {
            let detail = "Sheets that were asked for before are not read yet.";
            return Err(Problem::new("too_many_heavy_requests", detail).header("Retry-After", "30"));
        }
        Ok(())
    }

    /// The file piece by piece, each read when the one before it has been taken: a slow reader holds no thread.
    pub fn pieces(
        &self,
        workspace_id: Uuid,
        file: File,
    ) -> impl futures_util::Stream<Item = io::Result<Bytes>> + use<> {
        let bytes = file.metadata().map_or(0, |data| data.len());
        *self.lying().entry(workspace_id).or_default() += bytes;
        let sheet = Sheet { file, bytes, workspace_id, shelf: self.clone() };
        let place = Arc::new(Mutex::new(Some(sheet)));
        let (watched, life) = (Arc::downgrade(&place), self.life);
        rt::spawn(async move {
            rt::time::sleep(life).await;
            // It is not in its place while a piece is read.
            while let Some(place) = watched.upgrade() {
                if taken(&place).is_some() {
                    return;
                }
                drop(place);
                rt::time::sleep(Duration::from_secs(1)).await;
            }
        });
        futures_util::stream::try_unfold(place, |place| async move {
            let sheet = taken(&place).ok_or(io::ErrorKind::TimedOut)?;
            let read = move || {
                let (mut piece, mut sheet) = (vec![0; PIECE], sheet);
                let length = sheet.file.read(&mut piece)?;
                piece.truncate(length);
                Ok::<_, io::Error>((Bytes::from(piece), sheet))
            };
            let (piece, sheet) = web::block(read).await.map_err(io::Error::other)??;
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(sheet);
            Ok((!piece.is_empty()).then_some((piece, place)))
        })
    }

    fn lying(&self) -> MutexGuard<'_, HashMap<Uuid, u64>> {
        self.lying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn taken(place: &Mutex<Option<Sheet>>) -> Option<Sheet> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Drop for Sheet {
    fn drop(&mut self) {
        let mut lying = self.shelf.lying();
        if let Some(bytes) = lying.get_mut(&self.workspace_id) {
            *bytes = bytes.saturating_sub(self.bytes);
            if *bytes == 0 {
                lying.remove(&self.workspace_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    fn sheet(bytes: usize) -> File {
        use std::io::{Seek, Write};
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![b'x'; bytes]).unwrap();
        file.rewind().unwrap();
        file
    }

    #[actix_web::test]
    async fn what_is_not_read_takes_its_place() {
        let (shelf, one, other) = (Shelf::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        let first = shelf.pieces(one, sheet(100_000));
        assert!(shelf.check(one, 100_001).is_ok() && shelf.check(one, 100_000).is_err());
        assert!(shelf.check(other, 100_000).is_ok());
        let others: Vec<_> =
            (2..9).map(|n| shelf.pieces(Uuid::from_u128(n), sheet(100_000))).collect();
        assert!(shelf.check(Uuid::from_u128(9), 100_000).is_err());
        let read: Vec<Bytes> = first.try_collect().await.unwrap();
        assert_eq!(read.iter().map(Bytes::len).sum::<usize>(), 100_000);
        assert!(shelf.check(one, 100_000).is_ok());
        drop(others);
        assert!(shelf.lying().is_empty());
    }

    #[actix_web::test]
    async fn what_is_not_read_in_time_is_thrown_away() {
        let (shelf, one) = (Shelf { life: Duration::ZERO, ..Shelf::default() }, Uuid::from_u128(1));
        let mut pieces = Box::pin(shelf.pieces(one, sheet(100_000)));
        assert!(shelf.check(one, 100_000).is_err());
        while !shelf.lying().is_empty() {
            tokio::task::yield_now().await;
        }
        // Who reads on learns that it is not the whole.
        assert_eq!(pieces.try_next().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
