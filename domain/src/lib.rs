//! Voronka's pure core. It decides what may happen to a deal and computes what its history means.
//!
//! Nothing here reads a clock, a database or the network: the time, the ids and every fact come in
//! as arguments, so each rule can be tested by itself and replayed from history.

pub mod access;
pub mod activity;
pub mod alignment;
pub mod automation;
pub mod calendar;
pub mod catalogue;
pub mod client;
pub mod condition;
pub mod custom_field;
pub mod deal;
pub mod demand;
pub mod document;
pub mod due;
pub mod event;
pub mod exchange;
pub mod fault;
pub mod funnel;
pub mod gate;
pub mod hand_over;
pub mod import;
pub mod ledger;
pub mod migration;
pub mod money;
pub mod number;
pub mod password;
pub mod process;
pub mod reach;
pub mod rule;
pub mod segment;
pub mod staff;
pub mod survival;
pub mod task;
pub mod track;
pub mod trail;
pub mod transition;
pub mod work;
pub mod workspace;

pub use fault::{Fault, Refusal};
pub use money::{Currency, Money};

#[cfg(test)]
mod tests;
