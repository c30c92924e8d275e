//! Deals as somebody opens them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    clients::{Initiator, LeadTemperature},
    kernel::{external_id::ExternalId, fault::Faults},
};
use voronka_persistence::{
    Error,
    deals::{Opening, References},
};

use super::{
    deal::{check_day, source},
    demand::{NewDemandLine, read_lines},
    external_id::ExternalIdBody,
    money::MoneyBody,
};
use crate::http::words;

/// A deal to be. Only the title and the deal type are required.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDeal, example = json!({"title": "Servers for the new plant", "deal_type_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11",
    "amount": {"amount": "1999.95", "currency": "EUR"}, "expected_close_on": "2026-12-15"}))]
pub struct NewDealBody {
    #[schema(min_length = 1, max_length = 200)]
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
    /// Who began: `us` or `client`.
    #[schema(value_type = Option<words::Initiator>)]
    pub initiated_by: Option<Initiator>,
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
            initiated_by: self.initiated_by,
            from_activity_id: None,
            custom: self.custom,
            opened_at: self.opened_at,
            stage_key: self.stage_key,
            demand,
        })
    }
}
