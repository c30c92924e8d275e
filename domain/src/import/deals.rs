//! Rows that are deals, or events of deals.

use chrono::{DateTime, NaiveDate, Utc};

use super::{
    Rejection,
    custom::CustomCells,
    row::{Reader, field},
    spec::StageTarget,
};
use crate::{
    clients::LeadTemperature,
    kernel::{fault::Fault, money::Money},
    process::Stage,
};

/// What a row says of the deal's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Ignore,
    Stage(String),
    Won { stage: Option<String> },
    Lost { reason: Option<String>, stage: Option<String> },
}

#[derive(Debug, Clone, PartialEq)]
pub struct DealRow {
    pub line: u64,
    pub external_id: String,
    pub title: Option<String>,
    pub client: Option<String>,
    pub owner: Option<String>,
    pub amount: Option<Money>,
    pub source: Option<String>,
    pub lead_temperature: Option<LeadTemperature>,
    pub expected_close_on: Option<NaiveDate>,
    pub opened_at: Option<DateTime<Utc>>,
    pub target: Option<Target>,
    pub stage_entered_at: Option<DateTime<Utc>>,
    pub closed_at: Option<DateTime<Utc>>,
    pub note: Option<String>,
    pub competitor: Option<String>,
    pub custom: CustomCells,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    pub line: u64,
    pub case_id: String,
    pub target: Target,
    pub occurred_at: DateTime<Utc>,
    pub user: Option<String>,
    pub owner: Option<String>,
    pub amount: Option<Money>,
    pub title: Option<String>,
    pub client: Option<String>,
    pub source: Option<String>,
    pub note: Option<String>,
    pub competitor: Option<String>,
}

impl DealRow {
    /// A command's fault as one of this row, in the fields of the mapping.
    pub fn rejection(&self, fault: &Fault) -> Rejection {
        let closes = matches!(self.target, Some(Target::Won { .. } | Target::Lost { .. }));
        let opening = match (self.opened_at, self.stage_entered_at) {
            (None, None) => "closed_at",
            (None, Some(_)) => "stage_entered_at",
            (Some(_), _) => "opened_at",
        };
        let field = match fault.pointer.as_str() {
            "/to" | "/stage_key" => "stage",
            "/occurred_at" if closes => "closed_at",
            "/occurred_at" => "stage_entered_at",
            "/opened_at" => opening,
            pointer => &field(pointer),
        };
        rejection(self.line, field, fault)
    }
}

impl EventRow {
    /// A command's fault as one of this row, in the fields of the mapping.
    pub fn rejection(&self, fault: &Fault) -> Rejection {
        let field = match fault.pointer.as_str() {
            "/to" | "/stage_key" => "activity",
            "/opened_at" => "occurred_at",
            "/external_id/id" => "case_id",
            pointer => &field(pointer),
        };
        rejection(self.line, field, fault)
    }
}

fn rejection(line: u64, field: &str, fault: &Fault) -> Rejection {
    // That a deal is closed is no fault of one cell.
    let field = if fault.code == "deal_closed" { "" } else { field };
    Rejection::new(line, field, fault.code, fault.detail.as_str())
}

impl Reader<'_> {
    pub(super) fn deal(&mut self, stages: &[Stage]) -> Option<DealRow> {
        let external_id = self.required("external_id");
        let target = self.text("stage").map(|value| self.target("stage", &value, stages));
        let row = DealRow {
            line: self.line,
            external_id: external_id?,
            title: self.text("title"),
            client: self.text("client"),
            owner: self.text("owner"),
            amount: self.money("amount"),
            source: self.text("source"),
            lead_temperature: self.temperature(),
            expected_close_on: self.date("expected_close_on"),
            opened_at: self.instant("opened_at"),
            target: target.flatten(),
            stage_entered_at: self.instant("stage_entered_at"),
            closed_at: self.instant("closed_at"),
            note: self.long_text("note"),
            competitor: self.text("competitor"),
            custom: self.custom(),
        };
        Some(row)
    }

    pub(super) fn event(&mut self, stages: &[Stage]) -> Option<EventRow> {
        let case_id = self.required("case_id");
        let activity = self.required("activity");
        let target = activity.and_then(|value| self.target("activity", &value, stages));
        let occurred_at = match self.required("occurred_at") {
            Some(_) => self.instant("occurred_at"),
            None => None,
        };
        let row = EventRow {
            line: self.line,
            case_id: case_id?,
            target: target?,
            occurred_at: occurred_at?,
            user: self.text("user"),
            owner: self.text("owner"),
            amount: self.money("amount"),
            title: self.text("title"),
            client: self.text("client"),
            source: self.text("source"),
            note: self.long_text("note"),
            competitor: self.text("competitor"),
        };
        Some(row)
    }

    fn temperature(&mut self) -> Option<LeadTemperature> {
        let text = self.text("lead_temperature")?;
        match text.to_lowercase().as_str() {
            "cold" => Some(LeadTemperature::Cold),
            "warm" => Some(LeadTemperature::Warm),
            "hot" => Some(LeadTemperature::Hot),
            _ => {
                self.reject("lead_temperature", "invalid_value", "One of cold, warm and hot.");
                None
            }
        }
    }

    /// The map's word on the value; without one, a stage's key or name, `won` or `lost`.
    fn target(&mut self, field: &str, value: &str, stages: &[Stage]) -> Option<Target> {
        let reason = self.text("loss_reason");
        if let Some(target) = self.plan.spec.stage_map.get(value) {
            return Some(mapped(target, reason));
        }
        if self.plan.spec.stage_map.is_empty() {
            let folded = value.to_lowercase();
            let stage = stages
                .iter()
                .find(|stage| stage.key == folded || stage.name.to_lowercase() == folded);
            if let Some(stage) = stage {
                return Some(Target::Stage(stage.key.clone()));
            }
            match folded.as_str() {
                "won" => return Some(Target::Won { stage: None }),
                "lost" => return Some(Target::Lost { reason, stage: None }),
                _ => {}
            }
        }
        self.reject(field, "not_in_stage_map", format!("\"{value}\" is not in the stage map."));
        None
    }
}

fn mapped(target: &StageTarget, reason: Option<String>) -> Target {
    let stage = target.stage.clone();
    if target.ignore {
        Target::Ignore
    } else if target.won {
        Target::Won { stage }
    } else if let Some(lost) = &target.lost {
        // A reason in the row is more exact than the map's.
        Target::Lost { reason: reason.or_else(|| Some(lost.clone())), stage }
    } else {
        stage.map_or(Target::Ignore, Target::Stage)
    }
}
