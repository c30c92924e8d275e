//! Rows that are a product each.

use std::collections::HashMap;

use voronka_domain::{
    import::{Outcome, ProductRow, Rejection, Row},
    workspace::product::ProductChange,
};

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
            if row.name.is_none() {
                let reason = "A new product needs a name.";
                return Err(Rejection::new(row.line, "name", "required", reason));
            }
            let mut product = Product::new(String::new(), unit.now);
            let sku = Some(Some(row.sku.clone()));
            product.change(ProductChange { sku, ..said(row) });
            self.add(None, product);
            return Ok(Outcome::Created);
        };
        let before = product.clone();
        product.change(said(row));
        Ok(if *product == before { Outcome::Unchanged } else { Outcome::Updated })
    }
}

/// What the row says of the product that it names.
fn said(row: &ProductRow) -> ProductChange {
    ProductChange {
        name: row.name.clone(),
        unit: row.unit.clone().map(Some),
        price: row.price.map(Some),
        ..ProductChange::default()
    }
}
