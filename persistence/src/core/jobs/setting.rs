//! How a workspace has set a kind of background work.

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Bool, Integer, Nullable, Text, Timestamptz},
};
use voronka_domain::workspace::job::{Change, Setting as Switch};

use super::claim::Job;
use crate::{
    Result, Statement,
    core::{
        noun::check_version,
        unit::{Tenant, Unit, raw},
    },
};

/// Switch and schedule of a kind of work, and when the schedule begins the next run.
#[derive(Debug, Clone)]
pub struct Setting {
    pub switch: Switch,
    pub next_at: Option<DateTime<Utc>>,
    /// 1 until somebody has set it.
    pub version: i32,
}

type Types = (Nullable<Bool>, Nullable<Text>, Nullable<Timestamptz>, Integer);
type Row = (Option<bool>, Option<String>, Option<DateTime<Utc>>, i32);

pub fn setting(tenant: &mut Tenant<'_>, job: Job) -> Result<Setting> {
    let row: Option<Row> = tenant
        .rows(raw::<Types>("enabled, schedule, next_at, version"), "job_settings")
        .sql(" AND name = ")
        .bind(job.name)
        .get_result(tenant.conn)
        .optional()?;
    let (enabled, schedule, next_at, version) = row.unwrap_or((None, None, None, 1));
    let enabled = enabled.unwrap_or(job.enabled);
    Ok(Setting { switch: Switch { enabled, schedule }, next_at, version })
}

/// Sets switch and schedule. What waits goes on waiting while the work is switched off.
pub fn set(
    unit: &mut Unit<'_>,
    job: Job,
    change: Change,
    if_match: Option<crate::Seen>,
) -> Result<Setting> {
    // Of a row that nobody has made yet, only one at a time is made.
    Statement::command("INSERT INTO job_settings (workspace_id, name, updated_at) VALUES (")
        .bind(unit.tenant.workspace_id)
        .sql(", ")
        .bind(job.name)
        .sql(", ")
        .bind(unit.now)
        .sql(") ON CONFLICT (workspace_id, name) DO UPDATE SET name = excluded.name")
        .execute(unit.tenant.conn)?;
    let before = setting(&mut unit.tenant, job)?;
    check_version(if_match, before.version)?;
    let switch = before.switch.clone().changed(change)?;
    if switch == before.switch {
        return Ok(before);
    }
    let next_at = switch.next(unit.now, unit.caller.settings.time_zone);
    let statement = Statement::command("UPDATE job_settings SET version = version + 1, enabled = ")
        .bind(switch.enabled)
        .sql(", updated_at = ")
        .bind(unit.now)
        .sql(", schedule = ");
    let statement = match &switch.schedule {
        Some(schedule) => statement.bind(schedule.as_str()),
        None => statement.sql("NULL"),
    };
    let statement = statement.sql(", next_at = ");
    let statement = match next_at {
        Some(at) => statement.bind(at),
        None => statement.sql("NULL"),
    };
    statement
        .sql(" WHERE workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND name = ")
        .bind(job.name)
        .execute(unit.tenant.conn)?;
    Ok(Setting { switch, next_at, version: before.version.saturating_add(1) })
}
