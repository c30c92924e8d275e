//! Files that hang on other things, and what is in the store where their bytes are.

pub mod objects;
pub mod stores;
