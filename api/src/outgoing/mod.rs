//! What is asked of others by addresses that somebody else has named: never anything inside a network.

pub mod address;
pub mod client;
