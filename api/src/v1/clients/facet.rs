//! What the filters of the client list can be set to.

use actix_web::get;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use voronka_persistence::clients::{self, Facet};

use crate::http::{Call, Reply, Responded, call::ClientsRead};

/// A value, and how many clients in use have it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct FacetValue {
    /// Null: those that have none.
    #[schema(example = "North")]
    pub value: Option<String>,
    #[schema(example = 12)]
    pub count: i64,
}

/// The values of each filter, the most frequent first, at most 200.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ClientFacets {
    pub kind: Vec<FacetValue>,
    #[serde(rename = "type")]
    pub client_type: Vec<FacetValue>,
    pub class: Vec<FacetValue>,
    pub region: Vec<FacetValue>,
    pub tag: Vec<FacetValue>,
}

impl From<Vec<Facet>> for ClientFacets {
    fn from(rows: Vec<Facet>) -> Self {
        let mut all = Self::default();
        for Facet { field, value, count } in rows {
            let values = match field.as_str() {
                "kind" => &mut all.kind,
                "type" => &mut all.client_type,
                "class" => &mut all.class,
                "region" => &mut all.region,
                _ => &mut all.tag,
            };
            values.push(FacetValue { value, count });
        }
        all
    }
}

/// Read the facets of clients
///
/// Which kinds, types, classes, regions and tags there are, and how many clients in use have each: what the
/// filters of the list can be set to.
#[utoipa::path(tag = "Clients", operation_id = "getClientFacets", security(("bearer" = ["clients:read"])),
    responses((status = 200, description = "The values with their counts.", body = ClientFacets)))]
#[get("/v1/clients/facets")]
pub async fn facets(call: Call<ClientsRead>) -> Responded {
    call.no_parameters()?;
    call.read(|tenant, _, _| Ok(Reply::ok(ClientFacets::from(clients::facets(tenant)?)))).await
}
