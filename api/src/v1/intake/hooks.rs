//! What exchanges post: verified, kept, and then acknowledged. It is interpreted later.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HeaderName, HeaderValue},
    post, web,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;
use voronka_persistence::{
    Error,
    intake::{integrations::Integration, raw_events::RawEvent},
    now,
};

use crate::{
    http::{
        Problem, Responded,
        body::Raw,
        call::{Id, no_parameters},
        work::block,
    },
    state::App,
    telephony::{self, Posted},
};

const LONGEST_HEADER: usize = 4_096;

/// Post an event of telephony
///
/// For exchanges: one event of a call, or several, as the integration's adapter has it, signed with its secret. It is
/// kept before it is acknowledged, and interpreted after: what cannot be interpreted is listed with the reason. What
/// has the same id as something that was posted before is acknowledged and not taken again.
#[utoipa::path(tag = "Integrations", operation_id = "postTelephonyEvent",
    params(("id" = Uuid, Path, description = "Id of the integration."),
        ("webhook-id" = String, Header, description = "Of the canonical form: id of the message, the same when it is sent again."),
        ("webhook-timestamp" = String, Header, description = "Of the canonical form: seconds since 1970 at which it was sent."),
        ("webhook-signature" = String, Header, description = "Of the canonical form: signature by Standard Webhooks, `v1,` and base64.")),
    request_body(content = Object, description = "As the adapter has it.", example = json!({"call_id": "1764300000.17", "type": "started", "at": "2026-11-28T09:00:00Z", "from": "+31201234567", "to": "+31201110000"})),
    responses((status = 204, description = "It is kept.")))]
#[post("/webhooks/v1/telephony/{id}")]
pub async fn post_telephony(
    app: web::Data<App>,
    request: HttpRequest,
    id: Id,
    body: Raw,
) -> Responded {
    no_parameters(request.query_string())?;
    let found = posted_to(&app, id.0).await?;
    let event = taken(&found.1, &request, body.0)?;
    let share = app.shares.one(found.0).await?;
    let store = app.store.clone();
    block(move || {
        let _share = share;
        store.keep_raw(found.0, &event)
    })
    .await?;
    app.wake.work();
    Ok(HttpResponse::NoContent().finish())
}

/// What was posted, if the integration takes it.
fn taken(
    integration: &Integration,
    request: &HttpRequest,
    body: Vec<u8>,
) -> Result<RawEvent, Problem> {
    let (headers, now) = (headers(request), now());
    let posted = Posted { headers: &headers, body: &body };
    let token = verified(integration, &posted, now)?;
    if !integration.enabled {
        return Err(Problem::new("integration_disabled", "The integration is switched off."));
    }
    Ok(RawEvent {
        id: Uuid::now_v7(),
        integration_id: integration.id,
        received_at: now,
        token,
        content_type: posted.header("content-type").map(str::to_owned),
        body,
        state: "waiting".to_owned(),
        reason: None,
    })
}

/// Strangers have a share of the connections like a workspace: they may name whatever they like.
const STRANGERS: Uuid = Uuid::nil();

async fn posted_to(app: &App, id: Uuid) -> Result<Arc<(Uuid, Integration)>, Problem> {
    let found = match app.store.known_integration(id) {
        Some(known) => known,
        None => {
            let share = app.shares.one(STRANGERS).await?;
            let store = app.store.clone();
            block(move || {
                let _share = share;
                store.integration_posted_to(id)
            })
            .await?
        }
    };
    found.ok_or_else(|| Error::NotFound("integration").into())
}

/// What a repetition has in common with it.
fn verified(
    integration: &Integration,
    posted: &Posted<'_>,
    now: DateTime<Utc>,
) -> Result<Option<String>, Problem> {
    let adapter = telephony::named(&integration.adapter)
        .ok_or_else(|| Error::Internal("an adapter that is gone".to_owned()))?;
    let verified = adapter.verify(posted, &integration.secrets(now), now);
    verified.map_err(|refused| Problem::new("invalid_signature", refused.to_string()))
}

/// Those that adapters look at, and short: of a header that came twice, the first.
fn headers(request: &HttpRequest) -> Vec<(String, String)> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = value.to_str().ok().filter(|value| value.len() <= LONGEST_HEADER)?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    request.headers().iter().filter_map(text).collect()
}
