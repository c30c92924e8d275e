//! Tasks: what somebody is to do by when, and what it is to bring.

use serde::{Deserialize, Serialize};

use uuid::Uuid;

use crate::{
    kernel::{
        fault::{Faults, Refusal},
        limits,
    },
    people::access::Permission,
};

pub(crate) const LONGEST_TITLE: usize = limits::NAME;
const LONGEST_DESCRIPTION: usize = limits::NOTE;

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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

    pub fn become_next(self, next: Self) -> Result<Self, Refusal> {
        if self.may_become(next) {
            return Ok(next);
        }
        let detail = format!("A task that is {self} does not become {next}.");
        Err(Refusal::conflict("task_status_refused", "/to", detail))
    }
}

/// Those who have a part in a task.
#[derive(Debug, Clone, Copy)]
pub struct Part<'t> {
    pub responsible_id: Uuid,
    pub creator_id: Option<Uuid>,
    pub helper_ids: &'t [Uuid],
}

impl Part<'_> {
    pub fn has(&self, person: Uuid) -> bool {
        self.responsible_id == person
            || self.creator_id == Some(person)
            || self.helper_ids.contains(&person)
    }
}

/// What a task does to its deal takes the right to write deals.
pub fn may_write_deal(may: bool) -> Result<(), Refusal> {
    if may {
        return Ok(());
    }
    let detail = format!("A change of the deal needs {}.", Permission::DealsWrite.scope());
    Err(Refusal::conflict("forbidden", "/deal", detail))
}

/// Whoever does not see the deal gives the fields that the task asks for and nothing else. `given`: fields, and
/// where they stand.
pub fn may_fill_unseen(
    asked: &[String],
    given: &[(String, String)],
    reopens: bool,
) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    for (field, pointer) in given.iter().filter(|(field, _)| !asked.contains(field)) {
        let detail = format!(
            "Of a deal that you do not see, the task takes what it asks for: {field} is not."
        );
        faults.add(pointer.as_str(), "not_allowed", detail);
    }
    if reopens {
        faults.add("/reopen", "not_allowed", "Whoever sees the deal brings it back.");
    }
    faults.into_result()
}

/// Who does a new task: whoever was named, or else whoever makes it.
pub fn responsible(named: Option<Uuid>, creator: Option<Uuid>) -> Result<Uuid, Refusal> {
    named.or(creator).ok_or_else(|| {
        let detail = "A task needs somebody to do it; an API key has to name them.";
        Refusal::invalid("/responsible_id", "required", detail)
    })
}

#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
}

/// What a task is there for.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum TaskKind {
    #[default]
    Work,
    /// A head looks at why a deal was lost.
    LossReview,
    /// Somebody called in vain.
    CallBack,
}

impl TaskKind {
    /// Whether a task, done, may bring its deal back.
    pub fn may_reopen(self) -> Result<(), Refusal> {
        match self {
            Self::LossReview => Ok(()),
            Self::Work | Self::CallBack => {
                let detail = "Only the review of a loss brings its deal back.";
                Err(Refusal::invalid("/reopen", "not_allowed", detail))
            }
        }
    }
}

pub(crate) fn check_description(pointer: &str, description: Option<&str>, faults: &mut Faults) {
    if description.is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        faults.add(pointer, "too_long", format!("At most {LONGEST_DESCRIPTION} characters."));
    }
}

/// A task as somebody writes it down, checked.
pub fn check(title: &str, description: Option<&str>) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    faults.text("/title", title, LONGEST_TITLE);
    check_description("/description", description, &mut faults);
    faults.into_result()
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
            assert_eq!(from.become_next(to).is_ok(), may);
            assert_eq!(serde_json::to_value(from).unwrap(), from.to_string());
        }
    }

    #[test]
    fn whoever_has_no_part_looks_on() {
        let [responsible_id, creator, helper, other] = [1, 2, 3, 4].map(Uuid::from_u128);
        let helper_ids = [helper];
        let part = Part { responsible_id, creator_id: Some(creator), helper_ids: &helper_ids };
        assert!([responsible_id, creator, helper].iter().all(|person| part.has(*person)));
        assert!(!part.has(other));
        assert_eq!(responsible(None, Some(creator)), Ok(creator));
        assert_eq!(responsible(None, None).unwrap_err().code(), "validation_failed");
        assert!(TaskKind::LossReview.may_reopen().is_ok() && TaskKind::Work.may_reopen().is_err());
    }

    #[test]
    fn of_an_unseen_deal_the_task_takes_what_it_asks_for() {
        let given = |names: &[&str]| -> Vec<(String, String)> {
            names.iter().map(|name| ((*name).to_owned(), format!("/deal/{name}"))).collect()
        };
        let asked = ["amount".to_owned()];
        assert_eq!(may_fill_unseen(&asked, &given(&["amount"]), false), Ok(()));
        let refused = may_fill_unseen(&asked, &given(&["amount", "owner_id"]), true).unwrap_err();
        let pointers: Vec<_> = refused.faults().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/deal/owner_id", "/reopen"]);
        assert_eq!(may_write_deal(false).unwrap_err().code(), "forbidden");
        assert_eq!(may_write_deal(true), Ok(()));
    }
}
