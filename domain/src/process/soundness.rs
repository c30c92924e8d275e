//! Whether a process can work: gates that can be met, and no way around in circles.

use std::{collections::BTreeSet, mem::discriminant};

use super::{Mode, Stage};
use crate::{
    kernel::{fault::Faults, trigger::Trigger},
    process::{
        condition::{Check, Comparison, Condition, Field, Name, Operand, Test, Tree, fold},
        gate::Requirement,
        rule::{Action, Rule},
    },
    workspace::custom_field::Entity,
};

/// `places` has the pointers of the stages' requirements.
pub(super) fn check(
    faults: &mut Faults,
    mode: Mode,
    stages: &[Stage],
    places: &[Vec<String>],
    rules: &[Rule],
) {
    for (index, (stage, places)) in stages.iter().zip(places).enumerate() {
        if mode == Mode::Automatic && stage.gate.is_empty() && places.is_empty() {
            let detail = "The process would run through a stage without a gate and without tasks.";
            faults.add(format!("/stages/{index}/gate"), "gate_required", detail);
        }
        for (pointer, requirement) in places.iter().zip(&stage.gate) {
            if let Some(why) = never_met(requirement, mode, stage, rules) {
                faults.add(pointer, "never_met", why);
            }
        }
    }
    loops(faults, mode, stages, rules);
}

/// Why a requirement can never be met, if it is plain that it cannot.
fn never_met(
    requirement: &Requirement,
    mode: Mode,
    stage: &Stage,
    rules: &[Rule],
) -> Option<&'static str> {
    match requirement {
        Requirement::Task { task } if mode == Mode::Automatic => {
            let by_rule = |action: &Action| matches!(action, Action::CreateTask { task: one } if one.key == *task);
            let created = stage.tasks.iter().any(|one| one.key == *task)
                || rules.iter().flat_map(|rule| &rule.then).any(by_rule);
            (!created).then_some("Nothing in the process creates a task of that key.")
        }
        Requirement::Condition { condition, .. } => contradiction(condition, stage),
        _ => None,
    }
}

/// A gate is looked at while the deal is open and in its stage. Tests that all have to hold may
/// contradict that, or one another.
fn contradiction(condition: &Condition, stage: &Stage) -> Option<&'static str> {
    let mut tests = Vec::new();
    gather(condition.tree(), &mut tests);
    let mut equal: Vec<(&Field, &Operand)> = Vec::new();
    for test in tests {
        let Check::Compare(Comparison::Equal, wanted) = &test.check else { continue };
        let is = |text: &str| matches!(wanted, Operand::Text(wanted) if fold(wanted) == fold(text));
        match (test.field.entity, &test.field.name) {
            (Entity::Deal, Name::BuiltIn("status")) if !is("open") => {
                return Some("A gate is looked at while the deal is open.");
            }
            (Entity::Deal, Name::BuiltIn("stage_key")) if !is(&stage.key) => {
                return Some("A gate is looked at while the deal is in its stage.");
            }
            _ => {}
        }
        if equal.iter().any(|(field, known)| **field == test.field && differ(known, wanted)) {
            return Some("The field would have to have two values at once.");
        }
        equal.push((&test.field, wanted));
    }
    None
}

/// Whether nothing equals both.
fn differ(one: &Operand, other: &Operand) -> bool {
    match (one, other) {
        (Operand::Text(one), Operand::Text(other)) => fold(one) != fold(other),
        _ => discriminant(one) == discriminant(other) && one != other,
    }
}

/// The tests that all have to hold.
fn gather<'a>(tree: &'a Tree, tests: &mut Vec<&'a Test>) {
    match tree {
        Tree::All(parts) => parts.iter().for_each(|part| gather(part, tests)),
        Tree::Test(test) => tests.push(test),
        Tree::Any(_) | Tree::Not(_) => {}
    }
}

/// Moves by rules that a deal could make for ever, nothing happening between. Whatever a condition says
/// is taken to hold; a gate that asks for what is done in the visit ends the way.
fn loops(faults: &mut Faults, mode: Mode, stages: &[Stage], rules: &[Rule]) {
    let place = |key: &str| stages.iter().position(|stage| stage.key == key);
    let mut ways: Vec<(usize, usize)> = Vec::new();
    let mut moves: Vec<(String, usize, usize)> = Vec::new();
    for (index, rule) in
        rules.iter().enumerate().filter(|(_, rule)| rule.on == Trigger::StageEntered)
    {
        let from: Vec<usize> = match &rule.stage {
            Some(key) => place(key).into_iter().collect(),
            None => (0..stages.len()).collect(),
        };
        for (number, action) in rule.then.iter().enumerate() {
            for from in &from {
                let to = match action {
                    Action::Move { stage_key } => place(stage_key),
                    Action::Advance {} => Some(from + 1).filter(|next| *next < stages.len()),
                    _ => None,
                };
                // To stay is no move, and refused when it comes to it.
                if let Some(to) = to.filter(|to| to != from || rule.stage.is_some()) {
                    ways.push((*from, to));
                    moves.push((format!("/rules/{index}/then/{number}"), *from, to));
                }
            }
        }
    }
    if mode == Mode::Automatic {
        let passes = |stage: &Stage| !stage.gate.iter().any(Requirement::is_of_the_visit);
        let on = stages.iter().enumerate().filter(|(_, stage)| passes(stage));
        ways.extend(on.map(|(index, _)| (index, index + 1)));
    }
    let mut told = BTreeSet::new();
    for (pointer, from, to) in moves {
        if leads(&ways, to, from) && told.insert(pointer.clone()) {
            let name = stages.get(from).map(|stage| stage.name.clone()).unwrap_or_default();
            let detail = format!("The deal could come back to the stage \"{name}\" for ever.");
            faults.add(pointer, "process_loops", detail);
        }
    }
}

fn leads(ways: &[(usize, usize)], from: usize, to: usize) -> bool {
    let (mut seen, mut open) = (BTreeSet::from([from]), vec![from]);
    while let Some(here) = open.pop() {
        if here == to {
            return true;
        }
        let next = ways.iter().filter(|(start, _)| *start == here).map(|(_, end)| *end);
        open.extend(next.filter(|end| seen.insert(*end)));
    }
    false
}
