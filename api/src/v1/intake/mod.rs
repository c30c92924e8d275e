//! What comes in from outside.

pub mod hooks;
pub mod inbox;
pub mod integrations;
pub mod raw_events;
pub mod recordings;
pub mod status;
