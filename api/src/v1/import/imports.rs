//! Imports of files.

use std::{io::Write, sync::Arc};

use actix_web::{get, post, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{import::Spec, people::access::Permission};
use voronka_persistence::{
    Caller, Error, Listed, Noun, Tenant,
    import::imports::{self, Import},
    now,
};

use crate::http::words;
use crate::{
    formula::harmless,
    http::{
        Call, Id, Problem, Reply, Responded,
        body::parse,
        call::{ImportsRead, ImportsWrite},
        spool::{self, failed},
        table::cut,
        work::block,
    },
    import_file::{
        self, Format, Hints, Text,
        upload::{Upload, pieces, receive},
    },
    page_of,
    state::App,
    workers::imports::plan,
};

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
    /// What keeps it from going on: `database`, `disk` (the database has no room, or its disk fails) or
    /// `locks` (others are in its way). It tries again by itself, and null says that nothing does.
    #[schema(example = "database")]
    pub waiting_for: Option<String>,
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
    /// Rows done in a second, on average since it began; null before and after.
    #[schema(example = 9500.5)]
    pub rows_per_second: Option<f64>,
    /// When it will have ended, if it goes on as it has gone so far; null before and after.
    pub estimated_finish_at: Option<DateTime<Utc>>,
    /// Rows that made a deal, or what else rows are of.
    pub created: i64,
    /// Rows that changed one.
    pub updated: i64,
    /// Rows that changed nothing.
    pub unchanged: i64,
    /// Rows that were not taken; `rejected.csv` lists them.
    pub rejected: i64,
    pub notes: Vec<ImportNote>,
    /// Columns of the file that no field of the mapping names: they were left out.
    #[schema(example = json!(["Campaign"]))]
    pub unused_columns: Vec<String>,
    /// What the import was told about its file.
    #[schema(value_type = ImportSpec)]
    pub spec: serde_json::Value,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl From<Import> for ImportBody {
    fn from(row: Import) -> Self {
        let (rows_per_second, estimated_finish_at) = pace(&row, now()).unzip();
        let unused_columns = unused_columns(&row);
        Self {
            id: row.id,
            state: row.state,
            error: row.error,
            waiting_for: row.waiting_for,
            dry_run: row.dry_run,
            file_name: row.file_name,
            file_size: row.file_size,
            rows_total: row.rows_total,
            rows_done: row.rows_done,
            rows_per_second,
            estimated_finish_at,
            unused_columns,
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

/// How fast an import runs, and when it will have ended at this pace.
fn pace(row: &Import, now: DateTime<Utc>) -> Option<(f64, DateTime<Utc>)> {
    let started_at = row.started_at.filter(|_| row.state == "running" && row.rows_done > 0)?;
    let milliseconds = (now - started_at).num_milliseconds().max(1);
    let left = row.rows_total?.saturating_sub(row.rows_done).max(0);
    let wait = milliseconds.checked_mul(left)?.checked_div(row.rows_done)?;
    let rate = row.rows_done.checked_mul(10_000)?.checked_div(milliseconds)?;
    Some((rate as f64 / 10.0, now.checked_add_signed(TimeDelta::try_milliseconds(wait)?)?))
}

fn unused_columns(row: &Import) -> Vec<String> {
    let header: Option<Vec<String>> = serde_json::from_value(row.header.clone()).ok();
    let spec: Option<Spec> = serde_json::from_value(row.spec.clone()).ok();
    header.zip(spec).map(|(header, spec)| spec.unused_columns(&header)).unwrap_or_default()
}

page_of!(ImportPage, ImportBody);

/// The parts of an import's request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
#[schema(example = json!({"file": "opportunity_id,deal_stage\n1C1I7A6R,Won\n", "spec": {"kind": "deals",
    "deal_type_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "mapping": {"external_id": {"column": "opportunity_id"},
    "stage": {"column": "deal_stage"}}}}))]
pub struct ImportForm {
    /// CSV, also packed by gzip, or an XLSX workbook; with a header line.
    #[schema(value_type = String, format = Binary, content_media_type = "text/csv")]
    file: Vec<u8>,
    /// What the columns mean, as JSON.
    #[schema(value_type = ImportSpec)]
    spec: String,
}

/// What an import is told about its file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
#[schema(example = json!({"kind": "deals", "deal_type_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "date_format": "M/D/YYYY",
    "mapping": {"external_id": {"column": "opportunity_id"}, "stage": {"column": "deal_stage"}, "amount": {"column": "close_value"}},
    "stage_map": {"Engaging": {"stage": "engaging"}, "Won": {"won": true}, "Lost": {"lost": "Not stated"}}, "create_missing": true}))]
pub struct ImportSpec {
    /// `deals`: a row a deal; `stage_events`: a row an event of a deal's history; `exchange_rates`: a row a
    /// rate; `clients`: a row a client; `contacts`: a row a person at a client; `users`: a row a user;
    /// `products`: a row a product; `calls`: a row a call, as an exchange lists them.
    #[schema(value_type = words::ImportKind)]
    kind: String,
    /// Of `deals` and `stage_events`, which need it.
    deal_type_id: Option<Uuid>,
    /// Of `calls`, which need it: whose exchange lists them. Calls that it has told of are met by their ids.
    integration_id: Option<Uuid>,
    /// Field to `{"column": name}` or `{"value": text}`. Of `deals`: external_id (required), title, client,
    /// owner, amount, currency, source, lead_temperature, expected_close_on, opened_at, stage,
    /// stage_entered_at, closed_at, loss_reason, note, competitor, and `custom.<key>` for each custom field.
    /// Of `stage_events`: case_id, activity, occurred_at (all three required), user, owner, amount,
    /// currency, title, client, source, loss_reason, note, competitor. Of `exchange_rates`: currency, day,
    /// rate (all three required). Of `clients`: external_id, external_source, name, kind, type, class,
    /// region, tags, consent, phones, emails, tax_id, and `custom.<key>`. Of `contacts`: client_external_id,
    /// client, name (required), position, phones, emails. Of `users`: email (required), name, role,
    /// position, department. Of `products`: sku (required), name, unit, price, currency. Of `calls`: call_id,
    /// started_at (both required), ended_at, direction, from, to, line, extension, status, talk_seconds,
    /// recording_url.
    #[schema(value_type = BTreeMap<String, ImportColumn>)]
    mapping: serde_json::Value,
    /// Value of the stage or activity column to `{"stage": key}`, `{"won": true}`, `{"lost": reason}` or
    /// `{"ignore": true}`; beside `won` and `lost`, `stage` says where it was closed. Without a map, keys and
    /// names of stages, `won` and `lost` are understood.
    #[schema(value_type = BTreeMap<String, ImportTarget>, required = false)]
    stage_map: serde_json::Value,
    /// Names the system that the external ids belong to; `import` by default.
    #[schema(nullable = false)]
    external_source: Option<String>,
    /// ISO 4217; the workspace's base currency by default.
    currency: Option<String>,
    /// Made of YYYY YY MM M DD D HH H mm ss; ISO 8601 by default.
    date_format: Option<String>,
    /// IANA zone of times without an offset; the integration's or the workspace's by default.
    time_zone: Option<String>,
    /// One character; of comma, semicolon, tab and bar what the first line has most of by default.
    delimiter: Option<String>,
    /// `utf-8`, `utf-16le`, `utf-16be` or `windows-1251`; what the file shows by itself by default.
    encoding: Option<String>,
    /// Sheet of a workbook; the first one by default.
    sheet: Option<String>,
    /// Decimal sign, `.` or `,`; by default either, where it cannot be taken for anything else.
    decimal: Option<String>,
    /// Create users, clients, sources, competitors and loss reasons that do not exist.
    #[schema(nullable = false)]
    create_missing: Option<bool>,
    /// Say what would happen, and change nothing.
    #[schema(nullable = false)]
    dry_run: Option<bool>,
}

/// Where a field comes from: a column of the file, or one value for every row.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum ImportColumn {
    Column(String),
    Value(String),
}

/// What a value of the stage or activity column means.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub struct ImportTarget {
    /// Key of the stage.
    stage: Option<String>,
    #[schema(nullable = false)]
    won: Option<bool>,
    /// The loss reason.
    lost: Option<String>,
    #[schema(nullable = false)]
    ignore: Option<bool>,
}

/// Import a file
///
/// Takes the file and answers at once; the import runs behind. A row's fault never stops the others:
/// rejected rows are listed by `rejected.csv`. Repeating an import with the same external ids changes
/// nothing. Rows go through the same gates as requests. An import needs the permission to write what its rows are
/// too (`deals:write`, `clients:write`, `users:write`, `catalogues:write`, `activities:write`), and with `create_missing` that to write
/// what the names in its columns may make.
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
    let app = call.app.clone();
    let upload = receive(&request, payload, &app, &["spec"]).await?;
    let digest = upload.digest();
    let spec: Spec = parse(&upload.part("spec")?).map_err(|problem| problem.at("body"))?;
    require(&call.caller, &spec, [spec.kind.permission()])?;
    let (theirs, caller) = (app.clone(), call.caller.clone());
    let (text, spec, named) = block(move || Ok(fitted(&theirs, &caller, upload, spec))).await??;
    let (header, file) = (text.header, Arc::new(text.file));
    let response = call
        .write(digest, move |unit, _| {
            let row = Import::queued(spec, header, named, unit.actor, unit.now);
            imports::queue(unit, &row, pieces(&file)?)?;
            Ok(Reply::accepted(format!("/v1/imports/{}", row.id), ImportBody::from(row)))
        })
        .await?;
    app.wake.work();
    Ok(response)
}

type Named = (Option<String>, usize);

/// An import makes nothing that whoever starts it may not make.
fn require(
    caller: &Caller,
    spec: &Spec,
    needed: impl IntoIterator<Item = Permission>,
) -> Result<(), Problem> {
    let may = spec.kind.may_start(spec.create_missing, needed, |one| caller.may(one));
    Ok(may.map_err(Error::from)?)
}

/// The file as text, with the spec that fits it: what the file shows by itself is kept with what was said of
/// it.
fn fitted(
    app: &App,
    caller: &Caller,
    upload: Upload,
    spec: Spec,
) -> Result<(Text, serde_json::Value, Named), Problem> {
    let named = (upload.name, upload.size);
    let text = import_file::open(upload.file, &Hints::of(&spec), app.import_limit)?;
    let shown = Some(char::from(text.delimiter));
    let delimiter = if text.format == Format::Xlsx { shown } else { spec.delimiter.or(shown) };
    let spec = Spec { delimiter, encoding: Some(text.encoding), ..spec };
    let kept = serde_json::to_value(&spec).unwrap_or_default();
    let (plan, _) = plan(&app.store, caller.workspace_id, spec, &text.header)?;
    require(caller, &plan.spec, plan.permissions())?;
    Ok((text, kept, named))
}

/// List imports
#[utoipa::path(tag = "Imports", operation_id = "listImports", security(("bearer" = ["imports:read"])),
    responses((status = 200, description = "A page of the list.", body = ImportPage)))]
#[get("/v1/imports")]
pub async fn list(call: Call<ImportsRead>) -> Responded {
    call.page(Import::LIST, |tenant, _, _, query| {
        Ok(Import::list(tenant, query)?.map(ImportBody::from))
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
        let row = Import::get(tenant, id.0)?;
        let version = row.version;
        Ok(Reply::versioned(ImportBody::from(row), version))
    })
    .await
}

/// Cancel an import
///
/// One that waits does not begin, and one that runs stops and undoes the rows in progress. What `rows_done` counts
/// stays; to go on, import the file again: what is there already is no change.
#[utoipa::path(tag = "Imports", operation_id = "cancelImport", security(("bearer" = ["imports:write"])),
    params(("id" = Uuid, Path, description = "Id of the import.")),
    responses((status = 200, description = "The import, cancelled.", body = ImportBody)))]
#[post("/v1/imports/{id}/cancel")]
pub async fn cancel(call: Call<ImportsWrite>, id: Id) -> Responded {
    call.no_parameters()?;
    call.write(Vec::new(), move |unit, _| {
        let row = imports::cancel(unit, id.0)?;
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
    let store = app.store.clone();
    spool::answer_text(&app, caller.workspace_id, move |writer| {
        store.snapshot(&caller, |tenant| rejected_csv(tenant, id.0, writer))
    })
    .await
}

fn rejected_csv(tenant: &mut Tenant<'_>, id: Uuid, writer: &mut dyn Write) -> Result<(), Error> {
    let texts = |json: &serde_json::Value| -> Vec<String> {
        serde_json::from_value(json.clone()).unwrap_or_default()
    };
    let import = Import::get(tenant, id)?;
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(writer);
    let mut write = |head: [&str; 4], cells: Vec<String>| {
        let cells = cells.iter().map(String::as_str);
        let record = head.into_iter().chain(cells).map(|text| harmless(text).into_owned());
        writer.write_record(record).map_err(cut)
    };
    write(["line", "field", "code", "reason"], texts(&import.header))?;
    imports::each_rejection(tenant, id, |row| {
        let line = row.line.to_string();
        write([&line, &row.field, &row.code, &row.reason], texts(&row.row))
    })?;
    writer.flush().map_err(|error| failed(&error))
}
