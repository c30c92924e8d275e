//! Users, departments, keys, and logging in.

pub mod api_keys;
pub mod auth;
pub mod departments;
pub mod passwords;
pub mod users;
