//! Imports: their files and rows, and carrying them out.

pub mod imports;
pub mod names;
pub mod rows;
pub mod run;
