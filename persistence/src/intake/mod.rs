//! What comes in from outside: integrations, what they post, and the calls that it tells of.

mod call_backs;
mod call_roots;
pub mod calls;
mod candidates;
pub mod inbox;
pub mod integrations;
pub mod known;
pub mod raw_events;
pub mod recordings;
pub mod status;
