//! The clock: deals that have to be looked at again, each by one of the servers.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{RunQueryDsl, sql_types::Uuid as SqlUuid};
use uuid::Uuid;
use voronka_domain::{access::Visibility, automation, custom_field::Entity, ledger::Ledger};

use super::{Around, Locked, Recordable, found, record};
use crate::{Answer, Caller, Error, Result, Statement, Store, Tenant, Unit, unit::raw, workspaces};

/// Deals that are looked at in one go.
pub const AT_ONCE: usize = 500;
/// When a deal that could not be looked at is tried again.
const AGAIN: TimeDelta = TimeDelta::minutes(10);

impl Store {
    /// Lets the rules of the clock do what is due by `now`, and looks at the gates of deals for which
    /// something has changed beside them. Answers how many deals were looked at: if [`AT_ONCE`], there
    /// may be more. A deal that another server looks at is left to it.
    pub fn tick(&self, now: DateTime<Utc>) -> Result<usize> {
        let mut connection = self.connection()?;
        let due: Result<Vec<(Uuid, Uuid)>> = Statement::select(raw::<(SqlUuid, SqlUuid)>(
            "deals.workspace_id, deals.id FROM deals WHERE deals.alarm_at <= ",
        ))
        .bind(now)
        .sql(" ORDER BY deals.alarm_at, deals.id LIMIT ")
        .bind(i64::try_from(AT_ONCE).unwrap_or(i64::MAX))
        .load(&mut *connection)
        .map_err(Error::from);
        let due = connection.watch(due)?;
        drop(connection);
        let mut callers: HashMap<Uuid, Caller> = HashMap::new();
        let mut done = 0_usize;
        for (workspace_id, deal_id) in &due {
            if !callers.contains_key(workspace_id) {
                let workspace = self.tenant(*workspace_id, workspaces::get)?;
                callers.insert(*workspace_id, self.operator(&workspace)?);
            }
            let Some(caller) = callers.get(workspace_id) else { continue };
            let looked = self.write(caller, now, None, |unit| {
                look(unit, *deal_id)?;
                Ok(Answer::default())
            });
            match looked {
                Ok(_) => done = done.saturating_add(1),
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

fn look(unit: &mut Unit<'_>, id: Uuid) -> Result<()> {
    let all = Visibility::All;
    let locked = match found(unit, id, None, &all, "false", " FOR UPDATE OF deals SKIP LOCKED") {
        Err(Error::NotFound(_)) => return Ok(()),
        locked => locked?,
    };
    let Locked { stored, rules, .. } = locked;
    let (deal, process) = (stored.deal, stored.process);
    let settings = unit.caller.settings;
    let mut around = Around::of(&mut unit.tenant, settings, unit.now, &process, &deal, None, None)?;
    if process.loses() {
        around = around.reviewed(&mut unit.tenant, deal.owner_id)?;
    }
    let facts = around.facts(unit, &process, rules);
    let mut ledger = Ledger::stored(deal);
    if automation::tick(&mut ledger, &facts) {
        let actor = unit.actor;
        return record(unit, vec![Recordable::by(actor, ledger, process.clone())]);
    }
    let alarm = automation::alarm(&ledger.deal, &facts);
    set_alarm(unit, id, alarm)
}

fn set_alarm(unit: &mut Unit<'_>, id: Uuid, alarm: Option<DateTime<Utc>>) -> Result<()> {
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

/// Has the clock look at the open deals of some clients at once, where a process leads them.
pub(crate) fn ring_for_clients(unit: &mut Unit<'_>, clients: Vec<Uuid>) -> Result<()> {
    if clients.is_empty() {
        return Ok(());
    }
    Statement::command("UPDATE deals SET alarm_at = ")
        .bind(unit.now)
        .sql(
            " FROM deal_types WHERE deal_types.workspace_id = deals.workspace_id \
             AND deal_types.id = deals.deal_type_id AND deal_types.mode = 'automatic' \
             AND deals.status = 'open' AND deals.client_id = ANY(",
        )
        .bind(clients)
        .sql(") AND deals.workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .execute(unit.tenant.conn)?;
    Ok(())
}

/// The same for those whose process looks at the activities with their client.
pub(crate) fn ring_for_activity(unit: &mut Unit<'_>, client_id: Option<Uuid>) -> Result<()> {
    let Some(client_id) = client_id else { return Ok(()) };
    let led: Vec<(Uuid, Uuid)> = unit
        .tenant
        .rows(raw::<(SqlUuid, SqlUuid)>("deals.id, deals.version_id"), "deals")
        .sql(" AND deals.status = 'open' AND deals.client_id = ")
        .bind(client_id)
        .sql(" ORDER BY deals.id")
        .load(unit.tenant.conn)?;
    let mut looking = Vec::new();
    for (id, version_id) in led {
        if unit.process(version_id)?.looks_at_activities(Entity::Client) {
            looking.push(id);
        }
    }
    if looking.is_empty() {
        return Ok(());
    }
    Statement::command("UPDATE deals SET alarm_at = ")
        .bind(unit.now)
        .sql(" WHERE workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND id = ANY(")
        .bind(looking)
        .sql(")")
        .execute(unit.tenant.conn)?;
    Ok(())
}

/// The same for all deals for which the clock is set: working time is another one now.
pub(crate) fn ring_for_all(tenant: &mut Tenant<'_>, now: DateTime<Utc>) -> Result<()> {
    Statement::command("UPDATE deals SET alarm_at = ")
        .bind(now)
        .sql(" WHERE alarm_at IS NOT NULL AND workspace_id = ")
        .bind(tenant.workspace_id)
        .execute(tenant.conn)?;
    Ok(())
}
