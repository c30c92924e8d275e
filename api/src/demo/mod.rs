//! The demo company: made by a seeded generator, written as CSV files, loaded through the real import.

mod calendar;
mod clients;
mod deals;
pub mod generator;
mod load;
mod names;
mod outline;
mod random;
mod table;

pub use load::{Loaded, load, write_files};
