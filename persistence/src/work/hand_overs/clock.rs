//! Hand-overs for a time come back by themselves, each by one of the servers.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{OptionalExtension, RunQueryDsl, SelectableHelper, sql_types::Uuid as SqlUuid};
use uuid::Uuid;
use voronka_domain::people::access::Actor;

use super::{HandOver, give_back::give_back_held};
use crate::{
    Answer, Error, Passing, Result, Statement, Store, Unit, again,
    core::{noun::Noun, unit::raw},
    people::users::User,
    workspace::workspaces,
};

/// Hand-overs that are looked at in one go.
const AT_ONCE: i64 = 100;
/// When one that could not come back is tried again.
const AGAIN: TimeDelta = TimeDelta::minutes(10);

impl Store {
    /// The workspaces in which something is to come back by `now`.
    pub fn workspaces_of_returns(&self, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let mut connection = self.connection()?;
        let due = Statement::select(raw::<SqlUuid>(
            "DISTINCT workspace_id FROM hand_overs WHERE alarm_at <= ",
        ))
        .bind(now)
        .load(&mut *connection)
        .map_err(Error::from);
        connection.watch(due)
    }

    /// The same as [`Self::return_hand_overs_in`] of all workspaces.
    pub fn return_hand_overs(&self, now: DateTime<Utc>) -> Result<()> {
        let workspaces = self.workspaces_of_returns(now)?;
        workspaces.into_iter().try_for_each(|id| self.return_hand_overs_in(id, now))
    }

    /// Gives back what was handed over until a day that has come by `now`. What another server is giving
    /// back is left to it; where the person is out of use, it waits.
    pub fn return_hand_overs_in(&self, workspace_id: Uuid, now: DateTime<Utc>) -> Result<()> {
        let caller = self.operator(&self.tenant(workspace_id, workspaces::get)?)?;
        let due: Vec<Uuid> = self.tenant(workspace_id, |tenant| {
            let due = tenant.rows(raw::<SqlUuid>("id"), "hand_overs").sql(" AND alarm_at <= ");
            let due = due.bind(now).sql(" ORDER BY alarm_at, id LIMIT ").bind(AT_ONCE);
            Ok(due.load(tenant.conn)?)
        })?;
        for id in due {
            let returned = again(|| {
                self.write(&caller, now, None, |unit| {
                    unit.actor = Actor::HandOver { id };
                    look(unit, id)?;
                    Ok(Answer::default())
                })
            });
            let Err(error) = returned else { continue };
            tracing::warn!(%id, %error, "the clock could not return a hand-over");
            match error.passing() {
                // None of the others would fare better.
                Some(Passing::Database | Passing::Disk) => return Err(error),
                // The alarm stays as it is: the next tick tries again.
                Some(Passing::Collision | Passing::Locks | Passing::Time) => {}
                None => {
                    self.write(&caller, now, None, |unit| {
                        set_alarm(unit, id, now.checked_add_signed(AGAIN))?;
                        Ok(Answer::default())
                    })?;
                }
            }
        }
        Ok(())
    }
}

fn look(unit: &mut Unit<'_>, id: Uuid) -> Result<()> {
    let due: Option<HandOver> = unit
        .tenant
        .rows(HandOver::as_select(), "hand_overs")
        .sql(" AND id = ")
        .bind(id)
        .sql(" AND alarm_at <= ")
        .bind(unit.now)
        .sql(" FOR NO KEY UPDATE SKIP LOCKED")
        .get_result(unit.tenant.conn)
        .optional()?;
    let Some(row) = due else { return Ok(()) };
    // The workspace may have another zone by now.
    let begins = row.until.map(|day| unit.caller.settings.day_start(day));
    if begins.is_some_and(|begins| begins > unit.now) {
        return set_alarm(unit, id, begins);
    }
    if !User::get(&mut unit.tenant, row.from_id)?.active {
        let again = unit.now.checked_add_signed(AGAIN);
        return set_alarm(unit, id, again);
    }
    give_back_held(unit, &row).map(|_| ())
}

fn set_alarm(unit: &mut Unit<'_>, id: Uuid, alarm: Option<DateTime<Utc>>) -> Result<()> {
    let Some(at) = alarm else { return Ok(()) };
    Statement::command("UPDATE hand_overs SET alarm_at = ")
        .bind(at)
        .sql(" WHERE alarm_at IS NOT NULL AND workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND id = ")
        .bind(id)
        .execute(unit.tenant.conn)?;
    Ok(())
}
