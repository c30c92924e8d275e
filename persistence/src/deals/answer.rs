//! What a deal's process answers to that has happened to what belongs to the deal: a task, a document, a
//! payment, an activity.

use std::collections::BTreeMap;

use diesel::{OptionalExtension, RunQueryDsl, sql_types::Uuid as SqlUuid};
use uuid::Uuid;
use voronka_domain::{
    deals::{
        automation::Happening,
        deal::{Deal, DealPatch},
        transition::{self, Review},
    },
    people::access::Visibility,
    process::gate::DealField,
    workspace::custom_field::Entity,
};

use super::{
    About, Locked, MOVES, References, Stored, check_references, clock::set_alarm, command, found,
};
use crate::{
    Result, Unit, core::unit::raw, core::visibility::deals_seen_by, workspace::custom_fields,
};

/// What a task has brought: words, and what lands on its deal.
#[derive(Debug, Clone, Default)]
pub struct Done {
    pub result: Option<String>,
    pub patch: DealPatch,
    pub references: References,
    pub custom: BTreeMap<String, serde_json::Value>,
    /// The review of a loss brings the deal back.
    pub reopen: bool,
}

/// A deal under lock. What belongs to it is written while it is held, and then its process answers.
pub(crate) struct LockedDeal(Locked);

impl LockedDeal {
    pub fn deal(&self) -> &Deal {
        &self.0.stored.deal
    }

    /// Has the clock look at it: something has changed that is no event, but that its process may look at.
    pub fn look_again(&self, unit: &mut Unit<'_>) -> Result<()> {
        if !self.0.stored.process.looks_at_activities(Entity::Deal) {
            return Ok(());
        }
        let now = unit.now;
        set_alarm(unit, self.deal().id, Some(now))
    }

    /// Whether its type wants a primary demand of every deal.
    pub fn requires_demand(&self) -> bool {
        self.0.rules.require_primary_demand
    }
}

/// Holds a deal, if it can be seen.
pub(crate) fn lock_deal(
    unit: &mut Unit<'_>,
    id: Uuid,
    visibility: &Visibility,
) -> Result<LockedDeal> {
    found(unit, id, None, visibility, MOVES, " FOR UPDATE OF deals").map(LockedDeal)
}

/// Whether the caller sees a deal, which is held.
pub(crate) fn sees(unit: &mut Unit<'_>, id: Uuid) -> Result<bool> {
    let rows =
        unit.tenant.rows(raw::<SqlUuid>("deals.id"), "deals").sql(" AND deals.id = ").bind(id);
    let found: Option<Uuid> =
        deals_seen_by(rows, &unit.caller.visibility).get_result(unit.tenant.conn).optional()?;
    Ok(found.is_some())
}

/// Lets the process answer.
pub(crate) fn react(unit: &mut Unit<'_>, held: LockedDeal, happening: Happening) -> Result<Stored> {
    command(unit, held.0, About::default(), |change_set, facts| {
        transition::react(change_set, happening, facts);
        Ok(())
    })
}

/// Checks what a task has brought, and holds the client that it names: before the deal. Faults point into `/deal`.
pub(crate) fn check_done(unit: &mut Unit<'_>, mut done: Done) -> Result<Done> {
    let checked = check_references(unit, &done.references);
    let (client_id, source_id) = checked.map_err(|error| error.under("/deal"))?;
    done.patch.client_id = client_id.map(Some).or(done.patch.client_id);
    done.patch.source_id = source_id.map(Some).or(done.patch.source_id);
    Ok(done)
}

/// Lets what a task has brought land on the deal, and the process answer. Faults point into `/deal`. What the
/// task names has been checked.
pub(crate) fn finish(
    unit: &mut Unit<'_>,
    held: LockedDeal,
    done: Done,
    required: Vec<DealField>,
    review: Option<Review>,
    happening: Happening,
) -> Result<Stored> {
    land(unit, held, done, required, review, happening).map_err(|error| error.under("/deal"))
}

fn land(
    unit: &mut Unit<'_>,
    held: LockedDeal,
    done: Done,
    required: Vec<DealField>,
    review: Option<Review>,
    happening: Happening,
) -> Result<Stored> {
    let Done { mut patch, custom, .. } = done;
    if !custom.is_empty() {
        let current = &held.0.stored.deal.custom;
        patch.custom = Some(custom_fields::change(unit, Entity::Deal, current, custom)?);
    }
    command(unit, held.0, About::patch(&patch), |change_set, facts| {
        transition::finish(change_set, patch, &required, review, happening, facts)
    })
}
