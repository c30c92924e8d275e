//! Sources, competitors and loss reasons: short lists that are archived and never deleted.

use crate::kernel::{
    fault::{Faults, Refusal},
    limits,
};

/// Longest name of anything in a catalogue.
pub const NAME_LENGTH: usize = limits::NAME;

/// The trimmed name, or what is wrong with it.
pub fn name(pointer: &str, name: &str) -> Result<String, Refusal> {
    let mut faults = Faults::default();
    faults.text(pointer, name, NAME_LENGTH);
    faults.into_result()?;
    Ok(name.trim().to_owned())
}
