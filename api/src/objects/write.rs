//! How an object is written: in one go if it is small, else in parts.

use std::sync::Arc;

use actix_web::web::Bytes;
use object_store::{
    Error, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, Result, path::Path,
};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Receiver;

use super::Written;

/// A part: the least that S3 takes. Some take only parts of one length.
pub(super) const PART: usize = 5 << 20;

pub(super) enum Piece {
    Bytes(Bytes),
    /// It was the last one.
    End,
}

/// What was cut off before its end.
pub(super) fn cut_off() -> Error {
    Error::Generic { store: "voronka", source: "what was to be written was cut off".into() }
}

#[derive(Default)]
struct Part {
    pieces: Vec<Bytes>,
    length: usize,
}

impl Part {
    /// Takes as much as fits, and answers what does not.
    fn take(&mut self, mut bytes: Bytes) -> Bytes {
        let fits = bytes.len().min(PART.saturating_sub(self.length));
        let piece = bytes.split_to(fits);
        self.length = self.length.saturating_add(piece.len());
        self.pieces.push(piece);
        bytes
    }

    fn payload(self) -> PutPayload {
        self.pieces.into_iter().collect()
    }
}

/// Writes what comes until its end. If that never comes, nothing is written.
pub(super) async fn write(
    store: Arc<dyn ObjectStore>,
    path: Path,
    mut come: Receiver<Piece>,
) -> Result<Written> {
    let mut upload = None;
    let written = take(&*store, &path, &mut come, &mut upload).await;
    if written.is_err()
        && let Some(mut upload) = upload
        && let Err(error) = upload.abort().await
    {
        tracing::warn!(%error, "parts of an object stay in the store");
    }
    written
}

async fn take(
    store: &dyn ObjectStore,
    path: &Path,
    come: &mut Receiver<Piece>,
    upload: &mut Option<Box<dyn MultipartUpload>>,
) -> Result<Written> {
    let (mut digest, mut length, mut part) = (Sha256::new(), 0_u64, Part::default());
    loop {
        let mut bytes = match come.recv().await {
            None => return Err(cut_off()),
            Some(Piece::End) => break,
            Some(Piece::Bytes(bytes)) => bytes,
        };
        digest.update(&bytes);
        length = length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        while !bytes.is_empty() {
            bytes = part.take(bytes);
            // The last part is not known until more comes.
            if part.length == PART && !bytes.is_empty() {
                send(store, path, upload, std::mem::take(&mut part)).await?;
            }
        }
    }
    match upload {
        None => {
            store.put(path, part.payload()).await?;
        }
        Some(begun) => {
            begun.put_part(part.payload()).await?;
            begun.complete().await?;
        }
    }
    Ok(Written { bytes: length, sha256: digest.finalize().to_vec() })
}

async fn send(
    store: &dyn ObjectStore,
    path: &Path,
    upload: &mut Option<Box<dyn MultipartUpload>>,
    part: Part,
) -> Result<()> {
    let begun = match upload {
        Some(begun) => begun,
        None => upload.insert(store.put_multipart(path).await?),
    };
    begun.put_part(part.payload()).await
}
