//! People: what they may do and see, who gets a task, and passwords.

pub mod access;
pub mod assignment;
pub mod department;
pub mod password;
