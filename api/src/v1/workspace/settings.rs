//! The caller's workspace.

use actix_web::{get, patch};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    kernel::contact_point::Country,
    workspace::{
        catalogue,
        settings::{DealVisibility, MOST_DAYS_KEPT},
    },
};
use voronka_persistence::{
    Error,
    core::enum_names::to_name,
    workspace::workspaces::{self, Workspace},
};

use crate::http::words;
use crate::http::{
    Body, Call, Patch, Reply, Responded,
    call::{WorkspaceRead, WorkspaceWrite},
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Workspace)]
pub struct WorkspaceBody {
    pub id: Uuid,
    #[schema(example = "Lantern Systems")]
    pub name: String,
    /// Base currency, ISO 4217. It does not change: every report is in it.
    #[schema(example = "EUR")]
    pub currency: String,
    /// IANA zone that days are counted in.
    #[schema(example = "Europe/Amsterdam")]
    pub time_zone: String,
    /// `by_role`: sellers see their own deals, heads their departments'; `everyone`: all see all.
    #[schema(value_type = words::DealVisibility)]
    #[schema(example = "by_role")]
    pub deal_visibility: String,
    /// ISO 3166 code of the country whose national phone numbers are understood; null: only
    /// international ones are.
    #[schema(example = "NL")]
    pub country: Option<String>,
    /// New deals of every type are opened with a primary demand.
    pub require_primary_demand: bool,
    /// For how many days what integrations have posted is kept as it came.
    #[schema(example = 90)]
    pub raw_event_days: i32,
    /// For how many days recordings that were fetched are kept, from the call on.
    #[schema(example = 180)]
    pub recording_days: i32,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<Workspace> for WorkspaceBody {
    fn from(row: Workspace) -> Self {
        Self {
            id: row.workspace_id,
            name: row.name,
            currency: row.currency,
            time_zone: row.time_zone,
            deal_visibility: row.deal_visibility,
            country: row.country,
            require_primary_demand: row.require_primary_demand,
            raw_event_days: row.raw_event_days,
            recording_days: row.recording_days,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Lantern Systems", "deal_visibility": "everyone"}))]
pub struct WorkspacePatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// IANA zone; days of reports are counted in it from now on.
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub time_zone: Option<chrono_tz::Tz>,
    #[schema(value_type = Option<words::DealVisibility>)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub deal_visibility: Option<DealVisibility>,
    /// ISO 3166 code, such as NL: phone numbers are read as this country's from now on.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub country: Patch<String>,
    /// Whether new deals of every type are opened with a primary demand.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub require_primary_demand: Option<bool>,
    /// For how many days what integrations post is kept as it came. Older posts go within minutes.
    #[validate(range(min = 1, max = MOST_DAYS_KEPT))]
    #[schema(minimum = 1, maximum = 3_650)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub raw_event_days: Option<i32>,
    /// For how many days recordings that were fetched are kept, from the call on. Older ones go within minutes.
    #[validate(range(min = 1, max = MOST_DAYS_KEPT))]
    #[schema(minimum = 1, maximum = 3_650)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub recording_days: Option<i32>,
}

fn check_country(code: Option<&String>) -> Result<(), Error> {
    match code {
        Some(code) if Country::parse(code).is_none() => {
            let detail = "Not an ISO 3166 country code, such as NL.";
            Err(Error::invalid("/country", "unknown_country", detail))
        }
        _ => Ok(()),
    }
}

/// Read the workspace
#[utoipa::path(tag = "Workspace", operation_id = "getWorkspace",
    security(("bearer" = ["workspace:read"])),
    responses((status = 200, description = "The caller's workspace.", body = WorkspaceBody)))]
#[get("/v1/workspace")]
pub async fn read(call: Call<WorkspaceRead>) -> Responded {
    call.no_parameters()?;
    call.read(|tenant, _, _| {
        let row = workspaces::get(tenant)?;
        let version = row.version;
        Ok(Reply::versioned(WorkspaceBody::from(row), version))
    })
    .await
}

/// Change the workspace
///
/// The base currency cannot be changed.
#[utoipa::path(tag = "Workspace", operation_id = "updateWorkspace",
    security(("bearer" = ["workspace:write"])), request_body = WorkspacePatch,
    responses((status = 200, description = "The workspace after the change.", body = WorkspaceBody)))]
#[patch("/v1/workspace")]
pub async fn update(call: Call<WorkspaceWrite>, body: Body<WorkspacePatch>) -> Responded {
    call.no_parameters()?;
    let (patch, app) = (body.value, call.app.clone());
    let done = call.write(body.digest, move |unit, if_match| {
        let before = workspaces::lock(unit, if_match)?;
        let mut row = before.clone();
        if let Some(name) = patch.name {
            row.name = catalogue::name("/name", &name)?;
        }
        row.time_zone = patch.time_zone.map_or(row.time_zone, |zone| zone.name().to_owned());
        row.deal_visibility =
            patch.deal_visibility.map_or(row.deal_visibility, |setting| to_name(&setting));
        check_country(patch.country.as_set())?;
        patch.country.apply(&mut row.country);
        row.require_primary_demand =
            patch.require_primary_demand.unwrap_or(row.require_primary_demand);
        row.raw_event_days = patch.raw_event_days.unwrap_or(row.raw_event_days);
        row.recording_days = patch.recording_days.unwrap_or(row.recording_days);
        let row = workspaces::save(unit, &before, row)?;
        let version = row.version;
        Ok(Reply::versioned(WorkspaceBody::from(row), version))
    });
    let response = done.await?;
    app.store.forget_callers();
    Ok(response)
}
