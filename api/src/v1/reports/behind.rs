//! The deals behind a figure: a page of them as JSON, all of them as CSV or XLSX.

use std::io::{self, Seek, SeekFrom, Write};

use actix_web::web::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;
use voronka_domain::Currency;
use voronka_persistence::{
    Caller, Error, Tenant,
    list::{self, Page},
    reports::{
        Alignment,
        behind::{self, Counted, Figure, Line},
    },
};

use super::{
    format::Format,
    table::{Cell, Csv, Xlsx},
};
use crate::{
    http::{
        Call, Responded,
        call::{DealsRead, block},
    },
    page_of,
    state::App,
    v1::deals::{DealBody, MoneyBody},
};

/// A deal that a figure counts.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = FigureDeal)]
pub struct FigureDealBody {
    /// How often it counts: once, or with each of its visits.
    #[schema(example = 1)]
    pub counted: i64,
    /// Its amount in the figure: in an open funnel that of the instant.
    pub counted_amount: MoneyBody,
    /// The deal as it is now.
    #[serde(flatten)]
    pub deal: DealBody,
}

page_of!(FigureDealPage, FigureDealBody);

impl FigureDealBody {
    fn new(counted: Counted, base: Currency) -> Self {
        Self {
            counted: counted.times,
            counted_amount: MoneyBody::new(counted.amount, base),
            deal: DealBody::new(counted.stored, base),
        }
    }
}

/// The position of a stage in the current process.
pub fn position(alignment: &Alignment, stage_key: Option<&str>) -> Result<i16, Error> {
    let stage = stage_key.and_then(|key| alignment.process.by_key(key));
    stage.map(|stage| stage.position).ok_or(Error::NotFound("stage"))
}

/// Answers the deals of a figure. `figure` reads what it takes from the database.
pub async fn answer<F: Figure + Send + 'static>(
    call: Call<DealsRead>,
    format: Format,
    query: list::Query,
    figure: impl FnOnce(&mut Tenant<'_>, &App) -> Result<F, Error> + Send + 'static,
) -> Responded {
    if format == Format::Json {
        return call
            .page_of(query, |tenant, app, caller, query| {
                let figure = figure(tenant, app)?;
                let Page { items, next } =
                    app.store.deals_behind(tenant, &caller.visibility, &figure, query)?;
                let base = caller.settings.currency;
                let body = |counted| FigureDealBody::new(counted, base);
                Ok(Page { items: items.into_iter().map(body).collect(), next })
            })
            .await;
    }
    let (app, caller) = (call.app.clone(), call.caller.clone());
    // What can be wrong is found before the answer begins.
    let (app, caller, figure) = block(move || {
        let figure = app.store.read(&caller, |tenant| figure(tenant, &app))?;
        Ok((app, caller, figure))
    })
    .await?;
    if format == Format::Csv {
        let stream = piped(move |pipe| csv(&app, &caller, &figure, &query, pipe));
        return Ok(format.response().streaming(stream));
    }
    let mut file = block(move || xlsx(&app, &caller, &figure, &query)).await?;
    let stream = piped(move |mut pipe| {
        let copied = io::copy(&mut file, &mut pipe).and_then(|_| pipe.flush());
        copied.map_err(|error| Error::Internal(error.to_string()))
    });
    Ok(format.response().streaming(stream))
}

const HEADER: &[&str] = &[
    "id",
    "title",
    "status",
    "stage",
    "owner",
    "client",
    "source",
    "amount",
    "currency",
    "base_amount",
    "base_currency",
    "opened_at",
    "closed_at",
    "expected_close_on",
    "loss_reason",
    "competitor",
    "external_id",
    "counted",
    "counted_amount",
];

fn cells(line: Line, base: Currency) -> Vec<Cell> {
    // Amounts in the database have a currency that we know.
    let currency = Currency::parse(&line.currency).unwrap_or(base);
    vec![
        line.id.to_string().into(),
        line.title.into(),
        line.status.into(),
        line.stage.into(),
        line.owner.into(),
        line.client.into(),
        line.source.into(),
        Cell::Money(line.amount, currency),
        line.currency.into(),
        Cell::Money(line.base_amount, base),
        base.code().into(),
        Cell::Instant(line.opened_at),
        line.closed_at.map_or(Cell::Empty, Cell::Instant),
        line.expected_close_on.map_or(Cell::Empty, Cell::Day),
        line.loss_reason.into(),
        line.competitor.into(),
        line.external_id.into(),
        line.times.into(),
        Cell::Money(line.counted_amount, base),
    ]
}

fn csv(
    app: &App,
    caller: &Caller,
    figure: &impl Figure,
    query: &list::Query,
    pipe: Pipe,
) -> Result<(), Error> {
    let mut sheet = Csv::new(pipe, HEADER)?;
    let base = caller.settings.currency;
    app.store.read(caller, |tenant| {
        behind::each(tenant, &caller.visibility, figure, query, |line| sheet.row(cells(line, base)))
    })?;
    sheet.finish()?.flush().map_err(|error| Error::Internal(error.to_string()))
}

fn xlsx(
    app: &App,
    caller: &Caller,
    figure: &impl Figure,
    query: &list::Query,
) -> Result<std::fs::File, Error> {
    let mut sheet = Xlsx::new(HEADER, caller.settings.time_zone)?;
    let base = caller.settings.currency;
    app.store.read(caller, |tenant| {
        behind::each(tenant, &caller.visibility, figure, query, |line| sheet.row(cells(line, base)))
    })?;
    let internal = |error: io::Error| Error::Internal(error.to_string());
    let mut file = tempfile::tempfile().map_err(internal)?;
    sheet.save(&mut file)?;
    file.seek(SeekFrom::Start(0)).map_err(internal)?;
    Ok(file)
}

/// Carries what a thread writes to the answer, as fast as that is read.
struct Pipe {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

const PIECE: usize = 1 << 16;

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// A stream of what a thread writes. If it fails, the answer breaks off, and cannot pass for whole.
fn piped(
    work: impl FnOnce(Pipe) -> Result<(), Error> + Send + 'static,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(4);
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || {
        let pipe = Pipe { sender: sender.clone(), buffer: Vec::new() };
        if let Err(error) = span.in_scope(|| work(pipe)) {
            tracing::warn!(%error, "a list was not sent to its end");
            // Where nobody reads any more, nobody is told.
            sender.blocking_send(Err(io::Error::other("broken off"))).ok();
        }
    });
    futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    })
}
