//! What exchanges post: verified, kept, and then acknowledged. It is interpreted later.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{HeaderName, HeaderValue},
    post, web,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;
use voronka_domain::Fault;
use voronka_persistence::{
    Error,
    intake::{integrations::Integration, known, raw_events::RawEvent},
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
    telephony::{self, Adapter, Known, Posted, Question, Spoken},
    workers::Lane,
};

const LONGEST_HEADER: usize = 4_096;
const LONGEST_QUERY: usize = 4_096;
/// Whoever asks has somebody on the line.
const PATIENCE: Duration = Duration::from_millis(300);

/// Post an event of telephony
///
/// For exchanges: one event of a call, or several, as the integration's adapter has it, signed with its secret. It is
/// kept before it is acknowledged, and interpreted after: what cannot be interpreted is listed with the reason. What
/// has the same id as something that was posted before is acknowledged and not taken again. Some exchanges ask while
/// they post, whose number it is for instance: they get their answer at once.
#[utoipa::path(tag = "Integrations", operation_id = "postTelephonyEvent",
    params(("id" = Uuid, Path, description = "Id of the integration."),
        ("webhook-id" = String, Header, description = "Of the canonical form: id of the message, the same when it is sent again."),
        ("webhook-timestamp" = String, Header, description = "Of the canonical form: seconds since 1970 at which it was sent."),
        ("webhook-signature" = String, Header, description = "Of the canonical form: signature by Standard Webhooks, `v1,` and base64.")),
    request_body(content = Object, description = "As the adapter has it.", example = json!({"call_id": "1764300000.17", "type": "started", "at": "2026-11-28T09:00:00Z", "from": "+31201234567", "to": "+31201110000"})),
    responses((status = 200, description = "It is kept, and this is what the exchange asked for.", body = Object,
            example = json!({"contact_name": "Alder Mill", "responsible": "101"})),
        (status = 204, description = "It is kept.")))]
#[post("/webhooks/v1/telephony/{id}")]
pub async fn post_telephony(
    app: web::Data<App>,
    request: HttpRequest,
    id: Id,
    body: Raw,
) -> Responded {
    taken(&app, &request, (id.0, ""), body.0).await
}

/// Greet an integration
///
/// For exchanges that look whether somebody is there before they post: Zadarma gets its `zd_echo` back. Nothing is kept.
#[utoipa::path(tag = "Integrations", operation_id = "greetTelephony",
    params(("id" = Uuid, Path, description = "Id of the integration."),
        ("zd_echo" = Option<String>, Query, description = "What Zadarma wants to hear: 1 to 64 letters and digits.", example = "5f0a5f1c2b11")),
    responses((status = 200, description = "What was asked for.", body = String, content_type = "text/plain", example = "5f0a5f1c2b11")))]
#[get("/webhooks/v1/telephony/{id}")]
pub async fn greet_telephony(app: web::Data<App>, request: HttpRequest, id: Id) -> Responded {
    let (_, integration) = &*posted_to(&app, id.0).await?;
    let query = query(&request)?;
    match adapter_of(integration)?.greeting(query) {
        Some(greeting) => Ok(spoken(greeting)),
        None => {
            no_parameters(query)?;
            Err(Error::NotFound("greeting").into())
        }
    }
}

/// Call a method of telephony
///
/// For exchanges that put something behind the address. Mango puts the kind of event there. Those that know Bitrix24
/// have the integration's secret in the address that they are given, as in that of an incoming webhook there, and put
/// `telephony.externalcall.register`, `.finish`, `.attachRecord`, `.show` or `.hide` behind it; fields come as JSON, as a
/// form, or in the query.
#[utoipa::path(path = "/webhooks/v1/telephony/{id}/{rest}", tag = "Integrations", operation_id = "callTelephonyMethod",
    params(("id" = Uuid, Path, description = "Id of the integration."),
        ("rest" = String, Path, description = "What the exchange puts behind the address; it may have slashes.", example = "events/call")),
    request_body(content = Object, description = "The fields of the method.", example = json!({"USER_PHONE_INNER": "101", "PHONE_NUMBER": "+31201234567", "TYPE": 2, "CALL_START_DATE": "2026-11-28T10:00:00+01:00"})),
    responses((status = 200, description = "The answer of the method.", body = Object, example = json!({"result": {"CALL_ID": "externalCall.5f0a5f1c2b11.0"}}))))]
#[post("/webhooks/v1/telephony/{id}/{rest:.*}")]
pub async fn call_telephony(
    app: web::Data<App>,
    request: HttpRequest,
    id: Id,
    body: Raw,
) -> Responded {
    let rest = request.match_info().get("rest").unwrap_or_default();
    taken(&app, &request, (id.0, rest), body.0).await
}

async fn taken(
    app: &App,
    request: &HttpRequest,
    (id, rest): (Uuid, &str),
    body: Vec<u8>,
) -> Responded {
    let (headers, found) = (headers(request), posted_to(app, id).await?);
    let (query, adapter) = (query(request)?, adapter_of(&found.1)?);
    let url = seen_at(&found.1, query);
    let posted = Posted { rest, query, url: url.as_deref(), headers: &headers, body: &body };
    let token = verified(app, &found, adapter, &posted).await?;
    let (answer, said) = spoken_to(app, &found, adapter, &posted).await;
    let (content_type, target) =
        (posted.header("content-type").map(str::to_owned), adapter.target(&posted) + &said);
    let event = RawEvent::posted(id, token, (content_type, target), body, now());
    keep(app, found.0, event).await?;
    Ok(answer.map_or_else(|| HttpResponse::NoContent().finish(), spoken))
}

/// The address that the exchange posted to, as it sees it.
fn seen_at(integration: &Integration, query: &str) -> Option<String> {
    integration.external_url.as_ref().map(|url| match query {
        "" => url.clone(),
        query => format!("{url}?{query}"),
    })
}

/// What a post has in common with its repetitions, if it is the exchange's and there is room for it.
async fn verified(
    app: &App,
    found: &(Uuid, Integration),
    adapter: &dyn Adapter,
    posted: &Posted<'_>,
) -> Result<Option<String>, Problem> {
    let (now, (workspace_id, integration)) = (now(), found);
    let token = match adapter.verify(posted, &integration.secrets(now), now) {
        Ok(token) => token,
        Err(refused) => {
            note(app, (*workspace_id, integration.id), now, refused.to_string()).await?;
            return Err(Problem::new("invalid_signature", refused.to_string()));
        }
    };
    if !integration.enabled {
        return Err(Problem::new("integration_disabled", "The integration is switched off."));
    }
    app.limits.admit(integration.id)?;
    Ok(token)
}

/// What the exchange asks for, and what has to be known of the answer when the post is interpreted.
async fn spoken_to(
    app: &App,
    found: &Arc<(Uuid, Integration)>,
    adapter: &dyn Adapter,
    posted: &Posted<'_>,
) -> (Option<Spoken>, String) {
    let known = match adapter.asks(posted) {
        Some(question) => answered(app, found, question).await,
        None => Known::default(),
    };
    adapter
        .answer(posted, &known)
        .map_or((None, String::new()), |(spoken, said)| (Some(spoken), said))
}

async fn keep(app: &App, workspace_id: Uuid, event: RawEvent) -> Result<(), Problem> {
    let share = app.shares.one(workspace_id).await?;
    let store = app.store.clone();
    block(move || {
        let _share = share;
        store.keep_raw(workspace_id, event)
    })
    .await?;
    app.wake.work_in(Lane::Clock);
    Ok(())
}

fn spoken(spoken: Spoken) -> HttpResponse {
    HttpResponse::Ok().content_type(spoken.content_type).body(spoken.text)
}

/// What is known, if it can be found in time.
async fn answered(app: &App, found: &Arc<(Uuid, Integration)>, question: Question) -> Known {
    let look = async {
        let share = app.shares.one(found.0).await?;
        let (store, found) = (app.store.clone(), found.clone());
        block(move || {
            let _share = share;
            store.tenant(found.0, |tenant| match &question {
                Question::Whose { number } => known_of(tenant, &found.1, number),
                Question::Which { key, number } => {
                    let which = known::which(tenant, found.1.id, key, now().date_naive())?;
                    let known = number.as_ref().map(|number| known_of(tenant, &found.1, number));
                    Ok(Known { which, ..known.transpose()?.unwrap_or_default() })
                }
            })
        })
        .await
    };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(known)) => known,
        // One that nobody else has.
        _ => Known { which: Uuid::now_v7().simple().to_string(), ..Known::default() },
    }
}

fn known_of(
    tenant: &mut voronka_persistence::Tenant<'_>,
    integration: &Integration,
    number: &str,
) -> Result<Known, Error> {
    let known::Known { client_id, name, owner_id } = known::of_number(tenant, integration, number)?;
    let extensions = integration.exchange().extensions;
    let phone = extensions.into_iter().find(|(_, user)| user.is_some() && *user == owner_id);
    Ok(Known {
        client_id,
        name,
        extension: phone.map(|(extension, _)| extension),
        ..Known::default()
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

/// Writes down what was not taken: whoever sets an exchange up looks for it.
async fn note(
    app: &App,
    (workspace_id, id): (Uuid, Uuid),
    at: DateTime<Utc>,
    reason: String,
) -> Result<(), Problem> {
    if !app.store.notes_refusals(id) {
        return Ok(());
    }
    let share = app.shares.one(STRANGERS).await?;
    let store = app.store.clone();
    block(move || {
        let _share = share;
        store.note_refusal(workspace_id, id, at, &reason)
    })
    .await
}

fn adapter_of(integration: &Integration) -> Result<&'static dyn Adapter, Error> {
    let adapter = telephony::named(&integration.adapter);
    adapter.ok_or_else(|| Error::Internal("an adapter that is gone".to_owned()))
}

fn query(request: &HttpRequest) -> Result<&str, Problem> {
    match request.query_string() {
        query if query.len() <= LONGEST_QUERY => Ok(query),
        _ => {
            let fault = Fault::new("/", "invalid_parameter", "The query is too long.");
            Err(Problem::invalid_parameters(vec![fault]))
        }
    }
}

/// Those that adapters look at, and short: of a header that came twice, the first.
fn headers(request: &HttpRequest) -> Vec<(String, String)> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = value.to_str().ok().filter(|value| value.len() <= LONGEST_HEADER)?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    request.headers().iter().filter_map(text).collect()
}
