//! Sales processes: the stages of a deal type, fixed in versions that never change once published.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    calendar::Calendar,
    catalogue::NAME_LENGTH,
    condition::Schema,
    fault::{Faults, Refusal},
    gate::{Draft, Requirement},
};

/// More stages than any described process has; seven are advised.
pub const MOST_STAGES: usize = 50;
const MOST_REQUIREMENTS: usize = 50;
const LONGEST_KEY: usize = 64;
const LONGEST_GOAL: usize = 2_000;
const MOST_NORM_DAYS: i64 = 3_650;

/// How deals of a type move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
}

/// A stage of a published version.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    pub id: Uuid,
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
}

impl Process {
    pub fn at(&self, position: i16) -> Option<&Stage> {
        let index = usize::try_from(position).ok()?.checked_sub(1)?;
        self.stages.get(index)
    }

    pub fn by_key(&self, key: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.key == key)
    }

    /// Whether a gate looks at the deal's client.
    pub fn looks_at_client(&self) -> bool {
        self.stages.iter().flat_map(|stage| &stage.gate).any(Requirement::looks_at_client)
    }

    pub fn last_position(&self) -> i16 {
        i16::try_from(self.stages.len()).unwrap_or(i16::MAX)
    }

    /// For each of our positions, the position of the same stage (by key) in `current`. A stage that
    /// `current` lacks counts as the nearest earlier stage that it has, or else as its first.
    pub fn align_to(&self, current: &Process) -> Vec<i16> {
        let mut nearest = 1;
        self.stages
            .iter()
            .map(|stage| {
                if let Some(same) = current.by_key(&stage.key) {
                    nearest = same.position.max(nearest);
                }
                nearest
            })
            .collect()
    }
}

/// Checks the description of a version and numbers its stages. `schema` has the fields that gates may
/// look at; `ids` gives each stage its id.
pub fn publish(
    mode: Mode,
    drafts: Vec<StageDraft>,
    schema: &Schema<'_>,
    mut ids: impl FnMut() -> Uuid,
) -> Result<Vec<Stage>, Refusal> {
    let mut faults = Faults::default();
    match mode {
        Mode::Automatic => faults.add(
            "/mode",
            "not_supported_yet",
            "Automatic deal types are not supported yet; use manual or untracked.",
        ),
        Mode::Untracked if !drafts.is_empty() => {
            faults.add("/stages", "not_allowed", "An untracked deal type has no stages.");
        }
        Mode::Manual if drafts.is_empty() => {
            faults.add("/stages", "required", "A manual deal type needs at least one stage.");
        }
        _ => {}
    }
    if drafts.len() > MOST_STAGES {
        faults.add("/stages", "too_many", format!("At most {MOST_STAGES} stages."));
        return faults.into_result().map(|()| Vec::new());
    }
    let count = drafts.len();
    let mut stages: Vec<Stage> = Vec::with_capacity(count);
    for (index, draft) in drafts.into_iter().enumerate() {
        check(&mut faults, index, &draft);
        let position = i16::try_from(index + 1).unwrap_or(i16::MAX);
        let given = draft.key.is_some();
        let key = draft.key.unwrap_or_else(|| derive_key(&draft.name, position, &stages));
        if given && stages.iter().any(|stage| stage.key == key) {
            faults.add(format!("/stages/{index}/key"), "duplicate", "Another stage has this key.");
        }
        let gate = draft.gate.into_iter().enumerate();
        let fit = |(number, requirement): (usize, Draft)| {
            requirement.fit(&format!("/stages/{index}/gate/{number}"), schema, &mut faults)
        };
        let gate = gate.filter_map(fit).collect();
        stages.push(Stage {
            id: ids(),
            key,
            name: draft.name.trim().to_owned(),
            position,
            goal: draft.goal,
            probability: draft.probability.unwrap_or_else(|| default_probability(position, count)),
            norm_days: draft.norm_days,
            gate,
        });
    }
    faults.into_result()?;
    Ok(stages)
}

fn check(faults: &mut Faults, index: usize, draft: &StageDraft) {
    let at = |field: &str| format!("/stages/{index}/{field}");
    faults.text(&at("name"), &draft.name, NAME_LENGTH);
    if let Some(key) = &draft.key {
        let fits = (1..=LONGEST_KEY).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !fits {
            faults.add(at("key"), "invalid_key", "1 to 64 characters of a-z, 0-9 and _.");
        }
    }
    if draft.goal.as_ref().is_some_and(|goal| goal.chars().count() > LONGEST_GOAL) {
        faults.add(at("goal"), "too_long", format!("At most {LONGEST_GOAL} characters."));
    }
    if draft.probability.is_some_and(|p| p < Decimal::ZERO || p > Decimal::ONE) {
        faults.add(at("probability"), "out_of_range", "Between 0 and 1.");
    }
    if draft.norm_days.is_some_and(|d| d <= Decimal::ZERO || d > Decimal::from(MOST_NORM_DAYS)) {
        faults.add(at("norm_days"), "out_of_range", "More than 0 and at most 3650 days.");
    }
    if draft.gate.len() > MOST_REQUIREMENTS {
        faults.add(at("gate"), "too_many", format!("At most {MOST_REQUIREMENTS} requirements."));
    }
}

/// `Needs analysis` becomes `needs_analysis`; a name without Latin letters becomes `stage_3`. A key
/// that another stage has gets a number.
fn derive_key(name: &str, position: i16, others: &[Stage]) -> String {
    let mut key = String::new();
    for c in name.trim().chars() {
        if c.is_ascii_alphanumeric() {
            key.push(c.to_ascii_lowercase());
        } else if !key.is_empty() && !key.ends_with('_') {
            key.push('_');
        }
    }
    let key: String = key.trim_end_matches('_').chars().take(LONGEST_KEY - 8).collect();
    let latin = key.bytes().any(|b| b.is_ascii_lowercase());
    let key = if latin { key } else { format!("stage_{position}") };
    let taken = |key: &String| others.iter().any(|stage| stage.key == *key);
    if !taken(&key) {
        return key;
    }
    let mut numbered = (position..).map(|number| format!("{key}_{number}"));
    numbered.find(|key| !taken(key)).unwrap_or(key)
}

/// Rises evenly over the stages where nobody gave a figure: 0.25, 0.5, 0.75 for three stages.
fn default_probability(position: i16, count: usize) -> Decimal {
    let steps = Decimal::from(count).checked_add(Decimal::ONE).unwrap_or(Decimal::ONE);
    Decimal::from(position).checked_div(steps).unwrap_or(Decimal::ZERO).round_dp(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custom_field::Entity;

    const NO_FIELDS: Schema<'_> = Schema { over: Entity::Deal, custom: &[] };

    fn named(names: &[&str]) -> Vec<StageDraft> {
        names.iter().map(|n| StageDraft { name: (*n).into(), ..StageDraft::default() }).collect()
    }

    fn process(names: &[&str]) -> Process {
        let stages = publish(Mode::Manual, named(names), &NO_FIELDS, Uuid::nil).unwrap();
        Process { version_id: Uuid::nil(), deal_type_id: Uuid::nil(), number: 1, stages }
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
        let faults = publish(Mode::Manual, drafts, &NO_FIELDS, Uuid::nil).unwrap_err().faults();
        let pointers: Vec<_> = faults.iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/stages/0/name", "/stages/1/key", "/stages/1/probability", "/stages/1/norm_days"]
        );
        for (mode, drafts) in [
            (Mode::Automatic, named(&["a"])),
            (Mode::Manual, vec![]),
            (Mode::Untracked, named(&["a"])),
        ] {
            assert!(publish(mode, drafts, &NO_FIELDS, Uuid::nil).is_err());
        }
    }

    #[test]
    fn versions_align_by_key_and_never_lose_a_stage() {
        let old = process(&["a", "b", "c", "d"]);
        let new = process(&["x", "a", "c", "d"]);
        assert_eq!(old.align_to(&new), [2, 2, 3, 4]);
        assert_eq!(new.align_to(&old), [1, 1, 3, 4]);
        assert_eq!(old.align_to(&old), [1, 2, 3, 4]);
    }
}
