//! Voronka's storage on Postgres: it records what the domain decides, and answers what people ask.
//!
//! Every query starts from a [`Tenant`], so a workspace cannot be forgotten; every write goes through
//! a [`Unit`] of work, so an event, an idempotency key and the change itself stand or fall together.

pub mod access;
pub mod activities;
pub mod api_keys;
pub mod calendar;
pub mod catalogues;
pub mod clients;
mod columns;
mod conditions;
pub mod contacts;
pub mod custom_fields;
mod database;
pub mod deal_types;
pub mod deals;
pub mod demands;
pub mod departments;
pub mod documents;
mod error;
pub mod events;
pub mod exchange_rates;
pub mod hand_overs;
pub mod idempotency;
pub mod import_names;
pub mod import_rows;
pub mod import_run;
pub mod imports;
mod json_text;
pub mod list;
pub mod login_addresses;
mod noun;
mod passing;
pub mod password_resets;
pub mod payments;
pub mod process_drafts;
pub mod products;
pub mod refresh_tokens;
pub mod reports;
pub mod schema;
pub mod segments;
mod statement;
pub mod tasks;
pub mod touches;
mod unit;
pub mod users;
mod waiting;
pub mod words;
pub mod workspaces;

pub use access::Caller;
pub use conditions::Look;
pub use database::{Connection, Store, now};
pub use error::{Error, Result};
pub use json_text::JsonText;
pub use passing::{Passing, again};
pub use statement::{Bind, Raw, Statement};
pub use unit::{Answer, Idempotency, Tenant, Unit, Written};
pub use waiting::Waiting;
