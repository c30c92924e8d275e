//! What happened to a deal. Events are the history; the deal is their sum.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clients::{Initiator, LeadTemperature},
    deals::deal::{Loss, StageRef},
    kernel::external_id::ExternalId,
    kernel::money::Money,
    people::access::Actor,
    workspace::custom_field::Custom,
};

/// The descriptive fields of a deal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Details {
    pub title: String,
    pub client_id: Option<Uuid>,
    pub owner_id: Uuid,
    pub amount: Money,
    /// The amount in the workspace's base currency.
    pub base_amount: Decimal,
    pub source_id: Option<Uuid>,
    pub lead_temperature: Option<LeadTemperature>,
    pub expected_close_on: Option<NaiveDate>,
    pub external_id: Option<ExternalId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiated_by: Option<Initiator>,
    /// The activity that it was opened from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_activity_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Custom::is_empty")]
    pub custom: Custom,
}

/// Which way a deal went into a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Direction {
    /// To the next stage; a deal's opening counts as forward too.
    Forward,
    /// Over one or more stages.
    Skip,
    Back,
    /// Back into the stage that it was closed in.
    Reopen,
}

/// A gate that was passed though it was not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    pub reason: String,
    /// What was not met, as pointers to the fields.
    pub unmet: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Change {
    Opened {
        deal_type_id: Uuid,
        version_id: Uuid,
        details: Details,
        stage: Option<StageRef>,
    },
    StageChanged {
        from: StageRef,
        to: StageRef,
        direction: Direction,
        r#override: Option<Override>,
    },
    Won {
        from: Option<StageRef>,
        r#override: Option<Override>,
        /// The amount at the closing day's rate, of a deal in another currency than the base.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base_amount: Option<Decimal>,
    },
    Lost {
        from: Option<StageRef>,
        loss: Loss,
        /// As of `Won`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base_amount: Option<Decimal>,
    },
    Reopened {
        stage: Option<StageRef>,
        direction: Direction,
        r#override: Option<Override>,
        /// The task in which the loss was reviewed, if that brought the deal back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review_task_id: Option<Uuid>,
    },
    Held {
        reason: String,
        resume_on: Option<NaiveDate>,
    },
    Resumed {
        held_seconds: i64,
    },
    AmountChanged {
        previous: Money,
        current: Money,
        base_amount: Decimal,
    },
    OwnerChanged {
        previous: Uuid,
        current: Uuid,
    },
    Updated {
        previous: Details,
        current: Details,
    },
    /// The deal goes on in another version of its process.
    Migrated {
        previous_version_id: Uuid,
        version_id: Uuid,
        from: Option<StageRef>,
        to: Option<StageRef>,
        /// None where it stays in its stage.
        direction: Option<Direction>,
        r#override: Option<Override>,
        /// The deepest stage that it has reached, as the version counts.
        depth: i16,
    },
    /// A rule of the clock has done what it does, once for the visit.
    RuleFired {
        rule_id: Uuid,
        rule_key: String,
    },
    /// What a rule wanted was refused.
    RuleRefused {
        rule_id: Uuid,
        rule_key: String,
        code: String,
        detail: String,
        /// Every requirement that is not met, in a sentence.
        unmet: Vec<String>,
    },
}

impl Change {
    /// Whether a gate was passed that was not met, or a process was led by hand.
    pub fn overrides(&self) -> bool {
        match self {
            Self::StageChanged { r#override, .. }
            | Self::Won { r#override, .. }
            | Self::Reopened { r#override, .. }
            | Self::Migrated { r#override, .. } => r#override.is_some(),
            _ => false,
        }
    }

    /// The event's type in the feed, e.g. `deal.stage_changed`.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "deal.opened",
            Self::StageChanged { .. } => "deal.stage_changed",
            Self::Won { .. } => "deal.won",
            Self::Lost { .. } => "deal.lost",
            Self::Reopened { .. } => "deal.reopened",
            Self::Held { .. } => "deal.held",
            Self::Resumed { .. } => "deal.resumed",
            Self::AmountChanged { .. } => "deal.amount_changed",
            Self::OwnerChanged { .. } => "deal.owner_changed",
            Self::Updated { .. } => "deal.updated",
            Self::Migrated { .. } => "deal.migrated",
            Self::RuleFired { .. } => "deal.rule_fired",
            Self::RuleRefused { .. } => "deal.rule_refused",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// 1 for the deal's opening, then by one: a gap would be a lost event.
    pub sequence: i32,
    pub occurred_at: DateTime<Utc>,
    pub change: Change,
    /// Who did it, where that was not the caller: the process or a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}
