//! XLSX workbooks: one sheet, cell by cell, as CSV.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, Write},
};

use calamine::{DataRef, Reader, Xlsx, XlsxError};
use rust_decimal::{Decimal, prelude::FromPrimitive};

use crate::formula::harmless;

use super::{Fault, invalid, invalid_at, limits, parts, written};

/// As many as a workbook can have.
const ROWS: u32 = 1_048_576;

/// A sheet by its name, or else the first one.
pub fn to_csv(mut file: File, sheet: Option<&str>, limit: u64) -> Result<File, Fault> {
    parts::check(&mut file, limit)?;
    file.rewind()?;
    let mut workbook: Xlsx<_> =
        calamine::open_workbook_from_rs(BufReader::new(file)).map_err(|error| refused(&error))?;
    let names = workbook.sheet_names();
    let name = match sheet {
        Some(name) if names.iter().any(|other| other == name) => name.to_owned(),
        Some(_) => {
            let detail = format!("There is no such sheet; there are {}.", names.join(", "));
            return Err(invalid_at("/sheet", detail));
        }
        None => names.first().cloned().ok_or_else(|| invalid("The workbook has no sheet."))?,
    };
    written(limit, |writer| copy(&mut workbook, &name, writer))
}

fn refused(error: &XlsxError) -> Fault {
    match error {
        XlsxError::Password => invalid("The workbook is protected by a password."),
        error => invalid(format!("The workbook cannot be read: {error}.")),
    }
}

/// Row by row; rows without cells are empty lines, so that a line's number is its row's.
fn copy<R: Read + Seek>(
    workbook: &mut Xlsx<R>,
    name: &str,
    writer: &mut impl Write,
) -> Result<(), Fault> {
    let mut cells = workbook.worksheet_cells_reader(name).map_err(|error| refused(&error))?;
    let (mut row, mut written, mut width) = (Vec::new(), 0_u32, 0_usize);
    let mut bytes = 0_usize;
    loop {
        let cell = cells.next_cell().map_err(|error| refused(&error))?;
        let at = cell.as_ref().map(calamine::Cell::get_position);
        if at.is_none_or(|(line, _)| line != written) {
            width = width.max(row.len());
            put(writer, &mut row, width)?;
            bytes = 0;
            written = written.saturating_add(1);
            let Some((line, _)) = at else { return Ok(()) };
            if line >= ROWS {
                return Err(invalid("The workbook is damaged."));
            }
            while written < line {
                writeln!(writer)?;
                written += 1;
            }
        }
        let Some((cell, (_, column))) = cell.zip(at) else { return Ok(()) };
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        let value = cell.get_value();
        bytes = bytes.saturating_add(length(value));
        let line = u64::from(written).saturating_add(1);
        limits::check(line, column.saturating_add(1), length(value), bytes)?;
        let text = text(value);
        if !text.is_empty() {
            row.resize(row.len().max(column + 1), String::new());
            if let Some(place) = row.get_mut(column) {
                *place = text;
            }
        }
    }
}

/// Cells at a row's end that are empty are not in the file; every row is as wide as the widest so far.
fn put(writer: &mut impl Write, row: &mut Vec<String>, width: usize) -> Result<(), Fault> {
    if row.is_empty() {
        writeln!(writer)?;
        return Ok(());
    }
    row.resize(width, String::new());
    let mut line = csv::WriterBuilder::new().from_writer(&mut *writer);
    // Read as our own sheets are: what a cell of a workbook begins with stays.
    line.write_record(row.iter().map(|cell| harmless(cell).into_owned())).map_err(|error| {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            kind => io::Error::other(format!("{kind:?}")),
        }
    })?;
    line.flush()?;
    row.clear();
    Ok(())
}

/// Bytes of a text: it may stand in as many cells as one likes.
fn length(value: &DataRef<'_>) -> usize {
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.len()
        }
        DataRef::SharedString(text) => text.len(),
        _ => 0,
    }
}

/// What a person would type for the cell. A line break would shift the lines' numbers.
fn text(value: &DataRef<'_>) -> String {
    let text = match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => Decimal::from_f64(*number)
            .map_or_else(|| number.to_string(), |number| number.normalize().to_string()),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(value) if value.is_datetime() => {
            value.as_datetime().map_or_else(String::new, |at| {
                // A day's fraction is not exact to the second.
                let at = chrono::DurationRound::duration_round(at, chrono::TimeDelta::seconds(1))
                    .unwrap_or(at);
                let format = if at.time() == chrono::NaiveTime::MIN {
                    "%Y-%m-%d"
                } else {
                    "%Y-%m-%d %H:%M:%S"
                };
                at.format(format).to_string()
            })
        }
        DataRef::DateTime(value) => value.as_f64().to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.clone()
        }
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Error(error) => error.to_string(),
    };
    text.replace("\r\n", " ").replace(['\n', '\r'], " ")
}
