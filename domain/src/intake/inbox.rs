//! The inbox: whoever called and is no client yet, until somebody sees to it.

use serde::{Deserialize, Serialize};

use crate::kernel::fault::Refusal;

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum InboxStatus {
    /// Nobody sees to it.
    Open,
    /// Somebody does.
    Assigned,
    /// It is of a client that there was.
    Linked,
    /// It has become a client.
    Converted,
    /// It is nothing; a head may look again.
    Junk,
}

impl InboxStatus {
    /// More calls of the number are the same entry.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Open | Self::Assigned)
    }

    /// Where an entry may go: while it waits, anywhere; out of the junk, back. What has become a client stays one.
    pub fn become_next(self, next: Self) -> Result<Self, Refusal> {
        let may = match self {
            Self::Open => next != Self::Open,
            Self::Assigned => true,
            Self::Junk => next != Self::Junk,
            Self::Linked | Self::Converted => false,
        };
        if may {
            return Ok(next);
        }
        let detail = format!("An entry that is {self} does not become {next}.");
        Err(Refusal::conflict("inbox_status_refused", "/to", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_goes_where_it_may() {
        use InboxStatus::*;
        for (from, to, may) in [
            (Open, Assigned, true),
            (Open, Junk, true),
            (Open, Open, false),
            (Assigned, Assigned, true),
            (Assigned, Open, true),
            (Junk, Open, true),
            (Junk, Converted, true),
            (Junk, Junk, false),
            (Linked, Open, false),
            (Converted, Junk, false),
        ] {
            assert_eq!(from.become_next(to).is_ok(), may, "{from} {to}");
        }
        assert!(Open.is_waiting() && Assigned.is_waiting() && !Junk.is_waiting());
    }
}
