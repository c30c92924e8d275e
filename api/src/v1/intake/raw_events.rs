//! What integrations have posted, as it came.

use actix_web::{get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_persistence::{
    Noun,
    intake::{
        integrations::Integration,
        raw_events::{self, RawEvent},
    },
    now,
};

use crate::{
    http::{Body, Call, Id, Reply, Responded, call::IntegrationsManage, words},
    page_of,
};

/// A post as it came.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = RawEvent)]
pub struct RawEventBody {
    pub id: Uuid,
    pub received_at: DateTime<Utc>,
    /// `waiting` until it is interpreted, then `done`, or `failed` with the reason.
    #[schema(value_type = words::RawEventState, example = "failed")]
    pub state: String,
    /// Why it could not be interpreted.
    #[schema(example = "Not JSON: expected value at line 1 column 1.")]
    pub reason: Option<String>,
    pub content_type: Option<String>,
    /// What stood behind the integration's address, and what was answered at once.
    #[schema(example = "uuid=5c9d8c1e-7f0a-4a52-8a3f-6f5f0c2d9b11")]
    pub target: String,
    /// As it was posted; bytes that are no UTF-8 are shown as `\u{fffd}`, the exchange's secrets as `(secret)`.
    pub body: String,
}

impl RawEventBody {
    /// The exchange's secrets are shown to nobody, where it posts them in the body.
    fn of(row: RawEvent, secrets: &[&str]) -> Self {
        let body = String::from_utf8_lossy(&row.body).into_owned();
        // Some are two: a key, and what it is salted with.
        let parts = || secrets.iter().flat_map(|secret| secret.split(':'));
        let hide = |text: String| parts().fold(text, |text, part| text.replace(part, "(secret)"));
        let body = hide(body);
        Self {
            id: row.id,
            received_at: row.received_at,
            state: row.state,
            reason: row.reason,
            content_type: row.content_type,
            target: hide(row.target),
            body,
        }
    }
}

page_of!(RawEventPage, RawEventBody);

/// Which ones are interpreted again.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct Reprocess {
    /// One of those that have failed; all of them by default.
    pub event_id: Option<Uuid>,
}

/// How many wait again.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Reprocessed {
    #[schema(example = 3)]
    pub events: i64,
}

/// List what an integration has posted
///
/// As it came, the last first; `state=failed` are those that could not be interpreted, with the reason.
#[utoipa::path(tag = "Integrations", operation_id = "listRawEvents", security(("bearer" = ["integrations:manage"])),
    params(("id" = Uuid, Path, description = "Id of the integration.")),
    responses((status = 200, description = "A page of the list.", body = RawEventPage)))]
#[get("/v1/integrations/{id}/raw-events")]
pub async fn list(call: Call<IntegrationsManage>, id: Id) -> Responded {
    call.page(&raw_events::LIST, move |tenant, _, _, query| {
        let integration = Integration::get(tenant, id.0)?;
        let page = raw_events::list(tenant, id.0, query)?;
        let secrets = integration.secrets(now());
        Ok(page.map(|row| RawEventBody::of(row, &secrets)))
    })
    .await
}

/// Interpret again what could not be interpreted
///
/// After a fix: one that has failed, or all of them. They wait for their turn.
#[utoipa::path(tag = "Integrations", operation_id = "reprocessRawEvents", security(("bearer" = ["integrations:manage"])),
    request_body = Reprocess,
    params(("id" = Uuid, Path, description = "Id of the integration.")),
    responses((status = 200, description = "How many wait again.", body = Reprocessed)))]
#[post("/v1/integrations/{id}/raw-events/reprocess")]
pub async fn reprocess(call: Call<IntegrationsManage>, id: Id, body: Body<Reprocess>) -> Responded {
    call.no_parameters()?;
    let (app, event_id) = (call.app.clone(), body.value.event_id);
    let response = call.write(body.digest, move |unit, _| {
        Integration::get(&mut unit.tenant, id.0)?;
        let events = raw_events::wait_again(unit, id.0, event_id)?;
        if events == 0 && event_id.is_some() {
            return Err(voronka_persistence::Error::unknown_reference("/event_id", "failed event"));
        }
        Ok(Reply::ok(Reprocessed { events: i64::try_from(events).unwrap_or(i64::MAX) }))
    });
    let response = response.await?;
    app.wake.work();
    Ok(response)
}
