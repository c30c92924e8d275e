//! The tenant: its settings and calendar, its currencies, its catalogues and fields of its own.

pub mod calendar;
pub mod catalogue;
pub mod custom_field;
pub mod exchange;
pub mod job;
pub mod product;
pub mod settings;
