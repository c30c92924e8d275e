//! How an integration does, and what would become of a call.

use actix_web::{get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::intake::call;
use voronka_persistence::{
    Noun,
    core::enum_names::to_name,
    intake::{
        calls::{self, Tried},
        integrations::Integration,
        status::{self, Status, Trouble},
    },
    now,
};

use crate::http::{Body, Call, Id, Reply, Responded, call::IntegrationsManage, words};

/// What went wrong, and when.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = IntegrationTrouble)]
pub struct TroubleBody {
    pub at: DateTime<Utc>,
    #[schema(example = "The signature is not one of this integration's secrets.")]
    pub reason: String,
}

/// How an integration does.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = IntegrationStatus)]
pub struct StatusBody {
    /// When the exchange last posted something that was taken.
    pub last_event_at: Option<DateTime<Utc>>,
    /// Since when something waits to be interpreted; null where nothing does.
    pub waiting_since: Option<DateTime<Utc>>,
    /// The last post that could not be interpreted.
    pub last_failure: Option<TroubleBody>,
    /// The last post that was not taken, as far as it was noted: once in ten seconds at most.
    pub last_refusal: Option<TroubleBody>,
}

impl From<Trouble> for TroubleBody {
    fn from(Trouble { at, reason }: Trouble) -> Self {
        Self { at, reason }
    }
}

impl From<Status> for StatusBody {
    fn from(status: Status) -> Self {
        Self {
            last_event_at: status.last_event_at,
            waiting_since: status.waiting_since,
            last_failure: status.last_failure.map(TroubleBody::from),
            last_refusal: status.last_refusal.map(TroubleBody::from),
        }
    }
}

/// Read how an integration does
///
/// When it posted last, since when something waits, what could not be interpreted, and what was not taken and why:
/// what one looks at while an exchange is set up.
#[utoipa::path(tag = "Integrations", operation_id = "getIntegrationStatus", security(("bearer" = ["integrations:manage"])),
    params(("id" = Uuid, Path, description = "Id of the integration.")),
    responses((status = 200, description = "How it does.", body = StatusBody)))]
#[get("/v1/integrations/{id}/status")]
pub async fn read(call: Call<IntegrationsManage>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, _| {
        Integration::get(tenant, id.0)?;
        Ok(Reply::ok(StatusBody::from(status::of(tenant, id.0)?)))
    })
    .await
}

/// A call to try: who calls whom, as the exchange would tell.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "+31201234567", "to": "+31201110000", "answered_by": "101"}))]
pub struct TriedCall {
    #[validate(length(max = crate::http::limits::NUMBER))]
    #[schema(max_length = 64)]
    pub from: Option<String>,
    #[validate(length(max = crate::http::limits::NUMBER))]
    #[schema(max_length = 64)]
    pub to: Option<String>,
    /// Who answers: the extension of a call in, the number of a call out. Nobody does, where there is none.
    #[validate(length(max = crate::http::limits::NUMBER))]
    #[schema(max_length = 64)]
    pub answered_by: Option<String>,
}

/// What would become of the call.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CallOutlook {
    #[schema(value_type = words::CallDirection, example = "in")]
    pub direction: String,
    #[schema(value_type = Option<words::CallStatus>, example = "answered")]
    pub status: Option<String>,
    /// The client's number as E.164; null where it is hidden, or no number.
    #[schema(example = "+31201234567")]
    pub number: Option<String>,
    pub user_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub contact_id: Option<Uuid>,
    pub deal_id: Option<Uuid>,
    /// All whose number it is, the one that is taken first, with the reason.
    #[schema(value_type = Vec<Object>)]
    pub candidates: serde_json::Value,
}

impl From<Tried> for CallOutlook {
    fn from(tried: Tried) -> Self {
        Self {
            direction: to_name(&tried.judged.direction),
            status: tried.judged.status.as_ref().map(to_name),
            number: tried.judged.e164,
            user_id: tried.judged.user,
            client_id: tried.client_id,
            contact_id: tried.contact_id,
            deal_id: tried.deal_id,
            candidates: tried.candidates,
        }
    }
}

impl TriedCall {
    fn told(self) -> call::Call {
        let at = Some(now());
        let leg = self.answered_by.map(|party| {
            let leg =
                call::Leg { party: Some(party.clone()), bridged_at: at, ..call::Leg::default() };
            (party, leg)
        });
        let parties =
            call::Parties { at: now(), from: self.from, to: self.to, line: None, direction: None };
        call::Call {
            parties: Some(parties),
            over_at: at,
            legs: leg.into_iter().collect(),
            ..call::Call::default()
        }
    }
}

/// Try a call
///
/// What would become of a call of these numbers: which way it goes by the phones and lines that are known, whose call
/// it is, the client and the deal. Nothing is kept.
#[utoipa::path(tag = "Integrations", operation_id = "tryCall", security(("bearer" = ["integrations:manage"])),
    request_body = TriedCall,
    params(("id" = Uuid, Path, description = "Id of the integration.")),
    responses((status = 200, description = "What would become of it.", body = CallOutlook)))]
#[post("/v1/integrations/{id}/try-call")]
pub async fn try_call(call: Call<IntegrationsManage>, id: Id, body: Body<TriedCall>) -> Responded {
    call.no_parameters()?;
    let told = body.value.told();
    call.read(move |tenant, _, caller| {
        let integration = Integration::get(tenant, id.0)?;
        let tried = calls::tried(tenant, &integration, caller.settings.country, &told)?;
        Ok(Reply::ok(CallOutlook::from(tried)))
    })
    .await
}
