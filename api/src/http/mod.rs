//! What all operations share: reading requests, answering them, and saying what is wrong.

pub mod batch;
pub mod body;
pub mod call;
pub mod defaulted;
pub mod format;
mod headers;
pub mod limits;
pub mod middleware;
pub mod page;
pub mod parameters;
pub mod problem;
pub mod ranges;
pub mod reply;
mod request_headers;
pub mod resource;
pub mod search;
pub mod sheets;
pub mod shelf;
pub mod spool;
pub mod table;
mod unread;
pub mod words;
pub mod work;

pub use body::{Body, Patch};
pub use call::{Call, ExternalPath, Id, Responded};
pub use problem::{Problem, ProblemBody};
pub use reply::Reply;
pub use resource::Resource;
pub use search::Search;
