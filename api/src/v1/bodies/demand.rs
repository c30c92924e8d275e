//! What a client wants, as somebody writes it down.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{
    deals::demand::Line,
    kernel::{fault::Faults, money::parse_amount},
};

use super::money::MoneyBody;

/// A thing that is wanted.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"item": "Rack server", "quantity": "4", "amount": {"amount": "9600.00", "currency": "EUR"},
    "met_quantity": "3", "unmet_reason": "Out of stock"}))]
pub struct NewDemandLine {
    #[schema(min_length = 1, max_length = 200)]
    pub item: String,
    /// The product that it is, if it is one of the catalogue.
    pub product_id: Option<Uuid>,
    /// How many, a decimal as text of at most 4 decimals; 1 by default.
    pub quantity: Option<String>,
    /// What all of the quantity would cost.
    pub amount: MoneyBody,
    /// How many of them the client got; 0 by default.
    pub met_quantity: Option<String>,
    /// Why not all. Reports count by it, whatever its case.
    #[schema(max_length = 200)]
    pub unmet_reason: Option<String>,
}

/// The lines as far as they can be read; faults point below `pointer`.
pub fn read_lines(pointer: &str, lines: Vec<NewDemandLine>, faults: &mut Faults) -> Vec<Line> {
    let mut read = Vec::new();
    for (index, line) in lines.into_iter().enumerate() {
        let at = |field: &str| format!("{pointer}/{index}/{field}");
        let (quantity, met) = (line.quantity.as_deref(), line.met_quantity.as_deref());
        let quantity = faults.take(parse_amount(&at("quantity"), quantity.unwrap_or("1")));
        let met_quantity = faults.take(parse_amount(&at("met_quantity"), met.unwrap_or("0")));
        let amount = line.amount.parse_at(&at("amount"), faults);
        if let (Some(quantity), Some(met_quantity), Some(amount)) = (quantity, met_quantity, amount)
        {
            let (item, product_id) = (line.item, line.product_id);
            let unmet_reason = line.unmet_reason;
            read.push(Line { item, product_id, quantity, amount, met_quantity, unmet_reason });
        }
    }
    read
}
