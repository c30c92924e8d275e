//! Carrying out an import: a batch of rows is one transaction with its own progress, so a crash
//! neither doubles nor loses a row.

mod calls;
mod cases;
mod clients;
mod contacts;
mod deals;
mod products;
mod rates;
mod tally;
mod turn;
mod users;

use std::{
    collections::{HashMap, HashSet},
    ops::DerefMut,
    sync::Arc,
};

use diesel::connection::SimpleConnection;
use uuid::Uuid;
use voronka_domain::{
    Fault,
    deals::{deal::Deal, transition::Facts},
    import::{Defaults, EventRow, ImportKind, Plan, Rejection, Row},
    people::access::{Actor, Permission},
    process::Process,
    workspace::custom_field::CustomField,
};

use crate::{
    Answer, Error, Result, Store, Unit, clients as all_clients,
    core::noun::Noun,
    deals::{self as all_deals, FactLoader, Recordable, Scope, Stored, Subject, lock_external},
    import::{
        imports::Import,
        names::{Names, Wanted},
        rows as import_rows,
    },
    people::access::lacking,
    process::deal_types::DealType,
    workspace::custom_fields,
};

pub use tally::NOTES;
use tally::{Tally, progress};
pub use turn::{Before, Turn};

/// A row, or what is wrong with it; with the cells that it was read from.
#[derive(Debug, Clone)]
pub struct Read {
    pub row: Result<Row, Vec<Rejection>>,
    pub cells: Vec<String>,
}

/// Rows that are taken in one transaction.
#[derive(Debug, Clone)]
pub enum Batch {
    /// The next rows of the file; those of an event log are to be put together by case.
    Rows(Vec<Read>),
    /// The next cases in order of their ids, each whole, its rows as they stand in the file.
    Cases(Vec<(String, Vec<Read>)>),
}

impl Batch {
    /// Rows, or cases: what a batch can be split into.
    pub fn len(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Cases(cases) => cases.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// External ids of the deals that its rows are about, where they stand in the file as they come.
    pub fn deals(&self) -> HashSet<String> {
        let Self::Rows(rows) = self else { return HashSet::new() };
        let ids = rows.iter().filter_map(|read| match &read.row {
            Ok(Row::Deal(row)) => Some(row.external_id.clone()),
            _ => None,
        });
        ids.collect()
    }

    /// Its first `count` parts, and the others.
    pub fn split(mut self, count: usize) -> (Self, Self) {
        let count = count.min(self.len());
        let rest = match &mut self {
            Self::Rows(rows) => Self::Rows(rows.split_off(count)),
            Self::Cases(cases) => Self::Cases(cases.split_off(count)),
        };
        (self, rest)
    }

    /// Gives every row up for one and the same fault.
    pub fn refuse(&mut self, fault: &Fault) {
        let refuse = |read: &mut Read| {
            if let Ok(row) = &read.row {
                read.row = Err(vec![row.rejection(fault)]);
            }
        };
        match self {
            Self::Rows(rows) => rows.iter_mut().for_each(refuse),
            Self::Cases(cases) => cases.iter_mut().flat_map(|(_, rows)| rows).for_each(refuse),
        }
    }
}

impl Store {
    /// Takes a batch of an import in one transaction, and answers the import after it; none if it was
    /// cancelled meanwhile. A trial's batch is undone, but for its counts. The names are let go as soon as it
    /// is decided what becomes of the rows: then the next batch may begin.
    pub fn import_batch(
        &self,
        workspace_id: Uuid,
        mut turn: Turn,
        plan: &Plan,
        names: impl DerefMut<Target = Names>,
        batch: &Batch,
    ) -> Result<Option<Import>> {
        let caller = self.import_caller(workspace_id, None, &turn.import)?;
        let id = turn.import.id;
        let (mut after, mut cancelled) = (None, false);
        let written = self.write(&caller, crate::now(), None, |unit| {
            still_allowed(unit, &turn.import, plan)?;
            let (tally, unheld) = take(unit, &mut turn, plan, names, batch)?;
            turn.settle()?;
            check_unmerged(unit, unheld)?;
            let before = Import::lock(unit, id, None)?;
            cancelled = before.is_cancelled();
            before.check_at(&turn.import)?;
            after = Some(progress(unit, before, tally)?);
            Ok(Answer::default())
        });
        if cancelled {
            return Ok(None);
        }
        if plan.spec.kind == ImportKind::Users {
            // Callers are kept for some seconds, and this may change what one may do or see.
            self.forget_callers();
        }
        written.map(|_| after)
    }

    /// Notes how many rows an import has, and that it runs. None if it was cancelled meanwhile.
    pub fn begin_import(&self, workspace_id: Uuid, id: Uuid, rows: i64) -> Result<Option<Import>> {
        let import = self.tenant(workspace_id, |tenant| Import::get(tenant, id))?;
        let caller = self.import_caller(workspace_id, None, &import)?;
        let mut begun = None;
        let now = crate::now();
        self.write(&caller, now, None, |unit| {
            let before = Import::lock(unit, id, None)?;
            if before.is_cancelled() {
                return Ok(Answer::default());
            }
            before.check_unfinished()?;
            let after = Import {
                state: "running".to_owned(),
                rows_total: Some(rows),
                started_at: before.started_at.or(Some(now)),
                ..before.clone()
            };
            begun = Some(Import::save(unit, &before, after)?);
            Ok(Answer::default())
        })?;
        Ok(begun)
    }
}

/// Decides what becomes of the rows and records it, all but the progress; with the clients that could not be
/// held, as the batch before has only just made them.
fn take(
    unit: &mut Unit<'_>,
    turn: &mut Turn,
    plan: &Plan,
    mut names: impl DerefMut<Target = Names>,
    batch: &Batch,
) -> Result<(Tally, Vec<Uuid>)> {
    let (mut tally, id) = (Tally::default(), turn.import.id);
    if let (ImportKind::StageEvents, Batch::Rows(rows)) = (plan.spec.kind, batch) {
        drop(names);
        put_aside(unit, id, rows, &mut tally)?;
        return Ok((tally, Vec::new()));
    }
    if plan.spec.dry_run {
        unit.tenant.conn.batch_execute("SAVEPOINT trial")?;
        let deals = decide(unit, turn, plan, &mut names, batch, &mut tally)?;
        all_deals::record(unit, deals)?;
        unit.tenant.conn.batch_execute("ROLLBACK TO SAVEPOINT trial")?;
        unit.events.clear();
        names.forget();
        return Ok((tally, Vec::new()));
    }
    let deals = decide(unit, turn, plan, &mut names, batch, &mut tally)?;
    let unheld = names.unheld();
    drop(names);
    all_deals::record(unit, deals)?;
    Ok((tally, unheld))
}

/// What becomes of the rows: the deals that are to be recorded. Other things are recorded at once.
fn decide(
    unit: &mut Unit<'_>,
    turn: &mut Turn,
    plan: &Plan,
    names: &mut Names,
    batch: &Batch,
    tally: &mut Tally,
) -> Result<Vec<Recordable>> {
    let rows = match batch {
        Batch::Cases(cases) => return Run::new(unit, turn, plan, names)?.cases(cases, tally),
        Batch::Rows(rows) => rows,
    };
    match plan.spec.kind {
        ImportKind::Deals => return Run::new(unit, turn, plan, names)?.deals(rows, tally),
        ImportKind::ExchangeRates => rates::take(unit, rows, tally),
        ImportKind::Clients => clients::take(unit, plan, names, rows, tally),
        ImportKind::Contacts => contacts::take(unit, plan, names, rows, tally),
        ImportKind::Users => users::take(unit, names, rows, tally),
        ImportKind::Products => products::take(unit, rows, tally),
        ImportKind::Calls => calls::take(unit, plan, rows, tally),
        ImportKind::StageEvents => Err(Error::Internal("events are put aside first".to_owned())),
    }?;
    Ok(Vec::new())
}

/// Holds clients that were not there to be held when the batch began. It is decided anew if one of them has
/// become part of another since.
fn check_unmerged(unit: &mut Unit<'_>, ids: Vec<Uuid>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let meant = all_clients::all_meant(unit, ids)?;
    if meant.iter().all(|(id, meant)| id == meant) { Ok(()) } else { Err(Error::Busy) }
}

/// Pairs of what was and what is: those that are new, and those that were there.
fn parted<T>(pairs: Vec<(Option<T>, T)>) -> (Vec<T>, Vec<(T, T)>) {
    let (mut fresh, mut there) = (Vec::new(), Vec::new());
    for (before, after) in pairs {
        match before {
            None => fresh.push(after),
            Some(before) => there.push((before, after)),
        }
    }
    (fresh, there)
}

/// Whoever started the import still has the permissions that it needs. A key keeps those over data without its maker.
fn still_allowed(unit: &mut Unit<'_>, import: &Import, plan: &Plan) -> Result<()> {
    let starter: Option<Actor> = serde_json::from_value(import.created_by.clone()).ok();
    let mut needed = plan.permissions().into_iter().chain([Permission::ImportsWrite]);
    let lacking = match &starter {
        Some(starter) => lacking(&mut unit.tenant, starter, needed, unit.now)?,
        None => needed.next(),
    };
    lacking.map_or(Ok(()), |permission| Err(Error::NoLongerAllowed(permission.scope())))
}

/// Keeps the rows of an event log until all of their cases' rows are there.
fn put_aside(unit: &mut Unit<'_>, import_id: Uuid, rows: &[Read], tally: &mut Tally) -> Result<()> {
    tally.read += i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let kept = tally.sift(rows, event);
    let kept = kept.into_iter().map(|(row, cells)| (row.case_id.clone(), row.line, cells.to_vec()));
    import_rows::keep(&mut unit.tenant, import_id, kept.collect())
}

fn event(row: &Row) -> Option<&EventRow> {
    match row {
        Row::Event(row) => Some(row),
        _ => None,
    }
}

/// The custom fields that rows may fill, as they are now: one may have been archived since the import began.
fn current_fields(unit: &mut Unit<'_>, plan: &Plan) -> Result<Vec<CustomField>> {
    let Some(entity) = plan.spec.kind.entity().filter(|_| plan.maps_custom()) else {
        return Ok(Vec::new());
    };
    Ok(custom_fields::of(&unit.store.load_custom_fields(&mut unit.tenant)?, entity))
}

/// A batch of deals or their events in progress.
struct Run<'r, 'c> {
    unit: &'r mut Unit<'c>,
    plan: &'r Plan,
    names: &'r mut Names,
    turn: &'r mut Turn,
    user_id: Option<Uuid>,
    process: Arc<Process>,
    /// Those of deals, where the rows have any.
    fields: Vec<CustomField>,
    around: FactLoader,
}

impl<'r, 'c> Run<'r, 'c> {
    fn new(
        unit: &'r mut Unit<'c>,
        turn: &'r mut Turn,
        plan: &'r Plan,
        names: &'r mut Names,
    ) -> Result<Self> {
        let deal_type_id = plan.spec.deal_type_id;
        let deal_type_id =
            deal_type_id.ok_or_else(|| Error::Internal("import without a deal type".to_owned()))?;
        let deal_type = DealType::get(&mut unit.tenant, deal_type_id)?;
        let process = unit.process(deal_type.current_version_id)?;
        let user_id = unit.caller.user_id();
        let fields = current_fields(unit, plan)?;
        let around = FactLoader::default();
        Ok(Self { unit, plan, names, turn, user_id, process, fields, around })
    }

    /// What the row of a deal, which may be there, is decided by. Nobody looks at the losses of a file.
    fn facts<'f>(
        &'f self,
        process: &'f Process,
        deal: Option<&Deal>,
        owner_id: Option<Uuid>,
    ) -> Result<Facts<'f>> {
        let owner_id = deal.map(|deal| deal.owner_id).or(owner_id).or(self.user_id);
        let of = (deal.map(|deal| deal.id), owner_id.unwrap_or_default());
        let facts = self.around.facts(self.unit.caller, self.unit.now, of, process)?;
        Ok(Facts { reviewed: false, ..facts })
    }

    fn defaults(&self) -> Defaults {
        Defaults {
            id: Uuid::now_v7(),
            owner_id: self.user_id,
            external_source: self.plan.spec.external_source.clone(),
        }
    }

    fn actor(&self, user_id: Option<Uuid>, line: u64) -> Actor {
        Actor::Import { id: self.turn.import.id, user_id: user_id.or(self.user_id), line }
    }

    /// Finds the names of the rows.
    fn resolve(&mut self, wanted: &Wanted<'_>) -> Result<()> {
        if self.names.are_old() {
            // Nobody else knows yet what the batch before has made.
            self.turn.settle()?;
            self.names.forget();
        }
        self.names.resolve(self.unit, wanted, self.plan.spec.create_missing)
    }

    /// What the rows are decided by: deals that are there by their own types and versions, new ones by that of
    /// the import.
    fn load_facts(&mut self, stored: &[Stored], wanted: &Wanted<'_>) -> Result<()> {
        let processes = || stored.iter().map(|one| &*one.process).chain([&*self.process]);
        if processes().any(|one| one.looks_at_client() || one.looks_at_staff()) {
            // The batch before may have made them.
            self.turn.settle()?;
        }
        let mut subjects: Vec<_> = stored.iter().map(Stored::subject).collect();
        subjects.push(Subject { process: &self.process, deal: None });
        let scope = Scope {
            clients: self.names.clients(wanted),
            currencies: wanted.currencies.clone(),
            owners: self.names.users(wanted).into_iter().chain(self.user_id).collect(),
            ..Scope::default()
        };
        let settings = self.unit.caller.settings;
        self.around = FactLoader::load(&mut self.unit.tenant, settings, &subjects, scope)?;
        self.around.add_clients(self.names.new_clients(self.unit.now)?);
        Ok(())
    }

    /// Deals that exist already, by their external id, locked.
    fn known(
        &mut self,
        ids: Vec<String>,
        wanted: &Wanted<'_>,
    ) -> Result<HashMap<String, Recordable>> {
        self.turn.settle_for(&ids)?;
        let stored = lock_external(self.unit, &self.plan.spec.external_source, ids)?;
        self.load_facts(&stored, wanted)?;
        let actor = self.actor(None, 0);
        let known = stored.into_iter().filter_map(|stored| {
            let id = stored.deal.external_id.as_ref()?.id.clone();
            Some((id, Recordable::by(actor, stored.change_set(), stored.process)))
        });
        Ok(known.collect())
    }

    /// Makes the new names of the rows that were taken.
    fn make_names(&mut self, tally: &mut Tally) -> Result<()> {
        self.names.make(self.unit, self.plan.spec.dry_run, |note| tally.note(note))
    }
}
