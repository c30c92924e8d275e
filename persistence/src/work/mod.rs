//! What people do for deals: tasks, documents, payments, activities, and handing deals over.

pub mod activities;
pub mod documents;
pub mod hand_overs;
pub mod payments;
pub mod tasks;
