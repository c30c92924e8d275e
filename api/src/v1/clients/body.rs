//! Clients as JSON.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_persistence::clients::Client;

use crate::{found_of, http::words, page_of, v1::bodies::external_id::ExternalIdBody};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Client)]
pub struct ClientBody {
    pub id: Uuid,
    #[schema(example = "Isdom Engineering")]
    pub name: String,
    /// `organisation` or `person`.
    #[schema(value_type = words::ClientKind)]
    #[schema(example = "organisation")]
    pub kind: String,
    /// `new`: has bought nothing yet; `current`: has bought before.
    #[schema(value_type = words::ClientType)]
    #[serde(rename = "type")]
    #[schema(example = "new")]
    pub client_type: String,
    /// Class by value.
    #[schema(example = "A")]
    pub class: Option<String>,
    #[schema(example = "North")]
    pub region: Option<String>,
    /// Segment tags.
    pub tags: Vec<String>,
    /// Whether the client agreed to be contacted; null where it is not known.
    pub consent: Option<bool>,
    /// E.164. The client's own; those of its people are at its contacts.
    #[schema(example = json!(["+31201234567"]))]
    pub phones: Vec<String>,
    #[schema(example = json!(["office@isdom.example"]))]
    pub emails: Vec<String>,
    /// Taxpayer number: letters and digits.
    #[schema(example = "NL123456789B01")]
    pub tax_id: Option<String>,
    pub external_id: Option<ExternalIdBody>,
    /// The user who looks after it; null where nobody does.
    pub owner_id: Option<Uuid>,
    /// Values of custom fields, by key.
    #[schema(value_type = words::CustomValues)]
    pub custom: Json,
    pub archived: bool,
    /// The client that this one, a duplicate, has become part of.
    pub merged_into: Option<Uuid>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<Client> for ClientBody {
    fn from(row: Client) -> Self {
        let external_id = row.external_source.zip(row.external_id);
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            client_type: row.client_type,
            class: row.class,
            region: row.region,
            tags: row.tags,
            consent: row.consent,
            phones: row.phones,
            emails: row.emails,
            tax_id: row.tax_id,
            external_id: external_id.map(|(source, id)| ExternalIdBody { source, id }),
            owner_id: row.owner_id,
            custom: row.custom,
            archived: row.archived,
            merged_into: row.merged_into,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

page_of!(ClientPage, ClientBody);
found_of!(ClientsFound, ClientBody);
