//! Deals that rest though their process would take them on, or though the clock should be set for them. There are
//! none, but where an earlier release left some.

use chrono::{DateTime, Utc};
use diesel::{RunQueryDsl, SelectableHelper};
use uuid::Uuid;
use voronka_domain::{deals::automation, people::access::Actor};

use super::{DealRow, FactLoader, Scope, Stored};
use crate::{Answer, Caller, Result, Statement, Store, Tenant};

/// Deals that are looked at in one go.
const AT_A_TIME: i64 = 500;

/// What such a deal rests in spite of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The gate of its stage is met.
    Gate,
    /// A rule of the clock is due, or will be unknown to the clock when it is.
    Clock,
}

#[derive(Debug, Clone)]
pub struct Resting {
    pub id: Uuid,
    pub title: String,
    pub stage_key: String,
    pub why: Why,
}

impl Store {
    /// Tells of every such deal of a workspace. With `wake`, the clock looks at them: they go on.
    pub fn resting(
        &self,
        caller: &Caller,
        now: DateTime<Utc>,
        wake: bool,
        mut tell: impl FnMut(&Resting),
    ) -> Result<usize> {
        let (mut after, mut told) = (Uuid::nil(), 0_usize);
        loop {
            let deals = self.read(caller, |tenant| self.open_after(tenant, after))?;
            let Some(last) = deals.last() else { return Ok(told) };
            after = last.deal.id;
            let resting = self.read(caller, |tenant| rests(tenant, caller, now, &deals))?;
            resting.iter().for_each(&mut tell);
            told = told.saturating_add(resting.len());
            let ids: Vec<Uuid> = resting.iter().map(|one| one.id).collect();
            if wake && !ids.is_empty() {
                self.write(caller, now, None, |unit| {
                    ring(&mut unit.tenant, now, ids)?;
                    Ok(Answer::default())
                })?;
            }
        }
    }

    /// Open deals that are not on hold and that the clock is not about to look at.
    fn open_after(&self, tenant: &mut Tenant<'_>, after: Uuid) -> Result<Vec<Stored>> {
        let rows: Vec<DealRow> = tenant
            .rows(DealRow::as_select(), "deals")
            .sql(" AND status = 'open' AND hold_since IS NULL AND id > ")
            .bind(after)
            .sql(" ORDER BY id LIMIT ")
            .bind(AT_A_TIME)
            .load(tenant.conn)?;
        rows.into_iter().map(|row| self.stored(tenant, row)).collect()
    }
}

fn rests(
    tenant: &mut Tenant<'_>,
    caller: &Caller,
    now: DateTime<Utc>,
    deals: &[Stored],
) -> Result<Vec<Resting>> {
    let subjects: Vec<_> = deals.iter().map(Stored::subject).collect();
    let around = FactLoader::load(tenant, caller.settings, &subjects, Scope::default())?;
    let mut resting = Vec::new();
    for stored in deals.iter().filter(|stored| stored.alarm_at.is_none_or(|at| at > now)) {
        let facts = around.facts_of(caller, now, &stored.deal, &stored.process)?;
        let mut trial = stored.change_set();
        let why = if automation::tick(&mut trial, &facts) {
            let by = trial.events.first().and_then(|event| event.actor);
            Some(if matches!(by, Some(Actor::Rule { .. })) { Why::Clock } else { Why::Gate })
        } else {
            let due = automation::alarm(&trial, &facts);
            let late = due.is_some_and(|due| stored.alarm_at.is_none_or(|set| set > due));
            late.then_some(Why::Clock)
        };
        let stage_key = stored.deal.stage.as_ref().map(|stage| stage.stage_key.clone());
        resting.extend(why.map(|why| Resting {
            id: stored.deal.id,
            title: stored.deal.title.clone(),
            stage_key: stage_key.unwrap_or_default(),
            why,
        }));
    }
    Ok(resting)
}

fn ring(tenant: &mut Tenant<'_>, now: DateTime<Utc>, ids: Vec<Uuid>) -> Result<()> {
    Statement::command("UPDATE deals SET alarm_at = ")
        .bind(now)
        .sql(" FROM (SELECT id FROM deals WHERE workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" AND id = ANY(")
        .bind(ids)
        .sql(") ORDER BY id FOR UPDATE) AS held WHERE deals.id = held.id AND deals.workspace_id = ")
        .bind(tenant.workspace_id)
        .execute(tenant.conn)?;
    Ok(())
}
