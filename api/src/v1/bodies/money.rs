//! Money as JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use voronka_domain::{
    Currency, Fault, Money,
    kernel::{
        fault::Faults,
        money::{format_amount, parse_amount},
    },
};

/// An amount of money: a decimal as text, never a float, with its currency.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Money, example = json!({"amount": "1999.95", "currency": "EUR"}))]
pub struct MoneyBody {
    /// Zero or more, at most 15 digits before the point and 4 after it.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
}

impl MoneyBody {
    pub fn new(amount: rust_decimal::Decimal, currency: Currency) -> Self {
        Self { amount: format_amount(amount, currency), currency: currency.code().to_owned() }
    }

    /// An amount as the database has it, with the code of its currency.
    pub fn kept(amount: rust_decimal::Decimal, code: &str, base: Currency) -> Self {
        let decimals = Currency::parse(code).unwrap_or(base);
        Self { amount: format_amount(amount, decimals), currency: code.to_owned() }
    }

    pub fn parse(&self, faults: &mut Faults) -> Option<Money> {
        self.parse_at("/amount", faults)
    }

    /// The money at a pointer, or its faults.
    pub fn parse_at(&self, pointer: &str, faults: &mut Faults) -> Option<Money> {
        let amount = faults.take(parse_amount(&format!("{pointer}/amount"), &self.amount));
        let at = format!("{pointer}/currency");
        let currency = Currency::parse(&self.currency)
            .map_err(|error| Fault::new(at, "unknown_currency", error.to_string()));
        let currency = faults.take(currency);
        Some(Money { amount: amount?, currency: currency? })
    }
}
