//! What every request can reach.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use voronka_persistence::Store;

use crate::{
    auth::{address::Addresses, limit::Limits, password::Turns, token::Tokens, tries::Tries},
    heavy::Heavy,
    http::shelf::Shelf,
    objects::Objects,
    shares::Shares,
    workers::Wake,
};

pub struct App {
    pub store: Store,
    pub tokens: Tokens,
    pub limits: Limits,
    pub addresses: Addresses,
    pub tries: Tries,
    pub turns: Turns,
    /// Largest JSON body, in bytes.
    pub body_limit: usize,
    /// How long a body may take to come, if it is small.
    pub body_patience: Duration,
    /// Largest file of an import, in bytes.
    pub import_limit: usize,
    /// Largest sheet, in bytes.
    pub sheet_limit: u64,
    /// Where the bytes of files are.
    pub objects: Objects,
    /// Largest file, and what a workspace may have of all, in bytes.
    pub file_limits: (u64, u64),
    /// Places for heavy work.
    pub heavy: Heavy,
    pub shelf: Shelf,
    pub shares: Shares,
    pub searches: Shares,
    /// Files on their way in and out.
    pub uploads: Shares,
    pub downloads: Shares,
    pub metrics: PrometheusHandle,
    /// Tells the workers that there is work.
    pub wake: Wake,
}
