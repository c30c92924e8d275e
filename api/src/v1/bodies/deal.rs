//! Deals as JSON: as they are, and changes of them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    Currency,
    clients::{Initiator, LeadTemperature},
    deals::deal::DealPatch,
    kernel::{external_id::ExternalId, fault::Faults, instant},
    workspace::custom_field::Custom,
};
use voronka_persistence::{
    Caller, Error, Tenant,
    core::enum_names::to_name,
    deals::{self, Due, References, SourceName, Stored},
};

use super::{external_id::ExternalIdBody, money::MoneyBody};
use crate::http::words;
use crate::{found_of, http::Patch, page_of};

/// New values of custom fields, not yet checked; null clears.
pub type CustomPatch = BTreeMap<String, serde_json::Value>;

/// A pause: the deal is neither lost nor worked on, and does not age.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Hold)]
pub struct HoldBody {
    #[schema(example = "Budget is decided in March")]
    pub reason: String,
    pub resume_on: Option<NaiveDate>,
    pub since: DateTime<Utc>,
}

/// Why the deal was lost.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Loss)]
pub struct LossBody {
    pub loss_reason_id: Uuid,
    pub note: Option<String>,
    pub competitor_id: Option<Uuid>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Deal)]
pub struct DealBody {
    pub id: Uuid,
    #[schema(example = "Servers for the new plant")]
    pub title: String,
    pub deal_type_id: Uuid,
    /// The version of the process that the deal started on.
    pub process_version_id: Uuid,
    pub client_id: Option<Uuid>,
    pub owner_id: Uuid,
    pub amount: MoneyBody,
    /// The amount in the workspace's base currency; the one that reports sum.
    pub base_amount: MoneyBody,
    pub source_id: Option<Uuid>,
    /// `cold`, `warm` or `hot`.
    #[schema(value_type = Option<words::LeadTemperature>)]
    pub lead_temperature: Option<String>,
    pub expected_close_on: Option<NaiveDate>,
    pub external_id: Option<ExternalIdBody>,
    /// Who began: `us` or `client`; null where nobody has said. Of a deal that a call has opened, whoever called.
    #[schema(value_type = Option<words::Initiator>)]
    pub initiated_by: Option<String>,
    /// The activity that it was opened from, such as the first call.
    pub from_activity_id: Option<Uuid>,
    /// Values of custom fields, by key.
    #[schema(value_type = words::CustomValues, example = json!({"delivery": "2026-12-01"}))]
    pub custom: Custom,
    /// `open`, `won` or `lost`.
    #[schema(value_type = words::DealStatus)]
    #[schema(example = "open")]
    pub status: String,
    /// The stage that the deal is in, or was closed in; null for an untracked type.
    pub stage_id: Option<Uuid>,
    #[schema(example = "prospecting")]
    pub stage_key: Option<String>,
    /// Highest position of any stage ever entered; never falls.
    #[schema(example = 1)]
    pub depth: i16,
    pub hold: Option<HoldBody>,
    pub loss: Option<LossBody>,
    #[serde(serialize_with = "instant::serialize")]
    pub opened_at: DateTime<Utc>,
    #[serde(serialize_with = "instant::serialize")]
    pub stage_entered_at: DateTime<Utc>,
    /// When the norm of its stage is used up, in working time; null without a norm, on hold and once it is closed.
    #[serde(serialize_with = "instant::option::serialize")]
    pub stage_due_at: Option<DateTime<Utc>>,
    /// Longer in its stage than the norm, in working time. Time changes it, and not the version.
    pub overdue: bool,
    #[serde(serialize_with = "instant::option::serialize")]
    pub closed_at: Option<DateTime<Utc>>,
    /// How often it was reopened.
    pub reopened: i32,
    /// How often a gate was overridden for it.
    pub overrides: i32,
    /// Counts the deal's events; the ETag.
    pub version: i32,
    #[serde(serialize_with = "instant::serialize")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "instant::serialize")]
    pub updated_at: DateTime<Utc>,
}

page_of!(DealPage, DealBody);
found_of!(DealsFound, DealBody);

impl DealBody {
    /// The deals as they are at a moment.
    pub fn all(
        tenant: &mut Tenant<'_>,
        caller: &Caller,
        now: DateTime<Utc>,
        deals: Vec<Stored>,
    ) -> Result<Vec<Self>, Error> {
        let dues = deals::dues(tenant, &caller.calendar, now, &deals)?;
        let base = caller.settings.currency;
        Ok(deals.into_iter().zip(dues).map(|(stored, due)| Self::new(stored, due, base)).collect())
    }

    pub fn one(
        tenant: &mut Tenant<'_>,
        caller: &Caller,
        now: DateTime<Utc>,
        stored: Stored,
    ) -> Result<Self, Error> {
        Self::all(tenant, caller, now, vec![stored])?.pop().ok_or(Error::NotFound("deal"))
    }

    fn new(stored: Stored, due: Due, base: Currency) -> Self {
        let Stored { deal, created_at, updated_at, .. } = stored;
        let details = deal.details;
        Self {
            id: deal.id,
            deal_type_id: deal.deal_type_id,
            process_version_id: deal.version_id,
            amount: MoneyBody::new(details.amount.amount, details.amount.currency),
            base_amount: MoneyBody::new(details.base_amount, base),
            title: details.title,
            client_id: details.client_id,
            owner_id: details.owner_id,
            source_id: details.source_id,
            lead_temperature: details.lead_temperature.as_ref().map(to_name),
            expected_close_on: details.expected_close_on,
            external_id: details
                .external_id
                .map(|external| ExternalIdBody { source: external.source, id: external.id }),
            initiated_by: details.initiated_by.as_ref().map(to_name),
            from_activity_id: details.from_activity_id,
            custom: details.custom,
            status: to_name(&deal.status),
            stage_id: deal.stage.as_ref().map(|stage| stage.stage_id),
            stage_key: deal.stage.map(|stage| stage.stage_key),
            depth: deal.depth,
            hold: deal.hold.map(|hold| HoldBody {
                reason: hold.reason,
                resume_on: hold.resume_on,
                since: hold.since,
            }),
            loss: deal.loss.map(|loss| LossBody {
                loss_reason_id: loss.loss_reason_id,
                note: loss.note,
                competitor_id: loss.competitor_id,
            }),
            opened_at: deal.opened_at,
            stage_entered_at: deal.visit.entered_at,
            stage_due_at: due.at,
            overdue: due.overdue,
            closed_at: deal.closed_at,
            reopened: deal.reopened,
            overrides: deal.overrides,
            version: deal.sequence,
            created_at,
            updated_at,
        }
    }
}

pub fn source(faults: &mut Faults, name: Option<String>, id: Option<Uuid>) -> Option<SourceName> {
    if name.is_some() && id.is_some() {
        faults.add("/source_id", "ambiguous", "Give the source's name or its id, not both.");
    }
    id.map(SourceName::Id).or(name.map(SourceName::Name))
}

pub fn check_day(faults: &mut Faults, pointer: &str, day: Option<NaiveDate>) {
    use chrono::Datelike;
    if day.is_some_and(|day| !(1970..=9999).contains(&day.year())) {
        faults.add(pointer, "out_of_range", "Between 1970 and 9999.");
    }
}

/// A change of a deal: absent fields stay, null clears. Stages change by a transition.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DealPatch, example = json!({"amount": {"amount": "2500.00", "currency": "EUR"}, "expected_close_on": null}))]
pub struct DealPatchBody {
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    pub title: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub client_id: Patch<Uuid>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub owner_id: Option<Uuid>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub amount: Option<MoneyBody>,
    /// Name of the source.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub source: Patch<String>,
    /// Or its id.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub source_id: Patch<Uuid>,
    #[serde(default)]
    #[schema(value_type = Option<words::LeadTemperature>)]
    pub lead_temperature: Patch<LeadTemperature>,
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    pub expected_close_on: Patch<NaiveDate>,
    #[serde(default)]
    #[schema(value_type = Option<ExternalIdBody>)]
    pub external_id: Patch<ExternalIdBody>,
    /// Who began: `us` or `client`.
    #[serde(default)]
    #[schema(value_type = Option<words::Initiator>)]
    pub initiated_by: Patch<Initiator>,
    /// Values of custom fields, by key: those that are absent stay, null clears.
    #[serde(default)]
    #[schema(value_type = words::CustomValues)]
    pub custom: BTreeMap<String, serde_json::Value>,
}

impl DealPatchBody {
    pub fn into_patch(self) -> Result<(DealPatch, References, CustomPatch), Error> {
        let mut faults = Faults::default();
        let amount = self.amount.and_then(|amount| amount.parse(&mut faults));
        let name = self.source.as_set().cloned();
        let named = source(&mut faults, name, self.source_id.as_set().copied());
        check_day(&mut faults, "/expected_close_on", self.expected_close_on.as_set().copied());
        faults.into_result()?;
        let references = References {
            client_id: self.client_id.as_set().copied(),
            owner_id: self.owner_id,
            source: named,
        };
        let cleared = self.source == Patch::Null || self.source_id == Patch::Null;
        let patch = DealPatch {
            title: self.title,
            client_id: self.client_id.into_option(),
            owner_id: self.owner_id,
            amount,
            source_id: cleared.then_some(None),
            lead_temperature: self.lead_temperature.into_option(),
            expected_close_on: self.expected_close_on.into_option(),
            external_id: self.external_id.into_option().map(|id| id.map(ExternalId::from)),
            initiated_by: self.initiated_by.into_option(),
            custom: None,
        };
        Ok((patch, references, self.custom))
    }
}
