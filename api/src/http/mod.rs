//! What all operations share: reading requests, answering them, and saying what is wrong.

pub mod batch;
pub mod body;
pub mod call;
mod headers;
pub mod middleware;
pub mod page;
pub mod problem;
pub mod search;
pub mod work;

pub use body::{Body, Patch};
pub use call::{Call, ExternalPath, Id, Reply, Responded};
pub use problem::{Problem, ProblemBody};
pub use search::Search;
