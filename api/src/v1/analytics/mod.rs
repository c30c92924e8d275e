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

use crate::http::parameters::Choice;

pub use closed::*;
pub use demand::*;
pub use durations::*;
pub use losses::*;
pub use open::*;

/// The words of a report's parameters, by its operation.
pub fn choices(operation: &str) -> Vec<Choice> {
    let of = match operation
        .trim_start_matches("get")
        .trim_start_matches("list")
        .trim_end_matches("Deals")
    {
        "OpenFunnel" => report::choices::<open::Request>,
        "ClosedFunnel" => report::choices::<closed::Request>,
        "Losses" => report::choices::<losses::Request>,
        "StageDurations" => report::choices::<durations::Request>,
        "PrimaryDemand" => report::choices::<demand::Request>,
        _ => return Vec::new(),
    };
    of(operation.starts_with("list"))
}
