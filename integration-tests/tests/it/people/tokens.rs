//! Who somebody is: logins, refresh tokens, API keys, and the tokens of another issuer.

mod api_keys;
mod issuer;
mod login;
mod makers;
mod passwords;
mod refresh;
