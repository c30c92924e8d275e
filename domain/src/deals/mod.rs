//! Deals: what happens to them, by whom and why, and what their history says.

pub mod automation;
pub mod deal;
pub mod demand;
pub mod due;
pub mod effect;
pub mod event;
pub mod evidence;
pub mod holds;
pub mod ledger;
pub mod migration;
pub mod track;
pub mod trail;
pub mod transition;
pub mod visit;
