//! An open funnel as JSON.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::shown::{FoldedStage, ReportVersion};

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenFunnelStage {
    #[schema(example = "engaging")]
    pub stage_key: String,
    #[schema(example = "Engaging")]
    pub name: String,
    pub position: i16,
    /// Deals in the stage.
    #[schema(example = 1589)]
    pub deals: i64,
    pub amount: String,
    /// Sum of the amounts, each by its stage's probability.
    pub weighted_amount: String,
    /// Deals that are in the stage for longer than its norm.
    pub overdue: i64,
    /// Deals on hold.
    pub held: i64,
    /// Median time in the stage so far, in seconds, without time on hold.
    pub median_age_seconds: Option<f64>,
    /// For each number the list of its deals.
    pub drill_down: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenFunnelTotals {
    pub deals: i64,
    pub amount: String,
    pub weighted_amount: String,
    pub overdue: i64,
    pub held: i64,
    /// For each number the list of its deals.
    pub drill_down: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenFunnelGroup {
    /// Id of the group; null for deals without one.
    pub key: Option<String>,
    #[schema(example = "Anna Vermeer")]
    pub name: String,
    pub stages: Vec<OpenFunnelStage>,
    pub totals: OpenFunnelTotals,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = OpenFunnel)]
pub struct OpenFunnelBody {
    pub deal_type_id: Uuid,
    pub version: ReportVersion,
    pub as_of: DateTime<Utc>,
    /// Of all amounts: the workspace's base currency.
    #[schema(example = "USD")]
    pub currency: String,
    pub stages: Vec<OpenFunnelStage>,
    /// Stages of other versions whose deals are counted in one of these.
    pub folded: Vec<FoldedStage>,
    pub totals: OpenFunnelTotals,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub groups: Option<Vec<OpenFunnelGroup>>,
}
