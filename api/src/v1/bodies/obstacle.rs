//! What stands against a move.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use voronka_domain::Fault;

/// A requirement that is not met, or another reason against a move.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Obstacle {
    /// The field that would have to change.
    #[schema(example = "/client_id")]
    pub pointer: String,
    #[schema(example = "field_required")]
    pub code: String,
    #[schema(example = "The stage \"Offer\" is left only when client_id is filled.")]
    pub detail: String,
}

impl From<Fault> for Obstacle {
    fn from(fault: Fault) -> Self {
        Self { pointer: fault.pointer, code: fault.code.to_owned(), detail: fault.detail }
    }
}
