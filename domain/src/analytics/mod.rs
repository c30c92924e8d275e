//! What many deals say together. It reads, and changes nothing.

pub mod funnel;
pub mod survival;
