//! Stage visits as they are kept. A visit is a stay in a stage; a change of amount, owner or hold
//! splits it into segments, so that every instant of the past has its stage, owner and amount.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::deals::{
    deal::{Deal, StageRef},
    event::{Change, Direction, Event},
};

/// What ended a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The visit goes on in the next segment.
    Split,
    Moved,
    Won,
    Lost,
}

#[derive(Debug, Clone, PartialEq)]
pub struct VisitSegment {
    /// The event that began it.
    pub sequence: i32,
    pub visit: i32,
    pub stage: Option<StageRef>,
    /// Number of the stage in which the visit began.
    pub stage_number: Option<i32>,
    pub entered_at: DateTime<Utc>,
    /// None while the deal is there.
    pub left: Option<Left>,
    /// How the visit began; none for a segment that continues one.
    pub direction: Option<Direction>,
    pub visit_entered_at: DateTime<Utc>,
    /// Seconds on hold in the visit before this segment.
    pub visit_held_seconds: i64,
    pub held: bool,
    pub owner_id: Uuid,
    pub base_amount: Decimal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub at: DateTime<Utc>,
    pub end: End,
}

/// What an event does to the deal's present segment: how it ends, and how the next one begins.
pub fn boundary(event: &Event) -> (Option<End>, Option<Option<Direction>>) {
    match &event.change {
        Change::Opened { .. } => (None, Some(Some(Direction::Forward))),
        Change::StageChanged { direction, .. } => (Some(End::Moved), Some(Some(*direction))),
        Change::Won { .. } => (Some(End::Won), None),
        Change::Lost { .. } => (Some(End::Lost), None),
        Change::Reopened { direction, .. } => (None, Some(Some(*direction))),
        Change::Held { .. }
        | Change::Resumed { .. }
        | Change::AmountChanged { .. }
        | Change::OwnerChanged { .. } => (Some(End::Split), Some(None)),
        Change::Migrated { direction: None, .. } => (Some(End::Split), Some(None)),
        Change::Migrated { direction, .. } => (Some(End::Moved), Some(*direction)),
        Change::Updated { .. } | Change::RuleFired { .. } | Change::RuleRefused { .. } => {
            (None, None)
        }
    }
}

/// The segment that an event began, from the deal as the event left it.
pub fn begun(deal: &Deal, direction: Option<Direction>) -> VisitSegment {
    VisitSegment {
        sequence: deal.visit.segment,
        visit: deal.visit.number,
        stage: deal.stage.clone(),
        stage_number: deal.track.as_ref().and_then(|track| track.visit_stage),
        entered_at: deal.visit.segment_entered_at,
        left: None,
        direction,
        visit_entered_at: deal.visit.entered_at,
        visit_held_seconds: deal.visit.held_seconds,
        held: deal.hold.is_some(),
        owner_id: deal.owner_id,
        base_amount: deal.base_amount,
    }
}
