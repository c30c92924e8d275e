//! Who may do what, see what, and log in.

mod access;
mod tokens;
