//! The tasks that a process creates.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{check_key, condition::Schema, gate::DealField};
use crate::{
    kernel::fault::Faults,
    people::{access::Permission, assignment::Performer},
    work::task::{LONGEST_TITLE, Priority, check_description},
};

const MOST_DUE_DAYS: i64 = 3_650;
const MOST_RESULTS: usize = 50;
const PLACEHOLDERS: [&str; 3] = ["{deal.title}", "{client.name}", "{stage.name}"];

/// The task that a stage or a rule creates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskTemplate {
    /// Name for gates; unique in its stage.
    pub key: String,
    /// May have `{deal.title}`, `{client.name}` and `{stage.name}` in it.
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default)]
    pub performer: Performer,
    /// Working days from its creation.
    #[serde(
        default,
        with = "crate::kernel::number::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub due_days: Option<Decimal>,
    #[serde(default)]
    pub priority: Priority,
    /// Fields of the deal that must be filled when it is done: the result of the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub result: Vec<DealField>,
}

impl TaskTemplate {
    pub(crate) fn check(&self, pointer: &str, schema: &Schema<'_>, faults: &mut Faults) {
        let at = |field: &str| format!("{pointer}/{field}");
        check_key(&at("key"), &self.key, faults);
        faults.text(&at("title"), &self.title, LONGEST_TITLE);
        let mut rest = self.title.clone();
        PLACEHOLDERS.iter().for_each(|known| rest = rest.replace(known, ""));
        if rest.contains(['{', '}']) {
            let detail = format!("Only {} may stand in braces.", PLACEHOLDERS.join(", "));
            faults.add(at("title"), "unknown_placeholder", detail);
        }
        check_description(&at("description"), self.description.as_deref(), faults);
        if self.due_days.is_some_and(|d| d < Decimal::ZERO || d > Decimal::from(MOST_DUE_DAYS)) {
            faults.add(at("due_days"), "out_of_range", "From 0 to 3650 working days.");
        }
        if self.performer.position.as_ref().is_some_and(|position| position.trim().is_empty()) {
            faults.add(at("performer/position"), "required", "Must not be empty.");
        }
        if self.result.len() > MOST_RESULTS {
            faults.add(at("result"), "too_many", format!("At most {MOST_RESULTS} fields."));
        }
        for (number, field) in self.result.iter().enumerate() {
            field.check(&at(&format!("result/{number}")), schema, faults);
        }
    }

    /// What somebody must be allowed to read to be told what its title tells, with its place.
    pub(crate) fn needs(&self, pointer: &str, needs: &mut Vec<(String, Permission)>) {
        let at = || format!("{pointer}/title");
        if self.looks_at_client() {
            needs.push((at(), Permission::ClientsRead));
        }
        if self.title.contains("{deal.title}") {
            needs.push((at(), Permission::DealsRead));
        }
    }

    /// Whether its title names the deal's client.
    pub fn looks_at_client(&self) -> bool {
        self.title.contains("{client.name}")
    }

    /// The task's title for a deal of that title; one without a client goes by its own name.
    pub(crate) fn title(&self, deal: &str, stage: Option<&str>, client: Option<&str>) -> String {
        let (stage, client) = (stage.unwrap_or_default(), client.unwrap_or(deal));
        let mut title = String::new();
        let mut rest = self.title.trim();
        // Part by part, so that braces in a deal's title stay what they are.
        while let Some(start) = rest.find('{') {
            let (before, from) = rest.split_at(start);
            title.push_str(before);
            let end = from.find('}').map_or(from.len(), |end| end.saturating_add(1));
            let (placeholder, after) = from.split_at(end);
            title.push_str(match placeholder {
                "{deal.title}" => deal,
                "{client.name}" => client,
                "{stage.name}" => stage,
                other => other,
            });
            rest = after;
        }
        title.push_str(rest);
        title.chars().take(LONGEST_TITLE).collect()
    }
}
