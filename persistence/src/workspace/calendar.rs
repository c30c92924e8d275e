//! The working calendar of a workspace: its working hours, and the days that have other ones.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;
use voronka_domain::{
    kernel::fault::Faults,
    workspace::calendar::{
        self, Calendar, Hours, Span, WEEKDAYS, Week, holidays as domain_holidays,
    },
};

use crate::{
    Error, Result, Statement, Store, Tenant, Unit,
    core::{
        list::{Field, FieldKind, Page, Query, Spec},
        rings,
        schema::holidays,
        unit::raw,
    },
    workspace::workspaces::{self, Workspace},
};

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

pub const LIST: Spec = Spec {
    table: "holidays",
    fields: &[
        Field::new("day", "holidays.day", FieldKind::Date).sorted(),
        Field::new("updated_at", "holidays.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "day",
    search: None,
};

pub fn holidays(tenant: &mut Tenant<'_>, query: Query) -> Result<Page<Holiday>> {
    tenant.page(&LIST, query, Holiday::as_select(), |list| list, |row: &Holiday| row.id)
}

/// What became of the days of a stretch.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub deleted: i64,
}

/// Makes the given days, each given once, the only holidays from one day to another.
pub fn put_holidays(
    unit: &mut Unit<'_>,
    (from, to): (NaiveDate, NaiveDate),
    given: Vec<domain_holidays::Holiday>,
) -> Result<Put> {
    workspaces::one_at_a_time(&mut unit.tenant)?;
    let there: Vec<Holiday> = unit
        .tenant
        .rows(Holiday::as_select(), "holidays")
        .sql(" AND day >= ")
        .bind(from)
        .sql(" AND day <= ")
        .bind(to)
        .load(unit.tenant.conn)?;
    let mut there: BTreeMap<_, _> = there.into_iter().map(|row| (row.day, row)).collect();
    let (mut put, mut rows) = (Put::default(), Vec::new());
    for domain_holidays::Holiday { day, name, hours } in given {
        let hours = serde_json::json!(hours);
        let row = match there.remove(&day) {
            Some(old) if old.name == name && old.hours == hours => {
                put.unchanged += 1;
                continue;
            }
            Some(old) => {
                put.updated += 1;
                let version = old.version.saturating_add(1);
                Holiday { name, hours, version, updated_at: unit.now, ..old }
            }
            None => {
                put.created += 1;
                let (id, created_at, updated_at) = (Uuid::now_v7(), unit.now, unit.now);
                Holiday { id, day, name, hours, version: 1, created_at, updated_at }
            }
        };
        let what = if row.version == 1 { "holiday.created" } else { "holiday.updated" };
        unit.happened(what, row.id, row.version, &row)?;
        rows.push(row);
    }
    for row in there.values() {
        put.deleted += 1;
        unit.happened("holiday.deleted", row.id, row.version.saturating_add(1), row)?;
    }
    if put.created + put.updated + put.deleted > 0 {
        replace(unit, &rows, there.into_keys().collect())?;
        raise_version(unit)?;
    }
    Ok(put)
}

fn replace(unit: &mut Unit<'_>, rows: &[Holiday], mut gone: Vec<NaiveDate>) -> Result<()> {
    gone.extend(rows.iter().map(|row| row.day));
    let workspace_id = unit.tenant.workspace_id;
    diesel::delete(
        holidays::table
            .filter(holidays::workspace_id.eq(workspace_id))
            .filter(holidays::day.eq_any(gone)),
    )
    .execute(unit.tenant.conn)?;
    let values: Vec<_> =
        rows.iter().map(|row| (holidays::workspace_id.eq(workspace_id), row)).collect();
    diesel::insert_into(holidays::table).values(values).execute(unit.tenant.conn)?;
    let count: i64 = unit
        .tenant
        .rows(raw::<diesel::sql_types::BigInt>("count(*)"), "holidays")
        .get_result(unit.tenant.conn)?;
    Ok(calendar::may_have_holidays(count)?)
}

/// Whoever keeps the calendar by its version reads it anew.
fn raise_version(unit: &mut Unit<'_>) -> Result<()> {
    rings::ring(&mut unit.tenant, unit.now, rings::Ring::Calendar)?;
    Statement::command(
        "UPDATE workspaces SET calendar_version = calendar_version + 1 WHERE workspace_id = ",
    )
    .bind(unit.tenant.workspace_id)
    .execute(unit.tenant.conn)?;
    Ok(())
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
