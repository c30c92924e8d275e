//! Drafts: the next versions of processes while somebody works on them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    Error, Result, Statement, Tenant, Unit,
    core::{
        noun::{Noun, check_version, noun},
        schema::process_drafts,
    },
    process::deal_types::DealType,
};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = process_drafts)]
pub struct ProcessDraft {
    pub id: Uuid,
    pub deal_type_id: Uuid,
    /// Stages and rules as they were written, sound or not.
    pub process: Json,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

noun!(process_drafts, ProcessDraft, "process_draft");

/// The draft of a deal type.
pub fn of(tenant: &mut Tenant<'_>, deal_type_id: Uuid) -> Result<ProcessDraft> {
    let found: Option<ProcessDraft> = tenant
        .rows(ProcessDraft::as_select(), "process_drafts")
        .sql(" AND process_drafts.deal_type_id = ")
        .bind(deal_type_id)
        .get_result(tenant.conn)
        .optional()?;
    found.ok_or(Error::NotFound("process draft"))
}

/// The same for a change: the deal type is held, so that nobody else changes its draft.
pub fn lock_of(
    unit: &mut Unit<'_>,
    deal_type_id: Uuid,
    if_match: Option<crate::Seen>,
) -> Result<ProcessDraft> {
    DealType::lock(unit, deal_type_id, None)?;
    let draft = of(&mut unit.tenant, deal_type_id)?;
    check_version(if_match, draft.version)?;
    Ok(draft)
}

/// Keeps a draft in place of the one that there is.
pub fn put(
    unit: &mut Unit<'_>,
    deal_type_id: Uuid,
    if_match: Option<crate::Seen>,
    process: Json,
) -> Result<ProcessDraft> {
    match lock_of(unit, deal_type_id, if_match) {
        Ok(before) => ProcessDraft::save(unit, &before, ProcessDraft { process, ..before.clone() }),
        Err(Error::NotFound("process draft")) => {
            check_version(if_match, 0)?;
            let draft = ProcessDraft {
                id: Uuid::now_v7(),
                deal_type_id,
                process,
                version: 1,
                created_at: unit.now,
                updated_at: unit.now,
            };
            ProcessDraft::insert(unit, &draft)?;
            Ok(draft)
        }
        Err(error) => Err(error),
    }
}

/// Takes a draft away, published or not.
pub fn delete(unit: &mut Unit<'_>, draft: &ProcessDraft) -> Result<()> {
    Statement::command("DELETE FROM process_drafts WHERE workspace_id = ")
        .bind(unit.tenant.workspace_id)
        .sql(" AND id = ")
        .bind(draft.id)
        .execute(unit.tenant.conn)?;
    unit.happened("process_draft.deleted", draft.id, draft.version.saturating_add(1), draft)
}
