//! The event feed.

use actix_web::get;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use voronka_domain::Fault;
use voronka_persistence::core::events::{self};

use crate::{
    http::{
        Call, Problem, Reply, Responded,
        call::{EventsRead, unknown},
        defaulted::{Limit, Position},
    },
    v1::bodies::event::EventBody,
};

/// A stretch of the feed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EventStretch {
    pub items: Vec<EventBody>,
    /// Ask on with `after` set to this: nothing is skipped, nothing comes twice.
    #[schema(example = 1042)]
    pub position: i64,
    /// More events are there already.
    pub more: bool,
}

/// Read the event feed
///
/// Events after a position, in order. A reader who goes on from the `position` of each answer sees every
/// event exactly once, however many write at the same time: events of transactions that are still
/// running, and all after them, wait for the next answer.
#[utoipa::path(tag = "Events", operation_id = "listEvents", security(("bearer" = ["events:read"])),
    params(("after" = inline(Option<Position>), Query, description = "Position to go on from; 0, the beginning, by default.", example = 0),
        ("limit" = inline(Option<Limit>), Query, description = "Events in the answer: 1 to 200, 50 by default.", example = 50),
        ("type" = Option<String>, Query, description = "Event types, separated by commas.", example = "deal.won,deal.lost"),
        ("object_id" = Option<Uuid>, Query, description = "Events of one object.")),
    responses((status = 200, description = "A stretch of the feed.", body = EventStretch)))]
#[get("/v1/events")]
pub async fn list(call: Call<EventsRead>) -> Responded {
    let (mut after, mut limit, mut types, mut object_id) = (0_i64, 50_i64, None, None);
    for (name, value) in call.distinct_pairs()? {
        let read = match name.as_str() {
            "after" => value.parse().ok().filter(|n| *n >= 0).map(|n| after = n),
            "limit" => Limit::read(&value).map(|n| limit = n),
            "type" => {
                types = Some(value.split(',').map(str::to_owned).collect());
                Some(())
            }
            "object_id" => value.parse().ok().map(|id| object_id = Some(id)),
            _ => return Err(Problem::invalid_parameters(vec![unknown(&name)])),
        };
        if read.is_none() {
            let fault = Fault::new(format!("/{name}"), "invalid_parameter", "Not a valid value.");
            return Err(Problem::invalid_parameters(vec![fault]));
        }
    }
    call.read(move |tenant, _, _| {
        let stretch = events::after(tenant, after, limit, types, object_id)?;
        Ok(Reply::ok(EventStretch {
            items: stretch.events.into_iter().map(EventBody::from).collect(),
            position: stretch.position,
            more: stretch.more,
        }))
    })
    .await
}
