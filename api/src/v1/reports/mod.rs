//! Reports: the same figures as JSON, CSV and SVG.

mod closed;
mod format;
mod open;

pub use closed::*;
pub use open::*;
