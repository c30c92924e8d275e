//! Clients as rows of a sheet.

use voronka_domain::{Currency, workspace::custom_field::Entity};
use voronka_persistence::clients::{self, Client};

use crate::http::{sheets::Sheet, table::Cell};

const LINE: &[&str] = &[
    "id",
    "name",
    "kind",
    "type",
    "class",
    "region",
    "tags",
    "consent",
    "phones",
    "emails",
    "tax_id",
    "external_source",
    "external_id",
    "owner_id",
    "archived",
    "created_at",
    "updated_at",
];

fn cells(row: Client, _: Currency) -> Vec<Cell> {
    vec![
        row.id.to_string().into(),
        row.name.into(),
        row.kind.into(),
        row.client_type.into(),
        row.class.into(),
        row.region.into(),
        row.tags.join(", ").into(),
        row.consent.map(|consent| consent.to_string()).into(),
        row.phones.join(", ").into(),
        row.emails.join(", ").into(),
        row.tax_id.into(),
        row.external_source.into(),
        row.external_id.into(),
        row.owner_id.map(|id| id.to_string()).into(),
        row.archived.to_string().into(),
        Cell::Instant(row.created_at),
        Cell::Instant(row.updated_at),
    ]
}

pub const SHEET: &Sheet<Client> = &Sheet {
    list: &clients::LIST,
    entity: Entity::Client,
    header: LINE,
    page: |tenant, _, query| clients::list(tenant, query),
    custom: |row| &row.custom,
    cells,
};
