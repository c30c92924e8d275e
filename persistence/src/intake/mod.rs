//! What comes in from outside: integrations, what they post, and the calls that it tells of.

mod call_backs;
pub mod calls;
mod candidates;
pub mod inbox;
pub mod integrations;
pub mod known;
pub mod raw_events;
pub mod status;
