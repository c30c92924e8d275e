//! The version of a process that a report shows, and the stages of all versions of its deal type as that one
//! has them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voronka_domain::{
    analytics::funnel::Count,
    deals::deal::Status,
    process::{
        Process,
        alignment::{Alignment as Stages, Mapping},
    },
    workspace::calendar::Calendar,
};

use crate::{
    Error, Result, Statement, Store, Tenant,
    core::{enum_names::to_name, noun::Noun},
    deals::tracks,
    process::deal_types::{self, DealType, Version},
};

/// Why a version is the one that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It was asked for.
    Given,
    /// It is the last that was published by then, and not withdrawn.
    Published,
    /// Nothing was published by then: it is the first that is left.
    First,
}

/// A deal type's process as a report shows it.
#[derive(Debug, Clone)]
pub struct Alignment {
    /// The deal type's name.
    pub name: String,
    pub deal_type_id: Uuid,
    pub version: Version,
    pub why: Why,
    pub stages: Stages,
    shown: Arc<Process>,
    /// The newest first.
    processes: Vec<Arc<Process>>,
    /// Those of them that were not withdrawn.
    left: Vec<Arc<Process>>,
    migrations: Vec<(DateTime<Utc>, Mapping)>,
}

impl Alignment {
    /// As of an instant, up to which versions and migrations are looked at. 503 while tracks are missing.
    pub fn load(
        store: &Store,
        tenant: &mut Tenant<'_>,
        deal_type_id: Uuid,
        version_id: Option<Uuid>,
        as_of: DateTime<Utc>,
    ) -> Result<Self> {
        let deal_type = DealType::get(tenant, deal_type_id)?;
        tracks::check(tenant)?;
        let versions = deal_types::versions(tenant, deal_type_id)?;
        let (version, why) = chosen(&versions, version_id, as_of)?;
        let version = version.clone();
        let shown = store.process(tenant, version.id)?;
        let (mut processes, mut left) = (Vec::new(), Vec::new());
        for one in versions {
            let process = store.process(tenant, one.id)?;
            if one.withdrawn_at.is_none() {
                left.push(process.clone());
            }
            processes.push(process);
        }
        let migrations = deal_types::migrations(tenant, deal_type_id)?;
        let stages = Stages::of(&shown, &[], &[]);
        let name = deal_type.name;
        let alignment =
            Self { name, deal_type_id, version, why, stages, shown, processes, left, migrations };
        Ok(alignment.until(as_of))
    }

    /// The same version as of another instant: other migrations have been by then.
    pub fn until(mut self, as_of: DateTime<Utc>) -> Self {
        let before = self.migrations.iter().filter(|(at, _)| *at <= as_of);
        let mappings: Vec<_> = before.map(|(_, mapping)| mapping.clone()).collect();
        self.stages = Stages::of(&self.shown, &self.processes, &mappings);
        if self.why != Why::Given {
            self.stages = self.stages.named_by(&self.left);
        }
        self
    }

    /// Version, position and norm in seconds of working time of the stages that have one.
    pub(super) fn norms(&self, calendar: &Calendar) -> Vec<(Uuid, i16, i64)> {
        let norm = |(version, position, days): (Uuid, i16, Decimal)| {
            Some((version, position, calendar.days(days)?))
        };
        let of = |process: &Arc<Process>| {
            let stages = process.stages.iter();
            let days =
                stages.filter_map(|one| Some((process.version_id, one.position, one.norm_days?)));
            days.collect::<Vec<_>>()
        };
        self.processes.iter().flat_map(of).filter_map(norm).collect()
    }

    /// `stage(number, place)` as a table of the statement.
    pub(super) fn join<S>(
        &self,
        statement: Statement<S>,
        join: &str,
        number: &str,
    ) -> Statement<S> {
        let (numbers, places): (Vec<i32>, Vec<i16>) =
            self.stages.places().map(|(number, place, _)| (number, place)).unzip();
        statement
            .sql(format!(" {join} unnest("))
            .bind(numbers)
            .sql(", ")
            .bind(places)
            .sql(format!(") AS stage(number, place) ON stage.number = {number}"))
    }

    /// Adds that a stage's number is of one that is at a position.
    pub(super) fn at<S>(
        &self,
        statement: Statement<S>,
        number: &str,
        position: i16,
    ) -> Statement<S> {
        statement
            .sql(format!(" AND {number} = ANY("))
            .bind(self.stages.numbers(|at| at == position))
            .sql(")")
    }

    /// Adds to a statement over `deals` that they have come to a position or further.
    fn reached<S>(&self, statement: Statement<S>, position: i16) -> Statement<S> {
        // All are in the first stage at least, those too that were opened without stages.
        if position <= 1 {
            return statement;
        }
        statement
            .sql(" AND (deals.status = 'won' OR deals.touched && ")
            .bind(self.stages.numbers(|at| at >= position))
            .sql(")")
    }

    /// Adds that a position is the furthest that they have come to.
    pub(super) fn deepest<S>(&self, statement: Statement<S>, position: i16) -> Statement<S> {
        let no_further = statement
            .sql(" AND NOT deals.touched && ")
            .bind(self.stages.numbers(|at| at > position));
        if position <= 1 {
            return no_further;
        }
        no_further.sql(" AND deals.touched && ").bind(self.stages.numbers(|at| at == position))
    }

    /// Adds to a statement over `deals` that they are among those that the count counts.
    pub(super) fn counted<S>(&self, statement: Statement<S>, count: Count) -> Statement<S> {
        let of = |statement: Statement<S>, status: Status| {
            statement.sql(" AND deals.status = ").bind(to_name(&status))
        };
        match count {
            Count::Deals => statement,
            Count::Of(status) => of(statement, status),
            Count::Reached(position) => self.reached(statement, position),
            Count::Passed(position) => self.reached(statement, position.saturating_add(1)),
            Count::At(position, status) => self.deepest(of(statement, status), position),
            Count::LostFrom(position) => {
                self.at(of(statement, Status::Lost), "deals.visit_stage", position)
            }
            Count::NotApplicable(position) => self
                .reached(statement, position)
                .sql(" AND NOT deals.touched && ")
                .bind(self.stages.versions_with(position)),
        }
    }
}

/// The version that is shown; `versions` are the newest first.
fn chosen(
    versions: &[Version],
    given: Option<Uuid>,
    as_of: DateTime<Utc>,
) -> Result<(&Version, Why)> {
    if let Some(id) = given {
        let found = versions.iter().find(|version| version.id == id);
        return found.map(|one| (one, Why::Given)).ok_or(Error::NotFound("process version"));
    }
    let left = || versions.iter().filter(|version| version.withdrawn_at.is_none());
    if let Some(version) = left().find(|version| version.created_at <= as_of) {
        return Ok((version, Why::Published));
    }
    let first = left().next_back().map(|version| (version, Why::First));
    first.ok_or_else(|| Error::Internal("deal type without versions".to_owned()))
}
