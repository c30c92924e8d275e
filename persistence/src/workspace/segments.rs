//! Segments: saved conditions over deals or clients.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::BigInt};
use serde::Serialize;
use serde_json::Value as Json;
use strum::VariantNames;
use uuid::Uuid;
use voronka_domain::{
    Refusal,
    people::access::Visibility,
    process::condition::{Condition, Schema, Tree},
    workspace::custom_field::Entity,
};

use crate::{
    Error, Result, Statement, Store, Tenant,
    core::{
        conditions::{self, Look, Tried},
        enum_names::from_name,
        list::{Field, FieldKind, Spec},
        noun::{listed, noun},
        schema::segments,
        unit::raw,
        visibility::deals_seen_by,
    },
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = segments, treat_none_as_null = true)]
pub struct Segment {
    pub id: Uuid,
    pub name: String,
    pub entity: String,
    pub condition: Json,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(segments, Segment, "segment");

pub const LIST: Spec = Spec {
    table: "segments",
    fields: &[
        Field::new("name", "segments.name", FieldKind::Text).sorted(),
        Field::new("entity", "segments.entity", FieldKind::Choice(Entity::VARIANTS)),
        Field::new("archived", "segments.archived", FieldKind::Bool),
        Field::new("created_at", "segments.created_at", FieldKind::Instant).sorted(),
        Field::new("updated_at", "segments.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "name",
    search: Some("segments.name"),
};

listed!(Segment);

impl Segment {
    pub fn over(&self) -> Result<Entity> {
        from_name(&self.entity).ok_or_else(|| Error::Internal("segment has a bad entity".into()))
    }
}

impl Store {
    /// Reads a condition of a request against the workspace's fields.
    pub fn condition(
        &self,
        tenant: &mut Tenant<'_>,
        over: Entity,
        pointer: &str,
        json: &Json,
    ) -> Result<Condition> {
        let fields = self.load_custom_fields(tenant)?;
        let schema = Schema { over, custom: &fields };
        Ok(Condition::read(pointer, json, &schema).map_err(Refusal::Invalid)?)
    }

    /// A segment's condition; it fitted the fields when it was saved, and fields stay.
    pub fn segment_condition(
        &self,
        tenant: &mut Tenant<'_>,
        segment: &Segment,
    ) -> Result<Condition> {
        self.condition(tenant, segment.over()?, "/condition", &segment.condition)
    }
}

/// How many deals that the caller sees, or clients, all of some conditions hold for.
pub fn count(tenant: &mut Tenant<'_>, look: &Look, over: Entity, trees: &[Tree]) -> Result<i64> {
    let table = if over == Entity::Deal { "deals" } else { "clients" };
    let rows = tenant.rows(raw::<BigInt>("count(*)"), table);
    let rows = visible(rows, over, &look.visibility);
    let narrow = |rows, tree| conditions::narrow(rows, over, tree, look, Tried::Many);
    Ok(trees.iter().fold(rows, narrow).of_some_shape().get_result(tenant.conn)?)
}

/// Deals that the caller sees, and clients that have not become part of others.
fn visible<S>(statement: Statement<S>, over: Entity, visibility: &Visibility) -> Statement<S> {
    match over {
        Entity::Deal => deals_seen_by(statement, visibility),
        Entity::Client => statement.sql(" AND clients.merged_into IS NULL"),
    }
}
