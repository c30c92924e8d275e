//! Payments: money that came in for a deal, or was given back.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::kernel::{
    fault::{Faults, Refusal},
    money::Money,
};

/// A payment as somebody writes it down.
#[derive(Debug, Clone, Copy)]
pub struct NewPayment {
    /// Above zero.
    pub amount: Money,
    /// It was given back.
    pub refund: bool,
    /// Now, if nothing else is said.
    pub received_at: Option<DateTime<Utc>>,
    /// A deal is named, or an invoice.
    pub of_something: bool,
}

impl NewPayment {
    /// The amount as it counts, a refund below zero, and when it came in.
    pub fn checked(self, now: DateTime<Utc>) -> Result<(Money, DateTime<Utc>), Refusal> {
        let mut faults = Faults::default();
        let received_at = self.received_at.unwrap_or(now);
        if received_at > now {
            faults.add("/received_at", "in_the_future", "Must not be in the future.");
        }
        if self.amount.amount <= Decimal::ZERO {
            faults.add("/amount/amount", "out_of_range", "More than 0.");
        }
        if !self.of_something {
            faults.add("/deal_id", "required", "The deal or the invoice is needed.");
        }
        faults.into_result()?;
        let amount = if self.refund { -self.amount.amount } else { self.amount.amount };
        Ok((Money { amount, ..self.amount }, received_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::money::Currency;

    #[test]
    fn a_payment_tells_all_that_is_wrong_with_it() {
        let now = DateTime::UNIX_EPOCH;
        let later = DateTime::from_timestamp(1, 0);
        let money = |amount| Money {
            amount: Decimal::from(amount),
            currency: Currency::parse("EUR").unwrap(),
        };
        let new = |amount, received_at, of_something| NewPayment {
            amount: money(amount),
            refund: false,
            received_at,
            of_something,
        };
        let codes = |new: NewPayment| match new.checked(now) {
            Err(Refusal::Invalid(faults)) => faults.iter().map(|fault| fault.code).collect(),
            _ => vec![],
        };
        assert_eq!(codes(new(0, later, false)), ["in_the_future", "out_of_range", "required"]);
        assert_eq!(codes(new(-5, Some(now), true)), ["out_of_range"]);
        assert_eq!(new(5, None, true).checked(now).unwrap(), (money(5), now));
        let refund = NewPayment { refund: true, ..new(5, None, true) };
        assert_eq!(refund.checked(now).unwrap(), (money(-5), now));
    }
}
