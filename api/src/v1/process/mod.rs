//! Deal types, their versions and drafts.

pub mod deal_types;
