//! Sheets are written whole to a temporary file before their first byte is sent: no socket holds a connection to the
//! database, and nothing is ever cut short.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
};

use actix_web::web;
use chrono_tz::Tz;
use voronka_persistence::Error;

use super::{
    format::Format,
    table::{Cell, Csv, Xlsx},
};
use crate::{
    http::{Responded, work::heavily},
    state::App,
};

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
    app.shelf.check(workspace_id, limit)?;
    let work = move || written(format, zone, &header, limit, rows);
    let file = heavily(app, workspace_id, work).await?;
    Ok(format.response().streaming(app.shelf.pieces(workspace_id, file)))
}

/// The same of CSV that somebody else writes.
pub async fn answer_text(
    app: &web::Data<App>,
    workspace_id: uuid::Uuid,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error> + Send + 'static,
) -> Responded {
    let limit = app.sheet_limit;
    app.shelf.check(workspace_id, limit)?;
    let work = move || {
        let mut file = Bounded::new(limit)?;
        write(&mut file)?;
        file.whole()
    };
    let file = heavily(app, workspace_id, work).await?;
    Ok(Format::Csv.response().streaming(app.shelf.pieces(workspace_id, file)))
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
        let file = tempfile::tempfile().map_err(|error| failed(&error))?;
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
