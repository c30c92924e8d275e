//! Payments: money received for a deal, and given back. They are only ever added.

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Bool, Numeric},
};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::work::document::payable;
use voronka_domain::{
    Money,
    deals::automation::{Happened, Happening},
    kernel::trigger::Trigger,
    people::access::{Cause, Visibility},
    work::{document::invoice_state, payment},
};

use crate::{
    Caller, Error, Result, Tenant, Unit,
    core::{
        list::{Field, FieldKind, Page, Query, Spec},
        noun::Noun,
        schema::payments,
        unit::raw,
    },
    deals,
    work::documents::{self, Document, of_deals_seen},
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = payments)]
pub struct Payment {
    pub id: Uuid,
    pub deal_id: Uuid,
    pub invoice_id: Option<Uuid>,
    /// Below zero where it was given back.
    pub amount: Decimal,
    pub currency: String,
    pub base_amount: Decimal,
    pub received_at: DateTime<Utc>,
    pub note: Option<String>,
    pub external_source: Option<String>,
    pub external_id: Option<String>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

pub const LIST: Spec = Spec {
    table: "payments",
    fields: &[
        Field::new("deal_id", "payments.deal_id", FieldKind::Uuid),
        Field::new("invoice_id", "payments.invoice_id", FieldKind::Uuid).nullable(),
        Field::new("external_source", "payments.external_source", FieldKind::Text).nullable(),
        Field::new("external_id", "payments.external_id", FieldKind::Text).nullable(),
        Field::new("received_at", "payments.received_at", FieldKind::Instant).sorted(),
        Field::new("updated_at", "payments.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-updated_at",
    search: None,
};

/// A payment as somebody writes it down.
#[derive(Debug, Clone)]
pub struct NewPayment {
    /// Needed where there is no invoice.
    pub deal_id: Option<Uuid>,
    pub invoice_id: Option<Uuid>,
    /// Above zero.
    pub amount: Money,
    /// It was given back.
    pub refund: bool,
    pub received_at: Option<DateTime<Utc>>,
    pub note: Option<String>,
    /// The other system and the id there.
    pub external: Option<(String, String)>,
}

pub fn list(tenant: &mut Tenant<'_>, caller: &Caller, query: Query) -> Result<Page<Payment>> {
    let narrow = |list| of_deals_seen(list, &caller.visibility, "payments");
    tenant.page(&LIST, query, Payment::as_select(), narrow, |row: &Payment| row.id)
}

pub fn read(tenant: &mut Tenant<'_>, caller: &Caller, id: Uuid) -> Result<Payment> {
    let rows = tenant.rows(Payment::as_select(), "payments").sql(" AND payments.id = ").bind(id);
    let rows = of_deals_seen(rows, &caller.visibility, "payments");
    rows.get_result(tenant.conn).optional()?.ok_or(Error::NotFound("payment"))
}

/// Writes a payment down; its invoice follows, and the deal's process answers.
pub fn create(unit: &mut Unit<'_>, new: NewPayment) -> Result<Payment> {
    let of_something = new.deal_id.or(new.invoice_id).is_some();
    let NewPayment { amount, refund, received_at, .. } = new;
    let written = payment::NewPayment { amount, refund, received_at, of_something };
    let (amount, received_at) = written.checked(unit.now)?;
    let invoice = match new.invoice_id {
        Some(id) => Some(meant(unit, id, new.deal_id)?),
        None => None,
    };
    let deal_id = new.deal_id.or(invoice.as_ref().map(|invoice| invoice.deal_id));
    let deal_id = deal_id.ok_or_else(|| Error::Internal("payment of nothing".into()))?;
    let visibility = unit.caller.visibility.clone();
    let held = deals::lock_deal(unit, deal_id, &visibility)
        .map_err(|error| error.or_unknown("/deal_id", "deal"))?;
    let invoice = invoice.map(|invoice| Document::lock(unit, invoice.id, None)).transpose()?;
    let day = unit.caller.settings.day(received_at);
    let (external_source, external_id) = new.external.unzip();
    let row = Payment {
        id: Uuid::now_v7(),
        deal_id,
        invoice_id: new.invoice_id,
        amount: amount.amount,
        currency: amount.currency.code().to_owned(),
        base_amount: documents::base_amount(unit, amount, day)?,
        received_at,
        note: new.note,
        external_source,
        external_id,
        version: 1,
        created_at: unit.now,
        updated_at: unit.now,
    };
    diesel::insert_into(payments::table)
        .values((payments::workspace_id.eq(unit.tenant.workspace_id), &row))
        .execute(unit.tenant.conn)?;
    unit.happened("payment.received", row.id, row.version, &row)?;
    let invoice = match invoice {
        Some(invoice) => settle(unit, &invoice)?,
        None => None,
    };
    let cause = Cause { on: Trigger::PaymentReceived, object_id: row.id, sequence: row.version };
    deals::react(unit, held, Happening { cause, what: Happened::Plain })?;
    if let Some(invoice) = invoice {
        let held = deals::lock_deal(unit, deal_id, &Visibility::All)?;
        documents::react(unit, held, &invoice)?;
    }
    Ok(row)
}

/// The invoice that is paid.
fn meant(unit: &mut Unit<'_>, id: Uuid, deal_id: Option<Uuid>) -> Result<Document> {
    let unknown = || Error::unknown_reference("/invoice_id", "invoice of the deal");
    let invoice = documents::read(&mut unit.tenant, unit.caller, id)
        .map_err(|error| error.or_unknown("/invoice_id", "invoice"))?;
    let (kind, state) = invoice.place()?;
    if deal_id.is_some_and(|deal_id| deal_id != invoice.deal_id) || !payable(kind, state)? {
        return Err(unknown());
    }
    Ok(invoice)
}

/// Takes an invoice to the state that its payments give it: in its currency, or in the base currency where
/// they came in several. None if that is its state already.
fn settle(unit: &mut Unit<'_>, invoice: &Document) -> Result<Option<Document>> {
    let (same, paid, paid_base): (bool, Decimal, Decimal) = unit
        .tenant
        .select(
            raw::<(Bool, Numeric, Numeric)>(
                "bool_and(payments.currency = documents.currency), sum(payments.amount), \
                 sum(payments.base_amount)",
            ),
            "payments JOIN documents ON documents.workspace_id = payments.workspace_id \
             AND documents.id = payments.invoice_id",
            "payments",
        )
        .sql(" AND payments.invoice_id = ")
        .bind(invoice.id)
        .get_result(unit.tenant.conn)?;
    let (paid, due) = if same { (paid, invoice.amount) } else { (paid_base, invoice.base_amount) };
    let (_, state) = invoice.place()?;
    let next = invoice_state(state, paid, due);
    if next == state {
        return Ok(None);
    }
    documents::enter(unit, invoice, next).map(Some)
}
