//! Clients: organisations and persons.

use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    catalogue,
    client::{ClientKind, ClientType},
    fault::Faults,
};
use voronka_persistence::{
    Error, Unit,
    clients::{self, Client},
    words::to_word,
};

use crate::{
    http::{
        Body, Call, Id, Patch, Reply, Responded,
        call::{ClientsRead, ClientsWrite},
    },
    page_of,
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Client)]
pub struct ClientBody {
    pub id: Uuid,
    #[schema(example = "Isdom Engineering")]
    pub name: String,
    /// `organisation` or `person`.
    #[schema(example = "organisation")]
    pub kind: String,
    /// `new`: has bought nothing yet; `current`: has bought before.
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
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<Client> for ClientBody {
    fn from(row: Client) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            client_type: row.client_type,
            class: row.class,
            region: row.region,
            tags: row.tags,
            consent: row.consent,
            archived: row.archived,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Isdom Engineering", "class": "A", "region": "North"}))]
pub struct NewClient {
    #[validate(length(min = 1, max = 200))]
    pub name: String,
    /// `organisation` (the default) or `person`.
    #[schema(value_type = Option<String>)]
    pub kind: Option<ClientKind>,
    /// `new` (the default) or `current`.
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>)]
    pub client_type: Option<ClientType>,
    #[validate(length(min = 1, max = 200))]
    pub class: Option<String>,
    #[validate(length(min = 1, max = 200))]
    pub region: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    pub consent: Option<bool>,
}

impl NewClient {
    fn into_row(self, unit: &mut Unit<'_>) -> Result<Client, Error> {
        check_tags(&self.tags)?;
        Ok(Client {
            id: Uuid::now_v7(),
            name: catalogue::name("/name", &self.name)?,
            kind: to_word(&self.kind.unwrap_or(ClientKind::Organisation)),
            client_type: to_word(&self.client_type.unwrap_or(ClientType::New)),
            class: self.class,
            region: self.region,
            tags: self.tags,
            consent: self.consent,
            archived: false,
            version: 1,
            created_at: unit.now,
            updated_at: unit.now,
        })
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"type": "current", "class": null}))]
pub struct ClientPatch {
    #[validate(length(min = 1, max = 200))]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    pub name: Option<String>,
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    pub kind: Option<ClientKind>,
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    pub client_type: Option<ClientType>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub class: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub region: Patch<String>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    pub tags: Option<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub consent: Patch<bool>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    pub archived: Option<bool>,
}

impl ClientPatch {
    fn apply(self, _: &mut Unit<'_>, mut row: Client) -> Result<Client, Error> {
        let mut faults = Faults::default();
        for (pointer, text) in [("/class", &self.class), ("/region", &self.region)] {
            if let Patch::Set(text) = text {
                faults.text(pointer, text, catalogue::NAME_LENGTH);
            }
        }
        faults.into_result()?;
        if let Some(tags) = self.tags {
            check_tags(&tags)?;
            row.tags = tags;
        }
        if let Some(name) = self.name {
            row.name = catalogue::name("/name", &name)?;
        }
        row.kind = self.kind.map_or(row.kind, |kind| to_word(&kind));
        row.client_type = self.client_type.map_or(row.client_type, |kind| to_word(&kind));
        self.class.apply(&mut row.class);
        self.region.apply(&mut row.region);
        self.consent.apply(&mut row.consent);
        row.archived = self.archived.unwrap_or(row.archived);
        Ok(row)
    }
}

fn check_tags(tags: &[String]) -> Result<(), Error> {
    let mut faults = Faults::default();
    if tags.len() > 100 {
        faults.add("/tags", "too_many", "At most 100 tags.");
    }
    for (index, tag) in tags.iter().enumerate().take(100) {
        faults.text(&format!("/tags/{index}"), tag, catalogue::NAME_LENGTH);
    }
    Ok(faults.into_result()?)
}

page_of!(ClientPage, ClientBody);

/// List clients
///
/// `q` looks in the name.
#[utoipa::path(tag = "Clients", operation_id = "listClients", security(("bearer" = ["clients:read"])),
    responses((status = 200, description = "A page of the list.", body = ClientPage)))]
#[get("/v1/clients")]
pub async fn list(call: Call<ClientsRead>) -> Responded {
    call.page(&clients::LIST, |tenant, _, _, query| {
        Ok(clients::list(tenant, query)?.map(ClientBody::from))
    })
    .await
}

/// Create a client
///
/// Only the name is required.
#[utoipa::path(tag = "Clients", operation_id = "createClient", security(("bearer" = ["clients:write"])),
    request_body = NewClient,
    responses((status = 201, description = "The new client.", body = ClientBody)))]
#[post("/v1/clients")]
pub async fn create(call: Call<ClientsWrite>, body: Body<NewClient>) -> Responded {
    call.no_parameters()?;
    let new = body.value;
    call.write(body.digest, move |unit, _| {
        let row = new.into_row(unit)?;
        clients::insert(unit, &row)?;
        let (location, version) = (format!("/v1/clients/{}", row.id), row.version);
        Ok(Reply::created(location, ClientBody::from(row), version))
    })
    .await
}

/// Read a client
#[utoipa::path(tag = "Clients", operation_id = "getClient", security(("bearer" = ["clients:read"])),
    params(("id" = Uuid, Path, description = "Id of the client.")),
    responses((status = 200, description = "The client.", body = ClientBody)))]
#[get("/v1/clients/{id}")]
pub async fn read(call: Call<ClientsRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, _| {
        let row = clients::get(tenant, id.0)?;
        let version = row.version;
        Ok(Reply::versioned(ClientBody::from(row), version))
    })
    .await
}

/// Change a client
///
/// Absent fields stay as they are; null clears a field.
#[utoipa::path(tag = "Clients", operation_id = "updateClient", security(("bearer" = ["clients:write"])),
    request_body = ClientPatch,
    params(("id" = Uuid, Path, description = "Id of the client.")),
    responses((status = 200, description = "The client after the change.", body = ClientBody)))]
#[patch("/v1/clients/{id}")]
pub async fn update(call: Call<ClientsWrite>, id: Id, body: Body<ClientPatch>) -> Responded {
    call.no_parameters()?;
    let patch = body.value;
    call.write(body.digest, move |unit, if_match| {
        let before = clients::lock(unit, id.0, if_match)?;
        let row = patch.apply(unit, before.clone())?;
        let row = clients::save(unit, &before, row)?;
        let version = row.version;
        Ok(Reply::versioned(ClientBody::from(row), version))
    })
    .await
}
