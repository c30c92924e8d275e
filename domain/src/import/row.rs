//! Rows of a file, read by a plan.

use chrono::{DateTime, NaiveDate, Utc};

use super::{
    Rejection,
    amount::plain,
    calls::CallRow,
    clients::{ClientRow, ContactRow},
    deals::{DealRow, EventRow},
    kind::ImportKind,
    people::UserRow,
    products::ProductRow,
    rate::RateRow,
    spec::Plan,
    time::{parse_date, parse_instant},
};
use crate::{
    kernel::fault::is_visible,
    kernel::{
        fault::Fault,
        money::{Currency, Money, parse_amount},
    },
    process::Stage,
    workspace::catalogue::NAME_LENGTH,
};

#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    Deal(DealRow),
    Event(EventRow),
    Rate(RateRow),
    Client(ClientRow),
    Contact(ContactRow),
    User(UserRow),
    Product(ProductRow),
    Call(Box<CallRow>),
}

impl Row {
    /// Line of the file, the header being line 1.
    pub fn line(&self) -> u64 {
        match self {
            Self::Deal(row) => row.line,
            Self::Event(row) => row.line,
            Self::Rate(row) => row.line,
            Self::Client(row) => row.line,
            Self::Contact(row) => row.line,
            Self::User(row) => row.line,
            Self::Product(row) => row.line,
            Self::Call(row) => row.line,
        }
    }

    /// A command's fault as one of this row, in the fields of the mapping.
    pub fn rejection(&self, fault: &Fault) -> Rejection {
        match self {
            Self::Deal(row) => row.rejection(fault),
            Self::Event(row) => row.rejection(fault),
            Self::Rate(row) => row.rejection(fault),
            Self::Client(row) => row.rejection(fault),
            Self::Contact(row) => row.rejection(fault),
            Self::User(row) => row.rejection(fault),
            Self::Product(row) => row.rejection(fault),
            Self::Call(row) => row.rejection(fault),
        }
    }
}

/// The field of a mapping that a command's fault is about.
pub(super) fn field(pointer: &str) -> String {
    let path = pointer.trim_start_matches('/');
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let field = match first {
        "custom" => return format!("custom.{}", rest.split('/').next().unwrap_or_default()),
        "client_id" => "client",
        "owner_id" => "owner",
        "department_id" => "department",
        "loss_reason_id" => "loss_reason",
        "competitor_id" => "competitor",
        "deal_type_id" => "",
        same => same,
    };
    field.to_owned()
}

impl Plan {
    /// Reads one record, or says every fault of it.
    pub fn read(
        &self,
        line: u64,
        record: &[String],
        stages: &[Stage],
    ) -> Result<Row, Vec<Rejection>> {
        let mut reader = Reader { plan: self, record, line, faults: Vec::new() };
        let row = match self.spec.kind {
            ImportKind::Deals => reader.deal(stages).map(Row::Deal),
            ImportKind::StageEvents => reader.event(stages).map(Row::Event),
            ImportKind::ExchangeRates => reader.rate().map(Row::Rate),
            ImportKind::Clients => reader.client().map(Row::Client),
            ImportKind::Contacts => reader.contact().map(Row::Contact),
            ImportKind::Users => reader.user().map(Row::User),
            ImportKind::Products => reader.product().map(Row::Product),
            ImportKind::Calls => reader.call().map(|row| Row::Call(Box::new(row))),
        };
        match row {
            Some(row) if reader.faults.is_empty() => Ok(row),
            _ => Err(reader.faults),
        }
    }
}

pub(super) struct Reader<'a> {
    pub(super) plan: &'a Plan,
    record: &'a [String],
    pub(super) line: u64,
    faults: Vec<Rejection>,
}

impl Reader<'_> {
    pub(super) fn reject(&mut self, field: &str, code: &str, reason: impl Into<String>) {
        self.faults.push(Rejection::new(self.line, field, code, reason));
    }

    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// The same, for whoever has nothing then.
    pub(super) fn refuse<T>(
        &mut self,
        field: &str,
        code: &str,
        reason: impl Into<String>,
    ) -> Option<T> {
        self.reject(field, code, reason);
        None
    }

    pub(super) fn bounded(&mut self, field: &str, longest: usize) -> Option<String> {
        let text = self.plan.field(self.record, field)?.to_owned();
        if text.contains('\0') {
            self.reject(field, "invalid_text", "The text has a NUL character.");
            return None;
        }
        if !text.chars().any(is_visible) {
            self.reject(field, "required", "There is nothing to be seen in the field.");
            return None;
        }
        if text.chars().count() > longest {
            self.reject(field, "too_long", format!("At most {longest} characters."));
            return None;
        }
        Some(text)
    }

    pub(super) fn text(&mut self, field: &str) -> Option<String> {
        self.bounded(field, NAME_LENGTH)
    }

    pub(super) fn long_text(&mut self, field: &str) -> Option<String> {
        self.bounded(field, 4_000)
    }

    pub(super) fn required(&mut self, field: &str) -> Option<String> {
        if self.plan.field(self.record, field).is_none() {
            self.reject(field, "required", "The field is empty.");
        }
        self.text(field)
    }

    /// An amount in the row's currency.
    pub(super) fn money(&mut self, field: &str) -> Option<Money> {
        let currency = self.currency();
        let text = self.text(field)?;
        match parse_amount("", &plain(&text, self.plan.spec.decimal)) {
            Ok(amount) => Some(Money { amount, currency: currency? }),
            Err(fault) => self.refuse(field, fault.code, fault.detail),
        }
    }

    /// The row's, or else that of the spec.
    pub(super) fn currency(&mut self) -> Option<Currency> {
        let Some(code) = self.plan.field(self.record, "currency") else {
            return Some(self.plan.currency);
        };
        match Currency::parse(code) {
            Ok(currency) => Some(currency),
            // Said once, however many amounts the row has.
            Err(_) if self.faults.iter().any(|fault| fault.field == "currency") => None,
            Err(error) => self.refuse("currency", "unknown_currency", error.to_string()),
        }
    }

    pub(super) fn instant(&mut self, field: &str) -> Option<DateTime<Utc>> {
        let text = self.text(field)?;
        let instant = parse_instant(&text, self.plan.format.as_ref(), self.plan.zone);
        if instant.is_none() {
            self.not_a_date(field, &text);
        }
        instant
    }

    pub(super) fn date(&mut self, field: &str) -> Option<NaiveDate> {
        let text = self.text(field)?;
        let day = parse_date(&text, self.plan.format.as_ref(), self.plan.zone);
        if day.is_none() {
            self.not_a_date(field, &text);
        }
        day
    }

    fn not_a_date(&mut self, field: &str, text: &str) {
        let format = self.plan.spec.date_format.as_deref().unwrap_or("ISO 8601");
        self.reject(field, "invalid_date", format!("\"{text}\" is not a date in {format}."));
    }
}
