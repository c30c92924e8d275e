//! Deals as far as a list shows them. What decisions and reports need beside is a fifth of the columns, and of
//! what a list takes.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    dsl::{AsSelect, SqlTypeOf},
    pg::Pg,
    prelude::*,
};
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use super::row::DealRow;
use crate::{Raw, core::schema::deals};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = deals)]
pub(crate) struct ListedDeal {
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
    pub segment_entered_at: DateTime<Utc>,
    pub reopened: i32,
    pub sequence: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub custom: Value,
    pub overrides: i32,
    pub initiated_by: Option<String>,
    pub from_activity_id: Option<Uuid>,
}

/// The columns of [`ListedDeal`] in its order.
const COLUMNS: &str = "deals.id, deals.deal_type_id, deals.version_id, deals.title, deals.client_id, deals.owner_id, \
    deals.amount, deals.currency, deals.base_amount, deals.source_id, deals.lead_temperature, \
    deals.expected_close_on, deals.external_source, deals.external_id, deals.status, \
    deals.position, deals.depth, deals.hold_reason, deals.hold_resume_on, deals.hold_since, \
    deals.loss_reason_id, deals.loss_note, deals.competitor_id, deals.opened_at, deals.closed_at, \
    deals.visit, deals.visit_entered_at, deals.visit_held_seconds, deals.segment_entered_at, \
    deals.reopened, deals.sequence, deals.created_at, deals.updated_at, deals.custom, \
    deals.overrides, deals.initiated_by, deals.from_activity_id";

impl ListedDeal {
    pub fn columns() -> Raw<SqlTypeOf<AsSelect<Self, Pg>>> {
        Raw::new(COLUMNS)
    }
}

/// What is not listed is empty.
impl From<ListedDeal> for DealRow {
    fn from(listed: ListedDeal) -> Self {
        let ListedDeal {
            id,
            deal_type_id,
            version_id,
            title,
            client_id,
            owner_id,
            amount,
            currency,
            base_amount,
            source_id,
            lead_temperature,
            expected_close_on,
            external_source,
            external_id,
            status,
            position,
            depth,
            hold_reason,
            hold_resume_on,
            hold_since,
            loss_reason_id,
            loss_note,
            competitor_id,
            opened_at,
            closed_at,
            visit,
            visit_entered_at,
            visit_held_seconds,
            segment_entered_at,
            reopened,
            sequence,
            created_at,
            updated_at,
            custom,
            overrides,
            initiated_by,
            from_activity_id,
        } = listed;
        Self {
            workspace_id: Uuid::nil(),
            id,
            deal_type_id,
            version_id,
            title,
            client_id,
            owner_id,
            amount,
            currency,
            base_amount,
            source_id,
            lead_temperature,
            expected_close_on,
            external_source,
            external_id,
            status,
            stage_id: None,
            position,
            depth,
            hold_reason,
            hold_resume_on,
            hold_since,
            loss_reason_id,
            loss_note,
            competitor_id,
            opened_at,
            closed_at,
            visit,
            visit_entered_at,
            visit_held_seconds,
            segment: 0,
            segment_entered_at,
            reopened,
            sequence,
            last_occurred_at: updated_at,
            created_at,
            updated_at,
            custom,
            overrides,
            initiated_by,
            from_activity_id,
            fired: Vec::new(),
            alarm_at: None,
            touched: None,
            visit_stage: None,
            stage_path: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_of_the_row() {
        let all = deals::table.select(ListedDeal::as_select());
        let all = diesel::debug_query::<Pg, _>(&all).to_string().replace('"', "");
        let all = all.trim_start_matches("SELECT ").split(" FROM").next();
        assert_eq!(all, Some(COLUMNS));
    }
}
