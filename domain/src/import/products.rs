//! Rows that are products.

use super::{
    Rejection,
    row::{Reader, field},
};
use crate::kernel::{fault::Fault, money::Money};

/// What a row says of a product; none where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRow {
    pub line: u64,
    pub sku: String,
    pub name: Option<String>,
    pub unit: Option<String>,
    pub price: Option<Money>,
}

impl ProductRow {
    /// A command's fault as one of this row, in the fields of the mapping.
    pub fn rejection(&self, fault: &Fault) -> Rejection {
        Rejection::new(self.line, &field(&fault.pointer), fault.code, fault.detail.as_str())
    }
}

impl Reader<'_> {
    pub(super) fn product(&mut self) -> Option<ProductRow> {
        let sku = self.required("sku");
        let row = ProductRow {
            line: self.line,
            sku: sku.unwrap_or_default(),
            name: self.text("name"),
            unit: self.text("unit"),
            price: self.money("price"),
        };
        Some(row)
    }
}
