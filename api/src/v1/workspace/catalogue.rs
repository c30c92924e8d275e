//! Sources, competitors and loss reasons: one shape, three names.

use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::workspace::catalogue;
use voronka_persistence::workspace::catalogues::{self, Catalogue, Entry};

use crate::{
    http::{
        Body, Call, Id, Reply, Responded,
        call::{CataloguesRead, CataloguesWrite},
    },
    page_of,
};

/// An entry of a catalogue.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CatalogueEntry {
    pub id: Uuid,
    /// Unique in the catalogue, without regard to case.
    #[schema(example = "Price too high")]
    pub name: String,
    /// No longer offered; history keeps it. Entries are never deleted.
    #[schema(example = false)]
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<Entry> for CatalogueEntry {
    fn from(entry: Entry) -> Self {
        let Entry { id, name, archived, version, created_at, updated_at } = entry;
        Self { id, name, archived, version, created_at, updated_at }
    }
}

page_of!(CataloguePage, CatalogueEntry);

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Price too high"}))]
pub struct NewCatalogueEntry {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"archived": true}))]
pub struct CatalogueEntryPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// True archives the entry, false brings it back.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub archived: Option<bool>,
}

async fn list(call: Call<CataloguesRead>, which: Catalogue) -> Responded {
    let page = call.page(which.spec(), move |tenant, _, _, query| {
        Ok(catalogues::list(tenant, which, query)?.map(CatalogueEntry::from))
    });
    page.await
}

async fn create(
    call: Call<CataloguesWrite>,
    body: Body<NewCatalogueEntry>,
    which: Catalogue,
) -> Responded {
    call.no_parameters()?;
    let path = call.path().to_owned();
    let name = body.value.name;
    call.write(body.digest, move |unit, _| {
        let entry = catalogues::create(unit, which, catalogue::name("/name", &name)?)?;
        let (location, version) = (format!("{path}/{}", entry.id), entry.version);
        Ok(Reply::created(location, CatalogueEntry::from(entry), version))
    })
    .await
}

async fn read(call: Call<CataloguesRead>, id: Uuid, which: Catalogue) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, _| {
        let entry = catalogues::get(tenant, which, id)?;
        let version = entry.version;
        Ok(Reply::versioned(CatalogueEntry::from(entry), version))
    })
    .await
}

async fn update(
    call: Call<CataloguesWrite>,
    id: Uuid,
    body: Body<CatalogueEntryPatch>,
    which: Catalogue,
) -> Responded {
    call.no_parameters()?;
    let CatalogueEntryPatch { name, archived } = body.value;
    call.write(body.digest, move |unit, if_match| {
        let name = name.map(|name| catalogue::name("/name", &name)).transpose()?;
        let entry = catalogues::update(unit, which, id, if_match, name, archived)?;
        let version = entry.version;
        Ok(Reply::versioned(CatalogueEntry::from(entry), version))
    })
    .await
}

/// The four operations of one catalogue.
macro_rules! catalogue {
    ($module:ident, $which:ident, $path:literal, $path_id:literal, $tag:literal,
     $list:literal $list_id:literal, $create:literal $create_id:literal,
     $read:literal $read_id:literal, $update:literal $update_id:literal, $what:literal) => {
        pub mod $module {
            use super::*;

            #[utoipa::path(tag = $tag, operation_id = $list_id, summary = $list, description = $what,
                security(("bearer" = ["catalogues:read"])),
                responses((status = 200, description = "A page of the list.", body = CataloguePage)))]
            #[get($path)]
            pub async fn list(call: Call<CataloguesRead>) -> Responded {
                super::list(call, Catalogue::$which).await
            }

            #[utoipa::path(tag = $tag, operation_id = $create_id, summary = $create,
                description = "The name must be free, without regard to case.",
                security(("bearer" = ["catalogues:write"])), request_body = NewCatalogueEntry,
                responses((status = 201, description = "The new entry.", body = CatalogueEntry)))]
            #[post($path)]
            pub async fn create(
                call: Call<CataloguesWrite>,
                body: Body<NewCatalogueEntry>,
            ) -> Responded {
                super::create(call, body, Catalogue::$which).await
            }

            #[utoipa::path(tag = $tag, operation_id = $read_id, summary = $read, description = $what,
                security(("bearer" = ["catalogues:read"])),
                params(("id" = Uuid, Path, description = "Id of the entry.")),
                responses((status = 200, description = "The entry.", body = CatalogueEntry)))]
            #[get($path_id)]
            pub async fn read(call: Call<CataloguesRead>, id: Id) -> Responded {
                super::read(call, id.0, Catalogue::$which).await
            }

            #[utoipa::path(tag = $tag, operation_id = $update_id, summary = $update,
                description = "Entries are archived and never deleted: history keeps them.",
                security(("bearer" = ["catalogues:write"])), request_body = CatalogueEntryPatch,
                params(("id" = Uuid, Path, description = "Id of the entry.")),
                responses((status = 200, description = "The entry after the change.", body = CatalogueEntry)))]
            #[patch($path_id)]
            pub async fn update(
                call: Call<CataloguesWrite>,
                id: Id,
                body: Body<CatalogueEntryPatch>,
            ) -> Responded {
                super::update(call, id.0, body, Catalogue::$which).await
            }
        }
    };
}

catalogue!(sources, Sources, "/v1/sources", "/v1/sources/{id}", "Sources",
    "List sources" "listSources", "Create a source" "createSource",
    "Read a source" "getSource", "Change or archive a source" "updateSource",
    "Where deals come from: campaigns, referrals, fairs.");
catalogue!(competitors, Competitors, "/v1/competitors", "/v1/competitors/{id}", "Competitors",
    "List competitors" "listCompetitors", "Create a competitor" "createCompetitor",
    "Read a competitor" "getCompetitor", "Change or archive a competitor" "updateCompetitor",
    "Who else clients could buy from; named when a deal is lost.");
catalogue!(loss_reasons, LossReasons, "/v1/loss-reasons", "/v1/loss-reasons/{id}", "Loss reasons",
    "List loss reasons" "listLossReasons", "Create a loss reason" "createLossReason",
    "Read a loss reason" "getLossReason", "Change or archive a loss reason" "updateLossReason",
    "Why deals are lost: every lost deal has exactly one.");
