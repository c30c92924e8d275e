//! What comes in from outside: calls, as exchanges tell them, and whose they are.

pub mod call;
pub mod call_back;
pub mod candidate;
pub mod inbox;
pub mod integration;
pub mod listed;
pub mod recording;
