//! Products: what is sold.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::{Currency, Money, workspace::product::ProductChange};

use crate::{
    Result, Unit,
    core::{
        list::{Field, FieldKind, Spec},
        noun::{listed, noun, overwritten, set},
        schema::products,
    },
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = products, treat_none_as_null = true)]
pub struct Product {
    pub id: Uuid,
    pub name: String,
    pub sku: Option<String>,
    pub unit: Option<String>,
    pub price: Option<Decimal>,
    pub currency: Option<String>,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(products, Product, "product");
overwritten!(products, Product, [name, sku, unit, price, currency, archived, version, updated_at]);

pub const LIST: Spec = Spec {
    table: "products",
    fields: &[
        Field::new("name", "products.name", FieldKind::Text).sorted(),
        Field::new("sku", "products.sku", FieldKind::Text).nullable().sorted(),
        Field::new("unit", "products.unit", FieldKind::Text).nullable(),
        Field::new("price", "products.price", FieldKind::Decimal).nullable().sorted(),
        Field::new("currency", "products.currency", FieldKind::Text).nullable(),
        Field::new("archived", "products.archived", FieldKind::Bool),
        Field::new("created_at", "products.created_at", FieldKind::Instant)
            .sorted_by_making("products.id"),
        Field::new("updated_at", "products.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "name",
    search: Some("(products.name || ' ' || coalesce(products.sku, ''))"),
};

listed!(Product);

impl Product {
    pub fn new(name: String, now: DateTime<Utc>) -> Self {
        Self {
            id: Uuid::now_v7(),
            name,
            sku: None,
            unit: None,
            price: None,
            currency: None,
            archived: false,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// The price, unless that is not known.
    pub fn price(&self) -> Option<Money> {
        let currency = self.currency.as_deref().and_then(|code| Currency::parse(code).ok());
        let (amount, currency) = self.price.zip(currency)?;
        Some(Money { amount: amount.normalize(), currency })
    }

    /// Takes what has been checked.
    pub fn change(&mut self, change: ProductChange) {
        let ProductChange { name, sku, unit, price, archived } = change;
        set(&mut self.name, name);
        set(&mut self.sku, sku);
        set(&mut self.unit, unit);
        set(&mut self.archived, archived);
        if let Some(price) = price.filter(|price| *price != self.price()) {
            self.price = price.map(|price| price.amount);
            self.currency = price.map(|price| price.currency.code().to_owned());
        }
    }
}

/// Those with some stock keeping units, without regard to case; locked.
pub(crate) fn by_sku(unit: &mut Unit<'_>, skus: Vec<String>) -> Result<Vec<Product>> {
    let found = unit
        .tenant
        .rows(Product::as_select(), "products")
        .sql(" AND lower(sku) IN (SELECT lower(wanted) FROM unnest(")
        .bind(skus)
        .sql(") AS wanted) ORDER BY id FOR NO KEY UPDATE")
        .load(unit.tenant.conn)?;
    Ok(found)
}
