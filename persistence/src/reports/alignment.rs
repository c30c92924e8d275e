//! The stages of all versions of a deal type, put beside those of its current one.

use std::sync::Arc;

use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{deal::Status, funnel::Progress, process::Process};

use crate::{Result, Statement, Store, Tenant};

/// A deal type's current process, and where the stages of all its versions are in it.
#[derive(Debug, Clone)]
pub struct Alignment {
    /// The deal type's name.
    pub name: String,
    pub process: Arc<Process>,
    stages: Vec<Aligned>,
}

#[derive(Debug, Clone)]
struct Aligned {
    version: Uuid,
    position: i16,
    place: i16,
    norm_seconds: i64,
}

impl Alignment {
    pub fn load(store: &Store, tenant: &mut Tenant<'_>, deal_type_id: Uuid) -> Result<Self> {
        let deal_type = crate::deal_types::get(tenant, deal_type_id)?;
        let process = store.process(tenant, deal_type.current_version_id)?;
        let mut stages = Vec::new();
        for version in store.processes_of(tenant, deal_type_id)? {
            for (stage, place) in version.stages.iter().zip(version.align_to(&process)) {
                stages.push(Aligned {
                    version: version.version_id,
                    position: stage.position,
                    place,
                    norm_seconds: stage.norm_seconds().unwrap_or(i64::MAX),
                });
            }
        }
        Ok(Self { name: deal_type.name, process, stages })
    }

    /// Where a position of a version is in the current process.
    pub(super) fn place(&self, version: Uuid, position: i16) -> i16 {
        let mut stages = self.stages.iter();
        let found = stages.find(|stage| stage.version == version && stage.position == position);
        found.map_or(position, |stage| stage.place)
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

    /// `stage(version_id, position, place, norm)` as a table of the statement.
    pub(super) fn join<S>(
        &self,
        statement: Statement<S>,
        join: &str,
        version: &str,
        position: &str,
    ) -> Statement<S> {
        let norms = self.stages.iter().map(|stage| Decimal::from(stage.norm_seconds).to_string());
        statement
            .sql(format!(" {join} unnest("))
            .bind(self.stages.iter().map(|stage| stage.version).collect::<Vec<_>>())
            .sql(", ")
            .bind(self.stages.iter().map(|stage| stage.position).collect::<Vec<_>>())
            .sql(", ")
            .bind(self.stages.iter().map(|stage| stage.place).collect::<Vec<_>>())
            .sql(", ")
            .bind(norms.collect::<Vec<_>>())
            .sql(format!(
                "::text[]) AS stage(version_id, position, place, norm) \
                 ON stage.version_id = {version} AND stage.position = {position}"
            ))
    }
}
