//! Users, departments, keys, and what lets them in.

pub mod access;
pub mod api_keys;
pub mod departments;
pub mod login_addresses;
pub mod password_resets;
pub mod refresh_tokens;
pub mod users;
