//! What a test asks of a value.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::Moment;
use crate::kernel::money::Money;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub fn accepts(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Text(String),
    Id(Uuid),
    Number(Decimal),
    Money(Money),
    Bool(bool),
    Instant(DateTime<Utc>),
    /// A day in the workspace's zone; an instant is compared by the day on which it lies.
    Day(NaiveDate),
    /// So many days after today.
    DaysFromToday(i32),
}

impl Operand {
    /// The day that is meant, if a day is meant.
    pub fn day(&self, moment: &Moment) -> Option<NaiveDate> {
        match self {
            Self::Day(day) => Some(*day),
            Self::DaysFromToday(days) => Some(moment.day_after(*days)),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    Empty,
    Compare(Comparison, Operand),
    OneOf(Vec<Operand>),
    /// The text has this part, without regard to case; folded already.
    Contains(String),
    /// The text begins so, without regard to case; folded already.
    StartsWith(String),
    /// The set has at least one of these.
    HasAny(Vec<String>),
    /// The set has all of these.
    HasAll(Vec<String>),
}
