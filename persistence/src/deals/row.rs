//! A deal's row, and its way to and from the domain.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use voronka_domain::kernel::external_id::ExternalId;
use voronka_domain::{
    Currency, Money,
    clients::{Initiator, LeadTemperature},
    deals::{
        deal::{Deal, Hold, Loss, StageRef, Status, Visit},
        event::Details,
        track::Track,
    },
    kernel::{instant, money::format_amount},
    process::Process,
    workspace::custom_field::Custom,
};

use crate::{
    Error, JsonText, Result,
    core::{
        enum_names::{from_name, to_name},
        schema::deals,
    },
};

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = deals, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct DealRow {
    #[diesel(skip_update)]
    pub workspace_id: Uuid,
    pub id: Uuid,
    pub deal_type_id: Uuid,
    pub version_id: Uuid,
    pub title: String,
    pub client_id: Option<Uuid>,
    pub owner_id: Uuid,
    pub amount: Decimal,
    pub currency: String,
    pub base_amount: Decimal,
    pub source_id: Option<Uuid>,
    pub lead_temperature: Option<String>,
    pub expected_close_on: Option<NaiveDate>,
    pub external_source: Option<String>,
    pub external_id: Option<String>,
    pub status: String,
    pub stage_id: Option<Uuid>,
    pub position: Option<i16>,
    pub depth: i16,
    pub hold_reason: Option<String>,
    pub hold_resume_on: Option<NaiveDate>,
    pub hold_since: Option<DateTime<Utc>>,
    pub loss_reason_id: Option<Uuid>,
    pub loss_note: Option<String>,
    pub competitor_id: Option<Uuid>,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub visit: i32,
    pub visit_entered_at: DateTime<Utc>,
    pub visit_held_seconds: i64,
    pub segment: i32,
    pub segment_entered_at: DateTime<Utc>,
    pub reopened: i32,
    pub sequence: i32,
    pub last_occurred_at: DateTime<Utc>,
    #[diesel(skip_update)]
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub custom: Value,
    pub overrides: i32,
    pub fired: Vec<Uuid>,
    pub alarm_at: Option<DateTime<Utc>>,
    /// The deal's track; none until it is worked out, whatever happens to the deal meanwhile.
    pub touched: Option<Vec<i32>>,
    pub visit_stage: Option<i32>,
    /// Of a deal that was closed when its row was made. Later it is kept from the visits.
    #[diesel(skip_update)]
    pub stage_path: Option<String>,
    pub initiated_by: Option<String>,
    pub from_activity_id: Option<Uuid>,
}

fn broken(what: &str) -> Error {
    Error::Internal(format!("deal has a bad {what}"))
}

impl DealRow {
    pub(crate) fn of(
        workspace_id: Uuid,
        deal: Deal,
        alarm_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Self {
        let Details {
            title,
            client_id,
            owner_id,
            amount,
            base_amount,
            source_id,
            lead_temperature,
            expected_close_on,
            external_id,
            initiated_by,
            from_activity_id,
            custom,
        } = deal.details;
        let (external_source, external_id) = external_id.map(|e| (e.source, e.id)).unzip();
        let (hold_reason, hold_resume_on, hold_since) = match deal.hold {
            Some(hold) => (Some(hold.reason), hold.resume_on, Some(hold.since)),
            None => (None, None, None),
        };
        let (touched, visit_stage) = match deal.track {
            Some(track) => (Some(track.touched), track.visit_stage),
            None => (None, None),
        };
        let (loss_reason_id, loss_note, competitor_id) = match deal.loss {
            Some(loss) => (Some(loss.loss_reason_id), loss.note, loss.competitor_id),
            None => (None, None, None),
        };
        Self {
            workspace_id,
            id: deal.id,
            deal_type_id: deal.deal_type_id,
            version_id: deal.version_id,
            title,
            client_id,
            owner_id,
            amount: amount.amount,
            currency: amount.currency.code().to_owned(),
            base_amount,
            source_id,
            lead_temperature: lead_temperature.as_ref().map(to_name),
            expected_close_on,
            external_source,
            external_id,
            status: to_name(&deal.status),
            stage_id: deal.stage.as_ref().map(|stage| stage.stage_id),
            position: deal.stage.as_ref().map(|stage| stage.position),
            depth: deal.depth,
            hold_reason,
            hold_resume_on,
            hold_since,
            loss_reason_id,
            loss_note,
            competitor_id,
            opened_at: deal.opened_at,
            closed_at: deal.closed_at,
            visit: deal.visit.number,
            visit_entered_at: deal.visit.entered_at,
            visit_held_seconds: deal.visit.held_seconds,
            segment: deal.visit.segment,
            segment_entered_at: deal.visit.segment_entered_at,
            reopened: deal.reopened,
            sequence: deal.sequence,
            last_occurred_at: deal.last_occurred_at,
            created_at: now,
            updated_at: now,
            custom: serde_json::to_value(custom).unwrap_or_default(),
            overrides: deal.overrides,
            fired: deal.fired,
            alarm_at,
            touched,
            visit_stage,
            stage_path: None,
            initiated_by: initiated_by.as_ref().map(to_name),
            from_activity_id,
        }
    }

    /// The domain's deal. `process` is the version that the row names.
    pub fn into_deal(self, process: &Process) -> Result<Deal> {
        let stage = match self.position {
            Some(position) => {
                Some(process.at(position).map(StageRef::from).ok_or_else(|| broken("stage"))?)
            }
            None => None,
        };
        let currency = Currency::parse(&self.currency).map_err(|_| broken("currency"))?;
        let temperature = self.lead_temperature.as_deref();
        Ok(Deal {
            id: self.id,
            deal_type_id: self.deal_type_id,
            version_id: self.version_id,
            details: Details {
                title: self.title,
                client_id: self.client_id,
                owner_id: self.owner_id,
                amount: Money { amount: self.amount.normalize(), currency },
                base_amount: self.base_amount.normalize(),
                source_id: self.source_id,
                lead_temperature: temperature.and_then(from_name),
                expected_close_on: self.expected_close_on,
                external_id: self
                    .external_source
                    .zip(self.external_id)
                    .map(|(source, id)| ExternalId { source, id }),
                initiated_by: self.initiated_by.as_deref().and_then(from_name),
                from_activity_id: self.from_activity_id,
                custom: serde_json::from_value(self.custom).map_err(|_| broken("custom"))?,
            },
            status: from_name::<Status>(&self.status).ok_or_else(|| broken("status"))?,
            stage,
            depth: self.depth,
            track: self.touched.map(|touched| Track { touched, visit_stage: self.visit_stage }),
            hold: self.hold_reason.zip(self.hold_since).map(|(reason, since)| Hold {
                reason,
                resume_on: self.hold_resume_on,
                since,
            }),
            loss: self.loss_reason_id.map(|loss_reason_id| Loss {
                loss_reason_id,
                note: self.loss_note,
                competitor_id: self.competitor_id,
            }),
            opened_at: self.opened_at,
            closed_at: self.closed_at,
            visit: Visit {
                number: self.visit,
                entered_at: self.visit_entered_at,
                held_seconds: self.visit_held_seconds,
                segment: self.segment,
                segment_entered_at: self.segment_entered_at,
            },
            reopened: self.reopened,
            overrides: self.overrides,
            fired: self.fired,
            sequence: self.sequence,
            last_occurred_at: self.last_occurred_at,
        })
    }
}

/// A deal as it stands in the feed: the fields of the API's deal.
#[derive(Serialize)]
struct Object<'d> {
    id: Uuid,
    title: &'d str,
    deal_type_id: Uuid,
    process_version_id: Uuid,
    client_id: Option<Uuid>,
    owner_id: Uuid,
    amount: Sum,
    base_amount: Sum,
    source_id: Option<Uuid>,
    lead_temperature: Option<LeadTemperature>,
    expected_close_on: Option<NaiveDate>,
    external_id: Option<&'d ExternalId>,
    initiated_by: Option<Initiator>,
    from_activity_id: Option<Uuid>,
    custom: &'d Custom,
    status: Status,
    stage_id: Option<Uuid>,
    stage_key: Option<&'d str>,
    depth: i16,
    hold: Option<&'d Hold>,
    loss: Option<&'d Loss>,
    #[serde(serialize_with = "instant::serialize")]
    opened_at: DateTime<Utc>,
    #[serde(serialize_with = "instant::serialize")]
    stage_entered_at: DateTime<Utc>,
    #[serde(serialize_with = "instant::option::serialize")]
    closed_at: Option<DateTime<Utc>>,
    reopened: i32,
    overrides: i32,
    version: i32,
}

#[derive(Serialize)]
struct Sum {
    amount: String,
    currency: Currency,
}

impl Sum {
    fn of(amount: Decimal, currency: Currency) -> Self {
        Self { amount: format_amount(amount, currency), currency }
    }
}

pub(crate) fn object(deal: &Deal, base: Currency) -> Result<JsonText> {
    JsonText::of(&Object {
        id: deal.id,
        title: &deal.title,
        deal_type_id: deal.deal_type_id,
        process_version_id: deal.version_id,
        client_id: deal.client_id,
        owner_id: deal.owner_id,
        amount: Sum::of(deal.amount.amount, deal.amount.currency),
        base_amount: Sum::of(deal.base_amount, base),
        source_id: deal.source_id,
        lead_temperature: deal.lead_temperature,
        expected_close_on: deal.expected_close_on,
        external_id: deal.external_id.as_ref(),
        initiated_by: deal.initiated_by,
        from_activity_id: deal.from_activity_id,
        custom: &deal.custom,
        status: deal.status,
        stage_id: deal.stage.as_ref().map(|stage| stage.stage_id),
        stage_key: deal.stage.as_ref().map(|stage| stage.stage_key.as_str()),
        depth: deal.depth,
        hold: deal.hold.as_ref(),
        loss: deal.loss.as_ref(),
        opened_at: deal.opened_at,
        stage_entered_at: deal.visit.entered_at,
        closed_at: deal.closed_at,
        reopened: deal.reopened,
        overrides: deal.overrides,
        version: deal.sequence,
    })
}
