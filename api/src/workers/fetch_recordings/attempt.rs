//! An attempt to fetch a recording.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use actix_web::web::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::{Response, header::CONTENT_TYPE};
use uuid::Uuid;
use voronka_domain::intake::recording::{
    Failure,
    audio::{self, Audio},
};
use voronka_persistence::{
    Error, again,
    files::objects::Written,
    intake::recordings::{Fetched, Recording},
    now,
};

use super::fetcher::Inner;
use crate::{
    objects::{self, Key},
    outgoing::client::{Failed, failure},
};

/// Fetches a recording, and writes down what came of it. Whenever it is cut off, what there is of it is removed later,
/// and it is fetched again.
pub(super) async fn attempt(inner: &Inner, workspace_id: Uuid, recording: &Recording) {
    let (object, came) = (OnceLock::new(), AtomicU64::new(0));
    let fetching = fetch(inner, workspace_id, &recording.url, (&object, &came));
    let done = tokio::time::timeout(inner.limits.time, fetching).await;
    let done = done.unwrap_or_else(|_| Err(Failure::TookTooLong.into()));
    let is_whole = done.is_ok();
    let under_way = (!is_whole).then(|| came.load(Ordering::Relaxed));
    let (store, recording, begun) = (inner.store.clone(), recording.clone(), object.get().copied());
    inner
        .with_database(move || {
            let fetched = match (&done, begun) {
                (Ok(written), Some(object)) => Fetched::Kept(object, written),
                (Ok(_), None) => Fetched::Missed(Failure::Ours, None),
                (Err(failed), _) => Fetched::Missed(failed.why.clone(), failed.patience),
            };
            let told = again(|| store.recording_fetched(workspace_id, &recording, &fetched, now()));
            if let Some(object) = begun.filter(|_| !is_whole || !matches!(told, Ok(true))) {
                store.abandon_object(workspace_id, object, under_way, now())?;
            }
            told.map(|_| ())
        })
        .await;
}

async fn fetch(
    inner: &Inner,
    workspace_id: Uuid,
    url: &str,
    (object, came): (&OnceLock<Uuid>, &AtomicU64),
) -> Result<Written, Failed> {
    let (most, share) = inner.limits.bytes;
    let mut answer = inner.outgoing.get(url).await?;
    let says = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    audio::may_be(says).map_err(Failure::NoAudio)?;
    let length = answer.content_length();
    if length.is_some_and(|length| length > most) {
        return Err(Failure::TooLarge(most).into());
    }
    let (audio, head) = head(&mut answer).await?;
    // What says how long it is takes no more room than that.
    let room = length.unwrap_or(most);
    let id = begin(inner, workspace_id, (room, share)).await?;
    let _ = object.set(id);
    let rest = stream::unfold(answer, async |mut answer| {
        Some((answer.chunk().await.transpose()?, answer))
    });
    let all = stream::iter(head.into_iter().map(Ok)).chain(rest);
    let written = inner.objects.keep(Key { workspace_id, id }, all, room, came).await;
    if matches!(written, Err(objects::Failed::TooLarge(_) | objects::Failed::Source(_))) {
        // It was taken back: nothing is on its way.
        came.store(0, Ordering::Relaxed);
    }
    let written = written.map_err(|failed| match failed {
        objects::Failed::TooLarge(_) => Failure::TooLarge(most),
        objects::Failed::Source(error) => failure(&error),
        objects::Failed::Store(fault) => {
            tracing::warn!(error = %fault, "the store of files failed");
            Failure::Ours
        }
    })?;
    Ok(Written {
        bytes: written.bytes,
        sha256: written.sha256,
        content_type: Some(audio.media_type().to_owned()),
    })
}

/// As much as tells what it is.
async fn head(answer: &mut Response) -> Result<(Audio, Vec<Bytes>), Failed> {
    let (mut head, mut pieces, mut whole) = (Vec::new(), Vec::new(), false);
    while head.len() < audio::HEAD && !whole {
        match answer.chunk().await.map_err(|error| failure(&error))? {
            Some(piece) => {
                head.extend_from_slice(&piece);
                pieces.push(piece);
            }
            None => whole = true,
        }
    }
    let audio = audio::of(&head, whole).map_err(Failure::NoAudio)?;
    Ok((audio, pieces))
}

/// Room for it.
async fn begin(inner: &Inner, workspace_id: Uuid, room: (u64, u64)) -> Result<Uuid, Failed> {
    let store = inner.store.clone();
    let begun = inner.with_database(move || match store.begin_object(workspace_id, room, now()) {
        Err(Error::Conflict { code: "files_full", .. }) => Ok(None),
        begun => begun.map(Some),
    });
    match begun.await {
        Some(Some(id)) => Ok(id),
        Some(None) => Err(Failure::NoRoom.into()),
        None => Err(Failure::Ours.into()),
    }
}
