//! A call of an operation: who calls, what they may do, and how they are answered. The extractor is
//! the permission: `Call<DealsWrite>` exists only for a caller who may write deals.

use std::{future::Ready, marker::PhantomData, str::FromStr, sync::Arc};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder,
    dev::Payload,
    http::{
        StatusCode,
        header::{self},
    },
    web,
};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use voronka_domain::{
    Fault, kernel::fault::Faults, people::access::Permission, workspace::catalogue::NAME_LENGTH,
};
use voronka_persistence::{
    Caller, Error, Idempotency, Seen, Tenant, Unit, Written, again, core::list, now,
};

use super::{
    problem::Problem,
    reply::Reply,
    request_headers::{IDEMPOTENCY_KEY, check_key, header_text, is_known, versions},
    work::{block, reading},
};
use crate::{openapi, state::App};

/// What an operation needs.
pub trait Needs: 'static {
    /// One of these will do.
    const ANY_OF: &'static [Permission];
}

macro_rules! needs {
    ($($name:ident),+ $(,)?) => {
        $(pub struct $name;
        impl Needs for $name {
            const ANY_OF: &'static [Permission] = &[Permission::$name];
        })+
    };
}
needs! {
    WorkspaceRead, WorkspaceWrite, UsersRead, UsersWrite, ApiKeysManage, ClientsRead, ClientsWrite,
    CataloguesRead, CataloguesWrite, DealTypesRead, DealTypesWrite, DealsRead, DealsWrite,
    TasksRead, TasksWrite, ActivitiesRead, ActivitiesWrite, DocumentsRead, DocumentsWrite, ImportsRead, ImportsWrite, ReportsRead, EventsRead,
    HandOversRead, HandOversWrite, JobsRead, JobsWrite, IntegrationsManage, InboxRead, InboxWrite,
}

/// Of files on things of any kind, which are looked at then.
pub struct FilesRead;
impl Needs for FilesRead {
    const ANY_OF: &'static [Permission] = &[
        Permission::DealsRead,
        Permission::ClientsRead,
        Permission::ActivitiesRead,
        Permission::DocumentsRead,
    ];
}

/// Of files on things of some kind, whose permission is asked for when the kind is known.
pub struct FilesWrite;
impl Needs for FilesWrite {
    const ANY_OF: &'static [Permission] = &[
        Permission::DealsWrite,
        Permission::ClientsWrite,
        Permission::ActivitiesWrite,
        Permission::DocumentsWrite,
    ];
}

pub struct Call<P> {
    pub app: web::Data<App>,
    pub caller: Arc<Caller>,
    method_and_path: String,
    query: String,
    key: Option<String>,
    if_match: Option<Seen>,
    if_none_match: Option<String>,
    pub accept: String,
    needs: PhantomData<P>,
}

impl<P: Needs> FromRequest for Call<P> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Self::of(request))
    }
}

impl<P: Needs> Call<P> {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let caller = request.extensions().get::<Arc<Caller>>().cloned();
        let caller = caller.ok_or_else(unauthenticated)?;
        if !P::ANY_OF.iter().any(|permission| caller.may(*permission)) {
            let scopes: Vec<_> = P::ANY_OF.iter().map(|permission| permission.scope()).collect();
            let detail = format!("The operation needs {}.", scopes.join(" or "));
            return Err(Problem::new("forbidden", detail));
        }
        let app = request.app_data::<web::Data<App>>().cloned();
        let text = |name| header_text(request, name);
        Ok(Self {
            app: app.ok_or_else(|| Problem::of("internal_error"))?,
            caller,
            method_and_path: format!("{} {}", request.method(), request.path()),
            query: request.query_string().to_owned(),
            key: text(IDEMPOTENCY_KEY)?.map(check_key).transpose()?,
            if_match: text(header::IF_MATCH.as_str())?
                .map(|tags| versions(&tags))
                .transpose()?
                .flatten(),
            if_none_match: text(header::IF_NONE_MATCH.as_str())?,
            accept: text(header::ACCEPT.as_str())?.unwrap_or_default(),
            needs: PhantomData,
        })
    }
}

pub fn unauthenticated() -> Problem {
    Problem::of("unauthenticated").header("WWW-Authenticate", "Bearer")
}

pub type Responded = Result<HttpResponse, Problem>;

/// What a write does, given the version that the caller saw. It is done anew, on a copy of what came with
/// the request, where others were in its way.
pub trait Command<T>:
    FnOnce(&mut Unit<'_>, Option<Seen>) -> Result<Reply<T>, Error> + Clone + Send + 'static
{
}

impl<T, C> Command<T> for C where
    C: FnOnce(&mut Unit<'_>, Option<Seen>) -> Result<Reply<T>, Error> + Clone + Send + 'static
{
}

impl<P: Needs> Call<P> {
    /// Carries out a write in one transaction, and answers it; a repetition by key is answered as before.
    pub async fn write<T: Serialize + 'static>(
        self,
        digest: Vec<u8>,
        command: impl Command<T>,
    ) -> Responded {
        self.answer_write(digest, false, command).await
    }

    /// The same of a command that records one deal and writes nothing else.
    pub async fn write_deal<T: Serialize + 'static>(
        self,
        digest: Vec<u8>,
        command: impl Command<T>,
    ) -> Responded {
        self.answer_write(digest, true, command).await
    }

    async fn answer_write<T: Serialize + 'static>(
        self,
        digest: Vec<u8>,
        one_deal: bool,
        command: impl Command<T>,
    ) -> Responded {
        let Self { app, caller, method_and_path, key, if_match, .. } = self;
        let idempotency = key.map(|key| Idempotency {
            key,
            request_hash: Sha256::new()
                .chain_update(method_and_path)
                .chain_update([0])
                .chain_update(digest)
                .finalize()
                .to_vec(),
        });
        let share = app.shares.one(caller.workspace_id).await?;
        let written = block(move || {
            let _share = share;
            let key = idempotency.as_ref();
            again(|| {
                let command = command.clone();
                let command = |unit: &mut Unit<'_>| command(unit, if_match)?.into_answer();
                if one_deal {
                    app.store.write_deal(&caller, now(), key, command)
                } else {
                    app.store.write(&caller, now(), key, command)
                }
            })
        })
        .await?;
        Ok(respond(written))
    }

    /// Reads and answers.
    pub async fn read<T: Serialize + 'static>(
        self,
        query: impl FnOnce(&mut Tenant<'_>, &App, &Caller) -> Result<Reply<T>, Error> + Send + 'static,
    ) -> Responded {
        let Self { app, caller, if_none_match, .. } = self;
        let (shares, workspace_id) = (app.shares.clone(), caller.workspace_id);
        let answer = reading(&shares, workspace_id, move || {
            let reply = app.store.read(&caller, |tenant| query(tenant, &app, &caller))?;
            reply.into_answer()
        })
        .await?;
        if answer.etag.as_deref().is_some_and(|etag| is_known(etag, if_none_match.as_deref())) {
            return Ok(HttpResponse::NotModified()
                .insert_header((header::ETAG, answer.etag.unwrap_or_default()))
                .finish());
        }
        Ok(respond(Written { answer, replayed: false }))
    }

    pub fn path(&self) -> &str {
        self.method_and_path.split_once(' ').map_or("", |(_, path)| path)
    }

    /// The query string as pairs, decoded.
    pub fn pairs(&self) -> Result<Vec<(String, String)>, Problem> {
        pairs(&self.query)
    }

    /// The same, each name once.
    pub fn distinct_pairs(&self) -> Result<Vec<(String, String)>, Problem> {
        let pairs = self.pairs()?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if pairs.iter().take(index).any(|(other, _)| other == name) {
                let fault = Fault::new(format!("/{name}"), "duplicate_parameter", "Given twice.");
                return Err(Problem::invalid_parameters(vec![fault]));
            }
        }
        Ok(pairs)
    }

    /// A parameter that is none of the list's own.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut pairs = self.pairs()?;
        let Some(index) = pairs.iter().position(|(other, _)| other == name) else {
            return Ok(None);
        };
        let (_, value) = pairs.remove(index);
        self.query =
            serde_urlencoded::to_string(pairs).map_err(|_| Problem::of("internal_error"))?;
        Ok(Some(value))
    }

    /// The query string as that of a list.
    pub fn list(&self, spec: &list::Spec) -> Result<list::Query, Problem> {
        spec.parse(&self.pairs()?).map_err(Problem::invalid_parameters)
    }

    /// An operation without parameters refuses any.
    pub fn no_parameters(&self) -> Result<(), Problem> {
        no_parameters(&self.query)
    }
}

/// Refuses a query string that is not empty.
pub fn no_parameters(query: &str) -> Result<(), Problem> {
    let faults: Vec<_> = pairs(query)?.into_iter().map(|(name, _)| unknown(&name)).collect();
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid_parameters(faults)) }
}

pub fn unknown(name: &str) -> Fault {
    Fault::new(format!("/{name}"), "unknown_parameter", "There is no such parameter.")
}

fn respond(written: Written) -> HttpResponse {
    let Written { answer, replayed } = written;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponseBuilder::new(status);
    if let Some(etag) = answer.etag {
        response.insert_header((header::ETAG, etag));
    }
    if let Some(location) = answer.location {
        response.insert_header((header::LOCATION, location));
    }
    if let Some(place) = answer.content_location {
        response.insert_header((header::CONTENT_LOCATION, place));
    }
    if replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    match answer.body {
        Some(body) => response.content_type("application/json").body(body),
        None => response.finish(),
    }
}

/// Decodes a query string: `+` is a space, and what is not UTF-8 is refused.
fn pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
    };
    let mut pairs = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match (decode(name), decode(value)) {
            (Some(name), Some(value)) if !value.contains('\0') && !name.contains('\0') => {
                pairs.push((name, value));
            }
            _ => {
                let detail = "Parameters are UTF-8, percent-encoded, without NUL.";
                let fault = Fault::new("/", "invalid_parameter", detail);
                return Err(Problem::invalid_parameters(vec![fault]));
            }
        }
    }
    Ok(pairs)
}

/// An id in a path.
pub struct Id(pub Uuid);

impl FromRequest for Id {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(id_at(request, "id").map(Self))
    }
}

/// The ids of a deal type and of a version of its process, in a path.
pub struct VersionIds {
    pub id: Uuid,
    pub version_id: Uuid,
}

impl FromRequest for VersionIds {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let ids = id_at(request, "id")
            .and_then(|id| Ok(Self { id, version_id: id_at(request, "version_id")? }));
        std::future::ready(ids)
    }
}

fn id_at(request: &HttpRequest, name: &str) -> Result<Uuid, Problem> {
    let text = request.match_info().get(name).unwrap_or_default();
    Uuid::from_str(text).map_err(|_| {
        // `/clients/batch`, by a method that it does not have, comes here as `/clients/{id}`.
        if openapi::is_path(request.path()) {
            return openapi::nothing_at(request.path());
        }
        let fault = Fault::new(format!("/{name}"), "invalid_id", "An id is a UUID.");
        Problem::invalid_parameters(vec![fault]).at("path")
    })
}

/// A thing's id in another system, in a path. A slash in it is percent-encoded.
pub struct ExternalPath {
    pub source: String,
    pub id: String,
}

impl FromRequest for ExternalPath {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut faults = Faults::default();
        let mut text = |name: &str| {
            let text = request.match_info().get(name).unwrap_or_default();
            let text = percent_decode_str(text).decode_utf8().unwrap_or_default().into_owned();
            faults.text(&format!("/{name}"), &text, NAME_LENGTH);
            // What is no UTF-8 has come through as replacement characters.
            if text.contains(['\0', char::REPLACEMENT_CHARACTER]) {
                faults.add(format!("/{name}"), "invalid_text", "UTF-8, without NUL.");
            }
            text
        };
        let path = Self { source: text("source"), id: text("external_id") };
        let faults = faults.into_inner();
        std::future::ready(match faults.is_empty() {
            true => Ok(path),
            false => Err(Problem::invalid_parameters(faults).at("path")),
        })
    }
}

/// Puts a secret into an answer on its way out, so that it is never kept with an idempotency key. A
/// replayed answer stays without it.
pub async fn with_secret(response: HttpResponse, field: &str, secret: String) -> Responded {
    if response.headers().contains_key("Idempotent-Replayed") {
        return Ok(response);
    }
    let (head, body) = response.into_parts();
    let bytes = actix_web::body::to_bytes(body).await.map_err(|_| Problem::of("internal_error"))?;
    let mut json: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&bytes).map_err(|_| Problem::of("internal_error"))?;
    json.insert(field.to_owned(), serde_json::Value::String(secret));
    let body = serde_json::to_string(&json).map_err(|_| Problem::of("internal_error"))?;
    let mut response = head.set_body(actix_web::body::BoxBody::new(body));
    let no_store = header::HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}
