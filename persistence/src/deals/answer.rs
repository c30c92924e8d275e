//! What a deal's process answers to that has happened to what belongs to the deal: a task, a document, a
//! payment, an activity.

use uuid::Uuid;
use voronka_domain::{
    access::Visibility,
    automation::Happening,
    custom_field::Entity,
    deal::Deal,
    gate::DealField,
    transition::{self, Review},
};

use super::{About, Locked, MOVES, Stored, check_references, command, found};
use crate::{Result, Unit, custom_fields, tasks::Done};

/// A deal under lock. What belongs to it is written while it is held, and then its process answers.
pub(crate) struct Held(Locked);

impl Held {
    pub fn deal(&self) -> &Deal {
        &self.0.stored.deal
    }

    /// Whether its type wants a primary demand of every deal.
    pub fn requires_demand(&self) -> bool {
        self.0.rules.require_primary_demand
    }
}

/// Holds a deal, if it can be seen.
pub(crate) fn held(unit: &mut Unit<'_>, id: Uuid, visibility: &Visibility) -> Result<Held> {
    found(unit, id, None, visibility, MOVES, " FOR UPDATE OF deals").map(Held)
}

/// Lets the process answer.
pub(crate) fn react(unit: &mut Unit<'_>, held: Held, happening: Happening) -> Result<Stored> {
    command(unit, held.0, About::default(), |ledger, facts| {
        transition::react(ledger, happening, facts);
        Ok(())
    })
}

/// Lets what a task has brought land on the deal, and the process answer. Faults point into `/deal`.
pub(crate) fn finish(
    unit: &mut Unit<'_>,
    held: Held,
    done: Done,
    required: Vec<DealField>,
    review: Option<Review>,
    happening: Happening,
) -> Result<Stored> {
    land(unit, held, done, required, review, happening).map_err(|error| error.under("/deal"))
}

fn land(
    unit: &mut Unit<'_>,
    held: Held,
    done: Done,
    required: Vec<DealField>,
    review: Option<Review>,
    happening: Happening,
) -> Result<Stored> {
    let Done { mut patch, references, custom, .. } = done;
    let (client_id, source_id) = check_references(unit, &references)?;
    patch.client_id = client_id.map(Some).or(patch.client_id);
    patch.source_id = source_id.map(Some).or(patch.source_id);
    if !custom.is_empty() {
        let current = &held.0.stored.deal.custom;
        patch.custom = Some(custom_fields::change(unit, Entity::Deal, current, custom)?);
    }
    let about = About { amount: patch.amount, ..About::default() };
    command(unit, held.0, about, |ledger, facts| {
        transition::finish(ledger, patch, &required, review, happening, facts)
    })
}
