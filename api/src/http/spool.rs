//! Sheets are written whole to a temporary file before their first byte is sent: no socket holds a connection to the
//! database, and nothing is ever cut short.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    sync::Arc,
};

use actix_web::web::{self, Bytes};
use chrono_tz::Tz;
use futures_util::Stream;
use uuid::Uuid;
use voronka_persistence::Error;

use super::{
    Problem, Responded,
    format::Format,
    table::{Cell, Csv, Xlsx},
    work::reading,
};
use crate::state::App;

/// Takes a row.
pub type Take<'t> = &'t mut dyn FnMut(Vec<Cell>) -> Result<(), Error>;

/// Answers the rows that `rows` gives, as a sheet, for which it waits for a place. What fails is a problem.
pub async fn answer(
    app: &web::Data<App>,
    workspace_id: uuid::Uuid,
    (format, zone): (Format, Tz),
    header: Vec<String>,
    rows: impl FnOnce(Take<'_>) -> Result<(), Error> + Send + 'static,
) -> Responded {
    let limit = app.sheet_limit;
    let work = move || written(format, zone, &header, limit, rows);
    Ok(format.response().streaming(shelved(app, workspace_id, work).await?))
}

/// The same of CSV that somebody else writes.
pub async fn answer_text(
    app: &web::Data<App>,
    workspace_id: uuid::Uuid,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error> + Send + 'static,
) -> Responded {
    let limit = app.sheet_limit;
    let work = move || {
        let mut file = Bounded::new(limit)?;
        write(&mut file)?;
        file.whole()
    };
    Ok(Format::Csv.response().streaming(shelved(app, workspace_id, work).await?))
}

/// The pieces of a sheet that `work` writes, if there is room for it.
async fn shelved<W: FnOnce() -> Result<File, Error> + Send + 'static>(
    app: &web::Data<App>,
    workspace_id: Uuid,
    work: W,
) -> Result<impl Stream<Item = io::Result<Bytes>> + use<W>, Problem> {
    app.shelf.check(workspace_id, app.sheet_limit)?;
    let place = Arc::new(app.heavy.place(workspace_id).await?);
    // Others have been written while it waited. Its own place is kept until it lies there itself.
    app.shelf.check(workspace_id, app.sheet_limit)?;
    let held = place.clone();
    let file = reading(&app.shares, workspace_id, move || {
        let _held = held;
        work()
    });
    let pieces = app.shelf.pieces(workspace_id, file.await?);
    drop(place);
    Ok(pieces)
}

fn written(
    format: Format,
    zone: Tz,
    header: &[String],
    limit: u64,
    rows: impl FnOnce(Take<'_>) -> Result<(), Error>,
) -> Result<File, Error> {
    let header: Vec<_> = header.iter().map(String::as_str).collect();
    let mut file = Bounded::new(limit)?;
    if format == Format::Csv {
        let mut sheet = Csv::new(&mut file, &header)?;
        rows(&mut |cells| sheet.row(cells))?;
        sheet.finish()?;
    } else {
        let mut sheet = Xlsx::new(&header, zone)?.of_at_most(limit);
        rows(&mut |cells| sheet.row(cells))?;
        sheet.save(&mut file)?;
    }
    file.whole()
}

/// What has become of a sheet that could not be written.
pub fn failed(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::FileTooLarge => too_long(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Disk(error.to_string()),
        _ => Error::Internal(format!("sheet: {error}")),
    }
}

pub fn too_long() -> Error {
    let detail = "The sheet is longer than the server writes: narrow it by filters, such as a period of \
                  updated_at or created_at, or page through the list as JSON.";
    Error::conflict("sheet_too_long", "", detail)
}

/// A file that takes so much and no more.
struct Bounded {
    file: BufWriter<File>,
    left: u64,
}

impl Bounded {
    fn new(limit: u64) -> Result<Self, Error> {
        let file = tempfile::tempfile().map_err(|error| Error::Disk(error.to_string()))?;
        Ok(Self { file: BufWriter::new(file), left: limit })
    }

    /// All that was written, from its beginning.
    fn whole(self) -> Result<File, Error> {
        let mut file = self.file.into_inner().map_err(|error| failed(error.error()))?;
        file.seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
        Ok(file)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or(io::ErrorKind::FileTooLarge)?;
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What takes nothing any more.
    fn on_a_full_disk() -> Bounded {
        let file = File::options().read(true).write(true).open("/dev/full").unwrap();
        Bounded { file: BufWriter::new(file), left: u64::MAX }
    }

    /// Rows of which none is like another, so that packing makes little of them.
    fn rows(many: u64) -> impl Iterator<Item = Vec<Cell>> {
        let text = |n: u64| Cell::Text(format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        (0..many).map(move |n| vec![text(2 * n), text(2 * n + 1)])
    }

    /// As [`written`] does it.
    fn csv(many: u64) -> Result<File, Error> {
        let mut file = on_a_full_disk();
        let mut sheet = Csv::new(&mut file, &["one", "other"])?;
        rows(many).try_for_each(|row| sheet.row(row))?;
        sheet.finish()?;
        file.whole()
    }

    fn xlsx(many: u64) -> Result<File, Error> {
        let mut file = on_a_full_disk();
        let mut sheet = Xlsx::new(&["one", "other"], Tz::UTC)?.of_at_most(u64::MAX);
        rows(many).try_for_each(|row| sheet.row(row))?;
        sheet.save(&mut file)?;
        file.whole()
    }

    /// It passes, and is no fault of ours: whatever is being written when as much has come as is kept in memory, the
    /// beginning of a part of a workbook, its text, its end or the list of its parts.
    fn assert_passes(sheet: fn(u64) -> Result<File, Error>) {
        for many in (0..400).chain([20_000]) {
            let error = sheet(many).expect_err("it cannot be written");
            assert!(matches!(error, Error::Disk(_)), "{many} rows: {error:?}");
            assert_eq!(Problem::from(error).response("id").status(), 503, "{many} rows");
        }
    }

    #[test]
    fn csv_that_finds_the_disk_full_is_unavailable() {
        assert_passes(csv);
    }

    #[test]
    fn a_workbook_that_finds_the_disk_full_is_unavailable() {
        assert_passes(xlsx);
    }
}
