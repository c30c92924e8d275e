//! Voronka's pure core. It decides what may happen to a deal and computes what its history means.
//!
//! Nothing here reads a clock, a database or the network: the time, the ids and every fact come in
//! as arguments, so each rule can be tested by itself and replayed from history.
//!
//! Each context may use those before it, and none after it.

pub mod analytics;
pub mod clients;
pub mod deals;
pub mod files;
pub mod import;
pub mod intake;
pub mod kernel;
pub mod people;
pub mod process;
pub mod work;
pub mod workspace;

pub use kernel::{
    fault::{Fault, Refusal},
    money::{Currency, Money},
};

#[cfg(test)]
mod tests;
