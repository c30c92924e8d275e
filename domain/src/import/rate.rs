//! Rows that are an exchange rate each.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Rejection, amount::plain, row::Reader};
use crate::{
    kernel::{fault::Fault, money::Currency},
    workspace::exchange::parse_rate,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateRow {
    pub line: u64,
    pub currency: Currency,
    pub day: NaiveDate,
    pub rate: Decimal,
}

impl RateRow {
    /// A command's fault as one of this row.
    pub fn rejection(&self, fault: &Fault) -> Rejection {
        Rejection::new(self.line, "", fault.code, fault.detail.as_str())
    }
}

impl Reader<'_> {
    pub(super) fn rate(&mut self) -> Option<RateRow> {
        let currency = self.required("currency").and_then(|text| self.foreign(&text));
        let day = match self.required("day") {
            Some(_) => self.date("day"),
            None => None,
        };
        let rate = self.required("rate").and_then(|text| {
            parse_rate("", &plain(&text, self.plan.spec.decimal))
                .map_err(|fault| self.reject("rate", fault.code, fault.detail))
                .ok()
        });
        Some(RateRow { line: self.line, currency: currency?, day: day?, rate: rate? })
    }

    /// Another currency than the workspace's.
    fn foreign(&mut self, text: &str) -> Option<Currency> {
        match Currency::parse(text) {
            Err(error) => self.reject("currency", "unknown_currency", error.to_string()),
            Ok(currency) if currency == self.plan.settings.currency => {
                self.reject("currency", "not_allowed", "The base currency is worth itself.");
            }
            Ok(currency) => return Some(currency),
        }
        None
    }
}
