//! One import: its rows are read by one thread while others take the batches before.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
    mpsc,
};

use csv::ByteRecord;
use uuid::Uuid;
use voronka_domain::{
    Fault,
    import::{ImportKind, Plan, Rejection, Spec},
    process::Process,
};
use voronka_persistence::{
    Error, Store, again,
    import::{
        imports::{Claim, Import},
        names::Names,
        rows as import_rows,
        run::{Batch, Read, Turn},
    },
};

use super::{
    file::{Pieces, delimiter},
    line::{Line, Source},
    plan,
};
use crate::import_file::{
    limits::{self, EVENT, EVENTS, ROWS},
    records::Records,
};

/// Most rows that are one transaction; calls hold whom they are of until it ends.
const BATCH: usize = 2_000;
const CALLS: usize = 50;
/// How often a batch is tried that others get in the way of, before it is taken in halves.
const ATTEMPTS: usize = 3;
/// With so many connections, an import may take two for writing.
const AMPLE: u32 = 8;
/// Rows after which the statistics of the tables are brought up to date; then after four times as many.
const ANALYZE_AFTER: i64 = 20_000;

pub(super) struct Job<'a> {
    store: &'a Store,
    workspace_id: Uuid,
    import: Import,
    names: Names,
    reading: Arc<Reading>,
    analyze_at: AtomicI64,
}

/// What the reading of rows depends on.
struct Reading {
    plan: Plan,
    process: Option<Arc<Process>>,
    columns: usize,
    delimiter: u8,
}

impl<'a> Job<'a> {
    pub fn new(store: &'a Store, claim: &Claim) -> Result<Self, Error> {
        let import = claim.import.clone();
        let spec: Spec = serde_json::from_value(import.spec.clone())
            .map_err(|error| Error::Internal(format!("spec of an import: {error}")))?;
        let header: Vec<String> = serde_json::from_value(import.header.clone())
            .map_err(|error| Error::Internal(format!("header of an import: {error}")))?;
        let delimiter = delimiter(&spec);
        let (plan, process) = plan(store, claim.workspace_id, spec, &header)?;
        let reading = Arc::new(Reading { plan, process, columns: header.len(), delimiter });
        Ok(Self {
            store,
            workspace_id: claim.workspace_id,
            import,
            names: Names::default(),
            reading,
            analyze_at: AtomicI64::new(ANALYZE_AFTER),
        })
    }

    /// True when it has ended, false when it was told to stop.
    pub fn run(mut self, stopping: &(dyn Fn() -> bool + Sync)) -> Result<bool, Error> {
        let rows = match self.import.rows_total {
            Some(rows) => rows,
            None => {
                self.rows().try_fold(0_i64, |count, row| row.map(|_| count.saturating_add(1)))?
            }
        };
        let Some(begun) = self.store.begin_import(self.workspace_id, self.import.id, rows)? else {
            return Ok(true);
        };
        self.import = begun;
        let done = self.import.rows_done;
        let ended = match self.reading.plan.spec.kind {
            ImportKind::StageEvents => {
                let read = self.import.rows_read;
                self.file(read, stopping)? && self.cases(stopping)?
            }
            _ => self.file(done, stopping)?,
        };
        if ended && self.import.rows_done >= ANALYZE_AFTER {
            self.store.analyze_imported()?;
        }
        Ok(ended)
    }

    fn rows(&self) -> impl Iterator<Item = Result<ByteRecord, Error>> + use<> {
        let pieces = Pieces::of(self.store, self.workspace_id, self.import.id);
        Records::of(pieces, self.reading.delimiter).rows()
    }

    /// Takes the rows of the file after the first `done`.
    fn file(&mut self, done: i64, stopping: &(dyn Fn() -> bool + Sync)) -> Result<bool, Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let rows = self.rows();
        let reading = self.reading.clone();
        let done = usize::try_from(done).unwrap_or(usize::MAX);
        let reader = std::thread::spawn(move || {
            // After an error there is nothing more: it may not be passed over with the rows.
            let left = rows.enumerate().filter(|(place, row)| *place >= done || row.is_err());
            let mut left = left.map(|(_, row)| row).peekable();
            while left.peek().is_some() {
                let rows: Result<Vec<_>, Error> =
                    batch(&mut left, reading.most()).map(|row| Ok(reading.read(&row?))).collect();
                // Whoever took the rows has stopped.
                if sender.send(rows).is_err() {
                    break;
                }
            }
        });
        let mut batches = receiver.into_iter();
        let ended = self.all(stopping, &mut || Ok(batches.next().transpose()?.map(Batch::Rows)));
        drop(batches);
        reader.join().map_err(|_| Error::Internal("the reader of a file panicked".to_owned()))?;
        ended
    }

    /// Takes the cases that were put together, in order of their ids.
    fn cases(&mut self, stopping: &(dyn Fn() -> bool + Sync)) -> Result<bool, Error> {
        let mut last = self.import.last_case.clone();
        if self.import.rows_read >= ANALYZE_AFTER && last.is_none() {
            self.store.analyze_imported()?;
        }
        let (store, workspace_id, id) = (self.store, self.workspace_id, self.import.id);
        if last.is_none() {
            let longer =
                store.tenant(workspace_id, |tenant| import_rows::longer(tenant, id, EVENTS));
            longer?.map_or(Ok(()), |case| Err(limits::too_many_events(&case)))?;
        }
        let reading = self.reading.clone();
        self.all(stopping, &mut || {
            let rows = store.tenant(workspace_id, |tenant| {
                import_rows::after(tenant, id, last.as_deref(), BATCH)
            })?;
            let mut cases: Vec<(String, Vec<Read>)> = Vec::new();
            for row in rows {
                let line = u64::try_from(row.line).unwrap_or_default();
                let read = reading.row(line, row.cells);
                match cases.last_mut() {
                    Some((case_id, rows)) if *case_id == row.case_id => rows.push(read),
                    _ => cases.push((row.case_id, vec![read])),
                }
            }
            last = cases.last().map(|(id, _)| id.clone()).or(last.take());
            Ok((!cases.is_empty()).then_some(Batch::Cases(cases)))
        })
    }

    /// Takes all batches: in line as long as that goes well, those that others are in the way of one by one.
    /// False if it was told to stop.
    fn all(
        &mut self,
        stopping: &(dyn Fn() -> bool + Sync),
        source: &mut Source<'_>,
    ) -> Result<bool, Error> {
        loop {
            let reading = self.reading.clone();
            let (place, at) = ((self.store, self.workspace_id), self.import.clone());
            let begun = (at, std::mem::take(&mut self.names));
            let line = Line::new(place, &reading.plan, begun, stopping, source);
            let (mut done, names) =
                line.run(self.abreast(), &|import| self.bring_up_to_date(import))?;
            (self.import, self.names) = (done.import.clone(), names);
            if done.cancelled {
                return Ok(true);
            }
            let failed = done.failed();
            if failed.is_empty() {
                return Ok(!done.stopped);
            }
            self.names.forget();
            for batch in failed {
                if !self.take(batch)? {
                    return Ok(true);
                }
            }
        }
    }

    /// Batches in progress at a time. Rows of other kinds than deals may be about what the batch before makes.
    fn abreast(&self) -> usize {
        let Spec { kind, dry_run, .. } = &self.reading.plan.spec;
        let apart = matches!(kind, ImportKind::Deals | ImportKind::StageEvents) && !dry_run;
        if apart && self.store.most_connections() >= AMPLE { 2 } else { 1 }
    }

    /// Brings the statistics of the tables up to date from time to time.
    fn bring_up_to_date(&self, import: &Import) -> Result<(), Error> {
        let done = import.rows_done;
        let due = |at: i64| {
            (done >= at && !self.reading.plan.spec.dry_run).then_some(done.saturating_mul(4))
        };
        match self.analyze_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due) {
            Ok(_) => self.store.analyze_imported(),
            Err(_) => Ok(()),
        }
    }

    /// Takes a batch, in halves if others are in its way; a row that cannot be taken by itself is refused.
    /// False if the import was cancelled.
    fn take(&mut self, batch: Batch) -> Result<bool, Error> {
        let mut waiting = vec![batch];
        while let Some(mut batch) = waiting.pop() {
            let mut attempt = 1;
            let taken = loop {
                match again(|| self.try_take(&batch)) {
                    Err(Error::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
                    taken => break taken,
                }
            };
            match taken {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(Error::Conflict { .. }) if batch.len() > 1 => {
                    let half = batch.len() / 2;
                    let (first, rest) = batch.split(half);
                    waiting.extend([rest, first]);
                }
                Err(Error::Conflict { code, pointer, detail }) => {
                    batch.refuse(&Fault::new(pointer, code, detail));
                    waiting.push(batch);
                }
                Err(error) => return Err(error),
            }
        }
        self.bring_up_to_date(&self.import)?;
        Ok(true)
    }

    fn try_take(&mut self, batch: &Batch) -> Result<bool, Error> {
        let Self { store, workspace_id, import, names, reading, .. } = self;
        let turn = Turn::new(import.clone(), None);
        let after = store.import_batch(*workspace_id, turn, &reading.plan, &mut *names, batch);
        // What was made is not there after all.
        let after = after.inspect_err(|_| names.forget())?;
        let there = after.is_some();
        if let Some(after) = after {
            *import = after;
        }
        Ok(there)
    }
}

impl Reading {
    fn most(&self) -> usize {
        if self.plan.spec.kind == ImportKind::Calls { CALLS } else { BATCH }
    }

    /// A record as a row, or its faults; with its cells.
    fn read(&self, record: &ByteRecord) -> Read {
        let line = record.position().map_or(0, csv::Position::line);
        let whole = record.iter().all(|cell| std::str::from_utf8(cell).is_ok());
        let cells = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
        let kept_aside = self.plan.spec.kind == ImportKind::StageEvents;
        let fault = if kept_aside && record.as_slice().len() > EVENT {
            let reason = format!("An event has at most {EVENT} bytes.");
            Rejection::new(line, "", "row_too_long", reason)
        } else if whole {
            return self.row(line, cells);
        } else {
            Rejection::new(line, "", "invalid_utf8", "The row is not UTF-8.")
        };
        Read { row: Err(vec![fault]), cells: printable(cells) }
    }

    fn row(&self, line: u64, cells: Vec<String>) -> Read {
        let stages = self.process.as_ref().map_or(&[][..], |process| &process.stages);
        let row = if cells.len() == self.columns {
            self.plan.read(line, &cells, stages)
        } else {
            let (count, columns) = (cells.len(), self.columns);
            let reason = format!("The row has {count} cells, the header has {columns}.");
            Err(vec![Rejection::new(line, "", "wrong_cell_count", reason)])
        };
        Read { row, cells: printable(cells) }
    }
}

/// Rows that are one transaction: fewer, if they are long.
fn batch(
    rows: &mut impl Iterator<Item = Result<ByteRecord, Error>>,
    most: usize,
) -> impl Iterator<Item = Result<ByteRecord, Error>> {
    let mut room = ROWS;
    let next = std::iter::from_fn(move || {
        let row = (room > 0).then(|| rows.next()).flatten()?;
        let weight = |row: &ByteRecord| row.as_slice().len() + row.len() * size_of::<String>();
        room = room.saturating_sub(row.as_ref().map_or(0, weight));
        Some(row)
    });
    next.take(most)
}

/// Postgres keeps no NUL.
fn printable(mut cells: Vec<String>) -> Vec<String> {
    for cell in cells.iter_mut().filter(|cell| cell.contains('\0')) {
        *cell = cell.replace('\0', "\u{fffd}");
    }
    cells
}
