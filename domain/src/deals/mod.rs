//! Deals: what happens to them, by whom and why, and what their history says.

pub mod automation;
pub mod change_set;
pub mod deal;
pub mod demand;
pub mod due;
pub mod effect;
pub mod event;
pub mod evidence;
pub mod holds;
pub mod migration;
pub mod stage_path;
pub mod track;
pub mod transition;
pub mod visit;
