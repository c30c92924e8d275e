//! Calendars, currencies, fields of the workspace's own, conditions.

mod calendar;
mod conditions;
mod currencies;
mod custom_fields;
mod jobs;
