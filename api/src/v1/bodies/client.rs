//! Clients as somebody writes them down.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value as Json;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    Refusal,
    clients::{ClientKind, ClientType, change::ClientChange},
    kernel::{contact_point::Country, external_id::ExternalId},
};
use voronka_persistence::{
    Error, Noun, Unit,
    clients::{self, Client},
};

use super::external_id::ExternalIdBody;
use crate::http::{Patch, words};

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Isdom Engineering", "class": "A", "region": "North", "phones": ["+31 20 123 4567"], "tax_id": "NL123456789B01"}))]
pub struct NewClient {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// `organisation` (the default) or `person`.
    #[schema(value_type = Option<words::ClientKind>)]
    pub kind: Option<ClientKind>,
    /// `new` (the default) or `current`.
    #[serde(rename = "type")]
    #[schema(value_type = Option<words::ClientType>)]
    pub client_type: Option<ClientType>,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub class: Option<String>,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub region: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    pub consent: Option<bool>,
    /// International numbers, or national ones of the workspace's `country`.
    #[serde(default)]
    pub phones: Vec<String>,
    #[serde(default)]
    pub emails: Vec<String>,
    /// Taxpayer number. Blanks, dots, hyphens and slashes do not count.
    pub tax_id: Option<String>,
    /// Unique in the workspace.
    pub external_id: Option<ExternalIdBody>,
    /// The user who looks after it: nobody by default.
    pub owner_id: Option<Uuid>,
    /// Values of custom fields, by key.
    #[serde(default)]
    #[schema(value_type = words::CustomValues)]
    pub custom: BTreeMap<String, Json>,
}

impl NewClient {
    /// The new client's row.
    pub fn into_row(self, country: Option<Country>, now: DateTime<Utc>) -> Result<Client, Refusal> {
        let patch = ClientPatch {
            name: Some(self.name),
            kind: self.kind,
            client_type: self.client_type,
            class: self.class.map_or(Patch::Absent, Patch::Set),
            region: self.region.map_or(Patch::Absent, Patch::Set),
            tags: Some(self.tags),
            consent: self.consent.map_or(Patch::Absent, Patch::Set),
            phones: Some(self.phones),
            emails: Some(self.emails),
            tax_id: self.tax_id.map_or(Patch::Absent, Patch::Set),
            external_id: self.external_id.map_or(Patch::Absent, Patch::Set),
            owner_id: self.owner_id.map_or(Patch::Absent, Patch::Set),
            custom: self.custom,
            archived: None,
        };
        patch.apply(Client::new(String::new(), now), country)
    }
}

#[derive(Clone, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"type": "current", "class": null}))]
pub struct ClientPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[schema(value_type = Option<words::ClientKind>)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub kind: Option<ClientKind>,
    #[serde(rename = "type")]
    #[schema(value_type = Option<words::ClientType>)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub client_type: Option<ClientType>,
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub class: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub region: Patch<String>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub tags: Option<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub consent: Patch<bool>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub phones: Option<Vec<String>>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub emails: Option<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub tax_id: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<ExternalIdBody>)]
    pub external_id: Patch<ExternalIdBody>,
    /// The user who looks after it.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub owner_id: Patch<Uuid>,
    /// Values of custom fields, by key: those that are absent stay, null clears.
    #[serde(default)]
    #[schema(value_type = words::CustomValues)]
    pub custom: BTreeMap<String, Json>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub archived: Option<bool>,
}

impl ClientPatch {
    /// The row after the change. National phone numbers are those of the country.
    pub fn apply(self, mut row: Client, country: Option<Country>) -> Result<Client, Refusal> {
        let change = ClientChange {
            name: self.name,
            kind: self.kind,
            client_type: self.client_type,
            class: self.class.into_option(),
            region: self.region.into_option(),
            tags: self.tags,
            consent: self.consent.into_option(),
            phones: self.phones,
            emails: self.emails,
            tax_id: self.tax_id.into_option(),
            external_id: self.external_id.into_option().map(|id| id.map(ExternalId::from)),
            owner_id: self.owner_id.into_option(),
            archived: self.archived,
        };
        row.change(change.checked(country)?);
        Ok(row)
    }
}

impl NewClient {
    /// Records it.
    pub fn record(mut self, unit: &mut Unit<'_>) -> Result<Client, Error> {
        clients::check_owner(&mut unit.tenant, self.owner_id)?;
        let custom = std::mem::take(&mut self.custom);
        let mut row = self.into_row(unit.caller.settings.country, unit.now)?;
        row.custom = clients::change_custom(unit, &row.custom, custom)?;
        if let Some(external) = row.external_source.clone().zip(row.external_id.clone()) {
            clients::lock_all(unit, Vec::new(), vec![external])?;
        }
        Client::insert(unit, &row)?;
        Ok(row)
    }
}
