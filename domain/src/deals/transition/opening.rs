//! Openings of deals.

use super::{Facts, check_not_future, check_text, direction, gates, kept, not_in_process};
use crate::{
    deals::{
        automation::{self, Happened, Happening},
        change_set::ChangeSet,
        deal::{NewDeal, StageRef},
        event::{Change, Details, Direction, Event},
    },
    kernel::{
        fault::{Faults, Refusal},
        money::Money,
        trigger::Trigger,
    },
    people::access::Cause,
    process::Mode,
};

/// Opens a deal in the first stage of its process.
pub fn open(new: NewDeal, facts: &Facts<'_>) -> Result<ChangeSet, Refusal> {
    if !facts.rules.enabled {
        return Err(Refusal::DealTypeDisabled);
    }
    let mut faults = Faults::default();
    let amount = new.amount.unwrap_or_else(|| Money::zero(facts.settings.currency));
    check_text(&mut faults, Some(&new.title), new.external_id.as_ref());
    let opened_at = kept(new.opened_at.unwrap_or(facts.now));
    check_not_future(&mut faults, "/opened_at", opened_at, facts.now);
    let base_amount = faults.take(facts.to_base(amount, opened_at));
    let demanded = facts.rules.require_primary_demand || facts.settings.require_primary_demand;
    if demanded && new.demand_id.is_none() {
        let detail = "A deal is opened with its primary demand: what the client first wanted.";
        faults.add("/demand", "primary_demand_required", detail);
    }
    faults.into_result()?;
    let details = Details {
        title: new.title.trim().to_owned(),
        client_id: new.client_id,
        owner_id: new.owner_id,
        amount,
        base_amount: base_amount.unwrap_or_default(),
        source_id: new.source_id,
        lead_temperature: new.lead_temperature,
        expected_close_on: new.expected_close_on,
        external_id: new.external_id,
        initiated_by: new.initiated_by,
        from_activity_id: new.from_activity_id,
        custom: new.custom,
    };
    let first = facts.process.at(1);
    let stage = match &new.stage_key {
        None => first,
        Some(_) if first.is_none() => return Err(Refusal::DealHasNoStages),
        Some(key) => Some(facts.process.by_key(key).ok_or_else(|| not_in_process(key))?),
    };
    let change = Change::Opened {
        deal_type_id: facts.process.deal_type_id,
        version_id: facts.process.version_id,
        details,
        stage: stage.map(StageRef::from),
    };
    let event = Event { sequence: 1, occurred_at: opened_at, change, actor: None };
    let direction = stage.map_or(Direction::Forward, |stage| direction(0, stage.position));
    let mut change_set = ChangeSet::opened(new.id, event, direction)
        .ok_or_else(|| Refusal::invalid("", "invalid", "Not an opening."))?;
    // Opening a deal further on skips the stages before.
    if let (Some(first), Some(stage)) = (first, stage)
        && stage.position > first.position
    {
        if !facts.rules.allow_skip {
            return Err(Refusal::SkipNotAllowed(first.key.clone()));
        }
        if facts.rules.mode == Mode::Automatic {
            return Err(Refusal::TransitionIsAutomatic);
        }
        gates(&change_set.deal, first.position, stage.position, None, facts)?;
    }
    let demand = new.demand_id.map(|id| Happening {
        cause: Cause { on: Trigger::DemandChanged, object_id: id, sequence: 1 },
        what: Happened::Plain,
    });
    automation::follow(&mut change_set, 0, demand, facts);
    Ok(change_set)
}
