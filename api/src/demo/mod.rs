//! The demo company: made by a seeded generator, written as CSV files, loaded through the real import; and
//! deals that a process led through a quarter, and the calls of that quarter.

mod calendar;
mod calls;
mod clients;
mod deals;
pub mod generator;
mod led;
mod load;
mod names;
mod outline;
mod random;
mod table;

pub use load::{Loaded, load, write_files};
