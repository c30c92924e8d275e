//! Contacts: persons at clients.

use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::clients::change::ContactChange;
use voronka_persistence::{Error, Unit, clients, clients::contacts::Contact};

use crate::{
    http::{
        Body, Call, Id, Patch, Resource, Responded,
        call::{ClientsRead, ClientsWrite},
    },
    page_of,
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Contact)]
pub struct ContactBody {
    pub id: Uuid,
    pub client_id: Uuid,
    #[schema(example = "Joris de Wit")]
    pub name: String,
    /// Job title.
    #[schema(example = "Head of procurement")]
    pub position: Option<String>,
    /// E.164.
    #[schema(example = json!(["+31201234567"]))]
    pub phones: Vec<String>,
    #[schema(example = json!(["joris@isdom.example"]))]
    pub emails: Vec<String>,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<Contact> for ContactBody {
    fn from(row: Contact) -> Self {
        Self {
            id: row.id,
            client_id: row.client_id,
            name: row.name,
            position: row.position,
            phones: row.phones,
            emails: row.emails,
            archived: row.archived,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"client_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "name": "Joris de Wit", "phones": ["+31201234567"]}))]
pub struct NewContact {
    pub client_id: Uuid,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub position: Option<String>,
    /// International numbers, or national ones of the workspace's `country`.
    #[serde(default)]
    pub phones: Vec<String>,
    #[serde(default)]
    pub emails: Vec<String>,
}

impl NewContact {
    fn into_row(self, unit: &mut Unit<'_>) -> Result<Contact, Error> {
        let change = ContactChange {
            name: Some(self.name),
            position: self.position.map(Some),
            phones: Some(self.phones),
            emails: Some(self.emails),
            archived: None,
        };
        let change = change.checked(unit.caller.settings.country)?;
        let client_id = clients::meant(unit, "/client_id", self.client_id)?;
        let mut row = Contact::new(client_id, unit.now);
        row.change(change);
        Ok(row)
    }
}

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"emails": ["joris@isdom.example"]}))]
pub struct ContactPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub position: Patch<String>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub phones: Option<Vec<String>>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub emails: Option<Vec<String>>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub archived: Option<bool>,
}

impl ContactPatch {
    fn apply(self, unit: &mut Unit<'_>, mut row: Contact) -> Result<Contact, Error> {
        let change = ContactChange {
            name: self.name,
            position: self.position.into_option(),
            phones: self.phones,
            emails: self.emails,
            archived: self.archived,
        };
        row.change(change.checked(unit.caller.settings.country)?);
        Ok(row)
    }
}

impl Resource for Contact {
    type Body = ContactBody;
    const PATH: &'static str = "/v1/contacts";
}

page_of!(ContactPage, ContactBody);

/// List contacts
///
/// `client_id` narrows to one client's.
#[utoipa::path(tag = "Contacts", operation_id = "listContacts", security(("bearer" = ["clients:read"])),
    responses((status = 200, description = "A page of the list.", body = ContactPage)))]
#[get("/v1/contacts")]
pub async fn list(call: Call<ClientsRead>) -> Responded {
    call.list_of::<Contact>().await
}

/// Create a contact
#[utoipa::path(tag = "Contacts", operation_id = "createContact", security(("bearer" = ["clients:write"])),
    request_body = NewContact,
    responses((status = 201, description = "The new contact.", body = ContactBody)))]
#[post("/v1/contacts")]
pub async fn create(call: Call<ClientsWrite>, body: Body<NewContact>) -> Responded {
    let new = body.value;
    call.create(body.digest, |unit: &mut Unit<'_>| new.into_row(unit)).await
}

/// Read a contact
#[utoipa::path(tag = "Contacts", operation_id = "getContact", security(("bearer" = ["clients:read"])),
    params(("id" = Uuid, Path, description = "Id of the contact.")),
    responses((status = 200, description = "The contact.", body = ContactBody)))]
#[get("/v1/contacts/{id}")]
pub async fn read(call: Call<ClientsRead>, id: Id) -> Responded {
    call.one_of::<Contact>(id).await
}

/// Change a contact
///
/// Absent fields stay as they are; null clears a field.
#[utoipa::path(tag = "Contacts", operation_id = "updateContact", security(("bearer" = ["clients:write"])),
    request_body = ContactPatch,
    params(("id" = Uuid, Path, description = "Id of the contact.")),
    responses((status = 200, description = "The contact after the change.", body = ContactBody)))]
#[patch("/v1/contacts/{id}")]
pub async fn update(call: Call<ClientsWrite>, id: Id, body: Body<ContactPatch>) -> Responded {
    let patch = body.value;
    call.update(body.digest, id, |unit: &mut Unit<'_>, row| patch.apply(unit, row)).await
}
