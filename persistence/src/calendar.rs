//! The working calendar of a workspace: its working hours, and the days that have other ones.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;
use voronka_domain::{
    calendar::{Calendar, Hours, Span, WEEKDAYS, Week},
    fault::Faults,
};

use crate::{Error, Result, Store, Tenant, schema::holidays, workspaces::Workspace};

/// A day with other hours than its weekday's; without hours it is free.
#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = holidays, primary_key(workspace_id, id), treat_none_as_null = true)]
pub struct Holiday {
    pub id: Uuid,
    pub day: NaiveDate,
    pub name: Option<String>,
    pub hours: Json,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

fn broken(what: &str) -> Error {
    Error::Internal(format!("calendar has bad {what}"))
}

impl Workspace {
    pub fn week(&self) -> Result<Week> {
        let days: BTreeMap<String, Vec<Span>> = serde_json::from_value(self.working_hours.clone())
            .map_err(|_| broken("working hours"))?;
        let days = WEEKDAYS.map(|name| days.get(name).map_or(&[][..], Vec::as_slice));
        Week::read("", days, &mut Faults::default()).ok_or_else(|| broken("working hours"))
    }
}

impl Holiday {
    pub fn spans(&self) -> Result<Vec<Span>> {
        serde_json::from_value(self.hours.clone()).map_err(|_| broken("holidays"))
    }

    fn entry(&self) -> Result<(NaiveDate, Hours)> {
        Ok((self.day, Hours::read("", &self.spans()?, &mut Faults::default())))
    }
}

impl Store {
    /// The calendar of a workspace. It is kept by its version, which every change raises.
    pub fn calendar(
        &self,
        tenant: &mut Tenant<'_>,
        workspace: &Workspace,
    ) -> Result<Arc<Calendar>> {
        let key = (workspace.workspace_id, workspace.calendar_version);
        if let Some(calendar) = self.calendars.get(&key) {
            return Ok(calendar);
        }
        let rows: Vec<Holiday> = tenant.rows(Holiday::as_select(), "holidays").load(tenant.conn)?;
        let holidays = rows.iter().map(Holiday::entry).collect::<Result<Vec<_>>>()?;
        let zone = workspace.settings()?.time_zone;
        let calendar = Arc::new(Calendar::new(zone, &workspace.week()?, &holidays));
        self.calendars.insert(key, calendar.clone());
        Ok(calendar)
    }
}
