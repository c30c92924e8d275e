//! What people do for deals: tasks, documents, payments, activities, and handing deals over.

pub mod activity;
pub mod document;
pub mod facts;
pub mod hand_over;
pub mod payment;
pub mod task;
