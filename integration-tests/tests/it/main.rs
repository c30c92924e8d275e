//! Voronka's behaviour, as its users see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod analytics;
mod clients;
mod deals;
mod files;
mod import;
mod intake;
mod kernel;
mod people;
mod process;
mod work;
mod workspace;
