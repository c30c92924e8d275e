//! Reports, and the deals behind them.

pub mod drill_down;
pub mod funnel_deck;
mod funnel_forms;
pub mod funnels;
pub mod report_figures;
pub mod report_segments;
pub mod report_sheets;
