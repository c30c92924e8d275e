//! Sources, competitors and loss reasons: three tables of one shape.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, RunQueryDsl,
    sql_types::{Bool, Integer, Text, Timestamptz, Uuid as SqlUuid},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Error, Result, Statement, Tenant, Unit,
    core::{
        list::{Field, FieldKind, Page, Query, Spec},
        noun::check_version,
        unit::raw,
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Catalogue {
    Sources,
    Competitors,
    LossReasons,
}

const fn spec(table: &'static str, fields: &'static [Field]) -> Spec {
    Spec { table, fields, default_sort: "name", search: Some("name") }
}

const FIELDS: &[Field] = &[
    Field::new("name", "name", FieldKind::Text).sorted(),
    Field::new("archived", "archived", FieldKind::Bool),
    Field::new("created_at", "created_at", FieldKind::Instant).sorted(),
    Field::new("updated_at", "updated_at", FieldKind::Instant).sorted(),
];
const SOURCES: Spec = spec("sources", FIELDS);
const COMPETITORS: Spec = spec("competitors", FIELDS);
const LOSS_REASONS: Spec = spec("loss_reasons", FIELDS);

impl Catalogue {
    pub fn spec(self) -> &'static Spec {
        match self {
            Self::Sources => &SOURCES,
            Self::Competitors => &COMPETITORS,
            Self::LossReasons => &LOSS_REASONS,
        }
    }

    fn table(self) -> &'static str {
        self.spec().table
    }

    pub fn what(self) -> &'static str {
        match self {
            Self::Sources => "source",
            Self::Competitors => "competitor",
            Self::LossReasons => "loss reason",
        }
    }

    fn event_types(self) -> (&'static str, &'static str) {
        match self {
            Self::Sources => ("source.created", "source.updated"),
            Self::Competitors => ("competitor.created", "competitor.updated"),
            Self::LossReasons => ("loss_reason.created", "loss_reason.updated"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, diesel::Queryable)]
pub struct Entry {
    pub id: Uuid,
    pub name: String,
    pub archived: bool,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

type EntryTypes = (SqlUuid, Text, Bool, Integer, Timestamptz, Timestamptz);
const ENTRY: &str = "id, name, archived, version, created_at, updated_at";

pub fn list(tenant: &mut Tenant<'_>, catalogue: Catalogue, query: Query) -> Result<Page<Entry>> {
    let selection = raw::<(SqlUuid, Text, Bool, Integer, Timestamptz, Timestamptz)>(ENTRY);
    tenant.page(catalogue.spec(), query, selection, |list| list, |entry: &Entry| entry.id)
}

pub fn get(tenant: &mut Tenant<'_>, catalogue: Catalogue, id: Uuid) -> Result<Entry> {
    find(tenant, catalogue, id, "")
}

fn find(
    tenant: &mut Tenant<'_>,
    catalogue: Catalogue,
    id: Uuid,
    lock: &'static str,
) -> Result<Entry> {
    tenant
        .rows(raw::<EntryTypes>(ENTRY), catalogue.table())
        .sql(" AND id = ")
        .bind(id)
        .sql(lock)
        .get_result(tenant.conn)
        .optional()?
        .ok_or(Error::NotFound(catalogue.what()))
}

pub fn create(unit: &mut Unit<'_>, catalogue: Catalogue, name: String) -> Result<Entry> {
    let mut entries = create_all(unit, catalogue, vec![(Uuid::now_v7(), name)])?;
    entries.pop().ok_or_else(|| Error::Internal("nothing was made".to_owned()))
}

/// Makes entries of ids and names.
pub(crate) fn create_all(
    unit: &mut Unit<'_>,
    catalogue: Catalogue,
    names: Vec<(Uuid, String)>,
) -> Result<Vec<Entry>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let (ids, texts): (Vec<Uuid>, Vec<String>) = names.iter().cloned().unzip();
    Statement::command("INSERT INTO ")
        .sql(catalogue.table())
        .sql(" (workspace_id, id, name, created_at, updated_at) SELECT ")
        .bind(unit.tenant.workspace_id)
        .sql(", entry.id, entry.name, ")
        .bind(unit.now)
        .sql(", ")
        .bind(unit.now)
        .sql(" FROM unnest(")
        .bind(ids)
        .sql(", ")
        .bind(texts)
        .sql(") AS entry(id, name)")
        .execute(unit.tenant.conn)?;
    let now = unit.now;
    let entry = |(id, name)| Entry {
        id,
        name,
        archived: false,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let entries: Vec<Entry> = names.into_iter().map(entry).collect();
    for entry in &entries {
        unit.happened(catalogue.event_types().0, entry.id, entry.version, entry)?;
    }
    Ok(entries)
}

/// Changes an entry by name or archives it. `if_match` is the version that the caller saw.
pub fn update(
    unit: &mut Unit<'_>,
    catalogue: Catalogue,
    id: Uuid,
    if_match: Option<crate::Seen>,
    name: Option<String>,
    archived: Option<bool>,
) -> Result<Entry> {
    let before = find(&mut unit.tenant, catalogue, id, " FOR UPDATE")?;
    check_version(if_match, before.version)?;
    let mut after = before.clone();
    after.name = name.unwrap_or(after.name);
    after.archived = archived.unwrap_or(after.archived);
    if after == before {
        return Ok(before);
    }
    after.version = before.version.saturating_add(1);
    after.updated_at = unit.now;
    Statement::command("UPDATE ")
        .sql(catalogue.table())
        .sql(" SET name = ")
        .bind(after.name.as_str())
        .sql(", archived = ")
        .bind(after.archived)
        .sql(", version = ")
        .bind(after.version)
        .sql(", updated_at = ")
        .bind(unit.now)
        .sql(" WHERE workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND id = ")
        .bind(id)
        .execute(unit.tenant.conn)?;
    unit.happened(catalogue.event_types().1, id, after.version, &after)?;
    Ok(after)
}
