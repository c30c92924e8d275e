//! Clients and their contacts: how they are reached, found, and told apart.

mod batch;
mod duplicates;
mod merge;
mod reach;
