//! Deals as JSON.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    deals::transition::{Target, Transition},
    kernel::fault::{Faults, Refusal},
};
use voronka_persistence::Error;

use crate::v1::bodies::deal::check_day;

/// Where a deal is to go. `to` is `stage` (with `stage_key`), `next`, `won`, `lost` (with
/// `loss_reason_id`, and `note` and `competitor_id` if you like), `open` (reopen, with `stage_key` if
/// not in the stage it was closed in), `hold` (with `reason`, and `resume_on` if you like) or `resume`.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Transition, example = json!({"to": "stage", "stage_key": "engaging"}))]
pub struct TransitionBody {
    pub to: String,
    pub stage_key: Option<String>,
    pub loss_reason_id: Option<Uuid>,
    #[schema(max_length = 4_000)]
    pub note: Option<String>,
    pub competitor_id: Option<Uuid>,
    #[schema(max_length = 4_000)]
    pub reason: Option<String>,
    pub resume_on: Option<NaiveDate>,
    /// When it happened, if not now: between the deal's last event and now.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Passes an unmet gate; for heads and administrators, kept in history.
    pub override_reason: Option<String>,
    /// Answers what would happen, and changes nothing.
    #[serde(default)]
    pub validate_only: bool,
}

impl TransitionBody {
    /// The command, if its fields are those that its target has.
    pub fn into_transition(self) -> Result<(Transition, bool), Error> {
        let mut faults = Faults::default();
        let given = [
            ("stage_key", self.stage_key.is_some(), "stage open"),
            ("loss_reason_id", self.loss_reason_id.is_some(), "lost"),
            ("note", self.note.is_some(), "lost"),
            ("competitor_id", self.competitor_id.is_some(), "lost"),
            ("reason", self.reason.is_some(), "hold"),
            ("resume_on", self.resume_on.is_some(), "hold"),
        ];
        for (field, given, targets) in given {
            if given && !targets.split(' ').any(|target| target == self.to) {
                let detail = format!("Goes with \"to\": {}.", targets.replace(' ', " or "));
                faults.add(format!("/{field}"), "not_allowed", detail);
            }
        }
        check_day(&mut faults, "/resume_on", self.resume_on);
        let required = |pointer: &str| {
            Error::from(Refusal::invalid(pointer, "required", "The field is required."))
        };
        faults.into_result()?;
        let to = match self.to.as_str() {
            "stage" => {
                Target::Stage { stage_key: self.stage_key.ok_or_else(|| required("/stage_key"))? }
            }
            "next" => Target::Next,
            "won" => Target::Won,
            "lost" => Target::Lost {
                loss_reason_id: self.loss_reason_id,
                note: self.note,
                competitor_id: self.competitor_id,
            },
            "open" => Target::Open { stage_key: self.stage_key },
            "hold" => Target::Hold {
                reason: self.reason.ok_or_else(|| required("/reason"))?,
                resume_on: self.resume_on,
            },
            "resume" => Target::Resume,
            _ => {
                let detail = "One of stage, next, won, lost, open, hold and resume.";
                return Err(Error::invalid("/to", "invalid_value", detail));
            }
        };
        let (occurred_at, override_reason) = (self.occurred_at, self.override_reason);
        Ok((Transition { to, occurred_at, override_reason }, self.validate_only))
    }
}
