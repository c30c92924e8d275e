//! Primary demand: what a client first wanted, and what of it was met.

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{
    Refusal,
    kernel::{fault::Faults, money::Money},
    workspace::catalogue::NAME_LENGTH,
};

pub const MOST_LINES: usize = 200;

/// One thing that was wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub item: String,
    /// The product that it is, if it is one of the catalogue.
    pub product_id: Option<Uuid>,
    /// More than zero.
    pub quantity: Decimal,
    /// What all of the quantity would cost.
    pub amount: Money,
    /// How many of them the client got: at most the quantity.
    pub met_quantity: Decimal,
    /// Why not all.
    pub unmet_reason: Option<String>,
}

/// The lines with their texts trimmed, or what is wrong with them. Faults point below `pointer`.
pub fn checked(pointer: &str, mut lines: Vec<Line>, faults: &mut Faults) -> Vec<Line> {
    if lines.len() > MOST_LINES {
        faults.add(pointer, "too_many", format!("At most {MOST_LINES} lines."));
    }
    for (index, line) in lines.iter_mut().enumerate() {
        let at = |field: &str| format!("{pointer}/{index}/{field}");
        faults.text(&at("item"), &line.item, NAME_LENGTH);
        line.item = line.item.trim().to_owned();
        if line.quantity <= Decimal::ZERO {
            faults.add(at("quantity"), "out_of_range", "More than 0.");
        }
        if line.met_quantity < Decimal::ZERO || line.met_quantity > line.quantity {
            faults.add(at("met_quantity"), "out_of_range", "From 0 to the quantity.");
        }
        if let Some(reason) = &mut line.unmet_reason {
            faults.text(&at("unmet_reason"), reason, NAME_LENGTH);
            *reason = reason.trim().to_owned();
            if line.met_quantity == line.quantity {
                let detail = "All of it was met: there is no reason why not.";
                faults.add(at("unmet_reason"), "not_allowed", detail);
            }
        }
    }
    lines
}

/// A demand without lines is none: where there has to be one, it is not taken away.
pub fn may_be_empty(pointer: &str, empty: bool, required: bool) -> Result<(), Refusal> {
    if empty && required {
        let detail = "Deals of this type have a primary demand.";
        return Err(Refusal::invalid(pointer, "primary_demand_required", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::money::Currency;

    #[test]
    fn every_fault_of_a_line_is_told() {
        let line = |item: &str, quantity: i64, met: i64, reason: Option<&str>| Line {
            item: item.to_owned(),
            product_id: None,
            quantity: quantity.into(),
            amount: Money::zero(Currency::parse("EUR").unwrap()),
            met_quantity: met.into(),
            unmet_reason: reason.map(str::to_owned),
        };
        let mut faults = Faults::default();
        let lines = vec![
            line(" Server ", 2, 1, Some(" Out of stock ")),
            line(" ", 0, 0, None),
            line("Rack", 1, 2, None),
            line("Cable", 3, 3, Some("None left")),
        ];
        let lines = checked("/demand", lines, &mut faults);
        assert_eq!(
            (lines[0].item.as_str(), lines[0].unmet_reason.as_deref()),
            ("Server", Some("Out of stock"))
        );
        let told = faults.into_inner();
        let told: Vec<_> = told.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
        assert_eq!(
            told,
            [
                ("/demand/1/item", "required"),
                ("/demand/1/quantity", "out_of_range"),
                ("/demand/2/met_quantity", "out_of_range"),
                ("/demand/3/unmet_reason", "not_allowed"),
            ]
        );
    }
}
