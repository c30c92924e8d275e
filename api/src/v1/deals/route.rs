//! Where a deal may go, where it has been, and what is awaited.

use crate::http::words;
use actix_web::get;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{
    Fault,
    deals::{
        evidence::Evidence,
        transition::{self, Available, Facts},
    },
    process::{Stage, gate::Requirement},
    workspace::calendar::Calendar,
};
use voronka_persistence::{
    JsonText,
    core::{enum_names::to_name, events},
    deals::{self, DealVisit, Stored},
    now,
};

use crate::{
    http::{
        Call, Id, Problem, Reply, Responded,
        call::{DealsRead, unknown},
        defaulted::Limit,
    },
    v1::bodies::{event::EventBody, obstacle::Obstacle, process::GateRequirement},
};

/// A move, and whether the deal may make it now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AvailableTransition {
    /// As in the body of a transition.
    #[schema(example = "stage")]
    pub to: String,
    #[schema(example = "offer")]
    pub stage_key: Option<String>,
    /// `forward`, `skip` or `back`; null where the move is not to a stage.
    pub direction: Option<String>,
    pub allowed: bool,
    /// Code of the refusal; null where the move is allowed.
    #[schema(example = "stage_gate_unmet")]
    pub code: Option<String>,
    /// Why not, in a sentence.
    pub detail: Option<String>,
    /// Every single thing that stands against it.
    pub obstacles: Vec<Obstacle>,
}

impl From<Available> for AvailableTransition {
    fn from(one: Available) -> Self {
        let Available { to, stage, direction, refusal } = one;
        Self {
            to: to.to_owned(),
            stage_key: stage.map(|stage| stage.stage_key),
            direction: direction.as_ref().map(to_name),
            allowed: refusal.is_none(),
            code: refusal.as_ref().map(|refusal| refusal.code().to_owned()),
            detail: refusal.as_ref().map(ToString::to_string),
            obstacles: refusal
                .map(|refusal| refusal.faults().into_iter().map(Obstacle::from).collect())
                .unwrap_or_default(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AvailableTransitions {
    pub items: Vec<AvailableTransition>,
}

/// List the moves that a deal may make
///
/// Every move of the process, each with whether it is allowed now and, if not, every reason why. It is
/// decided by the very code that moves deals.
#[utoipa::path(tag = "Deals", operation_id = "listAvailableTransitions", security(("bearer" = ["deals:read"])),
    params(("id" = Uuid, Path, description = "Id of the deal.")),
    responses((status = 200, description = "Every move.", body = AvailableTransitions)))]
#[get("/v1/deals/{id}/transitions/available")]
pub async fn available(call: Call<DealsRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, app, caller| {
        let stored = app.store.deal(tenant, &caller.visibility, id.0)?;
        let around = app.store.around(tenant, caller, &stored, now())?;
        let facts = around.facts_of(caller, now(), &stored.deal, &stored.process)?;
        let moves = transition::available(&stored.deal, &facts);
        Ok(Reply::ok(AvailableTransitions { items: moves.into_iter().map(Into::into).collect() }))
    })
    .await
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DealHistory {
    /// The oldest first.
    pub items: Vec<EventBody>,
    pub page: crate::http::page::PageInfo,
}

/// Read the history of a deal
///
/// Every event of the deal, the oldest first: who did what, when it happened and when it was recorded,
/// with the previous and the current values. `limit` and `cursor` page.
#[utoipa::path(tag = "Deals", operation_id = "getDealHistory", security(("bearer" = ["deals:read"])),
    params(("id" = Uuid, Path, description = "Id of the deal."),
        ("limit" = inline(Option<Limit>), Query, description = "Events on a page: 1 to 200, 50 by default.", example = 50),
        ("cursor" = Option<String>, Query, pattern = "^[0-9]{1,9}$", description = "The page to read, from the page before.")),
    responses((status = 200, description = "A page of the history.", body = DealHistory)))]
#[get("/v1/deals/{id}/history")]
pub async fn history(call: Call<DealsRead>, id: Id) -> Responded {
    let (mut limit, mut after) = (50, 0);
    for (name, value) in call.distinct_pairs()? {
        let read = match name.as_str() {
            "limit" => Limit::read(&value).map(|n| limit = n),
            "cursor" => value.parse().ok().filter(|n| *n >= 0).map(|n: i32| after = n),
            _ => return Err(Problem::invalid_parameters(vec![unknown(&name)])),
        };
        if read.is_none() {
            let fault = Fault::new(format!("/{name}"), "invalid_parameter", "Not a valid value.");
            return Err(Problem::invalid_parameters(vec![fault]));
        }
    }
    call.read(move |tenant, app, caller| {
        app.store.deal(tenant, &caller.visibility, id.0)?;
        let mut events = events::history(tenant, id.0, after, limit + 1)?;
        let keep = usize::try_from(limit).unwrap_or(0);
        let more = events.len() > keep;
        events.truncate(keep);
        let last = events.last().filter(|_| more).map(|event| event.sequence.to_string());
        Ok(Reply::ok(DealHistory {
            items: events.into_iter().map(EventBody::from).collect(),
            page: crate::http::page::PageInfo { next_cursor: last },
        }))
    })
    .await
}

/// A stay in a stage.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RouteVisit {
    pub entered_at: DateTime<Utc>,
    /// Null while the deal is there.
    pub left_at: Option<DateTime<Utc>>,
    /// `forward`, `skip`, `back` or `reopen`.
    #[schema(example = "forward")]
    pub direction: Option<String>,
    /// Who or what brought the deal there, as the `actor` of an event. Of a `process` or a `rule` it names the
    /// event that it answered to: the task, document, payment or activity.
    #[schema(value_type = words::Actor, example = json!({"kind": "process", "on": "document.changed", "object_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "sequence": 3}))]
    pub cause: JsonText,
    /// Seconds in the stage up to now, those on hold left out.
    pub seconds: i64,
    /// Working seconds among them, by the workspace's calendar.
    pub working_seconds: i64,
    /// Seconds on hold.
    pub held_seconds: i64,
}

/// How a requirement of a gate stands.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RequirementState {
    #[schema(value_type = GateRequirement)]
    pub requirement: serde_json::Value,
    pub met: bool,
    /// What it was met by: `kind` is `task`, `activity`, `document` or `payment`. Null for fields and conditions.
    #[schema(value_type = Option<words::Actor>, example = json!({"kind": "task", "id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11"}))]
    pub by: Option<serde_json::Value>,
    /// Since when that is so.
    pub since: Option<DateTime<Utc>>,
    /// The user who is to do what is missing.
    pub awaited_from: Option<Uuid>,
}

impl RequirementState {
    fn of(requirement: &Requirement, evidence: &Evidence<'_>) -> Self {
        let finding = requirement.finding(evidence);
        let owner = Some(evidence.deal.owner_id).filter(|_| !finding.met);
        Self {
            requirement: serde_json::to_value(requirement).unwrap_or_default(),
            met: finding.met,
            by: finding.by.and_then(|proof| serde_json::to_value(proof).ok()),
            since: finding.since,
            awaited_from: finding.awaited_from.or(owner),
        }
    }
}

/// A stage on a deal's way.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RouteStage {
    pub stage_id: Uuid,
    #[schema(example = "offer")]
    pub stage_key: String,
    #[schema(example = "Offer")]
    pub name: String,
    pub position: i16,
    pub goal: Option<String>,
    /// `done`, `current`, `skipped`, `ahead`, or `closed_here`.
    #[schema(example = "current")]
    pub state: String,
    pub visits: Vec<RouteVisit>,
    /// Longer here than the stage's norm, in working time.
    pub overdue: bool,
    /// What is still required to leave the stage forwards.
    pub awaits: Vec<Obstacle>,
    /// Every requirement of the present stage's gate, and who is to meet it; empty of other stages.
    pub gate: Vec<RequirementState>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RouteMap {
    pub deal_id: Uuid,
    #[schema(example = "open")]
    pub status: String,
    /// In the order of the process; empty for an untracked type.
    pub stages: Vec<RouteStage>,
}

/// Read the route map of a deal
///
/// Every stage of the deal's process: which are done, skipped and ahead, every visit with its length,
/// and what is awaited where.
#[utoipa::path(tag = "Deals", operation_id = "getDealRouteMap", security(("bearer" = ["deals:read"])),
    params(("id" = Uuid, Path, description = "Id of the deal.")),
    responses((status = 200, description = "The route map.", body = RouteMap)))]
#[get("/v1/deals/{id}/route-map")]
pub async fn route_map(call: Call<DealsRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, app, caller| {
        let stored = app.store.deal(tenant, &caller.visibility, id.0)?;
        let now = now();
        let visits = deals::visits(tenant, id.0, now)?;
        let around = app.store.around(tenant, caller, &stored, now)?;
        let facts = around.facts_of(caller, now, &stored.deal, &stored.process)?;
        let stages = stored.process.stages.iter();
        Ok(Reply::ok(RouteMap {
            deal_id: stored.deal.id,
            status: to_name(&stored.deal.status),
            stages: stages
                .map(|stage| route_stage(&stored, stage, &visits, &facts, &caller.calendar))
                .collect(),
        }))
    })
    .await
}

fn route_stage(
    stored: &Stored,
    stage: &Stage,
    visits: &[DealVisit],
    facts: &Facts<'_>,
    calendar: &Calendar,
) -> RouteStage {
    let deal = &stored.deal;
    let here = deal.stage.as_ref().is_some_and(|at| at.position == stage.position);
    let here_now = |visit: &&DealVisit| visit.left_at.is_none();
    let own = visits.iter().filter(|visit| visit.stage.0 == Some(stage.id));
    let age = own.clone().next_back().filter(here_now).map(|visit| visit.working_time(calendar));
    let visits: Vec<_> = own
        .map(|visit| RouteVisit {
            entered_at: visit.entered_at,
            left_at: visit.left_at,
            direction: visit.direction.clone(),
            cause: visit.cause.clone(),
            seconds: visit.time().num_seconds(),
            working_seconds: visit.working_time(calendar).num_seconds(),
            held_seconds: visit.held_seconds,
        })
        .collect();
    let state = match (here, deal.is_open()) {
        (true, true) => "current",
        (true, false) => "closed_here",
        _ if !visits.is_empty() => "done",
        _ if deal.depth > stage.position => "skipped",
        _ => "ahead",
    };
    let norm = stage.norm_seconds(calendar);
    let unmet = transition::unmet(deal, facts, stage.position, stage.position + 1);
    RouteStage {
        stage_id: stage.id,
        stage_key: stage.key.clone(),
        name: stage.name.clone(),
        position: stage.position,
        goal: stage.goal.clone(),
        state: state.to_owned(),
        overdue: age.zip(norm).is_some_and(|(age, norm)| age > TimeDelta::seconds(norm)),
        visits,
        gate: match state {
            "current" => {
                let evidence = facts.evidence(deal);
                stage.gate.iter().map(|one| RequirementState::of(one, &evidence)).collect()
            }
            _ => Vec::new(),
        },
        awaits: if deal.is_open() { unmet.into_iter().map(Into::into).collect() } else { vec![] },
    }
}
