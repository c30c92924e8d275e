//! A look at a file before it is imported: what it is, and which column may be which field.

use std::{collections::BTreeMap, io::Seek};
use strum::VariantNames;
use voronka_persistence::{Error, Noun, process::deal_types::DealType};

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{
    import::{ImportKind, suggest},
    process::Process,
};

use crate::{
    http::{Call, Problem, Responded, call::ImportsWrite, work::heavily},
    import_file::{
        self, Hints, Text,
        records::Records,
        upload::{Upload, receive},
    },
    state::App,
};

/// Rows that are shown.
const SHOWN: usize = 10;
/// Rows that the values of the stage column are looked for in, and values that are shown.
const LOOKED_AT: usize = 10_000;
const VALUES: usize = 100;
const WON: [&str; 6] =
    ["won", "closed won", "выиграна", "выиграно", "успешно", "успешно реализовано"];
const LOST: [&str; 6] =
    ["lost", "closed lost", "проиграна", "проиграно", "отказ", "закрыто и не реализовано"];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
#[schema(example = json!({"file": "Opportunity ID,Deal Value\n1C1I7A6R,1054.00\n", "kind": "deals"}))]
pub struct PreviewForm {
    /// CSV, also packed by gzip, or an XLSX workbook; with a header line.
    #[schema(value_type = String, format = Binary, content_media_type = "text/csv")]
    file: Vec<u8>,
    /// `deals` (the default), `stage_events`, `exchange_rates`, `clients`, `contacts`, `users`,
    /// `products` or `calls`.
    kind: Option<String>,
    /// Deal type whose stages the values of the stage column are compared with.
    deal_type_id: Option<Uuid>,
    /// Sheet of a workbook; the first one by default.
    sheet: Option<String>,
}

/// A field of the kind, and the column that it may be in.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldSuggestion {
    #[schema(example = "amount")]
    pub field: String,
    /// An import of this kind needs the field.
    pub required: bool,
    #[schema(example = "Deal Value")]
    pub column: Option<String>,
    /// From 0 to 1; null without a column.
    #[schema(example = 0.94)]
    pub confidence: Option<f64>,
}

/// A value of the stage column, and what it may mean.
#[derive(Debug, Serialize, ToSchema)]
pub struct StageSuggestion {
    #[schema(example = "Closed Won")]
    pub value: String,
    /// Rows that have it, of those that were looked at.
    #[schema(example = 4238)]
    pub rows: u64,
    /// Key of the stage whose key or name it is.
    pub stage_key: Option<String>,
    /// `won` or `lost`.
    #[schema(example = "won")]
    pub outcome: Option<String>,
}

/// What a file shows by itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportPreview {
    /// `csv`, `csv.gz` or `xlsx`.
    #[schema(example = "csv")]
    pub format: String,
    /// `utf-8`, `utf-16le`, `utf-16be` or `windows-1251`.
    #[schema(example = "utf-8")]
    pub encoding: String,
    #[schema(example = ",")]
    pub delimiter: String,
    pub header: Vec<String>,
    /// The first rows, at most ten.
    pub rows: Vec<Vec<String>>,
    #[schema(example = "deals")]
    pub kind: String,
    pub fields: Vec<FieldSuggestion>,
    /// The suggestions as the `mapping` of a spec.
    #[schema(value_type = Object, example = json!({"amount": {"column": "Deal Value"}}))]
    pub mapping: serde_json::Value,
    /// Values in the first ten thousand rows of the column that may be the stage, at most a hundred.
    pub stages: Vec<StageSuggestion>,
}

/// Preview a file
///
/// Says what the file is and suggests a mapping by the names of its columns, in English and Russian.
/// Nothing is kept.
#[utoipa::path(tag = "Imports", operation_id = "previewImport", security(("bearer" = ["imports:write"])),
    request_body(content = PreviewForm, content_type = "multipart/form-data", description = "The file, and what is known of it."),
    responses((status = 200, description = "What the file shows.", body = ImportPreview)))]
#[post("/v1/imports/preview")]
pub async fn preview(
    call: Call<ImportsWrite>,
    request: HttpRequest,
    payload: web::Payload,
) -> Responded {
    call.no_parameters()?;
    let (app, workspace_id) = (call.app.clone(), call.caller.workspace_id);
    let others = ["kind", "deal_type_id", "sheet"];
    let upload = receive(&request, payload, &app, &others).await?;
    let theirs = app.clone();
    let looked = heavily(&theirs, workspace_id, move || Ok(look(&app, workspace_id, upload)));
    let body = looked.await??;
    Ok(HttpResponse::Ok().json(body))
}

fn look(app: &App, workspace_id: Uuid, upload: Upload) -> Result<ImportPreview, Problem> {
    let kind_name = upload.text("kind")?.unwrap_or_else(|| "deals".to_owned());
    let kind = kind_name.parse().map_err(|_| {
        let known = ImportKind::VARIANTS;
        let detail = format!("One of {}.", known.join(", "));
        Problem::validation("/kind", "invalid_value", detail)
    })?;
    let process = match upload.text("deal_type_id")? {
        None => None,
        Some(id) => {
            let id = id.parse::<Uuid>();
            let id = id.map_err(|_| {
                Problem::validation("/deal_type_id", "invalid_value", "Not a UUID.")
            })?;
            Some(app.store.tenant(workspace_id, |tenant| {
                let deal_type = DealType::get(tenant, id)
                    .map_err(|error| error.or_unknown("/deal_type_id", "deal type"))?;
                app.store.process(tenant, deal_type.current_version_id)
            })?)
        }
    };
    let hints = Hints { sheet: upload.text("sheet")?, ..Hints::default() };
    let mut text = import_file::open(upload.file, &hints, app.import_limit)?;
    let fields = app.store.tenant(workspace_id, |tenant| app.store.load_custom_fields(tenant))?;
    let suggestions = suggest(kind, &text.header, &fields);
    let stage = if kind == ImportKind::Deals { "stage" } else { "activity" };
    let stage =
        suggestions.iter().find(|one| one.field == stage).and_then(|one| one.column.as_ref());
    let stage = stage.and_then(|(column, _)| text.header.iter().position(|name| name == column));
    let (rows, values) = rows(&mut text, stage)?;
    let columns = suggestions.iter().filter_map(|one| {
        let (column, _) = one.column.as_ref()?;
        Some((one.field.clone(), serde_json::json!({ "column": column })))
    });
    let mapping = serde_json::Map::from_iter(columns).into();
    let fields = suggestions.into_iter().map(|one| {
        let (column, confidence) = one.column.unzip();
        FieldSuggestion { field: one.field, required: one.required, column, confidence }
    });
    let encoding = serde_json::to_value(text.encoding).unwrap_or_default();
    Ok(ImportPreview {
        format: text.format.name().to_owned(),
        encoding: encoding.as_str().unwrap_or_default().to_owned(),
        delimiter: char::from(text.delimiter).to_string(),
        rows,
        kind: kind_name,
        fields: fields.collect(),
        mapping,
        stages: stages(values, process.as_deref()),
        header: text.header,
    })
}

type Rows = (Vec<Vec<String>>, BTreeMap<String, u64>);

/// The first rows, and the values of a column.
fn rows(text: &mut Text, column: Option<usize>) -> Result<Rows, Problem> {
    text.file.rewind().map_err(|error| Error::Internal(error.to_string()))?;
    let (mut rows, mut values) = (Vec::new(), BTreeMap::new());
    for record in Records::of(&mut text.file, text.delimiter).rows().take(LOOKED_AT) {
        let record = record?;
        let cell = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
        if rows.len() < SHOWN {
            rows.push(record.iter().map(cell).collect());
        }
        let value = column.and_then(|column| record.get(column)).map(cell);
        let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        if let Some(value) = value.filter(|v| values.len() < VALUES || values.contains_key(v)) {
            *values.entry(value).or_insert(0) += 1;
        }
    }
    Ok((rows, values))
}

fn stages(values: BTreeMap<String, u64>, process: Option<&Process>) -> Vec<StageSuggestion> {
    let stage_of = |folded: &str| {
        let mut stages = process?.stages.iter();
        let stage = stages.find(|stage| stage.key == folded || stage.name.to_lowercase() == folded);
        stage.map(|stage| stage.key.clone())
    };
    let suggestion = |(value, rows): (String, u64)| {
        let folded = value.to_lowercase();
        let outcome = if WON.contains(&folded.as_str()) {
            Some("won".to_owned())
        } else {
            LOST.contains(&folded.as_str()).then(|| "lost".to_owned())
        };
        StageSuggestion { stage_key: stage_of(&folded), outcome, value, rows }
    };
    values.into_iter().map(suggestion).collect()
}
