//! Whether a deal meets the requirements of a gate: by what, and since when.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{deal::Deal, holds::Subject};
use crate::{
    clients::ClientFacts,
    process::{
        condition::Moment,
        gate::{DealField, Requirement},
    },
    work::{
        activity::is_such_a_call,
        facts::{Proof, TaskFact, Work},
        task::TaskStatus,
    },
};

/// What a gate looks at.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub deal: &'a Deal,
    /// The deal's client, if it has one and a gate looks at it.
    pub client: Option<&'a ClientFacts>,
    pub work: &'a Work,
    pub moment: Moment,
}

impl<'a> Evidence<'a> {
    pub fn subject(&self) -> Subject<'a> {
        let activity_summary = Some(&self.work.activity_summary);
        Subject { deal: Some(self.deal), client: self.client, activity_summary }
    }

    /// The tasks of a key in the deal's present visit.
    fn tasks(&self, key: &str) -> impl Iterator<Item = &'a TaskFact> {
        let visit = self.deal.visit.number;
        let work = self.work;
        work.tasks
            .iter()
            .filter(move |task| task.visit == visit && task.key.as_deref() == Some(key))
    }
}

/// How a requirement stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finding {
    pub met: bool,
    /// What it was met by, where that is a thing of its own.
    pub by: Option<Proof>,
    /// Since when it is met; none where that cannot be told from what was looked at.
    pub since: Option<DateTime<Utc>>,
    /// Who is to do what is missing.
    pub awaited_from: Option<Uuid>,
}

impl Finding {
    fn proven(proof: Option<(Proof, DateTime<Utc>)>) -> Self {
        let (by, since) = proof.unzip();
        Self { met: by.is_some(), by, since, awaited_from: None }
    }
}

impl DealField {
    pub(crate) fn is_filled(&self, deal: &Deal) -> bool {
        match self {
            Self::ClientId => deal.client_id.is_some(),
            Self::Amount => !deal.amount.amount.is_zero(),
            Self::Source => deal.source_id.is_some(),
            Self::LeadTemperature => deal.lead_temperature.is_some(),
            Self::ExpectedCloseOn => deal.expected_close_on.is_some(),
            Self::ExternalId => deal.external_id.is_some(),
            Self::Custom(key) => deal.custom.get(key).is_some(),
        }
    }
}

impl Requirement {
    pub fn is_met(&self, evidence: &Evidence<'_>) -> bool {
        match self {
            Self::Field { field } => field.is_filled(evidence.deal),
            Self::Condition { condition, .. } => {
                condition.tree().holds(evidence.subject(), &evidence.moment)
            }
            Self::Payment { share } => {
                let Evidence { deal, work, .. } = evidence;
                work.paid_share(deal.amount, deal.base_amount).is_some_and(|paid| paid >= *share)
            }
            Self::Document { .. }
            | Self::Task { .. }
            | Self::Activity { .. }
            | Self::PrimaryDemand {}
            | Self::Checklist { .. } => self.finding(evidence).met,
        }
    }

    /// Whether it is met, by what and since when.
    pub fn finding(&self, evidence: &Evidence<'_>) -> Finding {
        let Evidence { deal, work, .. } = evidence;
        match self {
            Self::Field { .. } | Self::Condition { .. } => {
                Finding { met: self.is_met(evidence), ..Finding::default() }
            }
            Self::Document { document, state } => {
                let come = work
                    .documents
                    .iter()
                    .find(|one| one.kind == *document && document.has_come(one.state, *state));
                Finding::proven(come.map(|one| (Proof::Document(one.id), one.since)))
            }
            Self::Task { task } => {
                let done = evidence.tasks(task).find(|task| task.status == TaskStatus::Done);
                let finding = Finding::proven(
                    done.and_then(|task| Some((Proof::Task(task.id), task.done_at?))),
                );
                let awaited = evidence.tasks(task).find(|task| task.status.is_open());
                let awaited_from = awaited.filter(|_| !finding.met).map(|one| one.responsible_id);
                Finding { awaited_from, ..finding }
            }
            Self::Activity { activity, outcome, call_status, talk_seconds } => {
                let had = work.activities.iter().find(|one| {
                    one.visit == deal.visit.number
                        && one.kind == *activity
                        && (outcome.is_none() || one.outcome == *outcome)
                        && is_such_a_call(one.call, *call_status, *talk_seconds)
                });
                Finding::proven(had.map(|one| (Proof::Activity(one.id), one.happened_at)))
            }
            Self::Payment { share } => {
                let payment = work.paid_by(deal.amount, deal.base_amount, *share);
                let paid = payment.map(|one| (Proof::Payment(one.id), one.received_at));
                // A repayment may have taken the share back since.
                Finding::proven(paid.filter(|_| self.is_met(evidence)))
            }
            Self::PrimaryDemand {} => Finding {
                met: work.demand_since.is_some(),
                since: work.demand_since,
                ..Finding::default()
            },
            Self::Checklist { .. } => Finding::default(),
        }
    }
}
