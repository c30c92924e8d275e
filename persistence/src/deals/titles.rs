//! Titles of deals beside the deals: there, parts of them are found.

use diesel::{prelude::*, upsert::excluded};
use uuid::Uuid;

use crate::{Result, Unit, core::schema::deal_titles};

#[derive(Debug, Insertable)]
#[diesel(table_name = deal_titles, treat_none_as_default_value = false)]
pub(super) struct TitleRow {
    pub workspace_id: Uuid,
    pub deal_id: Uuid,
    pub title: String,
}

/// Keeps the titles of new deals, and of those that have got another one.
pub(super) fn keep(unit: &mut Unit<'_>, fresh: Vec<TitleRow>, renamed: &[TitleRow]) -> Result<()> {
    let conn = &mut *unit.tenant.conn;
    if !fresh.is_empty() {
        diesel::copy_from(deal_titles::table).from_insertable(fresh).execute(conn)?;
    }
    if !renamed.is_empty() {
        diesel::insert_into(deal_titles::table)
            .values(renamed)
            .on_conflict((deal_titles::workspace_id, deal_titles::deal_id))
            .do_update()
            .set(deal_titles::title.eq(excluded(deal_titles::title)))
            .execute(conn)?;
    }
    Ok(())
}
