//! Imports: files that were taken in, carried out behind.

mod file;
mod job;
mod line;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use voronka_domain::{
    Refusal,
    import::{Plan, Spec},
    process::Process,
};
use voronka_persistence::{
    Error, Noun, Store, Unit,
    core::jobs::{Claimed, Ended, Job, Run},
    import::imports::{self, Claim, JOB},
    intake::integrations::Integration,
    now,
    process::deal_types::DealType,
};

use super::{Lane, Turn, Work};

pub struct Imports;

impl Work for Imports {
    fn job(&self) -> Job {
        JOB
    }

    fn description(&self) -> &'static str {
        "Carries out imports, those of a workspace one after the other."
    }

    fn lane(&self) -> Lane {
        Lane::Long
    }

    fn run(
        &self,
        store: &Store,
        claimed: &Claimed,
        turn: &Turn<'_>,
        _: DateTime<Utc>,
    ) -> Result<Ended, Error> {
        let none = || Ended::Done(serde_json::json!({}));
        let Some(id) = claimed.run.subject_id else { return Ok(none()) };
        let Some(claim) = store.claim_import(claimed.workspace_id, id)? else { return Ok(none()) };
        match run_import(store, &claim, &|| turn.is_over()) {
            Ok(true) => store.finish_import(claim, now(), None)?,
            Ok(false) => return Ok(Ended::Interrupted),
            Err(error @ Error::TakenOver) => return Err(error),
            // It goes on later, as after a crash. Anything else would happen again, and would hold up every
            // import behind this one.
            Err(error) => match error.passing() {
                Some(wanted) => {
                    if let Err(error) = store.hold_import(&claim, now(), wanted) {
                        tracing::warn!(%error, "nor can it be noted what an import waits for");
                    }
                    return Err(error);
                }
                None => store.finish_import(claim, now(), Some(reason(&error)))?,
            },
        }
        Ok(Ended::Done(serde_json::json!({})))
    }

    fn dropped(&self, unit: &mut Unit<'_>, run: &Run) -> Result<(), Error> {
        match run.subject_id {
            Some(id) => imports::give_up(unit, id),
            None => Ok(()),
        }
    }
}

/// True when it has ended, false when it is to go on later.
fn run_import(
    store: &Store,
    claim: &Claim,
    stopping: &(dyn Fn() -> bool + Sync),
) -> Result<bool, Error> {
    job::Job::new(store, claim)?.run(stopping)
}

fn reason(error: &Error) -> String {
    match error {
        Error::Refused(refusal @ Refusal::Invalid(_)) => {
            let faults = refusal.faults().into_iter();
            let faults: Vec<_> = faults.map(|f| format!("{}: {}", f.pointer, f.detail)).collect();
            faults.join(" ")
        }
        Error::Internal(_) | Error::Database(_) => {
            tracing::error!(?error, "import failed");
            "A fault of the server.".to_owned()
        }
        error => error.to_string(),
    }
}

/// A spec against a header, with the process that its stages are of, if it has any.
pub fn plan(
    store: &Store,
    workspace_id: Uuid,
    mut spec: Spec,
    header: &[String],
) -> Result<(Plan, Option<Arc<Process>>), Error> {
    let (process, fields, settings) = store.tenant(workspace_id, |tenant| {
        let settings = voronka_persistence::workspace::workspaces::get(tenant)?.settings()?;
        let fields = store.load_custom_fields(tenant)?;
        if let Some(id) = spec.integration_id {
            let integration = Integration::get(tenant, id)
                .map_err(|error| error.or_unknown("/integration_id", "integration"))?;
            spec.time_zone = spec.time_zone.or(Some(integration.zone(settings.time_zone)));
        }
        let Some(id) = spec.deal_type_id.filter(|_| spec.kind.is_of_deals()) else {
            return Ok((None, fields, settings));
        };
        let deal_type = DealType::get(tenant, id)
            .map_err(|error| error.or_unknown("/deal_type_id", "deal type"))?;
        let process = store.process(tenant, deal_type.current_version_id)?;
        Ok((Some(process), fields, settings))
    })?;
    let stages = process.iter().flat_map(|process| &process.stages);
    let keys: Vec<_> = stages.map(|stage| stage.key.as_str()).collect();
    let plan = spec.plan(header, &keys, &fields, settings)?;
    Ok((plan, process))
}
