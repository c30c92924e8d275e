//! Commands carried out in memory: what is to be recorded, in one piece, when they have all passed.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    deals::{
        deal::Deal,
        due::Part,
        effect::{Effect, TaskPlan},
        event::{Change, Direction, Event},
        visit::{self, Left, VisitSegment},
    },
    people::access::Actor,
};

/// A deal with what has happened to it since it was loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeSet {
    pub deal: Deal,
    /// The deal as it came from the database; none for a new one.
    pub before: Option<Deal>,
    pub events: Vec<Event>,
    /// How the segment that was open in the database ended: the event that began it, and the end.
    pub left: Option<(i32, Left)>,
    pub entered: Vec<VisitSegment>,
    /// What follows for the deal's tasks.
    pub effects: Vec<Effect>,
    /// When the clock has to look at the deal again.
    pub alarm: Option<DateTime<Utc>>,
    /// When it was to, as the deal came from the database.
    pub rung: Option<DateTime<Utc>>,
}

impl ChangeSet {
    /// A deal from the database.
    pub fn stored(deal: Deal) -> Self {
        Self {
            before: Some(deal.clone()),
            deal,
            events: Vec::new(),
            left: None,
            entered: Vec::new(),
            effects: Vec::new(),
            alarm: None,
            rung: None,
        }
    }

    /// The same of one for which the clock may be set.
    pub fn found(deal: Deal, alarm: Option<DateTime<Utc>>) -> Self {
        Self { alarm, rung: alarm, ..Self::stored(deal) }
    }

    /// A new deal. None unless the event is an opening.
    pub(crate) fn opened(id: Uuid, event: Event, direction: Direction) -> Option<Self> {
        let deal = Deal::opened(id, &event)?;
        let entered = vec![visit::begun(&deal, Some(direction))];
        Some(Self {
            before: None,
            deal,
            events: vec![event],
            left: None,
            entered,
            effects: vec![],
            alarm: None,
            rung: None,
        })
    }

    /// Each event with the deal as it was right after it.
    pub fn steps(&self) -> impl Iterator<Item = (&Event, Deal)> {
        let mut deal = self.before.clone();
        self.events.iter().filter_map(move |event| {
            match &mut deal {
                Some(deal) => deal.apply(event),
                None => deal = Deal::opened(self.deal.id, event),
            }
            Some((event, deal.clone()?))
        })
    }

    /// The parts of the present visit that were not on hold. `stored` are those of the visit that the deal was
    /// found in, where it had been on hold.
    pub fn parts(&self, stored: &[Part]) -> Vec<Part> {
        let visit = self.deal.visit.number;
        let found = self.before.as_ref().filter(|before| before.visit.number == visit);
        let mut parts = match found {
            Some(before) if stored.is_empty() && before.hold.is_none() => {
                vec![(before.visit.entered_at, None)]
            }
            Some(_) => stored.to_vec(),
            None => Vec::new(),
        };
        if let (Some((_, left)), Some((_, until @ None))) = (&self.left, parts.last_mut()) {
            *until = Some(left.at);
        }
        let entered = self.entered.iter().filter(|one| one.visit == visit && !one.held);
        parts.extend(entered.map(|one| (one.entered_at, one.left.map(|left| left.at))));
        parts
    }

    /// Nothing has happened: there is nothing to record.
    pub fn is_unchanged(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn push(&mut self, occurred_at: DateTime<Utc>, change: Change) {
        self.push_by(None, occurred_at, change);
    }

    /// By the process or a rule, if not by the caller.
    pub(crate) fn push_by(
        &mut self,
        actor: Option<Actor>,
        occurred_at: DateTime<Utc>,
        change: Change,
    ) {
        let sequence = self.deal.sequence.saturating_add(1);
        let event = Event { sequence, occurred_at, change, actor };
        let (end, next) = visit::boundary(&event);
        if let Some(end) = end {
            let left = Left { at: occurred_at, end };
            match self.entered.last_mut() {
                Some(open) => open.left = Some(left),
                None => self.left = Some((self.deal.visit.segment, left)),
            }
        }
        self.deal.apply(&event);
        if let Some(direction) = next {
            self.entered.push(visit::begun(&self.deal, direction));
        }
        self.events.push(event);
    }

    pub(crate) fn create_task(&mut self, plan: TaskPlan) {
        self.effects.push(Effect::Create(plan));
    }

    /// The open tasks that the process made for a visit are not needed any more.
    pub(crate) fn cancel_tasks(&mut self, visit: i32) {
        self.effects.retain(|effect| match effect {
            Effect::Create(plan) => plan.visit != visit,
            Effect::Cancel { visit: other } => *other != visit,
        });
        if self.before.as_ref().is_some_and(|before| before.visit.number >= visit) {
            self.effects.push(Effect::Cancel { visit });
        }
    }
}
