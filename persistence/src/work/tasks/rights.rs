//! Who may change a task, and what of a deal may come with it: a right is that to what changes.

use diesel::{OptionalExtension, RunQueryDsl, sql_types::Uuid as SqlUuid};
use uuid::Uuid;
use voronka_domain::{
    people::access::{Permission, Visibility, may_change},
    process::gate::DealField,
    work::task::{Part, may_fill_unseen, may_write_deal},
};

use super::{TaskWithPeople, read};
use crate::{
    Caller, Result, Seen, Unit,
    core::{
        caller::person,
        noun::Noun,
        unit::raw,
        visibility::{Sight, tasks_of_others},
    },
    deals::{self, answer::Done, task::Task},
};

/// Those who have a part in a task may change it, and those who look after its deal or its people. Others look on,
/// though they may see it.
pub(super) fn require_part(unit: &mut Unit<'_>, seen: &TaskWithPeople) -> Result<()> {
    let Some(me) = person(unit.actor) else { return Ok(()) };
    let Task { id, responsible_id, creator_id, .. } = seen.task;
    let has_part = Part { responsible_id, creator_id, helper_ids: &seen.helper_ids }.has(me);
    let looks_after = !has_part && looks_after(unit, id)?;
    Ok(may_change(has_part, looks_after)?)
}

/// Holds a task in which the caller has a part; still has it, where somebody has changed the task meanwhile.
pub(super) fn lock(
    unit: &mut Unit<'_>,
    seen: &TaskWithPeople,
    if_match: Option<Seen>,
) -> Result<Task> {
    let task = Task::lock(unit, seen.task.id, if_match)?;
    if task.version != seen.task.version {
        let now = read(&mut unit.tenant, unit.caller, task.id)?;
        require_part(unit, &now)?;
    }
    Ok(task)
}

/// Whether somebody who has no part in a task looks after its deal or its people.
fn looks_after(unit: &mut Unit<'_>, id: Uuid) -> Result<bool> {
    if unit.caller.looks_after == Visibility::All {
        return Ok(true);
    }
    let rows =
        unit.tenant.rows(raw::<SqlUuid>("tasks.id"), "tasks").sql(" AND tasks.id = ").bind(id);
    let found: Option<Uuid> =
        tasks_of_others(rows.sql(" AND ("), Sight::of_people(&unit.caller.looks_after))
            .sql(")")
            .get_result(unit.tenant.conn)
            .optional()?;
    Ok(found.is_some())
}

/// What of a deal comes with a task that is done needs the right to write deals. Who does not see the deal, which
/// is held, brings what the task asks for and nothing else.
pub(super) fn require_deal(
    unit: &mut Unit<'_>,
    deal_id: Uuid,
    done: &Done,
    asked: &[DealField],
) -> Result<()> {
    let fields = fields(done);
    if fields.is_empty() && !done.reopen {
        return Ok(());
    }
    may_write_deals(unit.caller)?;
    if deals::sees(unit, deal_id)? {
        return Ok(());
    }
    let asked: Vec<String> = asked.iter().map(DealField::name).collect();
    Ok(may_fill_unseen(&asked, &fields, done.reopen)?)
}

fn may_write_deals(caller: &Caller) -> Result<()> {
    Ok(may_write_deal(caller.may(Permission::DealsWrite))?)
}

/// The fields of the deal that come with the task, by the names that tasks ask for them, and where they stand.
fn fields(done: &Done) -> Vec<(String, String)> {
    let Done { patch, references, custom, .. } = done;
    let source = references.source.as_ref().map(|source| deals::source_pointer(Some(source)));
    let given = [
        ("title", "/title", patch.title.is_some()),
        ("owner_id", "/owner_id", patch.owner_id.is_some() || references.owner_id.is_some()),
        ("client_id", "/client_id", patch.client_id.is_some() || references.client_id.is_some()),
        ("amount", "/amount", patch.amount.is_some()),
        ("source", source.unwrap_or("/source_id"), patch.source_id.is_some() || source.is_some()),
        ("lead_temperature", "/lead_temperature", patch.lead_temperature.is_some()),
        ("expected_close_on", "/expected_close_on", patch.expected_close_on.is_some()),
        ("external_id", "/external_id", patch.external_id.is_some()),
        ("initiated_by", "/initiated_by", patch.initiated_by.is_some()),
    ];
    let given = given.into_iter().filter(|(.., is)| *is);
    let given = given.map(|(name, pointer, _)| (name.to_owned(), format!("/deal{pointer}")));
    let custom = custom.keys().map(|key| (format!("custom.{key}"), format!("/deal/custom/{key}")));
    given.chain(custom).collect()
}
