//! The worker that carries out imports, one after the other.

mod file;
mod job;
mod line;

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use uuid::Uuid;
use voronka_domain::{
    Refusal,
    import::{Plan, Spec},
    process::Process,
};
use voronka_persistence::{Error, Store, import::imports::Claim, now};

use job::Job;

/// How often a server looks for work that another one took in.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Tells the worker that there is work.
#[derive(Clone, Default)]
pub struct Wake(Arc<(Mutex<Signal>, Condvar)>);

#[derive(Default)]
struct Signal {
    work: bool,
    stop: bool,
}

impl Wake {
    pub fn work(&self) {
        self.signal(|signal| signal.work = true);
    }

    pub fn stop(&self) {
        self.signal(|signal| signal.stop = true);
    }

    fn signal(&self, set: impl FnOnce(&mut Signal)) {
        if let Ok(mut signal) = self.0.0.lock() {
            set(&mut signal);
            self.0.1.notify_all();
        }
    }

    /// Waits for work, or a while. False when it is time to stop.
    fn wait(&self) -> bool {
        let Ok(guard) = self.0.0.lock() else { return false };
        let idle = |signal: &mut Signal| !signal.work && !signal.stop;
        let Ok((mut guard, _)) = self.0.1.wait_timeout_while(guard, LOOK_EVERY, idle) else {
            return false;
        };
        guard.work = false;
        !guard.stop
    }

    fn stopping(&self) -> bool {
        self.0.0.lock().map_or(true, |signal| signal.stop)
    }
}

/// Works until it is told to stop; a started import then waits for the next start.
pub fn run(store: &Store, wake: &Wake) {
    loop {
        while !wake.stopping() {
            match run_one(store, &|| wake.stopping()) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, "import interrupted");
                    break;
                }
            }
        }
        if !wake.wait() {
            return;
        }
    }
}

/// Carries out the oldest import that waits. False when none does.
pub fn run_one(store: &Store, stopping: &(dyn Fn() -> bool + Sync)) -> Result<bool, Error> {
    let Some(claim) = store.claim_import()? else { return Ok(false) };
    match carry_out(store, &claim, stopping) {
        Ok(true) => store.finish_import(claim, now(), None)?,
        Ok(false) => return Ok(false),
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
    Ok(true)
}

fn carry_out(
    store: &Store,
    claim: &Claim,
    stopping: &(dyn Fn() -> bool + Sync),
) -> Result<bool, Error> {
    Job::new(store, claim)?.run(stopping)
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
    spec: Spec,
    header: &[String],
) -> Result<(Plan, Option<Arc<Process>>), Error> {
    let (process, fields, settings) = store.tenant(workspace_id, |tenant| {
        let settings = voronka_persistence::workspace::workspaces::get(tenant)?.settings()?;
        let fields = store.load_custom_fields(tenant)?;
        let Some(id) = spec.deal_type_id.filter(|_| spec.kind.is_of_deals()) else {
            return Ok((None, fields, settings));
        };
        let deal_type = voronka_persistence::process::deal_types::get(tenant, id)
            .map_err(|error| error.or_unknown("/deal_type_id", "deal type"))?;
        let process = store.process(tenant, deal_type.current_version_id)?;
        Ok((Some(process), fields, settings))
    })?;
    let stages = process.iter().flat_map(|process| &process.stages);
    let keys: Vec<_> = stages.map(|stage| stage.key.as_str()).collect();
    let plan = spec.plan(header, &keys, &fields, settings)?;
    Ok((plan, process))
}
