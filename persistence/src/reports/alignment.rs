//! The stages of all versions of a deal type, put beside those of its current one.

use std::sync::Arc;

use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{
    calendar::Calendar,
    deal::Status,
    funnel::{Count, Progress},
    process::Process,
};

use crate::{Result, Statement, Store, Tenant, words::to_word};

/// A deal type's current process, and where the stages of all its versions are in it.
#[derive(Debug, Clone)]
pub struct Alignment {
    /// The deal type's name.
    pub name: String,
    pub process: Arc<Process>,
    stages: Vec<Aligned>,
    /// All versions, those without stages included.
    versions: Vec<(Uuid, i16)>,
}

#[derive(Debug, Clone)]
struct Aligned {
    version: Uuid,
    position: i16,
    place: i16,
    /// Of the stage of the current process.
    key: String,
    norm_days: Option<Decimal>,
}

impl Alignment {
    pub fn load(store: &Store, tenant: &mut Tenant<'_>, deal_type_id: Uuid) -> Result<Self> {
        let deal_type = crate::deal_types::get(tenant, deal_type_id)?;
        let process = store.process(tenant, deal_type.current_version_id)?;
        let (mut stages, mut versions) = (Vec::new(), Vec::new());
        for version in store.processes_of(tenant, deal_type_id)? {
            versions.push((version.version_id, version.last_position()));
            for (stage, place) in version.stages.iter().zip(version.align_to(&process)) {
                stages.push(Aligned {
                    version: version.version_id,
                    position: stage.position,
                    place,
                    key: process.at(place).map(|stage| stage.key.clone()).unwrap_or_default(),
                    norm_days: stage.norm_days,
                });
            }
        }
        Ok(Self { name: deal_type.name, process, stages, versions })
    }

    /// Where a position of a version is in the current process.
    pub(super) fn place(&self, version: Uuid, position: i16) -> i16 {
        let mut stages = self.stages.iter();
        let found = stages.find(|stage| stage.version == version && stage.position == position);
        found.map_or(position, |stage| stage.place)
    }

    /// Version, position and norm in seconds of working time of the stages that have one.
    pub(super) fn norms(&self, calendar: &Calendar) -> Vec<(Uuid, i16, i64)> {
        let stages = self.stages.iter();
        let norm = |stage: &Aligned| {
            Some((stage.version, stage.position, calendar.days(stage.norm_days?)?))
        };
        stages.filter_map(norm).collect()
    }

    pub(super) fn progress(
        &self,
        version: Uuid,
        depth: i16,
        position: i16,
        status: Status,
    ) -> Progress {
        let place = |position| self.place(version, position);
        Progress { depth: place(depth), position: place(position), status }
    }

    /// `stage(version_id, position, place, key)` as a table of the statement.
    pub(super) fn join<S>(
        &self,
        statement: Statement<S>,
        join: &str,
        version: &str,
        position: &str,
    ) -> Statement<S> {
        statement
            .sql(format!(" {join} unnest("))
            .bind(self.stages.iter().map(|stage| stage.version).collect::<Vec<_>>())
            .sql(", ")
            .bind(self.stages.iter().map(|stage| stage.position).collect::<Vec<_>>())
            .sql(", ")
            .bind(self.stages.iter().map(|stage| stage.place).collect::<Vec<_>>())
            .sql(", ")
            .bind(self.stages.iter().map(|stage| stage.key.clone()).collect::<Vec<_>>())
            .sql(format!(
                ") AS stage(version_id, position, place, key) \
                 ON stage.version_id = {version} AND stage.position = {position}"
            ))
    }

    /// Adds to a statement over `deals` that they are among those that the count counts.
    pub(super) fn counted<S>(&self, statement: Statement<S>, count: Count) -> Statement<S> {
        let (mut versions, mut depths) = (Vec::new(), Vec::new());
        let (mut positions, mut words) = (Vec::new(), Vec::new());
        for (version, last) in &self.versions {
            for status in [Status::Open, Status::Won, Status::Lost] {
                for (depth, position) in
                    (0..=*last).flat_map(|depth| (0..=depth).map(move |position| (depth, position)))
                {
                    if count.holds(self.progress(*version, depth, position, status)) {
                        versions.push(*version);
                        depths.push(depth);
                        positions.push(position);
                        words.push(to_word(&status));
                    }
                }
            }
        }
        statement
            .sql(
                " AND (deals.version_id, deals.depth, coalesce(deals.position, 0::smallint), \
                 deals.status) IN (SELECT * FROM unnest(",
            )
            .bind(versions)
            .sql(", ")
            .bind(depths)
            .sql(", ")
            .bind(positions)
            .sql(", ")
            .bind(words)
            .sql("))")
    }
}
