//! The fields that conditions can look at.

use std::fmt;

use uuid::Uuid;

use crate::{
    work::activity::ActivityKind,
    workspace::custom_field::{CustomField, Entity, FieldType},
};

/// What the values of a field are, which decides the operators that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    Text,
    /// One of some words.
    Word(&'static [&'static str]),
    Id,
    Number,
    /// An amount with its currency: amounts of different currencies are never compared.
    Money,
    Date,
    Instant,
    Bool,
    /// A set of texts.
    Texts,
}

/// A field that every workspace has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    pub entity: Entity,
    pub name: &'static str,
    pub kind: ValueKind,
}

const fn deal(name: &'static str, kind: ValueKind) -> BuiltIn {
    BuiltIn { entity: Entity::Deal, name, kind }
}

const fn client(name: &'static str, kind: ValueKind) -> BuiltIn {
    BuiltIn { entity: Entity::Client, name, kind }
}

/// Every field that is built in.
pub const BUILT_IN: &[BuiltIn] = &[
    deal("id", ValueKind::Id),
    deal("title", ValueKind::Text),
    deal("status", ValueKind::Word(&["open", "won", "lost"])),
    deal("deal_type_id", ValueKind::Id),
    deal("stage_id", ValueKind::Id),
    deal("stage_key", ValueKind::Text),
    deal("depth", ValueKind::Number),
    deal("client_id", ValueKind::Id),
    deal("owner_id", ValueKind::Id),
    deal("source_id", ValueKind::Id),
    deal("loss_reason_id", ValueKind::Id),
    deal("competitor_id", ValueKind::Id),
    // In the workspace's base currency, as in lists.
    deal("amount", ValueKind::Number),
    deal("currency", ValueKind::Text),
    deal("lead_temperature", ValueKind::Word(&["cold", "warm", "hot"])),
    deal("initiated_by", ValueKind::Word(&["us", "client"])),
    deal("expected_close_on", ValueKind::Date),
    deal("external_source", ValueKind::Text),
    deal("external_id", ValueKind::Text),
    deal("on_hold", ValueKind::Bool),
    deal("reopened", ValueKind::Number),
    deal("opened_at", ValueKind::Instant),
    deal("closed_at", ValueKind::Instant),
    deal("stage_entered_at", ValueKind::Instant),
    deal("last_event_at", ValueKind::Instant),
    client("id", ValueKind::Id),
    client("name", ValueKind::Text),
    client("kind", ValueKind::Word(&["organisation", "person"])),
    client("type", ValueKind::Word(&["new", "current"])),
    client("class", ValueKind::Text),
    client("region", ValueKind::Text),
    client("tags", ValueKind::Texts),
    client("consent", ValueKind::Bool),
    client("phones", ValueKind::Texts),
    client("emails", ValueKind::Texts),
    client("tax_id", ValueKind::Text),
    client("external_source", ValueKind::Text),
    client("external_id", ValueKind::Text),
    client("archived", ValueKind::Bool),
    client("created_at", ValueKind::Instant),
    // Of the activities of the deal, and of those with the client.
    deal("activity_count", ValueKind::Number),
    deal("reached_count", ValueKind::Number),
    deal("call_count", ValueKind::Number),
    deal("email_count", ValueKind::Number),
    deal("meeting_count", ValueKind::Number),
    deal("message_count", ValueKind::Number),
    deal("note_count", ValueKind::Number),
    deal("last_activity_at", ValueKind::Instant),
    deal("next_activity_at", ValueKind::Instant),
    deal("last_call_at", ValueKind::Instant),
    deal("last_email_at", ValueKind::Instant),
    deal("last_meeting_at", ValueKind::Instant),
    deal("last_message_at", ValueKind::Instant),
    deal("last_note_at", ValueKind::Instant),
    client("activity_count", ValueKind::Number),
    client("reached_count", ValueKind::Number),
    client("call_count", ValueKind::Number),
    client("email_count", ValueKind::Number),
    client("meeting_count", ValueKind::Number),
    client("message_count", ValueKind::Number),
    client("note_count", ValueKind::Number),
    client("last_activity_at", ValueKind::Instant),
    client("next_activity_at", ValueKind::Instant),
    client("last_call_at", ValueKind::Instant),
    client("last_email_at", ValueKind::Instant),
    client("last_meeting_at", ValueKind::Instant),
    client("last_message_at", ValueKind::Instant),
    client("last_note_at", ValueKind::Instant),
];

/// What a field tells of activities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityField {
    /// How many have happened: of a kind, or of all.
    Count(Option<ActivityKind>),
    /// When the last one happened.
    Last(Option<ActivityKind>),
    /// How many have reached their goal.
    Reached,
    /// For when the next one is planned.
    Next,
}

impl ActivityField {
    /// What a field that is built in tells of activities; none if it is about something else.
    pub fn of(name: &str) -> Option<Self> {
        let kind = |word: &str| match word {
            "activity" => Some(None),
            "call" => Some(Some(ActivityKind::Call)),
            "email" => Some(Some(ActivityKind::Email)),
            "meeting" => Some(Some(ActivityKind::Meeting)),
            "message" => Some(Some(ActivityKind::Message)),
            "note" => Some(Some(ActivityKind::Note)),
            _ => None,
        };
        match name {
            "reached_count" => Some(Self::Reached),
            "next_activity_at" => Some(Self::Next),
            name => {
                let count = name.strip_suffix("_count").and_then(kind).map(Self::Count);
                let last = || name.strip_prefix("last_")?.strip_suffix("_at");
                count.or_else(|| last().and_then(kind).map(Self::Last))
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    BuiltIn(&'static str),
    Custom { id: Uuid, key: String, field_type: FieldType },
}

/// A field of a deal, or of a client: the deal's client where a condition is over deals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub entity: Entity,
    pub name: Name,
    pub kind: ValueKind,
}

impl Field {
    /// What it tells of activities, if it does.
    pub fn activity(&self) -> Option<ActivityField> {
        match &self.name {
            Name::BuiltIn(name) => ActivityField::of(name),
            Name::Custom { .. } => None,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Name::BuiltIn(name) => write!(f, "{}.{name}", self.entity.name()),
            Name::Custom { key, .. } => write!(f, "{}.custom.{key}", self.entity.name()),
        }
    }
}

/// What a condition is over, and the custom fields that there are.
#[derive(Debug, Clone, Copy)]
pub struct Schema<'a> {
    pub over: Entity,
    pub custom: &'a [CustomField],
}

impl Schema<'_> {
    /// The field of that name: `deal.amount`, `client.custom.segment`.
    pub fn field(&self, text: &str) -> Option<Field> {
        let (entity, rest) = text.split_once('.')?;
        let entity = [Entity::Deal, Entity::Client].into_iter().find(|e| e.name() == entity)?;
        // A client has many deals: nothing single can be said of them.
        if self.over == Entity::Client && entity == Entity::Deal {
            return None;
        }
        if let Some(key) = rest.strip_prefix("custom.") {
            let mut fields = self.custom.iter();
            let field = fields.find(|field| field.entity == entity && field.key == key)?;
            let (id, key, field_type) = (field.id, field.key.clone(), field.field_type);
            let kind = kind_of(field_type);
            return Some(Field { entity, name: Name::Custom { id, key, field_type }, kind });
        }
        let mut built_in = BUILT_IN.iter();
        let field = built_in.find(|field| field.entity == entity && field.name == rest)?;
        Some(Field { entity, name: Name::BuiltIn(field.name), kind: field.kind })
    }

    /// The names of all fields, for whoever asked for one that is not there.
    pub fn names(&self) -> Vec<String> {
        let over = |entity| self.over == Entity::Deal || entity == Entity::Client;
        let built_in = BUILT_IN.iter().filter(|field| over(field.entity));
        let built_in = built_in.map(|field| format!("{}.{}", field.entity.name(), field.name));
        let custom = self.custom.iter().filter(|field| over(field.entity));
        built_in
            .chain(custom.map(|field| format!("{}.custom.{}", field.entity.name(), field.key)))
            .collect()
    }
}

fn kind_of(field_type: FieldType) -> ValueKind {
    match field_type {
        FieldType::Text | FieldType::Choice => ValueKind::Text,
        FieldType::Number => ValueKind::Number,
        FieldType::Money => ValueKind::Money,
        FieldType::Date => ValueKind::Date,
        FieldType::Boolean => ValueKind::Bool,
        FieldType::MultiChoice => ValueKind::Texts,
        FieldType::User | FieldType::Client => ValueKind::Id,
    }
}
