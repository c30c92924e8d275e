//! What the tests stand on: one private Postgres for the run, a database for each test cloned from a
//! migrated template, and a real server on a port of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod api;
pub mod contract;
pub mod data;
pub mod histories;
pub mod import_load;
pub mod invariants;
pub mod operations;
pub mod postgres;
pub mod process;
pub mod server;
pub mod spec_lint;
pub mod sql;
pub mod unpacked;

pub use api::{Api, Reply, UPLOAD, upload};
pub use data::test_data;
pub use server::TestServer;
