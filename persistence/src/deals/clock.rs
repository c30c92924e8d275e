//! The clock: deals that have to be looked at again, each by one of the servers.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{RunQueryDsl, sql_types::Uuid as SqlUuid};
use uuid::Uuid;
use voronka_domain::{deals::automation, people::access::Visibility};

use super::{FactLoader, Locked, Recordable, Scope, Subject, found, record};
use crate::{
    Answer, Error, Result, Statement, Store, Unit, core::unit::raw, workspace::workspaces,
};

/// Deals that are looked at in one go.
pub const AT_ONCE: usize = 500;
/// When a deal that could not be looked at is tried again.
const AGAIN: TimeDelta = TimeDelta::minutes(10);

impl Store {
    /// The workspaces in which the clock has something to do by `now`.
    pub fn workspaces_of_the_clock(&self, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let due = Statement::select(raw::<SqlUuid>(
            "w.workspace_id FROM workspaces w WHERE EXISTS (SELECT FROM deals d \
             WHERE d.workspace_id = w.workspace_id AND d.alarm_at <= ",
        ))
        .bind(now)
        .sql(")")
        .load(&mut *connection)
        .map_err(Error::from);
        let mut due: Vec<Uuid> = connection.watch(due)?;
        drop(connection);
        due.extend(self.rung(now)?);
        due.sort_unstable();
        due.dedup();
        Ok(due)
    }

    /// The clock of all workspaces; answers how many deals were looked at.
    pub fn tick(&self, now: DateTime<Utc>) -> Result<usize> {
        let mut done = 0_usize;
        for workspace_id in self.workspaces_of_the_clock(now)? {
            done = done.saturating_add(self.tick_in(workspace_id, now)?);
        }
        Ok(done)
    }

    /// Lets the rules of the clock of a workspace do what is due by `now`, and looks at the gates of deals for
    /// which something has changed beside them. Answers how many deals were looked at: if [`AT_ONCE`], there
    /// may be more. A deal that somebody holds is left until the next time.
    pub fn tick_in(&self, workspace_id: Uuid, now: DateTime<Utc>) -> Result<usize> {
        let caller = &self.operator(&self.tenant(workspace_id, workspaces::get)?)?;
        self.hear(caller, now)?;
        let due: Vec<Uuid> = self.tenant(workspace_id, |tenant| {
            let due = tenant
                .rows(raw::<SqlUuid>("deals.id"), "deals")
                .sql(" AND deals.alarm_at <= ")
                .bind(now)
                .sql(" ORDER BY deals.alarm_at, deals.id LIMIT ")
                .bind(i64::try_from(AT_ONCE).unwrap_or(i64::MAX))
                // Those that somebody holds are not to keep the clock from the others.
                .sql(" FOR UPDATE SKIP LOCKED");
            Ok(due.load(tenant.conn)?)
        })?;
        let mut done = 0_usize;
        for deal_id in &due {
            let mut looked = false;
            let written = self.write(caller, now, None, |unit| {
                looked = look(unit, *deal_id)?;
                Ok(Answer::default())
            });
            match written {
                Ok(_) => done = done.saturating_add(usize::from(looked)),
                // Others were in the way: at the next tick.
                Err(error) if error.passing().is_some() => {
                    tracing::debug!(%deal_id, %error, "the clock looks at a deal another time");
                }
                // What one deal has is not to keep the clock from the others.
                Err(error) => {
                    tracing::warn!(%deal_id, %error, "the clock could not look at a deal");
                    self.write(caller, now, None, |unit| {
                        set_alarm(unit, *deal_id, now.checked_add_signed(AGAIN))?;
                        Ok(Answer::default())
                    })?;
                }
            }
        }
        Ok(done)
    }
}

/// Answers whether it has looked, and not left the deal to whoever holds it.
fn look(unit: &mut Unit<'_>, id: Uuid) -> Result<bool> {
    let all = Visibility::All;
    let locked = match found(unit, id, None, &all, "false", " FOR UPDATE OF deals SKIP LOCKED") {
        Err(Error::NotFound(_)) => return Ok(false),
        locked => locked?,
    };
    let Locked { stored, rules, .. } = locked;
    let mut change_set = stored.change_set();
    let (deal, process) = (&stored.deal, &stored.process);
    let now = unit.now.max(deal.last_occurred_at);
    let scope = Scope {
        instants: Some(vec![now]),
        rules: HashMap::from([(deal.deal_type_id, rules)]),
        ..Scope::default()
    };
    let subject = Subject { process, deal: Some(deal) };
    let around = FactLoader::load(&mut unit.tenant, unit.caller.settings, &[subject], scope)?;
    let facts = around.facts_of(unit.caller, unit.now, deal, process)?;
    if automation::tick(&mut change_set, &facts) {
        let actor = unit.actor;
        record(unit, vec![Recordable::by(actor, change_set, process.clone())])?;
    } else {
        let alarm = automation::alarm(&change_set, &facts);
        set_alarm(unit, id, alarm)?;
    }
    Ok(true)
}

pub(super) fn set_alarm(unit: &mut Unit<'_>, id: Uuid, alarm: Option<DateTime<Utc>>) -> Result<()> {
    let set = match alarm {
        Some(at) => Statement::command("UPDATE deals SET alarm_at = ").bind(at),
        None => Statement::command("UPDATE deals SET alarm_at = NULL"),
    };
    set.sql(" WHERE workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND id = ")
        .bind(id)
        .execute(unit.tenant.conn)?;
    Ok(())
}
