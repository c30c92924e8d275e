//! Rows that are a product each.

use std::collections::HashMap;

use voronka_domain::import::{Outcome, ProductRow, Rejection, Row};

use super::{Read, Tally, parted};
use crate::{
    Result, Unit,
    core::noun::Noun,
    workspace::products::{self, Product},
};

/// The products that a batch is about, by stock keeping unit in lower case.
#[derive(Default)]
struct Known {
    places: HashMap<String, usize>,
    /// As they were, and as they are after the rows so far.
    products: Vec<(Option<Product>, Product)>,
}

pub fn take(unit: &mut Unit<'_>, rows: &[Read], tally: &mut Tally) -> Result<()> {
    let rows = tally.sift(rows, |row| match row {
        Row::Product(row) => Some(row),
        _ => None,
    });
    let mut known = Known::default();
    let skus = rows.iter().map(|(row, _)| row.sku.clone()).collect();
    for product in products::by_sku(unit, skus)? {
        known.add(Some(product.clone()), product);
    }
    for (row, cells) in rows {
        match known.take(unit, row) {
            Ok(outcome) => tally.count(outcome),
            Err(fault) => tally.reject(&[fault], cells),
        }
    }
    let (fresh, changed) = parted(known.products);
    Product::insert_all(unit, fresh)?;
    Product::save_all(unit, changed)
}

impl Known {
    fn add(&mut self, before: Option<Product>, product: Product) {
        let sku = product.sku.as_deref().unwrap_or_default().to_lowercase();
        self.places.insert(sku, self.products.len());
        self.products.push((before, product));
    }

    fn take(&mut self, unit: &Unit<'_>, row: &ProductRow) -> Result<Outcome, Rejection> {
        let place = self.places.get(&row.sku.to_lowercase()).copied();
        let Some((_, product)) = place.and_then(|place| self.products.get_mut(place)) else {
            let Some(name) = row.name.clone() else {
                let reason = "A new product needs a name.";
                return Err(Rejection::new(row.line, "name", "required", reason));
            };
            let mut product = Product::new(name, unit.now);
            product.sku = Some(row.sku.clone());
            product.unit.clone_from(&row.unit);
            product.set_price(row.price);
            self.add(None, product);
            return Ok(Outcome::Created);
        };
        let before = product.clone();
        if let Some(name) = &row.name {
            product.name.clone_from(name);
        }
        product.unit = row.unit.clone().or(product.unit.take());
        if row.price.is_some() {
            product.set_price(row.price);
        }
        Ok(if *product == before { Outcome::Unchanged } else { Outcome::Updated })
    }
}
