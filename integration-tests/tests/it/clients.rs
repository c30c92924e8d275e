//! Clients and their contacts: how they are reached, found, and told apart.

mod batch;
mod contact_points;
mod duplicates;
mod merge;
