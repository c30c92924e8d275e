//! Publishing: what somebody describes becomes a version of a process, or every fault of it is listed.

use std::sync::Arc;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Mode, Process, Stage, StageDraft, soundness};
use crate::{
    kernel::{
        fault::{Faults, Refusal},
        limits,
        money::LARGEST,
    },
    people::access::Permission,
    process::{
        check_key,
        condition::Schema,
        gate::{Draft, Requirement},
        rule::{Rule, RuleDraft},
        task_template::TaskTemplate,
    },
    workspace::catalogue::NAME_LENGTH,
};

/// More stages than any described process has; seven are advised.
pub const MOST_STAGES: usize = 50;
const MOST_REQUIREMENTS: usize = 50;
const MOST_TASKS: usize = 20;
const MOST_RULES: usize = 100;
const LONGEST_KEY: usize = limits::KEY;
const LONGEST_GOAL: usize = 2_000;
const MOST_NORM_DAYS: i64 = 3_650;

/// The stages and rules of a version, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    pub stages: Vec<Stage>,
    pub rules: Vec<Rule>,
}

impl Published {
    /// What gates, rules and titles of tasks look at, each with its place: whoever writes one is told by deals and
    /// tasks what is there.
    pub fn needs(&self) -> Vec<(String, Permission)> {
        let mut needs = Vec::new();
        for (at, stage) in self.stages.iter().enumerate() {
            for (nth, requirement) in stage.gate.iter().enumerate() {
                requirement.needs(&format!("/stages/{at}/gate/{nth}"), &mut needs);
            }
            for (nth, task) in stage.tasks.iter().enumerate() {
                task.needs(&format!("/stages/{at}/tasks/{nth}"), &mut needs);
            }
        }
        for (at, rule) in self.rules.iter().enumerate() {
            rule.needs(&format!("/rules/{at}"), &mut needs);
        }
        needs
    }

    /// A rule is its key, like a stage: one that an earlier version has goes on as the same, so that what it did
    /// once for a visit it does not do again for the visit's being migrated. `earlier` are the newest first.
    pub fn after(mut self, earlier: &[Arc<Process>]) -> Self {
        for rule in &mut self.rules {
            let mut rules = earlier.iter().flat_map(|process| &process.rules);
            if let Some(same) = rules.find(|before| before.key == rule.key) {
                rule.id = same.id;
            }
        }
        self
    }
}

/// The version that new deals start on when one of those that are left, the newest first, is withdrawn.
pub fn without(
    withdrawn: Uuid,
    current: Uuid,
    left: impl IntoIterator<Item = Uuid>,
) -> Result<Uuid, Refusal> {
    let next = left.into_iter().find(|id| *id != withdrawn).ok_or_else(|| {
        let detail = "It is the only version that is left. Publish another one first.";
        Refusal::conflict("only_version_left", "", detail)
    })?;
    Ok(if current == withdrawn { next } else { current })
}

/// Checks the description of a version and numbers its stages. `schema` has the fields that gates and
/// rules may look at; `ids` gives each stage and each rule its id.
pub fn publish(
    mode: Mode,
    drafts: Vec<StageDraft>,
    rules: Vec<RuleDraft>,
    schema: &Schema<'_>,
    mut ids: impl FnMut() -> Uuid,
) -> Result<Published, Refusal> {
    let mut faults = Faults::default();
    match mode {
        Mode::Untracked if !drafts.is_empty() => {
            faults.add("/stages", "not_allowed", "An untracked deal type has no stages.");
        }
        Mode::Untracked if !rules.is_empty() => {
            faults.add("/rules", "not_allowed", "An untracked deal type has no rules.");
        }
        Mode::Manual | Mode::Automatic if drafts.is_empty() => {
            faults.add("/stages", "required", "The deal type needs at least one stage.");
        }
        _ => {}
    }
    if drafts.len() > MOST_STAGES {
        faults.add("/stages", "too_many", format!("At most {MOST_STAGES} stages."));
    }
    if rules.len() > MOST_RULES {
        faults.add("/rules", "too_many", format!("At most {MOST_RULES} rules."));
    }
    faults.into_result()?;
    let mut faults = Faults::default();
    let count = drafts.len();
    let mut stages: Vec<Stage> = Vec::with_capacity(count);
    // Where the requirements stand that fit.
    let mut places: Vec<Vec<String>> = Vec::with_capacity(count);
    for (index, draft) in drafts.into_iter().enumerate() {
        check(&mut faults, index, &draft);
        let position = i16::try_from(index + 1).unwrap_or(i16::MAX);
        let given = draft.key.is_some();
        let key = draft.key.unwrap_or_else(|| derive_key(&draft.name, position, &stages));
        if given && stages.iter().any(|stage| stage.key == key) {
            faults.add(format!("/stages/{index}/key"), "duplicate", "Another stage has this key.");
        }
        check_tasks(&mut faults, index, mode, &draft.tasks, schema);
        let asks = !draft.gate.is_empty();
        let gate = draft.gate.into_iter().enumerate();
        let fit = |(number, requirement): (usize, Draft)| {
            let pointer = format!("/stages/{index}/gate/{number}");
            requirement.fit(&pointer, schema, &mut faults).map(|fit| (pointer, fit))
        };
        let (pointers, mut gate): (Vec<_>, Vec<_>) = gate.filter_map(fit).unzip();
        places.push(pointers);
        // A stage is there for its tasks, unless its gate says otherwise.
        if mode == Mode::Automatic && !asks {
            let done = |task: &TaskTemplate| Requirement::Task { task: task.key.clone() };
            gate = draft.tasks.iter().map(done).collect();
        }
        stages.push(Stage {
            id: ids(),
            number: 0,
            key,
            name: draft.name.trim().to_owned(),
            position,
            goal: draft.goal,
            probability: draft.probability.unwrap_or_else(|| default_probability(position, count)),
            norm_days: draft.norm_days,
            gate,
            tasks: draft.tasks,
            performer: draft.performer,
            cost: draft.cost,
        });
    }
    let rules = fit_rules(&mut faults, rules, &stages, schema, ids);
    soundness::check(&mut faults, mode, &stages, &places, &rules);
    faults.into_result()?;
    Ok(Published { stages, rules })
}

fn fit_rules(
    faults: &mut Faults,
    drafts: Vec<RuleDraft>,
    stages: &[Stage],
    schema: &Schema<'_>,
    mut ids: impl FnMut() -> Uuid,
) -> Vec<Rule> {
    let keys: Vec<String> = stages.iter().map(|stage| stage.key.clone()).collect();
    let mut rules: Vec<Rule> = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.into_iter().enumerate() {
        let pointer = format!("/rules/{index}");
        if rules.iter().any(|rule| rule.key == draft.key) {
            faults.add(format!("{pointer}/key"), "duplicate", "Another rule has this key.");
        }
        rules.extend(draft.fit(&pointer, schema, &keys, ids(), faults));
    }
    rules
}

fn check_tasks(
    faults: &mut Faults,
    index: usize,
    mode: Mode,
    tasks: &[TaskTemplate],
    schema: &Schema<'_>,
) {
    let at = format!("/stages/{index}/tasks");
    if mode != Mode::Automatic && !tasks.is_empty() {
        faults.add(&at, "not_allowed", "Only an automatic deal type creates tasks by stage.");
    }
    if tasks.len() > MOST_TASKS {
        faults.add(&at, "too_many", format!("At most {MOST_TASKS} tasks."));
    }
    for (number, task) in tasks.iter().enumerate() {
        task.check(&format!("{at}/{number}"), schema, faults);
        if tasks.iter().take(number).any(|other| other.key == task.key) {
            faults.add(format!("{at}/{number}/key"), "duplicate", "Another task has this key.");
        }
    }
}

fn check(faults: &mut Faults, index: usize, draft: &StageDraft) {
    let at = |field: &str| format!("/stages/{index}/{field}");
    faults.text(&at("name"), &draft.name, NAME_LENGTH);
    if let Some(key) = &draft.key {
        check_key(&at("key"), key, faults);
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
    if draft.cost.is_some_and(|cost| cost < Decimal::ZERO || cost > Decimal::from(LARGEST)) {
        faults.add(at("cost"), "out_of_range", format!("Not below 0, and at most {LARGEST}."));
    }
    let performer = draft.performer.as_ref();
    if performer.and_then(|one| one.position.as_ref()).is_some_and(|one| one.trim().is_empty()) {
        faults.add(at("performer/position"), "required", "Must not be empty.");
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

    #[test]
    fn one_version_is_left() {
        let [one, two, three] = [1, 2, 3].map(Uuid::from_u128);
        assert_eq!(without(three, three, [three, two, one]), Ok(two));
        assert_eq!(without(two, three, [three, two, one]), Ok(three));
        let refused = without(one, one, [one]).unwrap_err();
        assert_eq!(refused.code(), "only_version_left");
    }
}
