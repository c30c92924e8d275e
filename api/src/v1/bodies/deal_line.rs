//! Deals as rows of a sheet.

use voronka_domain::{Currency, workspace::custom_field::Entity};
use voronka_persistence::deals::{self, Line};

use crate::http::{sheets::Sheet, table::Cell};

pub const LINE: &[&str] = &[
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
];

pub fn line_cells(line: Line, base: Currency) -> Vec<Cell> {
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
    ]
}

pub const SHEET: &Sheet<Line> = &Sheet {
    list: &deals::LIST,
    entity: Entity::Deal,
    header: LINE,
    page: deals::lines,
    custom: |line| &line.custom,
    cells: line_cells,
};
