//! What has been done for a deal: what gates look at beside its fields.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;

use super::{
    activity::{ActivityKind, ActivitySummary, CallFact, Outcome},
    document::{DocumentKind, DocumentState},
    task::TaskStatus,
};
use crate::kernel::money::Money;

/// A task of a deal.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskFact {
    pub id: Uuid,
    /// Key of the template that it was made from.
    pub key: Option<String>,
    /// The visit of the deal that it belongs to: it counts for the gate of that stay alone.
    pub visit: i32,
    pub status: TaskStatus,
    pub responsible_id: Uuid,
    pub done_at: Option<DateTime<Utc>>,
}

/// An activity that has happened.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityFact {
    pub id: Uuid,
    pub kind: ActivityKind,
    pub outcome: Option<Outcome>,
    /// Of a call that an exchange told of.
    pub call: Option<CallFact>,
    /// The visit of the deal in which it was recorded.
    pub visit: i32,
    pub happened_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DocumentFact {
    pub id: Uuid,
    pub kind: DocumentKind,
    pub state: DocumentState,
    /// When it came into the state.
    pub since: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PaymentFact {
    pub id: Uuid,
    pub amount: Money,
    pub base_amount: Decimal,
    pub received_at: DateTime<Utc>,
}

/// Everything that has been done for one deal; each list the oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Work {
    pub tasks: Vec<TaskFact>,
    pub activities: Vec<ActivityFact>,
    pub documents: Vec<DocumentFact>,
    pub payments: Vec<PaymentFact>,
    /// Since when there are lines of primary demand, if there are any.
    pub demand_since: Option<DateTime<Utc>>,
    /// All activities of the deal in short, where something looks at them.
    pub activity_summary: ActivitySummary,
}

/// What a requirement was met by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Proof {
    Task(Uuid),
    Activity(Uuid),
    Document(Uuid),
    Payment(Uuid),
}

impl Work {
    /// When anything was last done, planned things left out.
    pub fn last_at(&self) -> Option<DateTime<Utc>> {
        let tasks = self.tasks.iter().filter_map(|task| task.done_at);
        let activities = self.activities.iter().map(|activity| activity.happened_at);
        let documents = self.documents.iter().map(|document| document.since);
        let payments = self.payments.iter().map(|payment| payment.received_at);
        tasks.chain(activities).chain(documents).chain(payments).max()
    }

    /// The share of the deal's amount that is paid: in its currency, or in the base currency where
    /// payments came in several. None for a deal without an amount.
    pub fn paid_share(&self, amount: Money, base_amount: Decimal) -> Option<Decimal> {
        share(&self.payments, amount, base_amount)
    }

    /// The payment with which that share was reached.
    pub(crate) fn paid_by(
        &self,
        amount: Money,
        base_amount: Decimal,
        wanted: Decimal,
    ) -> Option<&PaymentFact> {
        let reaches = |count: &usize| {
            let first = self.payments.get(..*count).unwrap_or_default();
            share(first, amount, base_amount).is_some_and(|share| share >= wanted)
        };
        let count = (1..=self.payments.len()).find(reaches)?;
        self.payments.get(count.checked_sub(1)?)
    }
}

fn share(payments: &[PaymentFact], amount: Money, base_amount: Decimal) -> Option<Decimal> {
    let same = payments.iter().all(|payment| payment.amount.currency == amount.currency);
    let (paid, due) = if same {
        (sum(payments.iter().map(|payment| payment.amount.amount))?, amount.amount)
    } else {
        (sum(payments.iter().map(|payment| payment.base_amount))?, base_amount)
    };
    paid.checked_div(due)
}

fn sum(mut amounts: impl Iterator<Item = Decimal>) -> Option<Decimal> {
    amounts.try_fold(Decimal::ZERO, Decimal::checked_add)
}
