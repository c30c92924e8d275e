//! Files that hang on deals, clients, activities and documents.

mod download;
mod upload;

use actix_web::{HttpRequest, delete, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::files::ObjectKind;
use voronka_persistence::files::{self, File};

use crate::{
    http::{
        Call, Id, Reply, Responded,
        call::{FilesRead, FilesWrite},
        words,
        work::reading,
    },
    page_of,
};

use upload::{Parts, Upload};

/// What a file hangs on.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "deal", "id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11"}))]
pub struct FileObject {
    #[schema(value_type = words::FileObjectKind, example = "deal")]
    pub kind: ObjectKind,
    pub id: Uuid,
}

/// A file, of which `/content` has the bytes.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = File)]
pub struct FileBody {
    pub id: Uuid,
    #[schema(value_type = words::FileObjectKind, example = "deal")]
    pub object_kind: String,
    /// What it hangs on.
    pub object_id: Uuid,
    /// As it was called where it came from: without its path and without what is not seen, 200 characters at most.
    #[schema(example = "offer.pdf", min_length = 1, max_length = 200)]
    pub name: String,
    /// What it was said to be. Nobody has looked.
    #[schema(example = "application/pdf", max_length = 200)]
    pub content_type: Option<String>,
    /// Bytes.
    #[schema(example = 48_213, minimum = 0)]
    pub size: i64,
    /// SHA-256 of its bytes, in hex.
    #[schema(example = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    pub sha256: String,
    /// Who added it; null for an API key.
    pub author_id: Option<Uuid>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<File> for FileBody {
    fn from(row: File) -> Self {
        Self {
            id: row.id,
            object_kind: row.object_kind,
            object_id: row.object_id,
            name: row.name,
            content_type: row.content_type,
            size: row.bytes,
            sha256: hex::encode(row.sha256),
            author_id: row.author_id,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

page_of!(FilePage, FileBody);

/// The parts of an upload, in this order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
#[schema(example = json!({"object": {"kind": "deal", "id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11"}, "file": "Our offer"}))]
pub struct FileForm {
    /// What it is to hang on, as JSON. It comes first.
    object: FileObject,
    /// The file, with its name.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
}

/// Add a file
///
/// To a deal, a client, an activity or a document, which whoever adds it may change: it needs the permission to write
/// things of that kind. The part `object` comes before the part `file`: whether the file may be added is known before
/// it is read. A file has at most `VORONKA_FILE_LIMIT` bytes (100 MiB) and a workspace `VORONKA_FILES_LIMIT` (10 GiB),
/// in which what is being uploaded counts with its announced length. One thing has at most 1,000 files, and a workspace
/// uploads four at a time. An upload is given up when it takes longer than its length allows (a second for every
/// 32 KiB, and `VORONKA_BODY_SECONDS` more), or twelve hours.
#[utoipa::path(tag = "Files", operation_id = "createFile",
    security(("bearer" = ["deals:write"]), ("bearer" = ["clients:write"]), ("bearer" = ["activities:write"]),
        ("bearer" = ["documents:write"])),
    request_body(content = FileForm, content_type = "multipart/form-data", description = "What it hangs on, and the file."),
    responses((status = 201, description = "The new file.", body = FileBody)))]
#[post("/v1/files")]
pub async fn create(
    call: Call<FilesWrite>,
    request: HttpRequest,
    payload: web::Payload,
) -> Responded {
    call.no_parameters()?;
    let mut parts = Parts::of(&request, payload, &call.app)?;
    let object = parts.object().await?;
    let mut upload = Upload::begin(&call.app, &call.caller, &request, object).await?;
    let (new, digest) = upload.take(&mut parts).await?;
    let response = call.write(digest, move |unit, _| {
        let row = files::add(unit, new)?;
        let (location, version) = (format!("/v1/files/{}", row.id), row.version);
        Ok(Reply::created(location, FileBody::from(row), version))
    });
    let response = response.await?;
    upload.settle(&response);
    Ok(response)
}

/// List files
///
/// Those of the things that the caller sees. `object_id` narrows to one thing's.
#[utoipa::path(tag = "Files", operation_id = "listFiles",
    security(("bearer" = ["deals:read"]), ("bearer" = ["clients:read"]), ("bearer" = ["activities:read"]),
        ("bearer" = ["documents:read"])),
    responses((status = 200, description = "A page of the list.", body = FilePage)))]
#[get("/v1/files")]
pub async fn list(call: Call<FilesRead>) -> Responded {
    call.page(&files::LIST, |tenant, _, caller, query| {
        Ok(files::list(tenant, caller, query)?.map(FileBody::from))
    })
    .await
}

/// Read what is known of a file
#[utoipa::path(tag = "Files", operation_id = "getFile",
    security(("bearer" = ["deals:read"]), ("bearer" = ["clients:read"]), ("bearer" = ["activities:read"]),
        ("bearer" = ["documents:read"])),
    params(("id" = Uuid, Path, description = "Id of the file.")),
    responses((status = 200, description = "The file.", body = FileBody)))]
#[get("/v1/files/{id}")]
pub async fn read(call: Call<FilesRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, caller| {
        let row = files::read(tenant, caller, id.0)?;
        let version = row.version;
        Ok(Reply::versioned(FileBody::from(row), version))
    })
    .await
}

/// Download a file
///
/// The bytes, to be saved and never shown: whatever was uploaded runs in nobody's browser. They are
/// `application/octet-stream`, whatever the file was said to be. They come whole, or in the part that
/// `Range` asks for: several parts at once are answered with the whole. A workspace downloads 32 at a time.
#[utoipa::path(tag = "Files", operation_id = "getFileContent",
    security(("bearer" = ["deals:read"]), ("bearer" = ["clients:read"]), ("bearer" = ["activities:read"]),
        ("bearer" = ["documents:read"])),
    params(("id" = Uuid, Path, description = "Id of the file."),
        ("Range" = Option<String>, Header, description = "One range of bytes.", example = "bytes=0-65535"),
        ("If-Range" = Option<String>, Header, description = "The ETag of the bytes that the range is of: of other ones, the whole comes."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the caller has: while it is the present one, the answer is 304.")),
    responses(
        (status = 200, description = "The bytes.", body = String, content_type = "application/octet-stream",
            headers(("Content-Disposition" = String, description = "`attachment`, with the name."),
                ("ETag" = String, description = "Of the bytes."))),
        (status = 206, description = "A part of the bytes, which Content-Range names.", body = String, content_type = "application/octet-stream"),
        (status = 304, description = "It has not changed.")))]
#[get("/v1/files/{id}/content")]
pub async fn content(call: Call<FilesRead>, request: HttpRequest, id: Id) -> Responded {
    call.no_parameters()?;
    let (app, caller) = (call.app.clone(), call.caller.clone());
    let find = move || app.store.read(&caller, |tenant| files::read(tenant, &caller, id.0));
    let file = reading(&call.app.shares, call.caller.workspace_id, find).await?;
    download::answer(&call, &request, file).await
}

/// Delete a file
///
/// By whoever may change what it hangs on.
#[utoipa::path(tag = "Files", operation_id = "deleteFile",
    security(("bearer" = ["deals:write"]), ("bearer" = ["clients:write"]), ("bearer" = ["activities:write"]),
        ("bearer" = ["documents:write"])),
    params(("id" = Uuid, Path, description = "Id of the file.")),
    responses((status = 200, description = "The file as it was.", body = FileBody)))]
#[delete("/v1/files/{id}")]
pub async fn remove(call: Call<FilesWrite>, id: Id) -> Responded {
    call.no_parameters()?;
    let wake = call.app.wake.clone();
    let deleted = call.write(Vec::new(), move |unit, if_match| {
        Ok(Reply::ok(FileBody::from(files::delete(unit, id.0, if_match)?)))
    });
    let response = deleted.await?;
    wake.work();
    Ok(response)
}
