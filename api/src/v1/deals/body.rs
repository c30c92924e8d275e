//! Deals as JSON.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    clients::LeadTemperature,
    deals::transition::{Target, Transition},
    kernel::{
        external_id::ExternalId,
        fault::{Faults, Refusal},
    },
};
use voronka_persistence::{
    Error,
    deals::{Opening, References},
};

use super::demand::{NewDemandLine, read_lines};
use crate::http::words;
use crate::v1::bodies::{
    deal::{check_day, source},
    external_id::ExternalIdBody,
    money::MoneyBody,
};

/// A deal to be. Only the title and the deal type are required.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDeal, example = json!({"title": "Servers for the new plant", "deal_type_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11",
    "amount": {"amount": "1999.95", "currency": "EUR"}, "expected_close_on": "2026-12-15"}))]
pub struct NewDealBody {
    pub title: String,
    pub deal_type_id: Uuid,
    pub client_id: Option<Uuid>,
    /// The caller by default; an API key has to name one.
    pub owner_id: Option<Uuid>,
    /// 0 in the base currency by default.
    pub amount: Option<MoneyBody>,
    /// Name of the source.
    pub source: Option<String>,
    /// Or its id.
    pub source_id: Option<Uuid>,
    /// `cold`, `warm` or `hot`.
    #[schema(value_type = Option<words::LeadTemperature>)]
    pub lead_temperature: Option<LeadTemperature>,
    pub expected_close_on: Option<NaiveDate>,
    pub external_id: Option<ExternalIdBody>,
    /// Values of custom fields, by key.
    #[serde(default)]
    #[schema(value_type = words::CustomValues, example = json!({"delivery": "2026-12-01"}))]
    pub custom: BTreeMap<String, serde_json::Value>,
    /// When it was opened, if not now.
    pub opened_at: Option<DateTime<Utc>>,
    /// The stage to open in, if not the first: skips those before it, with their gates.
    pub stage_key: Option<String>,
    /// What the client first wants. Some types and some workspaces require it.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub demand: Vec<NewDemandLine>,
}

impl NewDealBody {
    pub fn into_opening(self) -> Result<Opening, Error> {
        let mut faults = Faults::default();
        let amount = self.amount.and_then(|amount| amount.parse(&mut faults));
        let source = source(&mut faults, self.source, self.source_id);
        check_day(&mut faults, "/expected_close_on", self.expected_close_on);
        let demand = read_lines("/demand", self.demand, &mut faults);
        faults.into_result()?;
        Ok(Opening {
            title: self.title,
            deal_type_id: self.deal_type_id,
            references: References { client_id: self.client_id, owner_id: self.owner_id, source },
            amount,
            lead_temperature: self.lead_temperature,
            expected_close_on: self.expected_close_on,
            external_id: self.external_id.map(ExternalId::from),
            custom: self.custom,
            opened_at: self.opened_at,
            stage_key: self.stage_key,
            demand,
        })
    }
}

/// Where a deal is to go. `to` is `stage` (with `stage_key`), `next`, `won`, `lost` (with
/// `loss_reason_id`, and `note` and `competitor_id` if you like), `open` (reopen, with `stage_key` if
/// not in the stage it was closed in), `hold` (with `reason`, and `resume_on` if you like) or `resume`.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Transition, example = json!({"to": "stage", "stage_key": "engaging"}))]
pub struct TransitionBody {
    pub to: String,
    pub stage_key: Option<String>,
    pub loss_reason_id: Option<Uuid>,
    pub note: Option<String>,
    pub competitor_id: Option<Uuid>,
    pub reason: Option<String>,
    pub resume_on: Option<NaiveDate>,
    /// When it happened, if not now: between the deal's last event and now.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Passes an unmet gate; for heads and administrators, kept in history.
    pub override_reason: Option<String>,
    /// Answers what would happen, and changes nothing.
    #[serde(default)]
    pub validate_only: bool,
}

impl TransitionBody {
    /// The command, if its fields are those that its target has.
    pub fn into_transition(self) -> Result<(Transition, bool), Error> {
        let mut faults = Faults::default();
        let given = [
            ("stage_key", self.stage_key.is_some(), "stage open"),
            ("loss_reason_id", self.loss_reason_id.is_some(), "lost"),
            ("note", self.note.is_some(), "lost"),
            ("competitor_id", self.competitor_id.is_some(), "lost"),
            ("reason", self.reason.is_some(), "hold"),
            ("resume_on", self.resume_on.is_some(), "hold"),
        ];
        for (field, given, targets) in given {
            if given && !targets.split(' ').any(|target| target == self.to) {
                let detail = format!("Goes with \"to\": {}.", targets.replace(' ', " or "));
                faults.add(format!("/{field}"), "not_allowed", detail);
            }
        }
        check_day(&mut faults, "/resume_on", self.resume_on);
        let required = |pointer: &str| {
            Error::from(Refusal::invalid(pointer, "required", "The field is required."))
        };
        faults.into_result()?;
        let to = match self.to.as_str() {
            "stage" => {
                Target::Stage { stage_key: self.stage_key.ok_or_else(|| required("/stage_key"))? }
            }
            "next" => Target::Next,
            "won" => Target::Won,
            "lost" => Target::Lost {
                loss_reason_id: self.loss_reason_id,
                note: self.note,
                competitor_id: self.competitor_id,
            },
            "open" => Target::Open { stage_key: self.stage_key },
            "hold" => Target::Hold {
                reason: self.reason.ok_or_else(|| required("/reason"))?,
                resume_on: self.resume_on,
            },
            "resume" => Target::Resume,
            _ => {
                let detail = "One of stage, next, won, lost, open, hold and resume.";
                return Err(Error::invalid("/to", "invalid_value", detail));
            }
        };
        let (occurred_at, override_reason) = (self.occurred_at, self.override_reason);
        Ok((Transition { to, occurred_at, override_reason }, self.validate_only))
    }
}
