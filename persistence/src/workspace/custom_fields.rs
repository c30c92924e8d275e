//! Custom fields, and the index of their values.

use std::{collections::BTreeMap, sync::Arc};
use strum::VariantNames;

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Bool, Uuid as SqlUuid},
};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;
use voronka_domain::{
    Refusal,
    kernel::fault::Faults,
    workspace::custom_field::{self, Choice, Custom, CustomField as Field, Entity, Reference},
};

use crate::{
    Error, Result, Statement, Store, Tenant, Unit,
    core::{
        enum_names::from_name,
        list::{self, FieldKind, Spec},
        noun::{listed, noun},
        schema::{custom_fields, custom_values},
        unit::raw,
    },
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = custom_fields, treat_none_as_null = true)]
pub struct CustomField {
    pub id: Uuid,
    pub entity: String,
    pub key: String,
    pub name: String,
    pub description: Option<String>,
    pub field_type: String,
    pub choices: Json,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(custom_fields, CustomField, "custom_field");

pub const LIST: Spec = Spec {
    table: "custom_fields",
    fields: &[
        list::Field::new("entity", "custom_fields.entity", FieldKind::Choice(Entity::VARIANTS)),
        list::Field::new("key", "custom_fields.key", FieldKind::Text).sorted(),
        list::Field::new("name", "custom_fields.name", FieldKind::Text).sorted(),
        list::Field::new("archived", "custom_fields.archived", FieldKind::Bool),
        list::Field::new("created_at", "custom_fields.created_at", FieldKind::Instant).sorted(),
        list::Field::new("updated_at", "custom_fields.updated_at", FieldKind::Instant).sorted(),
    ],
    default_sort: "name",
    search: Some("custom_fields.name"),
};

listed!(CustomField);

/// How many fields a thing of this kind has, archived ones included.
pub fn count(tenant: &mut Tenant<'_>, entity: &str) -> Result<i64> {
    let count = tenant
        .rows(raw::<diesel::sql_types::BigInt>("count(*)"), "custom_fields")
        .sql(" AND entity = ")
        .bind(entity)
        .get_result(tenant.conn)?;
    Ok(count)
}

impl CustomField {
    pub fn choices(&self) -> Vec<Choice> {
        serde_json::from_value(self.choices.clone()).unwrap_or_default()
    }

    pub fn to_field(&self) -> Result<Field> {
        let broken = |what: &str| Error::Internal(format!("custom field has a bad {what}"));
        Ok(Field {
            id: self.id,
            entity: from_name(&self.entity).ok_or_else(|| broken("entity"))?,
            key: self.key.clone(),
            name: self.name.clone(),
            field_type: from_name(&self.field_type).ok_or_else(|| broken("type"))?,
            choices: self.choices(),
            archived: self.archived,
        })
    }
}

impl Store {
    /// The workspace's custom fields. A new one may stay unknown for some seconds; what is known of a field
    /// stays true.
    pub fn custom_fields(&self, tenant: &mut Tenant<'_>) -> Result<Arc<Vec<Field>>> {
        match self.fields.get(&tenant.workspace_id) {
            Some(fields) => Ok(fields),
            None => self.load_custom_fields(tenant),
        }
    }

    /// The same, as they are now.
    pub fn load_custom_fields(&self, tenant: &mut Tenant<'_>) -> Result<Arc<Vec<Field>>> {
        let rows: Vec<CustomField> = tenant
            .rows(CustomField::as_select(), "custom_fields")
            .sql(" ORDER BY entity, key")
            .load(tenant.conn)?;
        let fields: Vec<Field> = rows.iter().map(CustomField::to_field).collect::<Result<_>>()?;
        let fields = Arc::new(fields);
        self.fields.insert(tenant.workspace_id, fields.clone());
        Ok(fields)
    }

    pub fn forget_custom_fields(&self, workspace_id: Uuid) {
        self.fields.invalidate(&workspace_id);
    }
}

/// The fields of one kind of thing.
pub(crate) fn of(fields: &[Field], entity: Entity) -> Vec<Field> {
    fields.iter().filter(|field| field.entity == entity).cloned().collect()
}

/// Changes values under a write: checked against the fields, and against the users and clients that they
/// name.
pub fn change(
    unit: &mut Unit<'_>,
    entity: Entity,
    current: &Custom,
    patch: BTreeMap<String, Json>,
) -> Result<Custom> {
    if patch.is_empty() {
        return Ok(current.clone());
    }
    // As they are now: a field or choice may have been added or archived a moment ago.
    let fields = of(&unit.store.load_custom_fields(&mut unit.tenant)?, entity);
    let (custom, references) =
        custom_field::change(&fields, current, patch).map_err(Refusal::Invalid)?;
    check_references(&mut unit.tenant, &references)?;
    Ok(custom)
}

fn check_references(tenant: &mut Tenant<'_>, references: &[Reference]) -> Result<()> {
    if references.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = references.iter().map(|reference| reference.id).collect();
    let found: Vec<(Uuid, bool)> = Statement::select(raw::<(SqlUuid, Bool)>(
        "id, true FROM users WHERE active AND workspace_id = ",
    ))
    .bind(tenant.workspace_id)
    .sql(" AND id = ANY(")
    .bind(ids.clone())
    .sql(") UNION ALL SELECT id, false FROM clients WHERE NOT archived AND workspace_id = ")
    .bind(tenant.workspace_id)
    .sql(" AND id = ANY(")
    .bind(ids)
    .sql(")")
    .load(tenant.conn)?;
    let mut faults = Faults::default();
    for Reference { pointer, to_user, id } in references {
        if !found.contains(&(*id, *to_user)) {
            let what = if *to_user { "user" } else { "client" };
            let detail = format!("There is no such {what} in use.");
            faults.add(pointer.as_str(), "unknown_reference", detail);
        }
    }
    Ok(faults.into_result()?)
}

#[derive(Debug, Insertable)]
#[diesel(table_name = custom_values)]
struct ValueRow {
    workspace_id: Uuid,
    object_id: Uuid,
    field_id: Uuid,
    number: i16,
    text_value: Option<String>,
    number_value: Option<Decimal>,
}

/// Postgres takes 65,535 values in a statement; a row has 6.
const ROWS_A_STATEMENT: usize = 10_000;

/// Brings the index up to date with the values of things; `fresh` ones have no values in it yet.
pub(crate) fn index(
    unit: &mut Unit<'_>,
    entity: Entity,
    changed: &[(Uuid, &Custom)],
    fresh: bool,
) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let workspace_id = unit.tenant.workspace_id;
    if !fresh {
        let ids: Vec<Uuid> = changed.iter().map(|(id, _)| *id).collect();
        Statement::command("DELETE FROM custom_values WHERE workspace_id = ")
            .bind(workspace_id)
            .sql(" AND object_id = ANY(")
            .bind(ids)
            .sql(")")
            .execute(unit.tenant.conn)?;
    }
    let mut fields = of(&unit.store.custom_fields(&mut unit.tenant)?, entity);
    let known = |key: &String| fields.iter().any(|field| field.key == *key);
    if !changed.iter().flat_map(|(_, custom)| custom.iter()).all(|(key, _)| known(key)) {
        // A field that was added a moment ago.
        fields = of(&unit.store.load_custom_fields(&mut unit.tenant)?, entity);
    }
    let mut rows = Vec::new();
    for (object_id, custom) in changed {
        for (key, value) in custom.iter() {
            let Some(field) = fields.iter().find(|field| field.key == *key) else { continue };
            rows.extend((0_i16..).zip(field.entries(value)).map(|(number, entry)| ValueRow {
                workspace_id,
                object_id: *object_id,
                field_id: field.id,
                number,
                text_value: entry.text,
                number_value: entry.number,
            }));
        }
    }
    for rows in rows.chunks(ROWS_A_STATEMENT) {
        diesel::insert_into(custom_values::table).values(rows).execute(unit.tenant.conn)?;
    }
    Ok(())
}
