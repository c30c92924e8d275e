//! A deal: one possible sale, and what its history has made of it.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Refusal,
    clients::{Initiator, LeadTemperature},
    deals::{
        event::{Change, Details, Event},
        track::Track,
    },
    kernel::{external_id::ExternalId, money::Money},
    process::{Process, Stage},
    workspace::custom_field::Custom,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    Open,
    Won,
    Lost,
}

/// A pause: the deal is neither lost nor worked on, and does not age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub reason: String,
    pub resume_on: Option<NaiveDate>,
    pub since: DateTime<Utc>,
}

/// Why a deal was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    pub loss_reason_id: Uuid,
    pub note: Option<String>,
    pub competitor_id: Option<Uuid>,
}

/// A stage as history names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRef {
    pub stage_id: Uuid,
    pub stage_key: String,
    pub position: i16,
    /// Of the stage; history does without.
    #[serde(skip)]
    pub number: i32,
}

impl From<&Stage> for StageRef {
    fn from(stage: &Stage) -> Self {
        let Stage { id, ref key, position, number, .. } = *stage;
        Self { stage_id: id, stage_key: key.clone(), position, number }
    }
}

/// The deal's present stay in a stage (in no stage, for an untracked type).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// 1 for the deal's first visit to any stage.
    pub number: i32,
    pub entered_at: DateTime<Utc>,
    /// Seconds on hold in this visit, up to the segment's beginning.
    pub held_seconds: i64,
    /// The event that began the present segment of the visit: a change of amount, owner or hold splits a visit.
    pub segment: i32,
    pub segment_entered_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Deal {
    pub id: Uuid,
    pub deal_type_id: Uuid,
    pub version_id: Uuid,
    pub details: Details,
    pub status: Status,
    /// The stage it is in, or was closed in; none for an untracked type.
    pub stage: Option<StageRef>,
    /// The furthest position in its version of any stage ever entered; 0 without stages.
    pub depth: i16,
    /// None of a deal from before there were tracks, until it is worked out.
    pub track: Option<Track>,
    pub hold: Option<Hold>,
    pub loss: Option<Loss>,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub visit: Visit,
    /// How often it was reopened.
    pub reopened: i32,
    /// How often a gate was overridden for it.
    pub overrides: i32,
    /// The rules of the clock that have done what they do in the present visit.
    pub fired: Vec<Uuid>,
    /// The number of its last event.
    pub sequence: i32,
    /// When its last event happened: history goes on from there.
    pub last_occurred_at: DateTime<Utc>,
}

impl std::ops::Deref for Deal {
    type Target = Details;
    fn deref(&self) -> &Details {
        &self.details
    }
}

/// Whose a new deal is: whoever was named, or else whoever opens it.
pub fn owner(named: Option<Uuid>, opener: Option<Uuid>) -> Result<Uuid, Refusal> {
    named.or(opener).ok_or_else(|| {
        let detail = "A deal needs an owner; an API key has to name one.";
        Refusal::invalid("/owner_id", "required", detail)
    })
}

impl Deal {
    /// The deal as its first event made it.
    pub fn opened(id: Uuid, event: &Event) -> Option<Self> {
        let Change::Opened { deal_type_id, version_id, details, stage } = &event.change else {
            return None;
        };
        Some(Self {
            id,
            deal_type_id: *deal_type_id,
            version_id: *version_id,
            details: details.clone(),
            status: Status::Open,
            depth: stage.as_ref().map_or(0, |stage| stage.position),
            track: Some(stage.iter().fold(Track::default(), |mut track, stage| {
                track.visit(stage);
                track
            })),
            stage: stage.clone(),
            hold: None,
            loss: None,
            opened_at: event.occurred_at,
            closed_at: None,
            visit: Visit {
                number: 1,
                entered_at: event.occurred_at,
                held_seconds: 0,
                segment: event.sequence,
                segment_entered_at: event.occurred_at,
            },
            reopened: 0,
            overrides: 0,
            fired: Vec::new(),
            sequence: event.sequence,
            last_occurred_at: event.occurred_at,
        })
    }

    /// The whole of a history makes the deal. None without an opening.
    pub fn replay<'a>(id: Uuid, events: impl IntoIterator<Item = &'a Event>) -> Option<Self> {
        let mut events = events.into_iter();
        let mut deal = Self::opened(id, events.next()?)?;
        events.for_each(|event| deal.apply(event));
        Some(deal)
    }

    /// What an event does to the deal.
    pub fn apply(&mut self, event: &Event) {
        let at = event.occurred_at;
        match &event.change {
            Change::Opened { .. } => {}
            Change::StageChanged { to, .. } => self.enter(Some(to.clone()), event),
            Change::Won { base_amount, .. } => self.close(Status::Won, *base_amount, at),
            Change::Lost { loss, base_amount, .. } => {
                self.close(Status::Lost, *base_amount, at);
                self.loss = Some(loss.clone());
            }
            Change::Reopened { stage, .. } => {
                self.status = Status::Open;
                self.closed_at = None;
                self.loss = None;
                self.reopened = self.reopened.saturating_add(1);
                self.enter(stage.clone(), event);
            }
            Change::Held { reason, resume_on } => {
                self.split(event);
                self.hold = Some(Hold { reason: reason.clone(), resume_on: *resume_on, since: at });
            }
            Change::Resumed { .. } => {
                self.split(event);
                self.hold = None;
            }
            Change::AmountChanged { current, base_amount, .. } => {
                self.split(event);
                self.details.amount = *current;
                self.details.base_amount = *base_amount;
            }
            Change::OwnerChanged { current, .. } => {
                self.split(event);
                self.details.owner_id = *current;
            }
            Change::Updated { current, .. } => self.details = current.clone(),
            Change::Migrated { version_id, to, direction, depth, .. } => {
                self.version_id = *version_id;
                match direction {
                    Some(_) => self.enter(to.clone(), event),
                    None => {
                        self.split(event);
                        self.stage = to.clone();
                        if let (Some(track), Some(stage)) = (&mut self.track, to) {
                            track.stay(stage);
                        }
                    }
                }
                self.depth = *depth;
            }
            Change::RuleFired { rule_id, .. } => self.fired.push(*rule_id),
            Change::RuleRefused { .. } => {}
        }
        if event.change.overrides() {
            self.overrides = self.overrides.saturating_add(1);
        }
        self.sequence = event.sequence;
        self.last_occurred_at = self.last_occurred_at.max(at);
    }

    fn enter(&mut self, stage: Option<StageRef>, event: &Event) {
        self.depth = self.depth.max(stage.as_ref().map_or(0, |stage| stage.position));
        if let (Some(track), Some(stage)) = (&mut self.track, &stage) {
            track.visit(stage);
        }
        self.stage = stage;
        self.fired.clear();
        self.visit = Visit {
            number: self.visit.number.saturating_add(1),
            entered_at: event.occurred_at,
            held_seconds: 0,
            segment: event.sequence,
            segment_entered_at: event.occurred_at,
        };
    }

    fn split(&mut self, event: &Event) {
        self.visit.held_seconds = self.held_seconds(event.occurred_at);
        self.visit.segment = event.sequence;
        self.visit.segment_entered_at = event.occurred_at;
    }

    fn close(&mut self, status: Status, base_amount: Option<Decimal>, at: DateTime<Utc>) {
        self.details.base_amount = base_amount.unwrap_or(self.details.base_amount);
        self.visit.held_seconds = self.held_seconds(at);
        self.status = status;
        self.closed_at = Some(at);
        self.hold = None;
    }

    /// Whole seconds on hold in the present visit, up to `now`: of each hold, however often the visit was split
    /// meanwhile.
    pub fn held_seconds(&self, now: DateTime<Utc>) -> i64 {
        let Some(hold) = &self.hold else { return self.visit.held_seconds };
        let since = hold.since.max(self.visit.entered_at);
        let up_to = |at: DateTime<Utc>| (at - since).num_seconds().max(0);
        let before = self.visit.held_seconds.saturating_sub(up_to(self.visit.segment_entered_at));
        before.saturating_add(up_to(now))
    }

    /// Whether the other one has come as far, and in the same way.
    pub fn stands_as(&self, other: &Self) -> bool {
        let Self { version_id, status, stage, depth, visit, .. } = self;
        *version_id == other.version_id
            && *status == other.status
            && *stage == other.stage
            && *depth == other.depth
            && *visit == other.visit
            && self.reopened == other.reopened
            && self.overrides == other.overrides
            && self.fired == other.fired
    }

    /// Whether the other one goes on, or does not, in the same way.
    pub fn stops_as(&self, other: &Self) -> bool {
        self.hold == other.hold && self.loss == other.loss && self.closed_at == other.closed_at
    }

    /// Whether it was never stopped, or goes on again.
    pub fn goes_on(&self) -> bool {
        self.hold.is_none() && self.loss.is_none() && self.closed_at.is_none()
    }

    pub fn is_open(&self) -> bool {
        self.status == Status::Open
    }

    /// The deal's stage in its process.
    pub fn stage_in<'p>(&self, process: &'p Process) -> Option<&'p Stage> {
        self.stage.as_ref().and_then(|stage| process.at(stage.position))
    }

    pub fn base(&self) -> Decimal {
        self.details.base_amount
    }
}

/// A new deal as somebody asks for it, every name resolved to an id.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDeal {
    pub id: Uuid,
    pub title: String,
    pub client_id: Option<Uuid>,
    pub owner_id: Uuid,
    pub amount: Option<Money>,
    pub source_id: Option<Uuid>,
    pub lead_temperature: Option<LeadTemperature>,
    pub expected_close_on: Option<NaiveDate>,
    pub external_id: Option<ExternalId>,
    pub initiated_by: Option<Initiator>,
    /// The activity that it is opened from.
    pub from_activity_id: Option<Uuid>,
    pub custom: Custom,
    pub opened_at: Option<DateTime<Utc>>,
    /// The stage to open in, if not the first.
    pub stage_key: Option<String>,
    /// Id of the primary demand that is written down with it.
    pub demand_id: Option<Uuid>,
}

/// A change of a deal's fields: none keeps the value, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DealPatch {
    pub title: Option<String>,
    pub client_id: Option<Option<Uuid>>,
    pub owner_id: Option<Uuid>,
    pub amount: Option<Money>,
    pub source_id: Option<Option<Uuid>>,
    pub lead_temperature: Option<Option<LeadTemperature>>,
    pub expected_close_on: Option<Option<NaiveDate>>,
    pub external_id: Option<Option<ExternalId>>,
    pub initiated_by: Option<Option<Initiator>>,
    /// All values after the change.
    pub custom: Option<Custom>,
}
