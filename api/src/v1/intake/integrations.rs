//! Integrations: exchanges that post their events.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use actix_web::{get, patch, post};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::intake::{integration::IntegrationChange, recording::Recordings};
use voronka_persistence::{Error, Unit, intake::integrations::Integration};

use crate::{
    http::{
        Body, Call, Id, Patch, Resource, Responded,
        call::{IntegrationsManage, with_secret},
        words,
    },
    page_of,
    telephony::{self, Adapter, Secret},
};

/// How long a secret is taken after the next one was made.
const OVERLAP: TimeDelta = TimeDelta::hours(24);

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Integration)]
pub struct IntegrationBody {
    pub id: Uuid,
    /// What it is of: `telephony`.
    #[schema(example = "telephony")]
    pub kind: String,
    /// How its posts are signed and read.
    #[schema(value_type = words::Adapter, example = "canonical")]
    pub adapter: String,
    #[schema(example = "Office exchange")]
    pub name: String,
    /// Whether its posts are taken.
    pub enabled: bool,
    /// Where the exchange posts to, below the server's address.
    #[schema(example = "/webhooks/v1/telephony/0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11")]
    pub path: String,
    /// What it signs its posts with, or names itself by: shown once, when it is made, and null ever after. Null too
    /// where the exchange has it.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    pub secret: Option<String>,
    /// Until when the secret before is taken too.
    pub previous_secret_until: Option<DateTime<Utc>>,
    /// How the exchange sees the address that it posts to, where it signs that, too (Twilio).
    #[schema(
        example = "https://crm.example/webhooks/v1/telephony/0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11"
    )]
    pub external_url: Option<String>,
    /// IANA zone of times that the exchange tells without one; null: the workspace's.
    #[schema(example = "Europe/Amsterdam")]
    pub time_zone: Option<String>,
    /// ISO 3166 code of the country whose national numbers are understood; null: the workspace's.
    #[schema(example = "NL")]
    pub country: Option<String>,
    /// What is dialled before a number outside.
    #[schema(example = "9")]
    pub access_digit: Option<String>,
    /// The company's own numbers, E.164: never a client's.
    #[schema(example = json!(["+31201110000"]))]
    pub lines: Vec<String>,
    /// Type of the deal that the first call of an unknown number opens, with a client of that number; null: it opens none,
    /// and the number waits in the inbox.
    pub deal_type_id: Option<Uuid>,
    /// Working minutes in which who called in vain is to be called back; null: no tasks are made.
    #[schema(example = 60)]
    pub call_back_minutes: Option<i32>,
    /// What becomes of recordings of calls: `link`, their links are kept; `fetch`, they are fetched and kept here.
    #[schema(value_type = words::Recordings, example = "link")]
    pub recordings: String,
    /// Whose phones they are: ids of users by extension; null where a phone is nobody's.
    #[schema(value_type = BTreeMap<String, Option<Uuid>>,
        example = json!({"101": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "900": null}))]
    pub extensions: serde_json::Value,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<Integration> for IntegrationBody {
    fn from(row: Integration) -> Self {
        Self {
            path: format!("/webhooks/v1/telephony/{}", row.id),
            secret: None,
            id: row.id,
            kind: row.kind,
            adapter: row.adapter,
            name: row.name,
            enabled: row.enabled,
            previous_secret_until: row.previous_until,
            external_url: row.external_url,
            time_zone: row.time_zone,
            country: row.country,
            access_digit: row.access_digit,
            lines: row.lines,
            deal_type_id: row.deal_type_id,
            call_back_minutes: row.call_back_minutes,
            recordings: row.recordings,
            extensions: row.extensions,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Resource for Integration {
    type Body = IntegrationBody;
    const PATH: &'static str = "/v1/integrations";

    fn forget(app: &crate::state::App, _: Uuid) {
        app.store.forget_integrations();
    }
}

page_of!(IntegrationPage, IntegrationBody);

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"adapter": "canonical", "name": "Office exchange", "lines": ["+31201110000"], "extensions": {"900": null}}))]
pub struct NewIntegration {
    #[schema(value_type = words::Adapter)]
    pub adapter: String,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What the exchange signs its posts with, where it makes that up itself: the auth token (`twilio`), the secret of
    /// the API (`zadarma`), the key and the salt with a colon between them (`mango`). Else there is none to be given.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub secret: Option<String>,
    #[validate(length(min = 1, max = crate::http::limits::ADDRESS))]
    #[schema(min_length = 1, max_length = 2000)]
    pub external_url: Option<String>,
    #[schema(value_type = Option<String>)]
    pub time_zone: Option<chrono_tz::Tz>,
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: Option<String>,
    #[schema(pattern = "^[0-9]$")]
    pub access_digit: Option<String>,
    #[schema(max_items = 500)]
    pub lines: Option<Vec<String>>,
    pub deal_type_id: Option<Uuid>,
    /// 60 by default.
    #[schema(minimum = 1, maximum = 43_200)]
    pub call_back_minutes: Option<i32>,
    /// `link` by default.
    #[schema(value_type = Option<words::Recordings>)]
    pub recordings: Option<Recordings>,
    pub extensions: Option<BTreeMap<String, Option<Uuid>>>,
}

/// A change of an integration: absent fields stay, null clears.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"lines": ["+31201110000", "+31201110001"]}))]
pub struct IntegrationPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    /// Another one of the exchange's own; the one before is taken for another 24 hours.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[validate(length(min = 1, max = 200))]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    pub secret: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub external_url: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub time_zone: Patch<chrono_tz::Tz>,
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Z]{2}$")]
    pub country: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[0-9]$")]
    pub access_digit: Patch<String>,
    /// In the place of those that there are.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false, max_items = 500)]
    pub lines: Option<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub deal_type_id: Patch<Uuid>,
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 43_200)]
    pub call_back_minutes: Patch<i32>,
    /// Of calls that are told of from now on.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(value_type = Option<words::Recordings>, nullable = false)]
    pub recordings: Option<Recordings>,
    /// In the place of those that there are.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub extensions: Option<BTreeMap<String, Option<Uuid>>>,
}

impl IntegrationPatch {
    fn apply(self, unit: &mut Unit<'_>, mut row: Integration) -> Result<Integration, Error> {
        if let Some(secret) = self.secret {
            row.rotate(given(adapter_of(&row)?, Some(secret))?, unit.now + OVERLAP);
        }
        let change = IntegrationChange {
            name: self.name,
            enabled: self.enabled,
            external_url: self.external_url.into_option(),
            time_zone: self.time_zone.into_option(),
            country: self.country.into_option(),
            access_digit: self.access_digit.into_option(),
            lines: self.lines,
            deal_type_id: self.deal_type_id.into_option(),
            call_back_minutes: self.call_back_minutes.into_option(),
            recordings: self.recordings,
            extensions: self.extensions,
        };
        row.take(unit, change)?;
        Ok(row)
    }
}

impl NewIntegration {
    fn into_row(self, unit: &mut Unit<'_>, made: Option<String>) -> Result<Integration, Error> {
        let Some(adapter) = telephony::named(&self.adapter) else {
            let detail = "There is no such adapter.";
            return Err(Error::invalid("/adapter", "unknown_value", detail));
        };
        let secret = match (made, self.secret) {
            (Some(made), None) => made,
            (_, secret) => given(adapter, secret)?,
        };
        let mut row = Integration::new(adapter.name(), secret, unit.now);
        let change = IntegrationChange {
            name: Some(self.name),
            enabled: None,
            external_url: Some(self.external_url),
            time_zone: Some(self.time_zone),
            country: Some(self.country),
            access_digit: Some(self.access_digit),
            lines: self.lines,
            deal_type_id: Some(self.deal_type_id),
            call_back_minutes: self.call_back_minutes.map(Some),
            recordings: self.recordings,
            extensions: self.extensions,
        };
        row.take(unit, change)?;
        Ok(row)
    }
}

/// The adapter's word is known: it was when the integration was made.
fn adapter_of(row: &Integration) -> Result<&'static dyn Adapter, Error> {
    let adapter = telephony::named(&row.adapter);
    adapter.ok_or_else(|| Error::Internal("an adapter that is gone".to_owned()))
}

/// A secret that the exchange has.
fn given(adapter: &dyn Adapter, secret: Option<String>) -> Result<String, Error> {
    let Secret::Given(what) = adapter.secret() else {
        let detail = "It is made here: leave it out, and type what is answered into the exchange.";
        return Err(Error::invalid("/secret", "unknown_value", detail));
    };
    let secret = secret.ok_or_else(|| Error::invalid("/secret", "required", what))?;
    if adapter.takes(&secret) {
        Ok(secret)
    } else {
        Err(Error::invalid("/secret", "invalid_format", what))
    }
}

/// List integrations
///
/// Exchanges that post their events here. `q` looks in the name.
#[utoipa::path(tag = "Integrations", operation_id = "listIntegrations", security(("bearer" = ["integrations:manage"])),
    responses((status = 200, description = "A page of the list.", body = IntegrationPage)))]
#[get("/v1/integrations")]
pub async fn list(call: Call<IntegrationsManage>) -> Responded {
    call.list_of::<Integration>().await
}

/// Create an integration
///
/// The answer is the only time that the secret is shown; a repetition by `Idempotency-Key` answers without it.
#[utoipa::path(tag = "Integrations", operation_id = "createIntegration", security(("bearer" = ["integrations:manage"])),
    request_body = NewIntegration,
    responses((status = 201, description = "The new integration.", body = IntegrationBody)))]
#[post("/v1/integrations")]
pub async fn create(call: Call<IntegrationsManage>, body: Body<NewIntegration>) -> Responded {
    let new = body.value;
    let made = match telephony::named(&new.adapter).map(Adapter::secret) {
        Some(Secret::Made(make)) => Some(make()),
        _ => None,
    };
    let shown = made.clone();
    let response =
        call.create(body.digest, move |unit: &mut Unit<'_>| new.into_row(unit, made)).await?;
    match shown {
        Some(secret) => with_secret(response, "secret", secret).await,
        None => Ok(response),
    }
}

/// Read an integration
#[utoipa::path(tag = "Integrations", operation_id = "getIntegration", security(("bearer" = ["integrations:manage"])),
    params(("id" = Uuid, Path, description = "Id of the integration.")),
    responses((status = 200, description = "The integration, without its secret.", body = IntegrationBody)))]
#[get("/v1/integrations/{id}")]
pub async fn read(call: Call<IntegrationsManage>, id: Id) -> Responded {
    call.one_of::<Integration>(id).await
}

/// Change an integration
///
/// Absent fields stay as they are; null clears a field. What is switched off takes no posts, within five seconds on
/// other servers. Phones and lines hold for what is told of calls from now on.
#[utoipa::path(tag = "Integrations", operation_id = "updateIntegration", security(("bearer" = ["integrations:manage"])),
    request_body = IntegrationPatch,
    params(("id" = Uuid, Path, description = "Id of the integration.")),
    responses((status = 200, description = "The integration after the change.", body = IntegrationBody)))]
#[patch("/v1/integrations/{id}")]
pub async fn update(
    call: Call<IntegrationsManage>,
    id: Id,
    body: Body<IntegrationPatch>,
) -> Responded {
    let change = body.value;
    call.update(body.digest, id, |unit, row: Integration| change.apply(unit, row)).await
}

/// Rotate an integration's secret
///
/// Posts are signed with the new one from now on; the one before is taken for another 24 hours, so that nothing is
/// lost while the exchange is told. The answer is the only time that the secret is shown; a repetition by
/// `Idempotency-Key` answers without it.
#[utoipa::path(tag = "Integrations", operation_id = "rotateIntegrationSecret", security(("bearer" = ["integrations:manage"])),
    params(("id" = Uuid, Path, description = "Id of the integration.")),
    responses((status = 200, description = "The integration, with its new secret.", body = IntegrationBody)))]
#[post("/v1/integrations/{id}/rotate-secret")]
pub async fn rotate(call: Call<IntegrationsManage>, id: Id) -> Responded {
    let shown = Arc::new(OnceLock::new());
    let made = shown.clone();
    let rotated = call.update(Vec::new(), id, move |unit, mut row: Integration| {
        let Secret::Made(make) = adapter_of(&row)?.secret() else {
            let detail = "The exchange makes it up: change it there, and then here, as `secret`.";
            return Err(Error::conflict("secret_not_made_here", "", detail));
        };
        row.rotate(made.get_or_init(make).clone(), unit.now + OVERLAP);
        Ok(row)
    });
    let response = rotated.await?;
    match shown.get() {
        Some(secret) => with_secret(response, "secret", secret.clone()).await,
        None => Ok(response),
    }
}
