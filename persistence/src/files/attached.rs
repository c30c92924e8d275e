//! Files. One is added and deleted, and does not change.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use strum::VariantNames;
use uuid::Uuid;
use voronka_domain::files::{MOST, ObjectKind};

use super::{
    hangs_on,
    objects::{self, Written},
};
use crate::{
    Caller, Error, Result, Seen, Statement, Tenant, Unit,
    core::{
        caller::person,
        enum_names::{from_name, to_name},
        list::{Field, FieldKind, Page, Query, Spec},
        noun::{check_version, noun, table::Row},
        schema::files,
    },
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = files, treat_none_as_null = true)]
pub struct File {
    pub id: Uuid,
    pub object_kind: String,
    pub object_id: Uuid,
    pub name: String,
    pub content_type: Option<String>,
    pub bytes: i64,
    #[serde(serialize_with = "as_hex")]
    pub sha256: Vec<u8>,
    #[serde(skip)]
    pub stored_id: Uuid,
    pub author_id: Option<Uuid>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

fn as_hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

noun!(files, File, "file");

pub const LIST: Spec = Spec {
    table: "files",
    fields: &[
        Field::new("object_id", "files.object_id", FieldKind::Uuid),
        Field::new("object_kind", "files.object_kind", FieldKind::Choice(ObjectKind::VARIANTS)),
        Field::new("created_at", "files.created_at", FieldKind::Instant)
            .sorted_by_making("files.id"),
    ],
    default_sort: "-created_at",
    search: None,
};

/// A file that is in the store and is to hang on something.
#[derive(Debug, Clone)]
pub struct NewFile {
    pub object: (ObjectKind, Uuid),
    pub name: String,
    pub stored_id: Uuid,
    pub written: Written,
}

pub fn list(tenant: &mut Tenant<'_>, caller: &Caller, query: Query) -> Result<Page<File>> {
    let narrow = |list| hangs_on::seen_by(list, caller);
    tenant.page(&LIST, query, File::as_select(), narrow, |row: &File| row.id)
}

pub fn read(tenant: &mut Tenant<'_>, caller: &Caller, id: Uuid) -> Result<File> {
    let rows = tenant.rows(File::as_select(), "files").sql(" AND files.id = ").bind(id);
    let rows = hangs_on::seen_by(rows, caller);
    rows.get_result(tenant.conn).optional()?.ok_or(Error::NotFound("file"))
}

/// Whether the caller may add a file to a thing, and the thing may have one more: before it is uploaded, and when it
/// is added.
pub fn require(unit: &mut Unit<'_>, (kind, id): (ObjectKind, Uuid)) -> Result<Uuid> {
    let held = hangs_on::hold(unit, kind, id);
    let id = held.map_err(|error| error.or_unknown("/object/id", &to_name(&kind)))?;
    if hangs_on::count(unit, id)? >= MOST {
        let detail = format!("One thing has at most {MOST} files.");
        return Err(Error::conflict("files_full", "", detail));
    }
    Ok(id)
}

/// Adds a file: it and its object in the store are kept together, or neither is.
pub fn add(unit: &mut Unit<'_>, new: NewFile) -> Result<File> {
    let object_id = require(unit, new.object)?;
    objects::keep(unit, new.stored_id, &new.written)?;
    let row = File {
        id: Uuid::now_v7(),
        object_kind: to_name(&new.object.0),
        object_id,
        name: new.name,
        content_type: new.written.content_type,
        bytes: i64::try_from(new.written.bytes).unwrap_or(i64::MAX),
        sha256: new.written.sha256,
        stored_id: new.stored_id,
        author_id: person(unit.actor),
        version: 1,
        created_at: unit.now,
        updated_at: unit.now,
    };
    File::insert_rows(&mut unit.tenant, std::slice::from_ref(&row))?;
    unit.happened("file.added", row.id, row.version, &row)?;
    Ok(row)
}

/// Deletes a file. Its bytes are removed from the store a moment later.
pub fn delete(unit: &mut Unit<'_>, id: Uuid, if_match: Option<Seen>) -> Result<File> {
    let seen = read(&mut unit.tenant, unit.caller, id)?;
    check_version(if_match, seen.version)?;
    let kind = from_name(&seen.object_kind);
    let kind = kind.ok_or_else(|| Error::Internal("a file hangs on a bad kind".to_owned()))?;
    hangs_on::hold(unit, kind, seen.object_id)?;
    let deleted = Statement::command("DELETE FROM files WHERE workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND id = ")
        .bind(id);
    // Somebody was faster.
    if deleted.execute(unit.tenant.conn)? == 0 {
        return Err(Error::NotFound("file"));
    }
    objects::let_go(unit, &[seen.stored_id])?;
    unit.happened("file.deleted", id, seen.version.saturating_add(1), &seen)?;
    Ok(seen)
}
