//! Rows of event logs, put together by case: a case's rows may stand anywhere in the file.

use diesel::{
    Connection, ExecuteCopyFromDsl, Insertable, RunQueryDsl,
    connection::SimpleConnection,
    sql_types::{Array, BigInt, Text},
};
use uuid::Uuid;

use crate::{
    Result, Statement, Tenant,
    core::{schema::import_rows, unit::raw},
};

/// Within a transaction: what is done with all rows of a file takes as long as the file is.
const UNHURRIED: &str = "SET LOCAL statement_timeout = 0";

#[derive(Insertable)]
#[diesel(table_name = import_rows, treat_none_as_default_value = false)]
struct Kept {
    workspace_id: Uuid,
    import_id: Uuid,
    case_id: String,
    line: i64,
    cells: Vec<String>,
}

/// Puts rows aside: case, line and cells.
pub(crate) fn keep(
    tenant: &mut Tenant<'_>,
    import_id: Uuid,
    rows: Vec<(String, u64, Vec<String>)>,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let workspace_id = tenant.workspace_id;
    let kept = |(case_id, line, cells)| {
        let line = i64::try_from(line).unwrap_or(i64::MAX);
        Kept { workspace_id, import_id, case_id, line, cells }
    };
    let rows: Vec<_> = rows.into_iter().map(kept).collect();
    diesel::copy_from(import_rows::table).from_insertable(rows).execute(tenant.conn)?;
    Ok(())
}

/// A row that was put aside.
#[derive(Debug, Clone, diesel::Queryable)]
pub struct Row {
    pub case_id: String,
    pub line: i64,
    pub cells: Vec<String>,
}

type Types = (Text, BigInt, Array<Text>);
const ROW: &str = "case_id, line, cells";

/// Rows of the cases after one, in order of the cases and of the file: about `count`, and whole cases.
pub fn after(
    tenant: &mut Tenant<'_>,
    import_id: Uuid,
    last_case: Option<&str>,
    count: usize,
) -> Result<Vec<Row>> {
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    let mut rows: Vec<Row> = tenant
        .rows(raw::<Types>(ROW), "import_rows")
        .sql(" AND import_id = ")
        .bind(import_id)
        .sql(" AND case_id > ")
        .bind(last_case.unwrap_or_default())
        .sql(" ORDER BY case_id, line LIMIT ")
        .bind(limit)
        .load(tenant.conn)?;
    if rows.len() < count {
        return Ok(rows);
    }
    // The last case may go on.
    let Some(last) = rows.last().map(|row| row.case_id.clone()) else { return Ok(rows) };
    rows.retain(|row| row.case_id != last);
    if rows.is_empty() {
        rows = tenant
            .rows(raw::<Types>(ROW), "import_rows")
            .sql(" AND import_id = ")
            .bind(import_id)
            .sql(" AND case_id = ")
            .bind(last)
            .sql(" ORDER BY line")
            .load(tenant.conn)?;
    }
    Ok(rows)
}

/// A case that has more rows than so many, if one has.
pub fn longer(tenant: &mut Tenant<'_>, import_id: Uuid, most: i64) -> Result<Option<String>> {
    let cases = tenant
        .rows(raw::<Text>("case_id"), "import_rows")
        .sql(" AND import_id = ")
        .bind(import_id)
        .sql(" GROUP BY case_id HAVING count(*) > ")
        .bind(most)
        .sql(" LIMIT 1");
    let cases: Vec<String> = tenant.conn.transaction(|conn| {
        conn.batch_execute(UNHURRIED)?;
        cases.load(conn)
    })?;
    Ok(cases.into_iter().next())
}

/// Deletes what an import has put aside.
pub(crate) fn forget(tenant: &mut Tenant<'_>, import_id: Uuid) -> Result<()> {
    tenant.conn.batch_execute(UNHURRIED)?;
    Statement::command("DELETE FROM import_rows WHERE workspace_id = ")
        .bind(tenant.workspace_id)
        .sql(" AND import_id = ")
        .bind(import_id)
        .execute(tenant.conn)?;
    Ok(())
}
