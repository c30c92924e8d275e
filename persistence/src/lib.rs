//! Voronka's storage on Postgres: it records what the domain decides, and answers what people ask.
//!
//! Every query starts from a [`Tenant`], so a workspace cannot be forgotten; every write goes through
//! a [`Unit`] of work, so an event, an idempotency key and the change itself stand or fall together.
//!
//! Each context may use those before it; `core` is beneath them all.

pub mod core;

pub mod analytics;
pub mod clients;
pub mod deals;
pub mod files;
pub mod import;
pub mod intake;
pub mod people;
pub mod process;
pub mod work;
pub mod workspace;

pub use self::core::{
    caller::Caller,
    conditions::Look,
    database::{Connection, Store, now},
    error::{Error, Result},
    json_text::JsonText,
    noun::{Listed, Noun, Seen},
    passing::{Passing, again},
    statement::{Bind, Raw, Statement},
    unit::{Answer, Idempotency, Tenant, Unit, Written},
    waiting::Waiting,
};
