//! Deal types with their versions, and drafts of new ones.

pub mod deal_types;
pub mod drafts;
