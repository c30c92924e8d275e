//! The moves that a deal could make.

use uuid::Uuid;

use super::{Facts, Target, Transition, direction, transition};
use crate::{
    deals::{
        change_set::ChangeSet,
        deal::{Deal, StageRef},
        event::Direction,
    },
    kernel::fault::Refusal,
    process::Stage,
};

/// A move that somebody could make, and why not if not.
#[derive(Debug, Clone, PartialEq)]
pub struct Available {
    pub to: &'static str,
    pub stage: Option<StageRef>,
    pub direction: Option<Direction>,
    pub refusal: Option<Refusal>,
}

/// Every move of the deal's process with its answer, decided by the very code that moves deals.
pub fn available(deal: &Deal, facts: &Facts<'_>) -> Vec<Available> {
    let here = deal.stage.as_ref().map_or(0, |stage| stage.position);
    let attempt = |to: &'static str, stage: Option<&Stage>, target: Target| {
        let mut change_set = ChangeSet::stored(deal.clone());
        let refusal = transition(&mut change_set, Transition::to(target), facts).err();
        let direction = stage.map(|stage| direction(here, stage.position));
        Available { to, stage: stage.map(StageRef::from), direction, refusal }
    };
    // Any reason and any loss reason will do: the question is whether the move as such is open.
    let lost = Target::Lost { loss_reason_id: Some(Uuid::nil()), note: None, competitor_id: None };
    let mut moves: Vec<_> = facts
        .process
        .stages
        .iter()
        .filter(|stage| stage.position != here)
        .map(|s| attempt("stage", Some(s), Target::Stage { stage_key: s.key.clone() }))
        .collect();
    moves.push(attempt("won", None, Target::Won));
    moves.push(attempt("lost", None, lost));
    moves.push(attempt("open", None, Target::Open { stage_key: None }));
    let hold = Target::Hold { reason: "-".into(), resume_on: None };
    moves.push(attempt("hold", None, hold));
    moves.push(attempt("resume", None, Target::Resume));
    moves
}
