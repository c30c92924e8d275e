//! The worker that carries out imports, one after the other.

use std::{
    io::{self, Read},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use uuid::Uuid;
use voronka_domain::{
    Refusal,
    import::{EventRow, Kind, Plan, Rejection, Row, Spec, by_case},
    process::Process,
};
use voronka_persistence::{
    Error, Store,
    import_run::{Batch, Read as ReadRow},
    imports::{self, Claim, Import},
    now,
};

/// Rows, or rows of whole cases, that are one transaction.
const BATCH: usize = 500;
/// How often an import tries again that others get in the way of.
const ATTEMPTS: usize = 5;
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
pub fn run_one(store: &Store, stopping: &dyn Fn() -> bool) -> Result<bool, Error> {
    let Some(claim) = store.claim_import()? else { return Ok(false) };
    let mut outcome = carry_out(store, &claim, stopping);
    for _ in 1..ATTEMPTS {
        if !matches!(outcome, Err(Error::Conflict { .. })) {
            break;
        }
        // Somebody made the same thing at the same moment: the batch, done anew, finds it.
        outcome = carry_out(store, &claim, stopping);
    }
    match outcome {
        Ok(true) => store.finish_import(claim, now(), None)?,
        Ok(false) => return Ok(false),
        // The database is away, or somebody is in the way: it goes on later. Anything else would happen
        // again, and would hold up every import behind this one.
        Err(error @ (Error::Unavailable(_) | Error::Busy)) => return Err(error),
        Err(error) => store.finish_import(claim, now(), Some(reason(&error)))?,
    }
    Ok(true)
}

fn carry_out(store: &Store, claim: &Claim, stopping: &dyn Fn() -> bool) -> Result<bool, Error> {
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

struct Job<'a> {
    store: &'a Store,
    workspace_id: Uuid,
    import: Import,
    plan: Plan,
    process: Arc<Process>,
    delimiter: u8,
}

impl<'a> Job<'a> {
    fn new(store: &'a Store, claim: &Claim) -> Result<Self, Error> {
        let import = claim.import.clone();
        let spec: Spec = serde_json::from_value(import.spec.clone())
            .map_err(|error| Error::Internal(format!("spec of an import: {error}")))?;
        let header: Vec<String> = serde_json::from_value(import.header.clone())
            .map_err(|error| Error::Internal(format!("header of an import: {error}")))?;
        let delimiter = delimiter(&spec);
        let (plan, process) = plan(store, claim.workspace_id, spec, &header)?;
        Ok(Self { store, workspace_id: claim.workspace_id, import, plan, process, delimiter })
    }

    /// True when it is done, false when it was told to stop.
    fn run(mut self, stopping: &dyn Fn() -> bool) -> Result<bool, Error> {
        let rows = self.records()?.byte_records().count();
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.import = self.store.begin_import(self.workspace_id, self.import.id, rows)?;
        match self.plan.spec.kind {
            Kind::Deals => self.deals(stopping),
            Kind::StageEvents => self.cases(stopping),
        }
    }

    fn records(&self) -> Result<csv::Reader<impl Read + use<>>, Error> {
        let pieces = Pieces {
            store: self.store.clone(),
            workspace_id: self.workspace_id,
            import_id: self.import.id,
            number: 0,
            bytes: io::Cursor::new(Vec::new()),
        };
        Ok(reader(Newlines::of(pieces), self.delimiter))
    }

    /// A record as a row, or its faults; with its cells.
    fn read(&self, record: Result<csv::ByteRecord, csv::Error>) -> Result<Taken, Error> {
        let record = record.map_err(|error| Error::Unavailable(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells: Vec<String> =
            record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
        let columns = self.import.header.as_array().map_or(0, Vec::len);
        let refuse = |code, reason: String| vec![Rejection::new(line, "", code, reason)];
        let row = if record.iter().any(|cell| std::str::from_utf8(cell).is_err()) {
            Err(refuse("invalid_utf8", "The row is not UTF-8.".to_owned()))
        } else if cells.len() != columns {
            let reason = format!("The row has {} cells, the header has {columns}.", cells.len());
            Err(refuse("wrong_cell_count", reason))
        } else {
            self.plan.read(line, &cells, &self.process)
        };
        let cells = cells.into_iter().map(|cell| cell.replace('\0', "\u{fffd}")).collect();
        Ok((row, cells))
    }

    fn take(
        &mut self,
        batch: Batch,
        unread: Vec<(Vec<Rejection>, Vec<String>)>,
    ) -> Result<(), Error> {
        self.import =
            self.store.import_batch(self.workspace_id, &self.import, &self.plan, batch, unread)?;
        Ok(())
    }

    fn deals(&mut self, stopping: &dyn Fn() -> bool) -> Result<bool, Error> {
        // A dry run is one batch, so that a row can be seen to repeat an earlier one.
        let size = if self.plan.spec.dry_run { usize::MAX } else { BATCH };
        let done = usize::try_from(self.import.rows_done).unwrap_or(usize::MAX);
        let mut records = self.records()?;
        let mut records = records.byte_records().skip(done).peekable();
        while records.peek().is_some() {
            if stopping() {
                return Ok(false);
            }
            let (mut rows, mut unread) = (Vec::new(), Vec::new());
            for record in records.by_ref().take(size) {
                match self.read(record)? {
                    (Ok(Row::Deal(row)), cells) => rows.push(ReadRow { row, cells }),
                    (Ok(Row::Event(_)), _) => {}
                    (Err(faults), cells) => unread.push((faults, cells)),
                }
            }
            self.take(Batch::Deals(rows), unread)?;
        }
        Ok(true)
    }

    /// Cases are taken whole: their events may stand anywhere in the file, so it is read to the end first.
    fn cases(&mut self, stopping: &dyn Fn() -> bool) -> Result<bool, Error> {
        let mut done = usize::try_from(self.import.rows_done).unwrap_or(usize::MAX);
        let (mut rows, mut cells, mut unread) =
            (Vec::new(), std::collections::HashMap::new(), vec![]);
        for record in self.records()?.byte_records() {
            match self.read(record)? {
                (Ok(Row::Event(row)), texts) => {
                    cells.insert(row.line, texts);
                    rows.push(row);
                }
                (Ok(Row::Deal(_)), _) => {}
                (Err(faults), texts) => unread.push((faults, texts)),
            }
        }
        if done == 0 && !unread.is_empty() {
            self.take(Batch::Cases(Vec::new()), std::mem::take(&mut unread))?;
        } else {
            done = done.saturating_sub(unread.len());
        }
        let mut with_cells = |row: EventRow| {
            let cells = cells.remove(&row.line).unwrap_or_default();
            ReadRow { row, cells }
        };
        let mut batch: Vec<Vec<ReadRow<EventRow>>> = Vec::new();
        let mut size = 0_usize;
        for case in by_case(rows) {
            if done >= case.len() {
                done -= case.len();
                continue;
            }
            size = size.saturating_add(case.len());
            batch.push(case.into_iter().map(&mut with_cells).collect());
            if size >= BATCH && !self.plan.spec.dry_run {
                if stopping() {
                    return Ok(false);
                }
                self.take(Batch::Cases(std::mem::take(&mut batch)), Vec::new())?;
                size = 0;
            }
        }
        self.take(Batch::Cases(batch), Vec::new())?;
        Ok(true)
    }
}

type Taken = (Result<Row, Vec<Rejection>>, Vec<String>);

/// A spec against a header, with the process that its stages are of.
pub fn plan(
    store: &Store,
    workspace_id: Uuid,
    spec: Spec,
    header: &[String],
) -> Result<(Plan, Arc<Process>), Error> {
    let (process, settings) = store.tenant(workspace_id, |tenant| {
        let deal_type = voronka_persistence::deal_types::get(tenant, spec.deal_type_id)
            .map_err(|error| error.or_unknown("/deal_type_id", "deal type"))?;
        let settings = voronka_persistence::workspaces::get(tenant)?.settings()?;
        Ok((store.process(tenant, deal_type.current_version_id)?, settings))
    })?;
    let keys: Vec<_> = process.stages.iter().map(|stage| stage.key.as_str()).collect();
    let plan = spec.plan(header, &keys, settings.time_zone, settings.currency)?;
    Ok((plan, process))
}

/// A CSV reader as imports read files: ragged rows are theirs to judge.
pub fn reader<R: Read>(file: R, delimiter: u8) -> csv::Reader<R> {
    csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(file)
}

/// What the spec says; the comma by default.
pub fn delimiter(spec: &Spec) -> u8 {
    spec.delimiter.and_then(|c| u8::try_from(c).ok()).unwrap_or(b',')
}

/// Ends every line with a line feed, whatever ended it before: so that lines are counted as editors do.
/// What stands in quotes stays as it is.
struct Newlines<R> {
    file: R,
    after_return: bool,
    quoted: bool,
}

impl<R> Newlines<R> {
    fn of(file: R) -> Self {
        Self { file, after_return: false, quoted: false }
    }
}

impl<R: Read> Read for Newlines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.file.read(buffer)?;
            let mut kept = 0;
            for index in 0..count {
                let Some(byte) = buffer.get(index).copied() else { break };
                self.quoted ^= byte == b'"';
                let second = byte == b'\n' && self.after_return;
                self.after_return = byte == b'\r' && !self.quoted;
                if second {
                    continue;
                }
                if let Some(place) = buffer.get_mut(kept) {
                    *place = if self.after_return { b'\n' } else { byte };
                }
                kept += 1;
            }
            // Nothing but the second half of a line's end: that is not the end of the file.
            if kept > 0 || count == 0 {
                return Ok(kept);
            }
        }
    }
}

/// The pieces of an import's file, one at a time.
struct Pieces {
    store: Store,
    workspace_id: Uuid,
    import_id: Uuid,
    number: i32,
    bytes: io::Cursor<Vec<u8>>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.bytes.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let (import_id, number) = (self.import_id, self.number);
            let next = self
                .store
                .tenant(self.workspace_id, |tenant| imports::chunk(tenant, import_id, number))
                .map_err(io::Error::other)?;
            let Some(bytes) = next else { return Ok(0) };
            self.number += 1;
            // Excel begins its UTF-8 with a mark that is no part of the first column's name.
            let skip = if number == 0 && bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            self.bytes = io::Cursor::new(bytes);
            self.bytes.set_position(skip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_alike() {
        for size in 1..5 {
            let file = &b"a\r\nb\rc\n\n\"d\r\n\"\r\n"[..];
            let mut text = String::new();
            let mut lines = Newlines::of(io::BufReader::with_capacity(size, file));
            lines.read_to_string(&mut text).unwrap();
            assert_eq!(text, "a\nb\nc\n\n\"d\r\n\"\n", "{size}");
        }
    }
}
