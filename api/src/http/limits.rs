//! The limits of the domain, as the checks of bodies take them. The specification says them in figures, which a test
//! compares with what the server refuses.

use voronka_domain::{kernel::limits, people::password};

pub const NAME: u64 = limits::NAME as u64;
pub const NOTE: u64 = limits::NOTE as u64;
pub const ADDRESS: u64 = limits::ADDRESS as u64;
pub const KEY: u64 = limits::KEY as u64;
pub const SHORTEST_PASSWORD: u64 = password::SHORTEST as u64;
/// Passwords and tokens, of whatever they are made.
pub const SECRET: u64 = 1_024;

/// Numbers and extensions of telephony, as an exchange has them.
pub const NUMBER: u64 = crate::telephony::LONGEST_NUMBER as u64;
