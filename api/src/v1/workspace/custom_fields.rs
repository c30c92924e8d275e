//! Custom fields: what a workspace adds to its deals and clients.

use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    kernel::fault::Faults,
    workspace::{
        catalogue,
        custom_field::{self, Choice, Entity, FieldType, MOST_FIELDS},
    },
};
use voronka_persistence::{
    Error, Unit,
    core::enum_names::to_name,
    workspace::custom_fields::{self, CustomField},
};

use crate::http::words;
use crate::{
    http::{
        Body, Call, Id, Patch, Resource, Responded,
        call::{CataloguesRead, CataloguesWrite},
    },
    page_of,
    state::App,
};

/// One value that a field of type `choice` or `multi_choice` can have.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Choice, example = json!({"key": "north", "name": "North"}))]
pub struct ChoiceBody {
    /// Name for programs; never changes.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,63}$")]
    pub key: String,
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// No longer offered; values that have it keep it.
    #[serde(default)]
    pub archived: bool,
}

impl From<Choice> for ChoiceBody {
    fn from(Choice { key, name, archived }: Choice) -> Self {
        Self { key, name, archived }
    }
}

impl From<ChoiceBody> for Choice {
    fn from(ChoiceBody { key, name, archived }: ChoiceBody) -> Self {
        Self { key, name, archived }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = CustomField)]
pub struct CustomFieldBody {
    pub id: Uuid,
    /// What has the field: `deal` or `client`.
    #[schema(value_type = words::EntityKind)]
    #[schema(example = "deal")]
    pub entity: String,
    /// Name for programs: `custom.<key>` in filters and sorts, `deal.custom.<key>` in conditions.
    #[schema(example = "delivery")]
    pub key: String,
    #[schema(example = "Delivery")]
    pub name: String,
    pub description: Option<String>,
    /// `text`, `number`, `money`, `date`, `boolean`, `choice`, `multi_choice`, `user` or `client`.
    #[schema(value_type = words::CustomFieldType)]
    #[serde(rename = "type")]
    #[schema(example = "date")]
    pub field_type: String,
    pub choices: Vec<ChoiceBody>,
    /// No longer offered: values stay, and can only be cleared.
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<CustomField> for CustomFieldBody {
    fn from(row: CustomField) -> Self {
        Self {
            id: row.id,
            choices: row.choices().into_iter().map(ChoiceBody::from).collect(),
            entity: row.entity,
            key: row.key,
            name: row.name,
            description: row.description,
            field_type: row.field_type,
            archived: row.archived,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Resource for CustomField {
    type Body = CustomFieldBody;
    const PATH: &'static str = "/v1/custom-fields";

    fn forget(app: &App, workspace_id: Uuid) {
        app.store.forget_custom_fields(workspace_id);
    }
}

page_of!(CustomFieldPage, CustomFieldBody);

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"entity": "deal", "key": "delivery", "name": "Delivery", "type": "date"}))]
pub struct NewCustomField {
    /// `deal` or `client`.
    #[schema(value_type = words::EntityKind)]
    pub entity: Entity,
    /// 1 to 64 characters of a-z, 0-9 and _, beginning with a letter; never changes.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,63}$")]
    pub key: String,
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    #[schema(max_length = 2_000)]
    pub description: Option<String>,
    /// `text` (at most 500 characters), `number` (a decimal as text), `money`, `date`, `boolean`, `choice`,
    /// `multi_choice`, `user` or `client` (an id); never changes.
    #[serde(rename = "type")]
    #[schema(value_type = words::CustomFieldType)]
    pub field_type: FieldType,
    /// Of types `choice` and `multi_choice`.
    #[serde(default)]
    #[schema(max_items = 500)]
    pub choices: Vec<ChoiceBody>,
}

impl NewCustomField {
    fn into_row(self, unit: &mut Unit<'_>) -> Result<CustomField, Error> {
        let entity = to_name(&self.entity);
        let mut faults = Faults::default();
        custom_field::check_description(self.description.as_ref(), &mut faults);
        let field = custom_field::CustomField {
            id: Uuid::now_v7(),
            entity: self.entity,
            key: self.key,
            name: self.name,
            field_type: self.field_type,
            choices: self.choices.into_iter().map(Choice::from).collect(),
            archived: false,
        };
        let field = custom_field::define(field, &mut faults);
        let there = usize::try_from(custom_fields::count(&mut unit.tenant, &entity)?);
        if there.unwrap_or(usize::MAX) >= MOST_FIELDS {
            let detail = format!("At most {MOST_FIELDS} fields, archived ones included.");
            faults.add("/entity", "too_many", detail);
        }
        faults.into_result()?;
        Ok(CustomField {
            id: field.id,
            entity,
            key: field.key,
            name: field.name,
            description: self.description,
            field_type: to_name(&field.field_type),
            choices: serde_json::to_value(field.choices).unwrap_or_default(),
            archived: false,
            version: 1,
            created_at: unit.now,
            updated_at: unit.now,
        })
    }
}

#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Delivery on", "archived": false}))]
pub struct CustomFieldPatch {
    #[validate(length(min = 1, max = crate::http::limits::NAME))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2_000)]
    pub description: Patch<String>,
    /// All choices: those that are there may be renamed, reordered and archived, but not left out.
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false, max_items = 500)]
    pub choices: Option<Vec<ChoiceBody>>,
    #[serde(default, deserialize_with = "crate::http::body::present")]
    #[schema(nullable = false)]
    pub archived: Option<bool>,
}

impl CustomFieldPatch {
    fn apply(self, mut row: CustomField) -> Result<CustomField, Error> {
        let mut faults = Faults::default();
        if let Some(choices) = self.choices {
            let choices = choices.into_iter().map(Choice::from).collect();
            let choices = custom_field::rechoose(&row.to_field()?, choices, &mut faults);
            row.choices = serde_json::to_value(choices).unwrap_or_default();
        }
        self.description.apply(&mut row.description);
        custom_field::check_description(row.description.as_ref(), &mut faults);
        faults.into_result()?;
        if let Some(name) = self.name {
            row.name = catalogue::name("/name", &name)?;
        }
        row.archived = self.archived.unwrap_or(row.archived);
        Ok(row)
    }
}

/// List custom fields
///
/// `q` looks in the name.
#[utoipa::path(tag = "Custom fields", operation_id = "listCustomFields", security(("bearer" = ["catalogues:read"])),
    responses((status = 200, description = "A page of the list.", body = CustomFieldPage)))]
#[get("/v1/custom-fields")]
pub async fn list(call: Call<CataloguesRead>) -> Responded {
    call.list_of::<CustomField>().await
}

/// Create a custom field
///
/// The key and the type never change, and a field is never deleted: what was taken once stays readable.
/// To require a field in a stage, put `{"kind": "field", "field": "custom.<key>"}` into the stage's gate.
#[utoipa::path(tag = "Custom fields", operation_id = "createCustomField", security(("bearer" = ["catalogues:write"])),
    request_body = NewCustomField,
    responses((status = 201, description = "The new field.", body = CustomFieldBody)))]
#[post("/v1/custom-fields")]
pub async fn create(call: Call<CataloguesWrite>, body: Body<NewCustomField>) -> Responded {
    let new = body.value;
    call.create(body.digest, |unit: &mut Unit<'_>| new.into_row(unit)).await
}

/// Read a custom field
#[utoipa::path(tag = "Custom fields", operation_id = "getCustomField", security(("bearer" = ["catalogues:read"])),
    params(("id" = Uuid, Path, description = "Id of the field.")),
    responses((status = 200, description = "The field.", body = CustomFieldBody)))]
#[get("/v1/custom-fields/{id}")]
pub async fn read(call: Call<CataloguesRead>, id: Id) -> Responded {
    call.one_of::<CustomField>(id).await
}

/// Change or archive a custom field
///
/// Absent properties stay as they are.
#[utoipa::path(tag = "Custom fields", operation_id = "updateCustomField", security(("bearer" = ["catalogues:write"])),
    request_body = CustomFieldPatch,
    params(("id" = Uuid, Path, description = "Id of the field.")),
    responses((status = 200, description = "The field after the change.", body = CustomFieldBody)))]
#[patch("/v1/custom-fields/{id}")]
pub async fn update(
    call: Call<CataloguesWrite>,
    id: Id,
    body: Body<CustomFieldPatch>,
) -> Responded {
    let change = body.value;
    call.update(body.digest, id, |_, row: CustomField| change.apply(row)).await
}
