//! Who somebody is: passwords, tokens, API keys, and how often they may ask.

pub mod address;
pub mod bucket;
pub mod jwks;
pub mod limit;
pub mod password;
pub mod secret;
pub mod token;
pub mod tries;
