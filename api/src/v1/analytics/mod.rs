//! Reports: the same figures as JSON, CSV, XLSX and pictures, and the deals behind each.

mod behind;
mod closed;
mod closed_body;
mod demand;
mod durations;
mod losses;
mod open;
mod open_body;
mod report;
mod shown;
mod stretch;

pub use closed::*;
pub use demand::*;
pub use durations::*;
pub use losses::*;
pub use open::*;
