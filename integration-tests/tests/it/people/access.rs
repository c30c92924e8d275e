//! Who may do what, and who sees what.

mod administration;
mod isolation;
mod onlookers;
mod operations;
mod references;
mod roles;
mod side_doors;
mod telling;
mod visibility;
pub mod world;
