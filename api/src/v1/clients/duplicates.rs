//! Clients that may be one.

use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{
    Fault,
    clients::duplicate::{CANDIDATE, CERTAIN, Likeness, Reason},
};
use voronka_persistence::{
    Error, Tenant,
    clients::{
        self,
        duplicates::{self, Duplicate, Pair},
        pairs::{self, Place},
    },
    core::enum_names::to_name,
    now,
};

use super::body::ClientBody;
use crate::http::{
    Body, Call, Id, Problem, Reply, Responded,
    call::{ClientsRead, ClientsWrite, Needs, unknown},
    defaulted::{self, Limit},
    page::PageInfo,
};
use crate::v1::bodies::client::NewClient;

/// One thing that speaks for two clients being one, or, with a negative weight, against it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DuplicateReason)]
pub struct ReasonBody {
    /// `tax_id`, `email`, `phone` or `name`.
    #[schema(example = "phone")]
    pub kind: String,
    /// What the client has.
    #[schema(example = "+31201234567")]
    pub value: String,
    /// What the other one has.
    #[schema(example = "+31201234567")]
    pub other: String,
    /// 1 for the same.
    #[schema(example = 1)]
    pub similarity: f64,
    /// The chance that two clients are one of which no more is known than this; below 0 it is a doubt.
    #[schema(example = 0.45)]
    pub weight: f64,
}

impl From<Reason> for ReasonBody {
    fn from(reason: Reason) -> Self {
        let Reason { kind, value, other, similarity, weight } = reason;
        Self { kind: to_name(&kind), value, other, similarity, weight }
    }
}

fn reasons(likeness: Likeness) -> Vec<ReasonBody> {
    likeness.reasons.into_iter().map(ReasonBody::from).collect()
}

/// A client that may be the same.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DuplicateClient)]
pub struct DuplicateBody {
    pub client: ClientBody,
    /// How likely the two are one, 0 to 1.
    #[schema(example = 0.835)]
    pub score: f64,
    /// As good as certainly the same: the score is 0.9 or more.
    pub certain: bool,
    /// The strongest first.
    pub reasons: Vec<ReasonBody>,
}

/// Clients that may be the same, the likeliest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DuplicateClients)]
pub struct DuplicatesBody {
    pub items: Vec<DuplicateBody>,
}

impl From<Vec<Duplicate>> for DuplicatesBody {
    fn from(found: Vec<Duplicate>) -> Self {
        let item = |Duplicate { client, likeness }| DuplicateBody {
            client: ClientBody::from(client),
            score: likeness.score,
            certain: likeness.score >= CERTAIN,
            reasons: reasons(likeness),
        };
        Self { items: found.into_iter().map(item).collect() }
    }
}

/// Two clients that may be one.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DuplicatePair)]
pub struct PairBody {
    /// The two, the older one first.
    pub clients: Vec<ClientBody>,
    /// How likely the two are one, 0 to 1.
    #[schema(example = 0.835)]
    pub score: f64,
    /// As good as certainly the same: the score is 0.9 or more.
    pub certain: bool,
    /// The strongest first; `value` is the older client's.
    pub reasons: Vec<ReasonBody>,
}

/// Pairs of clients that may be one, the likeliest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DuplicatePairs)]
pub struct PairPage {
    pub items: Vec<PairBody>,
    pub page: PageInfo,
    /// Changes of clients that are still to be compared with the others: a moment later it is 0, after an import
    /// of many it takes longer.
    #[schema(example = 0)]
    pub pending: i64,
}

/// What a request asks for.
struct Asked {
    least: f64,
    limit: usize,
    cursor: Option<Place>,
}

fn place(text: &str) -> Option<Place> {
    let mut parts = text.splitn(3, '_');
    let score = parts.next()?.parse().ok()?;
    Some((score, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn asked<P: Needs>(call: &Call<P>, paged: bool) -> Result<Asked, Problem> {
    let mut asked = Asked { least: CANDIDATE, limit: 50, cursor: None };
    for (name, value) in call.distinct_pairs()? {
        let read = match name.as_str() {
            "min_score" => {
                let score = value.parse().ok().filter(|score| (0.0..=1.0).contains(score));
                score.map(|score| asked.least = score)
            }
            "limit" if paged => {
                let limit = Limit::read(&value).and_then(|limit| usize::try_from(limit).ok());
                limit.map(|limit| asked.limit = limit)
            }
            "cursor" if paged => place(&value).map(|place| asked.cursor = Some(place)),
            _ => return Err(Problem::invalid_parameters(vec![unknown(&name)])),
        };
        if read.is_none() {
            let fault = Fault::new(format!("/{name}"), "invalid_parameter", "Not a valid value.");
            return Err(Problem::invalid_parameters(vec![fault]));
        }
    }
    Ok(asked)
}

/// Find duplicates in the client base
///
/// Every two clients in use that may be one, the likeliest first, with the reasons. The phones and emails of
/// contacts count as their client's. Pairs are kept as clients change, those with a score of 0.3 or more; `pending`
/// tells how many changes are still to be looked at.
#[utoipa::path(tag = "Clients", operation_id = "listDuplicateClients", security(("bearer" = ["clients:read"])),
    params(("min_score" = inline(Option<defaulted::Likeness>), Query, description = "Only pairs with at least this score; 0.5 by default.", example = 0.5),
        ("limit" = inline(Option<Limit>), Query, description = "Pairs on a page: 1 to 200, 50 by default.", example = 50),
        ("cursor" = Option<String>, Query, description = "The page to read, from the page before.")),
    responses((status = 200, description = "A page of pairs.", body = PairPage)))]
#[get("/v1/clients/duplicates")]
pub async fn duplicates_of_base(call: Call<ClientsRead>) -> Responded {
    let asked = asked(&call, true)?;
    call.read(move |tenant, _, _| Ok(Reply::ok(page(tenant, &asked)?))).await
}

fn page(tenant: &mut Tenant<'_>, asked: &Asked) -> Result<PairPage, Error> {
    let limit = i64::try_from(asked.limit).unwrap_or(i64::MAX);
    let mut shown = pairs::list(tenant, asked.least, asked.cursor, limit.saturating_add(1))?;
    let more = shown.len() > asked.limit;
    shown.truncate(asked.limit);
    let last = shown
        .last()
        .filter(|_| more)
        .map(|pair| format!("{}_{}_{}", pair.likeness.score, pair.clients.0, pair.clients.1));
    let ids = shown.iter().flat_map(|pair| [pair.clients.0, pair.clients.1]).collect();
    let rows = duplicates::rows(tenant, ids)?;
    let body = |id: Uuid| rows.get(&id).cloned().map(ClientBody::from);
    let items = shown.into_iter().map(|Pair { clients: (one, other), likeness }| PairBody {
        clients: [one, other].into_iter().filter_map(body).collect(),
        score: likeness.score,
        certain: likeness.score >= CERTAIN,
        reasons: reasons(likeness),
    });
    let pending = pairs::pending(tenant)?;
    Ok(PairPage { items: items.collect(), page: PageInfo { next_cursor: last }, pending })
}

/// Find duplicates of a client
///
/// Clients in use that may be the same, the likeliest first, with the reasons.
#[utoipa::path(tag = "Clients", operation_id = "getClientDuplicates", security(("bearer" = ["clients:read"])),
    params(("id" = Uuid, Path, description = "Id of the client."),
        ("min_score" = inline(Option<defaulted::Likeness>), Query, description = "Only clients with at least this score; 0.5 by default.", example = 0.5)),
    responses((status = 200, description = "Clients that may be the same.", body = DuplicatesBody)))]
#[get("/v1/clients/{id}/duplicates")]
pub async fn duplicates_of_client(call: Call<ClientsRead>, id: Id) -> Responded {
    let least = asked(&call, false)?.least;
    call.read(move |tenant, _, _| {
        Ok(Reply::ok(DuplicatesBody::from(duplicates::of(tenant, id.0, least)?)))
    })
    .await
}

/// Look for duplicates before creating a client
///
/// Takes the body of a new client, creates nothing, and answers the clients in use that it may be.
#[utoipa::path(tag = "Clients", operation_id = "checkClientDuplicates", security(("bearer" = ["clients:write"])),
    request_body = NewClient,
    responses((status = 200, description = "Clients that may be the same.", body = DuplicatesBody)))]
#[post("/v1/clients/duplicates/check")]
pub async fn duplicates_of_new(call: Call<ClientsWrite>, body: Body<NewClient>) -> Responded {
    call.no_parameters()?;
    let new = body.value;
    call.read(move |tenant, _, caller| {
        clients::check_owner(tenant, new.owner_id)?;
        let row = new.into_row(caller.settings.country, now())?;
        let found = duplicates::of_new(tenant, &row, CANDIDATE)?;
        Ok(Reply::ok(DuplicatesBody::from(found)))
    })
    .await
}
