//! Payments: money received for deals, and given back.

use actix_web::{get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{Currency, kernel::fault::Faults};
use voronka_persistence::{
    Error,
    work::payments::{self, Payment},
};

use crate::v1::bodies::{external_id::ExternalIdBody, money::MoneyBody};
use crate::{
    http::{
        Body, Call, Id, Reply, Responded,
        call::{DocumentsRead, DocumentsWrite},
    },
    page_of,
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentBody {
    pub id: Uuid,
    pub deal_id: Uuid,
    pub invoice_id: Option<Uuid>,
    /// Below zero where it was given back.
    pub amount: MoneyBody,
    /// The amount in the base currency, by the rate of its day.
    pub base_amount: MoneyBody,
    pub received_at: DateTime<Utc>,
    #[schema(example = "First half")]
    pub note: Option<String>,
    pub external_id: Option<ExternalIdBody>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl PaymentBody {
    fn new(row: Payment, base: Currency) -> Self {
        Self {
            id: row.id,
            deal_id: row.deal_id,
            invoice_id: row.invoice_id,
            amount: MoneyBody::kept(row.amount, &row.currency, base),
            base_amount: MoneyBody::new(row.base_amount, base),
            received_at: row.received_at,
            note: row.note,
            external_id: ExternalIdBody::kept(row.external_source, row.external_id),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

page_of!(PaymentPage, PaymentBody);

/// A payment for a deal or one of its invoices.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"deal_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "amount": {"amount": "500.00", "currency": "EUR"}}))]
pub struct NewPayment {
    /// Needed where no invoice is named.
    pub deal_id: Option<Uuid>,
    /// An invoice of the deal.
    pub invoice_id: Option<Uuid>,
    /// More than zero, a refund's too.
    pub amount: MoneyBody,
    /// It was given back.
    #[serde(default)]
    pub refund: bool,
    /// Now by default; not in the future.
    pub received_at: Option<DateTime<Utc>>,
    #[validate(length(max = crate::http::limits::NOTE))]
    #[schema(max_length = 4_000)]
    pub note: Option<String>,
    pub external_id: Option<ExternalIdBody>,
}

impl NewPayment {
    fn checked(self) -> Result<payments::NewPayment, Error> {
        let mut faults = Faults::default();
        let amount = self.amount.parse(&mut faults);
        let external = self.external_id.map(|id| id.checked(&mut faults));
        faults.into_result()?;
        let amount = amount.ok_or_else(|| Error::Internal("an amount without faults".into()))?;
        Ok(payments::NewPayment {
            deal_id: self.deal_id,
            invoice_id: self.invoice_id,
            amount,
            refund: self.refund,
            received_at: self.received_at,
            note: self.note,
            external,
        })
    }
}

/// List payments
///
/// Those of the deals that the caller sees.
#[utoipa::path(tag = "Documents", operation_id = "listPayments", security(("bearer" = ["documents:read"])),
    responses((status = 200, description = "A page of the list.", body = PaymentPage)))]
#[get("/v1/payments")]
pub async fn list(call: Call<DocumentsRead>) -> Responded {
    call.page(&payments::LIST, |tenant, _, caller, query| {
        let base = caller.settings.currency;
        Ok(payments::list(tenant, caller, query)?.map(|row| PaymentBody::new(row, base)))
    })
    .await
}

/// Record a payment
///
/// A payment is never changed: a wrong one is undone by a refund. Its invoice becomes `partly_paid` or
/// `paid` by the sum of its payments. If the deal's stage waited for the money, the process leads the deal
/// on in the same moment.
#[utoipa::path(tag = "Documents", operation_id = "createPayment", security(("bearer" = ["documents:write"])),
    request_body = NewPayment,
    responses((status = 201, description = "The new payment.", body = PaymentBody)))]
#[post("/v1/payments")]
pub async fn create(call: Call<DocumentsWrite>, body: Body<NewPayment>) -> Responded {
    call.no_parameters()?;
    let new = body.value.checked()?;
    call.write(body.digest, move |unit, _| {
        let row = payments::create(unit, new)?;
        let (location, version) = (format!("/v1/payments/{}", row.id), row.version);
        let body = PaymentBody::new(row, unit.caller.settings.currency);
        Ok(Reply::created(location, body, version))
    })
    .await
}

/// Read a payment
#[utoipa::path(tag = "Documents", operation_id = "getPayment", security(("bearer" = ["documents:read"])),
    params(("id" = Uuid, Path, description = "Id of the payment.")),
    responses((status = 200, description = "The payment.", body = PaymentBody)))]
#[get("/v1/payments/{id}")]
pub async fn read(call: Call<DocumentsRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, caller| {
        let row = payments::read(tenant, caller, id.0)?;
        let version = row.version;
        Ok(Reply::versioned(PaymentBody::new(row, caller.settings.currency), version))
    })
    .await
}
