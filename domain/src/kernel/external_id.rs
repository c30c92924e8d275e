//! Ids in other systems.

use serde::{Deserialize, Serialize};

use super::{fault::Faults, limits};

/// The id of the same thing in another system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalId {
    pub source: String,
    pub id: String,
}

impl ExternalId {
    /// Notes what is wrong with it.
    pub fn check(&self, faults: &mut Faults) {
        faults.text("/external_id/source", &self.source, limits::NAME);
        faults.text("/external_id/id", &self.id, limits::NAME);
    }
}
