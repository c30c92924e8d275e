//! The place of a batch behind the one before it, which may still be being written.

use std::{collections::HashSet, sync::mpsc::Receiver};

use crate::{Error, Result, import::imports::Import};

/// A batch decides while the one before it is written, and ends after it.
pub struct Turn {
    /// As the batch before left the import, or as it was earlier.
    pub(super) import: Import,
    before: Option<Before>,
}

/// A batch that is being written.
pub struct Before {
    /// Gets the import after the batch, and nothing if it fails.
    pub left: Receiver<Import>,
    /// External ids of its deals.
    pub deals: HashSet<String>,
}

impl Turn {
    pub fn new(import: Import, before: Option<Before>) -> Self {
        Self { import, before }
    }

    /// Waits until the batch before is there; it has failed, or the import after it.
    pub(super) fn settle(&mut self) -> Result<()> {
        if let Some(before) = self.before.take() {
            self.import = before.left.recv().map_err(|_| Error::Busy)?;
        }
        Ok(())
    }

    /// Waits for it where it has one of these deals as well.
    pub(super) fn settle_for(&mut self, deals: &[String]) -> Result<()> {
        let shared = |before: &Before| deals.iter().any(|id| before.deals.contains(id));
        if self.before.as_ref().is_some_and(shared) { self.settle() } else { Ok(()) }
    }
}
