//! Carrying out an import: a batch of rows is one transaction with its own progress, so a crash
//! neither doubles nor loses a row.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use uuid::Uuid;
use voronka_domain::{
    Fault, Refusal,
    access::Actor,
    import::{
        DealRow, Defaults, EventRow, Outcome, Plan, Rejection, Target, apply_deal, apply_event,
        arrange,
    },
    ledger::Ledger,
    process::{Process, Rules},
    transition::Facts,
};

use crate::{
    Answer, Error, Result, Store, Unit, deal_types,
    deals::{self, Recordable},
    import_names::Names,
    imports::{self, Import},
};

/// A row with the cells that it was read from.
pub struct Read<T> {
    pub row: T,
    pub cells: Vec<String>,
}

/// Rows that are taken or left together.
pub enum Batch {
    Deals(Vec<Read<DealRow>>),
    /// Whole cases, each in order of its rows.
    Cases(Vec<Vec<Read<EventRow>>>),
}

/// What a batch came to.
#[derive(Debug, Default)]
struct Tally {
    created: i64,
    updated: i64,
    unchanged: i64,
    notes: BTreeMap<&'static str, i64>,
    rejected: Vec<(Vec<Rejection>, Vec<String>)>,
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
    }

    fn note(&mut self, code: &'static str) {
        *self.notes.entry(code).or_default() += 1;
    }

    fn refuse(
        &mut self,
        cells: Vec<String>,
        refusal: &Refusal,
        rejection: impl Fn(&Fault) -> Rejection,
    ) {
        let faults = refusal.faults();
        self.rejected.push((faults.iter().map(rejection).collect(), cells));
    }
}

/// The sentences of the notes, by code.
pub const NOTES: &[(&str, &str)] = &[
    ("without_client", "rows have no client"),
    ("without_amount", "rows have no amount: 0 is taken"),
    ("opened_at_import", "rows have no date: the deal is opened at the time of the import"),
    (
        "closed_at_import",
        "closed rows have no closing date: they are closed at the time of the import",
    ),
    ("overruled_outcome", "outcomes were overruled by a later one of the same case"),
    ("known_event", "events were not later than what the deal's history has already"),
    ("ignored_event", "events are of activities that the map ignores"),
    ("created_user", "users were created"),
    ("created_client", "clients were created"),
    ("created_source", "sources were created"),
    ("created_loss_reason", "loss reasons were created"),
    ("created_competitor", "competitors were created"),
];

impl Store {
    /// Takes a batch of an import in one transaction, and answers the import after it.
    pub fn import_batch(
        &self,
        workspace_id: Uuid,
        import: &Import,
        plan: &Plan,
        batch: Batch,
        unread: Vec<(Vec<Rejection>, Vec<String>)>,
    ) -> Result<Import> {
        let now = crate::now();
        let caller = self.import_caller(workspace_id, None, import)?;
        let mut after = None;
        let outcome = self.write(&caller, now, None, |unit| {
            let before = imports::lock(unit, import.id, None)?;
            before.check_at(import.rows_done)?;
            let mut tally = Tally { rejected: unread, ..Tally::default() };
            let mut run = Run::new(unit, plan, &before)?;
            match batch {
                Batch::Deals(rows) => run.deals(rows, &mut tally)?,
                Batch::Cases(cases) => run.cases(cases, &mut tally)?,
            }
            if plan.spec.dry_run {
                after = Some((before, tally));
                // Undoes everything that would have been done.
                return Err(Error::Internal(DRY.to_owned()));
            }
            after = Some((progress(unit, before, tally)?, Tally::default()));
            Ok(Answer::default())
        });
        match outcome {
            Ok(_) => {}
            Err(Error::Internal(text)) if text == DRY => {
                let (before, tally) = after.ok_or_else(|| Error::Internal(DRY.to_owned()))?;
                let mut saved = None;
                self.write(&caller, now, None, |unit| {
                    saved = Some(progress(unit, before, tally)?);
                    Ok(Answer::default())
                })?;
                return saved.ok_or_else(|| Error::Internal("import vanished".into()));
            }
            Err(error) => return Err(error),
        }
        after.map(|(import, _)| import).ok_or_else(|| Error::Internal("import vanished".into()))
    }

    /// Notes how many rows an import has, and that it runs.
    pub fn begin_import(&self, workspace_id: Uuid, id: Uuid, rows: i64) -> Result<Import> {
        let import = self.tenant(workspace_id, |tenant| imports::get(tenant, id))?;
        let caller = self.import_caller(workspace_id, None, &import)?;
        let mut begun = None;
        let now = crate::now();
        self.write(&caller, now, None, |unit| {
            let before = imports::lock(unit, id, None)?;
            before.check_unfinished()?;
            let after = Import {
                state: "running".to_owned(),
                rows_total: Some(rows),
                started_at: before.started_at.or(Some(now)),
                ..before.clone()
            };
            begun = Some(imports::save(unit, &before, after)?);
            Ok(Answer::default())
        })?;
        begun.ok_or_else(|| Error::Internal("import vanished".into()))
    }
}

const DRY: &str = "dry run";

/// Adds a batch to the import's figures.
fn progress(unit: &mut Unit<'_>, before: Import, tally: Tally) -> Result<Import> {
    let Tally { created, updated, unchanged, notes, rejected } = tally;
    let mut lines: Vec<u64> =
        rejected.iter().filter_map(|(faults, _)| faults.first().map(|fault| fault.line)).collect();
    lines.sort_unstable();
    lines.dedup();
    let refused = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    imports::reject(&mut unit.tenant, before.id, rejected)?;
    let done = created + updated + unchanged + refused;
    let after = Import {
        rows_done: before.rows_done + done,
        created: before.created + created,
        updated: before.updated + updated,
        unchanged: before.unchanged + unchanged,
        rejected: before.rejected + refused,
        notes: add_notes(&before.notes, &notes),
        ..before.clone()
    };
    // The feed tells of an import's beginning and end, and not of every batch.
    let events = unit.events.len();
    let after = imports::save(unit, &before, after)?;
    unit.events.truncate(events);
    Ok(after)
}

fn add_notes(before: &serde_json::Value, more: &BTreeMap<&'static str, i64>) -> serde_json::Value {
    let counted = |code: &str| {
        let notes = before.as_array().into_iter().flatten();
        let mut same = notes.filter(|note| note["code"] == code);
        same.next().and_then(|note| note["count"].as_i64()).unwrap_or(0)
    };
    let notes = NOTES.iter().filter_map(|(code, sentence)| {
        let count = counted(code) + more.get(code).copied().unwrap_or(0);
        (count > 0).then(|| {
            serde_json::json!({ "code": code, "count": count, "detail": format!("{count} {sentence}.") })
        })
    });
    notes.collect()
}

/// A batch in progress.
struct Run<'r, 'c> {
    unit: &'r mut Unit<'c>,
    plan: &'r Plan,
    import_id: Uuid,
    user_id: Option<Uuid>,
    process: Arc<Process>,
    rules: Rules,
}

impl<'r, 'c> Run<'r, 'c> {
    fn new(unit: &'r mut Unit<'c>, plan: &'r Plan, import: &Import) -> Result<Self> {
        let deal_type = deal_types::get(&mut unit.tenant, plan.spec.deal_type_id)?;
        let process = unit.process(deal_type.current_version_id)?;
        let rules = deal_type.rules()?;
        let user_id = unit.caller.user_id();
        Ok(Self { unit, plan, import_id: import.id, user_id, process, rules })
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            process: &self.process,
            rules: self.rules,
            settings: self.unit.caller.settings,
            now: self.unit.now,
            may_override: false,
        }
    }

    fn defaults(&self) -> Defaults {
        Defaults {
            id: Uuid::now_v7(),
            owner_id: self.user_id,
            external_source: self.plan.spec.external_source.clone(),
        }
    }

    fn actor(&self, user_id: Option<Uuid>, line: u64) -> Actor {
        Actor::Import { id: self.import_id, user_id: user_id.or(self.user_id), line }
    }

    fn deals(&mut self, rows: Vec<Read<DealRow>>, tally: &mut Tally) -> Result<()> {
        let mut names = Names::of_deals(rows.iter().map(|read| &read.row));
        names.resolve(self.unit, self.plan.spec.create_missing, |note| tally.note(note))?;
        let mut known = self.known(rows.iter().map(|read| read.row.external_id.clone()))?;
        for Read { row, cells } in rows {
            let named = match names.deal(&row) {
                Ok(named) => named,
                Err(faults) => {
                    tally.rejected.push((faults, cells));
                    continue;
                }
            };
            let place = known.get(&row.external_id).cloned();
            let ledger = place.as_ref().map(|place| place.ledger.clone());
            let process =
                place.as_ref().map_or_else(|| self.process.clone(), |place| place.process.clone());
            let facts = Facts { process: &process, ..self.facts() };
            match apply_deal(&row, &named, ledger, self.defaults(), &facts) {
                Err(refusal) => tally.refuse(cells, &refusal, |fault| row.rejection(fault)),
                Ok((ledger, outcome)) => {
                    tally.count(outcome);
                    if outcome == Outcome::Created {
                        note_gaps(&row, tally);
                    }
                    let actor = self.actor(None, row.line);
                    let place = Recordable::then(place, actor, ledger, process.clone());
                    known.insert(row.external_id, place);
                }
            }
        }
        deals::record(self.unit, known.into_values().collect())
    }

    fn cases(&mut self, cases: Vec<Vec<Read<EventRow>>>, tally: &mut Tally) -> Result<()> {
        let mut names = Names::of_events(cases.iter().flatten().map(|read| &read.row));
        names.resolve(self.unit, self.plan.spec.create_missing, |note| tally.note(note))?;
        let ids = cases.iter().filter_map(|case| case.first());
        let mut known = self.known(ids.map(|read| read.row.case_id.clone()))?;
        for case in cases {
            let Some(case_id) = case.first().map(|read| read.row.case_id.clone()) else { continue };
            let place = known.remove(&case_id);
            if let Some(place) = self.case(case, place, &names, tally) {
                known.insert(case_id, place);
            }
        }
        deals::record(self.unit, known.into_values().collect())
    }

    /// One case: its events in order, each taken or refused by itself.
    fn case(
        &self,
        case: Vec<Read<EventRow>>,
        mut place: Option<Recordable>,
        names: &Names,
        tally: &mut Tally,
    ) -> Option<Recordable> {
        let history = place.as_ref().map(|place| place.ledger.deal.last_occurred_at);
        let (mut rows, mut cells) = (Vec::new(), HashMap::new());
        for read in case {
            cells.insert(read.row.line, read.cells);
            rows.push(read.row);
        }
        let overruled = arrange(&mut rows);
        for row in rows {
            let cells = cells.remove(&row.line).unwrap_or_default();
            let passed_over = if row.target == Target::Ignore {
                Some("ignored_event")
            } else if overruled.contains(&row.line) {
                Some("overruled_outcome")
            } else if history.is_some_and(|history| row.occurred_at <= history) {
                Some("known_event")
            } else {
                None
            };
            if let Some(note) = passed_over {
                tally.note(note);
                tally.count(Outcome::Unchanged);
                continue;
            }
            let (named, user_id) = match names.event(&row, place.is_none()) {
                Ok(found) => found,
                Err(faults) => {
                    tally.rejected.push((faults, cells));
                    continue;
                }
            };
            let process =
                place.as_ref().map_or_else(|| self.process.clone(), |place| place.process.clone());
            let facts = Facts { process: &process, ..self.facts() };
            let ledger = place.as_ref().map(|place| place.ledger.clone());
            let actor = self.actor(user_id, row.line);
            match apply_event(&row, &named, ledger, self.defaults(), &facts) {
                Err(refusal) => tally.refuse(cells, &refusal, |fault| row.rejection(fault)),
                Ok((None, outcome)) => tally.count(outcome),
                Ok((Some(ledger), outcome)) => {
                    tally.count(outcome);
                    place = Some(Recordable::then(place.take(), actor, ledger, process.clone()));
                }
            }
        }
        place
    }

    /// Deals that exist already, by their external id, locked.
    fn known(&mut self, ids: impl Iterator<Item = String>) -> Result<HashMap<String, Recordable>> {
        let source = &self.plan.spec.external_source;
        let stored = deals::lock_external(self.unit, source, ids.collect())?;
        let actor = self.actor(None, 0);
        let known = stored.into_iter().filter_map(|stored| {
            let id = stored.deal.external_id.as_ref()?.id.clone();
            let ledger = Ledger::stored(stored.deal);
            Some((id, Recordable::by(actor, ledger, stored.process)))
        });
        Ok(known.collect())
    }
}

/// What a new deal's row leaves open.
fn note_gaps(row: &DealRow, tally: &mut Tally) {
    let closed = matches!(row.target, Some(Target::Won { .. } | Target::Lost { .. }));
    let undated =
        row.opened_at.is_none() && row.stage_entered_at.is_none() && row.closed_at.is_none();
    for (code, gap) in [
        ("without_client", row.client.is_none()),
        ("without_amount", row.amount.is_none()),
        ("opened_at_import", undated),
        ("closed_at_import", closed && row.closed_at.is_none()),
    ] {
        if gap {
            tally.note(code);
        }
    }
}
