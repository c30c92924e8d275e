//! What everything is recorded and asked by: connections, units of work, statements, lists, events, who calls and
//! what they see. No nouns.

pub mod activity_summary;
pub mod caller;
pub(crate) mod columns;
pub(crate) mod conditions;
pub(crate) mod database;
pub mod enum_names;
pub(crate) mod error;
pub mod events;
pub(crate) mod few;
pub mod idempotency;
pub mod jobs;
pub(crate) mod json_text;
pub(crate) mod lanes;
pub mod list;
pub(crate) mod noun;
pub mod packing;
pub(crate) mod passing;
pub(crate) mod rings;
pub mod schema;
pub(crate) mod statement;
pub(crate) mod unit;
pub(crate) mod visibility;
pub(crate) mod waiting;
