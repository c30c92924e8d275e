//! The workspace: settings, calendar, currencies, catalogues, fields, saved conditions.

pub mod calendar;
pub mod catalogue;
pub mod custom_fields;
pub mod exchange_rates;
pub mod jobs;
pub mod products;
pub mod segments;
pub mod settings;
