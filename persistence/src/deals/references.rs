//! What a deal refers to: names and ids as requests give them, and whether they are in use.

use diesel::{
    RunQueryDsl,
    sql_types::{Bool, Nullable, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::kernel::fault::Faults;

use crate::{Result, Statement, Unit, clients, core::unit::raw};

/// Names and ids of the people and things that a deal refers to, as a request gives them.
#[derive(Debug, Clone, Default)]
pub struct References {
    pub client_id: Option<Uuid>,
    pub owner_id: Option<Uuid>,
    pub source: Option<SourceName>,
}

/// A source by its id or its name.
#[derive(Debug, Clone)]
pub enum SourceName {
    Id(Uuid),
    Name(String),
}

pub(super) fn check(faults: &mut Faults, pointer: &str, what: &str, holds: bool) {
    if !holds {
        faults.add(pointer, "unknown_reference", format!("There is no such {what} in use."));
    }
}

pub(crate) fn source_pointer(source: Option<&SourceName>) -> &'static str {
    if matches!(source, Some(SourceName::Id(_))) { "/source_id" } else { "/source" }
}

pub(super) fn source_is<S>(statement: Statement<S>, source: Option<&SourceName>) -> Statement<S> {
    match source {
        Some(SourceName::Id(id)) => statement.sql("s.id = ").bind(*id),
        Some(SourceName::Name(name)) => {
            statement.sql("lower(s.name) = lower(").bind(name.as_str()).sql(")")
        }
        None => statement.sql("false"),
    }
}

pub(super) fn check_loss(
    unit: &mut Unit<'_>,
    reason: Option<Uuid>,
    competitor: Option<Uuid>,
) -> Result<()> {
    if reason.is_none() && competitor.is_none() {
        return Ok(());
    }
    let found: (bool, bool) = Statement::select(raw::<(Bool, Bool)>(
        "EXISTS (SELECT FROM loss_reasons WHERE NOT archived AND workspace_id = ",
    ))
    .bind(unit.tenant.workspace_id)
    .sql(" AND id = ")
    .bind(reason.unwrap_or_default())
    .sql("), EXISTS (SELECT FROM competitors WHERE NOT archived AND workspace_id = ")
    .bind(unit.tenant.workspace_id)
    .sql(" AND id = ")
    .bind(competitor.unwrap_or_default())
    .sql(")")
    .get_result(unit.tenant.conn)?;
    let mut faults = Faults::default();
    check(&mut faults, "/loss_reason_id", "loss reason", reason.is_none() || found.0);
    check(&mut faults, "/competitor_id", "competitor", competitor.is_none() || found.1);
    Ok(faults.into_result()?)
}

/// The ids of the client and the source, where they are named and all is well.
pub(super) fn check_references(
    unit: &mut Unit<'_>,
    references: &References,
) -> Result<(Option<Uuid>, Option<Uuid>)> {
    let References { client_id, owner_id, source } = references;
    if client_id.is_none() && owner_id.is_none() && source.is_none() {
        return Ok((None, None));
    }
    let workspace_id = unit.tenant.workspace_id;
    let statement = Statement::select(raw::<(Nullable<SqlUuid>, Bool, Nullable<SqlUuid>)>("("))
        .sql(format!("SELECT {}", clients::SURVIVOR))
        .bind(workspace_id)
        .sql(" AND c.id = ")
        .bind(client_id.unwrap_or_default())
        .sql(clients::KEEP_FROM_MERGING)
        .sql("), EXISTS (SELECT FROM users WHERE active AND workspace_id = ")
        .bind(workspace_id)
        .sql(" AND id = ")
        .bind(owner_id.unwrap_or_default())
        .sql("), (SELECT s.id FROM sources s WHERE NOT s.archived AND s.workspace_id = ")
        .bind(workspace_id)
        .sql(" AND ");
    let found: (Option<Uuid>, bool, Option<Uuid>) =
        source_is(statement, source.as_ref()).sql(")").get_result(unit.tenant.conn)?;
    let mut faults = Faults::default();
    check(&mut faults, "/client_id", "client", client_id.is_none() || found.0.is_some());
    check(&mut faults, "/owner_id", "user", owner_id.is_none() || found.1);
    let pointer = source_pointer(source.as_ref());
    check(&mut faults, pointer, "source", source.is_none() || found.2.is_some());
    faults.into_result()?;
    Ok((found.0, found.2))
}
