//! Lists as sheets: whole, as CSV or XLSX, with a column for each custom field.

use std::io::{self, Seek, SeekFrom, Write};

use actix_web::web::Bytes;
use chrono::NaiveDate;
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value as Json;
use tokio::sync::mpsc;
use voronka_domain::{
    Currency,
    custom_field::{CustomField, Entity, FieldType},
};
use voronka_persistence::{
    Caller, Error, Tenant,
    list::{Page, Query, Spec},
};

use super::reports::{
    format::{Format, TABLES},
    table::{Cell, Csv, Xlsx},
};
use crate::{
    http::{
        Call, Problem, Responded,
        call::{Needs, block},
        page::with_customs,
        search::Search,
    },
    state::App,
};

/// Rows that are read at once.
const ROWS: i64 = 1_000;

/// How the things of a list are rows of a sheet.
pub struct Sheet<R: 'static> {
    pub list: &'static Spec,
    pub entity: Entity,
    pub header: &'static [&'static str],
    pub page: fn(&mut Tenant<'_>, &Caller, Query) -> Result<Page<R>, Error>,
    pub custom: fn(&R) -> &Json,
    pub cells: fn(R, Currency) -> Vec<Cell>,
}

impl<P: Needs> Call<P> {
    /// Answers a list: a page of it as JSON, or all of it as a sheet.
    pub async fn page_or_sheet<T: Serialize + Send + 'static, R>(
        mut self,
        page: impl FnOnce(&mut Tenant<'_>, &App, &Caller, Query) -> Result<Page<T>, Error>
        + Send
        + 'static,
        sheet: &'static Sheet<R>,
    ) -> Responded {
        let format = self.table_or_json()?;
        if format == Format::Json {
            return self.page(sheet.list, page).await;
        }
        let pairs = self.pairs()?;
        self.whole(format, sheet, move |tenant, app, caller| {
            with_customs(tenant, app, caller, sheet.list, &pairs)
        })
        .await
    }

    /// Answers a search: a page of what it finds as JSON, or all of it as a sheet.
    pub async fn search_or_sheet<T: Serialize + Send + 'static, R>(
        mut self,
        search: Search,
        page: impl FnOnce(&mut Tenant<'_>, &App, &Caller, Query) -> Result<Page<T>, Error>
        + Send
        + 'static,
        sheet: &'static Sheet<R>,
    ) -> Responded {
        let format = self.table_or_json()?;
        self.no_parameters()?;
        if format == Format::Json {
            return self.search(sheet.list, search, page).await;
        }
        let search = Search { count: false, ..search };
        self.whole(format, sheet, move |tenant, app, caller| {
            Ok(search.query(tenant, app, caller, sheet.list)?.0)
        })
        .await
    }

    fn table_or_json(&mut self) -> Result<Format, Problem> {
        match self.take("format")? {
            Some(word) => Format::choose(TABLES, Some(&word), ""),
            // Whoever asks for something else altogether gets JSON, as from every list.
            None => Ok(Format::choose(TABLES, None, &self.accept).unwrap_or(Format::Json)),
        }
    }

    async fn whole<R>(
        self,
        format: Format,
        sheet: &'static Sheet<R>,
        read: impl FnOnce(&mut Tenant<'_>, &App, &Caller) -> Result<Query, Error> + Send + 'static,
    ) -> Responded {
        let Self { app, caller, .. } = self;
        // What can be wrong is found before the answer begins.
        let (app, caller, mut query, customs) = block(move || {
            let (query, customs) = app.store.read(&caller, |tenant| {
                let query = read(tenant, &app, &caller)?;
                Ok::<_, Error>((query, Customs::load(tenant, &app, sheet.entity)?))
            })?;
            Ok((app, caller, query, customs))
        })
        .await?;
        query.limit = ROWS;
        let header = customs.header(sheet.header).collect();
        let base = caller.settings.currency;
        answer(format, caller.settings.time_zone, header, move |row| {
            app.store.snapshot(&caller, |tenant| {
                let mut next = Some(query);
                while let Some(query) = next {
                    let page = (sheet.page)(tenant, &caller, query.clone())?;
                    for item in page.items {
                        let custom = customs.cells((sheet.custom)(&item));
                        row((sheet.cells)(item, base).into_iter().chain(custom).collect())?;
                    }
                    next = page.next.and_then(|cursor| query.after(sheet.list, &cursor));
                }
                Ok(())
            })
        })
        .await
    }
}

/// The custom fields that are columns: those in use.
pub struct Customs(Vec<CustomField>);

impl Customs {
    pub fn load(tenant: &mut Tenant<'_>, app: &App, entity: Entity) -> Result<Self, Error> {
        let fields = app.store.load_custom_fields(tenant)?;
        let live = fields.iter().filter(|field| field.entity == entity && !field.archived);
        Ok(Self(live.cloned().collect()))
    }

    pub fn header(&self, own: &'static [&'static str]) -> impl Iterator<Item = String> {
        let own = own.iter().map(|name| (*name).to_owned());
        own.chain(self.0.iter().map(|field| format!("custom.{}", field.key)))
    }

    pub fn cells(&self, values: &Json) -> Vec<Cell> {
        self.0.iter().map(|field| cell(field.field_type, &values[&field.key])).collect()
    }
}

/// A value as it is kept. Several choices are separated by commas.
fn cell(field_type: FieldType, value: &Json) -> Cell {
    let text = value.as_str();
    match (field_type, value) {
        (_, Json::Null) => Cell::Empty,
        (FieldType::Date, _) => {
            text.and_then(|day| day.parse::<NaiveDate>().ok()).map_or(Cell::Empty, Cell::Day)
        }
        (FieldType::Number, _) => {
            text.and_then(|n| n.parse::<Decimal>().ok()).map_or(Cell::Empty, Cell::Number)
        }
        (_, Json::Object(money)) => {
            let part = |name| money.get(name).and_then(Json::as_str).unwrap_or_default();
            format!("{} {}", part("amount"), part("currency")).into()
        }
        (_, Json::Array(choices)) => {
            let choices: Vec<_> = choices.iter().filter_map(Json::as_str).collect();
            choices.join(", ").into()
        }
        (_, value) => text.map_or_else(|| value.to_string(), str::to_owned).into(),
    }
}

/// Takes a row.
pub type Take<'t> = &'t mut dyn FnMut(Vec<Cell>) -> Result<(), Error>;

/// Answers the rows that `rows` gives: as CSV while they are read, as a workbook when it is whole. What fails
/// before anything is sent is a problem.
pub async fn answer(
    format: Format,
    zone: Tz,
    header: Vec<String>,
    rows: impl FnOnce(Take<'_>) -> Result<(), Error> + Send + 'static,
) -> Responded {
    let stopped = |error: io::Error| Error::Internal(error.to_string());
    if format == Format::Csv {
        let pieces = piped(move |pipe| {
            let header: Vec<_> = header.iter().map(String::as_str).collect();
            let mut sheet = Csv::new(pipe, &header)?;
            rows(&mut |cells| sheet.row(cells))?;
            sheet.finish()?.send().map_err(stopped)
        });
        return Ok(format.response().streaming(begun(pieces).await?));
    }
    let mut file = block(move || {
        let header: Vec<_> = header.iter().map(String::as_str).collect();
        let mut sheet = Xlsx::new(&header, zone)?;
        rows(&mut |cells| sheet.row(cells))?;
        let mut file = tempfile::tempfile().map_err(stopped)?;
        sheet.save(&mut file)?;
        file.seek(SeekFrom::Start(0)).map_err(stopped)?;
        Ok(file)
    })
    .await?;
    let pieces = piped(move |mut pipe| {
        io::copy(&mut file, &mut pipe).and_then(|_| pipe.send()).map_err(stopped)
    });
    Ok(format.response().streaming(begun(pieces).await?))
}

/// Carries what a thread writes to the answer, as fast as that is read.
struct Pipe {
    sender: mpsc::Sender<Result<Bytes, Error>>,
    buffer: Vec<u8>,
}

const PIECE: usize = 1 << 16;

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    /// A writer that is dropped after an error flushes as well: what there is waits for more, or the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Pipe {
    fn send(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// The pieces of what a thread writes, and what it fails with.
fn piped(
    work: impl FnOnce(Pipe) -> Result<(), Error> + Send + 'static,
) -> mpsc::Receiver<Result<Bytes, Error>> {
    let (sender, receiver) = mpsc::channel(4);
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || {
        let pipe = Pipe { sender: sender.clone(), buffer: Vec::new() };
        if let Err(error) = span.in_scope(|| work(pipe)) {
            // Where nobody reads any more, nobody is told.
            sender.blocking_send(Err(error)).ok();
        }
    });
    receiver
}

/// A stream of the pieces, once the first one is there. If it fails later, the answer breaks off, and cannot
/// pass for whole.
async fn begun(
    mut pieces: mpsc::Receiver<Result<Bytes, Error>>,
) -> Result<impl futures_util::Stream<Item = io::Result<Bytes>>, Problem> {
    let first = pieces.recv().await.transpose()?;
    Ok(futures_util::stream::unfold((first, pieces), |(first, mut pieces)| async move {
        let piece = match first {
            Some(piece) => Ok(piece),
            None => pieces.recv().await?.map_err(|error| {
                tracing::warn!(%error, "a list was not sent to its end");
                io::Error::other("broken off")
            }),
        };
        Some((piece, (None, pieces)))
    }))
}
