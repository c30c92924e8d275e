//! What every request can reach.

use metrics_exporter_prometheus::PrometheusHandle;
use voronka_persistence::Store;

use crate::{
    auth::{address::Addresses, limit::Limits, password::Turns, token::Tokens, tries::Tries},
    import_worker::Wake,
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
    /// Largest file of an import, in bytes.
    pub import_limit: usize,
    pub metrics: PrometheusHandle,
    /// Tells the import worker that there is work.
    pub wake: Wake,
}
