//! Products: what is sold.

use crate::kernel::{fault::Faults, limits, money::Money};

/// What is given of a product: of a new one, in a change, in a row of an import. None keeps a field, `Some(None)`
/// clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductChange {
    pub name: Option<String>,
    pub sku: Option<Option<String>>,
    pub unit: Option<Option<String>>,
    pub price: Option<Option<Money>>,
    pub archived: Option<bool>,
}

impl ProductChange {
    /// The change as it is kept; notes what is wrong with it.
    pub fn read(self, faults: &mut Faults) -> Self {
        let mut text = |pointer, text: String| {
            faults.text(pointer, &text, limits::NAME);
            text.trim().to_owned()
        };
        Self {
            name: self.name.map(|name| text("/name", name)),
            sku: self.sku.map(|sku| sku.map(|sku| text("/sku", sku))),
            unit: self.unit.map(|unit| unit.map(|unit| text("/unit", unit))),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_products_are_there_and_trimmed() {
        let mut faults = Faults::default();
        let change = ProductChange {
            name: Some(" Pump ".into()),
            sku: Some(Some(" ".into())),
            unit: Some(None),
            ..ProductChange::default()
        };
        let read = change.read(&mut faults);
        assert_eq!((read.name.as_deref(), read.unit), (Some("Pump"), Some(None)));
        let told: Vec<_> =
            faults.into_inner().into_iter().map(|fault| (fault.pointer, fault.code)).collect();
        assert_eq!(told, [("/sku".to_owned(), "required")]);
    }
}
