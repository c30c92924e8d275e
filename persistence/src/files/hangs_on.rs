//! What files hang on: who sees it, and who may change it.

use diesel::{OptionalExtension, RunQueryDsl, sql_types::BigInt};
use uuid::Uuid;
use voronka_domain::{Refusal, files::ObjectKind, people::access::Visibility};

use crate::{
    Caller, Error, Result, Statement, Unit, clients,
    core::{
        unit::raw,
        visibility::{activities_seen_by, owned_by},
    },
    deals,
    work::{activities, documents},
};

/// Adds to a statement over `files` those of the things that the caller sees, and has the right to read.
pub(super) fn seen_by<S>(statement: Statement<S>, caller: &Caller) -> Statement<S> {
    let mut statement = statement.sql(" AND (false");
    for kind in ObjectKind::ALL.into_iter().filter(|kind| caller.may(kind.read())) {
        statement = statement.sql(format!(" OR files.object_kind = '{kind}'"));
        statement = match kind {
            ObjectKind::Client => statement,
            ObjectKind::Deal => match &caller.visibility {
                Visibility::All => statement,
                visibility => {
                    owned_by(statement.sql(exists("deals")), visibility, "deals").sql(")")
                }
            },
            ObjectKind::Activity => match &caller.looks_after {
                Visibility::All => statement,
                _ => {
                    let of = statement.sql(exists("activities"));
                    activities_seen_by(of, caller.sight(), "activities").sql(")")
                }
            },
            ObjectKind::Document => match &caller.visibility {
                Visibility::All => statement,
                visibility => {
                    let of = statement.sql(exists("documents"));
                    documents::of_deals_seen(of, visibility, "documents").sql(")")
                }
            },
        };
    }
    statement.sql(")")
}

fn exists(table: &str) -> String {
    format!(
        " AND EXISTS (SELECT FROM {table} WHERE {table}.workspace_id = files.workspace_id \
         AND {table}.id = files.object_id"
    )
}

/// Holds what a file hangs on, for a caller who may change it; answers its id, which of a client that has become part
/// of another one is that one's.
pub(super) fn hold(unit: &mut Unit<'_>, kind: ObjectKind, id: Uuid) -> Result<Uuid> {
    if !unit.caller.may(kind.write()) {
        let detail = format!("The files of this need {}.", kind.write().scope());
        return Err(Refusal::conflict("forbidden", "", detail).into());
    }
    match kind {
        ObjectKind::Client => return clients::meant(unit, "/object/id", id),
        ObjectKind::Deal => {
            let visibility = unit.caller.visibility.clone();
            deals::lock_deal(unit, id, &visibility).map(|_| ())
        }
        ObjectKind::Activity => activities::hold(unit, id),
        ObjectKind::Document => documents::hold(unit, id, None).map(|_| ()),
    }?;
    Ok(id)
}

/// The files that a thing has, while it is held.
pub(super) fn count(unit: &mut Unit<'_>, id: Uuid) -> Result<i64> {
    let rows = unit.tenant.rows(raw::<BigInt>("count(*)"), "files");
    let rows = rows.sql(" AND files.object_id = ").bind(id);
    let count: Option<i64> = rows.get_result(unit.tenant.conn).optional()?;
    count.ok_or_else(|| Error::Internal("nothing was counted".to_owned()))
}
