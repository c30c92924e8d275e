//! Imports.

pub mod imports;
pub mod preview;
