//! Documents of deals. What becomes of one is answered by the deal's process, in the same transaction: the
//! deal is held first, then the document.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde::Serialize;
use strum::VariantNames;
use uuid::Uuid;
use voronka_domain::{
    Money, Refusal,
    deals::automation::{Happened, Happening},
    kernel::trigger::Trigger,
    people::access::{Cause, Visibility},
    work::document::{DocumentKind, DocumentState},
};

use crate::{
    Caller, Error, Result, Statement, Tenant, Unit,
    core::{
        caller::person,
        enum_names::{from_name, to_name},
        list::{Field, FieldKind, Page, Query, Spec},
        noun::{Noun, noun},
        schema::documents,
        visibility::owned_by,
    },
    deals,
    workspace::exchange_rates,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = documents, treat_none_as_null = true)]
pub struct Document {
    pub id: Uuid,
    pub deal_id: Uuid,
    pub kind: String,
    pub number: String,
    pub dated_on: NaiveDate,
    pub amount: Decimal,
    pub currency: String,
    pub base_amount: Decimal,
    pub state: String,
    pub state_since: DateTime<Utc>,
    pub title: Option<String>,
    pub url: Option<String>,
    pub author_id: Option<Uuid>,
    pub external_source: Option<String>,
    pub external_id: Option<String>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(documents, Document, "document");

pub const LIST: Spec = Spec {
    table: "documents",
    fields: &[
        Field::new("deal_id", "documents.deal_id", FieldKind::Uuid),
        Field::new("kind", "documents.kind", FieldKind::Choice(DocumentKind::VARIANTS)),
        Field::new("state", "documents.state", FieldKind::Choice(DocumentState::VARIANTS)),
        Field::new("number", "documents.number", FieldKind::Text),
        Field::new("external_source", "documents.external_source", FieldKind::Text).nullable(),
        Field::new("external_id", "documents.external_id", FieldKind::Text).nullable(),
        Field::new("dated_on", "documents.dated_on", FieldKind::Date).sorted(),
        Field::new("updated_at", "documents.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-updated_at",
    search: Some("documents.title"),
};

/// A document as somebody writes it down; it begins as a draft.
#[derive(Debug, Clone)]
pub struct NewDocument {
    pub deal_id: Uuid,
    pub kind: DocumentKind,
    pub number: String,
    pub dated_on: Option<NaiveDate>,
    /// The deal's by default.
    pub amount: Option<Money>,
    pub title: Option<String>,
    pub url: Option<String>,
    /// The other system and the id there.
    pub external: Option<(String, String)>,
}

/// A change of a document: none keeps, `Some(None)` clears. Its state changes by a transition.
#[derive(Debug, Clone, Default)]
pub struct DocumentPatch {
    pub number: Option<String>,
    pub dated_on: Option<NaiveDate>,
    pub amount: Option<Money>,
    pub title: Option<Option<String>>,
    pub url: Option<Option<String>>,
}

/// Adds to a statement over a table with `deal_id` that the caller sees the deal.
pub(crate) fn of_deals_seen<S>(
    statement: Statement<S>,
    visibility: &Visibility,
    table: &str,
) -> Statement<S> {
    if *visibility == Visibility::All {
        return statement;
    }
    let of_deals = statement.sql(format!(
        " AND EXISTS (SELECT FROM deals WHERE deals.workspace_id = {table}.workspace_id \
         AND deals.id = {table}.deal_id"
    ));
    owned_by(of_deals, visibility, "deals").sql(")")
}

pub fn list(tenant: &mut Tenant<'_>, caller: &Caller, query: Query) -> Result<Page<Document>> {
    let narrow = |list| of_deals_seen(list, &caller.visibility, "documents");
    tenant.page(&LIST, query, Document::as_select(), narrow, |row: &Document| row.id)
}

pub fn read(tenant: &mut Tenant<'_>, caller: &Caller, id: Uuid) -> Result<Document> {
    let rows = tenant.rows(Document::as_select(), "documents").sql(" AND documents.id = ").bind(id);
    let rows = of_deals_seen(rows, &caller.visibility, "documents");
    rows.get_result(tenant.conn).optional()?.ok_or(Error::NotFound("document"))
}

pub fn create(unit: &mut Unit<'_>, new: NewDocument) -> Result<Document> {
    let visibility = unit.caller.visibility.clone();
    let held = deals::lock_deal(unit, new.deal_id, &visibility)
        .map_err(|error| error.or_unknown("/deal_id", "deal"))?;
    let dated_on = new.dated_on.unwrap_or_else(|| unit.caller.settings.day(unit.now));
    let amount = new.amount.unwrap_or(held.deal().details.amount);
    let (external_source, external_id) = new.external.unzip();
    let row = Document {
        id: Uuid::now_v7(),
        deal_id: new.deal_id,
        kind: to_name(&new.kind),
        number: new.number.trim().to_owned(),
        dated_on,
        amount: amount.amount,
        currency: amount.currency.code().to_owned(),
        base_amount: base_amount(unit, amount, dated_on)?,
        state: to_name(&DocumentState::Draft),
        state_since: unit.now,
        title: new.title,
        url: new.url,
        author_id: person(unit.actor),
        external_source,
        external_id,
        version: 1,
        created_at: unit.now,
        updated_at: unit.now,
    };
    Document::insert(unit, &row)?;
    react(unit, held, &row)?;
    Ok(row)
}

/// Changes what a document says.
pub fn change(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    patch: DocumentPatch,
) -> Result<Document> {
    let (held, before) = hold(unit, id, if_match)?;
    let mut row = before.clone();
    row.number = patch.number.map_or(row.number, |number| number.trim().to_owned());
    row.dated_on = patch.dated_on.unwrap_or(row.dated_on);
    row.title = patch.title.unwrap_or(row.title);
    row.url = patch.url.unwrap_or(row.url);
    let amount = patch.amount.map_or_else(|| row.money(), Ok)?;
    row.amount = amount.amount;
    row.currency = amount.currency.code().to_owned();
    // The rate is that of its date.
    if (row.amount, &row.currency, row.dated_on)
        != (before.amount, &before.currency, before.dated_on)
    {
        row.base_amount = base_amount(unit, amount, row.dated_on)?;
    }
    let row = Document::save(unit, &before, row)?;
    if row != before {
        react(unit, held, &row)?;
    }
    Ok(row)
}

/// Takes a document to another state.
pub fn transition(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
    to: DocumentState,
) -> Result<Document> {
    let (held, before) = hold(unit, id, if_match)?;
    let (kind, from) = before.place()?;
    let row = enter(unit, &before, kind.go(from, to)?)?;
    react(unit, held, &row)?;
    Ok(row)
}

/// Saves the document in a state.
pub(crate) fn enter(unit: &mut Unit<'_>, before: &Document, to: DocumentState) -> Result<Document> {
    let row = Document { state: to_name(&to), state_since: unit.now, ..before.clone() };
    Document::save(unit, before, row)
}

/// Lets the deal's process answer to the document as it has become.
pub(crate) fn react(unit: &mut Unit<'_>, held: deals::LockedDeal, row: &Document) -> Result<()> {
    let (kind, state) = row.place()?;
    let cause = Cause { on: Trigger::DocumentChanged, object_id: row.id, sequence: row.version };
    let what = Happened::Document { kind, state };
    deals::react(unit, held, Happening { cause, what })?;
    Ok(())
}

pub(crate) fn hold(
    unit: &mut Unit<'_>,
    id: Uuid,
    if_match: Option<crate::Seen>,
) -> Result<(deals::LockedDeal, Document)> {
    let seen = read(&mut unit.tenant, unit.caller, id)?;
    let visibility = unit.caller.visibility.clone();
    let held = deals::lock_deal(unit, seen.deal_id, &visibility)?;
    Ok((held, Document::lock(unit, id, if_match)?))
}

/// An amount in the base currency, by the rate of a day.
pub(crate) fn base_amount(unit: &mut Unit<'_>, amount: Money, day: NaiveDate) -> Result<Decimal> {
    let base = unit.caller.settings.currency;
    let rates = exchange_rates::on(&mut unit.tenant, base, [(amount.currency, day)])?;
    Ok(rates.to_base(amount, base, day).map_err(|fault| Refusal::Invalid(vec![fault]))?)
}

impl Document {
    /// Its kind, and the state that it is in.
    pub(crate) fn place(&self) -> Result<(DocumentKind, DocumentState)> {
        let place = from_name(&self.kind).zip(from_name(&self.state));
        place.ok_or_else(|| Error::Internal("document has a bad state".into()))
    }

    fn money(&self) -> Result<Money> {
        let currency = voronka_domain::Currency::parse(&self.currency);
        let currency = currency.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Money { amount: self.amount, currency })
    }
}
