//! Products: what is sold.

use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{Refusal, kernel::fault::Faults, workspace::product::ProductChange};
use voronka_persistence::{Unit, workspace::products::Product};

use crate::{
    http::{
        Body, Call, Id, Patch, Resource, Responded,
        call::{CataloguesRead, CataloguesWrite},
    },
    page_of,
    v1::bodies::money::MoneyBody,
};

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Product)]
pub struct ProductBody {
    pub id: Uuid,
    #[schema(example = "Pump P-200")]
    pub name: String,
    /// Stock keeping unit; unique in the workspace, without regard to case.
    #[schema(example = "P-200")]
    pub sku: Option<String>,
    /// What it is counted in.
    #[schema(example = "piece")]
    pub unit: Option<String>,
    /// List price of a unit.
    pub price: Option<MoneyBody>,
    /// No longer offered. Products are never deleted.
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<Product> for ProductBody {
    fn from(row: Product) -> Self {
        Self {
            price: row.price().map(|price| MoneyBody::new(price.amount, price.currency)),
            id: row.id,
            name: row.name,
            sku: row.sku,
            unit: row.unit,
            archived: row.archived,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Resource for Product {
    type Body = ProductBody;
    const PATH: &'static str = "/v1/products";
}

page_of!(ProductPage, ProductBody);

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Pump P-200", "sku": "P-200", "unit": "piece", "price": {"amount": "1999.95", "currency": "EUR"}}))]
pub struct NewProduct {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub sku: Option<String>,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub unit: Option<String>,
    pub price: Option<MoneyBody>,
}

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"price": {"amount": "2100.00", "currency": "EUR"}, "archived": false}))]
pub struct ProductPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub sku: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub unit: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<MoneyBody>)]
    pub price: Patch<MoneyBody>,
    /// True archives the product, false brings it back.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub archived: Option<bool>,
}

impl ProductPatch {
    fn of(new: NewProduct) -> Self {
        let NewProduct { name, sku, unit, price } = new;
        Self {
            name: Some(name),
            sku: sku.map_or(Patch::Absent, Patch::Set),
            unit: unit.map_or(Patch::Absent, Patch::Set),
            price: price.map_or(Patch::Absent, Patch::Set),
            archived: None,
        }
    }

    /// The row after the change.
    fn apply(self, mut row: Product) -> Result<Product, Refusal> {
        let mut faults = Faults::default();
        let mut price = |price: MoneyBody| price.parse_at("/price", &mut faults);
        let change = ProductChange {
            price: self.price.into_option().map(|given| given.and_then(&mut price)),
            name: self.name,
            sku: self.sku.into_option(),
            unit: self.unit.into_option(),
            archived: self.archived,
        };
        let change = change.read(&mut faults);
        faults.into_result()?;
        row.change(change);
        Ok(row)
    }
}

/// List products
///
/// What is sold. `q` looks in the name and the SKU.
#[utoipa::path(tag = "Products", operation_id = "listProducts", security(("bearer" = ["catalogues:read"])),
    responses((status = 200, description = "A page of the list.", body = ProductPage)))]
#[get("/v1/products")]
pub async fn list(call: Call<CataloguesRead>) -> Responded {
    call.list_of::<Product>().await
}

/// Create a product
///
/// Only the name is required. A SKU must be free, without regard to case.
#[utoipa::path(tag = "Products", operation_id = "createProduct", security(("bearer" = ["catalogues:write"])),
    request_body = NewProduct,
    responses((status = 201, description = "The new product.", body = ProductBody)))]
#[post("/v1/products")]
pub async fn create(call: Call<CataloguesWrite>, body: Body<NewProduct>) -> Responded {
    let new = ProductPatch::of(body.value);
    let new = |unit: &mut Unit<'_>| Ok(new.apply(Product::new(String::new(), unit.now))?);
    call.create(body.digest, new).await
}

/// Read a product
#[utoipa::path(tag = "Products", operation_id = "getProduct", security(("bearer" = ["catalogues:read"])),
    params(("id" = Uuid, Path, description = "Id of the product.")),
    responses((status = 200, description = "The product.", body = ProductBody)))]
#[get("/v1/products/{id}")]
pub async fn read(call: Call<CataloguesRead>, id: Id) -> Responded {
    call.one_of::<Product>(id).await
}

/// Change or archive a product
///
/// Absent fields stay as they are; null clears a field. Products are archived and never deleted.
#[utoipa::path(tag = "Products", operation_id = "updateProduct", security(("bearer" = ["catalogues:write"])),
    request_body = ProductPatch,
    params(("id" = Uuid, Path, description = "Id of the product.")),
    responses((status = 200, description = "The product after the change.", body = ProductBody)))]
#[patch("/v1/products/{id}")]
pub async fn update(call: Call<CataloguesWrite>, id: Id, body: Body<ProductPatch>) -> Responded {
    let change = body.value;
    call.update(body.digest, id, |_, row: Product| Ok(change.apply(row)?)).await
}
