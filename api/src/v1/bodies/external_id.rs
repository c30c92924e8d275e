//! Ids in other systems.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use voronka_domain::kernel::{external_id::ExternalId, fault::Faults};

/// The id of the same thing in another system.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExternalId, example = json!({"source": "shop", "id": "4711"}))]
pub struct ExternalIdBody {
    /// Names the system.
    pub source: String,
    pub id: String,
}

impl ExternalIdBody {
    pub fn kept(source: Option<String>, id: Option<String>) -> Option<Self> {
        source.zip(id).map(|(source, id)| Self { source, id })
    }

    /// The source and the id.
    pub fn checked(self, faults: &mut Faults) -> (String, String) {
        let external_id = ExternalId::from(self);
        external_id.check(faults);
        (external_id.source, external_id.id)
    }
}

impl From<ExternalIdBody> for ExternalId {
    fn from(body: ExternalIdBody) -> Self {
        Self { source: body.source, id: body.id }
    }
}
