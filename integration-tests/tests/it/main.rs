//! Voronka's behaviour, as its users see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod bad_input;
mod concurrency;
mod conventions;
mod crashes;
mod deals;
mod feed;
mod funnels;
mod imports;
mod openapi;
mod real_data;
mod schema;
mod tokens;
