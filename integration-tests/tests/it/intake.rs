//! What comes in from outside.

mod calls;
mod exchange;
mod hooks;
