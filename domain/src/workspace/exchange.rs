//! Exchange rates: what a currency is worth in the workspace's base currency, from a day on.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::kernel::{
    fault::{Fault, Faults, Refusal},
    money::{Currency, Money},
};

/// Decimals of a rate, the `numeric(24,12)` of the database.
const RATE_DECIMALS: u32 = 12;
/// Decimals of a base amount, the `numeric(19,4)` of the database.
const AMOUNT_DECIMALS: u32 = 4;
const AMOUNT_LIMIT: i64 = 1_000_000_000_000_000;
const RATE_LIMIT: i64 = 1_000_000_000_000;

/// The rates that a command may need, by currency and first day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates(BTreeMap<(&'static str, NaiveDate), Decimal>);

impl Rates {
    pub fn add(&mut self, currency: Currency, day: NaiveDate, rate: Decimal) {
        self.0.insert((currency.code(), day), rate);
    }

    /// The rate that holds on a day: that of the last day on which one was given.
    pub fn on(&self, currency: Currency, day: NaiveDate) -> Option<Decimal> {
        let first = (currency.code(), NaiveDate::MIN);
        self.0.range(first..=(currency.code(), day)).next_back().map(|(_, rate)| *rate)
    }

    /// The amount in the base currency at a day's rate, rounded half away from zero to the 4 decimals that
    /// are kept.
    pub fn to_base(&self, money: Money, base: Currency, day: NaiveDate) -> Result<Decimal, Fault> {
        if money.currency == base {
            return Ok(money.amount);
        }
        let Some(rate) = self.on(money.currency, day) else {
            let detail =
                format!("No exchange rate from {} to {base} is known on {day}.", money.currency);
            return Err(Fault::new("/amount/currency", "exchange_rate_missing", detail));
        };
        let exact = money.amount.checked_mul(rate);
        let amount = exact.map(|amount| {
            amount.round_dp_with_strategy(AMOUNT_DECIMALS, RoundingStrategy::MidpointAwayFromZero)
        });
        amount.filter(|amount| *amount < Decimal::from(AMOUNT_LIMIT)).ok_or_else(|| {
            let detail = format!("In {base}, the amount must be below 1,000,000,000,000,000.");
            Fault::new("/amount/amount", "amount_out_of_range", detail)
        })
    }
}

/// Rates that are set at once: more than ten years of one currency have.
pub const MOST_RATES: usize = 5_000;

pub fn may_set(rates: usize) -> Result<(), Refusal> {
    if rates <= MOST_RATES {
        return Ok(());
    }
    Err(Refusal::invalid("/rates", "too_many", format!("At most {MOST_RATES} rates.")))
}

/// Whether a currency has a rate of its own, and the day is one of ours.
pub fn check(
    at: &str,
    currency: Option<Currency>,
    base: Currency,
    day: NaiveDate,
    faults: &mut Faults,
) {
    if currency == Some(base) {
        faults.add(format!("{at}/currency"), "not_allowed", "The base currency is worth itself.");
    }
    if !(1970..=9999).contains(&day.year()) {
        faults.add(format!("{at}/day"), "out_of_range", "Between 1970 and 9999.");
    }
}

/// A rate as text: above zero, at most 12 digits before the point and 12 after it.
pub fn parse_rate(pointer: &str, text: &str) -> Result<Decimal, Fault> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let rate = digits.then(|| Decimal::from_str_exact(text).ok()).flatten();
    let Some(rate) = rate.map(|rate| rate.normalize()) else {
        return Err(Fault::new(pointer, "invalid_value", "A decimal number such as \"0.9213\"."));
    };
    if rate.is_zero() || rate >= Decimal::from(RATE_LIMIT) || rate.scale() > RATE_DECIMALS {
        let detail = "Above 0, with at most 12 digits before the point and 12 after it.";
        return Err(Fault::new(pointer, "out_of_range", detail));
    }
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_rate_holds_until_the_next_one() {
        let [eur, usd, jpy] = ["EUR", "USD", "JPY"].map(|code| Currency::parse(code).unwrap());
        let mut rates = Rates::default();
        rates.add(usd, day("2026-01-01"), Decimal::new(90, 2));
        rates.add(usd, day("2026-02-01"), Decimal::new(80, 2));
        rates.add(jpy, day("2026-01-01"), Decimal::new(6_123_456, 9));
        let base = |rates: &Rates, amount: i64, currency, on| {
            let money = Money { amount: Decimal::from(amount), currency };
            rates.to_base(money, eur, day(on)).map_err(|fault| fault.code)
        };
        assert_eq!(base(&rates, 100, usd, "2026-01-31"), Ok(Decimal::from(90)));
        assert_eq!(base(&rates, 100, usd, "2026-02-01"), Ok(Decimal::from(80)));
        assert_eq!(base(&rates, 100, usd, "2025-12-31"), Err("exchange_rate_missing"));
        assert_eq!(base(&rates, 100, eur, "1999-01-01"), Ok(Decimal::from(100)));
        // 123 x 0.006123456 = 0.753185088
        assert_eq!(base(&rates, 123, jpy, "2030-01-01"), Ok(Decimal::new(7_532, 4)));
        rates.add(usd, day("2026-03-01"), Decimal::from(999_999_999_999_i64));
        assert_eq!(
            base(&rates, 999_999_999_999_999, usd, "2026-03-01"),
            Err("amount_out_of_range")
        );
    }

    #[test]
    fn rates_are_positive_decimals() {
        for (text, code) in [
            ("", "invalid_value"),
            ("-1", "invalid_value"),
            ("1e3", "invalid_value"),
            ("0", "out_of_range"),
            ("0.0000000000001", "out_of_range"),
            ("1000000000000", "out_of_range"),
        ] {
            assert_eq!(parse_rate("/rate", text).map_err(|fault| fault.code), Err(code), "{text}");
        }
        assert_eq!(parse_rate("/rate", "0.921300"), Ok(Decimal::new(9_213, 4)));
    }

    #[test]
    fn the_base_currency_has_no_rate_and_days_are_ours() {
        let [eur, usd] = ["EUR", "USD"].map(|code| Currency::parse(code).unwrap());
        let told = |currency, day: &str| {
            let mut faults = Faults::default();
            check("/rates/1", currency, eur, day.parse().unwrap(), &mut faults);
            let refused = faults.into_result().err();
            let faults = refused.map(|refused| refused.faults()).unwrap_or_default();
            faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect::<Vec<_>>()
        };
        assert_eq!(told(Some(usd), "1970-01-01"), []);
        assert_eq!(told(None, "2026-01-01"), []);
        assert_eq!(
            told(Some(eur), "1969-12-31"),
            [
                ("/rates/1/currency".to_owned(), "not_allowed"),
                ("/rates/1/day".to_owned(), "out_of_range")
            ]
        );
        assert!(may_set(MOST_RATES).is_ok() && may_set(MOST_RATES + 1).is_err());
    }
}
