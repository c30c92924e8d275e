//! Voronka's HTTP service: it translates between requests and the domain, and keeps the server running.

pub mod auth;
pub mod cli;
pub mod config;
pub mod demo;
pub mod embedded;
mod formula;
pub mod founding;
pub mod funnel_svg;
pub mod gantt_svg;
pub mod heavy;
pub mod http;
pub mod import_file;
pub mod objects;
pub mod openapi;
pub mod outgoing;
pub mod server;
pub mod shares;
pub mod state;
pub mod telephony;
pub mod v1;
pub mod workers;

/// What a command fails with: a sentence for the operator.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
