//! Who may do what, see what, and log in.

pub mod access;
mod tokens;
