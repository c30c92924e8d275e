//! What people do for deals.

pub mod activities;
pub mod documents;
pub mod hand_overs;
pub mod payments;
pub mod tasks;
