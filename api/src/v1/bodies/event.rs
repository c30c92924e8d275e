//! Events as JSON.

use crate::http::words;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::kernel::instant;
use voronka_persistence::{JsonText, core::events::Event};

/// Something that happened.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Event)]
pub struct EventBody {
    pub id: Uuid,
    /// Place in the feed; rises, with gaps.
    #[schema(example = 1042)]
    pub position: i64,
    #[serde(rename = "type")]
    #[schema(example = "deal.stage_changed")]
    pub event_type: String,
    pub object_id: Uuid,
    /// Counts the events of the object. A deal's are without gaps.
    #[schema(example = 3)]
    pub sequence: i32,
    #[serde(serialize_with = "instant::serialize")]
    pub occurred_at: DateTime<Utc>,
    #[serde(serialize_with = "instant::serialize")]
    pub recorded_at: DateTime<Utc>,
    /// Who did it: `kind` is `user`, `api_key`, `import`, `operator`, `process`, `rule`, `hand_over` or `integration`, with ids.
    #[schema(value_type = words::Actor, example = json!({"kind": "user", "id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11"}))]
    pub actor: JsonText,
    /// What changed, with previous and current values.
    #[schema(value_type = Object, example = json!({"type": "stage_changed", "from": {"stage_key": "prospecting"}, "to": {"stage_key": "engaging"}, "direction": "forward"}))]
    pub change: JsonText,
    /// The object right after the event.
    #[schema(value_type = Object, example = json!({"title": "Servers for the new plant", "status": "open"}))]
    pub object: JsonText,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            position: event.position,
            event_type: event.event_type,
            object_id: event.object_id,
            sequence: event.sequence,
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            actor: event.actor,
            change: event.change,
            object: event.object,
        }
    }
}
