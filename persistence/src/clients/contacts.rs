//! Contacts: persons at clients.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use uuid::Uuid;
use voronka_domain::clients::change::ContactChange;

use crate::{
    clients::pairs::contacts_changed,
    core::{
        list::{Field, FieldKind, Spec},
        noun::{listed, noun, overwritten, set},
        schema::contacts,
    },
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = contacts, treat_none_as_null = true)]
pub struct Contact {
    pub id: Uuid,
    pub client_id: Uuid,
    pub name: String,
    pub position: Option<String>,
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(contacts, Contact, "contact", contacts_changed);
overwritten!(
    contacts,
    Contact,
    [client_id, name, position, phones, emails, archived, version, updated_at]
);

pub const LIST: Spec = Spec {
    table: "contacts",
    fields: &[
        Field::new("name", "contacts.name", FieldKind::Text).sorted(),
        Field::new("client_id", "contacts.client_id", FieldKind::Uuid),
        Field::new("phone", "contacts.phones", FieldKind::Phone),
        Field::new("email", "lower_all(contacts.emails)", FieldKind::Email),
        Field::new("archived", "contacts.archived", FieldKind::Bool),
        Field::new("created_at", "contacts.created_at", FieldKind::Instant)
            .sorted_by_making("contacts.id"),
        Field::new("updated_at", "contacts.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "-updated_at",
    search: Some("contacts.name"),
};

listed!(Contact);

impl Contact {
    /// Somebody at a client, of whom no more is known.
    pub fn new(client_id: Uuid, now: DateTime<Utc>) -> Self {
        Self {
            id: Uuid::now_v7(),
            client_id,
            name: String::new(),
            position: None,
            phones: Vec::new(),
            emails: Vec::new(),
            archived: false,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Takes what has been checked.
    pub fn change(&mut self, change: ContactChange) {
        let ContactChange { name, position, phones, emails, archived } = change;
        set(&mut self.name, name);
        set(&mut self.position, position);
        set(&mut self.phones, phones);
        set(&mut self.emails, emails);
        set(&mut self.archived, archived);
    }
}
