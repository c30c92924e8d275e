//! Into another version of a process: the deal goes on where the new version has its stage.

use crate::{
    deals::{
        automation,
        change_set::ChangeSet,
        event::Change,
        transition::{Facts, direction, gates},
    },
    kernel::fault::Refusal,
    process::alignment::{Alignment, Mapping},
};

/// A migration moves deals: it needs the right to write these, beside that to write their type.
pub fn may_migrate(may_write_deals: bool) -> Result<(), Refusal> {
    if may_write_deals {
        return Ok(());
    }
    Err(Refusal::conflict("forbidden", "", "A migration moves deals: it needs deals:write too."))
}

/// How the stages of all versions lie in the new one.
#[derive(Debug, Clone, Copy)]
pub struct Ways<'a> {
    pub mapping: &'a Mapping,
    /// By their keys alone: to be mapped is no way around a gate.
    pub keys: &'a Alignment,
    /// With what was mapped before, and now.
    pub mapped: &'a Alignment,
}

/// Takes a deal from the version it is on to that of the facts. A stage further on than its own is
/// reached through the gates of the new version, like by any other way.
pub fn migrate(
    change_set: &mut ChangeSet,
    ways: Ways<'_>,
    override_reason: Option<&str>,
    facts: &Facts<'_>,
) -> Result<(), Refusal> {
    let (deal, new) = (&change_set.deal, facts.process);
    if !deal.is_open() {
        return Err(Refusal::DealClosed);
    }
    if deal.version_id == new.version_id {
        return Ok(());
    }
    let (mut to, mut way, mut r#override) = (None, None, None);
    if let Some(here) = &deal.stage {
        let key = ways.mapping.get(&here.stage_key).unwrap_or(&here.stage_key);
        let stage = new.by_key(key).ok_or_else(|| Refusal::StageNotInProcess(key.clone()))?;
        if stage.key != here.stage_key {
            let from = ways.keys.place(here.number);
            r#override = gates(deal, from, stage.position, override_reason, facts)?;
            way = Some(direction(from, stage.position));
        }
        to = Some(stage);
    }
    let reached = deal.track.as_ref().map_or(0, |track| ways.mapped.furthest(&track.touched));
    let change = Change::Migrated {
        previous_version_id: deal.version_id,
        version_id: new.version_id,
        from: deal.stage.clone(),
        to: to.map(Into::into),
        direction: way,
        r#override,
        depth: reached.max(to.map_or(0, |stage| stage.position)),
    };
    let (begun, at) = (change_set.events.len(), facts.now_for(deal));
    change_set.push(at, change);
    automation::follow(change_set, begun, None, facts);
    Ok(())
}
