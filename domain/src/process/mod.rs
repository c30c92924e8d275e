//! Sales processes: the stages of a deal type, fixed in versions that never change once published.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    kernel::{fault::Faults, trigger::Trigger},
    people::assignment::Performer,
    process::{
        gate::{Draft, Requirement},
        rule::{Action, Rule},
        task_template::TaskTemplate,
    },
    workspace::{calendar::Calendar, custom_field::Entity},
};
pub use publish::{MOST_STAGES, Published, publish, without};

pub mod alignment;
pub mod condition;
pub mod gate;
mod publish;
pub mod rule;
mod soundness;
pub mod task_template;

/// How deals of a type move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Mode {
    /// The process advances a deal when the gate of its stage is met.
    Automatic,
    /// People move deals.
    Manual,
    /// No stages, status only.
    Untracked,
}

/// The switches of a deal type that hold for all of its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    pub mode: Mode,
    pub allow_skip: bool,
    pub allow_back: bool,
    /// A new deal has to say what its client first wanted.
    pub require_primary_demand: bool,
    pub enabled: bool,
}

/// A stage as somebody describes it; only the name is required.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StageDraft {
    pub key: Option<String>,
    pub name: String,
    pub goal: Option<String>,
    pub probability: Option<Decimal>,
    pub norm_days: Option<Decimal>,
    pub gate: Vec<Draft>,
    pub tasks: Vec<TaskTemplate>,
    pub performer: Option<Performer>,
    pub cost: Option<Decimal>,
}

/// Numbers of stages that a version has room for.
pub const NUMBERS_A_VERSION: i32 = 100;
const _: () = assert!(MOST_STAGES < NUMBERS_A_VERSION as usize);

/// A stage's number among those of all versions of its type: 302 is the second stage of version 3.
pub(crate) fn stage_number(version: i32, position: i16) -> i32 {
    version.saturating_mul(NUMBERS_A_VERSION).saturating_add(position.into())
}

/// The number of a stage's version among those of stages: as if it were a stage at position 0.
pub fn version_of(stage: i32) -> i32 {
    stage_number(stage.div_euclid(NUMBERS_A_VERSION), 0)
}

/// A stage of a published version.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    pub id: Uuid,
    /// Tells it apart from all stages of all versions of its type; 0 until it is part of one.
    pub number: i32,
    /// Stable name for programs, unique in the version; the same key in two versions is the same stage.
    pub key: String,
    pub name: String,
    /// 1 for the first stage.
    pub position: i16,
    /// The result that the stage is there for.
    pub goal: Option<String>,
    /// Chance, 0..1, that a deal in this stage will be won.
    pub probability: Decimal,
    /// How long a deal may stay before it is overdue, in working days.
    pub norm_days: Option<Decimal>,
    /// What must be true to leave the stage forwards.
    pub gate: Vec<Requirement>,
    /// The tasks that an automatic process creates when a deal enters the stage.
    pub tasks: Vec<TaskTemplate>,
    /// Whom the deal goes to when it enters the stage.
    pub performer: Option<Performer>,
    /// What a visit to the stage costs, in the workspace's base currency.
    pub cost: Option<Decimal>,
}

impl Stage {
    /// The norm in seconds of working time.
    pub fn norm_seconds(&self, calendar: &Calendar) -> Option<i64> {
        calendar.days(self.norm_days?)
    }
}

/// A published version of a deal type's process: immutable.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    pub version_id: Uuid,
    pub deal_type_id: Uuid,
    pub number: i32,
    /// In order of position, which is the index plus one.
    pub stages: Vec<Stage>,
    /// In the order in which they are carried out.
    pub rules: Vec<Rule>,
}

impl Process {
    pub fn of(version_id: Uuid, deal_type_id: Uuid, number: i32, published: Published) -> Self {
        let Published { mut stages, rules } = published;
        for stage in &mut stages {
            stage.number = stage_number(number, stage.position);
        }
        Self { version_id, deal_type_id, number, stages, rules }
    }

    pub fn at(&self, position: i16) -> Option<&Stage> {
        let index = usize::try_from(position).ok()?.checked_sub(1)?;
        self.stages.get(index)
    }

    pub fn by_key(&self, key: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.key == key)
    }

    fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.stages.iter().flat_map(|stage| &stage.gate)
    }

    fn templates(&self) -> impl Iterator<Item = &TaskTemplate> {
        self.stages.iter().flat_map(|stage| &stage.tasks)
    }

    /// Whether a gate, a rule or a task looks at the deal's client.
    pub fn looks_at_client(&self) -> bool {
        self.requirements().any(Requirement::looks_at_client)
            || self.rules.iter().any(Rule::looks_at_client)
            || self.templates().any(TaskTemplate::looks_at_client)
    }

    /// Whether a gate or the clock looks at what has been done for the deal.
    pub fn looks_at_work(&self) -> bool {
        self.requirements().any(Requirement::looks_at_work)
            || self.rules.iter().any(|rule| rule.on == Trigger::DealStuck)
            || self.looks_at_activities(Entity::Deal)
    }

    /// Whether a condition looks at all activities of the deal, or at those with its client.
    pub fn looks_at_activities(&self, entity: Entity) -> bool {
        self.requirements().any(|requirement| requirement.looks_at_activities(entity))
            || self.rules.iter().any(|rule| rule.looks_at_activities(entity))
    }

    /// Whether the clock looks at how long deals are in their stages.
    pub fn looks_at_norms(&self) -> bool {
        self.rules.iter().any(|rule| rule.on == Trigger::StageOverdue)
    }

    /// Whether a decision depends on more than the deal itself, its type and rates: on what may change without
    /// the deal. It is made under lock.
    pub fn looks_around(&self) -> bool {
        self.looks_at_work()
            || self.looks_at_client()
            || self.looks_at_staff()
            || self.loses()
            || self.rules.iter().any(|rule| rule.on.is_of_the_clock())
    }

    /// Whether a rule may lose a deal.
    pub fn loses(&self) -> bool {
        let mut actions = self.rules.iter().flat_map(|rule| &rule.then);
        actions.any(|action| matches!(action, Action::Lose { .. }))
    }

    /// Whether tasks come of the process itself.
    pub fn makes_tasks(&self) -> bool {
        let mut actions = self.rules.iter().flat_map(|rule| &rule.then);
        self.templates().next().is_some()
            || actions.any(|action| matches!(action, Action::CreateTask { .. }))
    }

    /// Everybody whom the process gives deals and tasks to.
    pub fn performers(&self) -> impl Iterator<Item = &Performer> {
        let stages = self.stages.iter().filter_map(|stage| stage.performer.as_ref());
        let tasks = self.templates().map(|task| &task.performer);
        stages.chain(tasks).chain(self.rules.iter().flat_map(Rule::performers))
    }

    /// Whether somebody other than the deal's owner may have to be chosen.
    pub fn looks_at_staff(&self) -> bool {
        self.performers().any(Performer::is_somebody_else)
    }

    /// Whether the head of a deal's owner may have to be known: to do something, or to review a loss.
    pub fn looks_at_heads(&self) -> bool {
        self.loses() || self.performers().any(Performer::is_head)
    }

    pub fn last_position(&self) -> i16 {
        i16::try_from(self.stages.len()).unwrap_or(i16::MAX)
    }
}

/// Whether the key of a stage, a task or a rule is one.
pub(crate) fn check_key(pointer: &str, key: &str, faults: &mut Faults) {
    let fits = (1..=64).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !fits {
        faults.add(pointer, "invalid_key", "1 to 64 characters of a-z, 0-9 and _.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{process::condition::Schema, workspace::custom_field::Entity};

    const NO_FIELDS: Schema<'_> = Schema { over: Entity::Deal, custom: &[] };

    fn named(names: &[&str]) -> Vec<StageDraft> {
        names.iter().map(|n| StageDraft { name: (*n).into(), ..StageDraft::default() }).collect()
    }

    fn process(names: &[&str]) -> Process {
        let published = publish(Mode::Manual, named(names), vec![], &NO_FIELDS, Uuid::nil);
        Process::of(Uuid::nil(), Uuid::nil(), 1, published.unwrap())
    }

    #[test]
    fn names_alone_make_a_process() {
        let process = process(&["Needs analysis", "Договор", "Offer!", "Offer"]);
        let keys: Vec<_> = process.stages.iter().map(|s| s.key.as_str()).collect();
        assert_eq!(keys, ["needs_analysis", "stage_2", "offer", "offer_4"]);
        assert_eq!(process.at(2).unwrap().probability, Decimal::new(4, 1));
        assert!(process.at(0).is_none() && process.at(-1).is_none() && process.at(5).is_none());
    }

    #[test]
    fn every_fault_is_listed_at_once() {
        let mut drafts = named(&["", "b"]);
        drafts[1].key = Some("Bad key".into());
        drafts[1].probability = Some(Decimal::TWO);
        drafts[1].norm_days = Some(Decimal::ZERO);
        let faults =
            publish(Mode::Manual, drafts, vec![], &NO_FIELDS, Uuid::nil).unwrap_err().faults();
        let pointers: Vec<_> = faults.iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/stages/0/name", "/stages/1/key", "/stages/1/probability", "/stages/1/norm_days"]
        );
        for (mode, drafts) in [
            (Mode::Automatic, named(&["a"])),
            (Mode::Automatic, vec![]),
            (Mode::Manual, vec![]),
            (Mode::Untracked, named(&["a"])),
        ] {
            assert!(publish(mode, drafts, vec![], &NO_FIELDS, Uuid::nil).is_err());
        }
    }

    #[test]
    fn a_stages_number_says_its_version_and_position() {
        let mut process = process(&["a", "b"]);
        let Process { stages, rules, .. } = process.clone();
        process = Process::of(Uuid::nil(), Uuid::nil(), 12, Published { stages, rules });
        let numbers: Vec<_> = process.stages.iter().map(|stage| stage.number).collect();
        assert_eq!(numbers, [1_201, 1_202]);
        assert!(numbers.iter().all(|number| version_of(*number) == 1200));
    }
}
