//! Tables for people and their spreadsheets: the same cells as CSV and as XLSX.

use std::io::{Seek, Write};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use rust_xlsxwriter::{ExcelDateTime, Format as Style, Workbook, XlsxError};
use voronka_domain::{Currency, kernel::money::format_amount};
use voronka_persistence::Error;

use super::format::Format;
use crate::{
    formula::harmless,
    http::spool::{failed, too_long},
};

/// A cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Empty,
    Text(String),
    Count(i64),
    /// 0..1, with up to 6 decimals.
    Ratio(f64),
    Seconds(f64),
    Money(Decimal, Currency),
    /// With the decimals that it has.
    Number(Decimal),
    Day(NaiveDate),
    Instant(DateTime<Utc>),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(count: i64) -> Self {
        Self::Count(count)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

impl Cell {
    pub fn ratio(value: Option<f64>) -> Self {
        value.map_or(Self::Empty, Self::Ratio)
    }

    pub fn seconds(value: Option<f64>) -> Self {
        value.map_or(Self::Empty, Self::Seconds)
    }

    /// As in JSON, instants in UTC; texts harmless to spreadsheets.
    fn into_text(self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => harmless(&text).into_owned(),
            Self::Count(count) => count.to_string(),
            Self::Ratio(number) | Self::Seconds(number) => number.to_string(),
            Self::Money(amount, currency) => format_amount(amount, currency),
            Self::Number(number) => number.to_string(),
            Self::Day(day) => day.to_string(),
            Self::Instant(at) => at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        }
    }
}

/// A small table as a whole.
pub fn write(
    format: Format,
    zone: Tz,
    header: &[&str],
    rows: impl Iterator<Item = Vec<Cell>>,
) -> Result<Vec<u8>, Error> {
    if format == Format::Xlsx {
        let mut sheet = Xlsx::new(header, zone)?;
        for row in rows {
            sheet.row(row)?;
        }
        let mut file = std::io::Cursor::new(Vec::new());
        sheet.save(&mut file)?;
        return Ok(file.into_inner());
    }
    let mut sheet = Csv::new(Vec::new(), header)?;
    for row in rows {
        sheet.row(row)?;
    }
    sheet.finish()
}

pub struct Csv<W: Write>(csv::Writer<W>);

impl<W: Write> Csv<W> {
    pub fn new(writer: W, header: &[&str]) -> Result<Self, Error> {
        let mut writer = csv::Writer::from_writer(writer);
        writer.write_record(header).map_err(internal)?;
        Ok(Self(writer))
    }

    pub fn row(&mut self, cells: Vec<Cell>) -> Result<(), Error> {
        self.0.write_record(cells.into_iter().map(Cell::into_text)).map_err(cut)
    }

    pub fn finish(self) -> Result<W, Error> {
        self.0.into_inner().map_err(|error| failed(error.error()))
    }
}

/// What a line of CSV could not be written for.
pub fn cut(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => failed(&error),
        kind => internal(format!("{kind:?}")),
    }
}

fn unwritten(error: XlsxError) -> Error {
    use std::error::Error as _;
    if let XlsxError::IoError(error) = &error {
        return failed(error);
    }
    // What packs the sheet says itself what the disk refused.
    match error.source().and_then(|source| source.downcast_ref::<std::io::Error>()) {
        Some(source) => failed(source),
        None => internal(error),
    }
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("report as a table: {error}"))
}

/// A workbook of one sheet, kept on disk while it grows. Numbers are numbers, instants are dates and
/// times of the workspace's zone, and the first row stays in sight with a filter for each column.
pub struct Xlsx {
    workbook: Workbook,
    zone: Tz,
    styles: Styles,
    widths: Vec<usize>,
    rows: u32,
    /// Bytes of text that it still takes.
    left: u64,
}

struct Styles {
    ratio: Style,
    number: Style,
    day: Style,
    instant: Style,
    /// By the currency's decimals.
    money: Vec<Style>,
}

/// What Excel takes, with the header.
const MOST_ROWS: u32 = 1_048_576;
const MOST_CHARACTERS: usize = 32_767;
const WIDEST: usize = 50;

impl Xlsx {
    pub fn new(header: &[&str], zone: Tz) -> Result<Self, Error> {
        let style = |code: &str| Style::new().set_num_format(code);
        let money = |decimals: usize| {
            let point = if decimals == 0 { "" } else { "." };
            style(&format!("#,##0{point}{}", "0".repeat(decimals)))
        };
        let styles = Styles {
            ratio: style("0.0%"),
            number: style("#,##0"),
            day: style("yyyy-mm-dd"),
            instant: style("yyyy-mm-dd hh:mm:ss"),
            money: (0..=4).map(money).collect(),
        };
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(internal)?;
        sheet.set_freeze_panes(1, 0).map_err(internal)?;
        let bold = Style::new().set_bold();
        for (column, name) in (0..).zip(header) {
            sheet.write_string_with_format(0, column, *name, &bold).map_err(internal)?;
        }
        let widths = header.iter().map(|name| name.chars().count()).collect();
        Ok(Self { workbook, zone, styles, widths, rows: 1, left: u64::MAX })
    }

    pub fn of_at_most(self, bytes: u64) -> Self {
        Self { left: bytes, ..self }
    }

    pub fn row(&mut self, cells: Vec<Cell>) -> Result<(), Error> {
        if self.rows >= MOST_ROWS {
            let detail =
                "A workbook has at most 1,048,576 rows: take CSV, or narrow it by filters.";
            return Err(Error::conflict("sheet_too_long", "/format", detail));
        }
        for (column, cell) in (0..).zip(cells) {
            let width = self.cell(column, cell).map_err(unwritten)?;
            let taken = u64::try_from(width).unwrap_or(u64::MAX);
            self.left = self.left.checked_sub(taken).ok_or_else(too_long)?;
            if let Some(widest) = self.widths.get_mut(usize::from(column)) {
                *widest = width.max(*widest);
            }
        }
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }

    /// Writes a cell, and says how wide it is.
    fn cell(&mut self, column: u16, cell: Cell) -> Result<usize, XlsxError> {
        let (row, styles) = (self.rows, &self.styles);
        let sheet = self.workbook.worksheet_from_index(0)?;
        let local = |at: DateTime<Utc>| at.with_timezone(&self.zone).naive_local();
        Ok(match cell {
            Cell::Empty => 0,
            Cell::Text(text) => {
                let text: String = text.chars().take(MOST_CHARACTERS).collect();
                sheet.write_string(row, column, &text)?;
                text.chars().count()
            }
            Cell::Count(count) => {
                sheet.write_number_with_format(row, column, count as f64, &styles.number)?;
                9
            }
            Cell::Seconds(seconds) => {
                sheet.write_number_with_format(row, column, seconds, &styles.number)?;
                12
            }
            Cell::Ratio(ratio) => {
                sheet.write_number_with_format(row, column, ratio, &styles.ratio)?;
                8
            }
            Cell::Money(amount, currency) => {
                let decimals = usize::try_from(currency.decimals().max(amount.normalize().scale()));
                let style = styles.money.get(decimals.unwrap_or(0)).unwrap_or(&styles.number);
                let amount = amount.to_f64().unwrap_or_default();
                sheet.write_number_with_format(row, column, amount, style)?;
                16
            }
            Cell::Number(number) => {
                sheet.write_number(row, column, number.to_f64().unwrap_or_default())?;
                12
            }
            Cell::Day(day) => {
                let day = ExcelDateTime::parse_from_str(&day.to_string())?;
                sheet.write_datetime_with_format(row, column, &day, &styles.day)?;
                10
            }
            Cell::Instant(at) => {
                let text = local(at).format("%Y-%m-%dT%H:%M:%S%.3f").to_string();
                let at = ExcelDateTime::parse_from_str(&text)?;
                sheet.write_datetime_with_format(row, column, &at, &styles.instant)?;
                19
            }
        })
    }

    pub fn save(mut self, file: &mut (impl Write + Seek + Send)) -> Result<(), Error> {
        let last = self.rows.saturating_sub(1);
        let sheet = self.workbook.worksheet_from_index(0).map_err(internal)?;
        for (column, width) in (0..).zip(&self.widths) {
            let width = (width + 3).min(WIDEST) as f64;
            sheet.set_column_width(column, width).map_err(internal)?;
        }
        let columns = u16::try_from(self.widths.len()).unwrap_or(u16::MAX);
        sheet.autofilter(0, 0, last, columns.saturating_sub(1)).map_err(internal)?;
        self.workbook.save_to_writer(file).map_err(unwritten)
    }
}
