//! What comes in from outside.

mod call_backs;
mod calls;
mod exchange;
mod hooks;
mod host;
mod inbox;
mod lists;
mod office;
mod providers;
mod recordings;
