//! Documents: quotes, contracts, invoices, orders and shipments of deals.

use actix_web::{get, patch, post};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    Currency,
    kernel::fault::Faults,
    work::document::{DocumentKind, DocumentState},
    workspace::catalogue::NAME_LENGTH,
};
use voronka_persistence::{
    Error,
    work::documents::{self, Document},
};

use crate::http::words;
use crate::v1::bodies::{external_id::ExternalIdBody, money::MoneyBody};
use crate::{
    http::{
        Body, Call, Id, Patch, Reply, Responded,
        call::{DocumentsRead, DocumentsWrite},
    },
    page_of,
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Document)]
pub struct DocumentBody {
    pub id: Uuid,
    pub deal_id: Uuid,
    #[schema(value_type = words::DocumentKind)]
    #[schema(example = "contract")]
    pub kind: String,
    #[schema(example = "2026-0042")]
    pub number: String,
    /// Its date.
    pub dated_on: NaiveDate,
    /// What it is over.
    pub amount: MoneyBody,
    /// The amount in the base currency, by the rate of its date.
    pub base_amount: MoneyBody,
    /// How far it has come; the states depend on the kind.
    #[schema(value_type = words::DocumentState)]
    #[schema(example = "signed")]
    pub state: String,
    pub state_since: DateTime<Utc>,
    #[schema(example = "Delivery of servers")]
    pub title: Option<String>,
    /// Where it can be read.
    pub url: Option<String>,
    /// Who wrote it down; null for an API key.
    pub author_id: Option<Uuid>,
    pub external_id: Option<ExternalIdBody>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl DocumentBody {
    fn new(row: Document, base: Currency) -> Self {
        Self {
            id: row.id,
            deal_id: row.deal_id,
            kind: row.kind,
            number: row.number,
            dated_on: row.dated_on,
            amount: MoneyBody::kept(row.amount, &row.currency, base),
            base_amount: MoneyBody::new(row.base_amount, base),
            state: row.state,
            state_since: row.state_since,
            title: row.title,
            url: row.url,
            author_id: row.author_id,
            external_id: ExternalIdBody::kept(row.external_source, row.external_id),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

fn answer(row: Document, base: Currency) -> Reply<DocumentBody> {
    let version = row.version;
    Reply::versioned(DocumentBody::new(row, base), version)
}

page_of!(DocumentPage, DocumentBody);

/// A document to be, a draft at first.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"deal_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "kind": "contract", "number": "2026-0042"}))]
pub struct NewDocument {
    pub deal_id: Uuid,
    #[schema(value_type = words::DocumentKind)]
    pub kind: DocumentKind,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub number: String,
    /// Today by default.
    pub dated_on: Option<NaiveDate>,
    /// The deal's amount by default.
    pub amount: Option<MoneyBody>,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    /// Where it can be read: `https://` or `http://`.
    #[validate(length(max = crate::http::limits::ADDRESS))]
    #[schema(max_length = 2_000, pattern = "^https?://.")]
    pub url: Option<String>,
    pub external_id: Option<ExternalIdBody>,
}

impl NewDocument {
    fn checked(self) -> Result<documents::NewDocument, Error> {
        let mut faults = Faults::default();
        faults.text("/number", &self.number, NAME_LENGTH);
        faults.url("/url", self.url.as_deref());
        let amount = self.amount.and_then(|amount| amount.parse(&mut faults));
        let external = self.external_id.map(|id| id.checked(&mut faults));
        faults.into_result()?;
        Ok(documents::NewDocument {
            deal_id: self.deal_id,
            kind: self.kind,
            number: self.number,
            dated_on: self.dated_on,
            amount,
            title: self.title,
            url: self.url,
            external,
        })
    }
}

/// A change of a document: absent fields stay, null clears. The state changes by a transition.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"number": "2026-0043"}))]
pub struct DocumentPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    pub number: Option<String>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub dated_on: Option<NaiveDate>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(value_type = MoneyBody)]
    pub amount: Option<MoneyBody>,
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub title: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2_000, pattern = "^https?://.")]
    pub url: Patch<String>,
}

impl DocumentPatch {
    fn checked(self) -> Result<documents::DocumentPatch, Error> {
        let mut faults = Faults::default();
        if let Some(number) = &self.number {
            faults.text("/number", number, NAME_LENGTH);
        }
        if let Some(title) = self.title.as_set() {
            faults.text("/title", title, NAME_LENGTH);
        }
        if let Some(url) = self.url.as_set() {
            faults.text("/url", url, 2_000);
            faults.url("/url", Some(url));
        }
        let amount = self.amount.and_then(|amount| amount.parse(&mut faults));
        faults.into_result()?;
        Ok(documents::DocumentPatch {
            number: self.number,
            dated_on: self.dated_on,
            amount,
            title: self.title.into_option(),
            url: self.url.into_option(),
        })
    }
}

/// Where a document is to go.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to": "signed"}))]
pub struct DocumentTransition {
    #[schema(value_type = words::DocumentState, example = "signed")]
    pub to: DocumentState,
}

/// List documents
///
/// Those of the deals that the caller sees. `deal_id` narrows to one deal's.
#[utoipa::path(tag = "Documents", operation_id = "listDocuments", security(("bearer" = ["documents:read"])),
    responses((status = 200, description = "A page of the list.", body = DocumentPage)))]
#[get("/v1/documents")]
pub async fn list(call: Call<DocumentsRead>) -> Responded {
    call.page(&documents::LIST, |tenant, _, caller, query| {
        let base = caller.settings.currency;
        Ok(documents::list(tenant, caller, query)?.map(|row| DocumentBody::new(row, base)))
    })
    .await
}

/// Create a document
///
/// A draft at first. If the deal's stage waited for it, the process leads the deal on in the same moment.
#[utoipa::path(tag = "Documents", operation_id = "createDocument", security(("bearer" = ["documents:write"])),
    request_body = NewDocument,
    responses((status = 201, description = "The new document.", body = DocumentBody)))]
#[post("/v1/documents")]
pub async fn create(call: Call<DocumentsWrite>, body: Body<NewDocument>) -> Responded {
    call.no_parameters()?;
    let new = body.value.checked()?;
    call.write(body.digest, move |unit, _| {
        let row = documents::create(unit, new)?;
        let (location, version) = (format!("/v1/documents/{}", row.id), row.version);
        let body = DocumentBody::new(row, unit.caller.settings.currency);
        Ok(Reply::created(location, body, version))
    })
    .await
}

/// Read a document
#[utoipa::path(tag = "Documents", operation_id = "getDocument", security(("bearer" = ["documents:read"])),
    params(("id" = Uuid, Path, description = "Id of the document.")),
    responses((status = 200, description = "The document.", body = DocumentBody)))]
#[get("/v1/documents/{id}")]
pub async fn read(call: Call<DocumentsRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, caller| {
        Ok(answer(documents::read(tenant, caller, id.0)?, caller.settings.currency))
    })
    .await
}

/// Change a document
///
/// What it says. Its state changes by a transition.
#[utoipa::path(tag = "Documents", operation_id = "updateDocument", security(("bearer" = ["documents:write"])),
    request_body = DocumentPatch,
    params(("id" = Uuid, Path, description = "Id of the document.")),
    responses((status = 200, description = "The document after the change.", body = DocumentBody)))]
#[patch("/v1/documents/{id}")]
pub async fn update(call: Call<DocumentsWrite>, id: Id, body: Body<DocumentPatch>) -> Responded {
    call.no_parameters()?;
    let patch = body.value.checked()?;
    call.write(body.digest, move |unit, if_match| {
        let row = documents::change(unit, id.0, if_match, patch)?;
        Ok(answer(row, unit.caller.settings.currency))
    })
    .await
}

/// Take a document to another state
///
/// Forwards on the path of its kind, or to an end where all did not go well: quotes go from `draft` to
/// `sent` and `accepted`, contracts to `sent` and `signed`, invoices to `issued`, `partly_paid` and `paid`,
/// orders to `confirmed` and `fulfilled`, shipments to `shipped` and `delivered`. If the deal's stage
/// waited for it, the process leads the deal on in the same moment.
#[utoipa::path(tag = "Documents", operation_id = "transitionDocument", security(("bearer" = ["documents:write"])),
    request_body = DocumentTransition,
    params(("id" = Uuid, Path, description = "Id of the document.")),
    responses((status = 200, description = "The document after the move.", body = DocumentBody)))]
#[post("/v1/documents/{id}/transition")]
pub async fn transition(
    call: Call<DocumentsWrite>,
    id: Id,
    body: Body<DocumentTransition>,
) -> Responded {
    call.no_parameters()?;
    let to = body.value.to;
    call.write(body.digest, move |unit, if_match| {
        let row = documents::transition(unit, id.0, if_match, to)?;
        Ok(answer(row, unit.caller.settings.currency))
    })
    .await
}
