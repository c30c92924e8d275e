//! Workspaces: the tenants.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;
use voronka_domain::{
    Currency,
    kernel::contact_point::Country,
    workspace::settings::{DealVisibility, Settings},
};

use crate::{
    Error, Result, Statement, Store, Tenant, Unit,
    core::{enum_names::from_name, noun::check_version, rings, schema::workspaces},
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = workspaces, primary_key(workspace_id), treat_none_as_null = true)]
pub struct Workspace {
    #[serde(rename = "id")]
    pub workspace_id: Uuid,
    pub name: String,
    pub currency: String,
    pub time_zone: String,
    pub deal_visibility: String,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub country: Option<String>,
    /// `{"monday": [{"from": "09:00", "to": "18:00"}], …}`
    pub working_hours: Json,
    /// Counts the changes of working hours, time zone and holidays.
    pub calendar_version: i32,
    pub require_primary_demand: bool,
    /// For how many days what integrations have posted is kept.
    pub raw_event_days: i32,
    /// For how many days recordings are kept, from the call on.
    pub recording_days: i32,
}

impl Workspace {
    pub fn settings(&self) -> Result<Settings> {
        let broken = |what: &str| Error::Internal(format!("workspace has a bad {what}"));
        Ok(Settings {
            currency: Currency::parse(&self.currency).map_err(|_| broken("currency"))?,
            time_zone: self.time_zone.parse().map_err(|_| broken("time zone"))?,
            deal_visibility: from_name::<DealVisibility>(&self.deal_visibility)
                .ok_or_else(|| broken("deal visibility"))?,
            country: self.country.as_deref().and_then(Country::parse),
            require_primary_demand: self.require_primary_demand,
        })
    }
}

pub fn get(tenant: &mut Tenant<'_>) -> Result<Workspace> {
    find(tenant, "")
}

fn find(tenant: &mut Tenant<'_>, lock: &'static str) -> Result<Workspace> {
    tenant
        .rows(Workspace::as_select(), "workspaces")
        .sql(lock)
        .get_result(tenant.conn)
        .optional()?
        .ok_or(Error::NotFound("workspace"))
}

pub fn lock(unit: &mut Unit<'_>, if_match: Option<crate::Seen>) -> Result<Workspace> {
    let row = find(&mut unit.tenant, " FOR UPDATE")?;
    check_version(if_match, row.version)?;
    Ok(row)
}

/// The same for who has seen the calendar.
pub fn lock_calendar(unit: &mut Unit<'_>, if_match: Option<crate::Seen>) -> Result<Workspace> {
    let row = find(&mut unit.tenant, " FOR UPDATE")?;
    check_version(if_match, row.calendar_version)?;
    Ok(row)
}

/// For decisions over several rows of the workspace: one at a time until its transaction ends. Who has
/// a row locked already cannot wait for another's row here, so that none wait for each other.
pub(crate) fn one_at_a_time(tenant: &mut Tenant<'_>) -> Result<()> {
    find(tenant, " FOR NO KEY UPDATE").map(|_| ())
}

pub fn save(unit: &mut Unit<'_>, before: &Workspace, mut row: Workspace) -> Result<Workspace> {
    if row == *before {
        return Ok(row);
    }
    row.version = before.version.saturating_add(1);
    row.updated_at = unit.now;
    if row.working_hours != before.working_hours || row.time_zone != before.time_zone {
        row.calendar_version = before.calendar_version.saturating_add(1);
        rings::ring(&mut unit.tenant, unit.now, rings::Ring::Calendar)?;
        rings::ring_for_hand_overs(&mut unit.tenant, unit.now)?;
    }
    diesel::update(workspaces::table.find(row.workspace_id)).set(&row).execute(unit.tenant.conn)?;
    unit.happened("workspace.updated", row.workspace_id, row.version, &row)?;
    Ok(row)
}

/// Makes a tenant; whoever does it is the operator of the machine.
pub fn create(unit: &mut Unit<'_>, row: &Workspace) -> Result<()> {
    diesel::insert_into(workspaces::table).values(row).execute(unit.tenant.conn)?;
    unit.happened("workspace.created", row.workspace_id, row.version, row)
}

/// Every workspace, for the operator.
pub fn all(store: &Store) -> Result<Vec<Workspace>> {
    let mut connection = store.connection()?;
    let all = Statement::select(Workspace::as_select())
        .sql(" FROM workspaces ORDER BY created_at, workspace_id")
        .load(&mut *connection)
        .map_err(Error::from);
    connection.watch(all)
}
