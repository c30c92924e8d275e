//! API keys: of PBX, BI and other programs.

use actix_web::{delete, get, post};
use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{access::Permission, catalogue, fault::Faults};
use voronka_persistence::{
    Error, Unit,
    api_keys::{self, ApiKey},
};

use crate::{
    auth::secret::{API_KEY, Secret},
    http::{Body, Call, Id, Reply, Responded, call::ApiKeysManage},
    page_of,
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyBody {
    pub id: Uuid,
    #[schema(example = "Power BI")]
    pub name: String,
    /// The key's first characters, to tell keys apart.
    #[schema(example = "vk_AZnC8Ho1")]
    pub prefix: String,
    /// What the key may do.
    #[schema(example = json!(["deals:read", "reports:read"]))]
    pub scopes: Vec<String>,
    pub created_by: Option<Uuid>,
    /// When it stops being taken; null for never.
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// The key itself: shown once, when it is made, and null ever after.
    #[schema(example = "vk_AZnC8Ho1...")]
    pub key: Option<String>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<ApiKey> for ApiKeyBody {
    fn from(row: ApiKey) -> Self {
        Self {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            scopes: row.scopes,
            created_by: row.created_by,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            key: None,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

page_of!(ApiKeyPage, ApiKeyBody);

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Power BI", "scopes": ["deals:read", "reports:read"]}))]
pub struct NewApiKey {
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// At least one.
    pub scopes: Vec<String>,
    pub expires_at: Option<DateTime<Utc>>,
}

impl NewApiKey {
    fn into_row(self, unit: &mut Unit<'_>, secret: &Secret) -> Result<ApiKey, Error> {
        let mut faults = Faults::default();
        if self.scopes.is_empty() {
            faults.add("/scopes", "required", "A key needs at least one scope.");
        }
        let known: Vec<_> = Permission::ALL.iter().map(|permission| permission.scope()).collect();
        if self.scopes.len() > known.len() {
            faults.add("/scopes", "too_many", format!("There are {} scopes.", known.len()));
        }
        for (index, scope) in self.scopes.iter().enumerate().take(known.len()) {
            let permission = Permission::parse(scope);
            if permission.is_some_and(|permission| !unit.caller.may(permission)) {
                let detail = "A key cannot do what its maker cannot do.";
                faults.add(format!("/scopes/{index}"), "scope_not_held", detail);
            }
            if permission.is_none() {
                let detail = format!("One of {}.", known.join(", "));
                faults.add(format!("/scopes/{index}"), "unknown_scope", detail);
            }
        }
        if self.expires_at.is_some_and(|at| at <= unit.now) {
            faults.add("/expires_at", "in_the_past", "Must be in the future.");
        }
        if self.expires_at.is_some_and(|at| at.year() > 9999) {
            faults.add("/expires_at", "out_of_range", "At most the year 9999; null for never.");
        }
        faults.into_result()?;
        Ok(ApiKey {
            id: secret.id,
            name: catalogue::name("/name", &self.name)?,
            key_hash: secret.hash(),
            prefix: secret.text.chars().take(11).collect(),
            scopes: self.scopes,
            created_by: unit.caller.user_id(),
            expires_at: self.expires_at,
            revoked_at: None,
            version: 1,
            created_at: unit.now,
            updated_at: unit.now,
        })
    }
}

/// List API keys
///
/// Keys are shown by their prefix; the key itself is not kept.
#[utoipa::path(tag = "API keys", operation_id = "listApiKeys", security(("bearer" = ["api_keys:manage"])),
    responses((status = 200, description = "A page of the list.", body = ApiKeyPage)))]
#[get("/v1/api-keys")]
pub async fn list(call: Call<ApiKeysManage>) -> Responded {
    call.page(&api_keys::LIST, |tenant, _, _, query| {
        Ok(api_keys::list(tenant, query)?.map(ApiKeyBody::from))
    })
    .await
}

/// Create an API key
///
/// The answer is the only time that the key is shown; a repetition by `Idempotency-Key` answers
/// without it.
#[utoipa::path(tag = "API keys", operation_id = "createApiKey", security(("bearer" = ["api_keys:manage"])),
    request_body = NewApiKey,
    responses((status = 201, description = "The new key.", body = ApiKeyBody)))]
#[post("/v1/api-keys")]
pub async fn create(call: Call<ApiKeysManage>, body: Body<NewApiKey>) -> Responded {
    call.no_parameters()?;
    let new = body.value;
    let secret = Secret::generate(API_KEY, call.caller.workspace_id, Uuid::now_v7());
    let shown = secret.text.clone();
    let response = call
        .write(body.digest, move |unit, _| {
            let row = new.into_row(unit, &secret)?;
            api_keys::insert(unit, &row)?;
            let (location, version) = (format!("/v1/api-keys/{}", row.id), row.version);
            Ok(Reply::created(location, ApiKeyBody::from(row), version))
        })
        .await?;
    crate::http::call::with_secret(response, "key", shown).await
}

/// Read an API key
#[utoipa::path(tag = "API keys", operation_id = "getApiKey", security(("bearer" = ["api_keys:manage"])),
    params(("id" = Uuid, Path, description = "Id of the key.")),
    responses((status = 200, description = "The key, without its secret.", body = ApiKeyBody)))]
#[get("/v1/api-keys/{id}")]
pub async fn read(call: Call<ApiKeysManage>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, _| {
        let row = api_keys::get(tenant, id.0)?;
        let version = row.version;
        Ok(Reply::versioned(ApiKeyBody::from(row), version))
    })
    .await
}

/// Revoke an API key
///
/// The key stops working at once here, and within five seconds on other servers. History keeps it.
#[utoipa::path(tag = "API keys", operation_id = "revokeApiKey", security(("bearer" = ["api_keys:manage"])),
    params(("id" = Uuid, Path, description = "Id of the key.")),
    responses((status = 200, description = "The revoked key.", body = ApiKeyBody)))]
#[delete("/v1/api-keys/{id}")]
pub async fn revoke(call: Call<ApiKeysManage>, id: Id) -> Responded {
    call.no_parameters()?;
    let app = call.app.clone();
    let response = call
        .write(Vec::new(), move |unit, if_match| {
            let before = api_keys::lock(unit, id.0, if_match)?;
            let revoked_at = before.revoked_at.or(Some(unit.now));
            let row = api_keys::save(unit, &before, ApiKey { revoked_at, ..before.clone() })?;
            let version = row.version;
            Ok(Reply::versioned(ApiKeyBody::from(row), version))
        })
        .await?;
    app.store.forget_callers();
    Ok(response)
}
