//! Exchange rates: what currencies are worth in the workspace's base currency, by day.

use actix_web::{get, patch, post, put};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    Currency, Fault,
    kernel::fault::Faults,
    workspace::exchange::{self, parse_rate},
};
use voronka_persistence::{
    Error, Unit,
    workspace::exchange_rates::{self, ExchangeRate, Given},
};

use crate::{
    http::{
        Body, Call, Id, Reply, Resource, Responded,
        call::{CataloguesRead, CataloguesWrite},
    },
    page_of,
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ExchangeRate)]
pub struct ExchangeRateBody {
    pub id: Uuid,
    #[schema(example = "USD")]
    pub currency: String,
    /// The first day on which the rate holds; it holds until the currency's next one.
    pub day: NaiveDate,
    /// Units of the workspace's base currency for one unit of this one.
    #[schema(example = "0.9213")]
    pub rate: String,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<ExchangeRate> for ExchangeRateBody {
    fn from(row: ExchangeRate) -> Self {
        Self {
            id: row.id,
            currency: row.currency,
            day: row.day,
            rate: row.rate.normalize().to_string(),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Resource for ExchangeRate {
    type Body = ExchangeRateBody;
    const PATH: &'static str = "/v1/exchange-rates";
}

page_of!(ExchangeRatePage, ExchangeRateBody);

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"currency": "USD", "day": "2026-11-01", "rate": "0.9213"}))]
pub struct NewExchangeRate {
    /// ISO 4217; another than the workspace's base currency.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub currency: String,
    /// Between 1970 and 9999.
    #[schema(pattern = "^(19[7-9]|[2-9][0-9]{2})")]
    pub day: NaiveDate,
    /// Above 0, with at most 12 digits before the point and 12 after it.
    #[schema(pattern = r"^[0-9]{1,12}(\.[0-9]{1,12})?$")]
    pub rate: String,
}

impl NewExchangeRate {
    fn read(&self, at: &str, unit: &Unit<'_>, faults: &mut Faults) -> Option<Given> {
        let pointer = format!("{at}/currency");
        let currency = Currency::parse(&self.currency)
            .map_err(|error| Fault::new(pointer.as_str(), "unknown_currency", error.to_string()));
        let currency = faults.take(currency);
        let base = unit.caller.settings.currency;
        exchange::check(at, currency, base, self.day, faults);
        let rate = faults.take(parse_rate(&format!("{at}/rate"), &self.rate));
        Some(Given { currency: currency?, day: self.day, rate: rate? })
    }
}

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rates": [{"currency": "USD", "day": "2026-11-01", "rate": "0.9213"}, {"currency": "GBP", "day": "2026-11-01", "rate": "1.1402"}]}))]
pub struct ExchangeRates {
    /// At most 5,000, each currency and day once.
    #[schema(max_items = 5_000)]
    pub rates: Vec<NewExchangeRate>,
}

impl ExchangeRates {
    fn read(&self, unit: &Unit<'_>) -> Result<Vec<Given>, Error> {
        let mut faults = Faults::default();
        exchange::may_set(self.rates.len())?;
        let mut seen = std::collections::HashSet::new();
        let mut given = Vec::new();
        for (index, rate) in self.rates.iter().enumerate() {
            let at = format!("/rates/{index}");
            if !seen.insert((rate.currency.as_str(), rate.day)) {
                faults.add(
                    at.as_str(),
                    "duplicate",
                    "The currency has another rate of this day here.",
                );
            }
            given.extend(rate.read(&at, unit, &mut faults));
        }
        faults.into_result()?;
        Ok(given)
    }
}

/// What became of the rates.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ExchangeRatesResult {
    #[schema(example = 2)]
    pub created: i64,
    #[schema(example = 0)]
    pub updated: i64,
    #[schema(example = 0)]
    pub unchanged: i64,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rate": "0.9215"}))]
pub struct ExchangeRatePatch {
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false, pattern = r"^[0-9]{1,12}(\.[0-9]{1,12})?$")]
    pub rate: Option<String>,
}

/// List exchange rates
#[utoipa::path(tag = "Exchange rates", operation_id = "listExchangeRates", security(("bearer" = ["catalogues:read"])),
    responses((status = 200, description = "A page of the list.", body = ExchangeRatePage)))]
#[get("/v1/exchange-rates")]
pub async fn list(call: Call<CataloguesRead>) -> Responded {
    call.list_of::<ExchangeRate>().await
}

/// Add an exchange rate
///
/// Amounts that were fixed before stay as they are: a deal's base amount is fixed when it is opened, when
/// its amount changes, and when it is closed.
#[utoipa::path(tag = "Exchange rates", operation_id = "createExchangeRate", security(("bearer" = ["catalogues:write"])),
    request_body = NewExchangeRate,
    responses((status = 201, description = "The new rate.", body = ExchangeRateBody)))]
#[post("/v1/exchange-rates")]
pub async fn create(call: Call<CataloguesWrite>, body: Body<NewExchangeRate>) -> Responded {
    let new = body.value;
    call.create(body.digest, move |unit: &mut Unit<'_>| {
        let mut faults = Faults::default();
        let given = new.read("", unit, &mut faults);
        faults.into_result()?;
        let given = given.ok_or_else(|| Error::invalid("", "invalid_value", "Not a rate."))?;
        Ok(exchange_rates::new(given.currency, given.day, given.rate, unit.now))
    })
    .await
}

/// Set many exchange rates
///
/// A rate of a currency and day that has one already replaces it; the others are added. All or none. For
/// files there is an import of kind `exchange_rates`.
#[utoipa::path(tag = "Exchange rates", operation_id = "putExchangeRates", security(("bearer" = ["catalogues:write"])),
    request_body = ExchangeRates,
    responses((status = 200, description = "How many were new and how many changed.", body = ExchangeRatesResult)))]
#[put("/v1/exchange-rates")]
pub async fn put_all(call: Call<CataloguesWrite>, body: Body<ExchangeRates>) -> Responded {
    call.no_parameters()?;
    let rates = body.value;
    call.write(body.digest, move |unit, _| {
        let given = rates.read(unit)?;
        let put = exchange_rates::put(unit, &given)?;
        let exchange_rates::Put { created, updated, unchanged } = put;
        Ok(Reply::ok(ExchangeRatesResult { created, updated, unchanged }))
    })
    .await
}

/// Read an exchange rate
#[utoipa::path(tag = "Exchange rates", operation_id = "getExchangeRate", security(("bearer" = ["catalogues:read"])),
    params(("id" = Uuid, Path, description = "Id of the rate.")),
    responses((status = 200, description = "The rate.", body = ExchangeRateBody)))]
#[get("/v1/exchange-rates/{id}")]
pub async fn read(call: Call<CataloguesRead>, id: Id) -> Responded {
    call.one_of::<ExchangeRate>(id).await
}

/// Correct an exchange rate
///
/// For amounts to come; those that were fixed at the old rate stay as they are.
#[utoipa::path(tag = "Exchange rates", operation_id = "updateExchangeRate", security(("bearer" = ["catalogues:write"])),
    request_body = ExchangeRatePatch,
    params(("id" = Uuid, Path, description = "Id of the rate.")),
    responses((status = 200, description = "The rate after the change.", body = ExchangeRateBody)))]
#[patch("/v1/exchange-rates/{id}")]
pub async fn update(
    call: Call<CataloguesWrite>,
    id: Id,
    body: Body<ExchangeRatePatch>,
) -> Responded {
    let change = body.value;
    call.update(body.digest, id, move |_, mut row: ExchangeRate| {
        if let Some(text) = change.rate {
            let mut faults = Faults::default();
            let rate = faults.take(parse_rate("/rate", &text));
            faults.into_result()?;
            row.rate = rate.filter(|rate| *rate != row.rate).unwrap_or(row.rate);
        }
        Ok(row)
    })
    .await
}
