//! How long texts may be, in characters: said once, for commands, rows of files and bodies.

/// Names, titles and what else is read at a glance.
pub const NAME: usize = 200;
/// Notes, descriptions and results.
pub const NOTE: usize = 4_000;
/// Addresses on the web.
pub const ADDRESS: usize = 2_000;
/// Keys of things, such as `first_call`.
pub const KEY: usize = 64;
