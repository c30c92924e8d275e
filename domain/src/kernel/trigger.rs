//! What a rule of a process waits for, and what history says that a move was an answer to.

use serde::{Deserialize, Serialize};

/// What a rule waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trigger {
    #[serde(rename = "deal.opened")]
    DealOpened,
    /// A field of the deal has changed.
    #[serde(rename = "deal.updated")]
    DealUpdated,
    #[serde(rename = "deal.won")]
    DealWon,
    #[serde(rename = "deal.lost")]
    DealLost,
    /// The deal came into a stage: by its opening, by a move, by being reopened.
    #[serde(rename = "stage.entered")]
    StageEntered,
    #[serde(rename = "task.done")]
    TaskDone,
    #[serde(rename = "activity.recorded")]
    ActivityRecorded,
    /// An exchange told how a call went.
    #[serde(rename = "call.finished")]
    CallFinished,
    #[serde(rename = "document.changed")]
    DocumentChanged,
    #[serde(rename = "payment.received")]
    PaymentReceived,
    /// The primary demand was written down or changed.
    #[serde(rename = "demand.changed")]
    DemandChanged,
    /// The deal is longer in its stage than the stage's norm: once a visit, by the clock.
    #[serde(rename = "stage.overdue")]
    StageOverdue,
    /// Nothing has happened to the deal for so many working days: once a visit, by the clock.
    #[serde(rename = "deal.stuck")]
    DealStuck,
    /// Of no rule: somebody asked for the gates to be looked at again, as after a migration.
    #[serde(rename = "deal.migrated")]
    DealMigrated,
    /// Of no rule either: the clock looked at the deal, for something that its gate looks at has changed.
    #[serde(rename = "deal.checked")]
    DealChecked,
}

impl Trigger {
    pub fn is_of_the_clock(self) -> bool {
        matches!(self, Self::StageOverdue | Self::DealStuck)
    }
}
