//! Deals as lines of a sheet, with names for people to read.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    Queryable,
    sql_types::{Date, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid},
};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Asked, LIST};
use crate::{
    Caller, Raw, Result, Tenant,
    core::list::{Page, Query},
};

#[derive(Debug, Clone, Queryable)]
pub struct Line {
    pub id: Uuid,
    pub title: String,
    pub status: String,
    pub stage: Option<String>,
    pub owner: Option<String>,
    pub client: Option<String>,
    pub source: Option<String>,
    pub amount: Decimal,
    pub currency: String,
    pub base_amount: Decimal,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub expected_close_on: Option<NaiveDate>,
    pub loss_reason: Option<String>,
    pub competitor: Option<String>,
    pub external_id: Option<String>,
    /// Values of custom fields, by key.
    pub custom: Json,
}

pub(crate) type LineTypes = (
    SqlUuid,
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Numeric,
    Text,
    Numeric,
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Date>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Jsonb,
);

/// The columns of a line, of a row of `deals`.
pub(crate) fn columns() -> String {
    let name = |table: &str, id: &str| {
        format!(
            "(SELECT n.name FROM {table} n \
             WHERE n.workspace_id = deals.workspace_id AND n.id = deals.{id})"
        )
    };
    format!(
        "deals.id, deals.title, deals.status, {stage}, {owner}, {client}, {source}, deals.amount, \
         deals.currency, deals.base_amount, deals.opened_at, deals.closed_at, deals.expected_close_on, {reason}, {competitor}, \
         deals.external_id, deals.custom",
        stage = name("stages", "stage_id"),
        owner = name("users", "owner_id"),
        client = name("clients", "client_id"),
        source = name("sources", "source_id"),
        reason = name("loss_reasons", "loss_reason_id"),
        competitor = name("competitors", "competitor_id"),
    )
}

/// A page of the list of deals.
pub fn lines(tenant: &mut Tenant<'_>, caller: &Caller, query: Query) -> Result<Page<Line>> {
    let asked = Asked::load(tenant, caller, &query)?;
    let narrow = |list| asked.narrow(list, caller);
    tenant.page(&LIST, query, Raw::<LineTypes>::new(columns()), narrow, |line: &Line| line.id)
}
