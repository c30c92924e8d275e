//! What holds for every operation: bodies and inputs, failures, sheets, the feed, the API's description.

mod bad_input;
mod bodies;
mod bodies_of_nouns;
mod conventions;
mod crashes;
mod docs_page;
mod endings;
mod exports;
mod feed;
mod hanging_up;
mod heavy_work;
mod locks;
pub mod node;
mod openapi;
mod passing;
mod schema;
mod shares;
mod snippets;
mod typescript_client;
mod unlogged;
