//! API keys: of PBX, BI and other programs.

use actix_web::{delete, get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{people::api_key, workspace::catalogue};
use voronka_persistence::{
    Error, Listed, Noun, Seen, Tenant, Unit,
    people::api_keys::{self, ApiKey, Makers},
};

use crate::http::words;
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
    #[schema(value_type = Vec<words::Scope>)]
    pub scopes: Vec<String>,
    /// The user who made it; null for one that a key made.
    pub created_by: Option<Uuid>,
    /// The user who answers for it: who made it, or has taken it over since. Null where that one may not log in any
    /// more: the key keeps what concerns data until somebody takes it over.
    pub maker_id: Option<Uuid>,
    /// The key that made it, and that it ends with.
    pub parent_id: Option<Uuid>,
    /// Scopes of administration that it has lost for want of a maker who holds them.
    #[schema(example = json!([]))]
    #[schema(value_type = Vec<words::Scope>)]
    pub suspended_scopes: Vec<String>,
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

impl ApiKeyBody {
    fn new(row: ApiKey, makers: &Makers) -> Self {
        let held = makers.scopes(&row);
        let lost = |scope: &&String| !held.iter().any(|one| one.scope() == scope.as_str());
        Self {
            maker_id: makers.maker(&row),
            parent_id: row.parent_id,
            suspended_scopes: row.scopes.iter().filter(lost).cloned().collect(),
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

/// A key with what has become of its maker.
fn answer(tenant: &mut Tenant<'_>, row: ApiKey) -> Result<ApiKeyBody, Error> {
    let makers = Makers::of(tenant, [&row])?;
    Ok(ApiKeyBody::new(row, &makers))
}

page_of!(ApiKeyPage, ApiKeyBody);

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Power BI", "scopes": ["deals:read", "reports:read"]}))]
pub struct NewApiKey {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// At least one.
    #[schema(value_type = Vec<words::Scope>)]
    pub scopes: Vec<String>,
    pub expires_at: Option<DateTime<Utc>>,
}

impl NewApiKey {
    fn into_row(self, unit: &mut Unit<'_>, secret: &Secret) -> Result<ApiKey, Error> {
        let parent = api_keys::parent(unit)?;
        let until = parent.as_ref().and_then(|parent| parent.expires_at);
        let caller = unit.caller;
        let maker_may = |permission| caller.may(permission);
        api_key::may_make(&self.scopes, maker_may, self.expires_at, (unit.now, until))?;
        Ok(ApiKey {
            id: secret.id,
            name: catalogue::name("/name", &self.name)?,
            key_hash: secret.hash(),
            prefix: secret.text.chars().take(11).collect(),
            scopes: self.scopes,
            created_by: unit.caller.user_id(),
            maker_id: match &parent {
                Some(parent) => parent.maker_id,
                None => unit.caller.user_id(),
            },
            parent_id: parent.map(|parent| parent.id),
            expires_at: self.expires_at.or(until),
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
    call.page(ApiKey::LIST, |tenant, _, _, query| {
        let page = ApiKey::list(tenant, query)?;
        let makers = Makers::of(tenant, &page.items)?;
        Ok(page.map(|row| ApiKeyBody::new(row, &makers)))
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
            ApiKey::insert(unit, &row)?;
            let (location, version) = (format!("/v1/api-keys/{}", row.id), row.version);
            Ok(Reply::created(location, answer(&mut unit.tenant, row)?, version))
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
        let row = ApiKey::get(tenant, id.0)?;
        let version = row.version;
        Ok(Reply::versioned(answer(tenant, row)?, version))
    })
    .await
}

/// Revoke an API key
///
/// The key stops working at once here, and within five seconds on other servers, and so do the keys that it has
/// made. History keeps it.
#[utoipa::path(tag = "API keys", operation_id = "revokeApiKey", security(("bearer" = ["api_keys:manage"])),
    params(("id" = Uuid, Path, description = "Id of the key.")),
    responses((status = 200, description = "The revoked key.", body = ApiKeyBody)))]
#[delete("/v1/api-keys/{id}")]
pub async fn revoke(call: Call<ApiKeysManage>, id: Id) -> Responded {
    change(call, id, api_keys::revoke).await
}

/// Take over an API key
///
/// The caller answers for the key from now on, and for the keys that it has made: it has its scopes of administration
/// again. It takes somebody who may do all that the key may.
#[utoipa::path(tag = "API keys", operation_id = "takeOverApiKey", security(("bearer" = ["api_keys:manage"])),
    params(("id" = Uuid, Path, description = "Id of the key.")),
    responses((status = 200, description = "The key.", body = ApiKeyBody)))]
#[post("/v1/api-keys/{id}/take-over")]
pub async fn take_over(call: Call<ApiKeysManage>, id: Id) -> Responded {
    change(call, id, api_keys::take_over).await
}

async fn change(
    call: Call<ApiKeysManage>,
    id: Id,
    change: fn(&mut Unit<'_>, Uuid, Option<Seen>) -> Result<ApiKey, Error>,
) -> Responded {
    call.no_parameters()?;
    let app = call.app.clone();
    let response = call
        .write(Vec::new(), move |unit, if_match| {
            let row = change(unit, id.0, if_match)?;
            let version = row.version;
            Ok(Reply::versioned(answer(&mut unit.tenant, row)?, version))
        })
        .await?;
    app.store.forget_callers();
    Ok(response)
}
