//! Files that hang on other things, and what is in the store where their bytes are.

mod attached;
mod hangs_on;
pub mod objects;
pub mod stores;

pub use attached::{File, LIST, NewFile, add, delete, list, read, require};
