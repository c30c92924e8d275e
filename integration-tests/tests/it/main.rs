//! Voronka's behaviour, as its users see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod bad_input;
mod clients;
mod concurrency;
mod conditions;
mod conventions;
mod crashes;
mod currencies;
mod custom_fields;
mod deal_batches;
mod deals;
mod demo;
mod docs_page;
mod drill_down;
mod exports;
mod feed;
mod funnel_deck;
mod funnel_forms;
mod funnels;
mod import_clients;
mod import_custom;
mod import_files;
mod import_kinds;
mod imports;
mod imports_at_scale;
mod imports_over_time;
mod node;
mod openapi;
mod real_data;
mod report_figures;
mod report_segments;
mod report_sheets;
mod schema;
mod tokens;
mod typescript_client;
