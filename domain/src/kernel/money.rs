//! Money: a decimal amount with an ISO 4217 currency, never a float.

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};

use crate::kernel::fault::Fault;

/// Decimals that are kept, the `numeric(19,4)` of the database.
const SCALE: usize = 4;
/// One more than the largest amount that is kept: a thousand trillions, the `numeric(19,4)` of the database.
const LIMIT: i64 = 1_000_000_000_000_000;
/// No sum of money is larger, without its decimals.
pub const LARGEST: i64 = LIMIT - 1;

/// An ISO 4217 currency in use, e.g. `EUR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    pub fn parse(code: &str) -> Result<Self, UnknownCurrency> {
        iso_currency::Currency::from_code(code).map(Self).ok_or(UnknownCurrency)
    }

    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Decimals of the currency's minor unit: 2 for EUR, 0 for JPY.
    pub fn decimals(self) -> u32 {
        self.0.exponent().map_or(2, u32::from)
    }
}

/// The code is not an ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Not an ISO 4217 currency code, such as EUR.")]
pub struct UnknownCurrency;

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;
    fn try_from(code: String) -> Result<Self, UnknownCurrency> {
        Self::parse(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of a currency; zero or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Money {
    pub amount: Decimal,
    pub currency: Currency,
}

impl Money {
    pub fn zero(currency: Currency) -> Self {
        Self { amount: Decimal::ZERO, currency }
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut money = serializer.serialize_struct("Money", 2)?;
        money.serialize_field("amount", &format_amount(self.amount, self.currency))?;
        money.serialize_field("currency", &self.currency)?;
        money.end()
    }
}

/// Parses an amount as it stands in JSON and CSV: `1999.95`, no sign, no exponent, no separators.
pub fn parse_amount(pointer: &str, text: &str) -> Result<Decimal, Fault> {
    let fault = |code, detail: &str| Err(Fault::new(pointer, code, detail));
    if text.starts_with('-') {
        return fault("negative_amount", "An amount cannot be negative.");
    }
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return fault("invalid_amount", "Not a decimal number such as 1999.95.");
    }
    let Ok(amount) = Decimal::from_str(text) else {
        let too_large = text.len() > 15 && text.bytes().filter(|b| *b == b'.').count() < 2;
        return if too_large {
            fault("amount_out_of_range", "An amount must be below 1,000,000,000,000,000.")
        } else {
            fault("invalid_amount", "Not a decimal number such as 1999.95.")
        };
    };
    // The text is looked at, for a decimal of many digits is rounded when it is read.
    let decimals = text.split_once('.').map_or("", |(_, decimals)| decimals.trim_end_matches('0'));
    if decimals.len() > SCALE {
        return fault("too_many_decimals", "An amount has at most 4 decimals.");
    }
    if amount >= Decimal::from(LIMIT) {
        return fault("amount_out_of_range", "An amount must be below 1,000,000,000,000,000.");
    }
    Ok(amount.normalize())
}

/// A mean, or what is expected, is no sum of money that anybody pays: it is rounded to the currency's decimals, half
/// away from zero.
pub fn rounded(amount: Decimal, currency: Currency) -> Decimal {
    amount.round_dp_with_strategy(currency.decimals(), RoundingStrategy::MidpointAwayFromZero)
}

/// The amount as text with at least the currency's decimals: `1999.95`, `10.00`, `0.1234`.
pub fn format_amount(amount: Decimal, currency: Currency) -> String {
    let mut amount = amount.normalize();
    if amount.scale() < currency.decimals() {
        amount.rescale(currency.decimals());
    }
    amount.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_bounded() {
        for (text, code) in [
            ("-1", "negative_amount"),
            ("1e10000000", "invalid_amount"),
            ("1000000000000000000000000000000", "amount_out_of_range"),
            ("1000000000000000", "amount_out_of_range"),
            ("1.23456", "too_many_decimals"),
            ("", "invalid_amount"),
            (".", "invalid_amount"),
            ("1.2.3", "invalid_amount"),
            ("1,5", "invalid_amount"),
        ] {
            assert_eq!(parse_amount("/amount", text).map_err(|f| f.code), Err(code), "{text}");
        }
        let eur = Currency::parse("EUR").unwrap();
        let jpy = Currency::parse("JPY").unwrap();
        let shown = |text, currency| format_amount(parse_amount("", text).unwrap(), currency);
        assert_eq!(shown("1999.9500", eur), "1999.95");
        assert_eq!(shown("7", eur), "7.00");
        assert_eq!(shown("7", jpy), "7");
        assert_eq!(shown("999999999999999.9999", eur), "999999999999999.9999");
        assert!(Currency::parse("EURO").is_err() && Currency::parse("eur").is_err());
    }

    #[test]
    fn means_are_rounded_once_and_half_away_from_zero() {
        let eur = Currency::parse("EUR").unwrap();
        let rounded = |text: &str| super::rounded(text.parse().unwrap(), eur).to_string();
        assert_eq!(
            ["5.005", "-5.005", "437.09497", "437.0950", "218.094967"].map(rounded),
            ["5.01", "-5.01", "437.09", "437.10", "218.09"]
        );
    }
}
