//! Which version of the process a report shows, and what it has to say of the others.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{analytics::funnel::ClosedStage, process::alignment::Fold};
use voronka_persistence::{analytics::Alignment, core::enum_names::to_name, now};

/// The version of the process whose stages a report shows, in its order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReportVersion {
    pub id: Uuid,
    #[schema(example = 2)]
    pub number: i32,
    pub published_at: DateTime<Utc>,
    /// `given`: it was asked for; `published`: the last that was published by then and not withdrawn; `first`:
    /// none was, and it is the first that is left.
    #[schema(example = "published")]
    pub why: String,
}

impl From<&Alignment> for ReportVersion {
    fn from(alignment: &Alignment) -> Self {
        let version = &alignment.version;
        Self {
            id: version.id,
            number: version.number,
            published_at: version.created_at,
            why: to_name(&alignment.why),
        }
    }
}

/// A key that the version does not have, and the stage where its deals are counted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FoldedStage {
    #[schema(example = "proposal")]
    pub stage_key: String,
    /// Key of the stage where they are counted.
    #[schema(example = "offer")]
    pub into: String,
    /// Deals that are counted there for it.
    #[schema(example = 12)]
    pub deals: i64,
}

pub fn folded(folds: &[Fold]) -> Vec<FoldedStage> {
    let body = |fold: &Fold| FoldedStage {
        stage_key: fold.stage_key.clone(),
        into: fold.into.clone(),
        deals: fold.deals,
    };
    folds.iter().map(body).collect()
}

/// What a reader has to know of a stage's figures.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReportNote {
    /// `not_applicable`: so many deals never had the stage that conversions into and out of it are left out.
    #[schema(example = "not_applicable")]
    pub code: String,
    #[schema(example = "offer")]
    pub stage_key: String,
    pub detail: String,
}

pub fn notes(stages: &[ClosedStage]) -> Vec<ReportNote> {
    let note = |stage: &ClosedStage| ReportNote {
        code: "not_applicable".to_owned(),
        stage_key: stage.stage_key.clone(),
        detail: format!(
            "{} of the {} deals that count as having reached \"{}\" were never on a version that has it: \
             conversions into and out of it are left out.",
            stage.not_applicable, stage.reached, stage.name
        ),
    };
    stages.iter().filter(|stage| stage.is_blurred()).map(note).collect()
}

/// The last instant of a period that has been, given the first one after it.
pub fn last_instant(until: DateTime<Utc>) -> DateTime<Utc> {
    let last = until.checked_sub_signed(TimeDelta::microseconds(1));
    now().min(last.unwrap_or(until))
}
