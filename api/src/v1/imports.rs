//! Imports of files.

use std::io::{Read, Seek, Write};

use actix_multipart::Multipart;
use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::import::Spec;
use voronka_persistence::imports::{self, Import};

use crate::{
    http::{
        Call, Id, Problem, Reply, Responded,
        body::{parse, too_large},
        call::{ImportsRead, ImportsWrite, block},
    },
    import_worker::{delimiter, plan, reader},
    page_of,
};

/// A piece of a file, as it is kept.
const PIECE: usize = 1 << 20;
const LONGEST_SPEC: usize = 1 << 20;

/// What an import has to say about its file.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportNote {
    #[schema(example = "without_client")]
    pub code: String,
    /// Rows that it is about.
    #[schema(example = 1425)]
    pub count: i64,
    #[schema(example = "1425 rows have no client.")]
    pub detail: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Import)]
pub struct ImportBody {
    pub id: Uuid,
    /// `queued`, `running`, `done`, `failed` or `cancelled`.
    #[schema(example = "done")]
    pub state: String,
    /// Why it failed.
    pub error: Option<String>,
    pub dry_run: bool,
    #[schema(example = "sales_pipeline.csv")]
    pub file_name: Option<String>,
    /// Bytes.
    pub file_size: i64,
    /// Rows of the file; null until they are counted.
    #[schema(example = 8800)]
    pub rows_total: Option<i64>,
    /// Rows that were taken or rejected.
    pub rows_done: i64,
    /// Rows that made a deal.
    pub created: i64,
    /// Rows that changed one.
    pub updated: i64,
    /// Rows that changed nothing.
    pub unchanged: i64,
    /// Rows that were not taken; `rejected.csv` lists them.
    pub rejected: i64,
    pub notes: Vec<ImportNote>,
    /// What the import was told about its file.
    #[schema(value_type = Object)]
    pub spec: serde_json::Value,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl From<Import> for ImportBody {
    fn from(row: Import) -> Self {
        Self {
            id: row.id,
            state: row.state,
            error: row.error,
            dry_run: row.dry_run,
            file_name: row.file_name,
            file_size: row.file_size,
            rows_total: row.rows_total,
            rows_done: row.rows_done,
            created: row.created,
            updated: row.updated,
            unchanged: row.unchanged,
            rejected: row.rejected,
            notes: serde_json::from_value(row.notes).unwrap_or_default(),
            spec: row.spec,
            started_at: row.started_at,
            finished_at: row.finished_at,
            created_at: row.created_at,
        }
    }
}

page_of!(ImportPage, ImportBody);

/// The parts of an import's request.
#[derive(ToSchema)]
#[allow(dead_code)]
#[schema(example = json!({"file": "opportunity_id,deal_stage\n1C1I7A6R,Won\n", "spec": {"kind": "deals",
    "deal_type_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "mapping": {"external_id": {"column": "opportunity_id"},
    "stage": {"column": "deal_stage"}}}}))]
pub struct ImportForm {
    /// CSV in UTF-8, with a header line.
    #[schema(value_type = String, format = Binary, content_media_type = "text/csv")]
    file: Vec<u8>,
    /// What the columns mean, as JSON.
    #[schema(value_type = ImportSpec)]
    spec: String,
}

/// What an import is told about its file.
#[derive(ToSchema)]
#[allow(dead_code)]
#[schema(example = json!({"kind": "deals", "deal_type_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "date_format": "M/D/YYYY",
    "mapping": {"external_id": {"column": "opportunity_id"}, "stage": {"column": "deal_stage"}, "amount": {"column": "close_value"}},
    "stage_map": {"Engaging": {"stage": "engaging"}, "Won": {"won": true}, "Lost": {"lost": "Not stated"}}, "create_missing": true}))]
pub struct ImportSpec {
    /// `deals`: a row a deal; `stage_events`: a row an event of a deal's history.
    kind: String,
    deal_type_id: Uuid,
    /// Field to `{"column": name}` or `{"value": text}`. Of `deals`: external_id (required), title, client,
    /// owner, amount, source, lead_temperature, expected_close_on, opened_at, stage, stage_entered_at,
    /// closed_at, loss_reason, note, competitor. Of `stage_events`: case_id, activity, occurred_at (all
    /// three required), user, owner, amount, title, client, source, loss_reason, note, competitor.
    #[schema(value_type = Object)]
    mapping: serde_json::Value,
    /// Value of the stage or activity column to `{"stage": key}`, `{"won": true}`, `{"lost": reason}` or
    /// `{"ignore": true}`; beside `won` and `lost`, `stage` says where it was closed. Without a map, keys and
    /// names of stages, `won` and `lost` are understood.
    #[schema(value_type = Option<Object>)]
    stage_map: serde_json::Value,
    /// Names the system that the external ids belong to; `import` by default.
    external_source: Option<String>,
    /// ISO 4217; the workspace's base currency by default.
    currency: Option<String>,
    /// Made of YYYY YY MM M DD D HH H mm ss; ISO 8601 by default.
    date_format: Option<String>,
    /// IANA zone of times without an offset; the workspace's by default.
    time_zone: Option<String>,
    /// One character; the comma by default.
    delimiter: Option<String>,
    /// Create users, clients, sources, competitors and loss reasons that do not exist.
    create_missing: Option<bool>,
    /// Say what would happen, and change nothing.
    dry_run: Option<bool>,
}

/// A file on its way in: on disk, so that its size costs no memory.
struct Upload {
    file: std::fs::File,
    name: Option<String>,
    size: usize,
    spec: Option<Vec<u8>>,
    digest: Sha256,
}

/// Import a file
///
/// Takes the file and answers at once; the import runs behind. A row's fault never stops the others:
/// rejected rows are listed by `rejected.csv`. Repeating an import with the same external ids changes
/// nothing. Rows go through the same gates as requests.
#[utoipa::path(tag = "Imports", operation_id = "createImport", security(("bearer" = ["imports:write"])),
    request_body(content = ImportForm, content_type = "multipart/form-data", description = "The file and its spec."),
    responses((status = 202, description = "The import, queued.", body = ImportBody)))]
#[post("/v1/imports")]
pub async fn create(
    call: Call<ImportsWrite>,
    request: actix_web::HttpRequest,
    payload: web::Payload,
) -> Responded {
    call.no_parameters()?;
    let upload = receive(&request, payload, call.app.import_limit).await?;
    let (app, workspace_id) = (call.app.clone(), call.caller.workspace_id);
    let digest = upload.digest.clone().finalize().to_vec();
    let spec_text = upload.spec.clone().ok_or_else(|| missing("/spec"))?;
    let spec: Spec = parse(&spec_text).map_err(|problem| problem.at("body"))?;
    let store = app.store.clone();
    let (mut upload, header, spec) = block(move || {
        let mut upload = upload;
        let header = header(&mut upload.file, &spec)?;
        plan(&store, workspace_id, spec.clone(), &header)?;
        Ok((upload, header, spec))
    })
    .await?;
    let response = call
        .write(digest, move |unit, _| {
            let spec = serde_json::to_value(&spec).unwrap_or_default();
            let file = (upload.name.take(), upload.size);
            let row = Import::queued(spec, header, file, unit.actor, unit.now);
            imports::insert(unit, &row)?;
            imports::keep_chunks(unit, row.id, pieces(&mut upload.file)?)?;
            Ok(Reply::accepted(format!("/v1/imports/{}", row.id), ImportBody::from(row)))
        })
        .await?;
    app.wake.work();
    Ok(response)
}

fn missing(pointer: &str) -> Problem {
    Problem::validation(pointer, "required", "The part is missing.")
}

async fn receive(
    request: &actix_web::HttpRequest,
    payload: web::Payload,
    limit: usize,
) -> Result<Upload, Problem> {
    use actix_web::HttpMessage;
    if request.content_type() != "multipart/form-data" {
        return Err(Problem::new("unsupported_media_type", "Send multipart/form-data.")
            .with("/content-type", "unsupported_media_type", "Send multipart/form-data.")
            .at("header"));
    }
    let internal = |error: std::io::Error| {
        tracing::error!(%error, "import cannot be kept");
        Problem::of("internal_error")
    };
    let broken = |detail: String| Problem::validation("", "invalid_multipart", detail);
    let file = tempfile::tempfile().map_err(internal)?;
    let mut upload = Upload { file, name: None, size: 0, spec: None, digest: Sha256::new() };
    let mut has_file = false;
    let mut parts = Multipart::new(request.headers(), payload);
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(|error| broken(error.to_string()))?;
        let disposition = part.content_disposition();
        let name = disposition.and_then(|d| d.get_name()).unwrap_or_default().to_owned();
        let file_name = disposition.and_then(|d| d.get_filename()).map(str::to_owned);
        upload.digest.update(&name);
        if name == "file" && has_file || name == "spec" && upload.spec.is_some() {
            let detail = "Each part is sent once.";
            return Err(Problem::validation(&format!("/{name}"), "duplicate", detail));
        }
        match name.as_str() {
            "file" => {
                has_file = true;
                upload.name =
                    file_name.map(|name| name.replace('\0', "").chars().take(255).collect());
            }
            "spec" => upload.spec = Some(Vec::new()),
            _ => {
                let detail = "The parts are file and spec.";
                return Err(Problem::validation(&format!("/{name}"), "unknown_field", detail));
            }
        }
        while let Some(bytes) = part.next().await {
            let bytes = bytes.map_err(|error| broken(error.to_string()))?;
            upload.digest.update(&bytes);
            match &mut upload.spec {
                Some(spec) if name == "spec" => {
                    if spec.len() + bytes.len() > LONGEST_SPEC {
                        return Err(too_large(LONGEST_SPEC));
                    }
                    spec.extend_from_slice(&bytes);
                }
                _ => {
                    upload.size += bytes.len();
                    if upload.size > limit {
                        return Err(too_large(limit));
                    }
                    upload.file.write_all(&bytes).map_err(internal)?;
                }
            }
        }
    }
    if has_file { Ok(upload) } else { Err(missing("/file")) }
}

/// The names of the file's columns.
fn header(
    file: &mut std::fs::File,
    spec: &Spec,
) -> Result<Vec<String>, voronka_persistence::Error> {
    use voronka_persistence::Error;
    let invalid = |detail: &str| Error::invalid("/file", "invalid_file", detail);
    file.rewind().map_err(|error| Error::Internal(error.to_string()))?;
    let mut start = [0_u8; 3];
    let marked = file.read_exact(&mut start).is_ok() && start == *b"\xef\xbb\xbf";
    if !marked {
        file.rewind().map_err(|error| Error::Internal(error.to_string()))?;
    }
    let mut records = reader(file, delimiter(spec));
    let header = records
        .headers()
        .map_err(|_| invalid("The file's first line is not UTF-8."))?
        .iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    if header.iter().all(|name| name.trim().is_empty()) {
        return Err(invalid("The file has no header line."));
    }
    if header.iter().any(|name| name.contains('\0')) {
        return Err(invalid("The file is not a CSV file."));
    }
    Ok(header)
}

/// The file in pieces, from its beginning.
fn pieces(
    file: &mut std::fs::File,
) -> Result<impl Iterator<Item = std::io::Result<Vec<u8>>>, voronka_persistence::Error> {
    file.rewind().map_err(|error| voronka_persistence::Error::Internal(error.to_string()))?;
    Ok(std::iter::from_fn(move || {
        let mut piece = Vec::new();
        let count = Read::by_ref(file).take(PIECE as u64).read_to_end(&mut piece);
        count.map(|count| (count > 0).then_some(piece)).transpose()
    }))
}

/// List imports
#[utoipa::path(tag = "Imports", operation_id = "listImports", security(("bearer" = ["imports:read"])),
    responses((status = 200, description = "A page of the list.", body = ImportPage)))]
#[get("/v1/imports")]
pub async fn list(call: Call<ImportsRead>) -> Responded {
    call.page(&imports::LIST, |tenant, _, _, query| {
        Ok(imports::list(tenant, query)?.map(ImportBody::from))
    })
    .await
}

/// Read an import
///
/// Its state and its progress, up to the last batch of rows.
#[utoipa::path(tag = "Imports", operation_id = "getImport", security(("bearer" = ["imports:read"])),
    params(("id" = Uuid, Path, description = "Id of the import.")),
    responses((status = 200, description = "The import.", body = ImportBody)))]
#[get("/v1/imports/{id}")]
pub async fn read(call: Call<ImportsRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, _| {
        let row = imports::get(tenant, id.0)?;
        let version = row.version;
        Ok(Reply::versioned(ImportBody::from(row), version))
    })
    .await
}

/// List the rejected rows of an import
///
/// CSV: line of the file, field, code and reason, then the row as it stood in the file. A row with
/// several faults has a line for each.
#[utoipa::path(tag = "Imports", operation_id = "getImportRejections", security(("bearer" = ["imports:read"])),
    params(("id" = Uuid, Path, description = "Id of the import.")),
    responses((status = 200, description = "The rejected rows.", body = String, content_type = "text/csv",
        example = "line,field,code,reason\n17,amount,invalid_amount,Not a decimal number such as 1999.95.\n")))]
#[get("/v1/imports/{id}/rejected.csv")]
pub async fn rejected(call: Call<ImportsRead>, id: Id) -> Responded {
    call.no_parameters()?;
    let (app, caller) = (call.app.clone(), call.caller.clone());
    let text = block(move || {
        app.store.read(&caller, |tenant| {
            let import = imports::get(tenant, id.0)?;
            rejected_csv(tenant, &import)
        })
    })
    .await?;
    Ok(HttpResponse::Ok().content_type("text/csv; charset=utf-8").body(text))
}

fn rejected_csv(
    tenant: &mut voronka_persistence::Tenant<'_>,
    import: &Import,
) -> Result<Vec<u8>, voronka_persistence::Error> {
    let internal = |error: csv::Error| voronka_persistence::Error::Internal(error.to_string());
    let texts = |json: &serde_json::Value| -> Vec<String> {
        serde_json::from_value(json.clone()).unwrap_or_default()
    };
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    let head = ["line", "field", "code", "reason"].map(str::to_owned);
    writer.write_record(head.into_iter().chain(texts(&import.header))).map_err(internal)?;
    let mut after = 0;
    loop {
        // A line's faults are at most as many as the mapping has fields: a stretch always ends a line.
        let mut rows = imports::rejections(tenant, import.id, after, 5_000)?;
        let full = rows.len() == 5_000;
        let Some(last) = rows.last().map(|row| row.line) else { break };
        if full && rows.first().is_some_and(|row| row.line != last) {
            rows.retain(|row| row.line != last);
        }
        for row in &rows {
            let head =
                [row.line.to_string(), row.field.clone(), row.code.clone(), row.reason.clone()];
            writer.write_record(head.into_iter().chain(texts(&row.row))).map_err(internal)?;
        }
        after = rows.last().map_or(last, |row| row.line);
        if !full {
            break;
        }
    }
    writer.into_inner().map_err(|error| voronka_persistence::Error::Internal(error.to_string()))
}
