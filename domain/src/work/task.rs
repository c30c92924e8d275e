//! Tasks: what somebody is to do by when, and what it is to bring.

use serde::{Deserialize, Serialize};

use crate::kernel::fault::{Faults, Refusal};

pub(crate) const LONGEST_TITLE: usize = 200;
const LONGEST_DESCRIPTION: usize = 4_000;

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
        }
    }
}
