//! Tasks: what somebody is to do by when, and what it is to bring.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    client::ClientFacts,
    condition::Schema,
    deal::Deal,
    fault::{Fault, Faults, Refusal},
    gate::DealField,
    process::Stage,
    staff::Performer,
};

const LONGEST_TITLE: usize = 200;
const LONGEST_DESCRIPTION: usize = 4_000;
const MOST_DUE_DAYS: i64 = 3_650;
const MOST_RESULTS: usize = 50;
const PLACEHOLDERS: [&str; 3] = ["{deal.title}", "{client.name}", "{stage.name}"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    New,
    InProgress,
    /// Put off; it is still to be done.
    Deferred,
    Done,
    Cancelled,
}

impl TaskStatus {
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::InProgress | Self::Deferred)
    }

    /// Where a task may go. What is done or cancelled is taken up again first.
    pub fn may_become(self, next: Self) -> bool {
        self != next
            && (self.is_open() || matches!(next, Self::New | Self::InProgress))
            && !(self == Self::InProgress && next == Self::New)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
}

/// What a task is there for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    #[default]
    Work,
    /// A head looks at why a deal was lost.
    LossReview,
}

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
    #[serde(default, with = "crate::number::option", skip_serializing_if = "Option::is_none")]
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

    /// Whether its title names the deal's client.
    pub fn looks_at_client(&self) -> bool {
        self.title.contains("{client.name}")
    }

    /// The task's title for a deal.
    pub(crate) fn title(
        &self,
        deal: &Deal,
        stage: Option<&Stage>,
        client: Option<&ClientFacts>,
    ) -> String {
        let stage = stage.map(|stage| stage.name.as_str()).unwrap_or_default();
        // A deal without a client goes by its own name.
        let client = client.map_or(deal.title.as_str(), |client| client.name.as_str());
        let mut title = String::new();
        let mut rest = self.title.trim();
        // Part by part, so that braces in a deal's title stay what they are.
        while let Some(start) = rest.find('{') {
            let (before, from) = rest.split_at(start);
            title.push_str(before);
            let end = from.find('}').map_or(from.len(), |end| end.saturating_add(1));
            let (placeholder, after) = from.split_at(end);
            title.push_str(match placeholder {
                "{deal.title}" => &deal.title,
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

pub(crate) fn check_key(pointer: &str, key: &str, faults: &mut Faults) {
    let fits = (1..=64).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !fits {
        faults.add(pointer, "invalid_key", "1 to 64 characters of a-z, 0-9 and _.");
    }
}

fn check_description(pointer: &str, description: Option<&str>, faults: &mut Faults) {
    if description.is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        faults.add(pointer, "too_long", format!("At most {LONGEST_DESCRIPTION} characters."));
    }
}

/// A task that is to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskPlan {
    pub kind: TaskKind,
    pub key: Option<String>,
    pub title: String,
    pub description: Option<String>,
    pub priority: Priority,
    pub responsible_id: Uuid,
    pub due_at: Option<DateTime<Utc>>,
    pub result: Vec<DealField>,
    /// The visit of the deal that it belongs to, and the stage.
    pub visit: i32,
    pub stage_id: Option<Uuid>,
}

/// What a command does beside what happens to the deal.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Create(TaskPlan),
    /// The tasks that the process made for a visit and that are still open: the stage is left.
    Cancel {
        visit: i32,
    },
}

/// A task as somebody writes it down, checked.
pub fn check(title: &str, description: Option<&str>) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    faults.text("/title", title, LONGEST_TITLE);
    check_description("/description", description, &mut faults);
    faults.into_result()
}

/// Whether a task brings what it has to: every field of its result is filled on the deal.
pub(crate) fn check_result(result: &[DealField], deal: &Deal) -> Result<(), Refusal> {
    let missing = |field: &&DealField| !field.is_filled(deal);
    let fault = |field: &DealField| {
        let name = field.name();
        let pointer = format!("/{}", name.replace('.', "/"));
        Fault::new(pointer, "task_result_required", format!("The task is done only with {name}."))
    };
    let faults: Vec<_> = result.iter().filter(missing).map(fault).collect();
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Invalid(faults)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_goes_where_it_may() {
        use TaskStatus::*;
        for (from, to, may) in [
            (New, InProgress, true),
            (New, Done, true),
            (InProgress, New, false),
            (Deferred, InProgress, true),
            (Deferred, New, true),
            (Done, Cancelled, false),
            (Done, InProgress, true),
            (Cancelled, New, true),
            (Cancelled, Done, false),
            (New, New, false),
        ] {
            assert_eq!(from.may_become(to), may, "{from:?} {to:?}");
        }
    }
}
