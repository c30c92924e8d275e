//! People: what they may do and see, who gets a task, keys of programs, and passwords.

pub mod access;
pub mod api_key;
pub mod assignment;
pub mod department;
pub mod password;
