//! Recordings of calls: playing them, and fetching them again.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponseBuilder, get,
    http::header::{self, ContentDisposition, DispositionParam, DispositionType},
    post,
};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::intake::recording::audio::Audio;
use voronka_persistence::{
    Caller,
    intake::recordings::{self, Recording},
};

use crate::{
    http::{
        Call, Id, Problem, Reply, Responded,
        call::{ActivitiesRead, ActivitiesWrite},
        ranges::{self, Asked},
        work::reading,
    },
    objects::Key,
    state::App,
    v1::bodies::recording::RecordingBody,
};

/// The bytes of a recording, for the specification.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Sound(#[allow(dead_code)] Vec<u8>);

/// What is kept of a recording.
struct Kept {
    object_id: Uuid,
    length: u64,
    audio: Audio,
}

impl Kept {
    /// That of an activity, if the caller sees it.
    async fn find(app: &App, caller: Arc<Caller>, activity_id: Uuid) -> Result<Self, Problem> {
        let (store, workspace_id) = (app.store.clone(), caller.workspace_id);
        let looked_up = reading(&app.shares, workspace_id, move || {
            let found = store.read(&caller, |it| recordings::to_hear(it, &caller, activity_id));
            let (activity, row) = found?;
            Ok((RecordingBody::of(activity.recording_url.as_deref(), row.as_ref())?, row))
        });
        let (shown, row) = looked_up.await?;
        let is_kept = shown.as_ref().is_some_and(|shown| shown.state == "kept");
        let kept = row.filter(|_| is_kept).and_then(Self::of);
        let why_not = || RecordingBody::why_not(shown.as_ref());
        kept.ok_or_else(|| Problem::new("recording_not_kept", why_not()))
    }

    fn of(row: Recording) -> Option<Self> {
        Some(Self {
            object_id: row.object_id?,
            length: u64::try_from(row.bytes?).ok()?,
            audio: Audio::of_media_type(row.content_type.as_deref()?)?,
        })
    }

    /// What is kept once never changes.
    fn etag(&self) -> String {
        format!("\"{}\"", self.object_id)
    }

    fn describe(&self, response: &mut HttpResponseBuilder, activity_id: Uuid) {
        let name = format!("{activity_id}.{}", self.audio.extension());
        let disposition = ContentDisposition {
            disposition: DispositionType::Inline,
            parameters: vec![DispositionParam::Filename(name)],
        };
        response.content_type(self.audio.media_type()).insert_header(disposition);
    }
}

/// Play the recording of a call
///
/// Whoever sees the activity hears it. It comes whole, or in the part that `Range` asks for: several parts at once are
/// answered with the whole. A workspace has 32 files and recordings on their way at a time. What it is its bytes say, whatever the exchange said of it.
#[utoipa::path(tag = "Activities", operation_id = "getActivityRecording", security(("bearer" = ["activities:read"])),
    params(("id" = Uuid, Path, description = "Id of the activity."),
        ("Range" = Option<String>, Header, description = "One range of bytes.", example = "bytes=0-65535"),
        ("If-Range" = Option<String>, Header, description = "The ETag of the recording that the range is of: of another one, the whole comes."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the caller has: while it is the present one, the answer is 304.")),
    responses((status = 200, description = "The recording.", content((Sound = "audio/wav"), (Sound = "audio/mpeg"), (Sound = "audio/aac"), (Sound = "audio/ogg"), (Sound = "audio/flac"), (Sound = "audio/mp4"), (Sound = "audio/amr"), (Sound = "audio/amr-wb"))),
        (status = 206, description = "A part of it, which Content-Range names.", content((Sound = "audio/wav"), (Sound = "audio/mpeg"), (Sound = "audio/aac"), (Sound = "audio/ogg"), (Sound = "audio/flac"), (Sound = "audio/mp4"), (Sound = "audio/amr"), (Sound = "audio/amr-wb"))),
        (status = 304, description = "It is known: If-None-Match has its ETag.")))]
#[get("/v1/activities/{id}/recording")]
pub async fn play(call: Call<ActivitiesRead>, request: HttpRequest, id: Id) -> Responded {
    call.no_parameters()?;
    let (app, workspace_id) = (call.app.clone(), call.caller.workspace_id);
    let kept = Kept::find(&app, call.caller.clone(), id.0).await?;
    let asked = Asked::of(&request, kept.length, &kept.etag())?;
    let mut response = ranges::head(&asked, kept.length, &kept.etag());
    response.insert_header((header::CACHE_CONTROL, "private"));
    let Some(bytes) = asked.bytes(kept.length) else { return Ok(response.finish()) };
    kept.describe(&mut response, id.0);
    let place = app.downloads.one(workspace_id).await?;
    let key = Key { workspace_id, id: kept.object_id };
    let stream = app.objects.read(key, asked.part()).await?;
    Ok(ranges::send(response, &bytes, stream, place))
}

/// Fetch a recording again
///
/// One that could not be fetched, and is tried no more, waits again as if it had just been told of.
#[utoipa::path(tag = "Activities", operation_id = "fetchActivityRecording", security(("bearer" = ["activities:write"])),
    params(("id" = Uuid, Path, description = "Id of the activity.")),
    responses((status = 200, description = "How it is with the recording.", body = RecordingBody)))]
#[post("/v1/activities/{id}/recording/fetch")]
pub async fn fetch(call: Call<ActivitiesWrite>, id: Id) -> Responded {
    call.no_parameters()?;
    let app = call.app.clone();
    let response = call
        .write(Vec::new(), move |unit, _| {
            let (activity, row) = recordings::try_again(unit, id.0)?;
            let shown = RecordingBody::of(activity.recording_url.as_deref(), Some(&row))?;
            Ok(Reply::ok(shown))
        })
        .await?;
    app.wake.work();
    Ok(response)
}
