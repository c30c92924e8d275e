//! A file on its way in: it goes to the store piece by piece, and holds no connection to the database meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, http::header, web};
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit};
use voronka_domain::files::name::cleaned;
use voronka_persistence::{
    Answer, Caller, again,
    files::{self, NewFile, objects::Written},
    now,
};

use super::FileObject;
use crate::{
    http::{
        Problem,
        body::{parse, timely, unread},
        limits,
        work::block,
    },
    objects::{Failed, Key},
    state::App,
};

/// The part that says what the file hangs on, and what else a body has beside its file.
const OBJECT: usize = 4 << 10;
const BESIDE: u64 = 64 << 10;
/// Nothing takes longer: what is being written the day after is removed.
const LONGEST: Duration = Duration::from_secs(12 * 3_600);

/// What is sent, part by part.
pub(super) struct Parts {
    sent: Multipart,
}

impl Parts {
    pub(super) fn of(
        request: &HttpRequest,
        payload: web::Payload,
        app: &App,
    ) -> Result<Self, Problem> {
        if request.content_type() != "multipart/form-data" {
            return Err(Problem::new("unsupported_media_type", "Send multipart/form-data.")
                .with("/content-type", "unsupported_media_type", "Send multipart/form-data.")
                .at("header"));
        }
        let (limit, _) = app.file_limits;
        if announced(request).is_some_and(|length| length > limit.saturating_add(BESIDE)) {
            return Err(too_large(limit));
        }
        Ok(Self { sent: Multipart::new(request.headers(), timely(payload, app.body_patience)) })
    }

    /// The first part: what the file is to hang on.
    pub(super) async fn object(&mut self) -> Result<FileObject, Problem> {
        let mut part = self.part("object").await?;
        let mut text = Vec::new();
        while let Some(bytes) = part.try_next().await.map_err(|error| broken(&error))? {
            if text.len().saturating_add(bytes.len()) > OBJECT {
                let detail = format!("At most {OBJECT} bytes.");
                return Err(Problem::validation("/object", "too_long", detail));
            }
            text.extend_from_slice(&bytes);
        }
        parse(&text).map_err(|problem| problem.under("/object"))
    }

    async fn part(&mut self, name: &str) -> Result<Field, Problem> {
        match self.sent.next().await {
            Some(part) => {
                let part = part.map_err(|error| broken(&error))?;
                if part.name() == Some(name) {
                    return Ok(part);
                }
                let detail = "The parts are object and file, in this order, each once.";
                Err(Problem::validation(&format!("/{name}"), "required", detail))
            }
            None => {
                Err(Problem::validation(&format!("/{name}"), "required", "The part is missing."))
            }
        }
    }

    /// Nothing comes after the file.
    async fn end(&mut self) -> Result<(), Problem> {
        match self.sent.next().await {
            None => Ok(()),
            Some(Err(error)) => Err(broken(&error)),
            Some(Ok(part)) => {
                let name = format!("/{}", part.name().unwrap_or_default());
                Err(Problem::validation(&name, "unknown_field", "The file is the last part."))
            }
        }
    }
}

fn broken(error: &MultipartError) -> Problem {
    let wrong = |detail: String| Problem::validation("", "invalid_multipart", detail);
    match error {
        MultipartError::Payload(error) => unread(error, wrong),
        error => wrong(error.to_string()),
    }
}

fn too_large(limit: u64) -> Problem {
    let detail = format!("A file has at most {limit} bytes.");
    Problem::new("body_too_large", &*detail).with("/file", "body_too_large", detail.clone())
}

/// How long the body is going to be, where its sender says so: no file in it is longer.
fn announced(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// An object in the store that becomes a file, or is given up.
pub(super) struct Upload {
    app: web::Data<App>,
    key: Key,
    most: u64,
    object: FileObject,
    /// Whether something may still arrive in the store.
    under_way: bool,
    came: AtomicU64,
    settled: bool,
    _place: OwnedSemaphorePermit,
}

impl Upload {
    /// Takes a place, and room in the store, for a file that the caller may add.
    pub(super) async fn begin(
        app: &web::Data<App>,
        caller: &Arc<Caller>,
        request: &HttpRequest,
        object: FileObject,
    ) -> Result<Self, Problem> {
        let workspace_id = caller.workspace_id;
        let place = app.uploads.one(workspace_id).await?;
        let (limit, share) = app.file_limits;
        let most = announced(request).unwrap_or(limit).min(limit);
        let connection = app.shares.one(workspace_id).await?;
        let (app, caller) = (app.clone(), caller.clone());
        // Whoever goes away meanwhile leaves an upload that is given up.
        block(move || {
            let _connection = connection;
            again(|| {
                app.store.write(&caller, now(), None, |unit| {
                    files::require(unit, (object.kind, object.id))?;
                    Ok(Answer::default())
                })
            })?;
            let id = app.store.begin_object(workspace_id, (most, share), now())?;
            let key = Key { workspace_id, id };
            Ok(Self {
                app,
                key,
                most,
                object,
                under_way: false,
                came: AtomicU64::new(0),
                settled: false,
                _place: place,
            })
        })
        .await
    }

    /// Writes the file to the store. Answers it, and the digest of all that was sent.
    pub(super) async fn take(&mut self, parts: &mut Parts) -> Result<(NewFile, Vec<u8>), Problem> {
        let part = parts.part("file").await?;
        let name = part.content_disposition().and_then(|said| said.get_filename());
        let name = cleaned(name.unwrap_or_default());
        let content_type = part.content_type().map(|said| said.essence_str().to_owned());
        let longest = usize::try_from(limits::NAME).unwrap_or(usize::MAX);
        let content_type = content_type.filter(|said| said.len() <= longest);
        let written = self.write(part).await?;
        parts.end().await?;
        let digest = Sha256::new()
            .chain_update(format!("{} {} {name}\0", self.object.kind, self.object.id))
            .chain_update(content_type.as_deref().unwrap_or_default())
            .chain_update([0])
            .chain_update(&written.sha256)
            .finalize();
        let (bytes, sha256) = (written.bytes, written.sha256);
        let written = Written { bytes, sha256, content_type };
        let object = (self.object.kind, self.object.id);
        let new = NewFile { object, name, stored_id: self.key.id, written };
        Ok((new, digest.to_vec()))
    }

    async fn write(&mut self, part: Field) -> Result<crate::objects::Written, Problem> {
        self.under_way = true;
        let keep = self.app.objects.keep(self.key, part, self.most, &self.came);
        let written = tokio::time::timeout(LONGEST, keep).await;
        let written = written.map_err(|_| Problem::of("request_timeout"))?;
        self.under_way = matches!(written, Err(Failed::Store(_)));
        written.map_err(|failed| match failed {
            Failed::TooLarge(_) => too_large(self.app.file_limits.0),
            Failed::Source(error) => broken(&error),
            Failed::Store(fault) => fault.into(),
        })
    }

    /// The file is there. An answer that was kept is that of another upload, and this one's object is nobody's.
    pub(super) fn settle(&mut self, response: &HttpResponse) {
        self.settled = !response.headers().contains_key("Idempotent-Replayed");
    }
}

impl Drop for Upload {
    /// What has become a file stays one.
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let (app, Key { workspace_id, id }) = (self.app.clone(), self.key);
        let under_way = self.under_way.then(|| self.came.load(Ordering::Relaxed));
        let abandon = move || {
            let abandoned = app.store.abandon_object(workspace_id, id, under_way, now());
            if let Err(error) = abandoned {
                // Its time is over after a day.
                tracing::warn!(%error, "an upload could not be given up");
            }
            app.wake.work();
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(abandon);
        }
    }
}
