//! Tenants: their settings and calendar, currencies, catalogues, fields of their own and saved conditions.

pub mod calendar;
pub mod catalogues;
pub mod custom_fields;
pub mod exchange_rates;
pub mod products;
pub mod segments;
pub mod workspaces;
